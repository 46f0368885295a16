"""The inverting panel: bring a photo, watch a generator find it, see how much to believe of that, and paint on it.

`panel(network)` makes it; it reads as a list of components here and a list of wires in `panel_wires.py`. What is
computed lives in three controllers (`session`, `adapting`, `judging`), how results become pictures and words in
`panel_views.py`.
"""

from pathlib import Path
from typing import Any

from traitlets import Bunch, Instance, Tuple, Unicode, validate

from ganwidgets import cells, ui
from ganwidgets.invert import panel_views as views
from ganwidgets.invert.controller import InvertController
from ganwidgets.invert.controller_after import AdaptController, VerdictController
from ganwidgets.invert.drawing import chosen_layer
from ganwidgets.invert.panel_wires import WiredPanel
from ganwidgets.jobs import Controller
from ganwidgets.models.checkpoints import load
from ganwidgets.paint import photo_files
from ganwidgets.paint.panel import panel as painting_panel
from ganwidgets.panels import callable_module, class_picker, is_scenes, network_name
from ganwidgets.results.foreign import read_limited
from ganwidgets.results.inversion import Inversion
from ganwidgets.results.inversion_files import format_of, is_saved


def panel(
    network: Any, photo: Any = None, *, run: bool = True, judge: bool = True, key: str | None = None, **traits: Any
) -> "Panel":
    """Find a photo in a generator, in a notebook cell: drop one, paste one, or give it here.

    Args:
        network: a generator, or what `ganwidgets.load` makes one of.
        photo: to begin with: a path, the bytes of a file, a PIL image, an array, a tensor, or an `Inversion` that was
            made before. A file may also be a saved inversion, or a painted photo, whatever it is called. None waits
            for one.
        run: search as soon as there is a photo.
        judge: compare with the generator's own pictures afterwards, in the background.
        key: panels of one key replace each other; by default those of one notebook cell do, when it is run again.
        traits: first values of the session: strategy, steps, starts, seed, layer.

    Raises:
        ValueError, TypeError: what cannot be a generator, or a photo.
        traitlets.TraitError: a setting that is refused.
    """
    made = Panel(network, run=run, judge=judge, **traits)
    cells.replace(made, key)
    if photo is not None:
        made.open(photo)
    return made


