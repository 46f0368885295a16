"""The session behind a paint view: a scene, the strokes on it, and what they did.

`PaintController.paint(region)` answers at once: when it returns, the stroke is in `strokes`, however slow the network
is. Pictures follow in the background, the newest only, so two hundred quick strokes end on one picture with all of
them. A stroke that would leave NaN in the picture is taken out again as soon as that shows, with one sentence in
`error` and the stroke in `rejected`.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from traitlets import Bunch, Enum, Float, Instance, Int, TraitError, Tuple, observe, validate

from ganwidgets.jobs import lock
from ganwidgets.models import Generator
from ganwidgets.models.layers import default_layer
from ganwidgets.nn.regions import RESIZES, as_region, at_most
from ganwidgets.paint import files
from ganwidgets.paint.canvas import Scene
from ganwidgets.paint.clips import Clip, copy_region, paste
from ganwidgets.paint.controller_brushes import BrushSession
from ganwidgets.paint.controller_photo import PhotoSession, Refining
from ganwidgets.paint.render import pictures_so_far
from ganwidgets.paint.report import Elsewhere, PaintReport, each_report
from ganwidgets.paint.stack import StrokeStack
from ganwidgets.paint.strokes import SIGNS, Stroke, map_layer
from ganwidgets.results.dissection import Dissection
from ganwidgets.results.inversion import Inversion
from ganwidgets.segment import Segmenter
from ganwidgets.session import whole_in_range
from ganwidgets.worker import Job

MOST_SCENES = 64


@dataclass(frozen=True)
class Shown:
    """What the pictures on show are of: everything that is needed to make them again."""

    scene: Scene
    strokes: tuple[Stroke, ...]


class PaintController(PhotoSession, BrushSession):
    """Paint on generated scenes, or on a photo, with units; call `paint` and look at the outputs.

    Args:
        network: the generator.
        segmenter: names the pixels; None leaves the counts of the report out.
        dissection: gives brushes; without one, choose `units`.
        inversion: of a photo in this generator, which is then the scene.
        refining: makes one edit of it better, e.g. `invert.refining_edit`.
        traits: first values; `layer` is by default the dissection's first, or the middle one of those with maps.
    """

    seed = Int(1, help="Which latents.")
    scene = Int(0, help="Which of their pictures is painted on.")
    n_scenes = Int(12, help="Number of pictures to choose from.")
    mode = Enum(list(SIGNS), "draw", help="Set units to their levels, to zero, or add their levels.")
    strength = Float(1.0, help="Of the next stroke, 0 to 1.")
    resize = Enum(list(RESIZES), "area", help="How the next stroke gets to the layer's size.")
    strokes = Tuple(read_only=True, help="On the scene, the lowest first.")
    rejected = Tuple(read_only=True, help="Strokes that were taken out again, as they left NaN in the picture.")
    scenes = Instance(np.ndarray, allow_none=True, read_only=True, help="uint8 (image height width rgb), unpainted.")
    before = Instance(np.ndarray, allow_none=True, read_only=True, help="The scene, uint8 (height width rgb).")
    after = Instance(np.ndarray, allow_none=True, read_only=True, help="With the strokes, uint8 (height width rgb).")
    difference = Instance(np.ndarray, allow_none=True, read_only=True, help="Of the channel that moved most, uint8.")
    shown = Instance(Shown, allow_none=True, read_only=True, help="What `before` and `after` are of.")
    settled = Instance(
        Shown, allow_none=True, read_only=True, help="`shown`, after `settle_delay` without a newer one."
    )
    report = Instance(PaintReport, allow_none=True, read_only=True, help="On the uppermost stroke that is not muted.")
    clip = Instance(Clip, allow_none=True, read_only=True, help="What was copied.")
    many_before = Instance(np.ndarray, allow_none=True, read_only=True, help="uint8 (image height width rgb).")
    many_after = Instance(np.ndarray, allow_none=True, read_only=True, help="The same scenes with the strokes.")

    # In a page they let the picture through before what comes with it, and both before what takes long.
    settle_delay = 0.0  # [s] after a picture
    report_delay = 0.0  # [s] after that

    def __init__(
        self,
        network: Generator,
        segmenter: Segmenter | None = None,
        dissection: Dissection | None = None,
        inversion: Inversion | None = None,
        refining: Refining | None = None,
        **traits: Any,
    ) -> None:
        self._refining = refining
        first = next(iter(dissection.layers)) if dissection else default_layer(network)
        self._stack, self._canvas = StrokeStack(), self._make_canvas(network, inversion, first)
        self._elsewhere = None if segmenter is None else Elsewhere(network, segmenter)
        super().__init__(network, segmenter, dissection, **{"layer": first, **traits})
        self._show_scenes()

    # Strokes

    def paint(self, region: Any) -> Stroke:
        """One more stroke, with the brush and settings as they are; it is in `strokes` when this returns.

        Args:
            region: (height width) in [0, 1] or 8-bit, of any size, or the bytes of a PNG; see `nn.regions.as_region`.

        Raises:
            ValueError: nothing painted, no units chosen, a region that is none.
        """
        with lock:
            layer, mode, brush = self.layer, self.mode, self._brush
            units, value = (self.units, None) if brush is None else (brush.units, brush.value)
            settings = {"strength": self.strength, "resize": self.resize, "concept": self.brush or None}
        painted = at_most(as_region(region), tuple(self.network.image_shape[1:]))
        if value is None and units and mode != "remove":
            value = self._levels(layer)[list(units)].cpu()
        return self.push(Stroke(layer, units, painted, 0.0 if value is None else value, mode, **settings))

    def push(self, stroke: Stroke) -> Stroke:
        """One more stroke, made elsewhere. Raises `ValueError` if it does not fit the network."""
        stroke.check(self.network.layers[map_layer(self.network, stroke.layer)].shape)
        self._change(lambda stack: stack.push(stroke))
        return stroke

    def erase(self, region: Any) -> None:
        """Take away what is painted inside a region, from every stroke that is not muted; one change for `undo`.

        Raises:
            ValueError: nothing marked, or a region that is none.
        """
        self._change(lambda stack: stack.erase(region))

    def clear(self) -> None:
        """Remove all strokes; can be undone."""
        self._change(StrokeStack.clear)

    # Transfer, files, other scenes

    def copy(self, region: Any) -> Clip:
        """Keep what the layer computes for the scene with its strokes, and what was marked in it.

        Raises:
            ValueError: nothing marked, or a region that is none.
        """
        with lock:
            layer, wish = self.layer, self._wish()
        drawing, z = self._canvas.drawing, self._canvas.latent(wish.scene)
        clip = copy_region(drawing, z, layer, region, strokes=wish.strokes)
        self._write(clip=clip)
        return clip

    def paste(self, move: tuple[float | int, float | int] = (0, 0)) -> Stroke:
        """Put what was copied into the scene as a stroke, moved by shares of the picture's height and width.

        Raises:
            ValueError: nothing was copied, or nothing of it is left in the picture.
        """
        if self.clip is None:
            raise ValueError("`clip` must be there to be pasted, got None: mark a region of a scene and copy it")
        return self.push(paste(self.clip, move=move, strength=self.strength))

    def save(self, path: str | Path) -> Path:
        """Write the strokes to one JSON file."""
        return files.save(path, self.strokes, self.network)

    def load(self, path: str | Path, *, force: bool = False) -> None:
        """Put strokes from a file in place of those here; can be undone.

        Raises:
            ValueError: another network's (unless `force`), or not such a file.
        """
        loaded = files.load(path, self.network, force=force).strokes
        self._change(lambda stack: stack.set(loaded))

    def apply_to_many(self, n: int = 20, *, wait: bool = False) -> Job:
        """Paint the same strokes on `n` scenes of the seed, for `many_after`; `wait` does it in the calling thread.

        Raises:
            TraitError: n not within 1 to 1,000.
        """
        n, seed, strokes = whole_in_range("n", n, 1, 1000), self.seed, self.strokes
        return self.submit(
            lambda progress: self._many(n, seed, strokes, progress),
            lambda values: self._write(**values),
            kind="many",
            background=not wait,
        )

    def close(self) -> None:
        super().close()
        self._canvas.clear()
        self._elsewhere = None

    # What is shown

    def relabelled(self) -> None:
        parts = [self._canvas, self._levels, *([self._elsewhere] if self._elsewhere is not None else [])]
        for part in parts:
            part.network = self.network
        self._show_scenes()

    def update(self, *, background: bool = True) -> Job:
        """Draw what is shown again; happens by itself when something changes."""
        with lock:
            wish = self._wish()
        return self.submit(
            lambda progress: self._picture(wish), self._publish, kind="picture", interactive=True, background=background
        )

    def wait_for_picture(self, timeout: float) -> None:
        """Wait until there is a picture with the strokes as they are, but for at most `timeout` seconds."""
        with lock:
            job = self._jobs.get("picture")
        if job is not None:
            job.answered.wait(timeout)

    def _wish(self) -> Shown:
        return Shown(Scene(self.seed, self.scene), self._stack.strokes)

    def _picture(self, wish: Shown) -> Iterator[dict[str, Any] | None]:
        """The picture first, a moment later what comes with it, then what its uppermost stroke did."""
        while True:
            try:
                pictures = self._canvas.pictures(wish.scene, wish.strokes)
                break
            except ValueError:
                refused = self._canvas.refused(wish.scene, wish.strokes)
                if refused is None:
                    raise
                yield {"refused": refused}
                wish = replace(wish, strokes=tuple(s for s in self._stack.strokes if s is not refused[0]))
        visible = [place for place, stroke in enumerate(wish.strokes) if stroke.visible]
        yield pictures | {"shown": wish} | ({} if visible else {"report": None})
        yield from _pause(self.settle_delay)
        yield {"settled": wish}
        if not visible:
            return
        yield from _pause(self.report_delay)
        draw = lambda strokes: self._canvas.draw(wish.scene, strokes)  # noqa: E731
        given = (self.network, wish.strokes, visible[-1], draw, self.segmenter)
        try:
            for report in each_report(*given, elsewhere=self._elsewhere, levels=self._levels):
                yield None if report is None else {"report": report}
        except Exception:
            yield {"report": None}
            raise

    def _publish(self, values: dict[str, Any]) -> None:
        if refused := values.pop("refused", None):
            stroke, reason = refused
            if stroke not in self.rejected:  # a job that started before it was known may find it again
                self._write(rejected=(*self.rejected, stroke))
            self._set_stack(self._stack.without(stroke))
            self.refuse(reason)
        self._write(**values)

    def _many(
        self, n: int, seed: int, strokes: tuple[Stroke, ...], progress: Callable[[float], None]
    ) -> Iterator[dict[str, np.ndarray]]:
        z = self.network.sample_z(n, seed)
        for before, after in zip(*(pictures_so_far(self.network, on, z) for on in ((), strokes)), strict=True):
            progress(len(after) / n)
            yield {"many_before": before, "many_after": after}

    # Scenes and brushes

    def _show_scenes(self) -> None:
        if self.inversion is not None:
            self._show_photo()
            return
        n, seed = self.n_scenes, self.seed
        self.submit(
            lambda progress: pictures_so_far(self.network, (), self.network.sample_z(n, seed)),
            lambda pictures: self._write(scenes=pictures),
            kind="scenes",
            interactive=True,
        )
        self.update()

    @observe("seed", "n_scenes")
    def _scenes_changed(self, change: Bunch) -> None:
        self.scene = min(self.scene, self.n_scenes - 1)
        self._show_scenes()

    @observe("scene")
    def _scene_changed(self, change: Bunch) -> None:
        self.update()

    @validate("layer")
    def _check_layer(self, proposal: Bunch) -> str:
        layer = super()._check_layer(proposal)
        try:
            return map_layer(self.network, layer)
        except ValueError as error:
            raise TraitError(str(error)) from None

    @validate("strength")
    def _check_strength(self, proposal: Bunch) -> float:
        if not 0 <= proposal["value"] <= 1:
            raise TraitError(f"`strength` must lie in [0, 1], got {proposal['value']}.")
        return proposal["value"]

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 1)

    @validate("n_scenes")
    def _check_n_scenes(self, proposal: Bunch) -> int:
        return whole_in_range("n_scenes", proposal["value"], 1, MOST_SCENES)

    @validate("scene")
    def _check_scene(self, proposal: Bunch) -> int:
        return whole_in_range("scene", proposal["value"], 0, self.n_scenes - 1)


def _pause(duration: float) -> Iterator[None]:
    """Let this many seconds go by, in steps between which others may go first."""
    end = time.monotonic() + duration
    while time.monotonic() < end:
        time.sleep(0.004)
        yield None
