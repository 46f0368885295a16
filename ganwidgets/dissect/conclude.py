"""From counts to a verdict on every unit: threshold, concept, IoU, chance level, interval."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganwidgets.dissect.collect import LayerCounts
from ganwidgets.dissect.gallery import Gallery
from ganwidgets.dissect.iou import information_quality_ratio, intersection_over_union
from ganwidgets.dissect.search import quality
from ganwidgets.results.dissection import DEAD, OK, SATURATED, LayerResult


@dataclass(frozen=True, eq=False)
class Areas:
    """Pixels at the final threshold, per unit and (unit, concept).

    `unit` is everything above the threshold; `compared` is what of it the IoU is taken over: all, or under the rule
    "iqr" and "netdissect" what lies in images that hold the concept's category.
    """

    threshold: Tensor
    unit: Tensor
    compared: Tensor
    intersection: Tensor


def thresholds_of(counts: LayerCounts) -> Tensor:
    """Threshold of each unit, above which `top_fraction` lies, or the one that was known beforehand."""
    if counts.histogram.edges.n_bins == 1:
        return counts.histogram.edges.value_at(torch.zeros_like(counts.lowest, dtype=torch.float64))
    histogram, all_of_them = counts.where_thresholds_are
    wanted = torch.full((len(counts.lowest),), counts.options.top_fraction * all_of_them, dtype=torch.float64)
    return histogram.edges.value_at(histogram.place_of(wanted.to(counts.lowest.device)))


def areas_of(counts: LayerCounts) -> Areas:
    """Areas at the threshold above which `top_fraction` lies, or at the one given by the search."""
    n, histogram = counts.n_concepts, counts.histogram
    place = torch.zeros_like(counts.lowest, dtype=torch.float64)
    if histogram.edges.n_bins > 1:
        source, all_of_them = counts.where_thresholds_are
        place = source.place_of(torch.full_like(place, counts.options.top_fraction * all_of_them))
        if source.edges.n_bins != histogram.edges.n_bins:  # other bins over the same range: the same share of all bins
            place = place * (histogram.edges.n_bins / source.edges.n_bins)
    area, joint = histogram.above(place)
    compared = joint[:, n + counts.category_of] if counts.n_categories else area[:, None].expand(-1, n)
    return Areas(histogram.edges.value_at(place), area, compared, joint[:, :n])


def conclude(
    name: str, shape: tuple[int, ...], counts: LayerCounts, gallery: Gallery, exactly: Areas | None = None
) -> LayerResult:
    """The layer's result, from its histogram or from areas that were counted exactly."""
    options, pixels = counts.options, int(counts.counts["pixels"])
    areas = exactly or areas_of(counts)
    concept_area = counts.counts["concept"].double()
    iou = intersection_over_union(areas.intersection, areas.compared, concept_area)
    iqr = _iqr(counts, areas.intersection, areas.compared) if options.rule == "iqr" else None
    status = _status(counts, areas.unit)
    alive = torch.from_numpy(status == OK).to(iou.device)
    concept = iou.argmax(1) if counts.calibration.concept is None else counts.calibration.concept
    label_iou = torch.where(alive, iou.gather(1, concept[:, None]).squeeze(1), 0.0)
    labelled = alive & (label_iou > options.least_iou)
    if iqr is not None:
        labelled &= iqr.gather(1, concept[:, None]).squeeze(1) > options.least_iqr
    chance, chance_units = _chance(counts, areas, concept_area)
    per_concept = torch.bincount(concept[labelled], minlength=counts.n_concepts)
    concept_numbers = torch.where(alive & (label_iou > 0), concept, -1).cpu().numpy()
    pictures = {f"top_{k}": getattr(gallery.top, k).cpu().numpy() for k in ("index", "value", "maps")}
    pictures |= {f"counter_{k}": v for k, v in gallery.counterexamples(concept_numbers).items()}
    pictures = {k: _compact(v) if k.endswith("maps") else v for k, v in pictures.items()}
    return LayerResult(
        name=name,
        shape=tuple(shape),
        iou=iou.float().cpu().numpy(),
        iqr=None if iqr is None else iqr.float().cpu().numpy(),
        threshold=areas.threshold.float().cpu().numpy(),
        area=(areas.unit / pixels).float().cpu().numpy(),
        concept=concept_numbers,
        label_iou=label_iou.float().cpu().numpy(),
        interval=_interval(counts, concept, label_iou),
        iou_chance=chance,
        above_chance=label_iou.float().cpu().numpy() > np.nan_to_num(chance, nan=np.inf),
        labelled=labelled.cpu().numpy(),
        status=status,
        labelled_units=per_concept.cpu().numpy(),
        chance_units=chance_units,
        concept_area=(concept_area / pixels).float().cpu().numpy(),
        pictures=pictures,
    )


