"""A picture to paint on; every finished stroke arrives as a mask, once."""

import re
import threading
from collections.abc import Callable

import numpy as np
from PIL import Image
from traitlets import Bool, Bunch, Enum, TraitError, Unicode, validate

from ganwidgets.ui.component import Component, bundle, suggest
from ganwidgets.ui.pictures import PictureBytes, opened, read_mask
from ganwidgets.ui.traits import Number, PlainList

TOOLS = ("paint", "erase", "pan")
PATIENCE = 20.0  # [s] that a stroke waits for the one before it, which may stand behind many in the other thread
REMEMBERED = 4096  # strokes
StrokeHandler = Callable[[np.ndarray, str], object]


class MaskPainter(Component):
    """Mouse, pen, fingers or keys paint; the browser draws at once, and `on_stroke` hears of each finished stroke.

    What was painted stays visible until the handler has returned and a new `image` has come. A stroke that the
    handler refuses (it raises) or that cannot be sent is kept in the browser, with the reason and a button to send
    it again. Ctrl-Z and Ctrl-Shift-Z arrive as the requests "undo" and "redo" (see `on_request`) while `can_undo` and
    `can_redo` say so.
    """

    _esm, _css = bundle("mask_painter")

    image = PictureBytes("The picture: JPEG or PNG.")
    size = PlainList(help="[width, height] of the masks [pixels]; empty: as the picture.").tag(sync=True)
    overlay = PictureBytes("A region to point at: a grey PNG, white inside; empty: none.")
    brush_size = Number(12.0, help="Diameter of the brush [mask pixels]; drawn within what fits the picture.").tag(
        sync=True, echo_update=False
    )
    softness = Number(0.2, help="0: a hard edge; 1: fades from the middle.").tag(sync=True, echo_update=False)
    color = Unicode("#56b4e9", help="Tint of strokes until the picture shows them, as #rrggbb.").tag(sync=True)
    tool = Enum(TOOLS, "paint", help="What a drag does.").tag(sync=True, echo_update=False)
    tools = PlainList(TOOLS, help="Which of the tools are offered.").tag(sync=True)
    busy = Bool(False, help="A new picture is on its way.").tag(sync=True)
    message = Unicode("", help="A sentence below the picture, or where it would be.").tag(sync=True)
    can_undo = Bool(False, help="There is something to undo.").tag(sync=True)
    can_redo = Bool(False, help="There is something to redo.").tag(sync=True)

    def __init__(self, **traits: object) -> None:
        self._taken: dict[str, None] = {}
        self._seen: dict[str, None] = {}  # refused ones, too
        self._turn = threading.Condition()
        super().__init__(**traits)

    def on_stroke(self, handler: StrokeHandler) -> Callable[[], None]:
        """Calls `handler(mask, tool)` for every finished stroke, once, in the order in which they were painted.

        `mask` is float32 (height width) in [0, 1], `tool` is "paint" or "erase" (what erasing means is up to the
        handler; without a meaning leave "erase" out of `tools`). To refuse a stroke, raise; the person sees the reason.

        Returns:
            A function that removes the handler again.
        """

        def take(
            stroke: str,
            tool: str,
            width: int,
            height: int,
            after: str = "",
            buffers: tuple[memoryview, ...] | list[memoryview] = (),
        ) -> None:
            with self._turn:
                if after:  # a kernel may hand messages to two threads: the earlier stroke may be in the other
                    self._turn.wait_for(lambda: after in self._seen, timeout=PATIENCE)
                if stroke in self._taken:  # the browser asked again because the answer was late
                    return
                try:
                    handler(_mask(tool, width, height, buffers), tool)
                    _note(self._taken, stroke)
                finally:
                    _note(self._seen, stroke)
                    self._turn.notify_all()

        return self.on_request("stroke", take)

    @validate("size")
    def _check_size(self, proposal: Bunch) -> list[int]:
        size = proposal["value"]
        whole = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in size)
        if len(size) not in (0, 2) or not whole:
            raise TraitError(f"`size` must be [width, height] in whole pixels, or empty, got {size!r}.")
        return size

    @validate("brush_size")
    def _check_brush_size(self, proposal: Bunch) -> float:
        if not proposal["value"] > 0:
            raise TraitError(f"`brush_size` must be above 0 (its diameter in pixels), got {proposal['value']}.")
        return proposal["value"]

    @validate("softness")
    def _check_softness(self, proposal: Bunch) -> float:
        if not 0 <= proposal["value"] <= 1:
            raise TraitError(f"`softness` must lie in [0, 1], got {proposal['value']}.")
        return proposal["value"]

    @validate("color")
    def _check_color(self, proposal: Bunch) -> str:
        if not re.fullmatch("#[0-9a-fA-F]{6}", proposal["value"]):
            raise TraitError(f"`color` must be a hex colour like '#56b4e9', got {proposal['value']!r}.")
        return proposal["value"]

    @validate("tools")
    def _check_tools(self, proposal: Bunch) -> list[str]:
        for tool in proposal["value"]:
            if tool not in TOOLS:
                raise TraitError(f"`tools` must be among {list(TOOLS)}, got {tool!r}.{suggest(str(tool), list(TOOLS))}")
        return proposal["value"]

    def describe(self) -> str:
        shown = opened(self.image)
        size = self.size or (list(shown.size) if shown else [])
        return f"{size[0]} × {size[1]} pixels" if size else "empty"

    def picture(self) -> Image.Image | None:
        """The picture as it is; a small one enlarged so that it can be seen."""
        shown = opened(self.image)
        if shown is None:
            return None
        factor = max(1, 256 // max(shown.size))
        return shown.resize((shown.width * factor, shown.height * factor), Image.Resampling.NEAREST)


def _mask(tool: str, width: int, height: int, buffers: tuple[memoryview, ...] | list[memoryview]) -> np.ndarray:
    """The mask of a stroke that makes sense."""
    if tool not in ("paint", "erase"):
        raise ValueError(f"`tool` of a stroke must be 'paint' or 'erase', got {tool!r}.")
    if len(buffers) != 1:
        raise ValueError(f"A stroke must come with one mask, got {len(buffers)}.")
    mask = read_mask(buffers[0], width, height)
    if not mask.any():
        raise ValueError("A stroke must paint something, but its mask is empty.")
    return mask


def _note(names: dict[str, None], name: str) -> None:
    names[str(name)] = None
    while len(names) > REMEMBERED:
        del names[next(iter(names))]
