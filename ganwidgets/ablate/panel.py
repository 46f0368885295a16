"""The ablation panel: how many units remove a concept, where it can be inserted, which units draw artifacts.

`panel(network)` makes it; it reads as a list of components in `panel_parts.py` and a list of wires in `panel_wires.py`.
What is computed lives in controllers (`removing`, `ablating`, `inserting`, `searching`, and `dissecting` where no
dissection is given), how results become lines, tables and sheets in `panel_views.py`.
"""

from typing import Any

from traitlets import Bunch, Instance, Tuple, Unicode, validate

from ganwidgets import cells
from ganwidgets.ablate.context import InsertionContext
from ganwidgets.ablate.controller import AblateController
from ganwidgets.ablate.controller_artifacts import ArtifactsController
from ganwidgets.ablate.controller_context import ContextController
from ganwidgets.ablate.controller_removal import RemovalController
from ganwidgets.ablate.effect import EffectResult
from ganwidgets.ablate.panel_data import bundled_data
from ganwidgets.ablate.panel_parts import make_components
from ganwidgets.ablate.panel_wires import WiredPanel
from ganwidgets.ablate.removal import RemovalCurve
from ganwidgets.dissect.controller import DissectController
from ganwidgets.jobs import Controller
from ganwidgets.models.checkpoints import load
from ganwidgets.paint.panel_views import coarse_layer
from ganwidgets.panels import bundled_dissection, callable_module, class_picker, segmenter_for
from ganwidgets.results.dissection import Dissection
from ganwidgets.ui.component import plural

QUICK = 256  # images of a dissection that is made for want of one


def panel(
    network: Any,
    dissection: Dissection | None = None,
    segmenter: Any = None,
    *,
    layer: str | None = None,
    concept: str | None = None,
    real: Any = None,
    n: int = QUICK,
    run: bool = True,
    key: str | None = None,
) -> "Panel":
    """See in a notebook cell what units cause: switch them off, set them elsewhere, find those that draw artifacts.

    Args:
        network: a generator, or what `ganwidgets.load` makes one of.
        dissection: which units mean what, to order them by. None takes the one that comes with the bundled generator,
            and makes a quick one of others in the background.
        segmenter: names the pixels: an object, or a name `segment.load` knows. None takes the bundled one for the
            bundled generators, and leaves others without: then there are pictures, but nothing is counted.
        layer: to start with; None takes the dissection's first, or the last one of at most 8 × 8 cells.
        concept: to start with; None takes the one with most units.
        real: pictures of the data in [-1, 1], or a function that gives them, for the search for artifact units. None
            takes drawings for the bundled generators.
        n: images of a quick dissection.
        run: make one where it is missing, and measure removal curves as soon as there is a concept.
        key: panels of one key replace each other; by default those of one notebook cell do, when it is run again.

    Raises:
        ValueError, TypeError: what cannot be a generator or a segmenter; a dissection of another network.
        traitlets.TraitError: no such layer or concept, or a layer without maps.
    """
    made = Panel(network, dissection, segmenter, layer=layer, concept=concept, real=real, n=n, run=run)
    cells.replace(made, key)
    return made


class Panel(WiredPanel):
    """A composed view; displays itself in a cell. Its traits can be read, assigned and observed.

    Attributes:
        removing: the `RemovalController` of the curves.
        ablating: the `AblateController` of the pictures; its units are the chosen ones.
        inserting: the `ContextController` of the table of places.
        searching: the `ArtifactsController`, and `mending` an `AblateController` of the units it confirmed.
        dissecting: the `DissectController` that makes a dissection where there is none.
        layout: the `ui.Layout` of all components; `curve`, `images`, `table`, `suspects`, … are they; `classes` is None
            for networks without.
    """

    layer = Unicode(help="Layer whose units are looked at.")
    concept = Unicode(help="Concept that is to be removed or inserted.")
    units = Tuple(help="Numbers of the units that are off in the pictures.")
    curve = Instance(RemovalCurve, allow_none=True, read_only=True, help="Of the concept; partial while running.")
    effect = Instance(EffectResult, allow_none=True, read_only=True, help="What the pictures lose without the units.")
    context = Instance(InsertionContext, allow_none=True, read_only=True, help="Where the units bring the concept.")

    def __init__(
        self, network: Any, dissection: Dissection | None = None, segmenter: Any = None, **options: Any
    ) -> None:
        self.network = network = load(network)
        self.segmenter = segmenter = segmenter_for(network, segmenter)
        self._runs = options["run"] and segmenter is not None
        self.dissecting = d = DissectController(network, segmenter, n=options["n"])
        if (known := dissection or bundled_dissection(network, segmenter)) is not None:
            d.adopt(known)
        if dissection is None:
            d.n = options["n"]  # of layers that are not known, or dissected again
        if layer := options["layer"] or (None if dissection is not None else coarse_layer(network)):
            d.layer = layer
        data, features = bundled_data(network) if options["real"] is None else (options["real"], None)
        self.removing = RemovalController(network, segmenter, layer=d.layer, dissection=self._known(d.result))
        self.ablating = AblateController(network, segmenter, layer=d.layer)
        self.inserting = ContextController(network, segmenter, layer=d.layer)
        self.searching = ArtifactsController(network, data, features=features, layer=d.layer)
        self.mending = AblateController(network, None, layer=d.layer)
        self.classes = class_picker(network)
        super().__init__()
        make_components(self)
        self._wires = [wire for connect in self._connections for wire in connect()]
        if self._runs and d.result is None:
            d.run()  # first, as curves wait for it
        if options["concept"] is not None:
            self.removing.concept = options["concept"]
        self._dissected()

    @validate(*WiredPanel.DECIDED)
    def _decide(self, proposal: Bunch) -> Any:
        """An assignment to the panel is one to its session, which may refuse it."""
        name = proposal["trait"].name
        owner = {"layer": self.dissecting, "concept": self.removing, "units": self.ablating}[name]
        setattr(owner, name, proposal["value"])
        return getattr(owner, name)

    # For the person at the keyboard

    @property
    def _controllers(self) -> tuple[Controller, ...]:
        return self.dissecting, self.removing, self.ablating, self.inserting, self.searching, self.mending

    def __repr__(self) -> str:
        units = plural(len(self.units), "unit")
        return f"Panel({self.network.name!r}, layer={self.layer!r}, concept={self.concept!r}, {units})"


callable_module(__name__, panel)
