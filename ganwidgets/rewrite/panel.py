"""The rewriting panel: mark what a rule is about, apply, and see it change in every picture.

`panel(network)` makes it; it reads as a list of components here and a list of wires in `panel_wires.py`. What is
computed lives in controllers (`session`, `marking`, `goal`, `rule`, `reporting`, `advising`), how results become
sheets, words and tables in `panel_views.py`, `panel_words.py` and `panel_tables.py`.
"""

from typing import Any

from traitlets import Bunch, Float, Int, Tuple, Unicode, validate

from ganwidgets import cells, ui
from ganwidgets.jobs import Controller
from ganwidgets.models.checkpoints import load
from ganwidgets.models.export import encode_weights
from ganwidgets.models.generator import Generator
from ganwidgets.panels import callable_module, class_picker, segmenter_for
from ganwidgets.rewrite import panel_fields as fields
from ganwidgets.rewrite import panel_tables as tables
from ganwidgets.rewrite import panel_views as views
from ganwidgets.rewrite.controller import RewriteController
from ganwidgets.rewrite.controller_advice import AdviceController
from ganwidgets.rewrite.controller_goal import GoalController
from ganwidgets.rewrite.controller_marking import MarkingController
from ganwidgets.rewrite.controller_report import ReportController
from ganwidgets.rewrite.controller_rule import RuleController
from ganwidgets.rewrite.panel_wires import WiredPanel


def panel(network: Any, segmenter: Any = None, *, key: str | None = None, **traits: Any) -> "Panel":
    """Rewrite a rule of a generator in a notebook cell: copy, paste, say where it shall hold, apply.

    Args:
        network: a generator, or what `ganwidgets.load` makes one of.
        segmenter: names the pixels, to count what an edit did: an object, or a name `segment.load` knows. None takes
            the bundled one for the bundled generators, and leaves others without.
        key: panels of one key replace each other; by default those of one notebook cell do, when it is run again.
        traits: first values of the session, such as layer, rank, seed, n_sample or truncation.

    Raises:
        ValueError, TypeError: what cannot be a generator or a segmenter, or a network without an editable layer.
        traitlets.TraitError: no such layer, or another value that is refused.
    """
    made = Panel(network, segmenter, **traits)
    cells.replace(made, key)
    return made


