"""Which photos lose a concept when the generator draws them, and whether that is the generator or the search.

A reconstruction that lacks a tree may mean that the generator cannot draw trees, or that the search did not find how.
So the same search runs on pictures the generator has drawn itself, for which a perfect answer exists: what they lose is
the optimiser's own error. And as photos are harder than a generator's own pictures in every respect, a concept must
also lose more than other concepts of similar area in the same photos do.

What is lost is counted near where it was: the share of the concept's area that is not drawn within a sixteenth of the
image's side of it. A thing drawn a little beside its place is a fault of the search; one that is not drawn is an
omission. A search that may change the activations of a middle layer ("ridge+r") can draw nearly anything there; one
that changes the latent alone stays with what the generator draws, and is what to judge it by.

Source: Bau et al., "Seeing What a GAN Cannot Generate", ICCV 2019, arXiv:1910.11626, which shows the reconstructions
without the control.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.coverage.judgement import FEWEST, SIMILAR, judged
from ganwidgets.coverage.sources import Data, Pictures, named_by, sides
from ganwidgets.coverage.statistics import real_number
from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.nn.areas import AreaCounts
from ganwidgets.nn.images import to_uint8
from ganwidgets.results.coverage import DATA, GENERATED, Coverage
from ganwidgets.results.omissions import OTHERS, SAME, Inverted, Omissions
from ganwidgets.segment.protocol import Segmenter, validate_segmentation

Reconstruct = Callable[[Tensor], Any]
"""Images → their reconstructions: a tensor, or something that holds one as `images`."""

NEAR = 1 / 16
"""Share of the image's shorter side within which a concept counts as being in its place."""

RARE = 0.1
"""A generator that shows a concept at most so often as the data do is taken not to draw it."""


def omitting(
    network: Generator,
    data: Any,
    segmenter: Segmenter | str,
    concept: str,
    *,
    reconstruct: Reconstruct,
    n: int = 24,
    least: float | int = 0.25,
    pool: int = 1000,
    batch: int = 12,
    margin: float | int = 0.4,
    known: Coverage | None = None,
    seed: int = 1,
    truncation: float | None = None,
    fit: str = "crop",
) -> Iterator[float | Omissions]:
    """How much of a concept photos lose when the generator draws them, beyond what its own pictures lose.

    Yields the share done after every batch, and last the result.

    Args:
        network: the generator.
        data: as for `coverage`.
        segmenter: as for `coverage`.
        concept: its name.
        reconstruct: the images that the generator makes of images.
        n: photos, and pictures of the control.
        least: area from which an image counts as showing a concept [percent]. Photos and pictures with less than a
            third of what such photos show in the median are left out, too.
        pool: images of either side that are looked through for it.
        batch: images that are searched for at once.
        margin: share of the concept's area that must be lost beyond the control, and beyond other concepts, for an
            omission; far above 0 by default, as a search that stops early loses some of what can be drawn.
        known: a coverage of the same generator, data and segmenter, which knows what its images show; pool, seed,
            truncation and fit are then its own.
        seed: of the latents, the choice of images and the intervals.
        truncation: of the latents.
        fit: how photos become the generator's shape.

    Raises:
        TypeError, ValueError: something that cannot be used; a concept nobody names, or that too few photos show.
    """
    n, batch = whole_number("n", n, 2), whole_number("batch", batch, 1)
    margin, least = checked_shares(margin, least)
    if known is not None:
        pool, seed, truncation, fit = chosen_by(known)
    photos, pictures = sides(network, data, segmenter, n=pool, seed=seed, truncation=truncation, fit=fit)
    names = tuple(pictures.segmenter.concepts)
    if concept not in names:
        raise ValueError(f"`concept` must be one the segmenter names, {list(names)}, got {concept!r}")
    column, pixels = names.index(concept), network.image_shape[1] * network.image_shape[2]
    enough = max(1, int(np.ceil(least * pixels / 100)))
    counts = {} if known is None else dict(_checked(known, photos, pictures).counts)
    for share, side, source in ((0.0, DATA, photos), (0.1, GENERATED, pictures)):
        if known is not None:
            break
        for done in _counting(source, names, pixels, batch=32):
            counts[side] = done
            yield share + 0.1 * len(done) / len(source)
    chosen, kind = _chosen(counts, column, enough, n, seed, concept)
    found: dict[str, list] = {DATA: [], GENERATED: []}
    todo = [(side, chosen[side][i : i + batch]) for side in chosen for i in range(0, len(chosen[side]), batch)]
    for i, (side, numbers) in enumerate(todo):
        for done in _inverting(photos if side == DATA else pictures, numbers, reconstruct):
            if isinstance(done, Inverted):
                found[side].append(done)
            yield min(1.0, 0.2 + 0.8 * (i + (1 if isinstance(done, Inverted) else done)) / len(todo))
    settings = {"n": n, "least": least, "pool": pool, "seed": seed, "truncation": truncation, "fit": photos.fit}
    about = {"network": network.name, "data": photos.name, "segmenter": pictures.segmenter.name}
    about |= {"concepts": names, "categories": tuple(pictures.segmenter.categories), "settings": settings}
    yield judged(concept, _joined(found[DATA]), _joined(found[GENERATED]), kind, enough, about, margin, seed)


