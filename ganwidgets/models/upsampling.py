"""Generators that are a row of layers, rebuilt from weights alone where batch norm tells what the weights do not.

A state dict does not say which activation follows a layer, how far a kernel moves, whether a map is enlarged before a
convolution, or what latents were drawn from. But batch norm has stored mean and variance of what came in during
training. So each of the usual ways is tried, and the one that reproduces the stored statistics is taken; where none
does, nothing is guessed, and a recipe is asked for (`recipes.py`). What comes after the last norm is taken to go on as
before, ending in tanh.

`rows.py` reads the layers in order, `row_ways.py` runs them in each way, `recipe_of` finds the recipe, as lines that
one can read and correct.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ganwidgets.models.dcgan import DCGAN, is_dcgan
from ganwidgets.models.family import Family
from ganwidgets.models.found import Found
from ganwidgets.models.generator import Generator, TorchGenerator
from ganwidgets.models.norm_statistics import AGREES, gap, worst_gap
from ganwidgets.models.priors import sampler_of
from ganwidgets.models.recipe_words import step_of
from ganwidgets.models.recipes import Recipe, from_recipe
from ganwidgets.models.row_ways import MOST, Guess, again, endings, ways, with_line
from ganwidgets.models.rows import Op, outline, row_of, tells
from ganwidgets.models.spectral import without_spectral_norm

SURELY = 0.004
"""Divergence below which no further ways are tried."""

CLEARLY = 3.0
"""How many times worse a way must be to be out; of those that remain the most usual is taken."""

SIZES = (28, 32, 48, 64, 96, 128, 160, 192, 256, 512, 1024)
"""Sides of pictures that people train for."""

_N, _FEWEST = 192, 8
_MOST_WEIGHTS = 400
_SCREENED = 32
_BEAM = 3
_PRIORS = ("normal", "uniform", "uniform(0, 1)")
_USUAL = ("relu", "leaky_relu 0.2", "")
_RARE = ("leaky_relu 0.01", "leaky_relu 0.1", "tanh", "elu")
_STAGES = (
    # (eps of the norm before, activations after it, activations before the next norm)
    (("",), _USUAL, ("",)),
    (("",), _RARE, ("",)),
    (("", " eps 0.8", " eps 0.001"), _USUAL, ("", "relu", "leaky_relu 0.2")),
)


def recipe_of(state: Mapping[str, Tensor]) -> tuple[tuple[str, ...], str] | None:
    """The lines of a recipe, and the prior, that reproduce the statistics of all batch norms; None if none does.

    Statistics that were never trained (mean 0 and variance 1) tell nothing.
    """
    state = without_spectral_norm(state)
    row = row_of(state)
    if row is None or not tells(row, state):
        return None
    with torch.no_grad():
        best = _searched(row, state)
    return None if best is None else (best.lines, best.prior)


# Searching


def _searched(row: list[Op], state: Mapping[str, Tensor]) -> Guess | None:
    guesses, segment = _starts(row, state), []
    for op in row[1:] if row[0].kind == "embedding" else row:
        segment.append(op)
        if op.kind == "norm":
            guesses = _best(guesses, segment, state)
            if not guesses:
                return None
            segment = []
    square = [[end for end in endings(guess, segment, state) if _is_square(end.x)] for guess in guesses]
    usual = [[end for end in ends if end.x.shape[2] in SIZES] for ends in square]
    found = next((ends for ends in (*usual, *square) if ends), [])
    return min(found, key=lambda end: end.gap, default=None)


def _is_square(x: Tensor) -> bool:
    return x.ndim == 4 and x.shape[2] == x.shape[3]


def _starts(row: list[Op], state: Mapping[str, Tensor]) -> list[Guess]:
    """Latents from each of the usual priors, with the class joined where there is one."""
    embedding = state[f"{row[0].key}.weight"] if row[0].kind == "embedding" else None
    first = row[0] if embedding is None else row[1]
    weight = state[f"{first.key}.weight"]
    inputs = weight.shape[1] if first.kind == "linear" else weight.shape[0]
    multiplies = embedding is not None and embedding.shape[1] == inputs
    size = inputs if embedding is None or multiplies else inputs - embedding.shape[1]
    shape = (size, 1, 1) if first.kind == "conv" else (size,)
    starts = []
    for prior in _PRIORS if size > 0 else ():
        sampler = sampler_of(prior, shape) or sampler_of("normal(0, 1.0000001)", shape)
        x, lines = torch.as_tensor(sampler(_N, 0)), ()
        if embedding is not None:
            vectors = embedding[torch.arange(_N) % len(embedding)].float()
            x = x * vectors if multiplies else torch.cat([x, vectors], 1)
            lines = (f"embedding {row[0].key}{' multiply' if multiplies else ''}",)
        starts.append(Guess(lines, x, prior))
    return starts


def _best(guesses: list[Guess], segment: list[Op], state: Mapping[str, Tensor]) -> list[Guess]:
    """The ways of running up to the next norm that reproduce its statistics, the most usual first."""
    *ops, norm = segment
    mean, variance = (state[f"{norm.key}.{kind}"] for kind in ("running_mean", "running_var"))
    found: list[tuple[float, Guess]] = []
    guesses = [_trimmed(guess) for guess in guesses]
    for stage in _STAGES:
        for guess in guesses:
            few = replace(guess, x=guess.x[:_SCREENED])
            tries = [(gap(tried.x, mean, variance), tried) for tried in ways(few, ops, norm, state, stage)]
            worst = sorted(off for off, _ in tries)[:_BEAM][-1:]
            likely = [tried for off, tried in tries if off <= min([*worst, 10 * AGREES])]
            whole = [again(guess, tried, state) for tried in likely]
            found += [(gap(tried.x, mean, variance), tried) for tried in whole]
        best = min((off for off, _ in found), default=float("inf"))
        if best < SURELY:
            break
    limit = min(max(CLEARLY * best, SURELY / 3), AGREES)
    kept = [replace(tried, gap=tried.gap + off) for off, tried in found if off <= limit]
    return [with_line(each, f"norm {norm.key}", state) for each in kept[:_BEAM]]


def _trimmed(guess: Guess) -> Guess:
    """Fewer latents where maps are large; these have many places instead."""
    return replace(guess, x=guess.x[: max(_FEWEST, MOST // (4 * guess.x[0].numel()))])


# The family


def _recognises(found: Found) -> bool:
    if not 1 < len(found.state) < _MOST_WEIGHTS:
        return False
    try:
        state = without_spectral_norm(found.state)
    except ValueError:
        return False
    row = row_of(state)
    return row is not None and tells(row, state) and not _is_usual(state)


def _is_usual(state: Mapping[str, Tensor]) -> bool:
    """Whether this is a DCGAN as its family builds it, by its statistics."""
    if not is_dcgan(state):
        return False
    try:
        worst = worst_gap(TorchGenerator(DCGAN.from_state_dict(state)))
    except ValueError:  # damaged; its family says how
        return True
    return worst is None or worst[1] < AGREES / 2


def _build(found: Found, name: str) -> Generator:
    guessed = recipe_of(found.state)
    if guessed is not None:
        lines, prior = guessed
        return from_recipe(Recipe(tuple(map(step_of, lines)), prior=prior), found.state, name)
    if is_dcgan(found.state):  # the usual way is as good as any; `load` says that its statistics disagree
        return TorchGenerator(DCGAN.from_state_dict(found.state), name=name)
    lines = outline(without_spectral_norm(found.state))
    raise ValueError(
        "the weights are a row of layers, but do not say how these are put together, and none of the usual ways agrees "
        f"with what batch norm stored. Say it: load(file, recipe={lines}), completed with what lies between (strides, "
        "upsample, activations)"
    )


def _facts(generator: Generator) -> Mapping[str, str]:
    drawn = "standard normal" if generator.sampler is None else str(generator.sampler)
    kinds = [type(part).__name__ for part in generator.module.modules() if not list(part.children())]
    return {"prior": f"{drawn}, by the statistics", "steps": " ".join(kind for kind in kinds if kind != "Module")}


FAMILY = Family("row of layers", _recognises, _build, _facts)
