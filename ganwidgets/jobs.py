"""The session behind a picture: the newest request wins, cancel keeps what is there, errors become state.

A `Controller` holds the state of one session as traits. It never blocks the person: `submit(work, publish)` hands the
work to the process's one worker thread and publishes what comes back, unless something newer was asked meanwhile.
`work(progress)` is a function, or a generator that yields after every batch; each value it yields is published.
Between two batches of a long job the worker runs the interactive jobs (`worker.py`), so a preview during a dissection
costs at most one batch more than alone. `background=False` does the same in the calling thread, for scripts.
"""

import asyncio
import threading
import time
import traceback
from collections.abc import Callable, Collection
from concurrent import futures
from typing import Any, ClassVar

from traitlets import Enum, Float, HasTraits, TraitError, Unicode

from ganwidgets.worker import Cancelled as Cancelled
from ganwidgets.worker import Job, run_here, worker

# Every trait of every controller, and through `wiring` every joined component, is written under this one lock. A lock
# per controller would deadlock as soon as a worker publishes A → B while a click travels B → A.
lock = threading.RLock()


class Controller(HasTraits):
    """The state of one session and the jobs that serve it.

    Subclasses add traits a user may set, and `read_only=True` traits that only they set, from `publish`.
    """

    follows: ClassVar[frozenset[str]] = frozenset()  # kinds of jobs that show the state as it is: never cancelled

    status = Enum(
        ["idle", "running", "cancelled", "failed", "done"],
        "idle",
        read_only=True,
        help="What the newest job is doing, or how it ended.",
    )
    error = Unicode(read_only=True, help="One sentence on what went wrong; empty when nothing did.")
    progress = Float(0.0, read_only=True, help="Share of the running job that is done, 0 to 1.")
    remaining = Float(-1.0, read_only=True, help="Estimated seconds to the end of the running job; -1 when unknown.")

    def __init__(self, **traits: Any) -> None:
        self._jobs: dict[str, Job] = {}
        self._errors: dict[str, str] = {}
        self._closed = False
        self.last_traceback = ""
        super().__init__(**traits)

    def submit(
        self,
        work: Callable[[Callable[[float], None]], Any],
        publish: Callable[[Any], None],
        *,
        kind: str = "work",
        interactive: bool = False,
        background: bool = True,
    ) -> Job:
        """Do `work` and `publish` its answers, unless a newer request of the same kind comes first.

        Args:
            work: `work(progress)` returns the answer, or is a generator: every value it yields or returns (but None) is
                published. It may catch `Cancelled` at a yield and return what it has.
            publish: receives each answer, under the lock; usually writes traits.
            kind: requests of one kind replace each other.
            interactive: run before and between the batches of long jobs, without touching `progress`.
            background: False runs in the calling thread and returns when the job has ended.
        """
        with lock:
            old = self._jobs.get(kind)
            job = Job(self, work, publish, kind=kind, interactive=interactive, after=old)
            if old is not None:
                old.stop("superseded")
            if self._closed:
                job.stop("cancelled")
            self._jobs[kind] = job
            self._errors.pop(kind, None)
            values = {} if interactive else {"progress": 0.0, "remaining": -1.0}
            self._write(status="running", error=self._error_text(), **values)
        if background:
            worker.add(job)
        else:
            run_here(job)
        return job

    def cancel(self) -> None:
        """Stop every running job after its current batch; what was published stays, and is still drawn."""
        self._stop(spare=self.follows)

    def wait(self, timeout: float | None = None) -> None:
        """Return when nothing is running. The kernel's interrupt cancels the jobs.

        Raises:
            TimeoutError: after `timeout` seconds.
        """
        end = float("inf") if timeout is None else time.monotonic() + timeout
        try:
            while jobs := self._running():
                # In slices: Windows delivers an interrupt between two waits only.
                futures.wait([jobs[0].ended], timeout=min(0.1, max(0.0, end - time.monotonic())))
                if time.monotonic() > end:
                    raise TimeoutError(f"Still running after {timeout:g} s.")
        except KeyboardInterrupt:
            jobs = list(self._jobs.values())
            self.cancel()
            futures.wait([job.ended for job in jobs])
            raise

    def _running(self) -> list[Job]:
        with lock:  # a job that has just ended still has to say so
            return list(self._jobs.values())

    def close(self) -> None:
        """Cancel, let go of every observer and refuse further work. Subclasses also drop their tensors."""
        self._stop()
        with lock:
            self._closed = True
            self.unobserve_all()

    def refuse(self, reason: str) -> None:
        """Show why an input was not accepted; "" takes the message back. Nothing else changes."""
        with lock:
            self._errors.pop("input", None)
            if reason:
                self._errors["input"] = reason
            self._write(error=self._error_text())

    def forget(self) -> None:
        """Take back what was said of jobs that failed: what they were about is not looked at any more."""
        with lock:
            self._errors.clear()
            status = "running" if self._jobs else "idle"
            self._write(error="", **({"status": status} if self.status == "failed" else {}))

    def _stop(self, spare: Collection[str] = ()) -> None:
        with lock:
            for kind, job in self._jobs.items():
                if kind not in spare:
                    job.stop("cancelled")
        worker.wake()

    def _write(self, **values: Any) -> None:
        """Set read-only traits together, under the lock."""
        with lock, self.hold_trait_notifications():
            for name, value in values.items():
                self.set_trait(name, value)

    def _tell(self, job: Job, **values: Any) -> None:
        with lock:
            if self._jobs.get(job.kind) is job:
                self._write(**values)

    def _show(self, job: Job, publish: Callable[[Any], None], value: Any) -> None:
        with lock:
            # A superseded interactive job gets here only with its first frame, which is newer than what is shown.
            wanted = self._jobs.get(job.kind) is job or (job.interactive and not job.stopping)
            if wanted and not self._closed and not job.too_late:
                publish(value)

    def _ended(self, job: Job) -> None:
        with lock:
            if self._jobs.get(job.kind) is not job:
                return
            del self._jobs[job.kind]
            if job.exception is not None:
                self._errors[job.kind] = _sentence(job.exception)
                self.last_traceback = "".join(traceback.format_exception(job.exception))
            # One that was given up, though nothing newer was asked, was cancelled.
            ended = "cancelled" if job.outcome == "superseded" else job.outcome
            status = "running" if self._jobs else "failed" if self._errors.keys() - {"input"} else ended
            values = {} if job.interactive else {"remaining": -1.0}
            if job.outcome == "done" and not job.interactive:
                values["progress"] = 1.0
            self._write(status=status, error=self._error_text(), **values)

    def _error_text(self) -> str:
        return " ".join(self._errors.values())


async def finished(job: Job) -> Job:
    """Wait for a job in an async cell; cancelling the cell cancels the job.

    Raises:
        Exception: whatever the work raised.
    """
    try:
        await asyncio.shield(asyncio.wrap_future(job.ended))
    except asyncio.CancelledError:
        job.stop("cancelled")
        worker.wake()
        raise
    if job.exception is not None:
        raise job.exception
    return job


def _sentence(error: Exception) -> str:
    """Its first line, and what kind of error it is, unless the sentence is our own."""
    text = next(iter(str(error).strip().splitlines()), "") or "The work stopped without a message"
    ours = isinstance(error, ValueError | TypeError | TraitError) and _raised_in(error).startswith("ganwidgets.")
    return text[:500] if ours else f"{text[:500]} ({type(error).__name__})"


def _raised_in(error: Exception) -> str:
    """Name of the module whose code raised it."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return frames[-1].f_globals.get("__name__", "") if frames else ""
