"""The part of a rewriting session that reads and writes: edits, and requests of the original application."""

from pathlib import Path

from traitlets import Bool

from ganwidgets.rewrite import files
from ganwidgets.rewrite.controller_sample import MOST_SHOWN, SampleSession
from ganwidgets.rewrite.request import load_request, request_from_json, request_to_json, save_request
from ganwidgets.rewrite.trays import KINDS, Trays


class FilesSession(SampleSession):
    """A session whose edits and marks can be kept in files; see `RewriteController`."""

    legacy_alpha = Bool(False, help="Whether masks of a request are read as the original does, without soft edges.")

    def save(self, path: str | Path) -> Path:
        """Write the edits to one file."""
        return files.save(path, self.edits)

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        return files.to_bytes(self.edits)

    def load(self, source: str | Path | bytes, *, force: bool = False) -> None:
        """Put edits from a file in place of those here; can be undone.

        Args:
            source: the file, or what is in it.
            force: make edits of another network some of this one; their `details` say for which they were made.

        Raises:
            ValueError: another network's (unless `force`), or not such a file.
        """
        read = files.from_bytes if isinstance(source, bytes) else files.load
        loaded = read(source, self.network, force=force).edits
        self._change(lambda stack: stack.set(loaded))

    def load_request(self, source: str | Path | bytes, *, legacy_alpha: bool | None = None) -> None:
        """Mark what a request of the original application marks, in place of what is marked here.

        Args:
            source: the file, or what is in it.
            legacy_alpha: read masks as the original does, without their alpha channel; None is as the trait says.

        Raises:
            ValueError: not such a file, one in which nothing is marked for a rule, or a picture the sample does not
                hold.
        """
        read = request_from_json if isinstance(source, bytes) else load_request
        legacy_alpha = self.legacy_alpha if legacy_alpha is None else legacy_alpha
        request = read(source, n_images=self.n_sample, legacy_alpha=legacy_alpha)
        wanted = Trays.of(request)
        if not any(wanted.all(kind) for kind in KINDS):
            raise ValueError(
                "this request marks nothing that a rule could be made of, only what was searched for (`query`): what "
                "is marked here stays"
            )
        self._set_trays(lambda trays: wanted)
        marked = dict.fromkeys(example.image for _, example in request)
        if marked:
            self.show(tuple(marked)[:MOST_SHOWN])

    def save_request(self, path: str | Path) -> Path:
        """Write what was marked; of several places to paste the original application reads the first."""
        return save_request(path, self.trays.request())

    def request_json(self) -> str:
        """What `save_request` writes."""
        return request_to_json(self.trays.request())
