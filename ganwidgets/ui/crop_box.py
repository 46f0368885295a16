"""Which part of a picture is meant, and how it gets the shape that is needed."""

from PIL import Image, ImageDraw
from traitlets import Bool, Bunch, Enum, TraitError, Unicode, validate

from ganwidgets.ui.component import Component, bundle
from ganwidgets.ui.pictures import PictureBytes, opened
from ganwidgets.ui.traits import Number, PlainList, require_numbers

FITS = ("crop", "letterbox", "stretch")
_DIM = 110  # of 255: what lies outside, in the still picture


class CropBox(Component):
    """A picture with a box to drag, to pull larger and to move with the keys.

    With "crop" the box keeps the `aspect`; with "letterbox" and "stretch" it has any shape, and a small picture beside
    shows the bars, or how it is squashed. Arrow keys move the box, with Shift or as + and - they make it larger or
    smaller. `box` changes when a gesture ends.
    """

    _esm, _css = bundle("crop_box")

    image = PictureBytes("The picture: JPEG or PNG.")
    size = PlainList(help="[width, height] of the picture that it shows [pixels]; empty: its own.").tag(sync=True)
    box = PlainList((0.0, 0.0, 1.0, 1.0), help="[top, left, bottom, right] as shares of the picture.").tag(
        sync=True, echo_update=False
    )
    aspect = Number(1.0, help="Width over height of what is needed; 0: any.").tag(sync=True)
    fit = Enum(FITS, "crop", help="How the part in the box gets that shape.").tag(sync=True, echo_update=False)
    fits = PlainList(FITS, help="Which of these are offered.").tag(sync=True)
    title = Unicode("").tag(sync=True)
    message = Unicode("", help="What to say where a picture would be.").tag(sync=True)
    busy = Bool(False, help="Another picture is on its way.").tag(sync=True)

    @validate("box")
    def _check_box(self, proposal: Bunch) -> list:
        box = proposal["value"]
        require_numbers("box", box)
        if len(box) != 4 or None in box or not (0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1):
            raise TraitError(f"`box` must be [top, left, bottom, right] in shares of the picture, 0 to 1, got {box}.")
        return box

    @validate("size")
    def _check_size(self, proposal: Bunch) -> list:
        size = proposal["value"]
        if size and (len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size)):
            raise TraitError(f"`size` must be [width, height] in pixels, or empty, got {size}.")
        return size

    @validate("aspect")
    def _check_aspect(self, proposal: Bunch) -> float:
        if not proposal["value"] >= 0:
            raise TraitError(f"`aspect` must be width over height, or 0 for any, got {proposal['value']}.")
        return proposal["value"]

    @validate("fits")
    def _check_fits(self, proposal: Bunch) -> list:
        unknown = [fit for fit in proposal["value"] if fit not in FITS]
        if unknown or not proposal["value"]:
            raise TraitError(f"`fits` must hold some of {list(FITS)}, got {proposal['value']}.")
        return proposal["value"]

    def describe(self) -> str:
        top, left, bottom, right = (round(100 * side) for side in self.box)
        return f"{self.fit}, {left}-{right} % × {top}-{bottom} %" if self.image else "empty"

    def picture(self) -> Image.Image | None:
        """The picture, dark outside the box."""
        picture = opened(self.image)
        if picture is None:
            return None
        top, left, bottom, right = self.box
        edges = [
            round(side * length) for side, length in zip((left, top, right, bottom), picture.size * 2, strict=True)
        ]
        mask = Image.new("L", picture.size, _DIM)
        ImageDraw.Draw(mask).rectangle((edges[0], edges[1], edges[2] - 1, edges[3] - 1), fill=255)
        return Image.composite(picture, Image.new("RGB", picture.size), mask)
