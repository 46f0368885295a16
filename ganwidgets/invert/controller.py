"""The inverting session: a photo that is searched for, what becomes of what was found, and files of it."""

from pathlib import Path

import numpy as np

from ganwidgets.invert.adapt import Adapting
from ganwidgets.invert.controller_photo import WHOLE, as_rgb
from ganwidgets.invert.controller_search import SearchSession, seen, shown_of
from ganwidgets.invert.engine import MOST_SEED
from ganwidgets.invert.strategies import STRATEGIES, strategy_named
from ganwidgets.jobs import lock
from ganwidgets.models.generator import Generator
from ganwidgets.results.adaptation import Adaptation
from ganwidgets.results.inversion import Inversion, Verdict, as_uint8
from ganwidgets.results.inversion_files import from_bytes, save, to_bytes
from ganwidgets.results.inverted import check_fits


class InvertController(SearchSession):
    """Searches for a photo in a generator; shows the best picture so far, and keeps it when stopped.

    Args:
        network: a generator.
        drawn: offer scenes of the bundled world as photos to try.
        traits: first values.
    """

    # What others find out about it

    def judged(self, verdict: Verdict, about: Inversion) -> None:
        """Keep a verdict, if what it is about is still there."""
        with lock:
            if _same(self.inversion, about):
                self._write(inversion=self.inversion.with_verdict(verdict))

    def adapted(self, adaptation: Adaptation | None, about: Inversion) -> None:
        """Keep an adaptation (None takes it off), if what it is about is still there."""
        with lock:
            if not _same(self.inversion, about):
                return
            made = self.inversion.with_adaptation(adaptation)
            self._write(inversion=made, **shown_of(made))

    def show_adapting(self, now: Adapting, curve: np.ndarray) -> None:
        """Show the picture of an adaptation that runs."""
        self._write(adapting=curve, psnr=now.psnr, **seen(now.image, now.error))

    # Files

    def adopt(self, inversion: Inversion) -> None:
        """Take an inversion that was found before, with its photo as the network saw it, and its class.

        Raises:
            ValueError: one of another network, or one that does not fit this one; what was there stays.
        """
        label = self._class_of(inversion)
        check_fits(self.drawing(label), inversion)
        known = inversion.strategy in STRATEGIES
        strategy = strategy_named(inversion.strategy, self.network).name if known else self.strategy
        if not 0 <= inversion.seed <= MOST_SEED:
            raise ValueError(f"`seed` of the inversion must lie in 0 to {MOST_SEED}, got {inversion.seed}.")
        with lock:  # nothing is refused from here on
            self.drawn_class = label
            self._stop_search()
            self._source, self.photo_code = None, ""  # none yet: its box is no change of mind
            self.refuse("")
            height, width = inversion.image.shape[1:]
            picture = as_rgb(as_uint8(inversion.image))
            taken = {"photo": picture, "photo_size": (width, height), "photo_name": "the photo of a saved inversion"}
            with self.hold_trait_notifications():
                self.fit, self.box, self.layer = "crop", WHOLE, inversion.layer
                self.strategy, self.seed = strategy, inversion.seed
            ended = "cancelled" if inversion.stopped == "cancelled" else "done"
            found = {"inversion": inversion, "searching": ended, "remarks": inversion.notes, "target": picture}
            self._source, self._earlier = _photo_of(inversion), None
            self.found_in, self._found_key = self.network, self._key()
            self._write(**taken, **found, **shown_of(inversion))
            self._compare()

    def network_of(self, inversion: Inversion) -> Generator:
        """The network as it was when this was made in it: with the same class, if it has classes.

        Raises:
            ValueError: it was made in another network.
        """
        return self.drawing(self._class_of(inversion))

    def _class_of(self, inversion: Inversion) -> int | None:
        """The class that was drawn when it was made; `ValueError` if it was made in another network."""
        if self.network.fingerprint == inversion.network_fingerprint:
            return self.drawn_class
        if hasattr(self.network, "with_label"):  # in w and ws, only the fingerprint tells the class
            for label in (None, *range(len(self.network.classes))):
                if self.network.with_label(label).fingerprint == inversion.network_fingerprint:
                    return label
        raise ValueError(
            f"This inversion was made in {inversion.network_name!r}, whose weights or settings are others than "
            f"those of {self.network.name!r}: open it there."
        )

    def save(self, path: str | Path) -> Path:
        """Write what was found to one file.

        Raises:
            ValueError: nothing was found yet.
        """
        return save(self._made(), path)

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        return to_bytes(self._made())

    def load(self, source: str | Path | bytes) -> None:
        """Take an inversion from a file, or from what is in it.

        Raises:
            ValueError: not such a file, or an inversion of another network.
        """
        self.adopt(from_bytes(source if isinstance(source, bytes) else Path(source).read_bytes()))

    def _made(self) -> Inversion:
        if self.inversion is None:
            raise ValueError("There is no inversion yet: open a photo, and wait for it.")
        return self.inversion


def _same(inversion: Inversion | None, other: Inversion) -> bool:
    """Whether both are about the same search; a verdict or an adaptation may have come to one of them."""
    return inversion is not None and inversion.latent is other.latent


def _photo_of(inversion: Inversion) -> np.ndarray:
    return ((inversion.image.cpu() + 1) / 2).permute(1, 2, 0).numpy()
