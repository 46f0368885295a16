"""What a dissection found: for every unit its concept, how well they agree, and the pictures that show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

OK, DEAD, SATURATED = "ok", "dead", "saturated"


@dataclass(frozen=True, eq=False)
class Exemplars:
    """Pictures of one unit, best first.

    Attributes:
        images: uint8 (k, height, width, 3), at most 128 pixels a side.
        seg: segmentations of the same size, (k, slot, height, width).
        mask: where the unit is above its threshold, bool (k, height, width).
        index: number of each image in the sample.
        value: highest activation of the unit in each image.
    """

    images: np.ndarray
    seg: np.ndarray
    mask: np.ndarray
    index: np.ndarray
    value: np.ndarray

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, eq=False)
class LayerResult:
    """One layer. Arrays are numpy, by unit, or by (unit, concept); shares and IoU are in [0, 1].

    Attributes:
        name: of the layer.
        shape: (unit, height, width).
        iou: intersection over union of every pair.
        iqr: information quality ratio of every pair, under the rule "iqr"; else None.
        threshold: activation above which a pixel counts as active.
        area: share of pixels above it.
        concept: index of the best concept, −1 for a dead or saturated unit.
        label_iou: IoU with it.
        interval: (unit, 2), 95 % bootstrap interval of that IoU over images; NaN when not measured.
        iou_chance: 95 % quantile of the best IoU with deranged segmentations; NaN when not measured.
        above_chance: whether `label_iou` exceeds it.
        labelled: whether the published rule labels the unit.
        status: "ok", "dead" (constant, not above 0) or "saturated" (constant, or no pixel above the threshold).
        labelled_units: labelled units of each concept.
        chance_units: mean number of them when the segmentations are deranged; NaN when not measured.
        concept_area: share of pixels of each concept.
        pictures: indices, values and maps of top images and counter-examples.
    """

    name: str
    shape: tuple[int, ...]
    iou: np.ndarray
    iqr: np.ndarray | None
    threshold: np.ndarray
    area: np.ndarray
    concept: np.ndarray
    label_iou: np.ndarray
    interval: np.ndarray
    iou_chance: np.ndarray
    above_chance: np.ndarray
    labelled: np.ndarray
    status: np.ndarray
    labelled_units: np.ndarray
    chance_units: np.ndarray
    concept_area: np.ndarray
    pictures: Mapping[str, np.ndarray] = field(repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class Dissection:
    """A dissection, complete or of the images seen so far; made by `ganwidgets.dissect.run`.

    Attributes:
        network: name of the network.
        fingerprint: hash of its weights.
        segmenter: name of the segmenter.
        concepts: what it can name; concept i has number i + 1 in segmentations.
        categories: of the concepts.
        slots: of the segmentations.
        n: images seen.
        options: the settings, as plain values.
        layers: results by layer name.
        thumbnails: "index" (m,), "images" uint8 (m, height, width, 3), "segs" (m, slot, height, width).
        notes: sentences about what had to be done differently.
        label: number of the class that the network was told to draw; None: all, or a network without classes.
        class_name: of that class.
    """

    network: str
    fingerprint: str
    segmenter: str
    concepts: tuple[str, ...]
    categories: tuple[str, ...]
    slots: tuple[str, ...]
    n: int
    options: Mapping[str, Any]
    layers: Mapping[str, LayerResult]
    thumbnails: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()
    label: int | None = None
    class_name: str = ""

    @property
    def subject(self) -> str:
        """The network, and the class it was told to draw."""
        return self.network if self.label is None else f"{self.network}, class {self.class_name!r}"

    @property
    def seed(self) -> int:
        """Of the latents."""
        return self.options["seed"]

    @property
    def rule(self) -> str:
        """By which units were labelled."""
        return self.options["rule"]

    @property
    def complete(self) -> bool:
        """Whether all images that were asked for were seen."""
        return self.n == self.options["n"]

    def __repr__(self) -> str:
        parts = [f"{n}: {int(r.labelled.sum())} of {len(r.concept)} units labelled" for n, r in self.layers.items()]
        asked = self.options["n"]
        seen = f"{'' if self.complete else f'{self.n:,} of '}{asked:,} image{'' if asked == 1 else 's'}"
        drawn = "" if self.label is None else f", class {self.class_name!r},"
        of = f"{self.network!r}{drawn} with {self.segmenter!r}"
        return f"Dissection of {of}, {seen}, rule {self.rule!r}; {'; '.join(parts)}"

    def layer(self, name: str | None = None) -> LayerResult:
        """The result of a layer; the name may be left out when there is only one.

        Raises:
            ValueError: no such layer, or several and none named.
        """
        if name is None and len(self.layers) == 1:
            return next(iter(self.layers.values()))
        if name not in self.layers:
            from ganwidgets.models.layers import did_you_mean

            near = "" if name is None else did_you_mean(str(name), self.layers)
            raise ValueError(f"`layer` must be one of {list(self.layers)}, got {name!r}.{near}")
        return self.layers[name]

    def to_frame(self, layer: str | None = None) -> "pandas.DataFrame":
        """A table with one row a unit, of one layer or of all."""
        import pandas

        if layer is None and len(self.layers) != 1:
            return pandas.concat([self.to_frame(name) for name in self.layers], ignore_index=True)
        r = self.layer(layer)
        rows = np.arange(len(r.concept))
        return pandas.DataFrame(
            {
                "layer": r.name,
                "unit": rows,
                "concept": [self.concepts[c] if c >= 0 else "" for c in r.concept],
                "category": [self.categories[c] if c >= 0 else "" for c in r.concept],
                "iou": r.label_iou,
                "iou_low": r.interval[:, 0],
                "iou_high": r.interval[:, 1],
                "iou_chance": r.iou_chance,
                "above_chance": r.above_chance,
                "labelled": r.labelled,
                "iqr": np.nan if r.iqr is None else np.where(r.concept >= 0, r.iqr[rows, r.concept.clip(0)], np.nan),
                "threshold": r.threshold,
                "area": r.area,
                "status": r.status,
            }
        )

    def exemplars(self, unit: SupportsIndex, layer: str | None = None, k: int | None = None) -> Exemplars:
        """The images on which the unit is highest, best first; `k` of them, or all that were kept.

        Raises:
            ValueError: no such unit or layer.
        """
        return self._pictures("top", unit, layer, k)

    def counterexamples(self, unit: SupportsIndex, layer: str | None = None, k: int | None = None) -> Exemplars:
        """Images on which the unit is high although its concept is absent: what the label does not explain.

        Raises:
            ValueError: no such unit or layer.
        """
        return self._pictures("counter", unit, layer, k)

    def _pictures(self, kind: str, unit: SupportsIndex, layer: str | None, k: int | None) -> Exemplars:
        from ganwidgets.models.latents import whole_number

        r = self.layer(layer)
        unit, k = whole_number("unit", unit, 0), None if k is None else whole_number("k", k, 1)
        if unit >= len(r.concept):
            raise ValueError(f"`unit` must lie between 0 and {len(r.concept) - 1}, got {unit}")
        index, value, maps = (r.pictures[f"{kind}_{name}"][unit][:k] for name in ("index", "value", "maps"))
        found = (index >= 0) & np.isfinite(value)
        index, value, maps = index[found], value[found], maps[found]
        rows = np.searchsorted(self.thumbnails["index"], index)
        images, segs = self.thumbnails["images"][rows], self.thumbnails["segs"][rows]
        padding = self.options.get("padding", "clamp")
        masks = _masks(maps, images.shape[1:3], float(r.threshold[unit]), padding)
        return Exemplars(images, segs, masks, index, value)

    def without_pictures(self) -> "Dissection":
        """The same labels and numbers, much smaller in a file: no exemplars, and only the first thumbnail."""
        layers = {name: replace(one, pictures=_no_pictures(len(one.concept))) for name, one in self.layers.items()}
        return replace(self, layers=layers, thumbnails={name: part[:1] for name, part in self.thumbnails.items()})

    def save(self, path: str | Path) -> Path:
        """Write everything to one file (safetensors with JSON); an older file stays until the new one is whole."""
        from ganwidgets.results.files import save

        return save(self, Path(path))

    def plot(self, layer: str | None = None) -> "matplotlib.figure.Figure":
        """Bar graph of labelled units per concept, grouped by category, with what chance would give.

        Args:
            layer: may be left out when there is only one.

        Raises:
            ValueError: no such layer, or several and none named.
        """
        from ganwidgets.results.plot import plot

        if layer is None and len(self.layers) > 1:
            raise ValueError(f"`plot(layer=…)` draws one layer: give one of {list(self.layers)}")
        return plot(self, self.layer(layer))

    def to_html(self, path: str | Path) -> Path:
        """Write a self-contained page that sorts, filters and shows masks with no kernel and no network."""
        from ganwidgets.dissect.panel import dissection_page
        from ganwidgets.results.files import write_bytes

        return write_bytes(Path(path), dissection_page(self).encode())


def _no_pictures(units: int) -> dict[str, np.ndarray]:
    """One place for a picture in each list, with none in it: number −1, as where there is no counter-example."""
    none = {"index": np.full((units, 1), -1), "value": np.full((units, 1), -np.inf, np.float32)}
    none["maps"] = np.zeros((units, 1, 1, 1), np.float16)
    return {f"{kind}_{name}": part for kind in ("top", "counter") for name, part in none.items()}


def _masks(maps: np.ndarray, size: tuple[int, int], threshold: float, padding: str) -> np.ndarray:
    import torch

    from ganwidgets.nn.images import upsample

    return (upsample(torch.from_numpy(maps.astype(np.float32)), size, padding) > threshold).numpy()


def thumbnail_arrays(images: Mapping[int, np.ndarray], segs: Mapping[int, np.ndarray]) -> dict[str, np.ndarray]:
    """Thumbnails by image number as three arrays, in the order of the numbers."""
    numbers: Sequence[int] = sorted(images)
    return {
        "index": np.array(numbers, np.int64),
        "images": np.stack([images[n] for n in numbers]),
        "segs": np.stack([segs[n] for n in numbers]),
    }
