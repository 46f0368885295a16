"""Modules run one after the other, wherever their names put them: what networks are built as from a description.

`nn.Sequential` runs its parts in the order of their names, so a file that calls its layers `up.0`, `bn.0`, `up.1` could
not keep these names. A `Pipeline` knows the order by itself; a step may also take the class, or what an earlier step
gave, so simple branches are possible.
"""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

MOST_NUMBERS = 2**28
"""What a layer may give for one image: a few bytes of weights can claim a billion pixels."""

MOST_CLASSES = 100_000
"""How many classes a file may claim."""

LATENT, CLASS = "latent", "class"
"""What a pipeline is given, as steps name it."""


@dataclass(frozen=True, eq=False)
class Step:
    """A module, the name it gets, and whose outputs it takes; None means what the step before gave."""

    name: str
    module: nn.Module
    inputs: tuple[str, ...] | None = None


class Pipeline(nn.Module):
    """Latents, and classes if a step takes them, to what the last step gives.

    Args:
        steps: in the order in which they run; dots in a name make modules in modules.

    Raises:
        ValueError: no steps, a name that is there twice or inside another step, or an input that comes later.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        self.order = tuple(step.name for step in steps)
        self.inputs: dict[str, tuple[str, ...]] = {}
        before = LATENT
        for step in steps:
            self.inputs[step.name] = (before,) if step.inputs is None else step.inputs
            before = step.name
        self._check()
        for step in steps:
            _put(self, step.name, step.module)
        self._last_use = {source: name for name in self.order for source in self.inputs[name]}

    @property
    def takes_class(self) -> bool:
        """Whether a step needs to know the class."""
        return any(CLASS in inputs for inputs in self.inputs.values())

    def forward(self, latent: Tensor, classes: Tensor | None = None) -> Tensor:
        """What the last step gives.

        Args:
            latent: (batch, …).
            classes: one-hot, (batch, n_classes), for pipelines that take them.
        """
        known: dict[str, Tensor | None] = {LATENT: latent, CLASS: classes}
        for name in self.order:
            self._step(name, known)
        return known[self.order[-1]]

    def walked(self, latent: Tensor, classes: Tensor | None = None) -> Iterator[tuple[str, nn.Module, Tensor]]:
        """(name, module, what comes in first) of every step, while the pipeline runs."""
        known: dict[str, Tensor | None] = {LATENT: latent, CLASS: classes}
        for name in self.order:
            yield name, self.get_submodule(name), known[self.inputs[name][0]]
            self._step(name, known)

    def _step(self, name: str, known: dict[str, Tensor | None]) -> None:
        sources = self.inputs[name]
        known[name] = self.get_submodule(name)(*(known[source] for source in sources))
        for source in sources:
            if self._last_use[source] == name:
                known.pop(source, None)  # large maps are not kept longer than needed

    def check_sizes(self, z_shape: Sequence[int], n_classes: int = 0) -> None:
        """Go through all steps on paper, before anything is computed or allocated.

        Raises:
            ValueError: latents or classes that cannot be meant, classes that no step takes, or a step that does not fit
                what comes in, or gives more than `MOST_NUMBERS` numbers an image.
        """
        check_latent(z_shape, n_classes)
        if n_classes and not self.takes_class:
            raise ValueError(f"the network must have a step that takes its {n_classes} classes, but none does")
        meta = copy.deepcopy(self).to("meta").eval()
        classes = torch.empty(2, n_classes, device="meta") if n_classes else None
        known: dict[str, Tensor | None] = {LATENT: torch.empty(2, *z_shape, device="meta"), CLASS: classes}
        for name in self.order:
            try:
                meta._step(name, known)
            except (RuntimeError, ValueError, IndexError, TypeError) as error:
                raise ValueError(
                    f"{name!r} ({type(meta.get_submodule(name)).__name__}) does not fit what comes into it: {error}"
                ) from error
            if known[name].numel() > 2 * MOST_NUMBERS:
                raise ValueError(f"{name!r} must give at most {MOST_NUMBERS:,} numbers an image: is it meant so?")

    def after(self, name: str) -> list[nn.Module] | None:
        """The steps that turn what step `name` gave into the output, each taking the one before; None if it is no step,
        or if later steps take something else as well."""
        if name not in self.inputs:
            return None
        place = self.order.index(name)
        later = self.order[place + 1 :]
        if any(self.inputs[step] != (before,) for before, step in zip(self.order[place:], later, strict=False)):
            return None
        return [self.get_submodule(step) for step in later]

    def extra_repr(self) -> str:
        return " ".join(f"{name}({','.join(self.inputs[name])})" for name in self.order)

    def _check(self) -> None:
        if not self.order:
            raise ValueError("`steps` must be at least one, got none")
        known = {LATENT, CLASS}
        for place, name in enumerate(self.order):
            nested = any(name.startswith(f"{other}.") or other.startswith(f"{name}.") for other in known)
            if not name or name in known or nested or name in self.order[:place]:
                raise ValueError(f"`steps` must have names of their own, none inside another, got {name!r}")
            if name not in self.order[place + 1 :] and (unknown := set(self.inputs[name]) - known):
                raise ValueError(f"`steps` must take what came before, but {name!r} takes {sorted(unknown)}")
            known.add(name)


class Join(nn.Module):
    """Several inputs made one: side by side, multiplied or added; vectors are spread over maps."""

    def __init__(self, how: str = "concat") -> None:
        super().__init__()
        if how not in ("concat", "multiply", "add"):
            raise ValueError(f"`how` must be 'concat', 'multiply' or 'add', got {how!r}")
        self.how = how

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        others = tuple(_spread(other, first) for other in others)
        if self.how == "concat":
            return torch.cat([first, *others], 1)
        for other in others:
            first = first * other if self.how == "multiply" else first + other
        return first

    def extra_repr(self) -> str:
        return self.how


class ClassEmbedding(nn.Module):
    """A vector for each class, joined to what comes in; without weights the class itself, one-hot."""

    def __init__(self, n_classes: int, size: int | None = None, how: str | None = "concat", unit: bool = False) -> None:
        super().__init__()
        self.n_classes, self.unit = n_classes, unit
        self.join = None if how is None else Join(how)
        if size is not None:
            self.weight = nn.Parameter(torch.empty(n_classes, size))

    def forward(self, *inputs: Tensor) -> Tensor:
        *joined, classes = inputs
        vectors = classes @ self.weight if hasattr(self, "weight") else classes
        if self.unit:
            vectors = vectors / vectors.norm(dim=1, keepdim=True)
        return vectors if self.join is None else self.join(*joined, vectors)

    def extra_repr(self) -> str:
        return f"{self.n_classes}, unit={self.unit}"


class Reshape(nn.Module):
    """Vectors to maps; `channels_last` says that the channel is the last of the three numbers and varies fastest."""

    def __init__(self, shape: Sequence[int], channels_last: bool = False) -> None:
        super().__init__()
        self.shape, self.channels_last = tuple(shape), channels_last

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(-1, *self.shape)
        return x.permute(0, 3, 1, 2).contiguous() if self.channels_last else x  # (batch unit h w)

    def extra_repr(self) -> str:
        return f"{self.shape}, channels_last={self.channels_last}"


class Crop(nn.Module):
    """Cut rows and columns off the border."""

    def __init__(self, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> None:
        super().__init__()
        self.edges = top, left, bottom, right

    def forward(self, x: Tensor) -> Tensor:
        top, left, bottom, right = self.edges
        return x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]

    def extra_repr(self) -> str:
        return f"top, left, bottom, right = {self.edges}"


def check_latent(z_shape: Sequence[int], n_classes: int = 0) -> None:
    """Refuse latents and classes that a few bytes can claim, but no generator has.

    Raises:
        ValueError: sizes that are not positive, or more numbers than `MOST_NUMBERS`, or too many classes.
    """
    if not all(size > 0 for size in z_shape) or math.prod(z_shape) > MOST_NUMBERS:
        raise ValueError(f"a latent must have 1 to {MOST_NUMBERS:,} numbers, got the shape {_brief(z_shape)}")
    if n_classes > MOST_CLASSES:
        raise ValueError(f"a generator must have at most {MOST_CLASSES:,} classes, got {n_classes:,}")


def check_map(what: str, units: int, side: int, most: int = MOST_NUMBERS) -> None:
    """Refuse a square map that no published network has, before it is allocated.

    Args:
        what: whose map it is, e.g. "a ProGAN".
        units: of the map.
        side: of the map [pixels].
        most: numbers of one image's map.

    Raises:
        ValueError: it has more.
    """
    if units * side**2 > most:
        raise ValueError(
            f"{what} must give at most {most:,} numbers an image in a layer, got {units:,} units of {side} × {side}"
        )


def _brief(shape: Sequence[int]) -> str:
    return "(" + ", ".join(str(size) if size < 2**63 else "…" for size in shape[:6]) + ")"


def free_name(after: str, taken: Mapping[str, object] | set[str], kind: str) -> str:
    """A name for a module without weights that follows `after`: the next number if it is free.

    Args:
        after: name of the module before.
        taken: names in use, with those of modules inside others.
        kind: what it is, e.g. "relu".
    """
    parent, dot, key = after.rpartition(".")
    options = [f"{parent}{dot}{int(key) + 1}"] if key.isdecimal() and len(key) < 10 else []
    options += [f"{parent}{dot}{key}_{kind}"]
    options += [f"{parent}{dot}{key}_{kind}_{number}" for number in range(2, len(taken) + 3)]
    used = lambda name: any(other == name or other.startswith(f"{name}.") for other in taken)  # noqa: E731
    return next(name for name in options if not used(name))


def _spread(vector: Tensor, like: Tensor) -> Tensor:
    """A vector over all places of a map, (batch unit) to (batch unit h w); a map as it is."""
    if vector.ndim >= like.ndim:
        return vector
    vector = vector.reshape(*vector.shape, *[1] * (like.ndim - vector.ndim))
    return vector.expand(*vector.shape[:2], *like.shape[2:])


def _put(root: nn.Module, name: str, module: nn.Module) -> None:
    *parents, key = name.split(".")
    for parent in parents:
        if parent not in root._modules:
            root.add_module(parent, nn.Module())
        root = root._modules[parent]
    root.add_module(key, module)
