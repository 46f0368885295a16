"""Wires between a session and its pictures: Python decides, the view draws what Python said.

A panel is a list of these lines. `join` binds a controller's trait and a component's trait both ways; what the
controller refuses goes back to what stands, in Python and in the browser, and the reason into the controller's `error`.
`show` makes a component follow a controller; through a `Gate` it does so a moment later. `view_link` links two
components in Python and records the link as data, so that the browser replays it in an exported page. Each returns a
`Wire`; `disconnect()` cuts it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from traitlets import HasTraits, TraitError

from ganwidgets.jobs import Controller, lock


class Wire:
    """Observers that belong together."""

    def __init__(self, *observed: tuple[HasTraits, Callable[[Any], None], str | Sequence[str]]) -> None:
        self._observed = observed
        for owner, handler, names in observed:
            owner.observe(handler, names if isinstance(names, str) else list(names))

    def disconnect(self) -> None:
        """Cut both directions; cutting twice is harmless."""
        for owner, handler, names in self._observed:
            owner.unobserve(handler, names if isinstance(names, str) else list(names))
        self._observed = ()


class Gate:
    """Lets what is urgent go first: while it is shut, those that follow through it wait, and each catches up once."""

    def __init__(self) -> None:
        self._shut = 0
        self._waiting: dict[Callable[[], Any], None] = {}

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Shut while this lasts, also for other threads; two of them open it together."""
        with lock:
            self._shut += 1
        try:
            yield
        finally:
            with lock:
                self._shut -= 1
                while self._waiting and not self._shut:
                    self._waiting.pop(follow := next(iter(self._waiting)))
                    follow()

    def waits(self, follow: Callable[[], Any]) -> bool:
        """Whether it is shut; then `follow` is called when it opens."""
        if self._shut:
            self._waiting[follow] = None
        return bool(self._shut)


def join(
    controller: Controller,
    name: str,
    component: HasTraits,
    other: str,
    *,
    key: str | None = None,
    to_view: Callable[[Any], Any] = lambda value: value,
    to_python: Callable[[Any], Any] = lambda value: value,
) -> Wire:
    """Bind `controller.name` and `component.other` both ways; the controller's value wins, now and always.

    Args:
        controller: may refuse a value with TraitError, ValueError or TypeError, or change it.
        name: of its trait.
        component: shows the value and lets a person change it.
        other: name of its trait.
        key: bind only this entry of `other`, which holds a dict (a field of `ui.Controls.values`).
        to_view: turns the controller's value into the component's.
        to_python: turns the component's value into the controller's.
    """

    def shown() -> Any:
        value = getattr(component, other)
        return value if key is None else value.get(key)

    def draw(change: Any = None) -> None:
        with lock:
            value = to_view(getattr(controller, name))
            setattr(component, other, value if key is None else {**getattr(component, other), key: value})

    def ask(change: Any) -> None:
        with lock:
            if shown() == to_view(getattr(controller, name)):
                return
            try:
                setattr(controller, name, to_python(shown()))
            except (TraitError, ValueError, TypeError) as error:
                controller.refuse(str(error))
            else:
                controller.refuse("")
            if shown() != to_view(getattr(controller, name)):
                draw()
                if hasattr(component, "send_state"):  # the browser still holds the other value
                    component.send_state(other)

    draw()
    return Wire((controller, draw, name), (component, ask, other))


def show(
    source: HasTraits,
    names: str | Sequence[str],
    component: HasTraits,
    others: str | Sequence[str],
    draw: Callable[..., Any] = lambda value: value,
    *,
    gate: Gate | None = None,
) -> Wire:
    """Keep traits of a component at `draw(...)` of traits of the source; one way only.

    Args:
        source: is followed.
        names: of its traits, handed to `draw` in this order.
        component: follows.
        others: its trait, or several, which then change in one message.
        draw: gives the value, or one for each of several.
        gate: through which it follows.
    """
    listed = [names] if isinstance(names, str) else list(names)

    def follow(change: Any = None) -> None:
        with lock, getattr(component, "hold_sync", nullcontext)():
            if gate is not None and gate.waits(follow):
                return
            value = draw(*(getattr(source, name) for name in listed))
            for name, part in [(others, value)] if isinstance(others, str) else zip(others, value, strict=True):
                setattr(component, name, part)

    follow()
    return Wire((source, follow, listed))


def view_link(layout: HasTraits, source: tuple[HasTraits, str], target: tuple[HasTraits, str]) -> Wire:
    """Let `target` follow `source` in Python, in the browser and, as the link is data, in the exported page.

    Args:
        layout: a `ui.Layout` that holds both components.
        source: (component, name of its trait).
        target: (component, name of its trait).
    """
    layout.link(*source, *target)
    return show(*source, *target)
