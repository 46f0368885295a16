"""The session behind a rewriting workbench: places marked in pictures, and edits that make a rule of them.

Mark places (`mark`), look for more of them (`search`), and `apply`: the edit is found at once, put on the stack, and
the pictures on show follow; then it is refined in the background, until nothing is gained or one cancels. Everything a
person does is a call that is in force when it returns, or a job that does not get lost; pictures show the newest state.
The network is never changed: `edited` is the one with the edits.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Generator as Steps
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from traitlets import Bool, Bunch, Dict, Enum, Float, Instance, Int, TraitError, Tuple, Unicode, observe, validate

from ganwidgets.jobs import lock
from ganwidgets.models import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.nn.regions import as_region, at_most
from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite import files
from ganwidgets.rewrite.context import METHODS, match_key
from ganwidgets.rewrite.editable import editable_layer, editable_layers
from ganwidgets.rewrite.examples import Example
from ganwidgets.rewrite.refine import refine
from ganwidgets.rewrite.request import load_request, request_from_json, request_to_json, save_request
from ganwidgets.rewrite.search import Matches, match_maps, search
from ganwidgets.rewrite.solve import NORMS, OBJECTIVES, SMOOTHNESS, Solution
from ganwidgets.rewrite.stack import EditStack
from ganwidgets.rewrite.workbench import Settings, Solved, Trays, Workbench
from ganwidgets.session import HistorySession, check_truncation, whole_in_range
from ganwidgets.worker import Cancelled, Job, giving_way

SHOW_EVERY = 0.3  # [s] while an edit is refined
MOST_SAMPLE = 10_000
MOST_SHOWN = 64  # pictures at once
PAGE = 12  # pictures
NEEDED = {
    "object": "`object` must be there to be pasted: mark something and copy it",
    "paste": "`paste` must say where the object goes: mark a place and paste there",
    "context": "`examples` must show what the rule is about: mark a place and add it to the context",
}


class RewriteController(HistorySession):
    """Rewrite rules of a generator; call `mark` and `apply`, and look at the outputs.

    Args:
        network: the generator.
        traits: first values; `layer` is by default the middle one of those that can be edited.
    """

    layer = Unicode(help="Whose rules are rewritten: one of `editable_layers`.")
    rank = Int(1, help="Directions along which an edit may change the layer.")
    smoothness = Float(SMOOTHNESS, help="λ: the price of changes elsewhere.")
    norm = Enum(list(NORMS), "l1", help="Absolute errors as in the paper, or squares.")
    objective = Enum(list(OBJECTIVES), "window", help="Which places count; see `solve`.")
    method = Enum(list(METHODS), "zca", help="How directions come from examples.")
    damping = Float(0.0, help="Of the second moment, in units of its mean eigenvalue.")
    refining = Bool(True, help="Whether an edit is refined after it was solved for.")
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
    working = Unicode(read_only=True, help="What takes a while now; empty: nothing does.")
    matches = Instance(np.ndarray, allow_none=True, read_only=True, help="(image key_h key_w): match of the context.")
    level = Float(0.0, read_only=True, help="Match that one location in a thousand exceeds.")
    found = Instance(Matches, allow_none=True, read_only=True, help="Of the latest search.")
    solution = Instance(Solution, allow_none=True, read_only=True, help="How the newest edit was solved for.")
    losses = Tuple(read_only=True, help="Cost of each step of its refinement; no edit costs 1.")

    def __init__(self, network: Generator, **traits: Any) -> None:
        self.network = network
        self.editable_layers = editable_layers(network)
        if not self.editable_layers:
            raise ValueError(f"`network` must have a convolution that can be edited, but {network.name!r} has none")
        self._stack, self._requests, self._applied, self._newest = EditStack(), count(), count(1), ""
        self._page = 0
        middle = self.editable_layers[len(self.editable_layers) // 2]
        super().__init__(**{"layer": middle, **traits})
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
            ValueError: nothing to look for, or a picture the sample does not hold.
        """
        query = None if image is None else self._place(image, region)
        if query is None and not self.trays.context:
            raise ValueError("`examples` must show what to look for: mark a place, or add one to the context")
        given = (self.trays, self._settings, self.edits, query, whole_number("k", k, 1))
        return self.submit(
            lambda progress: self._search(*given, giving_way(progress)), self._found, kind="search", background=not wait
        )

    # Editing

    def apply(self, name: str = "", *, wait: bool = False) -> Job:
        """Make a rule of what was marked: copy the object to where it is pasted, wherever the context holds."""
        return self._solve("paste", name, wait)

    def erase(self, name: str = "", *, wait: bool = False) -> Job:
        """Take out what the examples' outstanding units do there."""
        return self._solve("erase", name, wait)

    def zero(self, name: str = "", *, wait: bool = False) -> Job:
        """Make the context have no effect."""
        return self._solve("zero", name, wait)

    def rename(self, which: int | str, name: str) -> None:
        """Give an edit another name. Raises `ValueError` for no name, or if there is no such edit."""
        self._change(lambda stack: stack.rename(which, name))

    def clear_edits(self) -> None:
        """Remove all edits; can be undone."""
        self._change(EditStack.clear)

    # Files

    def save(self, path: str | Path) -> Path:
        """Write the edits to one file."""
        return files.save(path, self.edits)

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        return files.to_bytes(self.edits)

    def load(self, source: str | Path | bytes, *, force: bool = False) -> None:
        """Put edits from a file in place of those here; can be undone.

        Raises:
            ValueError: another network's (unless `force`), or not such a file.
        """
        read = files.from_bytes if isinstance(source, bytes) else files.load
        loaded = read(source, self.network, force=force).edits
        self._change(lambda stack: stack.set(loaded))

    def load_request(self, source: str | Path | bytes, *, legacy_alpha: bool = False) -> None:
        """Mark what a request of the original application marks, in place of what is marked here.

        Raises:
            ValueError: not such a file, or a picture the sample does not hold.
        """
        read = request_from_json if isinstance(source, bytes) else load_request
        request = read(source, n_images=self.n_sample, legacy_alpha=legacy_alpha)
        self._set_trays(lambda trays: Trays.of(request))
        marked = dict.fromkeys(example.image for _, example in request)
        if marked:
            self.show(tuple(marked)[:MOST_SHOWN])

    def save_request(self, path: str | Path) -> Path:
        """Write what was marked, as the original application reads it: with the first place to paste only."""
        return save_request(path, self.trays.request())

    def request_json(self) -> str:
        """What `save_request` writes."""
        return request_to_json(self.trays.request())

    def update(self, *, background: bool = True) -> Job:
        """Draw what is shown again; happens by itself when something changes."""
        with lock:
            wish = (tuple(self.numbers), self.image, self.edits, self.trays, self._settings)
        return self.submit(
            lambda progress: self._picture(*wish),
            lambda values: self._write(**values),
            kind="picture",
            interactive=True,
            background=background,
        )

    def close(self) -> None:
        super().close()
        self._bench.clear()

    def submit(self, *args: Any, **options: Any) -> Job:
        job = super().submit(*args, **options)
        self._tell_working()
        return job

    def _ended(self, job: Job) -> None:
        super()._ended(job)
        self._tell_working()

    def _tell_working(self) -> None:
        with lock:
            kinds = {job.kind.partition(" ")[0] for job in self._jobs.values() if not job.interactive}
            self._write(working=next(iter(sorted(kinds)), ""))

    # How a rule is found

    def missing(self, what: str = "paste") -> str:
        """What must be marked before this ("paste", "erase" or "zero") can be done; "" if nothing is missing."""
        trays = self.trays
        needed = {"object": trays.object, "paste": trays.paste} if what == "paste" else {"context": trays.context}
        return next((NEEDED[part] for part, there in needed.items() if not there), "")

    def _solve(self, what: str, name: str, wait: bool) -> Job:
        with lock:
            self.refuse("")
            if missing := self.missing(what):
                raise ValueError(missing)
            trays, settings, goes_on = self.trays, self._settings, self.refining and what != "zero"
            name = name or f"{what} {next(self._applied)}, {settings.layer}"
            # A request of its own kind: clicking twice makes two edits, the second on top of the first.
            self._newest = kind = f"apply {next(self._requests)}"

        def work(progress: Callable[[float], None]) -> Iterator[dict[str, Any] | None]:
            tell = giving_way(progress)
            solved = yield from self._solving(what, trays, settings, name, tell)
            if goes_on and solved is not None:
                yield from self._refining(solved, kind, tell)

        return self.submit(work, self._publish, kind=kind, background=not wait)

    def _solving(
        self, what: str, trays: Trays, settings: Settings, name: str, progress: Callable[[float], None]
    ) -> Steps[dict[str, Any] | None, None, Solved | None]:
        """The edit as soon as there is one, then better ones; returns the last, if it can be refined."""
        edits, bench, solved, shown, told = self.edits, self._bench, None, None, 0.0
        if what == "zero":
            edit = yield from bench.zeroed(trays, settings, edits, progress=progress, name=name)
            yield {"edit": edit, "solution": None, "losses": ()}
            return None
        for found in bench.solving(trays, settings, edits, what=what, progress=progress, name=name):
            solved = found or solved
            if found is None or (shown and time.monotonic() - told < SHOW_EVERY):  # a picture takes longer than a solve
                yield None
            else:
                shown, told = found, time.monotonic()
                yield {"edit": found.edit, "solution": found.solution, "losses": ()}
        if solved is not shown:
            yield {"edit": solved.edit, "solution": solved.solution, "losses": ()}
        return solved

    def _refining(
        self, solved: Solved, kind: str, progress: Callable[[float], None]
    ) -> Iterator[dict[str, Any] | None]:
        """Better edits; the best so far when cancelled, when another rule is asked for, or when the edit is gone."""
        losses: list[float] = []
        edit, told = solved.edit, time.monotonic()
        found = None
        try:
            for found in refine(list(solved.targets), solved.solution, **solved.options):
                if self._newest != kind or all(there.uid != edit.uid for there in self._stack.edits):
                    break
                losses.append(float(found.cost))
                progress(found.step / max(1, found.steps))
                if time.monotonic() - told > SHOW_EVERY:
                    told = time.monotonic()
                    edit = replace(edit, update=found.solution.update)
                    yield {"edit": edit, "solution": found.solution, "losses": tuple(losses)}
                else:
                    yield None
        except Cancelled:
            if found is None:
                raise
        if found is not None:
            edit = replace(edit, update=found.solution.update)
            yield {"edit": edit, "solution": found.solution, "losses": tuple(losses)}

    def _publish(self, values: dict[str, Any]) -> None:
        edit = values.pop("edit")
        known = {old.uid: old for old in self._stack.edits}
        everywhere = {old.uid for step in (*self._stack.past, *self._stack.future) for old in step}
        if edit.uid in known:
            now = known[edit.uid]
            better = replace(now, update=edit.update, details=edit.details)
            self._set_stack(_exchanged(self._stack, now, better))
        elif edit.uid not in everywhere:
            self._set_stack(self._stack.push(edit))
        self._write(**values)
        self.update()

    # What is shown

    def _picture(
        self, numbers: tuple[int, ...], image: int, edits: tuple[LowRankEdit, ...], trays: Trays, settings: Settings
    ) -> Iterator[dict[str, Any] | None]:
        """The pictures first, then those in which something is marked, then where the context matches."""
        drawn = numbers if image in numbers else (*numbers, image)
        after = yield from self._bench.pictures(drawn, edits)
        before = yield from self._bench.pictures(drawn, ())
        place, n = drawn.index(image), len(numbers)
        looked_at = {"image_before": before[place], "image_after": after[place]}
        yield {"before": before[:n], "after": after[:n], "shown": numbers, **looked_at}
        yield {"marked": (yield from self._bench.marked(trays, drawn, before))}
        if not trays.context:
            yield {"matches": None}
            return
        statistics = yield from self._bench.statistics(settings.layer, edits)
        try:
            context = self._bench.context(trays, settings, edits, statistics)
        except ValueError:  # a rank the examples do not span is said when it is applied
            yield {"matches": None}
            return
        editable = self._bench.editable(settings.layer, edits)
        keys = editable.keys(editable.run(self._bench.z[list(numbers)]))
        yield {"matches": match_maps(editable, keys, context).cpu().numpy()}

    def _search(
        self,
        trays: Trays,
        settings: Settings,
        edits: tuple[LowRankEdit, ...],
        query: Example | None,
        k: int,
        progress: Callable[[float], None],
    ) -> Iterator[Matches | None]:
        bench = self._bench
        statistics = yield from bench.statistics(settings.layer, edits, lambda share: progress(share / 2))
        editable = bench.editable(settings.layer, edits)
        if query is None:
            directions = bench.context(trays, settings, edits, statistics)
        else:
            directions = match_key(editable, query, bench.z, statistics, damping=settings.damping)
        yield search(editable, bench.z, directions, k=k, progress=lambda share: progress((1 + share) / 2))

    def _found(self, matches: Matches) -> None:
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

    @property
    def _settings(self) -> Settings:
        names = ("layer", "rank", "smoothness", "norm", "objective", "method", "damping")
        return Settings(**{name: getattr(self, name) for name in names})

    def _sample(self) -> None:
        z = self.network.sample_z(self.n_sample, self.seed, self.truncation)
        self._bench = Workbench(self.network, z, self.seed)
        with self.hold_trait_notifications():
            kept = tuple(number for number in self.numbers if number < self.n_sample)
            self.numbers = kept or tuple(range(min(PAGE, self.n_sample)))
            self.image = min(self.image, self.n_sample - 1)
        self._write(found=None, matches=None)
        self.update()

    @observe("seed", "n_sample", "truncation")
    def _sample_changed(self, change: Bunch) -> None:
        if not hasattr(self, "_bench"):
            return
        if change["name"] != "n_sample" or change["new"] < change["old"]:
            self._write(trays=Trays())  # the numbers mean other pictures now
        self._sample()

    @property
    def _is_page(self) -> bool:
        """Whether what is on show is the page last turned to, not a choice of somebody or of a search."""
        return tuple(self.numbers) == tuple(range(self.n_sample)[self._page * PAGE :][:PAGE])

    @observe("image", "numbers", "layer", "rank", "method", "damping")
    def _look_changed(self, change: Bunch) -> None:
        if hasattr(self, "_bench"):
            self.update()

    @validate("layer")
    def _check_layer(self, proposal: Bunch) -> str:
        try:
            return editable_layer(self.network, proposal["value"]).name
        except ValueError as error:
            raise TraitError(str(error)) from None

    @validate("numbers")
    def _check_numbers(self, proposal: Bunch) -> tuple[int, ...]:
        numbers = tuple(dict.fromkeys(proposal["value"]))
        if not 1 <= len(numbers) <= MOST_SHOWN:
            raise TraitError(f"`numbers` must be 1 to {MOST_SHOWN} numbers of pictures, got {len(numbers)}.")
        return tuple(whole_in_range("numbers", whole_number("numbers", n, 0), 0, self.n_sample - 1) for n in numbers)

    @validate("image")
    def _check_image(self, proposal: Bunch) -> int:
        return whole_in_range("image", proposal["value"], 0, self.n_sample - 1)

    @validate("rank")
    def _check_rank(self, proposal: Bunch) -> int:
        return whole_in_range("rank", proposal["value"], 1, editable_layer(self.network, self.layer).key_dim)

    @validate("smoothness", "damping")
    def _check_price(self, proposal: Bunch) -> float:
        if not 0 <= proposal["value"] < float("inf"):
            raise TraitError(f"`{proposal['trait'].name}` must be 0 or more, got {proposal['value']}.")
        return proposal["value"]

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 1)

    @validate("n_sample")
    def _check_n_sample(self, proposal: Bunch) -> int:
        return whole_in_range("n_sample", proposal["value"], 1, MOST_SAMPLE)

    @validate("truncation")
    def _check_truncation(self, proposal: Bunch) -> float | None:
        return check_truncation(proposal["value"])


def _exchanged(stack: EditStack, old: LowRankEdit, new: LowRankEdit) -> EditStack:
    """The stack with one edit made better, without a step to be undone."""
    swap = lambda entries: tuple(new if entry is old else entry for entry in entries)  # noqa: E731
    return EditStack(swap(stack.entries), tuple(map(swap, stack.past)), tuple(map(swap, stack.future)))
