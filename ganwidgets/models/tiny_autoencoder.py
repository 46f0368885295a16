"""Tiny autoencoders of photos (TAESD, TAEF2 and others), rebuilt from nothing but their weights.

Both halves are a row of 3 × 3 convolutions and residual blocks, with 64 units throughout. The encoder halves the
resolution at each convolution without a bias; the decoder doubles it before each. In later ones (TAEF2) some blocks add
a *pool*, a 1 × 1 detour through more units with a group norm. Modules without weights take the numbers that the file
leaves out, as they had them; names of diffusers' `AutoencoderTiny` are understood as well.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganwidgets.models.blank import blank
from ganwidgets.models.state_dicts import MOST_PIXELS, check_room, with_weights

_REACH = 3.0  # latents are softly clamped to ± this
_GROUPS = 4


class SoftClamp(nn.Module):
    """Latents within ± 3, bent rather than cut."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / _REACH) * _REACH


class Block(nn.Module):
    """ReLU of three convolutions and a shortcut, with a pool added before if there is one."""

    def __init__(self, inputs: int, units: int, pool: int | None = None) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, units, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(units, units, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(units, units, 3, padding=1),
        )
        if inputs != units:
            self.skip = nn.Conv2d(inputs, units, 1, bias=False)
        if pool is not None:
            self.pool = nn.Sequential(
                nn.Conv2d(inputs, pool, 1, bias=False),
                nn.GroupNorm(_GROUPS, pool),
                nn.ReLU(),
                nn.Conv2d(pool, inputs, 1, bias=False),
            )

    def forward(self, x: Tensor) -> Tensor:
        if hasattr(self, "pool"):
            x = x + self.pool(x)
        shortcut = self.skip(x) if hasattr(self, "skip") else x
        return torch.relu(self.conv(x) + shortcut)


class TinyDecoder(nn.Sequential):
    """Latents to photos in [0, 1], not clamped."""


class TinyEncoder(nn.Sequential):
    """Photos in [0, 1] to latents."""


def is_tiny(state: Mapping[str, Tensor]) -> bool:
    """Whether these are the weights of one half, or both, of a tiny autoencoder."""
    half = next(iter(halves(state).values()), {})
    return any(re.fullmatch(r"\d+\.conv\.4\.weight", key) for key in half)


def halves(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The weights of each half under the numbers of its modules: {"decoder": …}, {"encoder": …} or both."""
    if not any(key.startswith(("encoder.layers.", "decoder.layers.")) for key in state):
        state = {re.sub(r"^(?:layers|taesd_decoder|taesd_encoder)\.", "", key): part for key, part in state.items()}
        first = state.get("0.weight")
        # Only an encoder has weights in its first module: a decoder begins with the soft clamp.
        return {"decoder" if first is None else "encoder": dict(state)}
    found: dict[str, dict[str, Tensor]] = {}
    for key, part in state.items():
        half, _, rest = key.partition(".layers.")
        if half == "decoder":  # diffusers leaves the soft clamp out of its numbers
            number, _, tail = rest.partition(".")
            rest = f"{int(number) + 1}.{tail}" if number.isdecimal() else rest
        found.setdefault(half, {})[rest] = part
    return found


def decoder_of(state: Mapping[str, Tensor]) -> TinyDecoder:
    """The decoder with these weights.

    Raises:
        ValueError: no decoder among them, or weights missing, surplus or of the wrong shape.
    """
    return _built(TinyDecoder(), _half(state, "decoder"))


def encoder_of(state: Mapping[str, Tensor]) -> TinyEncoder:
    """The encoder with these weights.

    Raises:
        ValueError: no encoder among them, or weights missing, surplus or of the wrong shape.
    """
    return _built(TinyEncoder(), _half(state, "encoder"))


def _half(state: Mapping[str, Tensor], half: str) -> dict[str, Tensor]:
    found = halves(state)
    if half not in found or not is_tiny(state):
        raise ValueError(f"the weights must be those of a tiny autoencoder's {half}, got {list(found) or 'others'}")
    return found[half]


def _built(network: nn.Sequential, state: dict[str, Tensor]) -> nn.Sequential:
    numbers = sorted({int(key.partition(".")[0]) for key in state if key.partition(".")[0].isdecimal()})
    if len(numbers) < 2 or numbers[-1] > 200:
        raise ValueError(f"a tiny autoencoder must have its modules numbered, got {list(state)[:3]}")
    decodes = isinstance(network, TinyDecoder)
    doublings = numbers[-1] + 1 - len(numbers)
    if decodes and 2**doublings > MOST_PIXELS // 8:
        raise ValueError(
            f"a tiny decoder must enlarge latents by at most {MOST_PIXELS // 8}, got {doublings} doublings"
        )
    if decodes:
        _check_room(state, numbers)
    with blank():  # nothing is drawn or allocated: the weights come from the file
        for number in range(numbers[-1] + 1):
            network.add_module(str(number), _module(state, str(number), numbers, decodes))
    return with_weights(network, state)


def _check_room(state: Mapping[str, Tensor], numbers: list[int]) -> None:
    """Refuse a decoder whose maps are too large even for the smallest latents, of 8 × 8."""
    doublings = 0
    for number in range(numbers[-1] + 1):
        doublings += number > 2 and number not in numbers
        for key, part in state.items():
            if key.startswith(f"{number}.") and part.ndim == 4:
                check_room("tiny decoder", key.removesuffix(".weight"), max(part.shape[:2]), 8 * 2**doublings)


def _module(state: Mapping[str, Tensor], number: str, numbers: list[int], decodes: bool) -> nn.Module:
    weight, first = state.get(f"{number}.weight"), state.get(f"{number}.conv.0.weight")
    if first is not None and first.ndim == 4:
        pool = state.get(f"{number}.pool.0.weight")
        return Block(first.shape[1], first.shape[0], None if pool is None else pool.shape[0])
    if weight is not None and weight.ndim == 4:
        bias = f"{number}.bias" in state
        return nn.Conv2d(weight.shape[1], weight.shape[0], 3, 1 if decodes or bias else 2, padding=1, bias=bias)
    if int(number) in numbers or not decodes:
        raise ValueError(f"a tiny autoencoder must have a convolution or block as module {number}, got neither")
    if int(number) == 0:
        return SoftClamp()
    return nn.ReLU() if int(number) == 2 else nn.Upsample(scale_factor=2, mode="nearest")
