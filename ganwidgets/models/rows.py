"""Rows of layers: the order in which the layers of a generator run, read off the names and shapes of its weights."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

from torch import Tensor

from ganwidgets.models.norm_statistics import is_trained


@dataclass(frozen=True)
class Op:
    """One layer with weights: "linear", "conv" (either way round), "norm" or "embedding"."""

    key: str
    kind: str


def row_of(state: Mapping[str, Tensor]) -> list[Op] | None:
    """The layers of a generator in the order in which they run; None if their channels make no row."""
    kinds: dict[str, dict[str, Tensor]] = {}
    for key, part in state.items():
        path, _, kind = key.rpartition(".")
        kinds.setdefault(path, {})[kind] = part
    if "" in kinds or not all(part.numel() and part.is_floating_point() for part in _weights(kinds)):
        return None
    for order in _orders(list(kinds), kinds):
        row = [Op(path, _kind(path, kinds[path], first=not place)) for place, path in enumerate(order)]
        if all(op.kind for op in row) and _fits(row, state):
            return row
    return None


def outline(state: Mapping[str, Tensor]) -> list[str]:
    """The lines of a recipe as far as weights tell them, to be completed."""
    return [f"{op.kind} {op.key}" for op in row_of(state) or []]


def _weights(kinds: Mapping[str, Mapping[str, Tensor]]) -> Iterator[Tensor]:
    yield from (part for kind in kinds.values() for name, part in kind.items() if name != "num_batches_tracked")


def _kind(path: str, weights: Mapping[str, Tensor], first: bool) -> str:
    weight = weights.get("weight")
    if "running_mean" in weights:
        shapes = {tuple(part.shape) for name, part in weights.items() if name != "num_batches_tracked"}
        complete = "running_var" in weights and len(shapes) == 1 and weights["running_mean"].ndim == 1
        return "norm" if complete else ""
    if weight is None or set(weights) - {"weight", "bias"} or weight.ndim not in (2, 4):
        return ""
    if weight.ndim == 4:
        return "conv"
    return "embedding" if first and "bias" not in weights and "emb" in path.lower() else "linear"


def _orders(paths: list[str], kinds: Mapping[str, Mapping[str, Tensor]]) -> Iterator[list[str]]:
    """Orders to try: as in the file, by the numbers in the names, and blocks of one name in any order."""

    def numbered(path: str) -> tuple:
        return [int(n) for n in re.findall(r"\d{1,9}", path)], "running_mean" in kinds[path]

    yield paths
    yield sorted(paths, key=numbered)
    blocks: dict[str, list[str]] = {}
    for path in sorted(paths, key=numbered):
        blocks.setdefault(path.partition(".")[0], []).append(path)
    if 1 < len(blocks) <= 4:
        for order in permutations(blocks.values()):
            yield [path for block in order for path in block]


def _fits(row: list[Op], state: Mapping[str, Tensor]) -> bool:
    """Whether each layer can take what the one before gives, and the last gives a picture."""
    if row[-1].kind != "conv" or sum(op.kind == "conv" for op in row) < 2:
        return False
    units: set[int] | None = None  # that may come out of the layers so far
    for place, op in enumerate(row):
        if op.kind == "embedding":
            continue
        if op.kind == "norm":
            size = state[f"{op.key}.running_mean"].numel()
            fits = units is not None and any(_meets(row[place - 1], each, size) for each in units)
            units = {size} if fits else set()
        else:
            ways = [way for way in sides(op, state) if units is not None or way[2] or op.kind == "linear"]
            units = {
                after
                for before, after, _ in ways
                if units is None or any(_meets(row[place - 1], each, before) for each in units)
            }
        if not units:
            return False
    return bool(units & {1, 3, 4})


def _meets(previous: Op, units: int, channels: int) -> bool:
    return units == channels or _spreads(previous, units, channels)


def _spreads(previous: Op, units: int, channels: int) -> bool:
    """Whether the outputs of a linear layer make square maps of so many channels."""
    side = (units // channels) ** 0.5
    return previous.kind == "linear" and units % channels == 0 and side == int(side)


def sides(op: Op, state: Mapping[str, Tensor]) -> list[tuple[int, int, bool]]:
    """(units in, units out, transposed) of a layer, in each way its weight can be read."""
    shape, bias = state[f"{op.key}.weight"].shape, state.get(f"{op.key}.bias")
    ways = [(shape[1], shape[0], False)]
    if op.kind == "conv":
        ways.append((shape[0], shape[1], True))
    return [way for way in ways if bias is None or bias.numel() == way[1]]


def tells(row: list[Op], state: Mapping[str, Tensor]) -> bool:
    """Whether all batch norms have statistics from training."""
    norms = [op.key for op in row if op.kind == "norm"]
    known = [is_trained(state[f"{key}.running_mean"], state[f"{key}.running_var"]) for key in norms]
    return bool(norms) and all(known)
