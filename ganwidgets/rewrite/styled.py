"""What a styled layer gives for an edit, place by place, with its exact derivatives.

The value of unit o at a place is g · lrelu(d_o · (c_o + A x_o) + noise + bias): what the convolution gives now, what
the edit x adds (with the blur of a layer that upsamples), both times the demodulation, then a gain g, usually √2. Some
networks clamp values to ± a limit, beyond which an edit changes nothing. The demodulation is

    d_o = (own_o + 2 x·cross_o + xᵀ Q x)^(−1/2),

one number for each picture, because it depends on the style. `styled_places` reads all of it off a layer and a picture.

Source: Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN, section 2.2.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.protocol import State
from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.least_squares import weighted_squares
from ganwidgets.rewrite.responses import convolve, exact, projected, responses

SLOPE = 0.2  # of the leaky ReLU
TINY = 1e-8  # under the root of the demodulation


@dataclass(frozen=True, eq=False)
class Demodulation:
    """The factor d of each unit in one picture, as a function of the edit.

    Attributes:
        own: what is under the root without an edit.
        cross: its slope there, halved.
        curve: Q, its curvature, halved; the same for every unit.
        on: False for a layer that does not demodulate.
    """

    own: Float[Tensor, " unit"]
    cross: Float[Tensor, "unit unknown"]
    curve: Float[Tensor, "unknown unknown"]
    on: bool

    def __call__(
        self, x: Float[Tensor, "unit unknown"]
    ) -> tuple[Float[Tensor, "unit 1"], Float[Tensor, "unit unknown"]]:
        """d and its derivative."""
        if not self.on:
            return torch.ones_like(self.own)[:, None], torch.zeros_like(x)
        bent = x @ self.curve
        d = (self.own + (x * (2 * self.cross + bent)).sum(1)).clamp_min(TINY).rsqrt()[:, None]
        return d, -(d**3) * (self.cross + bent)


@dataclass(frozen=True, eq=False)
class StyledPlaces:
    """Places of one picture, and all that their values depend on.

    Attributes:
        demodulation: of the picture.
        answers: what each unknown adds before demodulation.
        before: what the convolution gives now, before demodulation.
        shift: noise and bias.
        goal: values wanted.
        weight: what each place counts.
        gain: of the leaky ReLU.
        limit: values are clamped to ± this; infinite if they are not.
    """

    demodulation: Demodulation
    answers: Float[Tensor, "place unknown"]
    before: Float[Tensor, "unit place"]
    shift: Float[Tensor, "unit place"]
    goal: Float[Tensor, "unit place"]
    weight: Float[Tensor, " place"]
    gain: float
    limit: float

    def values(self, x: Float[Tensor, "unit unknown"]) -> Float[Tensor, "unit place"]:
        """What the layer gives with the edit."""
        return self._rectified(self.demodulation(x)[0] * (self.before + x @ self.answers.T) + self.shift)

    def _rectified(self, inside: Float[Tensor, "unit place"]) -> Float[Tensor, "unit place"]:
        rectified = torch.where(inside > 0, self.gain * inside, self.gain * SLOPE * inside)
        return rectified.clamp(-self.limit, self.limit)

    def normal(
        self, x: Float[Tensor, "unit unknown"], weight: Float[Tensor, "unit place"]
    ) -> tuple[Float[Tensor, "unit unknown unknown"], Float[Tensor, "unit unknown"]]:
        """Σ weight · J Jᵀ and Σ weight · J · error left, J being the derivative of a value in the unknowns.

        J = gain (d A + inside · ∂d): the terms are multiplied out, as J itself has units × places × unknowns numbers.
        """
        d, bend = self.demodulation(x)
        inside = self.before + x @ self.answers.T
        outside = d * inside + self.shift
        values = self._rectified(outside)
        gain = torch.where(outside > 0, self.gain, self.gain * SLOPE) * (values.abs() < self.limit)
        squares, errors = weight * gain**2, weight * gain * (self.goal - values)
        mixed = (d * ((squares * inside) @ self.answers))[:, :, None] * bend[:, None]
        bent = (squares * inside**2).sum(1)[:, None, None] * bend[:, :, None] * bend[:, None]
        matrix = d[..., None] ** 2 * weighted_squares(self.answers, squares) + mixed + mixed.mT + bent
        return matrix, d * (errors @ self.answers) + (errors * inside).sum(1, keepdim=True) * bend


def styled_places(
    editable: EditableLayer,
    state: State,
    number: int,
    context: Float[Tensor, "rank key_dim"],
    weight: Float[Tensor, "..."] | None = None,
) -> StyledPlaces:
    """All places of one picture of a state, with the present values as goal."""
    conv, styled = editable.conv, editable.network.module.get_submodule(editable.layer)
    stored = exact(editable.W0 if weight is None else weight)[0]
    args = [part[number : number + 1] if len(part) > 1 else part for part in state.args if part is not None]
    keys = editable.keys(replace(state, args=tuple(args)))
    answers = responses(conv, projected(keys, context))[0].flatten(1).T
    before = convolve(conv, exact(keys), stored)[0].flatten(1)
    shift = exact(styled.activate.bias)[:, None].expand_as(before)
    if len(args) > 2:
        shift = shift + exact(styled.noise.weight * args[2]).flatten(2)[0]
    style = exact(conv.modulation(args[1]))[0]
    demodulation = _demodulation(stored * conv.scale, style, exact(context) * conv.scale, conv.demodulate)
    end = (styled.activate.gain, styled.activate.limit or float("inf"))
    places = StyledPlaces(demodulation, answers, before, shift, before, torch.ones_like(before[0]), *end)
    return replace(places, goal=places.values(answers.new_zeros(len(before), answers.shape[1])))


def mean_slopes(places: StyledPlaces) -> Float[Tensor, "unit unknown unknown"]:
    """Second moment, over places, of the derivative of a value in the unknowns, without an edit."""
    x = places.goal.new_zeros(len(places.goal), places.answers.shape[1])
    return places.normal(x, torch.full_like(places.goal, 1 / places.goal.shape[1]))[0]


def _demodulation(weight: Tensor, style: Tensor, context: Tensor, on: bool) -> Demodulation:
    """Σ over inputs and taps of (style · (W + x D))², as a polynomial in x; weight and context with their scale."""
    taps = weight.shape[-2] * weight.shape[-1]
    styled = weight.flatten(2) * style[:, None] ** 2  # (unit input tap)
    own = (styled * weight.flatten(2)).sum((1, 2)) + TINY
    cross = torch.einsum("oit,ri->ort", styled, context).flatten(1)
    curve = torch.kron((context * style**2) @ context.T, torch.eye(taps, dtype=weight.dtype))
    return Demodulation(own, cross, curve, on)
