"""Segmenters: what names the pixels, so that units can be named after what they light up on.

`load("scenes")` gives the bundled one; `load(object)` checks one of your own. `protocol.py` says what a segmenter
must be able to do, `FixedSegmentation` serves masks that already exist.
"""

import difflib

from ganwidgets.segment.fixed import FixedSegmentation
from ganwidgets.segment.protocol import Segmenter, check_segmenter_attributes, validate_segmentation
from ganwidgets.segment.scenes import SceneSegmenter

__all__ = ["FixedSegmentation", "SceneSegmenter", "Segmenter", "load", "names", "validate_segmentation"]

_NAMED = {"scenes": SceneSegmenter}


def names() -> tuple[str, ...]:
    """Names that `load` understands."""
    return tuple(_NAMED)


def load(source: str | object) -> Segmenter:
    """A segmenter by name, or the given object once it has been checked.

    Raises:
        ValueError: no segmenter has this name.
        TypeError: the object lacks something a segmenter needs.
    """
    if isinstance(source, str):
        if source in _NAMED:
            return _NAMED[source]()
        near = difflib.get_close_matches(source, _NAMED, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "An object with the segmenter protocol works too"
        raise ValueError(f"`source` must be one of {list(_NAMED)} or a segmenter, got {source!r}. {hint}")
    check_segmenter_attributes(source)
    return source
