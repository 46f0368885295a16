"""A photo as the scene of a painting session: refined on demand, and kept in one file with its strokes.

The live picture follows every stroke. `refine` asks for more: a small network is trained for this very edit, until the
picture meets the photo around the brush. The refined picture is shown until the strokes change, and again when they are
those again.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from traitlets import Bool, Instance, Unicode

from ganwidgets.jobs import Cancelled, lock
from ganwidgets.models import Generator
from ganwidgets.nn.images import to_uint8
from ganwidgets.paint import photo_files
from ganwidgets.paint.canvas import Canvas, Scene
from ganwidgets.paint.photo_canvas import OutsideErrors, PhotoCanvas, painted_edits
from ganwidgets.paint.strokes import Stroke
from ganwidgets.results.files import write_bytes
from ganwidgets.results.inversion import Inversion
from ganwidgets.session import HistorySession
from ganwidgets.worker import Job, worker

SHOW_EVERY = 0.25  # [s] between two pictures of a refinement


Refining = Callable[..., Iterator[Any]]
"""What makes an edit of a photo better, step by step, as `invert.refining_edit` does: called with the network, the
inversion, (layer, edit) pairs, the brush and options, among them how far maps are `released`; gives frames with
`image`, `step`, `total` and `stopped`."""


class PhotoSession(HistorySession):
    """A painting session whose scene may be an inverted photo."""

    inversion = Instance(Inversion, allow_none=True, read_only=True, help="Of the photo; None: generated scenes.")
    outside = Instance(OutsideErrors, allow_none=True, read_only=True, help="Of the picture that is shown.")
    refined = Bool(False, read_only=True, help="Whether the picture that is shown is a refined one.")
    refining = Unicode("", read_only=True, help="How far a refinement is, in words; empty when there is none.")

    network: Generator
    strokes: tuple[Stroke, ...]
    _canvas: Canvas
    _refining: Refining | None
    _unfinished: tuple[PhotoCanvas, tuple[Stroke, ...], Any] | None = None  # refined now; the picture from before it

    def refine(self, *, steps: int | None = None, time_limit: float | int | None = None, wait: bool = False) -> Job:
        """Make the picture with the strokes as they are better, outside the brush and at its border.

        Args:
            steps: at most; None means as many as usual.
            time_limit: seconds; None for none. What was found until then is shown.
            wait: do it in the calling thread.

        Raises:
            ValueError: no photo, nothing painted, or nothing that refines.
        """
        self.refuse("")
        with lock:
            strokes = tuple(stroke for stroke in self.strokes if stroke.visible)
        if not isinstance(self._canvas, PhotoCanvas):
            raise ValueError("`refine` needs a photo to paint on: panel(inversion, network=…)")
        if self._refining is None:
            raise ValueError("`refining` must be given to refine: PaintController(…, refining=invert.refining_edit)")
        if not strokes:
            raise ValueError("`strokes` must have something to refine: paint first")
        options = {"steps": steps, "time_limit": time_limit}
        work = lambda progress: self._refine(strokes, options, progress)  # noqa: E731
        self._write(refining="waiting")
        return self.submit(work, self._publish_refined, kind="refine", background=not wait)

    def cancel_refining(self) -> None:
        """Stop a running refinement; the best picture so far is shown."""
        with lock:
            job = self._jobs.get("refine")
        if job is not None:
            job.stop("cancelled")
            worker.wake()

    def unrefine(self) -> None:
        """Show the live picture again; a running refinement ends."""
        if isinstance(self._canvas, PhotoCanvas):
            self._end_refinement()
            self._canvas.refine(self.strokes, None)
            self.update()

    def save_photo(self, path: str | Path) -> Path:
        """Write photo, latent, residuals, adaptation and strokes to one file; `load_photo` opens it again.

        Raises:
            ValueError: there is no photo.
        """
        return write_bytes(Path(path), self.photo_bytes())

    def photo_bytes(self) -> bytes:
        """What `save_photo` writes. Raises `ValueError` if there is no photo."""
        canvas = self._canvas
        if not isinstance(canvas, PhotoCanvas):
            raise ValueError("There is no photo to save: save the strokes instead.")
        with lock:
            strokes = self.strokes
        refined = canvas.refined(strokes)
        return photo_files.to_bytes(photo_files.PaintedPhoto(canvas.inversion, strokes, refined), canvas.origin)

    def load_photo(self, path: str | Path, *, force: bool = False) -> None:
        """Put a photo from a file, with its strokes, in place of what is here.

        Raises:
            ValueError: of another network (unless `force`), or not such a file.
        """
        self.open_photo(photo_files.load_photo(path, self.photo_network, force=force))

    def open_photo(self, found: "photo_files.PaintedPhoto | Inversion") -> None:
        """Paint on this photo from now on; its strokes, if it brings some, can be undone.

        Raises:
            ValueError: it was inverted in another network.
        """
        if isinstance(found, Inversion):
            found = photo_files.PaintedPhoto(found)
        canvas = PhotoCanvas(self.photo_network, found.inversion)
        canvas.refine(found.strokes, found.refined)
        with lock:
            self._end_refinement()
            self._canvas = canvas
            self._write(inversion=found.inversion)
            if found.strokes or self.strokes:
                self._set_stack(self._stack.set(tuple(found.strokes)))
            self._show_photo()

    @property
    def photo_network(self) -> Generator:
        """The generator that photos are of; the session's own may have been told another class since."""
        return self._canvas.origin if isinstance(self._canvas, PhotoCanvas) else self.network

    def _make_canvas(self, network: Generator, inversion: Inversion | None, layer: str) -> Canvas:
        if inversion is None:
            return Canvas(network, layer)
        canvas = PhotoCanvas(network, inversion)
        self.set_trait("inversion", inversion)
        return canvas

    def _show_photo(self) -> None:
        self._write(scenes=to_uint8(self._canvas.photo[None]))
        self.update()

    def _refine(
        self, strokes: tuple[Stroke, ...], options: dict[str, Any], progress: Callable[[float], None]
    ) -> Iterator[Any]:
        canvas, now, shown = self._canvas, None, 0.0
        options = options | {"released": canvas.released(strokes)}  # less than the brush where a stroke is weak
        frames = self._refining(
            canvas.origin, canvas.inversion, painted_edits(canvas, strokes), canvas.brush(strokes), **options
        )
        try:
            for now in frames:
                if now.stopped:
                    break
                fresh = time.monotonic() - shown >= SHOW_EVERY
                shown = time.monotonic() if fresh else shown
                yield (canvas, strokes, now, False) if fresh else None
                progress(now.step / max(1, now.total))
        except Cancelled:
            if now is None:
                raise
        return canvas, strokes, now, True

    def _publish_refined(self, frame: tuple[PhotoCanvas, tuple[Stroke, ...], Any, bool]) -> None:
        canvas, strokes, now, last = frame
        visible = tuple(stroke for stroke in self.strokes if stroke.visible)
        if canvas is not self._canvas or visible != strokes:
            return
        if last:
            self._unfinished = None
        elif self._unfinished is None:
            self._unfinished = canvas, strokes, canvas.refined(strokes)
        canvas.refine(strokes, now.image)
        words = "" if last else f"step {now.step} of {now.total}"
        self._write(refining=words, **canvas.pictures(Scene(0, 0), strokes))
        if last:
            self.update()  # what the strokes did is counted again

    def _end_refinement(self) -> None:
        """Stop a refinement whose strokes are no longer those; what it had so far is no refined picture."""
        with lock:
            job = self._jobs.pop("refine", None)
            if job is not None:
                job.stop("superseded")
                self._write(refining="", progress=0.0, remaining=-1.0)
                if self._unfinished is not None:
                    canvas, strokes, before = self._unfinished
                    canvas.refine(strokes, before)
            self._unfinished = None

    def _ended(self, job: Job) -> None:
        super()._ended(job)
        if job.kind == "refine" and "refine" not in self._jobs:
            self._unfinished = None
            self._write(refining="")

    def _set_stack(self, stack: Any) -> None:
        visible = [stroke for stroke in stack.entries if stroke.visible]
        if visible != [stroke for stroke in self.strokes if stroke.visible]:
            self._end_refinement()
        super()._set_stack(stack)