class Panel(WiredPanel):
    """A composed view; displays itself in a cell. Its traits can be read, assigned and observed.

    Attributes:
        session: the `InvertController`; it can open photos, search, save and load from Python.
        adapting: the `AdaptController`.
        judging: the `VerdictController`.
        painting: the painting panel below, once it was asked for.
        layout: the `ui.Layout` of all components; `drop`, `crop`, `compare`, `facts`, … are the components.
    """

    strategy = Unicode(help="Name of the strategy.")
    box = Tuple(help="(top, left, bottom, right) of the part that is meant, in shares of the photo.")
    fit = Unicode(help="How that part gets the network's shape.")
    inversion = Instance(Inversion, allow_none=True, read_only=True, help="What was found; None until it was.")

    def __init__(self, network: Any, *, run: bool = True, judge: bool = True, **traits: Any) -> None:
        self.network = network = load(network)
        self._name, self._usual_layer = network_name(network), chosen_layer(network)
        self.session = InvertController(network, drawn=is_scenes(network), **traits)
        self.session.starts_itself = run
        self.adapting = AdaptController(self.session)
        self.judging = VerdictController(self.session, self.adapting, judges_itself=judge)
        self.painting: Any = None
        super().__init__()
        self._make_components()
        self._wires = [wire for connect in self._connections for wire in connect()]
        self.session.look_for_examples()

    # What it is made of

    def _make_components(self) -> None:
        network = self.network
        self.drop = ui.FileDrop(
            label="Open a photo",
            hint="or drop it here, or paste it; saved inversions, too",
            accept=views.ENDINGS,
            max_side=views.MAX_SIDE,
        )
        _, height, width = network.image_shape
        self.crop = ui.CropBox(
            title="Photo", aspect=width / height, message="Open a photo, or choose one of the pictures below."
        )
        self.examples = ui.ImageGrid(title="To try", message="Drawing pictures to try…", multiple=False)
        self.classes = class_picker(network)
        known = views.strategies(hasattr(network, "ws_of"))
        self.settings = ui.Controls(fields=[views.strategy_field(known)])
        layers = [name for name in network.map_layers if "." not in name] or list(network.map_layers)
        layers = layers if self.session.layer in layers else [*layers, self.session.layer]
        self.more = ui.Controls(fields=[*views.SETTINGS, views.layer_field(layers)])
        self.run_bar = ui.RunBar(label="Invert", noun="step")
        self.compare = ui.Compare(message="What the generator draws for the photo appears here.")
        self.error = ui.ImageGrid(title="Where it is off", message="No picture yet.", multiple=False)
        self.nearness = ui.Curve(x_label="step", y_label="PSNR [dB]", message="No steps yet.")
        self.loss = ui.Curve(x_label="step", y_label="loss", message="No steps yet.")
        self.facts = ui.Facts(title="How much to believe")
        self.judge_bar = ui.RunBar(label="Judge", resumable=False)
        self.adapt_fields = ui.Controls(fields=views.ADAPT)
        self.adapt_bar = ui.RunBar(label="Adapt to this photo", resumable=False)
        self.buttons = ui.Controls(fields=views.BUTTONS)
        self.files = ui.Download(files=views.FILES)
        self.snippet = ui.CodeSnippet(label="Copy as Python")
        self.below = ui.Layout()  # for what is painted
        self.layout = ui.Layout.of(self._arranged(), title=f"A photo in {network.name}")

    def _arranged(self) -> Any:
        picked = [self.classes] if self.classes else []
        curves = ui.tabs(ui.column(self.nearness, label="PSNR"), ui.column(self.loss, label="Loss"))
        after = ui.column(self.adapt_fields, self.adapt_bar, self.buttons, label="Make it exact, and paint")
        search = (*picked, self.settings, self.run_bar, ui.fold(self.more, label="More settings"))
        body = ui.row(
            ui.column(self.drop, self.crop, *search, self.examples),
            ui.column(self.compare, ui.row(self.error, curves, weights=(4, 5)), self.files, self.snippet),
            ui.column(self.facts, self.judge_bar, after),
            weights=(5, 8, 6),
        )
        return ui.column(body, self.below)

    @validate(*WiredPanel.DECIDED)
    def _decide(self, proposal: Bunch) -> Any:
        """An assignment to the panel is one to its session, which may refuse it."""
        name = proposal["trait"].name
        setattr(self.session, name, proposal["value"])
        return getattr(self.session, name)

    # Files

    def _take(self, name: str, content: bytes) -> None:
        """A photo, or a saved inversion, painted on or not; which of them, the content says."""
        if is_saved(name, content):
            self._take_saved(content)
        else:
            self.session.open(content, name)

    def _take_saved(self, content: bytes) -> None:
        if format_of(content) == photo_files.FORMAT:
            network = self.session.network_of(photo_files.inversion_of(content))
            painted = photo_files.from_bytes(content, network)
            self.session.adopt(painted.inversion)
            self.paint(painted)
        else:
            self.session.load(content)

    def _file(self, name: str) -> tuple[str, bytes]:
        s = self.session
        stem = f"{self.network.name}-{Path(s.photo_name or 'photo').stem}"
        if name == "inversion":
            return f"{stem}.safetensors", s.to_bytes()
        if s.image is None:
            raise ValueError("There is no picture to save yet.")
        return f"{stem}.png", views.png(s.image)

    # For the person at the keyboard

    def open(self, photo: Any, *, wait: bool = False) -> "Panel":
        """Take a photo (a path, bytes, a PIL image, an array, a tensor), or an `Inversion`, or the path of a saved one.

        Args:
            photo: it.
            wait: come back when it was found.

        Raises:
            FileNotFoundError, ValueError, TypeError: what is none; what was there stays.
        """
        s = self.session
        if isinstance(photo, Inversion):
            s.adopt(photo)
        elif isinstance(photo, str | Path) and is_saved(photo):
            read_limited(photo, photo_files.MOST_BYTES, "a saved inversion", self._take_saved)
        elif isinstance(photo, str | Path):
            s.open(photo, Path(photo).name, code=repr(str(photo)))
        elif isinstance(photo, bytes):
            self._take("the photo", photo)
        else:
            s.open(photo)
        return self.wait() if wait else self

    def run(self) -> "Panel":
        """Search for the photo, in this thread, and come back when it was found."""
        self.session.run(wait=True)
        return self

    def paint(self, photo: Any = None, **options: Any) -> Any:
        """The painting panel with the photo as its scene, shown below.

        Args:
            photo: one that was painted on before; None is the one that was found.
            options: of `paint.panel`.

        Raises:
            ValueError: nothing was found yet.
        """
        s = self.session
        photo = s.inversion if photo is None else photo
        if photo is None:
            raise ValueError("There is no inversion yet: open a photo, and wait for it.")
        old, self.painting = self.painting, painting_panel(photo, network=s.found_in, **options)
        self.below.children = [self.painting.layout]
        if old is not None:
            old.close()
        return self.painting

    def close(self) -> None:
        """Stop what runs, the painting below included, and free what it held."""
        if self.painting is not None:
            self.painting.close()
        super().close()

    @property
    def _controllers(self) -> tuple[Controller, ...]:
        return self.session, self.adapting, self.judging

    def __repr__(self) -> str:
        found = "nothing found yet" if self.inversion is None else f"{self.inversion.errors.psnr:.1f} dB"
        return f"Panel({self.network.name!r}, strategy={self.strategy!r}, {found})"


callable_module(__name__, panel)
