"""What a dissection may vary, checked when it is written down."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any

from ganwidgets.models.latents import whole_number

RULES = {"top_fraction": (0.04, 0.0), "iqr": (0.05, 0.01), "netdissect": (0.04, 0.0)}
"""The published labelling rules: least IoU and least IQR of a labelled unit."""

USUAL_FRACTION = {"top_fraction": 0.01, "iqr": 0.01, "netdissect": 0.005}
"""Share of pixels (rule "netdissect": of the map's own places) above a unit's threshold, where none is asked for."""

MOST_SEED = 2**32 - 2

EXACT_MOST = 1000
"""Exact mode keeps every activation in memory: for samples of at most this many images."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Settings of one dissection; two with equal options, network and segmenter give equal results.

    Attributes:
        layers: dotted names of the layers to dissect, kept as a tuple.
        n: images.
        seed: of the latents, or of the order in which labelled images are taken; the rule "iqr" chooses its thresholds
            on another sample, of seed + 1, or on as many other labelled images.
        rule: "top_fraction" (Bau et al. 2020), "iqr" (Bau et al. 2019, GAN Dissection) or "netdissect" (Bau et al.
            2017, Network Dissection: thresholds from the maps as they are, and a unit is compared with a concept on the
            images that hold any concept of its category).
        top_fraction: share of pixels above a unit's threshold, under the rule "netdissect" of the map's own places;
            None takes what was published, 0.005 under that rule and else 0.01. Not used by "iqr".
        truncation: of the latents, None for the whole prior.
        batch: images in one forward pass; segmentations are deranged within it.
        padding: what lies beyond a map when it is upsampled: "clamp", or "zeros" as in davidbau/dissect.
        grid: comparisons are made at the image's size, or at most this many pixels a side.
        chance: whether chance levels and intervals are measured.
        derangements: how often the segmentations are deranged.
        resamples: of the images, for the intervals.
        exact: keep all activations and sort them; for n up to 1,000, slow, the reference for the tests.
        top_k: top images kept for each unit.
    """

    layers: Sequence[str]
    n: int = 1000
    seed: int = 1
    rule: str = "top_fraction"
    top_fraction: float | None = None
    truncation: float | None = None
    batch: int = 32
    padding: str = "clamp"
    grid: int = 128
    chance: bool = True
    derangements: int = 20
    resamples: int = 100
    exact: bool = False
    top_k: int = 8

    def __post_init__(self) -> None:
        for name, least in (("n", 1), ("seed", 0), ("batch", 1), ("grid", 8), ("derangements", 20), ("resamples", 20)):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least))
        object.__setattr__(self, "top_k", whole_number("top_k", self.top_k, 1))
        if isinstance(self.layers, str):
            raise ValueError(f"`layers` must be names in a tuple or list, got {self.layers!r}; `layer` takes one name")
        object.__setattr__(self, "layers", tuple(self.layers))
        if self.rule not in RULES:
            raise ValueError(f"`rule` must be one of {list(RULES)}, got {self.rule!r}")
        if self.top_fraction is None:
            object.__setattr__(self, "top_fraction", USUAL_FRACTION[self.rule])
        if not (isinstance(self.top_fraction, Real) and 0 < self.top_fraction < 0.5):
            raise ValueError(f"`top_fraction` must lie between 0 and 0.5, e.g. 0.01, got {self.top_fraction!r}")
        object.__setattr__(self, "top_fraction", float(self.top_fraction))  # numpy's numbers are no JSON
        if isinstance(self.truncation, Real):
            object.__setattr__(self, "truncation", float(self.truncation))
        if self.padding not in ("clamp", "zeros"):
            raise ValueError(f"`padding` must be 'clamp' or 'zeros', got {self.padding!r}")
        if not self.layers:
            raise ValueError("`layers` must name at least one layer")
        if len(set(self.layers)) < len(self.layers):
            raise ValueError(f"`layers` must name each layer once, got {list(self.layers)}")
        if self.seed > MOST_SEED:
            raise ValueError(f"`seed` must be below {MOST_SEED + 1}, got {self.seed}: the rule 'iqr' uses seed + 1 too")
        if self.exact and self.n > EXACT_MOST:
            raise ValueError(f"`exact` is for n up to {EXACT_MOST}, got n={self.n}: leave it out, or take fewer images")

    @property
    def least_iou(self) -> float:
        """IoU above which a unit is labelled."""
        return RULES[self.rule][0]

    @property
    def least_iqr(self) -> float:
        """IQR above which a unit is labelled; 0 where the rule does not use it."""
        return RULES[self.rule][1]

    @property
    def per_category(self) -> bool:
        """Whether a unit meets a concept only on images that hold any concept of its category."""
        return self.rule in ("iqr", "netdissect")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for files and cache keys."""
        return asdict(self) | {"layers": list(self.layers)}
