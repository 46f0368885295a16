"""One file for one `Coverage`: everything it says, and the pixels of every image it says it from."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganwidgets.nn.areas import AreaCounts
from ganwidgets.results.coverage import Coverage
from ganwidgets.results.coverage_checks import about_fits, distance_fits, numbers_fit
from ganwidgets.results.files import read_parts, write_parts
from ganwidgets.results.fsd import FSD

FORMAT, VERSION = "ganwidgets coverage", 1
_ARRAYS = {
    "area": 1,
    "generated_area": 1,
    "area_interval": 2,
    "generated_interval": 2,
    "presence": 1,
    "generated_presence": 1,
    "ratio": 1,
    "ratio_interval": 2,
    "family_interval": 2,
    "difference": 1,
    "effect": 1,
    "p": 1,
}
"""Parts with a row for each concept, and their number of axes."""


def save(coverage: Coverage, path: Path) -> Path:
    """Write a coverage; see `Coverage.save`."""
    tensors = {name: getattr(coverage, name) for name in _ARRAYS}
    for side, counted in coverage.counts.items():
        tensors |= {f"counts/{side}/{key}": part.numpy() for key, part in counted.state().items()}
    about = {part.name: getattr(coverage, part.name) for part in fields(coverage) if part.name not in tensors}
    about = {name: value for name, value in about.items() if name not in ("counts", "fsd")}
    if coverage.fsd is not None:
        tensors["fsd/contributions"] = coverage.fsd.contributions
        told = {key: value for key, value in asdict(coverage.fsd).items() if key != "contributions"}
        about["fsd"] = told | {"bias": list(told["bias"].items())}
    return write_parts(path, FORMAT, VERSION, {k: _plain(v) for k, v in about.items()}, tensors)


def load(path: str | Path) -> Coverage:
    """A coverage that was saved.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is truncated, damaged, something else, or of another version.
    """
    path = Path(path)
    about, tensors = read_parts(path, FORMAT, VERSION, "a saved coverage", "measure it again")
    try:
        return _coverage(about, tensors)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else f"is damaged: {error}"
        raise ValueError(f"`path` must be a saved coverage, but {path.name} {reason}") from error


def _coverage(about: dict[str, Any], tensors: dict[str, np.ndarray]) -> Coverage:
    names = [part.name for part in fields(Coverage) if part.name not in (*_ARRAYS, "counts", "fsd")]
    about = {"segmenter_fingerprint": ""} | about  # absent from older files
    about_fits(about)
    plain = {name: tuple(about[name]) if isinstance(about[name], list) else about[name] for name in names}
    concepts = len(plain["concepts"])
    for name, axes in _ARRAYS.items():
        shape = (concepts, 2)[:axes]
        if tensors[name].shape != shape or tensors[name].dtype.kind != "f":
            raise ValueError(f"`{name}` must be numbers of shape {shape}, got {tensors[name].shape}")
    numbers_fit(tensors)
    counts = {side: _counts(side, tensors, concepts) for side in ("data", "generated")}
    return Coverage(
        **plain, **{name: tensors[name] for name in _ARRAYS}, counts=counts, fsd=_fsd(about, tensors, concepts)
    )


def _counts(side: str, tensors: dict[str, np.ndarray], concepts: int) -> AreaCounts:
    state = {key: torch.from_numpy(tensors[f"counts/{side}/{key}"]) for key in ("numbers", "counts", "slots", "pixels")}
    found = AreaCounts.from_state(state)
    if found.n_concepts != concepts or len(found) < 2 or int(state["counts"].min()) < 0 or found.pixels < 1:
        raise ValueError(f"`counts` of {side!r} must hold pixels of {concepts} concepts in at least 2 images")
    return found


def _fsd(about: dict[str, Any], tensors: dict[str, np.ndarray], concepts: int) -> FSD | None:
    if "fsd" not in about:
        return None
    distance_fits(about["fsd"], about["concepts"])
    told = {key: tuple(value) if isinstance(value, list) else value for key, value in about["fsd"].items()}
    contributions = tensors["fsd/contributions"]
    if contributions.shape != (concepts, 2) or not np.isfinite(contributions).all():
        raise ValueError(
            f"`contributions` must be of shape {(concepts, 2)}, finite numbers, got shape {contributions.shape}"
        )
    bias = {int(n): float(distance) for n, distance in told.pop("bias")}
    return FSD(**told, bias=bias, contributions=contributions)


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else value
