"""From the image processor of a Hugging Face directory to a `Preparation`, without PIL."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganwidgets.segment.hub import first_line, quiet
from ganwidgets.segment.preparation import Preparation

_RESAMPLES = {0: "nearest", 1: "bicubic", 2: "bilinear", 3: "bicubic"}  # PIL's numbers; Lanczos is nearest to bicubic


def preparation_of(directory: Path) -> Preparation:
    """What the directory's image processor does to an image, for tensors in [-1, 1].

    The whole image is always seen: a processor that crops the middle is followed up to the crop, and one that pads to a
    square is replaced by squashing to it.

    Raises:
        FileNotFoundError: no processor configuration.
        ValueError: one that cannot be followed.
    """
    if not any((directory / name).is_file() for name in ("preprocessor_config.json", "processor_config.json")):
        raise FileNotFoundError(
            f"{directory.name} must hold a preprocessor_config.json, which says how images are normalised; without one "
            "give preparation=gw.segment.Preparation(mean=…, std=…, size=…)"
        )
    from transformers import AutoImageProcessor

    try:
        with quiet():
            steps = AutoImageProcessor.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # an unknown processor, or one with code of its own
        raise ValueError(
            f"{directory.name} has an image processor that cannot be read ({first_line(error)}); give "
            "preparation=gw.segment.Preparation(mean=…, std=…, size=…)"
        ) from error
    return _as_preparation(steps)


def _as_preparation(steps: Any) -> Preparation:
    scale = 255 * (steps.rescale_factor if _on(steps, "do_rescale") else 1)
    mean, std = (steps.image_mean, steps.image_std) if _on(steps, "do_normalize") else ((0,) * 3, (1,) * 3)
    number = getattr(steps, "resample", None)
    size, longest = _size_of(steps.size) if _on(steps, "do_resize") else (None, None)
    return Preparation(
        tuple(float(value) / scale for value in mean),
        tuple(float(value) / scale for value in std),
        size,
        longest,
        max(1, int(getattr(steps, "size_divisor", None) or 1)),
        _RESAMPLES.get(2 if number is None else int(number), "bilinear"),
        _on(steps, "do_flip_channel_order"),
    )


def _on(steps: Any, name: str) -> bool:
    return bool(getattr(steps, name, False))


def _size_of(size: Any) -> tuple[tuple[int, int] | int | None, int | None]:
    """(size, longest side) of a processor's size, which may be given in several ways."""
    given = size if isinstance(size, Mapping) else {k: getattr(size, k, None) for k in dir(size) if k[0] != "_"}
    if given.get("height") and given.get("width"):
        return (int(given["height"]), int(given["width"])), None
    short, long = given.get("shortest_edge"), given.get("longest_edge")
    if short and long and int(short) == int(long):
        return (int(short), int(short)), None
    if short:
        return int(short), int(long) if long else None
    raise ValueError(f"the image processor's size must say height and width or a shortest edge, got {size}")
