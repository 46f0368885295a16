"""Change a rule of a generator: one convolution is an associative memory, and an edit changes one of its entries.

`editable_layer` names the convolution, `collect_keys` learns what its keys are like, `context_directions` says from
example regions for which keys the rule is meant, and `search` finds other pictures that have such. `copy_object` and
`paste_target` say what shall become of a place, `keep_target` what must stay; `solve` finds the change at once. `erase`
and `zero` take something out instead.

A change is a `LowRankEdit`, a value: `apply` makes the network with any number of them and leaves the first one as it
is, an `EditStack` keeps them with undo, `save` and `load` in a file. An `EditRequest` is what a person asked for, in
the format of the original application.

`report` counts what an edit did to pictures nobody has seen, `advise` tries layers and ranks, `refine` betters a
solution step by step, `descend` is the original's descent. `panel` does all of it in a notebook, and
`RewriteController` is the session behind it.
"""

from ganwidgets.later import files_of, loader
from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.advise import advise, advising
from ganwidgets.rewrite.advise_result import Advice, Trial
from ganwidgets.rewrite.apply import apply, as_edit, edit_from, stale
from ganwidgets.rewrite.context import context_directions
from ganwidgets.rewrite.descent import Descent, descend
from ganwidgets.rewrite.editable import EditableLayer, editable_layer, editable_layers
from ganwidgets.rewrite.erase import erase, erased_units, zero
from ganwidgets.rewrite.examples import Example
from ganwidgets.rewrite.files import from_bytes, load, save, to_bytes
from ganwidgets.rewrite.fine_tune import FineTuned, fine_tune
from ganwidgets.rewrite.generalise import Generalisation, RuleSample, generalise, rule_sample
from ganwidgets.rewrite.keys import KeyStatistics, collect_keys
from ganwidgets.rewrite.moment import patch_moment
from ganwidgets.rewrite.refine import Refinement, refine
from ganwidgets.rewrite.report import random_edit, random_edits, report
from ganwidgets.rewrite.report_result import RewriteReport
from ganwidgets.rewrite.request import EditRequest, load_request, request_from_json, request_to_json, save_request
from ganwidgets.rewrite.search import Matches, search
from ganwidgets.rewrite.solve import Solution, solve, solve_steps
from ganwidgets.rewrite.stack import EditStack
from ganwidgets.rewrite.target import Target, copy_object, erase_target, keep_target, paste_target

# Loaded when asked for: a script that only edits needs no traitlets.
_LATER = {
    "controller": ("RewriteController",),
    "controller_advice": ("AdviceController",),
    "controller_goal": ("GoalController",),
    "controller_marking": ("MarkingController",),
    "controller_report": ("ReportController",),
    "controller_rule": ("RuleController",),
    "panel": ("panel",),
}

__all__ = [
    "Advice",
    "Descent",
    "EditRequest",
    "EditStack",
    "EditableLayer",
    "Example",
    "FineTuned",
    "KeyStatistics",
    "LowRankEdit",
    "Matches",
    "Refinement",
    "RewriteReport",
    "Solution",
    "Target",
    "Trial",
    "advise",
    "advising",
    "apply",
    "as_edit",
    "collect_keys",
    "context_directions",
    "copy_object",
    "descend",
    "edit_from",
    "editable_layer",
    "editable_layers",
    "erase",
    "erase_target",
    "erased_units",
    "fine_tune",
    "generalise",
    "Generalisation",
    "RuleSample",
    "rule_sample",
    "from_bytes",
    "keep_target",
    "load",
    "load_request",
    "paste_target",
    "patch_moment",
    "random_edit",
    "random_edits",
    "refine",
    "report",
    "request_from_json",
    "request_to_json",
    "save",
    "save_request",
    "search",
    "solve",
    "solve_steps",
    "stale",
    "to_bytes",
    "zero",
    *files_of(_LATER),
]


__getattr__ = loader(__name__, globals(), _LATER)
