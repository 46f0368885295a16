"""Is this file what it claims to be? Every part of a saved dissection is checked before anything is made of it.

Files come from elsewhere: a part that is missing, of another kind or of another size is one sentence on loading, not a
crash much later while drawing. Each check raises `ValueError` or `KeyError` with the part at fault.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

_FLOAT, _WHOLE, _BYTE, _BOOL = "f", "iu", "u", "b"
"""Kinds of numpy dtypes."""

_LAYER = {
    "iou": (_FLOAT, "unit concept"),
    "iqr": (_FLOAT, "unit concept"),
    "threshold": (_FLOAT, "unit"),
    "area": (_FLOAT, "unit"),
    "concept": (_WHOLE, "unit"),
    "label_iou": (_FLOAT, "unit"),
    "interval": (_FLOAT, "unit two"),
    "iou_chance": (_FLOAT, "unit"),
    "above_chance": (_BOOL, "unit"),
    "labelled": (_BOOL, "unit"),
    "status": (_BYTE, "unit"),
    "labelled_units": (_WHOLE, "concept"),
    "chance_units": (_FLOAT, "concept"),
    "concept_area": (_FLOAT, "concept"),
    "pictures/top_index": (_WHOLE, "unit top"),
    "pictures/top_value": (_FLOAT, "unit top"),
    "pictures/top_maps": (_FLOAT, "unit top height width"),
    "pictures/counter_index": (_WHOLE, "unit counter"),
    "pictures/counter_value": (_FLOAT, "unit counter"),
    "pictures/counter_maps": (_FLOAT, "unit counter height width"),
}
_OPTIONAL = {"iqr"}
_THUMBNAILS = {
    "index": (_WHOLE, "image"),
    "images": (_BYTE, "image height width rgb"),
    "segs": (_WHOLE, "image slot height width"),
}


def about_fits(about: Mapping[str, Any]) -> None:
    """Check the names, the options and the list of layers."""
    for name in ("network", "fingerprint", "segmenter"):
        _require(isinstance(about[name], str), name, "text", about[name])
    for name in ("concepts", "categories", "slots", "notes"):
        texts = isinstance(about[name], list) and all(isinstance(text, str) for text in about[name])
        _require(texts, name, "a list of texts", about[name])
    concepts, categories = about["concepts"], about["categories"]
    _require(len(concepts) > 0, "concepts", "at least one", concepts)
    _require(len(categories) == len(concepts), "categories", f"{len(concepts)}, one a concept", categories)
    _require(_is_whole(about["n"], 1), "n", "a number of images", about["n"])
    options = about["options"]
    _require(isinstance(options, dict), "options", "settings by name", options)
    for name, least in (("n", 1), ("seed", 0)):
        _require(_is_whole(options[name], least), f"options.{name}", "a whole number", options[name])
    _require(isinstance(options["rule"], str), "options.rule", "text", options["rule"])
    padding = options.get("padding", "clamp")
    _require(padding in ("clamp", "zeros"), "options.padding", "'clamp' or 'zeros'", padding)
    layers = about["layers"]
    _require(isinstance(layers, list) and len(layers) > 0, "layers", "a list of layers", layers)
    for layer in layers:
        _require(isinstance(layer, dict) and isinstance(layer["name"], str), "layers", "named layers", layer)
        shape = layer["shape"]
        fits = isinstance(shape, list) and len(shape) == 3 and all(_is_whole(size, 1) for size in shape)
        _require(fits, "shape", "a unit, height and width", shape)
    names = [layer["name"] for layer in layers]
    _require(len(set(names)) == len(names), "layers", "layers of different names", names)


def thumbnails_fit(thumbnails: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
    """Check the thumbnails: their sizes, their order, and that segmentations hold known concepts."""
    _arrays_fit(thumbnails, _THUMBNAILS, {"rgb": 3, "slot": len(about["slots"])})
    index, segs, most = thumbnails["index"], thumbnails["segs"], len(about["concepts"])
    _require(bool((np.diff(index) > 0).all()), "index", "numbers of images in ascending order", index)
    _require(bool(((segs >= 0) & (segs <= most)).all()), "segs", f"numbers from 0 to {most}", segs)


def layer_fits(
    arrays: Mapping[str, np.ndarray], layer: Mapping[str, Any], about: Mapping[str, Any], images: np.ndarray
) -> None:
    """Check a layer's arrays: their sizes, and that concepts, states and images exist."""
    concepts = len(about["concepts"])
    _arrays_fit(arrays, _LAYER, {"unit": layer["shape"][0], "concept": concepts, "two": 2})
    concept, status = arrays["concept"], arrays["status"]
    _require(bool(((concept >= -1) & (concept < concepts)).all()), "concept", "numbers of concepts, or -1", concept)
    _require(bool((status <= 2).all()), "status", "0, 1 or 2", status)
    for name in ("pictures/top_index", "pictures/counter_index"):
        shown = arrays[name][arrays[name] >= 0]
        _require(bool(np.isin(shown, images).all()), name, "images that have a thumbnail, or -1", arrays[name])


def _arrays_fit(arrays: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[str, str]], sizes: dict[str, int]) -> None:
    unknown = sorted(set(arrays) - set(wanted))
    _require(not unknown, "the file", f"no other parts than {sorted(wanted)}", unknown)
    for name, (kinds, axes) in wanted.items():
        if name in _OPTIONAL and name not in arrays:
            continue
        array, names = arrays[name], axes.split()
        fits = array.ndim == len(names) and array.dtype.kind in kinds and array.size > 0
        # An axis that occurs for the first time has any size; from then on it has that one.
        fits = fits and all(sizes.setdefault(a, size) == size for a, size in zip(names, array.shape, strict=True))
        shape = tuple(sizes.get(a, a) for a in names)
        _require(fits, name, f"{' '.join(names)} {shape} of kind {kinds!r}", f"{array.shape} {array.dtype}")


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _require(fits: bool, name: str, wanted: str, found: object) -> None:
    if not fits:
        shown = repr(found)
        raise ValueError(f"`{name}` must be {wanted}, got {shown if len(shown) <= 80 else shown[:80] + '…'}")
