"""The one thread that works: interactive jobs first, then the oldest long job, batch by batch.

A `Job` is one request on its way: a function, or a generator that yields after every batch. The `worker` steps through
the jobs of the whole process; `run_here` steps through one in the calling thread. Nothing here knows traits: a job
tells its owner (a `jobs.Controller`) what to show and how it ended; the owner decides whether it is still wanted.

Torch is never imported, only looked at: if somebody else did, gradients are off while a job runs.
"""

import atexit
import contextvars
import inspect
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, runtime_checkable

from ganwidgets.interrupts import between_batches

PROGRESS_INTERVAL = 0.1  # [s] between two progress updates


@runtime_checkable
class Owner(Protocol):
    """Who asked for a job: decides what is shown."""

    last_traceback: str

    def _tell(self, job: "Job", **values: Any) -> None: ...
    def _show(self, job: "Job", publish: Callable[[Any], None], value: Any) -> None: ...
    def _ended(self, job: "Job") -> None: ...


class Cancelled(Exception):  # noqa: N818 - not an error: nothing went wrong
    """Raised inside work whose answer nobody waits for any more."""


class Job:
    """One request on its way: the work, whether it is still wanted, and how it ended."""

    def __init__(
        self,
        owner: Owner,
        work: Callable[[Callable[[float], None]], Any],
        publish: Callable[[Any], None],
        *,
        kind: str,
        interactive: bool,
        after: "Job | None",
    ) -> None:
        self.kind = kind
        self.interactive = interactive
        self.after = after  # the request this one replaces: it must have let go before we start
        self.outcome = ""  # "", then "done", "cancelled", "superseded" or "failed"
        self.exception: Exception | None = None
        self.ended: Future[str] = Future()
        self.answered = threading.Event()  # the first answer was published, or none will be
        self.context = contextvars.copy_context()
        self._owner, self._work, self._publish = owner, work, publish
        self._generator: Generator[Any, None, Any] | None = None
        self._stop = ""  # why it should stop: "cancelled" or "superseded"
        self._frames = 0
        self._stopped = False  # the work was told so
        self._whole = False  # a generator has come to its end
        self._clock: tuple[float, float] | None = None  # (time, fraction) from which on it moves
        self._told = 0.0

    def stop(self, reason: str) -> None:
        """Ask the work to stop at its next `progress(...)` or yield."""
        self._stop = self._stop or reason

    @property
    def stopping(self) -> bool:
        """Whether the job should end now. The first frame of a started interactive job is still let through: on a
        slow model a drag would otherwise replace every picture before it is shown."""
        held_back = self._stop == "superseded" and self.interactive and self._generator is not None and not self._frames
        return bool(self._stop) and not held_back

    @property
    def too_late(self) -> bool:
        """Whether it was cancelled while the work made what it gives now: nobody waits for that any more. What a
        generator returns counts all the same, as it keeps nothing of it."""
        return self._stop == "cancelled" and not self._stopped and not self._whole

    @property
    def runnable(self) -> bool:
        return self.stopping or self.has_turn

    @property
    def has_turn(self) -> bool:
        """Whether every request that this one replaces has let go."""
        while self.after is not None and self.after.ended.done():
            self.after = self.after.after
        return self.after is None

    def wait_for_turn(self) -> None:
        while not self.has_turn:
            self.after.ended.result()

    def progress(self, fraction: float) -> None:
        """Tell how far the work is, 0 to 1; raises `Cancelled` when it is no longer wanted."""
        if self.stopping:
            self._stopped = True
            raise Cancelled
        now = time.monotonic()
        if self._clock is None or fraction <= self._clock[1]:  # what comes before the first progress tells no speed
            self._clock = now, fraction
        if self.interactive or now - self._told < PROGRESS_INTERVAL:
            return
        self._told = now
        started, first = self._clock
        done = fraction - first
        remaining = (now - started) * (1 - fraction) / done if done > 0 else -1.0
        self._owner._tell(self, progress=min(max(float(fraction), 0.0), 1.0), remaining=remaining)

    def step(self) -> bool:
        """Work until the next yield. True when the job has ended."""
        try:
            with _gradients_off():
                outcome = self._step()
        except Cancelled:
            outcome = self._stop or "cancelled"
        except Exception as error:
            self.exception = error
            outcome = "failed"
        except BaseException:
            self._end("cancelled")
            raise
        if outcome:
            self._end(outcome)
        return bool(outcome)

    def _step(self) -> str:
        if self.stopping:
            self._unwind()
            return self._stop
        value, last = self._advance()
        self._show(value)
        return "" if not last else self._stop if self._stopped or self.too_late else "done"

    def _advance(self) -> tuple[Any, bool]:
        if self._generator is None:
            answer = self._work(self.progress)
            if not inspect.isgenerator(answer):
                return answer, True
            self._generator = answer
        try:
            return next(self._generator), False
        except StopIteration as stop:
            self._whole = True
            return stop.value, True

    def _unwind(self) -> None:
        """Let a generator see `Cancelled`; what it then yields or returns is its partial result."""
        if self._generator is None:
            return
        value, self._stopped = None, True
        try:
            value = self._generator.throw(Cancelled())
            self._generator.close()
        except StopIteration as stop:
            value = stop.value
        except Cancelled:
            pass
        if self._stop == "cancelled":
            self._show(value)

    def _show(self, value: Any) -> None:
        if value is not None:
            self._owner._show(self, self._publish, value)
            self._frames += 1
            self.answered.set()

    def _end(self, outcome: str) -> None:
        self.outcome = outcome
        self._generator = None
        try:
            self._owner._ended(self)
        finally:
            del self._work, self._publish  # they may hold tensors, and a job may be kept for its outcome
            self.answered.set()
            self.ended.set_result(outcome)
            worker.wake()


