"""What every component shares: its bundle, one lock, one request envelope, honest errors, a picture, a page.

A component is an anywidget whose traits are JSON or bytes: what to draw, and what the person chose. It knows nothing
about networks. Three things are settled here so that no component has to think about them:

- **Threads.** A handler may run on the main thread or on a subshell thread, a worker publishes from its own; every
  write to a trait happens under one re-entrant lock.
- **Requests.** A press of a button arrives as ``{id, action, ...}``; the function given to ``on_request`` is called
  with the remaining fields as keywords, and ``{id, ok, error}`` goes back.
- **Errors.** An exception in a handler or a value that a trait refuses is invisible in a notebook, so its sentence
  goes to ``error``, which every component shows, and the standing value goes back to the browser.
"""

import base64
import difflib
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import anywidget
from PIL import Image
from traitlets import Unicode

from ganwidgets.ui.still import show

STATIC = Path(__file__).parent / "static"
LARGE_STILL = 100_000  # bytes of a picture in a saved notebook


def bundle(stem: str) -> tuple[str | Path, str | Path]:
    """The JavaScript module and the style sheet of one component, as text.

    Paths are returned only while ``ANYWIDGET_HMR=1``, because anywidget keeps every instance alive for a path.

    Raises:
        FileNotFoundError: when the bundles have not been built.
    """
    paths = STATIC / f"{stem}.js", STATIC / f"{stem}.css"
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"The bundle {path.name} is missing: run `npm ci && npm run build` in js/.")
    if os.environ.get("ANYWIDGET_HMR") == "1":
        return paths
    script, style = (path.read_text(encoding="utf-8") for path in paths)
    return script, style


def suggest(name: str, names: list[str]) -> str:
    """Ends an error sentence with the nearest known name, or with nothing when none is near."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


class _Silent:
    """Stands in for a comm that must stay open while its widget is closed."""

    def __init__(self, comm_id: str) -> None:
        self.comm_id, self.kernel = comm_id, None

    def on_msg(self, handler: object) -> None: ...
    def close(self) -> None: ...
    def send(self, *args: object, **keywords: object) -> None: ...


class Component(anywidget.AnyWidget):
    """A piece of a panel: draws what its traits say, and reports what the person chose."""

    error = Unicode("", help="One sentence about what went wrong last; empty when nothing did.").tag(sync=True)

    lock: ClassVar[Any] = threading.RLock()
    """Held during every write to a trait of any component: one lock for all, so that linked ones cannot deadlock.

    A program that has such a lock already assigns it (`Component.lock = lock`) before it makes components; two locks
    would deadlock as soon as a worker publishes into a component while a click travels the other way.
    """

    def __init__(self, **traits: object) -> None:
        self._handlers: dict[str, Callable[..., object]] = {}
        self._own_error = ""
        known = [name for name in self.trait_names() if not name.startswith("_")]
        for name in traits:
            if name not in known:
                raise TypeError(
                    f"`{type(self).__name__}` has no trait `{name}`.{suggest(name, known)}"
                    f" Its own traits are {sorted(set(known) & set(self.own_traits()))}."
                )
        super().__init__(**traits)
        self.on_request("ping", lambda: None)
        self.on_msg(self._answer)

    @classmethod
    def own_traits(cls) -> list[str]:
        """The synced traits that make up this component: what to draw and what was chosen."""
        inherited = set(anywidget.AnyWidget.class_trait_names())
        return [name for name in cls.class_trait_names(sync=True) if name not in inherited and name[0] != "_"]

    # Writing, from any thread

    def __setattr__(self, name: str, value: object) -> None:
        with self.lock:
            super().__setattr__(name, value)

    @contextmanager
    def hold_sync(self) -> Iterator[None]:
        """Sends several traits as one message, so that the browser never paints a mixed state."""
        with self.lock, super().hold_sync():
            yield

    def set_state(self, sync_data: dict[str, object]) -> None:
        """Takes what the browser wrote; a refused value becomes an error and the standing one is sent back."""
        with self.lock:
            try:
                super().set_state(sync_data)
            except Exception as error:
                self._fail(error)
                self.send_state([name for name in sync_data if name in self.keys])

    def let_go(self) -> None:
        """Closes it in Python only: the browser keeps what it shows, and nothing it sends arrives any more."""
        kept = self.comm
        if kept is None:
            return
        kept.on_msg(None)  # stays open, and with nobody behind it costs a few bytes
        self.comm = _Silent(kept.comm_id)
        self.close()

    # Requests

    def on_request(self, action: str, handler: Callable[..., object]) -> Callable[[], None]:
        """Calls `handler` with the request's fields as keywords whenever the browser asks for `action`.

        Returns:
            A function that removes the handler again.
        """
        self._handlers[action] = handler

        def remove() -> None:
            if self._handlers.get(action) is handler:
                del self._handlers[action]

        return remove

    def _answer(self, _: object, content: object, buffers: list[memoryview]) -> None:
        if not (isinstance(content, dict) and "id" in content and "action" in content):
            return
        fields = {name: value for name, value in content.items() if name not in ("id", "action")}
        action = str(content["action"])
        if buffers:
            fields["buffers"] = buffers
        try:
            if action not in self._handlers:
                known = sorted(self._handlers)
                raise LookupError(
                    f"Nothing in Python answers the request {action!r}: give `on_request({action!r}, ...)` a function."
                    f"{suggest(action, known)}"
                )
            self._handlers[action](**fields)
        except Exception as error:
            self.send({"id": content["id"], "ok": False, "error": self._fail(error)})
        else:
            if self._own_error and self.error == self._own_error and action != "ping":
                self.error = ""
            self.send({"id": content["id"], "ok": True, "error": ""})

    def _fail(self, error: Exception) -> str:
        reason = error.args[0] if isinstance(error, KeyError) and error.args else error
        self._own_error = str(reason) or type(error).__name__
        self.error = self._own_error
        return self._own_error

    # Seen without a kernel

    def picture(self) -> Image.Image | None:
        """A still picture of what is shown, for saved notebooks and places that run no widgets; None when empty."""
        return None

    def to_html(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Writes one self-contained page that works from disk: no kernel, no network.

        Args:
            path: where to write; an existing file is replaced in one step, or kept when writing fails.
            title: the page's title.

        Returns:
            The path that was written.
        """
        from ganwidgets.ui.export import page, write

        return write(path, page(self, title=title))

    def describe(self) -> str:
        """What stands between the brackets of the repr: short, and the same in every run."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict] | None:
        bundled = super()._repr_mimebundle_(**kwargs)
        if bundled is None:
            return None
        data, metadata = bundled
        try:
            drawn = self.picture()
        except Exception as error:
            self._fail(error)
            drawn = None
        if drawn is not None:
            data = {**data, "image/png": base64.b64encode(_still(drawn)).decode()}
        return data, metadata

    def _ipython_display_(self) -> None:
        """What a notebook cell shows: the component, and its picture for when there is no kernel."""
        show(self._repr_mimebundle_())


def _still(picture: Image.Image) -> bytes:
    """A PNG for a saved notebook: in 256 colours where all of them would make the file large."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    if buffer.tell() > LARGE_STILL:
        buffer = io.BytesIO()
        picture.convert("RGB").quantize(256).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def plural(n: int, noun: str) -> str:
    """A count with its noun: "1 unit", "2,048 units"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
