"""What a person relies on while something runs: newest wins, previews go between, errors are shown."""

import contextvars
import threading
import time

import torch

from ganwidgets.jobs import lock


def test_a_function_is_done_in_the_background_and_its_answer_published(counter):
    threads = []
    counter.submit(lambda progress: threads.append(threading.current_thread()) or 7, counter.show)
    counter.wait(5.0)
    assert counter.shown == [7]
    assert (counter.status, counter.error, counter.progress) == ("done", "", 1.0)
    assert threads[0].name == "ganwidgets worker" and threads[0].daemon


def test_one_worker_serves_every_controller(counter):
    other, threads = type(counter)(), []
    for controller in (counter, other):
        controller.submit(lambda progress: threads.append(threading.get_ident()), controller.show)
    counter.wait(5.0), other.wait(5.0)
    assert len(set(threads)) == 1 and threads[0] != threading.get_ident()


def test_newest_wins_and_an_old_function_stops_at_its_next_progress(counter):
    started, go = threading.Event(), threading.Event()
    reached = []

    def old(progress):
        started.set()
        go.wait(5)
        progress(0.5)
        reached.append("after progress")
        return "old"

    first = counter.submit(old, counter.show)
    started.wait(5)
    queued = counter.submit(lambda progress: reached.append("queued") or "queued", counter.show)
    counter.submit(lambda progress: "new", counter.show)
    go.set()
    counter.wait(5.0)
    assert counter.shown == ["new"] and reached == []
    assert (first.outcome, queued.outcome, counter.status) == ("superseded", "superseded", "done")


def test_an_old_function_that_never_calls_progress_is_still_not_published(counter):
    started, go = threading.Event(), threading.Event()
    counter.submit(lambda progress: (started.set(), go.wait(5), "old")[-1], counter.show)
    started.wait(5)
    counter.submit(lambda progress: "new", counter.show)
    go.set()
    counter.wait(5.0)
    assert counter.shown == ["new"]


def test_kinds_do_not_replace_each_other(counter):
    counter.submit(lambda progress: "a", counter.show, kind="a")
    counter.submit(lambda progress: "b", counter.show, kind="b")
    counter.wait(5.0)
    assert counter.shown == ["a", "b"]


def test_a_started_drag_frame_is_shown_before_the_newer_one_and_never_after_it(counter):
    """On a model slower than the drag, dropping every started frame would show nothing until the hand rests."""
    started, go = threading.Event(), threading.Event()

    def frame(name):
        def work(progress):
            started.set()
            go.wait(5)
            progress(0.5)  # held back: the picture is nearly there
            yield f"{name} picture"
            yield f"{name} bars"

        return work

    counter.submit(frame("first"), counter.show, interactive=True)
    started.wait(5)
    for name in ("second", "third"):
        counter.submit(frame(name), counter.show, interactive=True)
    go.set()
    counter.wait(5.0)
    assert counter.shown == ["first picture", "third picture", "third bars"]


def test_an_interactive_job_runs_between_two_batches_of_a_long_one(counter):
    order, started, go = [], threading.Event(), threading.Event()

    def long(progress):
        for batch in range(4):
            order.append(batch)
            started.set()
            if batch == 1:
                go.wait(5)
            yield None

    counter.submit(long, counter.show, kind="long")
    started.wait(5)
    counter.submit(lambda progress: order.append("preview"), counter.show, kind="preview", interactive=True)
    go.set()
    counter.wait(5.0)
    assert order.index("preview") <= 2 and [x for x in order if x != "preview"] == [0, 1, 2, 3]


def test_one_long_call_gives_way_where_it_tells_its_progress(counter):
    from ganwidgets.worker import giving_way

    order, started, go = [], threading.Event(), threading.Event()

    def long(progress):
        tell = giving_way(progress)
        for batch in range(4):
            order.append(batch)
            started.set()
            if batch == 1:
                go.wait(5)
            tell(batch / 4)

    counter.submit(long, counter.show, kind="long")
    started.wait(5)
    counter.submit(lambda progress: order.append("preview"), counter.show, kind="preview", interactive=True)
    go.set()
    counter.wait(5.0)
    assert order.index("preview") <= 2 and [x for x in order if x != "preview"] == [0, 1, 2, 3]
    counter.submit(long, counter.show, kind="long", background=False)  # in the calling thread nothing else runs
    assert counter.status == "done"


def test_pictures_of_two_previews_come_before_the_bars_of_either(counter):
    order, started, go = [], threading.Event(), threading.Event()

    def preview(name):
        def work(progress):
            order.append(f"{name} picture")
            yield "x"
            order.append(f"{name} bars")
            yield "x"

        return work

    counter.submit(lambda progress: (started.set(), go.wait(5), None)[-1], counter.show, kind="hold")
    started.wait(5)
    counter.submit(preview("a"), counter.show, kind="a", interactive=True)
    counter.submit(preview("b"), counter.show, kind="b", interactive=True)
    go.set()
    counter.wait(5.0)
    assert order == ["a picture", "b picture", "a bars", "b bars"]