class Worker:
    """The one thread that runs jobs: interactive ones first, in turn; then the oldest long one, batch by batch."""

    def __init__(self) -> None:
        self._interactive: deque[Job] = deque()
        self._long: deque[Job] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    def add(self, job: Job) -> None:
        with self._changed:
            (self._interactive if job.interactive else self._long).append(job)
            if self._thread is None or not self._thread.is_alive():  # never started, or lost in a fork
                context = contextvars.copy_context()  # without it ipykernel 7.0 kills the thread at its first message
                self._thread = threading.Thread(
                    target=context.run, args=(self._loop,), name="ganwidgets worker", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    @property
    def is_current_thread(self) -> bool:
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """Stop after the current batch. A daemon thread inside torch at interpreter exit may abort the process."""
        self._closing = True
        self.wake()
        if self._thread is not None and not self.is_current_thread:
            self._thread.join(timeout=5)

    def _loop(self) -> None:
        while self._run_one():
            pass

    def serve(self) -> None:
        """From inside a long job: run the interactive jobs that wait."""
        while self.is_current_thread:
            with self._changed:
                job = None if self._closing else self._next(self._interactive)
            if job is None:
                return
            self._run(job)

    def _run_one(self) -> bool:
        job = self._take()
        if job is None:
            return False
        self._run(job)
        return True

    def _run(self, job: Job) -> None:
        try:
            if job.context.run(job.step):
                return
        except BaseException:  # from an observer, or SystemExit in the work: the worker must outlive it
            job._owner.last_traceback = traceback.format_exc()
            return
        with self._changed:  # interactive jobs take turns; a long job keeps its place at the head
            self._interactive.append(job) if job.interactive else self._long.appendleft(job)

    def _take(self) -> Job | None:
        with self._changed:
            while not self._closing:
                job = self._next([*self._interactive, *self._long])
                if job is not None:
                    return job
                self._changed.wait()
        return None

    def _next(self, queue: Iterable[Job]) -> Job | None:
        """Take the job whose turn it is, those that are to stop first; None if no job of the queue can run."""
        waiting = list(queue)
        job = next((j for j in waiting if j.stopping), None) or next((j for j in waiting if j.runnable), None)
        if job is not None:
            (self._interactive if job.interactive else self._long).remove(job)
        return job


worker = Worker()
atexit.register(worker.close)


def giving_way(progress: Callable[[float], None]) -> Callable[[float], None]:
    """The same progress callback, which lets interactive jobs run first: for work that is one long call, no generator.

    The call must not hold an edit of a network (`network.intervene`) while it tells its progress, or previews see it.
    """

    def tell(fraction: float) -> None:
        progress(fraction)
        worker.serve()

    return tell


def run_here(job: Job) -> None:
    """Run a job in the calling thread; an interrupt cancels it after the current batch and is then raised again."""
    if not worker.is_current_thread:
        job.wait_for_turn()
    with between_batches(then=lambda: job.stop("cancelled")) as interrupted:
        while not job.step():
            pass
    if interrupted():
        raise KeyboardInterrupt


def _gradients_off() -> AbstractContextManager[Any]:
    torch = sys.modules.get("torch")
    return torch.no_grad() if torch is not None else nullcontext()
