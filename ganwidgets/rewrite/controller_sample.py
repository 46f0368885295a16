"""The part of a rewriting session that one looks at and marks places in: a sample, without and with edits."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from traitlets import Bunch, Dict, Float, Instance, Int, TraitError, Tuple, observe, validate

from ganwidgets.jobs import lock
from ganwidgets.models import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.nn.regions import as_region, at_most
from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.context import match_key
from ganwidgets.rewrite.controller_settings import SettingsSession
from ganwidgets.rewrite.examples import Example
from ganwidgets.rewrite.search import Matches, match_maps, search
from ganwidgets.rewrite.trays import Trays
from ganwidgets.rewrite.workbench import Settings, Workbench
from ganwidgets.session import check_truncation, whole_in_range
from ganwidgets.worker import Job, giving_way

MOST_SAMPLE = 10_000
MOST_SHOWN = 64  # pictures at once
PAGE = 12  # pictures


class SampleSession(SettingsSession):
    """A session with a sample of pictures; see `RewriteController`."""

    seed = Int(1, help="Which latents make the sample.")
    n_sample = Int(256, help="Number of pictures in the sample; places are marked in them by number.")
    truncation = Float(None, allow_none=True, help="Squeezes the sample's latents; None does not.")
    numbers = Tuple(help="Which pictures of the sample are on show.")
    image = Int(0, help="Number of the picture that is looked at closely.")

    trays = Instance(Trays, read_only=True, help="What was marked.")
    edits = Tuple(read_only=True, help="The first one first, those left out included.")
    before = Instance(np.ndarray, allow_none=True, read_only=True, help="uint8 (image height width rgb), unedited.")
    after = Instance(np.ndarray, allow_none=True, read_only=True, help="The same pictures with the edits.")
    shown = Tuple(read_only=True, help="Numbers of the pictures in `before` and `after`.")
    image_before = Instance(np.ndarray, allow_none=True, read_only=True, help="The one looked at, unedited.")
    image_after = Instance(np.ndarray, allow_none=True, read_only=True, help="The one looked at, with the edits.")
    marked = Dict(read_only=True, help="Pictures in which something is marked, unedited, by number.")
    matches = Instance(np.ndarray, allow_none=True, read_only=True, help="(image key_h key_w): match of the context.")
    level = Float(0.0, read_only=True, help="Match that one location in a thousand exceeds.")
    found = Instance(Matches, allow_none=True, read_only=True, help="Of the latest search.")

    def __init__(self, network: Generator, **traits: Any) -> None:
        self._page = 0
        super().__init__(network, **traits)
        self._write(trays=Trays())
        self._sample()

    @property
    def edited(self) -> Generator:
        """The network with the edits in force; the network itself if there are none."""
        return self._bench.edited(self.edits)

    # Marking

    def mark(self, kind: str, image: int, region: Any, *, instead: int | None = None) -> Example:
        """Mark a place in a picture of the sample.

        Args:
            kind: "object" to copy, "paste", "examples" of the context, or "preserve".
            image: number in the sample.
            region: (height width) in [0, 1] or 8-bit, of any size, or the bytes of a PNG.
            instead: number of the place of this kind that it replaces; None adds one.

        Raises:
            ValueError: another kind, a picture the sample does not hold, nothing painted, or nothing to replace.
        """
        place = self._place(image, region)
        if instead is None:
            self._set_trays(lambda trays: trays.with_one(kind, place))
        else:
            self._set_trays(lambda trays: trays.exchanged(kind, instead, place))
        return place

    def unmark(self, kind: str, number: int) -> Example:
        """Take away a marked place, and give it back. Raises `ValueError` if there is none."""
        with lock:
            place = self.trays.all(kind)[number : number + 1]
            self._set_trays(lambda trays: trays.without(kind, number))
        return place[0]

    def clear(self, kind: str | None = None) -> None:
        """Take away all marked places, or those of a kind. Raises `ValueError` for a kind there is not."""
        self._set_trays(lambda trays: Trays() if kind is None else trays.with_all(kind, ()))

    # Looking

    def show(self, numbers: Sequence[int]) -> None:
        """Put these pictures of the sample on show. Raises `TraitError` for one it does not hold."""
        with lock:
            self.numbers = tuple(numbers)
            self.refuse("")

    def turn(self, by: int = 1) -> None:
        """Show the next page of the sample, or with −1 the one before; after the last comes the first."""
        with lock:
            pages = -(-self.n_sample // PAGE)
            self._page = (self._page + by) % pages if self._is_page else self._page % pages
            self.show(range(self.n_sample)[self._page * PAGE :][:PAGE])

    def search(self, image: int | None = None, region: Any = None, *, k: int = 12, wait: bool = False) -> Job:
        """Show the pictures that match best: a region marked here, or (without one) the context.

        Raises:
            ValueError: nothing to look for, a picture the sample does not hold, or more pictures than can be shown.
        """
        if whole_number("k", k, 1) > MOST_SHOWN:
            raise ValueError(f"`k` must be at most {MOST_SHOWN}, as many pictures as can be shown at once, got {k}")
        with lock:
            query = None if image is None else self._place(image, region)
            if query is None and not self.trays.context:
                raise ValueError("`examples` must show what to look for: mark a place, or add one to the context")
            bench = self._bench
            given = (bench, self.trays, self._settings, self.edits, query, k)
        return self.submit(
            lambda progress: self._search(*given, giving_way(progress)),
            lambda matches: self._found(bench, matches),
            kind="search",
            interactive=True,
            background=not wait,
        )

    def update(self, *, background: bool = True) -> Job:
        """Draw what is shown again; happens by itself when something changes."""
        with lock:
            wish = (self._bench, tuple(self.numbers), self.image, self.edits, self.trays, self._settings)
        return self.submit(
            lambda progress: self._picture(*wish, progress),
            self._pictured,
            kind="picture",
            interactive=True,
            background=background,
        )

    def close(self) -> None:
        super().close()
        self._bench.clear()

    # What is shown

    def _picture(
        self,
        bench: Workbench,
        numbers: tuple[int, ...],
        image: int,
        edits: tuple[LowRankEdit, ...],
        trays: Trays,
        settings: Settings,
        progress: Callable[[float], None],
    ) -> Iterator[dict[str, Any] | None]:
        """The pictures first, then those in which something is marked, then where the context matches."""
        drawn = numbers if image in numbers else (*numbers, image)
        after = yield from bench.pictures(drawn, edits)
        before = yield from bench.pictures(drawn, ())
        place, n = drawn.index(image), len(numbers)
        looked_at = {"image_before": before[place], "image_after": after[place]}
        yield {"before": before[:n], "after": after[:n], "shown": numbers, **looked_at}
        yield {"marked": (yield from bench.marked(trays, drawn, before))}
        if not trays.context:
            yield {"matches": None}
            return
        statistics = yield from bench.statistics(settings.layer, edits)
        try:
            context = bench.context(trays, settings, edits, statistics, progress=progress)
        except ValueError:  # a rank the examples do not span is said when it is applied
            yield {"matches": None}
            return
        editable = bench.editable(settings.layer, edits)
        keys = editable.keys(editable.run(bench.z[list(numbers)]))
        yield {"matches": match_maps(editable, keys, context).cpu().numpy()}
        yield from bench.sampled(settings.layer, edits)  # so that the next edit answers at once

    def _pictured(self, values: dict[str, Any]) -> None:
        if values.get("shown", self.shown) != self.shown:
            values["matches"] = None  # they are of other pictures
        self._write(**values)

    def _search(
        self,
        bench: Workbench,
        trays: Trays,
        settings: Settings,
        edits: tuple[LowRankEdit, ...],
        query: Example | None,
        k: int,
        progress: Callable[[float], None],
    ) -> Iterator[Matches | None]:
        statistics = yield from bench.statistics(settings.layer, edits, lambda share: progress(share / 2))
        editable = bench.editable(settings.layer, edits)
        if query is None:
            told = lambda share: progress(0.5)  # noqa: E731
            directions = bench.context(trays, settings, edits, statistics, progress=told)
        else:
            directions = match_key(editable, query, bench.z, statistics, damping=settings.damping, warn=False)
        yield search(editable, bench.z, directions, k=k, progress=lambda share: progress((1 + share) / 2))

    def _found(self, bench: Workbench, matches: Matches) -> None:
        if bench is not self._bench:
            return  # numbers of a sample that is no longer there
        self._write(found=matches, level=matches.level)
        self.numbers = matches.images

    def _place(self, image: int, region: Any) -> Example:
        image = whole_number("image", image, 0)
        if image >= self.n_sample:
            raise ValueError(f"`image` must be below {self.n_sample}, the size of the sample, got {image}")
        painted = at_most(as_region(region), tuple(self.network.image_shape[1:]))
        if not painted.any():
            raise ValueError("`region` must be painted somewhere, got an empty one: paint what is meant")
        return Example(image, painted)

    def _set_trays(self, how: Callable[[Trays], Trays]) -> None:
        with lock:
            trays = how(self.trays)
            self.refuse("")
            self._write(trays=trays)
            self.update()

    def _sample(self) -> None:
        with lock:
            z = self.network.sample_z(self.n_sample, self.seed, self.truncation)
            old, self._bench = getattr(self, "_bench", None), Workbench(self.network, z, self.seed, self.truncation)
            if old is not None:  # places in pictures that are the same ones stay
                alike = old.network is self.network and _alike(old.z, z)
                self._write(trays=self.trays.within(len(z)) if alike else Trays())
            with self.hold_trait_notifications():
                kept = tuple(number for number in self.numbers if number < self.n_sample)
                self.numbers = kept or tuple(range(min(PAGE, self.n_sample)))
                self.image = min(self.image, self.n_sample - 1)
            self._write(found=None, matches=None)
            self.update()

    def relabelled(self) -> None:
        """Another class is another sample; edits are of the weights, and hold for every class."""
        if hasattr(self, "_bench"):
            self._sample()

    @observe("seed", "n_sample", "truncation")
    def _sample_changed(self, change: Bunch) -> None:
        if hasattr(self, "_bench"):
            self._sample()

    @property
    def _is_page(self) -> bool:
        """Whether what is on show is the page last turned to, not a choice of somebody or of a search."""
        return tuple(self.numbers) == tuple(range(self.n_sample)[self._page * PAGE :][:PAGE])

    @observe("image", "numbers", "layer", "rank", "method", "damping")
    def _look_changed(self, change: Bunch) -> None:
        if hasattr(self, "_bench"):
            self.update()

    @validate("numbers")
    def _check_numbers(self, proposal: Bunch) -> tuple[int, ...]:
        numbers = tuple(dict.fromkeys(proposal["value"]))
        if not 1 <= len(numbers) <= MOST_SHOWN:
            raise TraitError(f"`numbers` must be 1 to {MOST_SHOWN} numbers of pictures, got {len(numbers)}.")
        return tuple(whole_in_range("numbers", whole_number("numbers", n, 0), 0, self.n_sample - 1) for n in numbers)

    @validate("image")
    def _check_image(self, proposal: Bunch) -> int:
        return whole_in_range("image", proposal["value"], 0, self.n_sample - 1)

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 1)

    @validate("n_sample")
    def _check_n_sample(self, proposal: Bunch) -> int:
        return whole_in_range("n_sample", proposal["value"], 1, MOST_SAMPLE)

    @validate("truncation")
    def _check_truncation(self, proposal: Bunch) -> float | None:
        truncation = check_truncation(proposal["value"])
        if truncation is not None:
            try:
                self.network.sample_z(1, self.seed, truncation)
            except (ValueError, TypeError) as error:  # latents that cannot be squeezed
                raise TraitError(f"`truncation` must be None for {self.network.name}: {error}") from None
        return truncation


def _alike(old: Tensor, new: Tensor) -> bool:
    """Whether the numbers of two samples mean the same pictures, so far as both have them."""
    both = min(len(old), len(new))
    return torch.equal(old[:both], new[:both])
