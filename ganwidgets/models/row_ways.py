"""The usual ways to run a row of layers: what may come between them, and what comes out for some latents.

A `Guess` is one way so far. `ways` and `endings` go on from it, one layer after the other; `upsampling.py` chooses.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.models.recipe_words import step_of
from ganwidgets.models.rows import Op, sides

MOST = 2**25
"""Numbers in a layer; nobody trains larger ones."""


@dataclass(frozen=True, eq=False)
class Guess:
    """A way to run the layers so far, what it gives for some latents, and how well it fits."""

    lines: tuple[str, ...]
    x: Tensor
    prior: str
    gap: float = 0.0
    activation: str = ""
    eps: str = ""
    ways: tuple[str, ...] = ()


def ways(guess: Guess, ops: list[Op], norm: Op, state: Mapping[str, Tensor], stage: tuple) -> Iterator[Guess]:
    """Each of the ways of a stage to run these layers, usual ones first."""
    eps, after, before = stage
    starts = list(_activated(guess, state, eps, after))
    for op in ops:
        starts = [made for start in starts for made in _run(start, op, state)]
    channels = state[f"{norm.key}.running_mean"].numel()
    for start in starts:
        shaped = _as_maps(start, channels)
        for activation in before:
            yield with_line(shaped, activation, state)


def _activated(
    guess: Guess, state: Mapping[str, Tensor], epsilons: tuple[str, ...], activations: tuple[str, ...]
) -> Iterator[Guess]:
    """What may come before the next layer: nothing at the start, else an activation; the norm's eps is open as well."""
    if not guess.lines or not guess.lines[-1].startswith("norm "):
        yield guess
        return
    *lines, norm = guess.lines
    for eps in epsilons:
        x = guess.x if not eps else _renormed(guess.x, norm.split()[1], eps.strip(), state)
        same = replace(guess, lines=(*lines, norm + eps), x=x, eps=eps)
        for activation in sorted(activations, key=lambda name: name != guess.activation):
            yield replace(with_line(same, activation, state), activation=activation)


def _renormed(x: Tensor, key: str, eps: str, state: Mapping[str, Tensor]) -> Tensor:
    """What a norm gives with another eps, from what it gives with the usual one."""
    variance = state[f"{key}.running_var"].float()
    ratio = ((variance + 1e-5) / (variance + float(eps.split()[1]))).sqrt()
    bias = state.get(f"{key}.bias", torch.zeros_like(variance)).float()
    shape = (-1, *[1] * (x.ndim - 2))
    return (x - bias.reshape(shape)) * ratio.reshape(shape) + bias.reshape(shape)


def _run(guess: Guess, op: Op, state: Mapping[str, Tensor]) -> Iterator[Guess]:
    """Each way of running one layer."""
    if op.kind == "linear":
        if guess.x.ndim == 2:
            yield with_line(guess, f"linear {op.key}", state)
        return
    if 4 * guess.x[0].numel() > MOST:
        return  # nobody trains such a layer: a few bytes of weights can claim a billion pixels
    for before, _, transposed in sides(op, state):
        shaped = guess if guess.x.shape[1] == before and guess.x.ndim == 4 else _as_maps(guess, before)
        if shaped.x.ndim != 4 or shaped.x.shape[1] != before:
            continue
        kernel = state[f"{op.key}.weight"].shape[2]
        ways = _transposed_ways(kernel, shaped.x.shape[2]) if transposed else _plain_ways(kernel)
        for way in ways:
            *steps, options = way
            lines = [*steps, f"{'deconv' if transposed else 'conv'} {op.key}{options}"]
            made = shaped
            for line in lines:
                made = with_line(made, line, state)
            yield replace(made, ways=(*made.ways, f"{transposed}{way}"))


def _plain_ways(kernel: int) -> list[tuple[str, ...]]:
    if kernel % 2 == 0:
        return []
    padding = f" padding {kernel // 2}" if kernel > 1 else ""
    return [(padding,), ("upsample 2", padding), ("upsample 2 bilinear", padding)]


