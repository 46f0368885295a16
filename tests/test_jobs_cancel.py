"""What a person relies on when something is stopped: cancel keeps what was reached, an interrupt is a cancel."""

import _thread
import asyncio
import signal
import threading
import time

import pytest

from ganwidgets.jobs import Cancelled, finished


def test_cancel_keeps_what_was_published_and_asks_the_generator_for_the_rest(counter):
    started, go = threading.Event(), threading.Event()

    def accumulate(progress):
        done = 0
        try:
            while True:
                done += 1
                if done == 3:
                    started.set()
                    go.wait(5)
                yield done if done == 1 else None
        except Cancelled:
            return f"partial, n = {done}"

    counter.submit(accumulate, counter.show)
    started.wait(5)
    counter.cancel()
    go.set()
    counter.wait(5.0)
    assert counter.shown == [1, "partial, n = 3"]
    assert counter.status == "cancelled" and counter.error == ""


@pytest.mark.parametrize("gives", ["a frame", "an answer"])
def test_what_is_ready_only_after_cancel_is_not_published(counter, gives):
    started, go = threading.Event(), threading.Event()
    told = []

    def work(progress):
        started.set()
        go.wait(5)
        return "too late"

    def frames(progress):
        try:
            yield work(progress)
        except Cancelled:
            told.append(True)
            raise

    job = counter.submit(work if gives == "an answer" else frames, counter.show)
    started.wait(5)
    counter.cancel()
    go.set()
    counter.wait(5.0)
    assert counter.shown == [] and job.outcome == counter.status == "cancelled"
    assert told == ([True] if gives == "a frame" else [])


def test_what_a_generator_returns_is_kept_as_it_has_let_go_of_the_rest(counter):
    started, go = threading.Event(), threading.Event()

    def work(progress):
        yield "first"
        started.set()
        go.wait(5)
        return "all of it"

    job = counter.submit(work, counter.show)
    started.wait(5)
    counter.cancel()
    go.set()
    counter.wait(5.0)
    assert counter.shown == ["first", "all of it"] and job.outcome == "done"


def test_cancel_spares_what_only_draws_the_state_and_close_does_not(counter):
    class Drawing(type(counter)):
        follows = frozenset({"picture"})

    drawing, started, go = Drawing(), threading.Event(), threading.Event()
    counter.submit(lambda progress: (started.set(), go.wait(5), None)[-1], counter.show)
    started.wait(5)
    for kind in ("picture", "work"):
        drawing.submit(lambda progress, kind=kind: kind, drawing.show, kind=kind)
    drawing.cancel()
    go.set()
    drawing.wait(5.0)
    assert drawing.shown == ["picture"]
    job = drawing.submit(lambda progress: time.sleep(0.1), drawing.show, kind="picture")
    drawing.close()
    assert job.ended.result(5) == "cancelled"


def test_work_that_is_told_at_progress_may_also_return_what_it_has(counter):
    started, go = threading.Event(), threading.Event()

    def accumulate(progress):
        done = 0
        try:
            while True:
                done += 1
                if done == 3:
                    started.set()
                    go.wait(5)
                progress(0.1)
                yield None
        except Cancelled:
            return f"partial, n = {done}"

    job = counter.submit(accumulate, counter.show)
    started.wait(5)
    counter.cancel()
    go.set()
    counter.wait(5.0)
    assert counter.shown == ["partial, n = 3"] and job.outcome == counter.status == "cancelled"


def test_a_replaced_generator_may_clean_up_but_its_partial_result_is_not_shown(counter):
    started, go = threading.Event(), threading.Event()
    cleaned = []

    def old(progress):
        try:
            yield "first"
            started.set()
            go.wait(5)
            yield None
        except Cancelled:
            cleaned.append(True)
            return "stale"

    counter.submit(old, counter.show)
    started.wait(5)
    counter.submit(lambda progress: "new", counter.show)
    go.set()
    counter.wait(5.0)
    assert counter.shown == ["first", "new"] and cleaned == [True]


def test_a_queued_job_is_cancelled_within_one_batch_of_the_job_before_it(counter):
    other, started, go = type(counter)(), threading.Event(), threading.Event()

    def endless(progress):
        while True:
            started.set()
            go.wait(5)
            yield None

    counter.submit(endless, counter.show)
    started.wait(5)
    other.submit(lambda progress: "never", other.show)
    other.cancel()
    go.set()
    other.wait(5.0)
    assert other.status == "cancelled" and other.shown == [] and counter.status == "running"


@pytest.mark.parametrize("raises", ["signal", "exception"])
def test_an_interrupt_is_a_cancel_and_is_raised_again(counter, raises):
    handler = signal.getsignal(signal.SIGINT)
    batches = []

    def work(progress):
        try:
            for batch in range(5):
                if batch == 2:
                    if raises == "exception":
                        raise KeyboardInterrupt
                    _thread.interrupt_main()
                batches.append(batch)
                yield None
        except Cancelled:
            return f"n = {len(batches)}"

    with pytest.raises(KeyboardInterrupt):
        counter.submit(work, counter.show, background=False)
    assert counter.status == "cancelled" and signal.getsignal(signal.SIGINT) is handler
    if raises == "signal":
        assert counter.shown == ["n = 3"]  # the batch that was running is whole
    counter.submit(lambda progress: "again", counter.show, background=False)
    assert counter.shown[-1] == "again"


def test_an_interrupted_wait_cancels_the_background_job(counter):
    started = threading.Event()

    def endless(progress):
        try:
            while True:
                started.set()
                time.sleep(0.01)
                yield None
        except Cancelled:
            return "partial"

    counter.submit(endless, counter.show)
    started.wait(5)
    threading.Timer(0.1, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        counter.wait()
    assert counter.status == "cancelled" and counter.shown == ["partial"]


def test_wait_gives_up_after_its_timeout(counter):
    go = threading.Event()
    counter.submit(lambda progress: go.wait(5), counter.show)
    with pytest.raises(TimeoutError):
        counter.wait(0.05)
    go.set()


def test_an_async_cell_can_await_a_job_see_its_error_and_cancel_it(counter):
    async def cell():
        await finished(counter.submit(lambda progress: "ok", counter.show))
        with pytest.raises(ZeroDivisionError):
            await finished(counter.submit(lambda progress: 1 / 0, counter.show))

        def endless(progress):
            while True:
                time.sleep(0.01)
                yield None

        task = asyncio.create_task(finished(counter.submit(endless, counter.show)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        counter.wait(5.0)

    asyncio.run(cell())
    assert counter.shown == ["ok"] and counter.status == "cancelled"


def test_close_stops_everything_and_publishes_nothing_more(counter):
    started, go = threading.Event(), threading.Event()
    seen = []
    counter.observe(lambda change: seen.append(change.new), "shown")

    def work(progress):
        yield 1
        started.set()
        go.wait(5)
        yield 2

    job = counter.submit(work, counter.show)
    started.wait(5)
    counter.close()
    go.set()
    job.ended.result(5)
    counter.submit(lambda progress: 3, counter.show).ended.result(5)
    assert counter.shown == [1] and seen == [[1]]
