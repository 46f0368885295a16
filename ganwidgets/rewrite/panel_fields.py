"""What a rewriting panel asks for: the trays, the buttons, and the fields that say how a rule is found and judged."""

from collections.abc import Sequence
from typing import Any

TRAYS = {
    "object": ("Copy", "#e69f00", "What to copy: paint it, then press “Copy this”."),
    "paste": ("Paste", "#56b4e9", "Where it goes: paint there, then “Paste here”."),
    "examples": ("Context", "#009e73", "Where the rule shall hold: “Add to context”. Empty: where it is pasted."),
    "preserve": ("Keep unchanged", "#cc79a7", "What must stay as it is: “Keep this”."),
}
"""Kind of place → title, colour and what to do while there is none."""

PUT = (
    {"name": "object", "kind": "button", "label": "Copy this"},
    {"name": "paste", "kind": "button", "label": "Paste here"},
    {"name": "examples", "kind": "button", "label": "Add to context"},
    {"name": "preserve", "kind": "button", "label": "Keep this"},
    {"name": "search", "kind": "button", "label": "Find places like this"},
    {"name": "clear", "kind": "button", "label": "Clear"},
)
LOOK = (
    {"name": "numbers", "kind": "text", "label": "Pictures, e.g. 0-8, 12"},
    {"name": "earlier", "kind": "button", "label": "‹ Earlier"},
    {"name": "later", "kind": "button", "label": "Later ›"},
    {"name": "seed", "kind": "int", "label": "Seed", "min": 0, "max": 2**32 - 1},
    {"name": "n_sample", "kind": "int", "label": "Sample", "min": 1, "max": 10_000, "step": 50},
)
OTHERS = (
    {"name": "erase", "kind": "button", "label": "Erase", "hint": "Take out what is drawn at the context."},
    {"name": "zero", "kind": "button", "label": "Zero", "hint": "Let the context have no effect."},
)
OPENING = ({"name": "legacy_alpha", "kind": "toggle", "label": "Read masks without soft edges, as the original does"},)
FILES = (
    {"name": "edits", "label": "Save edits", "hint": "A file that this panel and session.load(path) open."},
    {"name": "request", "label": "Save marks", "hint": "JSON, as the original application saves them."},
    {"name": "weights", "label": "Export weights", "hint": "The network with the edits, as safetensors."},
    {"name": "picture", "label": "Save picture", "hint": "The picture with the edits, as PNG."},
)


def others(spanned: int) -> list[dict[str, Any]]:
    """Buttons beside Apply; where the rank was too high, one more that lowers it."""
    if not spanned:
        return list(OTHERS)
    label = f"Lower the rank to {spanned} and apply"
    return [{"name": "lower", "kind": "button", "label": label, "hint": "Your examples span no more."}, *OTHERS]


ADVANCED = (
    {
        "name": "norm",
        "kind": "choice",
        "label": "What is made small",
        "options": [
            {"value": "l1", "label": "absolute errors, as in the paper"},
            {"value": "l2", "label": "squares, at once"},
        ],
    },
    {
        "name": "objective",
        "kind": "choice",
        "label": "Which places count",
        "options": [
            {"value": "window", "label": "the pasted box, in its picture"},
            {"value": "map", "label": "the whole picture"},
            {"value": "crop", "label": "the box cut out, as the original"},
        ],
    },
    {
        "name": "method",
        "kind": "choice",
        "label": "Context from examples",
        "options": [
            {"value": "zca", "label": "what is unusual about them all"},
            {"value": "svd", "label": "their main directions"},
            {"value": "mean", "label": "their mean (rank 1)"},
            {"value": "units", "label": "single units that stand out"},
        ],
    },
    {
        "name": "damping",
        "kind": "slider",
        "label": "Damping of rare keys",
        "min": 0,
        "max": 1,
        "step": 0.01,
    },
    {"name": "refine_seconds", "kind": "int", "label": "Refine for [s]", "min": 1, "max": 3600, "step": 5},
)
"""For those who know what they want; names as in the session."""


def settings(layers: Sequence[str], network: Any) -> list[dict[str, Any]]:
    """The fields that say how an edit is found."""
    named = [{"value": name, "label": f"{name} · {_resolution(network, name)}"} for name in layers]
    return [
        {"name": "layer", "kind": "choice", "label": "Layer", "options": named},
        {"name": "rank", "kind": "int", "label": "Rank", "min": 1, "max": 10_000},
        {"name": "smoothness", "kind": "slider", "label": "λ: calm elsewhere", "min": 0, "max": 2, "step": 0.05},
        {"name": "refining", "kind": "toggle", "label": "Refine afterwards"},
    ]


def _resolution(network: Any, name: str) -> str:
    height, width = network.layer_info(name).resolution
    return f"{height} × {width}"


def rule_fields(concepts: Sequence[str]) -> list[dict[str, Any]]:
    """What generalising asks for."""
    return [
        *goal(concepts, "What is to change", "What it is to become"),
        {"name": "limit", "kind": "slider", "label": "Limit elsewhere [%]", "min": 1, "max": 20, "step": 0.5},
        {"name": "n", "kind": "int", "label": "New pictures", "min": 1, "max": 10_000, "step": 64},
        {"name": "seconds", "kind": "int", "label": "About [s]", "min": 1, "max": 86_400, "step": 15},
    ]


def report_fields(concepts: Sequence[str]) -> list[dict[str, Any]]:
    """What a report asks for."""
    number = {"name": "n", "kind": "int", "label": "New pictures", "min": 1, "max": 10_000, "step": 16}
    return [*goal(concepts, "What was to change", "What it was to become"), number]


def goal(concepts: Sequence[str], source: str, target: str) -> list[dict[str, Any]]:
    """Two concepts, the second of which may be any."""
    named = [{"value": concept, "label": concept} for concept in concepts]
    anything = {"value": "", "label": "anything else"}
    return [
        {"name": "source", "kind": "choice", "label": source, "options": named},
        {"name": "target", "kind": "choice", "label": target, "options": [anything, *named]},
    ]