def test_a_job_says_when_its_first_answer_is_out_or_will_not_come(counter):
    started, go, shown, end = (threading.Event() for _ in range(4))

    def work(progress):
        started.set()
        go.wait(5)
        yield None
        yield 1
        shown.set()
        end.wait(5)
        yield 2

    job = counter.submit(work, counter.show, interactive=True)
    assert started.wait(5) and not job.answered.is_set()
    go.set()
    assert job.answered.wait(5) and counter.shown == [1] and not job.ended.done()
    never = counter.submit(lambda progress: 3, counter.show, interactive=True)
    counter.cancel()
    end.set()
    assert never.answered.wait(5) and never.outcome == "cancelled" and counter.shown == [1]


def test_an_error_becomes_state_with_one_sentence_and_the_traceback(counter):
    def broken(progress):
        yield "picture"
        raise ValueError("`layer` must be one of ['a'], got 'b'.\nsecond line")

    job = counter.submit(broken, counter.show)
    counter.wait(5.0)
    assert counter.shown == ["picture"]
    assert counter.status == "failed" and isinstance(job.exception, ValueError)
    assert counter.error == "`layer` must be one of ['a'], got 'b'. (ValueError)"
    assert "raise ValueError" in counter.last_traceback
    counter.submit(lambda progress: 1, counter.show)
    counter.wait(5.0)
    assert counter.status == "done" and counter.error == ""


def test_a_sentence_of_our_own_comes_without_the_name_of_its_class(counter):
    from ganwidgets.session import whole_in_range

    counter.submit(lambda progress: whole_in_range("n", 0, 1, 2), counter.show)
    counter.wait(5.0)
    assert counter.error == "`n` must lie in 1 to 2, got 0."
    counter.submit(lambda progress: torch.zeros(2) @ torch.zeros(3), counter.show)
    counter.wait(5.0)
    assert counter.error.endswith("(RuntimeError)")


def test_an_error_of_one_kind_stays_until_that_kind_is_asked_again(counter):
    counter.submit(lambda progress: 1 / 0, counter.show, kind="bars")
    counter.submit(lambda progress: 1, counter.show, kind="sheets")
    counter.wait(5.0)
    assert counter.status == "failed" and counter.error == "division by zero (ZeroDivisionError)"


def test_a_publish_or_an_observer_that_raises_does_not_kill_the_worker(counter):
    counter.submit(lambda progress: 1, lambda value: 1 / 0)
    counter.wait(5.0)
    assert "ZeroDivisionError" in counter.error

    def bad(change):
        if change.new == "done":
            raise RuntimeError("an observer of somebody else")

    counter.observe(bad, "status")
    counter.submit(lambda progress: 1, counter.show).ended.result(5)
    counter.unobserve(bad, "status")
    counter.submit(lambda progress: 2, counter.show)
    counter.wait(5.0)
    assert counter.shown[-1] == 2 and "somebody else" in counter.last_traceback


def test_progress_is_told_at_most_ten_times_a_second_with_an_honest_remainder(counter):
    told = []
    counter.observe(lambda change: told.append((change.new, counter.remaining)), "progress")

    def work(progress):
        for step in range(60):
            time.sleep(0.005)
            progress(step / 60)
            yield None

    counter.submit(work, counter.show)
    began = time.monotonic()
    counter.wait(5.0)
    took = time.monotonic() - began
    assert 2 <= len(told) <= took / 0.1 + 3
    middle = [(fraction, remaining) for fraction, remaining in told if 0.2 < fraction < 1]
    assert all(0.3 * took < remaining / (1 - fraction) < 3 * took for fraction, remaining in middle)
    assert counter.progress == 1.0 and counter.remaining == -1.0


def test_a_job_that_was_given_up_for_nothing_newer_was_cancelled(counter):
    started, go = threading.Event(), threading.Event()

    def long(progress):
        started.set()
        go.wait(5.0)
        progress(0.5)
        yield 1

    job = counter.submit(long, counter.show)
    assert started.wait(5.0)
    job.stop("superseded")  # its owner has no use for it any more, and asks for nothing else
    go.set()
    counter.wait(5.0)
    assert counter.status == "cancelled" and counter.last_traceback == ""


def test_a_long_preparation_does_not_make_the_rest_look_long(counter):
    told = []
    counter.observe(lambda change: told.append((change.new, counter.remaining)), "progress")

    def work(progress):
        for _ in range(10):  # what is done once, and tells no speed
            time.sleep(0.05)
            progress(0.0)
            yield None
        for step in range(1, 41):
            time.sleep(0.01)
            progress(step / 40)
            yield None

    counter.submit(work, counter.show)
    counter.wait(10.0)
    early = [remaining for fraction, remaining in told if 0.2 < fraction < 0.6]
    assert early and all(0 < remaining < 1.0 for remaining in early)  # with the preparation in it: 1.3 s and more


