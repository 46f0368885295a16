"""The threshold search of GAN Dissection: for every unit and concept, the level with the best information quality.

Levels are taken at 100 tail fractions from 0.001 to 1 (`FRACTIONS`) of a sample of its own. The unit's label is the
concept with the highest ratio, its threshold the level at which that ratio was reached.

Source: Bau et al. 2019, "GAN Dissection", section 3.1; the exclusions are those of the published code.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer, Num
from torch import Tensor

from ganwidgets.dissect.iou import information_quality_ratio
from ganwidgets.nn.histograms import JointHistogram

FRACTIONS = np.logspace(-3, 0, 100)
LEAST_AREA = 1e-3
LEAST_AGREEMENT = 0.8


class Level(NamedTuple):
    """One level of every unit, and what lies above it; `intersection` in pixels."""

    value: Float[Tensor, "unit #concept"]
    active: Float[Tensor, "unit concept"]  # share of the pixels of the images that hold the concept's category
    intersection: Float[Tensor, "unit concept"]


class Search(NamedTuple):
    """Result: the best ratio for every pair, where it was reached, and each unit's choice."""

    ratio: Float[Tensor, "unit concept"]
    level: Float[Tensor, "unit concept"]
    concept: Integer[Tensor, " unit"]
    threshold: Float[Tensor, " unit"]


def best_levels(levels: Iterator[Level], concept_area: Num[Tensor, " concept"], pixels: int) -> Search:
    """Try the levels in the order of `FRACTIONS` and keep the best of each pair.

    Args:
        levels: one for each of `FRACTIONS`.
        concept_area: pixels of each concept.
        pixels: of the whole sample.
    """
    share = concept_area.double() / pixels
    best = at = None
    for fraction, (value, active, intersection) in zip(FRACTIONS, levels, strict=True):
        ratio = quality(intersection.double() / pixels, active, share)
        value = value.double().expand_as(ratio)
        ratio = torch.where((value > 0) & bool(fraction < 1), ratio, torch.zeros_like(ratio))
        if best is None:
            best, at = ratio, value.clone()
        better = ratio > best
        best, at = torch.where(better, ratio, best), torch.where(better, value, at)
    concept = best.argmax(1)
    return Search(best, at, concept, at.gather(1, concept[:, None]).squeeze(1))


def quality(
    joint: Float[Tensor, "*any concept"], active: Float[Tensor, "*any concept"], share: Float[Tensor, " concept"]
) -> Float[Tensor, "*any concept"]:
    """The information quality ratio, 0 where the published code leaves a pair out: a rare concept, little agreement.

    Args:
        joint: share of all pixels at which both hold.
        active: share of the pixels, in images with the concept's category, at which the unit is active.
        share: of all pixels that show the concept.
    """
    agreement = joint + (1 - active - share + joint).clamp(0, 1)
    ratio = information_quality_ratio(joint, active, share.expand_as(joint))
    usable = (agreement > LEAST_AGREEMENT) & (share >= LEAST_AREA)
    return torch.where(usable, ratio, torch.zeros_like(ratio))


def histogram_levels(
    histogram: JointHistogram, n_concepts: int, category_of: Integer[Tensor, " concept"], pixels: int
) -> Iterator[Level]:
    """Levels from a histogram whose labels are the concepts, then one for the images of each category."""
    in_category = histogram.joint[0].sum(0)[1 + n_concepts + category_of].double().clamp(min=1)
    for fraction in FRACTIONS:
        place = histogram.place_of(torch.full((len(histogram.alone),), fraction * pixels, dtype=torch.float64))
        _, counts = histogram.above(place)
        value = histogram.edges.value_at(place)[:, None]
        yield Level(value, counts[:, n_concepts + category_of] / in_category, counts[:, :n_concepts])
