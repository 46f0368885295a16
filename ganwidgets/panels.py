"""What all panels share: they wait, export, close and show themselves alike, and know the bundled world.

A panel has sessions (`_controllers`), a `layout` of components and wires between them (`_wires`). `ComposedPanel` ends
them together. `callable_module` lets `gw.METHOD.panel` be called whether it is the function or, once somebody imported
it by that name, the file.
"""

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from traitlets import HasTraits

from ganwidgets import segment, ui
from ganwidgets.jobs import Controller, lock
from ganwidgets.models import checkpoints
from ganwidgets.results.dissection import Dissection
from ganwidgets.results.files import load
from ganwidgets.session import ClassSession
from ganwidgets.ui import still
from ganwidgets.ui.export import page, write
from ganwidgets.wiring import Wire, join, show

ui.Component.lock = lock  # one lock for controllers and components, or they would wait for each other

FAREWELL = "Closed, or replaced by a newer run of its cell. What you see is its last state."


class ComposedPanel(HasTraits):
    """A composed view; displays itself in a cell. Subclasses make `layout` and `_wires`, and name `_controllers`."""

    layout: ui.Layout
    _wires: Sequence[Wire] = ()

    @property
    def _controllers(self) -> tuple[Controller, ...]:
        raise NotImplementedError

    def wait(self, timeout: float | None = None) -> "ComposedPanel":
        """Come back when everything that runs has ended; an interrupt cancels it."""
        for controller in (*self._controllers, *self._controllers):  # some begin when others have ended
            controller.wait(timeout)
        return self

    def to_html(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Write a page that shows what is here, without a kernel or a network.

        Args:
            path: where to write; an existing file is replaced in one step.
            title: of the page.
        """
        return write(path, page(self.layout, title=title, instead=self._instead()))

    def _instead(self) -> dict[ui.Component, dict[str, Any]]:
        """Traits that components have in the page instead of their own."""
        return {}

    def close(self) -> None:
        """Stop what runs and free what it held; the view stays as it is."""
        for controller in self._controllers:
            controller.close()
        for wire in self._wires:
            wire.disconnect()
        self.layout.farewell = FAREWELL
        for component in (*self.layout.children, self.layout):
            component.let_go()
        self.unobserve_all()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = self.layout._repr_mimebundle_(**kwargs)
        if isinstance(bundle, tuple):
            bundle[0]["text/plain"] = repr(self)
        return bundle

    def _ipython_display_(self) -> None:
        still.show(self._repr_mimebundle_())


def callable_module(name: str, function: Callable[..., Any]) -> None:
    """Let the module `name` be called like the function in it, and show its signature and words."""

    class CalledModule(ModuleType):
        def __call__(self, *args: Any, **options: Any) -> Any:
            return function(*args, **options)

    module = sys.modules[name]
    module.__signature__ = inspect.signature(function)
    module.__doc__ = function.__doc__
    module.__class__ = CalledModule


def class_picker(network: Any) -> ui.Controls | None:
    """A dropdown of the classes a network can be told to draw; None if it cannot."""
    if not hasattr(network, "with_label"):
        return None
    names = [{"value": number, "label": name} for number, name in enumerate(network.classes)]
    options = [{"value": None, "label": "every class"}, *names]
    return ui.Controls(fields=[{"name": "class", "kind": "choice", "label": "Class", "options": options}])


def class_wires(picker: ui.Controls | None, first: ClassSession, *others: ClassSession) -> Iterator[Wire]:
    """What is picked is drawn by the first session, and by all others with it."""
    if picker is None:
        return
    yield join(first, "drawn_class", picker, "values", key="class")
    for session in others:
        yield show(first, "drawn_class", session, "drawn_class")


def network_name(network: Any) -> str:
    """What `ganwidgets.load` calls this very generator; "" if nothing.

    A name alone is no proof: the weights must be those that the name stands for.
    """
    if network.name.partition("@")[0] not in checkpoints.NAMES or getattr(network, "sampler", None) is not None:
        return ""
    return network.name if _weights_of(network.name) == network.fingerprint else ""


def segmenter_name(segmenter: Any) -> str:
    """What `segment.load` calls this very segmenter; "" if nothing."""
    if isinstance(source := getattr(segmenter, "source", None), str) and source:  # loaded from files, without options
        return source
    name = getattr(segmenter, "name", "")
    if name not in segment.names():
        return ""
    known = segment.load(name)
    return name if type(known) is type(segmenter) and known.fingerprint() == segmenter.fingerprint() else ""


def is_scenes(network: Any) -> bool:
    """Whether this is a generator of the bundled world: of all of it, or of a part, such as "scenes-without-tree"."""
    name = network_name(network).partition("@")[0]
    return name == "scenes" or name.startswith("scenes-")


def segmenter_for(network: Any, segmenter: Any) -> Any:
    """The segmenter that is meant: an object, a name, or for None the one that comes with a bundled generator."""
    if segmenter is None and not is_scenes(network):
        return None
    return segment.load("scenes" if segmenter is None else segmenter)


def bundled_dissection(network: Any, segmenter: Any) -> Dissection | None:
    """What is known of the bundled generator's units from the start; None for other weights or another segmenter.

    All of its layers, without pictures; made by `python -m ganwidgets.scenes.train publish-dissection`.
    """
    if segmenter_name(segmenter) != "scenes" or network_name(network) != "scenes":
        return None
    found = _dissection_of_scenes()
    return found if found is not None and found.fingerprint == network.fingerprint else None


@lru_cache
def _dissection_of_scenes() -> Dissection | None:
    try:
        return load(checkpoints.SCENES / "dissection.safetensors")
    except (OSError, ValueError):  # not there, or damaged: panels make a quick one
        return None


@lru_cache
def _weights_of(name: str) -> str:
    try:
        return checkpoints.load(name).fingerprint
    except (OSError, ValueError, ImportError):  # no such checkpoint, or its package is not there
        return ""
