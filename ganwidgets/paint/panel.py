"""The painting panel: a canvas on generated scenes, brushes that are a generator's own units, and a list of strokes.

`panel(network)` makes it; it reads as a list of components here and a list of wires in `panel_wires.py`. What is
computed lives in three controllers (`painting`, `dissecting`, `inserting`), how results become sheets and words in
`panel_views.py`.
"""

from typing import Any

from traitlets import Bunch, Instance, Int, Tuple, Unicode, validate

from ganwidgets import cells, ui
from ganwidgets.ablate.controller_context import ContextController
from ganwidgets.dissect.controller import DissectController
from ganwidgets.invert.adapt_edit import refining_edit
from ganwidgets.jobs import Controller
from ganwidgets.models.checkpoints import load
from ganwidgets.paint import panel_views as views
from ganwidgets.paint.controller import PaintController
from ganwidgets.paint.files import to_json
from ganwidgets.paint.panel_photo import SAVE, PhotoParts, photo_of
from ganwidgets.paint.panel_wires import WiredPanel
from ganwidgets.paint.photo_files import PaintedPhoto
from ganwidgets.paint.report import PaintReport
from ganwidgets.panels import bundled_dissection, callable_module, class_picker, segmenter_for
from ganwidgets.results.dissection import Dissection
from ganwidgets.wiring import Gate

QUICK = 256  # images of a dissection that is made for want of one
SETTLE_DELAY, REPORT_DELAY = 0.08, 0.12  # [s] the picture has gone to the page by then, and was painted


def panel(
    subject: Any = None,
    dissection: Dissection | None = None,
    segmenter: Any = None,
    *,
    network: Any = None,
    layer: str | None = None,
    seed: int = 1,
    n_scenes: int = 12,
    n: int = QUICK,
    run: bool = True,
    key: str | None = None,
) -> "Panel":
    """Paint on a generator's scenes, or on a photo, in a notebook cell, with the units that draw things.

    Args:
        subject: a generator, or what `ganwidgets.load` makes one of; or a photo: an `Inversion`, or a file that a
            panel or `paint.save_photo` wrote.
        dissection: which units mean what, for the brushes. None takes the one that comes with the bundled generator,
            and makes a quick one of others in the background; until it is there, and where there is no segmenter, one
            paints with units of one's own.
        segmenter: names the pixels, to make brushes and to count what strokes do: an object, or a name `segment.load`
            knows. None takes the bundled one for the bundled generators, and leaves others without.
        network: of a photo, the generator in which it was inverted.
        layer: to start with; None takes the dissection's first, or the last one of at most 8 × 8 cells.
        seed: of the scenes.
        n_scenes: number of scenes to choose from.
        n: images of a quick dissection.
        run: make one at once where it is missing.
        key: panels of one key replace each other; by default those of one notebook cell do, when it is run again.

    Raises:
        ValueError, TypeError: what cannot be a generator or a segmenter; a dissection, or a photo, of another network.
        traitlets.TraitError: no such layer, or a layer without maps.
    """
    options = {"seed": seed, "n_scenes": n_scenes} | ({} if layer is None else {"layer": layer})
    network, photo = photo_of(subject, network)
    made = Panel(network, dissection, segmenter, photo, n=n, run=run and dissection is None, **options)
    cells.replace(made, key)
    return made


