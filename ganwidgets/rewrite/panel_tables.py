"""A report and an advice as they look: bars, a table, and words. Pure functions of results."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganwidgets.rewrite.advise_result import Advice
from ganwidgets.rewrite.controller_report import NEEDS_SEGMENTER
from ganwidgets.rewrite.report_result import RewriteReport

MEASURES = {
    "success": "as meant",
    "became": "its pixels",
    "outside": "around it",
    "elsewhere": "without it",
}
"""What the bars are: shares of pictures, of source pixels, and of pixels outside, where there is a source and not."""

REFERENCE = "the same change along random keys"
VALUE = "%"
ADVICE_VALUE = "share of the way to the object, where it was pasted"


def report_fields(concepts: Sequence[str]) -> list[dict[str, Any]]:
    """What a report asks for."""
    named = [{"value": concept, "label": concept} for concept in concepts]
    return [
        {"name": "source", "kind": "choice", "label": "What was to change", "options": named},
        {
            "name": "target",
            "kind": "choice",
            "label": "What it was to become",
            "options": [{"value": "", "label": "anything else"}, *named],
        },
        {"name": "n", "kind": "int", "label": "New pictures", "min": 1, "max": 10_000, "step": 16},
    ]


def report_bars(report: RewriteReport | None) -> tuple[list[dict[str, Any]], str, str]:
    """A bar for each measure with the mark of chance, the title, and the sentence."""
    if report is None:
        return [], "", ""
    bars = []
    for name, label in MEASURES.items():
        share, interval = report.share(name), report.interval(name)
        if np.isnan(share[0]):
            continue
        low, high = interval[0]
        bars.append(
            {"key": name, "label": label}
            | {"value": 100 * share[0], "low": 100 * low, "high": 100 * high, "chance": 100 * share[-1]}
        )
    return bars, f"{report.source} → {report.target or 'anything else'}, {report.n:,} new pictures", report.sentence()


def report_message(has_segmenter: bool, report: RewriteReport | None) -> str:
    """What to say while there are no bars."""
    if not has_segmenter:
        return NEEDS_SEGMENTER
    if report is not None:
        return report.sentence()
    return "Run counts, on pictures nobody has seen, how often the rule holds and what else changed."


def report_note(report: RewriteReport | None, judged: Any, active: Sequence[Any]) -> str:
    """Whether the report is still about the edits in force."""
    if report is None:
        return ""
    return f"{report.n:,} pictures" if tuple(judged or ()) == tuple(active) else "of earlier edits"


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


def advice_words(advice: Advice) -> str:
    """The recommendation in one line."""
    best = advice.best
    if best is None:
        return "Nothing could be tried."
    return (
        f"Begin with {best.layer}, rank {best.rank}: {best.effect:.0%} of the way, "
        f"{best.elsewhere:.1%} of the pixels of other pictures change."
    )
