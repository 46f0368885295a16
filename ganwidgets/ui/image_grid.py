"""Pictures side by side: before, after, and what changed."""

import io
import re

from PIL import Image
from traitlets import Bool, Bunch, TraitError, Unicode, validate

from ganwidgets.ui.component import Component, bundle, plural
from ganwidgets.ui.draw import PAPER
from ganwidgets.ui.traits import PlainDict, PlainList, require_keys


class ImageGrid(Component):
    """One sheet of pictures at a time, chosen by name; the old one stays until the new one can be drawn."""

    _esm, _css = bundle("image_grid")

    sheets = PlainDict(
        help="Name -> {image: JPEG or PNG bytes, columns, tile: [width, height], count, scale?, legend?}; scale: [low, "
        "high], words for the ends of viridis; legend: {name, color} for each colour that means something."
    ).tag(sync=True)
    show = Unicode("", help="The name of the sheet to show; the first one when empty or unknown.").tag(sync=True)
    captions = PlainList(help="A caption per picture.").tag(sync=True)
    title = Unicode("").tag(sync=True)
    message = Unicode("", help="What to say where pictures would be.").tag(sync=True)
    busy = Bool(False, help="New pictures are on their way.").tag(sync=True)
    selected = PlainList(help="Positions of the chosen pictures.").tag(sync=True)
    multiple = Bool(True, help="Whether several can be chosen; otherwise a click chooses one in place of another.").tag(
        sync=True
    )

    @validate("sheets")
    def _check_sheets(self, proposal: Bunch) -> dict:
        sheets = proposal["value"]
        for name, sheet in sheets.items():
            require_keys(
                f"sheets[{name!r}]", [sheet], ("image", "columns", "tile", "count"), ("mask", "seg", "scale", "legend")
            )
            _check_legend(name, sheet.get("legend") or [])
            if not isinstance(sheet["image"], bytes):
                raise TraitError(
                    f"`sheets[{name!r}]['image']` must be the bytes of a JPEG or PNG, got {type(sheet['image'])}."
                )
        return sheets

    def shown(self) -> dict | None:
        """The sheet that is on show, or None."""
        return self.sheets.get(self.show) or next(iter(self.sheets.values()), None)

    def describe(self) -> str:
        sheet = self.shown()
        return "empty" if sheet is None else f"{plural(sheet['count'], 'image')}, {' / '.join(self.sheets)}"

    def picture(self) -> Image.Image | None:
        """The sheet that is on show; places without a picture are left blank."""
        sheet = self.shown()
        if sheet is None:
            return None
        with Image.open(io.BytesIO(sheet["image"])) as opened:
            drawn = opened.convert("RGB")
        width, height = sheet["tile"]
        left, top = sheet["count"] % sheet["columns"] * width, sheet["count"] // sheet["columns"] * height
        drawn.paste(PAPER, (left, top, drawn.width, drawn.height))
        return drawn


def _check_legend(name: str, legend: list) -> None:
    require_keys(f"sheets[{name!r}]['legend']", legend, ("name", "color"))
    for entry in legend:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", str(entry["color"])):
            raise TraitError(f"`legend` needs colours like '#0072b2', got {entry['color']!r} for {entry['name']!r}.")
