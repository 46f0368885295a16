"""The inverting session: a photo, how it is searched for, and what is found, while it is searched for and later."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from traitlets import Bool, Bunch, Enum, Float, Instance, Int, TraitError, Unicode, observe, validate

from ganwidgets.invert.adapt import Adapting
from ganwidgets.invert.controller_photo import WHOLE, PhotoSession, as_rgb
from ganwidgets.invert.drawing import chosen_layer
from ganwidgets.invert.encoder import learning
from ganwidgets.invert.engine import Snapshot, inverting
from ganwidgets.invert.strategies import DEFAULT, STRATEGIES, strategy_named
from ganwidgets.jobs import Cancelled, lock
from ganwidgets.models.generator import Generator
from ganwidgets.results.adaptation import Adaptation
from ganwidgets.results.inversion import Inversion, Verdict, as_uint8
from ganwidgets.results.inversion_files import from_bytes, save, to_bytes
from ganwidgets.results.inverted import check_fits
from ganwidgets.session import whole_in_range
from ganwidgets.worker import Job

SETTINGS = ("strategy", "steps", "starts", "seed", "layer", "drawn_class", "fit", "box")
STATES = ("idle", "running", "cancelled", "failed", "done")
MOST_STEPS, MOST_STARTS, MOST_SEED = 100_000, 64, 2**32 - 1


class InvertController(PhotoSession):
    """Searches for a photo in a generator; shows the best picture so far, and keeps it when stopped.

    Args:
        network: a generator.
        drawn: offer scenes of the bundled world as photos to try.
        traits: first values.
    """

    strategy = Unicode(DEFAULT, help="Name of a strategy; see `STRATEGIES`.")
    steps = Int(0, help="Most steps; 0: as many as the strategy has.")
    starts = Int(1, help="Searches side by side, of which the best is kept.")
    seed = Int(1, help="Of the search.")
    layer = Unicode(help="The edit layer: what is found reaches up to it.")
    image = Instance(np.ndarray, allow_none=True, read_only=True, help="The best picture so far: uint8.")
    error_map = Instance(np.ndarray, allow_none=True, read_only=True, help="Where it is off, as share of the range.")
    curve = Instance(np.ndarray, allow_none=True, read_only=True, help="Step, loss, PSNR [dB] of the best so far.")
    adapting = Instance(np.ndarray, allow_none=True, read_only=True, help="The same for the adaptation.")
    psnr = Float(0.0, read_only=True, help="Of the picture that is shown [dB].")
    step = Int(0, read_only=True, help="Steps done.")
    total = Int(0, read_only=True, help="Steps at most.")
    inversion = Instance(Inversion, allow_none=True, read_only=True, help="What was found; None until it was.")
    searching = Enum(STATES, "idle", read_only=True, help="What the newest search is doing, or how it ended.")
    stale = Bool(False, read_only=True, help="Whether the photo, its part or a setting is another since.")

    def __init__(self, network: Generator, **traits: Any) -> None:
        self.starts_itself = False  # whether opening a photo begins the search
        self.found_in = network  # what the inversion belongs to: another class may be chosen by now
        self._found_key: tuple = ()
        self._given_up: Job | None = None  # the search for a photo that is there no more
        super().__init__(network, **{"layer": chosen_layer(network), **traits})

    # The search

    def run(self, *, wait: bool = False) -> Job:
        """Search for the photo; what was found before stays until the first picture is there.

        Raises:
            ValueError: there is no photo.
        """
        self.refuse("")
        options = {name: getattr(self, name) for name in ("strategy", "starts", "seed", "layer")}
        options |= {**self._asked(), "steps": self.steps or None}
        self._write(stale=False, step=0, total=0, adapting=None)
        work = partial(self._search, self.network, options)
        publish = partial(self._found, self.network, self._key())
        self._write(searching="running")
        return self.submit(work, publish, kind="search", background=not wait)

    def _ended(self, job: Job) -> None:
        with lock, self.hold_trait_notifications():
            if self._jobs.get("search") is job and self._given_up is not job:
                self._write(searching=job.outcome)
            super()._ended(job)

    @staticmethod
    def _search(
        network: Generator, options: dict[str, Any], progress: Callable[[float], None]
    ) -> Iterator[Snapshot | None]:
        for learned in learning(network, STRATEGIES[options["strategy"]].start, options["layer"]):  # minutes, if at all
            progress(learned.fraction)
            yield None
        search, shot = inverting(network, **options), None
        try:
            progress(0.0)
            for shot in search:
                if shot.inversion is not None:
                    return shot
                yield shot
                progress(shot.step / max(1, shot.total))
        except Cancelled:
            if shot is None:
                raise
            return search.send(True)

    def _found(self, network: Generator, key: tuple, shot: Snapshot | None) -> None:
        if shot is None or key[0] != id(self._source):  # of a photo that was there before
            return
        found = {"inversion": shot.inversion, "step": shot.step, "total": shot.total, "psnr": shot.psnr}
        if shot.inversion is not None:
            self.found_in, self._found_key = network, key
            found["stale"] = key != self._key()
        self._write(**found, curve=shot.curve.numpy(), **_seen(shot.image, shot.error))

    def _key(self) -> tuple:
        """What a search depends on."""
        return (id(self._source), *(getattr(self, name) for name in SETTINGS))

    def opened(self) -> None:
        """Another photo: what was found for the last one goes, and the search begins if it does so by itself."""
        self._stop_search()
        nothing = dict.fromkeys(("inversion", "image", "error_map", "curve", "adapting"))
        self._write(**nothing, stale=False, step=0, total=0, psnr=0.0, searching="idle")
        if self.starts_itself:
            self.run()

    def changed(self) -> None:
        """Another part of the photo, or another class: a search that runs begins again."""
        job = self._jobs.get("search")
        if job is not None and not job.stopping:
            self.run()
        self._compare()

    def relabelled(self) -> None:
        """Another class is to be drawn: a search that runs begins again."""
        self.changed()
        if self.examples:
            self.look_for_examples()

    def _compare(self) -> None:
        self._write(stale=self.inversion is not None and self._key() != self._found_key)

    def _stop_search(self) -> None:
        with lock:
            self._given_up = self._jobs.get("search")
            if self._given_up is not None:
                self._given_up.stop("superseded")

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
            curve = None if adaptation is None else adaptation.curve.numpy()
            self._write(inversion=made, adapting=curve, psnr=_errors(made).psnr, **_shown(made))

    def show_adapting(self, now: Adapting, curve: np.ndarray) -> None:
        """Show the picture of an adaptation that runs."""
        self._write(adapting=curve, psnr=now.psnr, **_seen(now.image, now.error))

    # Files

    def adopt(self, inversion: Inversion) -> None:
        """Take an inversion that was found before, with its photo as the network saw it.

        Raises:
            ValueError: one of another network, or one that does not fit this one; what was there stays.
        """
        if inversion.network_fingerprint != self.network.fingerprint:
            raise ValueError(
                f"This inversion was made in {inversion.network_name!r}, whose weights or settings are others than "
                f"those of {self.network.name!r}: open it there."
            )
        check_fits(self.network, inversion)
        known = inversion.strategy in STRATEGIES
        strategy = strategy_named(inversion.strategy, self.network).name if known else self.strategy
        if not 0 <= inversion.seed <= MOST_SEED:
            raise ValueError(f"`seed` of the inversion must lie in 0 to {MOST_SEED}, got {inversion.seed}.")
        with lock:  # nothing is refused from here on
            self._stop_search()
            self._source, self.photo_code = _photo_of(inversion), ""
            self.refuse("")
            height, width = inversion.image.shape[1:]
            picture = as_rgb(as_uint8(inversion.image))
            taken = {"photo": picture, "photo_size": (width, height), "photo_name": "the photo of a saved inversion"}
            with self.hold_trait_notifications():
                self.fit, self.box, self.layer = "crop", WHOLE, inversion.layer
                self.strategy, self.seed = strategy, inversion.seed
            curve = inversion.adaptation.curve.numpy() if inversion.adaptation is not None else None
            found = {"curve": inversion.curve.numpy(), "adapting": curve, "psnr": _errors(inversion).psnr}
            found |= {
                "searching": "done",
                "step": inversion.steps,
                "total": inversion.steps,
                "remarks": inversion.notes,
            }
            self.found_in, self._found_key = self.network, self._key()
            self._write(**taken, **found, target=picture, inversion=inversion, stale=False, **_shown(inversion))

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

    # What may be asked

    @observe("strategy", "steps", "starts", "seed", "layer")
    def _set(self, change: Bunch) -> None:
        self._compare()

    @validate("strategy")
    def _check_strategy(self, proposal: Bunch) -> str:
        try:
            return strategy_named(proposal["value"], self.network).name
        except ValueError as error:
            raise TraitError(str(error)) from error

    @validate("layer")
    def _check_layer(self, proposal: Bunch) -> str:
        try:
            return chosen_layer(self.network, proposal["value"])
        except ValueError as error:
            raise TraitError(str(error)) from error

    @validate("steps", "starts", "seed")
    def _check_number(self, proposal: Bunch) -> int:
        name = proposal["trait"].name
        low, high = {"steps": (0, MOST_STEPS), "starts": (1, MOST_STARTS), "seed": (0, MOST_SEED)}[name]
        return whole_in_range(name, proposal["value"], low, high)

    def close(self) -> None:
        """Stop, and let go of the photo and of what was found."""
        super().close()
        self._source = None


def _seen(image: Any, error: Any) -> dict[str, np.ndarray]:
    return {"image": as_rgb(as_uint8(image)), "error_map": error.detach().float().cpu().numpy()}


def _shown(inversion: Inversion) -> dict[str, np.ndarray]:
    image = inversion.adapted
    return _seen(image, (image - inversion.image).abs().mean(0) / 2)


def _errors(inversion: Inversion) -> Any:
    return inversion.errors if inversion.adaptation is None else inversion.adaptation.errors


def _same(inversion: Inversion | None, other: Inversion) -> bool:
    """Whether both are about the same search; a verdict or an adaptation may have come to one of them."""
    return inversion is not None and inversion.latent is other.latent


def _photo_of(inversion: Inversion) -> np.ndarray:
    return ((inversion.image.cpu() + 1) / 2).permute(1, 2, 0).numpy()