def _compact(maps: np.ndarray) -> np.ndarray:
    """Maps of units in half precision, unless a unit's values are too large or too small for that."""
    highest = np.maximum(maps.max((1, 2, 3)), -maps.min((1, 2, 3)))
    fits = (highest == 0) | ((highest > 1e-4) & (highest < np.finfo(np.float16).max))
    return maps.astype(np.float16) if fits.all() else maps


def _status(counts: LayerCounts, area: Tensor) -> np.ndarray:
    constant = (counts.highest == counts.lowest).cpu().numpy()
    low = (counts.highest <= 0).cpu().numpy()
    stuck = (area == 0).cpu().numpy()
    return np.select([constant & low, constant | stuck], [DEAD, SATURATED], OK)


def _iqr(counts: LayerCounts, intersection: Tensor, compared: Tensor) -> Tensor:
    """Information quality ratio of units and concepts, over the images that hold the concept's category."""
    seen = counts.counts["category"][counts.category_of].double().clamp(min=1)  # pixels of these images
    share = (counts.counts["concept"].double() / seen).expand_as(intersection)
    return information_quality_ratio(intersection / seen, compared / seen, share)


def _chance(counts: LayerCounts, areas: Areas, concept_area: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """95 % quantile of the best IoU of each unit, and mean labelled units of each concept, over derangements.

    Derangements are counted at the provisional threshold; how often an active pixel meets each concept by chance is
    taken from there, the areas from the final one.
    """
    options, units = counts.options, len(counts.lowest)
    if not options.chance or int(counts.counts["chance_area"].sum()) == 0:
        return np.full(units, np.nan), np.full(counts.n_concepts, np.nan)
    scale = (areas.unit / counts.counts["chance_area"].double().clamp(min=1))[:, None]
    joint = counts.counts["chance_joint"][..., 1:].double() * scale  # (derangement unit concept)
    compared = areas.unit[:, None].double().expand_as(joint)
    if counts.n_categories:
        compared = counts.counts["chance_category"][..., counts.category_of].double() * scale
    iou = intersection_over_union(joint, compared, concept_area)
    which, labelled = _chance_labels(counts, joint, compared, iou)
    tally = torch.bincount(which[labelled], minlength=counts.n_concepts).double() / options.derangements
    level = torch.quantile(iou.amax(2), 0.95, dim=0)
    missed = (counts.counts["chance_area"] == 0) & (areas.unit > 0)  # active, but never on the lattice
    return torch.where(missed, torch.nan, level).float().cpu().numpy(), tally.cpu().numpy()


def _chance_labels(counts: LayerCounts, joint: Tensor, compared: Tensor, iou: Tensor) -> tuple[Tensor, Tensor]:
    """Which concept the rule would name in each derangement (derangement unit), and whether it would label the unit.

    Under the rule "iqr" the threshold is the one found with the true segmentations.
    """
    options = counts.options
    if options.rule != "iqr":
        best, which = iou.max(2)
        return which, best > options.least_iou
    pixels, seen = int(counts.counts["pixels"]), counts.counts["category"][counts.category_of].double().clamp(min=1)
    share = counts.counts["concept"].double() / pixels
    which = quality(joint / pixels, compared / seen, share).argmax(2, keepdim=True)
    ratio = _iqr(counts, joint, compared).gather(2, which)
    labelled = (ratio > options.least_iqr) & (iou.gather(2, which) > options.least_iou)
    return which.squeeze(2), labelled.squeeze(2)


def _interval(counts: LayerCounts, concept: Tensor, label_iou: Tensor) -> np.ndarray:
    """95 % interval of the label's IoU: the spread over bootstrap draws of the images, around the final IoU."""
    if not counts.options.chance:
        return np.full((len(concept), 2), np.nan)
    drawn = {k: counts.counts[f"drawn_{k}"].double() for k in ("joint", "area", "concept")}
    draws = len(drawn["area"])
    joint = drawn["joint"][..., 1:].gather(2, concept.expand(draws, -1)[..., None]).squeeze(2)
    area = drawn["area"]
    if counts.n_categories:
        own = counts.category_of[concept].expand(draws, -1)[..., None]
        area = counts.counts["drawn_category"].double().gather(2, own).squeeze(2)
    iou = intersection_over_union(joint, area, drawn["concept"][:, concept])
    spread = torch.quantile(iou[1:] - iou[:1], torch.tensor([0.025, 0.975], dtype=iou.dtype, device=iou.device), dim=0)
    return (label_iou[:, None] + spread.T).clamp(0, 1).float().cpu().numpy()
