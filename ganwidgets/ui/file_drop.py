"""A place to drop a file, or to choose one: its bytes come to Python."""

from collections.abc import Callable, Sequence

from traitlets import Bunch, Int, TraitError, Unicode, validate

from ganwidgets.ui.component import Component, bundle
from ganwidgets.ui.download import safe_name
from ganwidgets.ui.pictures import MOST_BYTES
from ganwidgets.ui.traits import PlainList

FileTaker = Callable[[str, bytes], object]


class FileDrop(Component):
    """A person drops a file here, pastes one, or presses the button and chooses one; nothing is written anywhere.

    Files above 8 MiB are refused in the browser, as a message of that size never reaches Python. With `max_side`,
    pictures above it, or above 8 MiB, are made smaller there instead, the right way up, and the person is told.
    """

    _esm, _css = bundle("file_drop")

    label = Unicode("Open a file", help="What the button says.").tag(sync=True)
    hint = Unicode("", help="Which files are meant; stands beside the button.").tag(sync=True)
    accept = PlainList(help="Endings that are offered and taken, such as '.json'; empty: all.").tag(sync=True)
    disabled = Unicode("", help="Why no file can be taken now; empty when one can.").tag(sync=True)
    max_side = Int(
        0, min=0, help="Longest side of a picture that is sent [pixels]; larger ones are made smaller; 0: as they are."
    ).tag(sync=True)

    def on_file(self, handler: FileTaker) -> Callable[[], None]:
        """Calls `handler(name, content)` for every file; what it raises is shown beside the button.

        The name is made harmless (no folders); the content is what anybody may have made: check it.

        Returns:
            A function that removes the handler again.
        """

        def take(name: str, buffers: Sequence[memoryview] = ()) -> None:
            if len(buffers) != 1:
                raise ValueError(f"A file must come with one content, got {len(buffers)}.")
            if buffers[0].nbytes > MOST_BYTES:
                raise ValueError(f"A file can have at most 8 MiB, got {buffers[0].nbytes / 2**20:.1f} MiB.")
            handler(safe_name(str(name)), bytes(buffers[0]))

        return self.on_request("file", take)

    @validate("accept")
    def _check_accept(self, proposal: Bunch) -> list[str]:
        for ending in proposal["value"]:
            if not (isinstance(ending, str) and ending.startswith(".")):
                raise TraitError(f"`accept` must hold endings such as '.json', got {ending!r}.")
        return proposal["value"]

    def describe(self) -> str:
        return ", ".join(self.accept) or "any file"