def _counting(source: Data | Pictures, names: tuple[str, ...], pixels: int, batch: int) -> Iterator[AreaCounts]:
    counts = AreaCounts(len(names), len(source.segmenter.slots), pixels)
    for first in range(0, len(source), batch):
        numbers = range(first, min(first + batch, len(source)))
        counts.add(source.batch(numbers)[1], numbers)
        yield counts


def _checked(known: Coverage, photos: Data, pictures: Pictures) -> Coverage:
    """The coverage itself, once it is known to be of these images."""
    segmenter = pictures.segmenter
    same = known.fingerprint == pictures.network.fingerprint and named_by(known, segmenter)
    same = same and known.concepts == tuple(segmenter.concepts)
    if not same or known.data_fingerprint != photos.fingerprint():  # last, as it reads every file
        raise ValueError(
            "`known` must be a coverage of the same generator, data and segmenter; leave it out to look through the "
            "images again"
        )
    return known


def _chosen(
    counts: dict[str, AreaCounts], column: int, enough: int, n: int, seed: int, concept: str
) -> tuple[dict[str, list[int]], str]:
    """Numbers of photos that show the concept, and of pictures that do; or of any pictures, where too few do."""
    area = {side: each.counts[:, column] for side, each in counts.items()}
    shown = area[DATA][area[DATA] >= enough]
    # A generator that draws none may still have smears that the segmenter takes for it: they are no control. What is
    # small is lost more easily, so photos are chosen from the same size on.
    bound = max(enough, float(np.median(shown)) / SIMILAR) if len(shown) else enough
    showing = {side: counts[side].numbers[each >= bound] for side, each in area.items()}
    if len(showing[DATA]) < 2:
        raise ValueError(
            f"`concept` {concept!r} must be shown by at least 2 photos, but {len(showing[DATA])} of "
            f"{len(counts[DATA]):,} show it; look through more (`pool`), or take a lower `least`"
        )
    often = len(showing[GENERATED]) / len(counts[GENERATED]) > RARE * (area[DATA] >= bound).mean()
    kind = SAME if often and len(showing[GENERATED]) >= min(FEWEST, n) else OTHERS
    if kind == OTHERS:
        showing[GENERATED] = counts[GENERATED].numbers
    random = np.random.RandomState(seed)
    return {side: sorted(random.permutation(each)[:n].tolist()) for side, each in showing.items()}, kind


