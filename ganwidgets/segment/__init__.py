"""Segmenters: what names the pixels, so that units can be named after what they light up on.

`load("scenes")` gives the bundled one, `load("hf:DIRECTORY")` a Hugging Face model, `load(object)` checks one of your
own. `protocol.py` says what a segmenter must be able to do, `TorchSegmenter` makes one of any network that scores
pixels, `FixedSegmentation` serves masks that already exist.

`LabelledImages` are images whose pixels are named already, which is what a classifier is dissected with: arrays, a
folder of photos and masks, torch data sets, the Broden layout, photos with a segmenter, drawn and composed scenes.
"""

import difflib
from typing import Any

from ganwidgets.segment.broden import Broden
from ganwidgets.segment.colours import WithColours
from ganwidgets.segment.composed import PastedScenes
from ganwidgets.segment.edgetpu import EdgeTPUSegmenter
from ganwidgets.segment.fixed import FixedSegmentation
from ganwidgets.segment.labelled import LabelledArrays, LabelledImages
from ganwidgets.segment.labelled_dataset import LabelledDataset
from ganwidgets.segment.labelled_folder import LabelledFolder
from ganwidgets.segment.labelled_photos import SegmentedPhotos
from ganwidgets.segment.labelled_scenes import DrawnScenes
from ganwidgets.segment.labels import LabelSet, label_set, label_sets
from ganwidgets.segment.network import TorchSegmenter
from ganwidgets.segment.open_vocabulary import OpenVocabularySegmenter
from ganwidgets.segment.preparation import Preparation
from ganwidgets.segment.protocol import Segmenter, check_segmenter_attributes, validate_segmentation
from ganwidgets.segment.scenes import SceneSegmenter
from ganwidgets.segment.torchvision import TorchvisionSegmenter
from ganwidgets.segment.transformers import HuggingFaceSegmenter

__all__ = [
    "Broden",
    "DrawnScenes",
    "EdgeTPUSegmenter",
    "FixedSegmentation",
    "HuggingFaceSegmenter",
    "LabelSet",
    "LabelledArrays",
    "LabelledDataset",
    "LabelledFolder",
    "LabelledImages",
    "OpenVocabularySegmenter",
    "PastedScenes",
    "Preparation",
    "SceneSegmenter",
    "SegmentedPhotos",
    "Segmenter",
    "TorchSegmenter",
    "TorchvisionSegmenter",
    "WithColours",
    "label_set",
    "label_sets",
    "load",
    "names",
    "validate_segmentation",
]

_NAMED = {"scenes": SceneSegmenter}
_FAMILIES = {
    "hf": HuggingFaceSegmenter,
    "hf words": OpenVocabularySegmenter,
    "torchvision": TorchvisionSegmenter,
    "edgetpu": EdgeTPUSegmenter,
}


def names() -> tuple[str, ...]:
    """Names that `load` understands."""
    return tuple(_NAMED)


def load(source: str | object, **options: Any) -> Segmenter:
    """A segmenter by name, or the given object once it has been checked.

    Args:
        source: "scenes", the bundled one; "hf:" and a directory or a Hugging Face name; "torchvision:" and the name of
            a network, with `weights=`; "edgetpu:" and a weights file of a DeepLab on a MobileNetEdgeTPU; or an object
            with the segmenter protocol.
        options: those of `HuggingFaceSegmenter`, of `OpenVocabularySegmenter` when `words` is among them, or of
            `TorchvisionSegmenter`, or of `EdgeTPUSegmenter`.

    Raises:
        ValueError, FileNotFoundError, ImportError: no such segmenter, or one that cannot be loaded.
        TypeError: the object lacks something a segmenter needs, or an option that does not exist.
    """
    kind, colon, rest = source.partition(":") if isinstance(source, str) else ("", "", "")
    if colon and kind in _FAMILIES:
        made = _FAMILIES["hf words" if kind == "hf" and "words" in options else kind](rest, **options)
        made.source = "" if options else source
        return made
    if options:
        raise TypeError(
            f"options are for 'hf:…', 'torchvision:…' and 'edgetpu:…', got {sorted(options)} for {source!r}"
        )
    if isinstance(source, str):
        if source in _NAMED:
            return _NAMED[source]()
        near = difflib.get_close_matches(source, _NAMED, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "An object with the segmenter protocol works too"
        raise ValueError(
            f"`source` must be one of {list(_NAMED)}, 'hf:' and a directory or name, 'torchvision:' and a name, "
            f"'edgetpu:' and a file, or a segmenter, got {source!r}. {hint}"
        )
    check_segmenter_attributes(source)
    return source
