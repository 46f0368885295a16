"""An interrupt (Ctrl-C, a notebook's stop button) that waits for the end of the batch at work."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def between_batches(then: Callable[[], Any] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Let the first interrupt finish the batch at work, so that counts stay whole; the second one interrupts at once.

    Outside the main thread, which alone hears interrupts, nothing changes.

    Args:
        then: called when the first one comes.

    Yields:
        A function that says whether one came.
    """
    asked: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield lambda: False
        return

    def hear(number: int, frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        then()

    signal.signal(signal.SIGINT, hear)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)