def _transposed_ways(kernel: int, side: int) -> list[tuple[str, ...]]:
    spread = [("",)] if side == 1 else []
    half = (kernel - 1) // 2
    odd = " output_padding 1" if kernel % 2 else ""
    doubling = [(f" stride 2{f' padding {half}' if half else ''}{odd}",)]
    others = [(" stride 2",), ("",)] + ([(f" padding {half}",)] if half and kernel % 2 else [])
    return list(dict.fromkeys([*spread, *doubling, *others]))


def again(guess: Guess, tried: Guess, state: Mapping[str, Tensor]) -> Guess:
    """What was tried on a few latents, on all of them."""
    done, x = len(guess.lines), guess.x
    if done and tried.lines[done - 1] != guess.lines[-1]:
        _, key, eps = tried.lines[done - 1].split(" ", 2)
        x = _renormed(x, key, eps, state)
    for line in tried.lines[done:]:
        x = _applied(x, step_of(line), state)
    return replace(tried, x=x)


def endings(guess: Guess, ops: list[Op], state: Mapping[str, Tensor]) -> Iterator[Guess]:
    """After the last norm nothing can be measured: all goes on as before."""
    activation = guess.activation or "relu"
    if any(line.startswith("norm ") for line in guess.lines[-1:]):
        *lines, norm = guess.lines
        guess = replace(guess, lines=(*lines, norm + guess.eps))
        guess = replace(with_line(guess, activation, state), activation=activation)
    ends = [guess]
    for place, op in enumerate(ops):
        if place:
            ends = [with_line(end, activation, state) for end in ends]
        ends = [after for end in ends for after in _run(end, op, state)]
    for number, end in enumerate(ends):
        new = end.ways[len(guess.ways) :]
        unusual = sum(way not in guess.ways for way in new)
        yield with_line(replace(end, gap=guess.gap + unusual + number / 1000), "tanh", state)


def _as_maps(guess: Guess, channels: int) -> Guess:
    """The outputs of a linear layer as maps, if it is what comes next."""
    if guess.x.ndim != 2 or guess.x.shape[1] == channels:
        return guess
    side = round((guess.x.shape[1] / channels) ** 0.5)
    if side * side * channels != guess.x.shape[1]:
        return guess
    x = guess.x.reshape(-1, channels, side, side)
    return replace(guess, lines=(*guess.lines, f"reshape {channels} {side} {side}"), x=x)


def with_line(guess: Guess, line: str, state: Mapping[str, Tensor]) -> Guess:
    """One more line, and what comes out of it."""
    return replace(guess, lines=(*guess.lines, line), x=_applied(guess.x, step_of(line), state)) if line else guess


def _applied(x: Tensor, step: Mapping, state: Mapping[str, Tensor]) -> Tensor:
    kind, key = step["type"], step.get("key")
    weight, bias = (
        (state[f"{key}.{part}"].float() if f"{key}.{part}" in state else None) for part in ("weight", "bias")
    )
    if kind == "Norm":
        mean, variance = (state[f"{key}.{part}"].float() for part in ("running_mean", "running_var"))
        return F.batch_norm(x, mean, variance, weight, bias, eps=step.get("eps", 1e-5))
    if kind == "Reshape":
        return x.reshape(-1, *step["shape"])
    if kind == "Linear":
        return F.linear(x, weight, bias)
    how = {name: step[name] for name in ("stride", "padding", "output_padding") if name in step}
    if kind == "Conv2d":
        return F.conv2d(x, weight, bias, **how)
    if kind == "ConvTranspose2d":
        return F.conv_transpose2d(x, weight, bias, **how)
    if kind == "Upsample":
        return F.interpolate(x, scale_factor=2, mode=step.get("mode", "nearest"))
    if kind == "leaky_relu":
        return F.leaky_relu(x, step["slope"])
    return getattr(torch, kind)(x) if kind == "tanh" else getattr(F, kind)(x)
