"""Comparisons that were stopped: what the last few have counted, so that the same call goes on from there."""

from threading import Lock

from ganwidgets.coverage.run import CoverageRun
from ganwidgets.nn.stats import State

MOST = 8
"""Comparisons that are remembered, the newest; of each a row of numbers per image."""

_lock = Lock()
_counted: dict[tuple[str, int], tuple[State, object]] = {}


def go_on(run: CoverageRun) -> None:
    """Take in what a stopped run of the same has counted, if there is one; it is not remembered any longer."""
    with _lock:
        found = _counted.pop(_key(run), None)
    if found is not None:
        run.merge(found[0])


def remember(run: CoverageRun) -> None:
    """Keep what a run has counted; nothing of one whose images were changed meanwhile."""
    if not run.done or run.changed:
        return
    with _lock:
        segmenter = run.pictures.segmenter
        # One without a fingerprint is held on to, as another may get the number of one that is gone.
        _counted[_key(run)] = run.state(), None if hasattr(segmenter, "fingerprint") else segmenter
        while len(_counted) > MOST:
            del _counted[next(iter(_counted))]


def _key(run: CoverageRun) -> tuple[str, int]:
    """What a run counts; a segmenter without a fingerprint is only known to be itself."""
    segmenter = run.pictures.segmenter
    return run.subject(), 0 if hasattr(segmenter, "fingerprint") else id(segmenter)
