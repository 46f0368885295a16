"""A report and an advice as they look: bars, a table, and words. Pure functions of results."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.advise_result import Advice
from ganwidgets.rewrite.controller_report import NEEDS_SEGMENTER
from ganwidgets.rewrite.report_result import RewriteReport

MEANT, ELSE = "What was meant", "What else changed"
GROUPS = (MEANT, ELSE)
MEASURES = {
    "success": ("pictures", MEANT),
    "became": ("their pixels", MEANT),
    "outside": ("around it", ELSE),
    "elsewhere": ("other pictures", ELSE),
}
"""What the bars are: shares of pictures, of source pixels, and of pixels outside, where there is a source and not."""

REFERENCE = "the same change along random keys"
VALUE = "share [%]; whiskers: 95 % interval"
ELSEWHERE = "share of the pixels of other pictures that changed"
NO_TRIALS = "Effect over side effect of each layer and rank shows here."
ADVICE_VALUE = "share of the way to the object, where it was pasted"


def report_bars(report: RewriteReport | None) -> tuple[list[dict[str, Any]], str, str]:
    """A bar for each measure with the mark of chance, the title, and the sentence."""
    if report is None:
        return [], "", ""
    bars = []
    for name, (label, group) in MEASURES.items():
        share, interval = report.share(name), report.interval(name)
        if np.isnan(share[0]):
            continue
        low, high = interval[0]
        bars.append(
            {"key": name, "label": label, "group": group}
            | {"value": _percent(share[0]), "low": _percent(low), "high": _percent(high), "chance": _percent(share[-1])}
        )
    return bars, f"{report.source} → {report.target or 'anything else'}, {report.n:,} new pictures", report.sentence()


def _percent(share: float) -> float:
    return round(100 * float(share), 1)


def report_message(has_segmenter: bool, report: RewriteReport | None) -> str:
    """What to say while there are no bars."""
    if not has_segmenter:
        return NEEDS_SEGMENTER
    if report is not None:
        return report.sentence()
    return "Run counts, on pictures nobody has seen, how often the rule holds and what else changed."


def report_note(
    report: RewriteReport | None, judged: Sequence[LowRankEdit] | None, active: Sequence[LowRankEdit], drawn: int
) -> str:
    """Which pictures a report is of, if it is still about the edits in force, whatever their names and order."""
    if report is None:
        return ""
    now = {edit.uid: edit for edit in active}
    same = [edit.uid in now and _alike(edit, now[edit.uid]) for edit in judged or ()]
    return f"{report.n:,} pictures, seed {drawn}" if len(same) == len(now) and all(same) else "of earlier edits"


def _alike(edit: LowRankEdit, now: LowRankEdit) -> bool:
    return edit.strength == now.strength and edit.update.equal(now.update)


def advice_table(advice: Advice | None) -> tuple[list[str], list[str], list[list[float | None]], list[list[str]], str]:
    """Layers, ranks, the effect of each, what each changes elsewhere, and the recommendation."""
    if advice is None or not advice.trials:
        return [], [], [], [], ""
    layers = list(dict.fromkeys(trial.layer for trial in advice.trials))
    ranks = sorted({trial.rank for trial in advice.trials})
    trials = {(trial.layer, trial.rank): trial for trial in advice.trials}
    values, notes = [], []
    for layer in layers:
        row = [trials.get((layer, rank)) for rank in ranks]
        values.append([None if trial is None else trial.effect for trial in row])
        notes.append([_note(advice, layer, rank, trials.get((layer, rank))) for rank in ranks])
    return layers, [f"rank {rank}" for rank in ranks], values, notes, advice_words(advice)


def _note(advice: Advice, layer: str, rank: int, trial: Any) -> str:
    if trial is None:
        return advice.skipped.get(f"{layer}, rank {rank}", advice.skipped.get(layer, "not tried"))
    loud = "" if trial.elsewhere <= advice.limit else ", too much"
    return f"changes {trial.elsewhere:.1%} of the pixels of other pictures{loud}"


QUIET, LOUD, BEST = "few pixels elsewhere", "too many pixels elsewhere", "to begin with"
TRIALS = (QUIET, LOUD, BEST)


def advice_points(advice: Advice | None) -> list[dict[str, Any]]:
    """A point for each trial: effect over side effect."""
    if advice is None:
        return []
    best = advice.best
    return [
        {
            "key": f"{trial.layer}, rank {trial.rank}",
            "label": f"{trial.layer}, rank {trial.rank}",
            "x": trial.elsewhere,
            "y": trial.effect,
            "group": BEST if trial is best else QUIET if trial.elsewhere <= advice.limit else LOUD,
        }
        for trial in advice.trials
    ]


def advice_words(advice: Advice) -> str:
    """The recommendation in one line."""
    best = advice.best
    if best is None:
        return "Nothing could be tried."
    return (
        f"Begin with {best.layer}, rank {best.rank}: {best.effect:.0%} of the way, "
        f"{best.elsewhere:.1%} of the pixels of other pictures change."
    )
