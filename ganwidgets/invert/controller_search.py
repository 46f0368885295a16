"""The part of an inverting session that searches: how, and what is found meanwhile and in the end."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor
from traitlets import Bool, Bunch, Enum, Float, Instance, Int, TraitError, Unicode, observe, validate

from ganwidgets.invert.controller_photo import PhotoSession, as_rgb
from ganwidgets.invert.drawing import chosen_layer
from ganwidgets.invert.encoder import learning
from ganwidgets.invert.engine import MOST_SEED, Snapshot, inverting
from ganwidgets.invert.losses import label
from ganwidgets.invert.strategies import DEFAULT, STRATEGIES, strategy_named
from ganwidgets.jobs import Cancelled, lock
from ganwidgets.models.generator import Generator
from ganwidgets.results.inversion import Inversion, as_uint8
from ganwidgets.session import whole_in_range
from ganwidgets.worker import Job

SETTINGS = ("strategy", "steps", "starts", "seed", "layer", "drawn_class", "fit", "box")
STATES = ("idle", "running", "cancelled", "failed", "done")
MOST_STEPS, MOST_STARTS = 100_000, 64


class SearchSession(PhotoSession):
    """A session that searches for its photo; see `InvertController`."""

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
    resumable = Bool(False, read_only=True, help="Whether a search was stopped that `resume` goes on with.")

    def __init__(self, network: Generator, **traits: Any) -> None:
        self.starts_itself = False  # whether opening a photo begins the search
        self.found_in = network  # what the inversion belongs to: another class may be chosen by now
        self._found_key: tuple = ()
        self._given_up: Job | None = None  # the search for a photo that is there no more
        self._earlier: tuple[Inversion, Generator, tuple] | None = None  # what was found before, until there is more
        super().__init__(network, **{"layer": chosen_layer(network), **traits})

    # The search

    def run(self, *, wait: bool = False) -> Job:
        """Search for the photo; what was found before stays until the first picture is there.

        Raises:
            ValueError: there is no photo.
        """
        self.refuse("")
        return self._begin(self._asked(), wait)

    def resume(self, *, wait: bool = False) -> Job:
        """Go on with a search that was stopped, from the best that it had found.

        Raises:
            ValueError: none was stopped, or something was changed since.
        """
        if not self.resumable:
            raise ValueError("There is no stopped search to go on with: press Invert.")
        self.refuse("")
        found = self.inversion
        asked = {**self._asked(), "starts": 1, "steps": found.total_steps, "resume": found}
        return self._begin(asked, wait, found.steps, found.total_steps)

    def _begin(self, asked: dict[str, Any], wait: bool, step: int = 0, total: int = 0) -> Job:
        options = {name: getattr(self, name) for name in ("strategy", "starts", "seed", "layer")}
        options |= {"steps": self.steps or None, **asked}
        self._write(stale=False, resumable=False, step=step, total=total, adapting=None)
        if self.inversion is not None:
            self._earlier = self.inversion, self.found_in, self._found_key
        work = partial(self._search, self.network, options)
        publish = partial(self._found, self.network, self._key())
        self._write(searching="running")
        return self.submit(work, publish, kind="search", background=not wait)

    def _ended(self, job: Job) -> None:
        with lock, self.hold_trait_notifications():
            if self._jobs.get("search") is job and self._given_up is not job:
                self._write(searching=job.outcome)
                if self._earlier is not None:  # nothing came of it: what was found before stays
                    inversion, self.found_in, self._found_key = self._earlier
                    inversion = self.inversion or inversion  # it may have been judged or adapted meanwhile
                    self._earlier = None
                    self._write(inversion=inversion, **shown_of(inversion))
                self._compare()
            super()._ended(job)

    @staticmethod
    def _search(
        network: Generator, options: dict[str, Any], progress: Callable[[float], None]
    ) -> Iterator[Snapshot | None]:
        found = options.get("resume")
        if found is None:  # one that goes on needs no start
            start = STRATEGIES[options["strategy"]].start
            for learned in learning(network, start, options["layer"]):  # minutes, if at all
                progress(learned.fraction)
                yield None
        search, shot = inverting(network, **options), None
        try:
            progress(0.0 if found is None else found.steps / found.total_steps)
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
            self.found_in, self._found_key, self._earlier = network, key, None
            found["stale"] = key != self._key()
        self._write(**found, curve=shot.curve.numpy(), **seen(shot.image, shot.error))

    def _key(self) -> tuple:
        """What a search depends on."""
        return (id(self._source), *(getattr(self, name) for name in SETTINGS))

    def opened(self) -> None:
        """Another photo: what was found for the last one goes, and the search begins if it does so by itself."""
        self._stop_search()
        self._earlier = None
        nothing = dict.fromkeys(("inversion", "image", "error_map", "curve", "adapting"))
        self._write(**nothing, stale=False, resumable=False, step=0, total=0, psnr=0.0, searching="idle")
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
        found = self.inversion
        stale = found is not None and self._key() != self._found_key
        left = found is not None and found.stopped == "cancelled" and 0 < found.steps < found.total_steps
        # One from a file may have been found by a strategy or losses that this session does not search with.
        own = left and found.strategy == self.strategy and found.losses == label(None)
        self._write(stale=stale, resumable=own and not stale)

    def _stop_search(self) -> None:
        with lock:
            self._given_up = self._jobs.get("search")
            if self._given_up is not None:
                self._given_up.stop("superseded")

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
        """Stop, and let go of the photo's file; what was found can still be read and saved."""
        super().close()
        self._source = None


def seen(image: Tensor, error: Tensor) -> dict[str, np.ndarray]:
    """Traits that show a picture, and where it is off."""
    return {"image": as_rgb(as_uint8(image)), "error_map": error.detach().float().cpu().numpy()}


def shown_of(inversion: Inversion) -> dict[str, Any]:
    """Traits that show what was found, adapted if it is."""
    image, adaptation = inversion.adapted, inversion.adaptation
    errors = inversion.errors if adaptation is None else adaptation.errors
    adapting = None if adaptation is None else adaptation.curve.numpy()
    found = {"curve": inversion.curve.numpy(), "adapting": adapting, "psnr": errors.psnr}
    found |= {"step": inversion.steps, "total": inversion.total_steps}
    return found | seen(image, (image - inversion.image).abs().mean(0) / 2)