class Panel(WiredPanel):
    """A composed view; displays itself in a cell. Its traits can be read, assigned and observed.

    Attributes:
        painting: the `PaintController`; it can paint, undo, save and load from Python.
        dissecting: the `DissectController` that makes brushes where there are none.
        inserting: the `ContextController` that looks for better places when a stroke did nothing.
        layout: the `ui.Layout` of all components; `painter`, `palette`, `stack`, `scenes`, `compare`, … are they.
    """

    layer = Unicode(help="Layer whose units paint.")
    brush = Unicode(help="Concept that is painted; empty: units of one's own.")
    units = Tuple(help="Numbers of the units that paint.")
    scene = Int(help="Which of the scenes is painted on.")
    strokes = Tuple(read_only=True, help="On the scene, the lowest first.")
    report = Instance(PaintReport, allow_none=True, read_only=True, help="What the uppermost stroke did.")

    def __init__(
        self,
        network: Any,
        dissection: Dissection | None,
        segmenter: Any,
        photo: PaintedPhoto | None = None,
        *,
        n: int,
        run: bool,
        **options: Any,
    ) -> None:
        self.network = network = load(network)
        self.segmenter = segmenter = segmenter_for(network, segmenter)
        if dissection is None and "layer" not in options and (coarse := views.coarse_layer(network)):
            options["layer"] = coarse
        quick, dissection = dissection is None, dissection or bundled_dissection(network, segmenter)
        if photo is not None:
            options |= {"inversion": photo.inversion, "refining": refining_edit, "n_scenes": 1}
        self.painting = PaintController(network, segmenter, dissection, **options)
        self.photo = None if photo is None else PhotoParts(self.painting)
        self.painting.settle_delay, self.painting.report_delay = SETTLE_DELAY, REPORT_DELAY
        self._gate, self._answered = Gate(), 0.0  # when the last stroke was answered [s]
        self.dissecting = DissectController(network, segmenter, n=n)
        self.inserting = ContextController(network, segmenter, layer=self.painting.layer, n_random_sets=0)
        self._offered = dict.fromkeys(dissection.layers if dissection else (), dissection)
        if dissection is not None:
            self.dissecting.adopt(dissection)
        if quick:
            self.dissecting.n = n  # of layers that are not known, or dissected again
        self.dissecting.layer = self.painting.layer
        self._runs_itself = run and segmenter is not None
        super().__init__()
        self._make_components()
        self._wires = [wire for connect in self._connections for wire in connect()]
        if photo is not None and photo.strokes:
            self.painting.open_photo(photo)
        self._dissect()

    # What it is made of

    def _make_components(self) -> None:
        self.picker = ui.LayerPicker()
        self.run_bar = ui.RunBar()
        self.palette = ui.ImageGrid(title="Brushes", multiple=False)
        self.settings = ui.Controls(fields=[views.UNITS, views.MODE, views.STRENGTH, views.RESIZE])
        self.painter = ui.MaskPainter()
        self.scenes = ui.ImageGrid(title="Scenes", message="Drawing the scenes…", multiple=False)
        self.seed = ui.Controls(fields=[views.SEED])
        self.classes = class_picker(self.network)
        self.stack = ui.EditStack(title="Strokes", message="Nothing is painted yet.")
        self.compare = ui.Compare(title="Before and after", message="Drawing the scene…")
        self.files = ui.Download(files=[*views.FILES, *([SAVE] if self.photo else [])])
        self.apply = ui.Controls(fields=views.APPLY, values={"n": 20})
        self.others = ui.ImageGrid(show="after", message="The same strokes on many scenes: press Apply.")
        self.layout = ui.Layout.of(self._arranged(), title=f"Painting with {self.network.name}")

    def _arranged(self) -> Any:
        picked, photo = [self.classes] if self.classes else [], self.photo
        on, left, right, many = [self.scenes], [self.seed], [], self.apply
        if photo is not None:  # it is the only scene; the seed is that of the others
            on, left, right, many = (
                [photo.refine_bar, photo.facts],
                [],
                [photo.drop],
                ui.row(self.seed, self.apply, weights=(1, 4)),
            )
        return ui.column(
            ui.row(self.picker, self.run_bar, weights=(5, 6)),
            ui.row(
                ui.column(*picked, self.palette, self.settings, *left),
                ui.column(self.painter, *on),
                ui.column(self.stack, self.compare, self.files, *right),
                weights=(5, 8, 6),
            ),
            ui.column(many, self.others),
        )

    @validate(*WiredPanel.DECIDED)
    def _decide(self, proposal: Bunch) -> Any:
        """An assignment to the panel is one to its session, which may refuse it."""
        name = proposal["trait"].name
        setattr(self.painting, name, proposal["value"])
        return getattr(self.painting, name)

    # Files

    def _file(self, name: str) -> tuple[str, bytes | str]:
        p = self.painting
        if name == "photo":
            return self.photo.file()
        if name == "strokes":
            return f"{self.network.name}-strokes.json", to_json(p.strokes, self.network)
        if p.after is None:
            raise ValueError("There is no picture to save yet: try again in a moment.")
        scene = "photo" if self.photo else f"{p.seed}-{p.scene}"
        return f"{self.network.name}-{scene}.png", views.png(p.after)

    # For the person at the keyboard

    @property
    def _controllers(self) -> tuple[Controller, ...]:
        return self.dissecting, self.painting, self.inserting

    def __repr__(self) -> str:
        painted = f"{len(self.strokes)} stroke{'' if len(self.strokes) == 1 else 's'}"
        return f"Panel({self.network.name!r}, layer={self.layer!r}, brush={self.brush!r}, {painted})"


callable_module(__name__, panel)
