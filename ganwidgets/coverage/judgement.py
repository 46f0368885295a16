"""From photos and pictures that were searched for to the question whether a concept is an omission.

Losses are averaged over images and compared twice: with what the generator's own pictures lose, and with what is lost
of other concepts of similar area in the same images. Images of both sets are drawn again for the intervals.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ganwidgets.results.omissions import OTHERS, SAME, Inverted, Omissions

FEWEST = 8
"""Photos, photos with another concept of similar area, and pictures of the control that say what a search loses, below
which nothing is called an omission: the bootstrap of a few has hardly a width. So many of a generator's pictures must
show a concept to be its control.
"""

SIMILAR = 3.0
"""Areas within this factor are similar."""

RESAMPLES = 2000


def judged(
    concept: str,
    photos: Inverted,
    control: Inverted,
    kind: str,
    enough: int,
    about: dict[str, Any],
    margin: float = 0.4,
    seed: int = 0,
) -> Omissions:
    """What inverted photos and inverted pictures say about a concept.

    Args:
        concept: its name.
        photos: photos that show it.
        control: pictures of the generator.
        kind: "same concept" if the control shows it, else "other concepts".
        enough: pixels from which an image counts as showing a concept.
        about: names and settings.
        margin: share that must be lost beyond the control.
        seed: of the bootstrap.
    """
    column = about["concepts"].index(concept)
    middle = float(np.median(photos.before[:, column]))
    compared = tuple(_similar(part, column, enough, middle) for part in (photos, control))
    lost, others = photos.lost[:, column], _mean_of(photos, compared[0])
    own_others = _mean_of(control, compared[1])
    own = control.lost[:, column] if kind == SAME else own_others
    random = np.random.RandomState(seed)
    draws = np.array([_differences(lost, others, own, own_others, kind, random) for _ in range(RESAMPLES)])
    excess, beyond = _differences(lost, others, own, own_others, kind, None)
    intervals = [_quantiles(draws[:, i]) for i in range(2)]
    notes = _notes(concept, kind, others, own, photos, control)
    fewest = min(int(np.isfinite(known).sum()) for known in (lost, others, own))
    order = np.argsort(-(photos.before - photos.kept)[:, column], kind="stable")
    return Omissions(
        concept=concept,
        photos=_taken(photos, order),
        control=control,
        control_kind=kind,
        compared=(compared[0][order], compared[1]),
        lost=float(np.nanmean(lost)),
        others=_mean(others),
        control_lost=_mean(own),
        control_others=_mean(own_others),
        excess=float(excess),
        excess_interval=intervals[0],
        beyond_others=float(beyond),
        beyond_interval=intervals[1],
        margin=margin,
        # What is not known, NaN, is not above the margin; what few images say has an interval that is too narrow.
        named=fewest >= FEWEST and all(low > margin for low, _ in intervals),
        notes=tuple(notes),
        **about,
    )


def _taken(inverted: Inverted, order: np.ndarray) -> Inverted:
    return Inverted(**{name: getattr(inverted, name)[order] for name in Inverted.__dataclass_fields__})


def _similar(part: Inverted, column: int, enough: int, middle: float) -> np.ndarray:
    """Which other concepts of each image have an area within `SIMILAR` of the concept's usual one."""
    near = (part.before >= max(enough, middle / SIMILAR)) & (part.before <= middle * SIMILAR)
    near[:, column] = False
    return near


def _mean_of(part: Inverted, compared: np.ndarray) -> np.ndarray:
    """Mean loss of these concepts in each image; NaN where there is none."""
    lost = np.where(compared, part.lost, 0.0)
    many = compared.sum(1)
    return np.where(many > 0, np.where(compared, lost, 0).sum(1) / np.maximum(many, 1), np.nan)


def _differences(
    lost: np.ndarray,
    others: np.ndarray,
    own: np.ndarray,
    own_others: np.ndarray,
    kind: str,
    random: np.random.RandomState | None,
) -> tuple[float, float]:
    """Loss beyond the control's, and beyond that of other concepts; of images drawn again if there is a `random`."""
    few = np.isfinite(own_others).sum() < FEWEST
    if random is not None:
        photo = random.randint(len(lost), size=len(lost))
        picture = random.randint(len(own), size=len(own))
        lost, others, own, own_others = lost[photo], others[photo], own[picture], own_others[picture]
    excess = _mean(lost) - _mean(own)
    usual = _mean(own - own_others) if kind == SAME else 0.0
    if few:  # nothing is known of how the concept usually compares, or hardly: that may only speak against an omission
        usual = max(usual, 0.0) if np.isfinite(usual) else 0.0
    return excess, _mean(lost - others) - usual


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _quantiles(draws: np.ndarray) -> tuple[float, float]:
    known = draws[np.isfinite(draws)]
    if len(known) < len(draws) / 2:
        return float("nan"), float("nan")
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def _notes(
    concept: str, kind: str, others: np.ndarray, own: np.ndarray, photos: Inverted, control: Inverted
) -> Iterator[str]:
    if kind == OTHERS:
        yield (
            f"too few of the generator's pictures show {concept!r} (fewer than {FEWEST}, or a tenth as often as the "
            "data): its own pictures are judged by other concepts of similar area"
        )
    if not (compared := int(np.isfinite(others).sum())):
        yield "no photo shows another concept of similar area: what photos lose anyway is unknown: nothing is named"
    elif compared < min(FEWEST, len(photos)):
        yield (
            f"only {compared} of {len(photos)} photos show another concept of similar area: nothing is called an "
            f"omission below {FEWEST}"
        )
    if not (told_by := int(np.isfinite(own).sum())):
        yield "no picture of the control shows a concept of similar area: the search's own error is not known"
    elif told_by < min(FEWEST, len(control)):
        yield (
            f"only {told_by} of {len(control)} pictures of the control show a concept of similar area: nothing is "
            f"called an omission below {FEWEST}"
        )
    for told, part in (("photos", photos), ("pictures of the control", control)):
        if len(part) < FEWEST:
            yield f"only {len(part)} {told}: nothing is called an omission below {FEWEST}"
