"""What the steps of a recipe are made from: what has been built so far, and the options of one step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from ganwidgets.models.pipeline import Step, free_name

_SAID = ("note", "comment", "index", "h5_layer", "h5_norm", "feature_shape")
"""Options that are for people."""

MOST = 4096
"""The largest number a step may ask for: a line of text can claim a billion pixels."""


@dataclass
class Parts:
    """What has been built so far.

    Attributes:
        steps: of the pipeline.
        z_shape: of one latent, as the first weights have it; None if no weights were seen yet.
        n_classes: how many classes are asked for; 0 for none.
    """

    state: Mapping[str, Tensor]
    steps: list[Step] = field(default_factory=list)
    z_shape: tuple[int, ...] | None = None
    n_classes: int = 0
    joined: int = 0  # how much of the first layer's input is not the latent
    is_map: bool = False

    def add(self, module: nn.Module, kind: str, key: str | None = None, inputs: tuple[str, ...] | None = None) -> None:
        """One more step, under its name in the file, or a free one."""
        taken = {name.rpartition(".")[0] for name in self.state} | {step.name for step in self.steps}
        before = self.steps[-1].name if self.steps else ""
        name = key or (free_name(before, taken, kind) if before else kind)
        self.steps.append(Step(name, module, inputs))


class Options:
    """The options of one step, each to be taken once."""

    def __init__(self, step: Mapping[str, Any]) -> None:
        self.kind, self._left = step["type"], {key: value for key, value in step.items() if key not in _SAID}
        self._left.pop("type")

    def take(self, name: str, default: Any = None) -> Any:
        """An option, or what is meant without it."""
        return self._left.pop(name, default)

    def number(self, name: str, default: int | None = None, least: int = 0) -> int:
        """An option that is a whole number."""
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
            raise ValueError(f"`recipe` must give {name} of {self.kind} as a whole number ≥ {least}, got {value!r}")
        return value

    def numbers(self, name: str, default: Any = None, least: int = 0) -> Any:
        """An option that is a whole number, or one each for height and width."""
        value = self.take(name, default)
        parts = value if isinstance(value, list | tuple) else [value]
        wrong = [v for v in parts if isinstance(v, bool) or not isinstance(v, int) or not least <= v <= MOST]
        if wrong or not 1 <= len(parts) <= 2:
            raise ValueError(f"`recipe` must give {name} of {self.kind} as whole numbers ≥ {least}, got {value!r}")
        return parts[0] if len(parts) == 1 else tuple(parts)

    def fraction(self, name: str, default: float) -> float:
        """An option that is a number above 0."""
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise ValueError(f"`recipe` must give {name} of {self.kind} as a positive number, got {value!r}")
        return float(value)

    def claimed(self, **facts: Any) -> None:
        """Compare what the step says about its weights with the weights."""
        for name, fact in facts.items():
            value = self.take(name, fact)
            value = tuple(value) if isinstance(value, list) else value
            square = isinstance(fact, tuple) and len(set(fact)) == 1 and value == fact[0]
            if value != fact and not square:
                raise ValueError(f"`recipe` says {name} {value!r} for {self.kind}, but the weights have {fact!r}")

    def end(self) -> None:
        """Refuse what was not taken."""
        if self._left:
            name = next(iter(self._left))
            raise ValueError(f"`recipe` has an option {name!r} for {self.kind} that is not known here")
