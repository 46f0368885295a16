"""Two pictures of one thing: before and after."""

from PIL import Image
from traitlets import Bool, Bunch, Enum, TraitError, Unicode, validate

from ganwidgets.ui import draw
from ganwidgets.ui.component import Component, bundle
from ganwidgets.ui.pictures import PictureBytes, opened
from ganwidgets.ui.traits import Number, PlainList

MODES = ("slider", "side", "difference")


class Compare(Component):
    """A line to drag between two pictures, both side by side, or what changed.

    The difference is measured in the browser. JPEG changes a few percent of a picture by itself: give PNG where small
    changes matter.
    """

    _esm, _css = bundle("compare")

    before = PictureBytes("The first picture: JPEG or PNG.")
    after = PictureBytes("The second picture, of the same size.")
    labels = PlainList(("Before", "After"), help="What the two are called.").tag(sync=True)
    mode = Enum(MODES, "slider", help="How they are compared.").tag(sync=True)
    position = Number(0.5, help="Where the line stands, as a share of the width; before is at its left.").tag(
        sync=True, echo_update=False
    )
    title = Unicode("").tag(sync=True)
    message = Unicode("", help="What to say where pictures would be.").tag(sync=True)
    busy = Bool(False, help="A new picture is on its way.").tag(sync=True)

    @validate("labels")
    def _check_labels(self, proposal: Bunch) -> list[str]:
        labels = proposal["value"]
        if len(labels) != 2 or not all(isinstance(label, str) for label in labels):
            raise TraitError(f"`labels` must be two texts, got {labels!r}.")
        return labels

    @validate("position")
    def _check_position(self, proposal: Bunch) -> float:
        if not 0 <= proposal["value"] <= 1:
            raise TraitError(f"`position` must lie in [0, 1], got {proposal['value']}.")
        return proposal["value"]

    def describe(self) -> str:
        given = [label for label, data in zip(self.labels, (self.before, self.after), strict=True) if data]
        return " / ".join(given) or "empty"

    def picture(self) -> Image.Image | None:
        """The two next to each other."""
        pictures = [picture for picture in (opened(self.before), opened(self.after)) if picture is not None]
        return draw.arrange(pictures, "row") if pictures else None
