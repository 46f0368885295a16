"""Did the rule change as meant, and what else changed? Counted on pictures that nobody chose.

An edit is made from a few examples. Whether it is a rule shows on latents it has not seen: `report` draws the same
latents with the network before and after, names their pixels, and counts. Where the source concept was, did it become
the target? Outside of that, what changed: pixels, concepts, features? The same is asked of pictures in which there was
nothing to change.

Several methods go into one table, so that a number has something to be compared with: the edit, an edit of full rank,
all weights tuned. Two rows are always of use: the network itself (what the measure gives where nothing happens) and
`random_edit`, the same change of the weight along random keys.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.models.layers import did_you_mean
from ganwidgets.nn.features import Features, RandomFeatures
from ganwidgets.nn.regions import as_region, resize
from ganwidgets.results.history import new_uid
from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.report_counts import Counting, joined
from ganwidgets.rewrite.report_result import RewriteReport
from ganwidgets.segment import Segmenter

VISIBLE = 8 / 127.5  # a pixel counts as changed when a channel moves by more than 8 of 255 levels
LEAST = 16  # pixels of the source in a picture that has it
ENOUGH = 0.5  # share of a picture's source pixels that must have changed as meant
MARGIN = 16  # the margin around the source is a 16th of the picture's shorter side
BATCH = 32  # images

Progress = Callable[[float], Any]


def report(
    before: Generator,
    after: Generator | Mapping[str, Generator],
    segmenter: Segmenter,
    z: Float[Tensor, "image *latent"],
    *,
    source: str,
    target: str | None = None,
    region: Any = None,
    least: int = LEAST,
    enough: float | int = ENOUGH,
    margin: int | None = None,
    visible: float | int = VISIBLE,
    features: Features | None = None,
    seed: int = 0,
    batch: int = BATCH,
    progress: Progress = lambda fraction: None,
) -> RewriteReport:
    """What became of a concept, and what else changed.

    Args:
        before: the network as it was.
        after: the network with the edit; or several, by the name of what was done.
        segmenter: names the pixels.
        z: latents the edit was not made from; `network.sample_z(n, seed)` with another seed.
        source: concept that was to change.
        target: what it was to become; None: anything else.
        region: the only places where the source was meant, (height width) in [0, 1]; None is everywhere.
        least: source pixels from which a picture counts.
        enough: share of a picture's source pixels that must have changed as meant for a success.
        margin: [pixels] around the source that belong to it, as the target may be larger; None is a 16th of the
            picture's shorter side.
        visible: change of a channel, in [-1, 1], above which a pixel counts as changed; 8 of 255 levels as in painting.
        features: turns images into rows, to measure distances; None takes `RandomFeatures`, which need no download.
        seed: of the bootstrap.
        batch: images drawn at once.
        progress: called with the share done, after every batch; what it raises stops the report.

    Raises:
        ValueError: an unknown concept, a target that is the source, a network with images of another shape, no latents
            or methods, an empty region, or numbers outside their range.
    """
    methods = _methods(before, after)
    numbers = concept_numbers(segmenter, source, target)
    least, batch = whole_number("least", least, 1), whole_number("batch", batch, 1)
    margin = margin_of(before, margin)
    if not 0 < enough <= 1:
        raise ValueError(f"`enough` must be a share above 0 and at most 1, got {enough}")
    if not 0 <= visible < 2:
        raise ValueError(f"`visible` must be a difference in [0, 2), got {visible}: images lie in [-1, 1]")
    if not len(z):
        raise ValueError("`z` must hold at least one latent, got none; network.sample_z(n, seed) draws n")
    where = _counted(region, before.image_shape[1:])
    features = RandomFeatures(before.image_shape[0]) if features is None else features
    counting = Counting(segmenter, numbers, where, margin, visible, features)
    found = []
    for start in range(0, len(z), batch):
        here = z[start : start + batch]

        def told(share: float, start: int = start, size: int = len(here)) -> None:
            progress((start + share * size) / len(z))

        found.append(counting.of(before, list(methods.values()), here, told))
    counts = joined(found, least)
    return RewriteReport(
        methods=tuple(methods),
        source=source,
        target=target,
        concepts=tuple(segmenter.concepts),
        least=least,
        enough=float(enough),
        margin=margin,
        visible=float(visible),
        seed=whole_number("seed", seed, 0),
        **counts,
    )


def random_edit(edit: LowRankEdit, seed: int = 0) -> LowRankEdit:
    """The same change of a weight along random directions of the key: what an edit of this size does by chance.

    Λ stays, and so does the size of ΔW. Several edits have their twins together, by `random_edits`.

    Args:
        edit: whose twin is wanted.
        seed: of the directions.
    """
    return random_edits([edit], seed)[0]


def random_edits(edits: Iterable[LowRankEdit], seed: int = 0) -> tuple[LowRankEdit, ...]:
    """The same changes of weights along random directions of the keys.

    The directions of all edits of one weight are turned together: what two of them share their twins share, too, so
    that their sum has the size that it has.

    Args:
        edits: whose twins are wanted.
        seed: of the directions.
    """
    edits, seed, found = tuple(edits), whole_number("seed", seed, 0), {}
    for number, weight in enumerate(dict.fromkeys(edit.weight for edit in edits)):
        group = [edit for edit in edits if edit.weight == weight]
        turned = _turned(torch.cat([edit.context.double() for edit in group]), seed + number)
        parts = turned.split([edit.rank for edit in group])
        found |= {edit: _twin(edit, part, seed) for edit, part in zip(group, parts, strict=True)}
    return tuple(found[edit] for edit in edits)


def _twin(edit: LowRankEdit, context: Tensor, seed: int) -> LowRankEdit:
    about = {"name": f"random, as {edit.name}", "details": {"random directions": seed, "of": edit.name}}
    return replace(edit, context=context.to(edit.context.dtype), **about, uid=new_uid())


def _turned(rows: Float[Tensor, "row key_dim"], seed: int) -> Float[Tensor, "row key_dim"]:
    """Rows of the same lengths and angles in random directions."""
    _, steps = np.linalg.qr(rows.T.numpy())  # rows = stepsᵀ times orthonormal directions
    signs = np.where(np.diag(steps) < 0, -1.0, 1.0)
    drawn = np.random.RandomState(seed).standard_normal((rows.shape[1], len(steps)))
    directions = np.linalg.qr(drawn)[0]
    return torch.from_numpy((signs[:, None] * steps).T @ directions.T)


def concept_numbers(segmenter: Segmenter, source: str, target: str | None) -> tuple[int, int | None]:
    """The numbers that source and target have in a segmentation; None for no target.

    Raises:
        ValueError: an unknown concept, or a target that is the source.
    """
    names = tuple(segmenter.concepts)
    for argument, concept in (("source", source), ("target", target)):
        if concept not in names and (argument, concept) != ("target", None):
            near = did_you_mean(str(concept), names)
            raise ValueError(f"`{argument}` must be one of {list(names)}, got {concept!r}.{near}")
    if source == target:
        raise ValueError(f"`target` must be another concept than `source`, got {source!r} for both")
    return names.index(source) + 1, None if target is None else names.index(target) + 1


def margin_of(network: Generator, margin: int | None) -> int:
    """How many pixels around a source belong to it: as told, or a 16th of the picture's shorter side."""
    return min(network.image_shape[1:]) // MARGIN if margin is None else whole_number("margin", margin, 0)


def _methods(before: Generator, after: Generator | Mapping[str, Generator]) -> dict[str, Generator]:
    methods = dict(after) if isinstance(after, Mapping) else {"edit": after}
    if not methods:
        raise ValueError("`after` must hold at least one network, got none")
    for name, network in methods.items():
        if not isinstance(network, Generator):
            raise TypeError(f"`after` must be a generator, or several by name, got {type(network).__name__} ({name!r})")
        if network.image_shape != before.image_shape or network.z_shape != before.z_shape:
            raise ValueError(
                f"`after` must draw what `before` draws, images {before.image_shape} from latents {before.z_shape}; "
                f"{name!r} draws {network.image_shape} from {network.z_shape}"
            )
    return methods


def _counted(region: Any, size: tuple[int, int]) -> Bool[Tensor, "height width"] | None:
    """Pixels of which at least half lies in the region; None is all."""
    if region is None:
        return None
    counted = resize(as_region(region), tuple(size)) >= 0.5
    if not counted.any():
        raise ValueError("`region` must cover at least half of one pixel of the image, but it covers none")
    return counted
