"""What is in a generator's pictures beside what is in the data, concept by concept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ganwidgets.nn.areas import AreaCounts
from ganwidgets.results.fsd import FSD

if TYPE_CHECKING:
    import pandas as pd

    from ganwidgets.results.plot import BarGraph

DATA, GENERATED = "data", "generated"
"""The two sides."""


@dataclass(frozen=True, eq=False, repr=False)
class Coverage:
    """Areas of every concept in data and in generated pictures; made by `ganwidgets.coverage.coverage`.

    Arrays have one entry for each concept. Areas are percent of an image, means over images.

    Attributes:
        network: name of the generator.
        fingerprint: hash of its weights.
        data: name of the data.
        data_fingerprint: of the data.
        segmenter: name of what named the pixels of the generated pictures.
        segmenter_fingerprint: of it; empty where it has none.
        labels: what named the pixels of the data: "segmenter", or "own" labels.
        concepts: names; number i in a segmentation is `concepts[i - 1]`.
        categories: of the concepts.
        slots: of the segmentations.
        counts: "data" and "generated": pixels of each concept in each image, by the number of the image.
        area, generated_area: mean areas [percent].
        area_interval, generated_interval: (concept 2), their 95 % bootstrap intervals over images.
        presence, generated_presence: share of images that show the concept at all.
        ratio: generated over data; NaN where the data show none.
        ratio_interval: (concept 2), 95 % bootstrap interval of the ratio of one concept, over images of both sets.
        family_interval: (concept 2), intervals of all ratios at once: all true ratios lie inside together with
            probability 1 − `level`, about. What hardly any image of a set shows is taken to be as large there as where
            it is seen.
        difference: generated − data [percent].
        effect: difference in standard deviations of the area of an image (Cohen's d, pooled).
        p: family-wise p-value of each difference, from exchanging images between the sets.
        level: family-wise: the chance that any concept is named though the two sets do not differ.
        fsd: Fréchet segmentation distance beside its floor; None while the run goes on or where it was not asked for.
        options: settings, as plain values.
        complete: whether all images that were asked for were seen.
        notes: sentences about what had to be done differently.
    """

    network: str
    fingerprint: str
    data: str
    data_fingerprint: str
    segmenter: str
    labels: str
    concepts: tuple[str, ...]
    categories: tuple[str, ...]
    slots: tuple[str, ...]
    counts: Mapping[str, AreaCounts]
    area: Float[np.ndarray, " concept"]
    generated_area: Float[np.ndarray, " concept"]
    area_interval: Float[np.ndarray, "concept 2"]
    generated_interval: Float[np.ndarray, "concept 2"]
    presence: Float[np.ndarray, " concept"]
    generated_presence: Float[np.ndarray, " concept"]
    ratio: Float[np.ndarray, " concept"]
    ratio_interval: Float[np.ndarray, "concept 2"]
    family_interval: Float[np.ndarray, "concept 2"]
    difference: Float[np.ndarray, " concept"]
    effect: Float[np.ndarray, " concept"]
    p: Float[np.ndarray, " concept"]
    level: float
    fsd: FSD | None
    options: Mapping[str, Any]
    complete: bool = True
    notes: tuple[str, ...] = ()
    segmenter_fingerprint: str = ""

    @property
    def n_data(self) -> int:
        """Images of the data that were seen."""
        return len(self.counts[DATA])

    @property
    def n_generated(self) -> int:
        """Generated pictures that were seen."""
        return len(self.counts[GENERATED])

    @property
    def under(self) -> tuple[str, ...]:
        """Concepts generated less than the data show them, at the family-wise level; the most surely missing first."""
        return self.under_by(0.0)

    @property
    def over(self) -> tuple[str, ...]:
        """Concepts generated more than the data show them, at the family-wise level; the most surely added first."""
        low = self.family_interval[:, 0]
        return tuple(
            self.concepts[c] for c in np.argsort(-low, kind="stable") if low[c] > 1 and self.p[c] <= self.level
        )

    def under_by(self, margin: float) -> tuple[str, ...]:
        """Concepts of which more than this share is surely missing, e.g. 0.5: less than half of the area is generated.

        Args:
            margin: in [0, 1).

        Raises:
            ValueError: outside.
        """
        if not 0 <= margin < 1:
            raise ValueError(f"`margin` must lie in [0, 1), the share that is missing, got {margin}")
        high = self.family_interval[:, 1]
        named = [c for c in np.argsort(high, kind="stable") if high[c] < 1 - margin and self.p[c] <= self.level]
        return tuple(self.concepts[c] for c in named)

    def number(self, concept: str) -> int:
        """Index of a concept.

        Raises:
            ValueError: no such concept; says which there are.
        """
        if concept not in self.concepts:
            raise ValueError(f"`concept` must be one of {list(self.concepts)}, got {concept!r}")
        return self.concepts.index(concept)

    def shown(self, top: int = 30) -> tuple[int, ...]:
        """Indices of the concepts of a figure: those with most area in the data, then what is named without any there.

        Args:
            top: so many of the first kind.
        """
        order = [int(c) for c in np.argsort(-self.area, kind="stable")[:top] if self.area[c] > 0]
        named = [self.number(name) for name in self.over]
        return (*order, *(c for c in named if not self.area[c] > 0))

    def largest(self, concept: str, side: str = DATA, k: int = 24) -> tuple[int, ...]:
        """Numbers of the images where this concept is largest, largest first; only those that show it.

        Args:
            concept: its name.
            side: "data" or "generated".
            k: at most so many.

        Raises:
            ValueError: no such concept or side.
        """
        column = self.number(concept)
        if side not in self.counts:
            raise ValueError(f"`side` must be one of {list(self.counts)}, got {side!r}")
        rows = self.counts[side]
        area = rows.counts[:, column]
        order = np.argsort(-area, kind="stable")[:k]
        return tuple(int(rows.numbers[i]) for i in order if area[i] > 0)

    def __str__(self) -> str:
        text = f"{self.network} against {self.data}: {self.n_generated:,} pictures, {self.n_data:,} images"
        named = "; ".join(
            f"{word}: {', '.join(self._told(name) for name in names)}"
            for word, names in (("too little", self.under), ("too much", self.over))
            if names
        )
        text += f". {named or 'No concept differs'} (family-wise level {self.level:g})"
        return text if self.fsd is None else f"{text}. {self.fsd}"

    def __repr__(self) -> str:
        return f"Coverage({self})"

    def _told(self, name: str) -> str:
        concept = self.number(name)
        ratio, (low, high) = self.ratio[concept], self.ratio_interval[concept]
        if not np.isfinite(ratio):
            return f"{name} ({self.generated_area[concept]:.2g} % of the pictures, none in the data)"
        return f"{name} ×{ratio:.2f}" + (f" [{low:.2f}, {high:.2f}]" if np.isfinite([low, high]).all() else "")

    def to_frame(self) -> "pd.DataFrame":
        """A row per concept, largest area in the data first."""
        import pandas as pd

        named = ["under" if name in self.under else "over" if name in self.over else "" for name in self.concepts]
        columns = {"concept": self.concepts, "category": self.categories, "data": self.area}
        columns |= _pair("data", self.area_interval) | {"generated": self.generated_area}
        columns |= _pair("generated", self.generated_interval) | {"ratio": self.ratio}
        columns |= _pair("ratio", self.ratio_interval) | _pair("family", self.family_interval)
        columns |= {"difference": self.difference, "effect": self.effect, "p": self.p, "named": named}
        columns |= {"data_presence": self.presence, "generated_presence": self.generated_presence}
        return pd.DataFrame(columns).sort_values("data", ascending=False, kind="stable", ignore_index=True)

    def plot(self, top: int = 30, *, maxscale: float = 50.0) -> "BarGraph":
        """The published figure: areas of the `top` concepts of the data above, relative change below.

        Args:
            top: how many concepts.
            maxscale: upper end of the areas [percent]; the lower end is a 5,000th of it.
        """
        from ganwidgets.results.plot_coverage import plot

        return plot(self, top, maxscale)

    def save(self, path: str | Path) -> Path:
        """Write everything to one safetensors file; an older one stays until the new one is whole."""
        from ganwidgets.results.coverage_files import save

        return save(self, Path(path))


def _pair(name: str, interval: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}_low": interval[:, 0], f"{name}_high": interval[:, 1]}
