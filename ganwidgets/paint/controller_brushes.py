"""Brushes of a painting session: which there are, which one is in use, and the units it stands for."""

from typing import Any

from traitlets import Bunch, TraitError, Tuple, Unicode, observe, validate

from ganwidgets.jobs import lock
from ganwidgets.models import Generator, set_units
from ganwidgets.models.layers import did_you_mean
from ganwidgets.paint.brushes import Brush, Levels, check_layer, prepared, unit_sets
from ganwidgets.paint.strokes import map_layer
from ganwidgets.results.dissection import Dissection
from ganwidgets.segment import Segmenter
from ganwidgets.session import LayerSession


class BrushSession(LayerSession):
    """A session that looks at one layer of a generator, with brushes that are sets of its units.

    Args:
        network: the generator.
        segmenter: names the pixels, for the brushes' pictures.
        dissection: gives brushes; without one, choose `units`.
        traits: first values; `layer` is by default the dissection's first.
    """

    brush = Unicode(help="Concept of the brush; empty: the `units` are painted with.")
    brushes = Tuple(read_only=True, help="Of the layer; their values may follow a moment later.")
    icons = Tuple(read_only=True, help="What each brush does, uint8 (height width rgb); they follow, too.")

    def __init__(
        self, network: Generator, segmenter: Segmenter | None, dissection: Dissection | None, **traits: Any
    ) -> None:
        chosen = {name: traits.pop(name) for name in ("units", "brush") if name in traits}
        self.segmenter, self._levels = segmenter, Levels(network)
        self._offered: dict[str, tuple[Brush, ...]] = {}
        for name in dissection.layers if dissection else ():
            self._offered[name] = unit_sets(dissection, check_layer(dissection, network, name))
        super().__init__(network, **traits)
        for name, value in chosen.items():  # they are judged by the layer's brushes, which are there only now
            setattr(self, name, value)

    def adopt(self, dissection: Dissection) -> None:
        """Make brushes of a dissection, and look at a layer of it.

        Raises:
            ValueError: it has layers this network has not, or layers of another size.
        """
        self._offer(
            {name: unit_sets(dissection, check_layer(dissection, self.network, name)) for name in dissection.layers}
        )

    def offer(self, *brushes: Brush) -> None:
        """Paint with brushes chosen in another way in place of those of their layers, and look at the first one's.

        Raises:
            ValueError: a layer or units this network does not have.
        """
        by_layer: dict[str, tuple[Brush, ...]] = {}
        for brush in brushes:
            set_units(brush.units, 0.0).check(self.network.layer_info(map_layer(self.network, brush.layer)).shape)
            by_layer[brush.layer] = (*by_layer.get(brush.layer, ()), brush)
        self._offer(by_layer)

    def _offer(self, by_layer: dict[str, tuple[Brush, ...]]) -> None:
        with lock:
            self._offered |= by_layer
            if self.layer in by_layer:
                self._show_brushes(self.units)
            else:
                self.layer = next(iter(by_layer), self.layer)

    @property
    def _brush(self) -> Brush | None:
        return next((brush for brush in self.brushes if brush.concept == self.brush), None)

    def _show_brushes(self, units: tuple[int, ...] = ()) -> None:
        """The layer's brushes, with the one in use if it is among them; else with these units."""
        layer, found = self.layer, self._offered.get(self.layer, ())
        known = {brush.concept: brush.units for brush in found}
        with self.hold_trait_notifications():
            self._write(brushes=found, icons=())
            self.brush, self.units = (self.brush, known[self.brush]) if self.brush in known else ("", units)
        self.submit(
            lambda progress: prepared(found, layer, self._levels, self.segmenter),
            lambda values: self._write(**values),
            kind="brushes",
        )

    @observe("layer")
    def _layer_changed(self, change: Bunch) -> None:
        self._show_brushes()

    @observe("brush")
    def _brush_changed(self, change: Bunch) -> None:
        if self._brush is not None:
            self.units = self._brush.units

    @observe("units")
    def _units_changed(self, change: Bunch) -> None:
        if self._brush is not None and set(self.units) != set(self._brush.units):
            self.brush = ""

    @validate("brush")
    def _check_brush(self, proposal: Bunch) -> str:
        concepts = [brush.concept for brush in self.brushes]
        if proposal["value"] and proposal["value"] not in concepts:
            why = "" if concepts else f": {self.layer!r} was not dissected, or no unit is above chance; choose `units`"
            near = did_you_mean(proposal["value"], concepts)
            raise TraitError(f"`brush` must be empty or one of {concepts}{why}, got {proposal['value']!r}.{near}")
        return proposal["value"]