class Panel(WiredPanel):
    """A composed view; displays itself in a cell. Its traits can be read, assigned and observed.

    Attributes:
        session: the `RewriteController`; it can mark, apply, undo, save and load from Python.
        marking: the `MarkingController`: the region that is painted now.
        goal: the `GoalController`: which concept seems to become which.
        rule: the `RuleController`: goes on from an edit over pictures nobody marked.
        reporting, advising: what the edits did, and which layer and rank to begin with.
        layout: the `ui.Layout` of all components; `painter`, `trays`, `grid`, `stack`, `compare`, … are they;
            `classes` is None for networks without.
    """

    layer = Unicode(help="Whose rules are rewritten.")
    rank = Int(1, help="Directions along which an edit may change the layer.")
    smoothness = Float(0.3, help="λ: the price of changes elsewhere.")
    image = Int(help="Number of the picture that is painted on.")
    numbers = Tuple(help="Which pictures of the sample are on show.")
    edits = Tuple(read_only=True, help="The first one first, those left out included.")

    def __init__(self, network: Any, segmenter: Any, **traits: Any) -> None:
        self.network = network = load(network)
        self.segmenter = segmenter = segmenter_for(network, segmenter)
        self.session = RewriteController(network, **traits)
        self.marking = MarkingController(self.session)
        self.goal = GoalController(self.session, segmenter)
        self.rule = RuleController(self.session, segmenter)
        self.reporting = ReportController(self.session, segmenter)
        self.advising = AdviceController(self.session, segmenter)
        super().__init__()
        self._make_components()
        self._wires = [wire for connect in self._connections for wire in connect()]

    @property
    def edited(self) -> Generator:
        """The network with the edits in force; the network itself if there are none."""
        return self.session.edited

    # What it is made of

    def _make_components(self) -> None:
        self.trays = {
            kind: ui.Tray(title=title, color=color, message=hint) for kind, (title, color, hint) in fields.TRAYS.items()
        }
        self.opening = ui.Controls(fields=fields.OPENING)
        self.drop = ui.FileDrop(label="Open", hint="saved edits or marks; or drop them here", accept=views.ENDINGS)
        self.classes = class_picker(self.network)
        self.painter = ui.MaskPainter(color=views.BRUSH, message="Drawing the pictures…")
        self.put = ui.Controls(fields=fields.PUT)
        self.look = ui.Controls(fields=fields.LOOK)
        self.grid = ui.ImageGrid(message="Drawing the pictures…", multiple=False, show="after")
        self.settings = ui.Controls(fields=fields.settings(self.session.editable_layers, self.network))
        self.advanced = ui.Controls(fields=fields.ADVANCED)
        self.run_bar = ui.RunBar(label="Apply", resumable=False)
        self.others = ui.Controls(fields=fields.others(0))
        strengths = {"strengths": views.STRENGTHS, "renamable": True}
        self.stack = ui.EditStack(title="Edits", message="No rule is changed yet.", **strengths)
        self.compare = ui.Compare(message="Drawing the picture…")
        self.curve = ui.Curve(x_label="step", y_label="without an edit: 1")
        concepts = getattr(self.segmenter, "concepts", ())
        self.rule_fields = ui.Controls(fields=fields.rule_fields(concepts))
        self.rule_bar = ui.RunBar(label="Generalise", resumable=False)
        self.rule_curve = ui.Curve(x_label="step", y_label="mean of ten steps")
        self.report_fields = ui.Controls(fields=fields.report_fields(concepts))
        self.report_bar = ui.RunBar(resumable=False)
        looks = {"horizontal": True, "value_label": tables.VALUE, "reference_label": tables.REFERENCE}
        self.report_bars = ui.Histogram(groups=tables.GROUPS, **looks)
        self.advice_bar = ui.RunBar(resumable=False)
        self.advice_table = ui.Matrix(value_label=tables.ADVICE_VALUE, percent=True, limits=[0, 1])
        axes = {"x_label": tables.ELSEWHERE, "y_label": tables.ADVICE_VALUE, "x_percent": True, "y_percent": True}
        self.advice_plot = ui.Scatter(groups=tables.TRIALS, message=tables.NO_TRIALS, **axes)
        self.files = ui.Download(files=fields.FILES)
        self.layout = ui.Layout.of(self._arranged(), title=f"Rewriting {self.network.name}")

    def _arranged(self) -> Any:
        tabs = ui.tabs(
            ui.column(self.compare, label="Compare"),
            ui.column(self.curve, label="How found"),
            ui.column(self.rule_fields, self.rule_bar, self.rule_curve, label="Generalise"),
            ui.column(self.report_fields, self.report_bar, self.report_bars, label="Report"),
            ui.column(self.advice_bar, self.advice_table, self.advice_plot, label="Advice"),
        )
        more = ui.fold(self.advanced, label="More settings")
        return ui.row(
            ui.column(*self.trays.values(), self.drop, self.opening),
            ui.column(self.painter, self.put, *([self.classes] if self.classes else []), self.look, self.grid),
            ui.column(self.settings, more, self.run_bar, self.others, self.stack, self.files, tabs),
            weights=(4, 9.3, 7),
        )

    @validate(*WiredPanel.DECIDED)
    def _decide(self, proposal: Bunch) -> Any:
        """An assignment to the panel is one to its session, which may refuse it."""
        name = proposal["trait"].name
        setattr(self.session, name, proposal["value"])
        return getattr(self.session, name)

    # Files

    def _open(self, name: str, content: bytes) -> None:
        """Marks in the original's JSON, or edits; which of them, the content says."""
        if content.lstrip()[:1] == b"{":
            self.session.load_request(content)
        else:
            self.session.load(content)

    def _file(self, name: str) -> tuple[str, bytes | str]:
        s, stem = self.session, self.network.name
        if name == "edits":
            return f"{stem}-edits.safetensors", s.to_bytes()
        if name == "request":
            return f"{stem}-marks.json", s.request_json()
        if name == "picture":
            return f"{stem}-{s.seed}-{s.image}.png", views.png(s.image_after)
        content = encode_weights(s.edited, ".safetensors")
        if len(content) > views.MOST_EXPORTED:
            raise ValueError(
                f"The weights take {len(content) / 2**20:.0f} MiB, more than a page should carry: write them from "
                "Python, gw.models.export_weights(p.edited, path)."
            )
        return f"{stem}-rewritten.safetensors", content

    # For the person at the keyboard

    @property
    def _controllers(self) -> tuple[Controller, ...]:
        return self.marking, self.session, self.goal, self.rule, self.reporting, self.advising

    def __repr__(self) -> str:
        n = len(self.edits)
        return f"Panel({self.network.name!r}, layer={self.layer!r}, rank={self.rank}, {n} edit{'' if n == 1 else 's'})"


callable_module(__name__, panel)
