"""Edits in order, the newest at the top: mute, weaken, move, delete, undo."""

import io

from PIL import Image
from traitlets import Bool, Bunch, TraitError, Unicode, validate

from ganwidgets.ui import draw
from ganwidgets.ui.component import Component, bundle, plural
from ganwidgets.ui.traits import PlainDict, PlainList, require_keys, require_numbers

_OPTIONAL = ("detail", "muted", "strength", "thumbnail", "color")


class EditStack(Component):
    """A list of edits that shows what Python said and asks Python to change it.

    Each wish is a request with the entry's id as `entry`, so that it means the same edit however the list has changed
    meanwhile: "mute" (`entry`, `muted`), "delete" (`entry`), "strength" (`entry`, `strength`), "move" (`entry`, `to`:
    its new position in `entries`), "rename" (`entry`, `name`; if `renamable`), and "undo" and "redo" without fields.
    `on_request` takes the functions.
    """

    _esm, _css = bundle("edit_stack")

    entries = PlainList(
        help="Oldest first: {id, title, detail?, muted?, strength?, thumbnail?, color?}; thumbnail: a tile of `sheet`."
    ).tag(sync=True)
    sheet = PlainDict(
        default_value=None, allow_none=True, help="Thumbnails: {image, columns, tile, count}, or None."
    ).tag(sync=True)
    selected = Unicode("", help="Id of the chosen entry; empty when none is.").tag(sync=True)
    hovered = Unicode("", help="Id of the entry under the pointer or with the focus; empty when none is.").tag(
        sync=True, echo_update=False
    )
    can_undo = Bool(False, help="There is something to undo.").tag(sync=True)
    can_redo = Bool(False, help="There is something to redo.").tag(sync=True)
    title = Unicode("").tag(sync=True)
    message = Unicode("", help="What to say where entries would be.").tag(sync=True)
    strengths = PlainList((0.0, 1.0), help="[lowest, highest] that a strength may be.").tag(sync=True)
    renamable = Bool(False, help="A double click or F2 lets a person type another title.").tag(sync=True)

    @validate("entries")
    def _check_entries(self, proposal: Bunch) -> list:
        entries = proposal["value"]
        require_keys("entries", entries, ("id", "title"), _OPTIONAL)
        ids = [entry["id"] for entry in entries]
        for entry in entries:
            if not (isinstance(entry["id"], str) and entry["id"]):
                raise TraitError(f"`entries` needs ids that are texts, got {entry['id']!r}.")
            strength = entry.get("strength")
            low, high = self.strengths
            if strength is not None and not low <= strength <= high:
                where = f"[{low:g}, {high:g}]"
                raise TraitError(f"`entries`: the strength of {entry['id']!r} must lie in {where}, got {strength}.")
        if len(set(ids)) < len(ids):
            twice = next(one for one in ids if ids.count(one) > 1)
            raise TraitError(f"`entries` needs one entry per id, got {twice!r} twice.")
        return entries

    @validate("strengths")
    def _check_strengths(self, proposal: Bunch) -> list:
        ends = proposal["value"]
        require_numbers("strengths", ends)
        if len(ends) != 2 or None in ends or not ends[0] < ends[1]:
            raise TraitError(f"`strengths` must be [lowest, highest], got {ends}.")
        return ends

    @validate("sheet")
    def _check_sheet(self, proposal: Bunch) -> dict | None:
        if proposal["value"] is not None:
            require_keys("sheet", [proposal["value"]], ("image", "columns", "tile"), ("count",))
        return proposal["value"]

    def describe(self) -> str:
        muted = sum(bool(entry.get("muted")) for entry in self.entries)
        return f"{plural(len(self.entries), 'edit')}, {muted} muted"

    def picture(self) -> Image.Image | None:
        """The newest edits with their thumbnails."""
        if not self.entries:
            return None
        tiles = self._tiles()
        newest = self.entries[:-13:-1]
        cards = [
            draw.Card(
                f"{100 * entry['strength']:.0f} %" if entry.get("strength") is not None else "",
                entry["title"],
                "muted" if entry.get("muted") else "",
                entry.get("color") or draw.PAPER,
                tiles.get(entry.get("thumbnail")),
            )
            for entry in newest
        ]
        return draw.cards(cards, note=f"{len(newest)} of {plural(len(self.entries), 'edit')}, the newest first")

    def _tiles(self) -> dict[int | None, Image.Image]:
        if self.sheet is None:
            return {}
        width, height = self.sheet["tile"]
        with Image.open(io.BytesIO(self.sheet["image"])) as opened:
            whole = opened.convert("RGB")
        found: dict[int | None, Image.Image] = {}
        for index in {entry["thumbnail"] for entry in self.entries if isinstance(entry.get("thumbnail"), int)}:
            row, column = divmod(index, self.sheet["columns"])
            corner = column * width, row * height
            found[index] = whole.crop((*corner, corner[0] + width, corner[1] + height))
        return found