def test_the_remainder_is_told_anew_where_progress_begins_anew(counter):
    told = []
    counter.observe(lambda change: told.append((change.new, counter.remaining)), "progress")

    def work(progress):
        for part in (4, 40):  # something is learned first, and then the work begins at 0 again
            for step in range(part):
                time.sleep(0.02)
                progress(step / part)
                yield None

    counter.submit(work, counter.show)
    counter.wait(10.0)
    late = [remaining for fraction, remaining in told[3:] if 0.3 < fraction < 0.9]
    assert late and all(0 < remaining < 2.0 for remaining in late)


def test_a_preview_leaves_the_progress_of_the_long_job_alone(counter):
    started, go = threading.Event(), threading.Event()

    def long(progress):
        progress(0.25)
        started.set()
        go.wait(5)
        yield None
        yield None

    seen = []
    counter.submit(long, counter.show, kind="long")
    started.wait(5)
    counter.submit(lambda progress: progress(0.9) or "p", lambda v: seen.append(counter.progress), interactive=True)
    go.set()
    counter.wait(5.0)
    assert seen == [0.25]


def test_gradients_are_off_inside_and_as_they_were_outside(counter):
    def work(progress):
        yield torch.is_grad_enabled()
        yield torch.is_grad_enabled()

    counter.submit(work, counter.show)
    counter.wait(5.0)
    counter.submit(work, counter.show, background=False)
    assert counter.shown == [False] * 4 and torch.is_grad_enabled()


def test_the_work_sees_the_context_it_was_asked_from(counter):
    """ipykernel keeps the cell a print belongs to in a ContextVar; a plain thread loses it or dies."""
    cell = contextvars.ContextVar("cell")
    for name in ("first", "second"):
        cell.set(name)
        counter.submit(lambda progress: cell.get(), counter.show)
        counter.wait(5.0)
    assert counter.shown == ["first", "second"]


def test_in_the_calling_thread_everything_is_done_on_return(counter):
    def work(progress):
        yield threading.get_ident()
        return "end"

    job = counter.submit(work, counter.show, background=False)
    assert counter.shown == [threading.get_ident(), "end"] and job.outcome == counter.status == "done"


def test_the_calling_thread_waits_for_the_batch_it_replaces(counter):
    started = threading.Event()
    order = []

    def old(progress):
        started.set()
        time.sleep(0.2)
        order.append("old batch")
        yield None
        order.append("never")

    counter.submit(old, counter.show)
    started.wait(5)
    counter.submit(lambda progress: order.append("new"), counter.show, background=False)
    assert order == ["old batch", "new"]


def test_nothing_keeps_the_answer_or_the_work_alive(counter):
    import gc
    import weakref

    class Big:
        pass

    def ask():
        big = Big()
        job = counter.submit(lambda progress: big and None, lambda value: None)
        job.ended.result(5)
        return weakref.ref(big), job

    big, job = ask()
    counter.submit(lambda progress: None, counter.show).ended.result(5)
    gc.collect()
    assert big() is None and job.outcome == "done"


def test_all_writes_happen_under_the_one_lock(counter):
    held = []

    def check(change):
        taken = []

        def try_it():
            taken.append(lock.acquire(blocking=False))
            if taken[0]:
                lock.release()

        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        held.append(taken == [False])

    counter.observe(check, ["status", "progress", "shown"])
    counter.submit(lambda progress: 1, counter.show)
    counter.wait(5.0)
    counter._write(progress=0.5)  # what subclasses call from their own handlers
    assert len(held) >= 4 and all(held)


def test_a_thousand_requests_from_several_threads_end_on_the_newest(counter):
    def ask(thread):
        for i in range(100):
            value = (thread, i)
            counter.submit(lambda progress, value=value: value, counter.show, interactive=True)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = counter.submit(lambda progress: "last", counter.show, interactive=True)
    last.ended.result(5)
    assert counter.shown[-1] == "last" and counter.status == "done" and last.after is None


def test_wait_comes_back_when_the_outcome_stands_and_not_before(counter, monkeypatch):
    from ganwidgets import jobs

    told = threading.Event()

    def slowly(error):
        told.set()
        time.sleep(0.3)
        return ["traceback"]

    monkeypatch.setattr(jobs.traceback, "format_exception", slowly)
    counter.submit(lambda progress: 1 / 0, counter.show)
    assert told.wait(5)
    counter.wait(5.0)
    assert counter.status == "failed" and "ZeroDivisionError" in counter.error