def _inverting(source: Data | Pictures, numbers: list[int], reconstruct: Reconstruct) -> Iterator[float | Inverted]:
    """Search for these images; yields the share done after every image that is compared, so that a stop acts there."""
    images, segs = source.batch(numbers)
    drawn, after = _drawn(source, images, reconstruct)
    areas = []
    for i, (seg, drawn_seg) in enumerate(zip(segs.cpu(), after.cpu(), strict=True), 1):
        areas.append(_areas(seg, drawn_seg, len(source.segmenter.concepts)))
        yield i / (len(segs) + 1)
    before, after_areas, kept = np.stack(areas, 1)
    error = ((drawn - images) / 2).square().flatten(1).mean(1).clamp(min=1e-10)
    yield Inverted(
        numbers=np.asarray(numbers),
        images=to_uint8(images),
        reconstructions=to_uint8(drawn),
        segs=segs.cpu().numpy(),
        reconstructed_segs=after.cpu().numpy(),
        before=before,
        after=after_areas,
        kept=kept,
        psnr=(-10 * error.log10()).cpu().numpy(),
    )


def _drawn(source: Data | Pictures, images: Tensor, reconstruct: Reconstruct) -> tuple[Tensor, Tensor]:
    """What the generator makes of images, and its segmentation."""
    with torch.enable_grad():
        answer = reconstruct(images)
    drawn = images_of(answer).detach().to(images)
    if drawn.shape != images.shape or not bool(drawn.isfinite().all()):
        raise ValueError(
            f"`reconstruct` must give finite images of shape {tuple(images.shape)}, got {tuple(drawn.shape)}"
        )
    drawn = drawn.clamp(-1, 1)
    with torch.no_grad():
        return drawn, validate_segmentation(source.segmenter(drawn), drawn, source.segmenter)


def images_of(answer: Any) -> Tensor:
    """The images that a search gave, as such or as `images` of something.

    Raises:
        TypeError: it gave something else.
    """
    drawn = answer if isinstance(answer, Tensor) else getattr(answer, "images", None)
    if not isinstance(drawn, Tensor):
        raise TypeError(
            f"`reconstruct` must give images as a tensor, or something that holds one as `images`, got "
            f"{type(answer).__name__}"
        )
    return drawn


def chosen_by(known: Any) -> tuple[int, int, float | None, str]:
    """How many images a comparison looked through, and by which seed, truncation and fit.

    Raises:
        TypeError: not a comparison.
    """
    if not isinstance(known, Coverage):
        raise TypeError(f"`known` must be a Coverage, got {type(known).__name__}; gw.coverage.load opens a file")
    return tuple(known.options[name] for name in ("n", "seed", "truncation", "fit"))


def checked_shares(margin: Any, least: Any) -> tuple[float, float]:
    """Margin and least area, known to be usable before anything is counted.

    Raises:
        TypeError, ValueError: they are not.
    """
    margin, least = real_number("margin", margin), real_number("least", least)
    if not 0 <= margin < 1:
        raise ValueError(f"`margin` must lie in [0, 1), the share lost beyond the control, got {margin}")
    if not 0 <= least <= 100:
        raise ValueError(f"`least` must lie in 0 to 100, percent of an image, got {least}")
    return margin, least


def _areas(seg: Tensor, drawn: Tensor, n_concepts: int) -> np.ndarray:
    """Pixels of each concept in one picture, in its reconstruction, and there in their place: (three concept)."""
    reach = max(1, round(NEAR * min(seg.shape[-2:])))
    found = np.zeros((3, n_concepts), np.int64)
    for number in set(seg.unique().tolist() + drawn.unique().tolist()) - {0}:  # of hundreds a few occur
        mask, other = (seg == number).any(0), (drawn == number).any(0)
        near = other & _spread(_spread(mask, reach, 0), reach, 1)
        counts = [int(each.sum()) for each in (mask, other, near)]
        found[:, number - 1] = [*counts[:2], min(counts[2], counts[0])]
    return found


def _spread(mask: Tensor, reach: int, axis: int) -> Tensor:
    """Whether any pixel within `reach` along an axis is set: windows that double in width."""
    found = F.pad(mask, (0, 0, reach, reach) if axis == 0 else (reach, reach))
    width, wanted = 1, 2 * reach + 1
    while width < wanted:
        step = min(width, wanted - width)
        left = found.shape[axis] - step
        found = found.narrow(axis, 0, left) | found.narrow(axis, step, left)
        width += step
    return found


def _joined(parts: list[Inverted]) -> Inverted:
    names = Inverted.__dataclass_fields__
    return Inverted(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
