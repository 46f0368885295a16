"""The steps a recipe may hold, and how each becomes a module whose sizes come from the weights.

A step is plain data: {"type": "Conv2d", "key": "up.0", "padding": 1, "norm": {…}, "activation": "relu"}. A norm and an
activation may be named with the step they follow, or be steps of their own. What a step claims (sizes, whether there is
a bias) is compared with the weights; an option that is not known is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ganwidgets.models.layers import did_you_mean
from ganwidgets.models.recipe_makers import MAKERS
from ganwidgets.models.recipe_parts import Options, Parts


def built(steps: Sequence[Mapping[str, Any]], state: Mapping[str, Tensor]) -> Parts:
    """The modules of a recipe, their sizes taken from the weights.

    Raises:
        ValueError: a step or option that is not known, or that does not fit the weights.
    """
    parts = Parts(state)
    for step in (single for given in steps for single in _singles(given)):
        make = MAKERS.get(step["type"])
        if make is None:
            raise ValueError(
                f"`recipe` must be made of {list(MAKERS)}, got {step['type']!r}."
                f"{did_you_mean(str(step['type']), MAKERS)}"
            )
        options = Options(step)
        make(parts, options)
        options.end()
    return parts


def _singles(step: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A step with its norm and activation as steps of their own, in the order said."""
    step = dict(step)
    if not isinstance(step.get("type"), str):
        raise ValueError(f"`recipe` must give each step a type such as 'Conv2d', got {step}")
    if step["type"] in ("Norm", "BatchNorm2d", "BatchNorm1d", "GroupNorm", "InstanceNorm"):
        inner = step.pop("norm", None)
        step.pop("channels", None)
        step = {**inner, **step} if isinstance(inner, Mapping) else step
        step["type"] = inner.get("type", step["type"]) if isinstance(inner, Mapping) else step["type"]
    after = {"norm": step.pop("norm", None), "activation": step.pop("activation", None)}
    slope = {"slope": step.pop("slope")} if after["activation"] and "slope" in step else {}
    order = step.pop("order", ["op", "norm", "activation"])
    if not isinstance(order, list | tuple) or sorted(order) != ["activation", "norm", "op"] or order[0] != "op":
        known = isinstance(order, list | tuple) and order[:1] in (["op"], ("op",)) and set(order) <= {"op", *after}
        if not known:
            raise ValueError(f"`recipe` must give order as ['op', 'norm', 'activation'] or so, got {order!r}")
    singles = [step]
    for part in order[1:]:
        given = after[part]
        if given is None:
            continue
        if part == "norm":
            if not isinstance(given, Mapping):
                raise ValueError(f"`recipe` must give a norm as {{'type': 'BatchNorm2d', 'key': …}}, got {given!r}")
            singles.append(dict({"type": "BatchNorm2d"} | dict(given)))
        else:
            singles.append({"type": given, **slope})
    return singles
