"""A place to drop a file, or to choose one: its bytes come to Python."""

from collections.abc import Callable, Sequence

from traitlets import Bunch, Int, TraitError, Unicode, validate

from ganwidgets.ui.component import Component, bundle
from ganwidgets.ui.download import safe_name
from ganwidgets.ui.pictures import MOST_BYTES
from ganwidgets.ui.traits import PlainList

FileTaker = Callable[[str, bytes], object]

MOST_FILE = 64 * 2**20  # bytes of a file, all pieces together


class FileDrop(Component):
    """A person drops a file here, pastes one, or presses the button and chooses one; nothing is written anywhere.

    Large files come piece by piece, as a message above 8 MiB never reaches Python; above 64 MiB the browser refuses
    them. With `max_side`, pictures above it, or above 8 MiB, are made smaller there instead, the right way up, and the
    person is told.
    """

    _esm, _css = bundle("file_drop")

    label = Unicode("Open a file", help="What the button says.").tag(sync=True)
    hint = Unicode("", help="Which files are meant; stands beside the button.").tag(sync=True)
    accept = PlainList(help="Endings that are offered and taken, such as '.json'; empty: all.").tag(sync=True)
    disabled = Unicode("", help="Why no file can be taken now; empty when one can.").tag(sync=True)
    max_side = Int(
        0, min=0, help="Longest side of a picture that is sent [pixels]; larger ones are made smaller; 0: as they are."
    ).tag(sync=True)

    _upload: str | None = None  # the file whose pieces are coming
    _pieces: list[bytes]

    def on_file(self, handler: FileTaker) -> Callable[[], None]:
        """Calls `handler(name, content)` for every file; what it raises is shown beside the button.

        The name is made harmless (no folders); the content is what anybody may have made: check it.

        Returns:
            A function that removes the handler again.
        """

        def take(
            name: str, upload: str = "", part: int = 0, parts: int = 1, buffers: Sequence[memoryview] = ()
        ) -> None:
            if len(buffers) != 1:
                raise ValueError(f"A file must come with one content, got {len(buffers)}.")
            content = self._together(str(upload), int(part), int(parts), buffers[0])
            if content is not None:
                handler(safe_name(str(name)), content)

        return self.on_request("file", take)

    def _together(self, upload: str, part: int, parts: int, piece: memoryview) -> bytes | None:
        """The whole file, once its last piece is there; the pieces of one that was begun before are let go."""
        if part == 0:
            self._upload, self._pieces = upload, []
        if upload != self._upload or part != len(self._pieces) or not part < parts:
            raise ValueError("A file must come piece by piece, and another was opened meanwhile: open it again.")
        size = piece.nbytes + sum(map(len, self._pieces))
        if piece.nbytes > MOST_BYTES or size > MOST_FILE:
            self._upload, self._pieces = None, []
            raise ValueError(f"A file can have at most {MOST_FILE >> 20} MiB, {MOST_BYTES >> 20} MiB at a time.")
        self._pieces.append(bytes(piece))
        if part + 1 < parts:
            return None
        whole, self._upload, self._pieces = b"".join(self._pieces), None, []
        return whole

    @validate("accept")
    def _check_accept(self, proposal: Bunch) -> list[str]:
        for ending in proposal["value"]:
            if not (isinstance(ending, str) and ending.startswith(".")):
                raise TraitError(f"`accept` must hold endings such as '.json', got {ending!r}.")
        return proposal["value"]

    def describe(self) -> str:
        return ", ".join(self.accept) or "any file"
