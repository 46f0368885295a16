"""What the painting panel has for a photo: how far it is exact, a button that refines, and a file that reopens.

Pure parts and wires; `panel.py` puts them in their places.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganwidgets import ui
from ganwidgets.jobs import lock
from ganwidgets.models.checkpoints import load
from ganwidgets.paint import photo_files
from ganwidgets.paint.controller import PaintController
from ganwidgets.paint.photo_canvas import OutsideErrors
from ganwidgets.results.foreign import short
from ganwidgets.results.inversion import Inversion
from ganwidgets.results.inversion_files import ENDINGS, is_saved
from ganwidgets.wiring import Wire, show

SAVE = {"name": "photo", "label": "Save photo", "hint": "Photo, inversion and strokes: opens here again."}


def photo_of(subject: Any, network: Any) -> tuple[Any, photo_files.PaintedPhoto | None]:
    """The generator, and the photo if one was given: an inversion, a painted photo, or the path of a saved one.

    Raises:
        ValueError, TypeError: a photo without a generator, one that was not inverted, or a generator twice.
        FileNotFoundError: no such file.
    """
    file = isinstance(subject, str | Path) and network is not None and is_saved(subject)
    if not file and not isinstance(subject, Inversion | photo_files.PaintedPhoto):
        if (subject is None) == (network is None):
            got = "none" if subject is None else f"{_told(subject)} and {_told(network)}"
            raise TypeError(
                "`panel` must be given one generator, or a photo that was inverted (or the file it was saved to) and "
                f"`network`, got {got}: ganwidgets.invert.invert(network, photo) inverts a photo"
            )
        return network if subject is None else subject, None
    if network is None:
        raise TypeError("`network` must be the generator in which the photo was inverted: panel(inversion, network=…)")
    network = load(network)
    if file:
        return network, photo_files.load_photo(subject, network)
    return network, photo_files.PaintedPhoto(subject) if isinstance(subject, Inversion) else subject


def _told(given: Any) -> str:
    return short(str(given)) if isinstance(given, str | Path) else type(given).__name__


class PhotoParts:
    """Components of a painting panel that are there for a photo only.

    Args:
        painting: the session; its scene is the photo.
    """

    def __init__(self, painting: PaintController) -> None:
        self.painting = painting
        self.facts = ui.Facts(title="The photo", message="Looking at the photo…")
        self.refine_bar = ui.RunBar(label="Refine this edit", resumable=False)
        self.drop = ui.FileDrop(label="Open photo", hint="one that was saved here", accept=list(ENDINGS))

    def wires(self) -> Iterator[Wire]:
        """Follow the session, and ask it."""
        p, bar = self.painting, self.refine_bar
        told = ["sentence", "tone", "facts"]
        yield show(p, ["inversion", "outside"], self.facts, told, facts)
        yield show(p, ["refining", "refined", "strokes"], bar, ["status", "note", "disabled"], bar_words)
        yield show(p, ["refining", "progress", "remaining"], bar, ["progress", "remaining"], bar_numbers)
        bar.on_request("run", lambda: p.refine() and None)
        bar.on_request("cancel", self._cancel)
        self.drop.on_file(self._open)

    def file(self) -> tuple[str, bytes]:
        """Name and content of the photo's file."""
        return f"{self.painting.network.name}-photo.safetensors", self.painting.photo_bytes()

    def _cancel(self) -> None:
        self.painting.cancel_refining()

    def _open(self, name: str, content: bytes) -> None:
        found = photo_files.from_bytes(content, self.painting.photo_network)
        with lock:
            self.painting.open_photo(found)


def facts(inversion: Inversion | None, outside: OutsideErrors | None) -> tuple[str, str, list[dict[str, str]]]:
    """The verdict, its tone, and the numbers behind it."""
    if inversion is None:
        return "", "", []
    verdict, made = inversion.verdict, inversion.adaptation
    sentence = verdict.sentence if verdict else "Not compared with the generator's own pictures."
    tone = "" if verdict is None else "warning" if verdict.share < 0.25 else "good"
    near = {"label": "Found again", "value": f"{inversion.errors.psnr:.1f} dB", "note": "PSNR, by latent and layers"}
    adapted = {"label": "Adapted", "value": "no", "note": "invert.adapt makes what surrounds the brush fit better"}
    if made is not None:
        note = made.locality.sentence or "No weight was changed."
        adapted = {"label": "Adapted", "value": f"{made.errors.psnr:.1f} dB", "note": note}
    return sentence, tone, [near, adapted, *([] if outside is None else [_outside(outside)])]


def _outside(outside: OutsideErrors) -> dict[str, str]:
    how = ", refined" if outside.refined else ""
    alone = f"mean of what is shown; of the generator's own picture{how}: {outside.drawn * 255:.1f}"
    return {"label": "Off outside the brush", "value": f"{outside.shown * 255:.2f} / 255", "note": alone}


def bar_words(refining: str, refined: bool, strokes: tuple[Any, ...]) -> tuple[str, str, str]:
    """Status of the refining bar, its note, and why it cannot be used."""
    painted = any(stroke.visible for stroke in strokes)
    if refining:
        return "running", refining, ""
    note = "Refined, until the strokes change." if refined else "mends the border of the brush" if painted else ""
    return ("done" if refined else "idle"), note, "" if painted else "nothing is painted"


def bar_numbers(refining: str, progress: float, remaining: float) -> tuple[float, float]:
    """Share done and seconds left of a refinement; other work of the session is none of its business."""
    return (progress, remaining) if refining else (0.0, -1.0)
