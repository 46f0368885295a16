"""Python that repeats what a coverage panel shows."""

from pathlib import Path
from typing import Any

from ganwidgets.coverage.sources import SEGMENTER
from ganwidgets.results.coverage import Coverage
from ganwidgets.results.omissions import Omissions

ALWAYS = ("n", "seed")
USUAL = {
    "truncation": None,
    "labels": SEGMENTER,
    "fit": "crop",
    "batch": 32,
    "level": 0.05,
    "resamples": 1000,
    "permutations": 1000,
    "halves": 200,
    "common": False,
}


def code(
    names: tuple[str, str | None],
    data: Any,
    result: Coverage | None,
    concept: str,
    drawn: str | None,
    omissions: Omissions | None = None,
) -> str:
    """The program.

    Args:
        names: what `ganwidgets.load` and `segment.load` call generator and segmenter; "" if nothing.
        data: what the generator is compared with.
        result: that is shown.
        concept: that is looked at; "" if none.
        drawn: name of the class that is drawn; None for all; "" if nothing need be said of it.
        omissions: what is known of the photos that show the concept.
    """
    if result is None:
        return ""
    network, segmenter = names
    lines = ["import ganwidgets as gw", "", f"G = gw.load({network!r})" if network else "# G is your generator"]
    if drawn != "":
        lines.append(f"G = G.with_label({drawn!r})")
    lines.append(f"S = gw.segment.load({segmenter!r})" if segmenter else "# S is your segmenter")
    source = repr(str(data)) if isinstance(data, str | Path) else "data"
    if source == "data":
        lines.append("# data are your images")
    chosen = {name: result.options[name] for name in ALWAYS}
    chosen |= {name: value for name, value in result.options.items() if name in USUAL and value != USUAL[name]}
    named = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
    if not result.complete:
        lines += ["", f"# shown are the first {result.n_generated:,} pictures of this comparison"]
    lines += ["", f"found = gw.coverage.coverage(G, {source}, S, {named})", "found.plot()", "found.to_frame()"]
    if concept:
        lines.append(f"found.largest({concept!r}), found.largest({concept!r}, 'generated')")
    if omissions is not None:
        lines += ["", _omissions(source, omissions, result)]
    return "\n".join(lines)


def _omissions(source: str, omissions: Omissions, result: Coverage) -> str:
    told = {name: omissions.settings[name] for name in ("n", "strategy", "steps") if name in omissions.settings}
    # As in the session: what was counted by other labels or of other concepts does not say what images show.
    known = result.labels == SEGMENTER and result.concepts == omissions.concepts
    if not known:
        told |= {name: omissions.settings[name] for name in ("pool", "seed", "truncation")}
        told |= {"fit": fit} if (fit := omissions.settings["fit"]) != USUAL["fit"] else {}
    named = "".join(f", {name}={value!r}" for name, value in told.items() if value is not None)
    named += ", known=found" if known else ""
    return f"gw.coverage.omissions(G, {source}, S, {omissions.concept!r}{named}).to_frame()"
