"""Buttons that save files on the person's own computer."""

import mimetypes
import re
from collections.abc import Callable

from traitlets import Bunch, TraitError, validate

from ganwidgets.ui.component import Component, bundle, suggest
from ganwidgets.ui.traits import PlainDict, PlainList, require_keys

FileMaker = Callable[[], tuple[str, bytes | str]]


class Download(Component):
    """A press makes the file in Python, and the browser in which it was pressed saves it; nothing is written here."""

    _esm, _css = bundle("download")

    files = PlainList(help="{name, label, hint?}: a button each.").tag(sync=True)
    disabled = PlainDict(help="Name of a file -> why it cannot be had now.").tag(sync=True)

    def __init__(self, **traits: object) -> None:
        self._makers: dict[str, FileMaker] = {}
        super().__init__(**traits)
        self.on_request("file", self._give)

    def on_file(self, name: str, make: FileMaker) -> None:
        """Calls `make()` whenever the file of this name is asked for.

        Args:
            name: among `files`.
            make: gives (file name, content). What it raises is shown, and nothing is saved.
        """
        self._makers[name] = make

    def _give(self, name: str, ticket: str) -> None:
        """The file goes to the view that holds the ticket: another view of the same buttons must not save it, too."""
        if name not in self._makers:
            raise LookupError(
                f"Nothing in Python makes the file {name!r}: give `on_file({name!r}, ...)` a function."
                f"{suggest(name, sorted(self._makers))}"
            )
        file_name, content = self._makers[name]()
        data = content.encode() if isinstance(content, str) else content
        kind = mimetypes.guess_type(file_name)[0] or "application/octet-stream"
        self.send({"ticket": ticket, "file": safe_name(file_name), "type": kind}, [data])

    @validate("files")
    def _check_files(self, proposal: Bunch) -> list:
        require_keys("files", proposal["value"], ("name", "label"), ("hint",))
        return proposal["value"]

    @validate("disabled")
    def _check_disabled(self, proposal: Bunch) -> dict:
        names = [file["name"] for file in self.files]
        for name in proposal["value"]:
            if names and name not in names:
                raise TraitError(
                    f"`disabled` names the unknown file {name!r}; known are {names}.{suggest(name, names)}"
                )
        return proposal["value"]

    def describe(self) -> str:
        return ", ".join(file["label"] for file in self.files)


def safe_name(name: str) -> str:
    """A file name that means the same everywhere: no folders, no signs with a meaning to some system."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.")[:120] or "file"
