"""What every layer of a StyleGAN3 works at: cutoffs, sampling rates, sizes, filters, margins.

The network is a signal in continuous space, sampled ever more finely. Cutoff and stop band grow from layer to layer in
equal ratios; the sampling rate is the power of two that holds the stop band, and around every map lies a margin. All of
it follows from a few numbers (`Settings`); `plan` works it out, `settings_from` goes back from names and shapes of
weights to the numbers, where a file does not say them.

Source: Karras et al. (2021), Alias-Free Generative Adversarial Networks, section 3 and appendix.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from ganwidgets.models.filters import lowpass
from ganwidgets.models.pipeline import MOST_NUMBERS, check_map
from ganwidgets.models.state_dicts import MOST_PIXELS

ALIKE = 1e-5
"""How far filters in a file may be from those designed here."""

MOST_FINER = 4 * MOST_NUMBERS
"""Numbers at a nonlinearity: NVIDIA's largest network has 0.8 · 10⁹, of which only a few units are there at a time."""

_WHOLE = {
    "img_resolution": (4, MOST_PIXELS),
    "img_channels": (1, 4096),
    "channel_base": (1, 2**24),
    "channel_max": (1, 2**16),
    "num_layers": (2, 100),
    "num_critical": (0, 99),
    "margin_size": (0, 1024),
    "conv_kernel": (1, 1024),
    "filter_size": (1, 32),
    "lrelu_upsampling": (1, 8),
}
_FRACTIONS = ("first_cutoff", "first_stopband", "last_stopband_rel", "output_scale")


@dataclass(frozen=True)
class Settings:
    """The numbers a StyleGAN3 is made with, under NVIDIA's names; the defaults are NVIDIA's.

    Attributes:
        img_resolution: side of the picture [pixels].
        img_channels: of the picture.
        channel_base: units of a layer are half of this over its cutoff, …
        channel_max: … but at most so many.
        num_layers: besides the one that makes colours.
        num_critical: last layers, whose cutoff is all that the sampling rate can hold.
        first_cutoff: of the input [cycles a picture].
        first_stopband: of the input.
        last_stopband_rel: of the last layer, over its cutoff.
        margin_size: around every map but the last [pixels].
        output_scale: what the last layer is multiplied with.
        conv_kernel: side of the kernels.
        filter_size: taps of a filter for each sample of the coarser side.
        lrelu_upsampling: how much more finely a nonlinearity is computed.
        use_radial_filters: for rotation equivariance ("r"); else filters for rows and columns ("t").
        conv_clamp: values of every layer are clamped to ± this; None leaves them.
    """

    img_resolution: int
    img_channels: int = 3
    channel_base: int = 32768
    channel_max: int = 512
    num_layers: int = 14
    num_critical: int = 2
    first_cutoff: float | int = 2
    first_stopband: float | int = 2**2.1
    last_stopband_rel: float | int = 2**0.3
    margin_size: int = 10
    output_scale: float | int = 0.25
    conv_kernel: int = 3
    filter_size: int = 6
    lrelu_upsampling: int = 2
    use_radial_filters: bool = False
    conv_clamp: float | int | None = 256


@dataclass(frozen=True)
class LayerPlan:
    """One layer.

    Attributes:
        name: as NVIDIA's code says it, e.g. "L5_52_512": number, size, units.
        inputs: units of the input.
        units: of the output.
        in_size: side of the input [pixels, margins included].
        out_size: of the output.
        in_rate: samples a picture of the input.
        out_rate: of the output.
        in_cutoff: what the input holds [cycles a picture].
        out_cutoff: what the output may hold.
        in_half_width: half the transition of a filter for the input.
        out_half_width: half the transition of a filter for the output.
        kernel: side of the convolution's kernel.
        critical: whether the cutoff is all that the rate can hold.
        colours: whether it is the last, which makes the picture.
        settings: of the network.
    """

    name: str
    inputs: int
    units: int
    in_size: int
    out_size: int
    in_rate: int
    out_rate: int
    in_cutoff: float | int
    out_cutoff: float | int
    in_half_width: float | int
    out_half_width: float | int
    kernel: int
    critical: bool
    colours: bool
    settings: Settings = field(repr=False)

    @property
    def rate(self) -> int:
        """Samples a picture at the nonlinearity."""
        return max(self.in_rate, self.out_rate) * (1 if self.colours else self.settings.lrelu_upsampling)

    @property
    def up(self) -> int:
        """Factor of upsampling before the nonlinearity."""
        return round(self.rate / self.in_rate)

    @property
    def down(self) -> int:
        """Factor of downsampling after it."""
        return round(self.rate / self.out_rate)

    @property
    def up_taps(self) -> int:
        """Length of the filter before it; 1 is none."""
        return self.settings.filter_size * self.up if self.up > 1 and not self.colours else 1

    @property
    def down_taps(self) -> int:
        """Length of the filter after it; 1 is none."""
        return self.settings.filter_size * self.down if self.down > 1 and not self.colours else 1

    @property
    def radial(self) -> bool:
        """Whether the filter after it is equal in all directions."""
        return self.settings.use_radial_filters and not self.critical

    @property
    def padding(self) -> tuple[int, int]:
        """(before, after) on each axis, once zeros were put between samples; negative cuts off."""
        needed = (self.out_size - 1) * self.down + 1 - (self.in_size + self.kernel - 1) * self.up
        total = needed + self.up_taps + self.down_taps - 2
        before = (total + self.up) // 2
        return before, total - before

    @property
    def margin(self) -> int:
        """What of the output lies beyond each edge of the picture [pixels]."""
        return (self.out_size - self.out_rate) // 2

    @property
    def filters(self) -> tuple[Tensor | None, Tensor | None]:
        """The low-pass filters before and after the nonlinearity."""
        return (
            lowpass(self.up_taps, self.in_cutoff, 2 * self.in_half_width, self.rate),
            lowpass(self.down_taps, self.out_cutoff, 2 * self.out_half_width, self.rate, self.radial),
        )


@dataclass(frozen=True)
class Plan:
    """All layers, and the input.

    Attributes:
        settings: what they follow from.
        layers: in order.
        size: side of the input's map [pixels].
        rate: samples a picture of it.
        bandwidth: highest frequency in it [cycles a picture].
    """

    settings: Settings
    layers: tuple[LayerPlan, ...]
    size: int
    rate: int
    bandwidth: float | int


def plan(settings: Settings, units: Sequence[int] | None = None) -> Plan:
    """Work out all layers.

    Args:
        settings: of the network.
        units: of each layer, the one that makes colours included; None works them out, too.

    Raises:
        ValueError: settings that make no network.
    """
    _check(settings)
    n, last = settings.num_layers, settings.img_resolution / 2
    steps = [min(i / (n - settings.num_critical), 1) for i in range(n + 1)]
    cutoffs = [_between(settings.first_cutoff, last, step) for step in steps]
    stops = [_between(settings.first_stopband, last * settings.last_stopband_rel, step) for step in steps]
    rates = [2 ** math.ceil(math.log2(min(stop * 2, settings.img_resolution))) for stop in stops]
    if rates[0] < 1:
        raise ValueError(f"a StyleGAN3 must have a first_stopband of at least 0.5, got {settings.first_stopband}")
    halves = [max(stop, rate / 2) - cutoff for stop, rate, cutoff in zip(stops, rates, cutoffs, strict=True)]
    if min(halves) <= 0:
        raise ValueError("a StyleGAN3 must have every stop band beyond its cutoff, but these settings do not")
    sizes = [rate + 2 * settings.margin_size for rate in rates[:-2]] + [settings.img_resolution] * 2
    if units is None:
        units = [round(min(settings.channel_base / 2 / cutoff, settings.channel_max)) for cutoff in cutoffs]
        units[-1] = settings.img_channels
    if len(units) != n + 1:
        raise ValueError(f"a StyleGAN3 of {n} layers must have units for each and colours, {n + 1}, got {len(units)}")
    layers = []
    for i in range(n + 1):
        before, colours = max(i - 1, 0), i == n
        layers.append(
            LayerPlan(
                f"L{i}_{sizes[i]}_{units[i]}", units[before], units[i], sizes[before], sizes[i], rates[before],
                rates[i], cutoffs[before], cutoffs[i], halves[before], halves[i],
                1 if colours else settings.conv_kernel, i >= n - settings.num_critical, colours, settings,
            )
        )  # fmt: skip
        check_map("a StyleGAN3", units[i], sizes[i])
        check_map("a StyleGAN3", units[i], (sizes[before] + layers[-1].kernel - 1) * layers[-1].up, MOST_FINER)
    return Plan(settings, tuple(layers), sizes[0], rates[0], cutoffs[0])


def settings_of(kwargs: Mapping[str, Any]) -> Settings:
    """What a container says about its network.

    Raises:
        ValueError: a number is missing or is none.
    """
    known = {part.name for part in fields(Settings)}
    given = {name: value for name, value in kwargs.items() if name in known}
    numbers = (value for name, value in given.items() if not (name == "conv_clamp" and value is None))
    if "img_resolution" not in given or not all(isinstance(value, int | float) for value in numbers):
        raise ValueError(f"the file must say by numbers how its StyleGAN3 was made, got {given}")
    _check_whole(given)
    return Settings(**given)


def settings_from(state: Mapping[str, Tensor]) -> tuple[Settings, tuple[int, ...]]:
    """Settings, and units of each layer, from weights alone, in NVIDIA's names; what these do not say is usual.

    Weights do not say `output_scale` and `conv_clamp`. The filters among them say the rest: settings are only taken if
    the very same filters follow.

    Raises:
        ValueError: names that no StyleGAN3 has, or filters that follow from no settings tried.
    """
    found = layer_names(state)
    sizes, units, n = [size for _, size, _ in found], tuple(unit for *_, unit in found), len(found) - 1
    flat = [part.ndim == 1 for key, part in state.items() if key.endswith("down_filter")]
    basis = Settings(
        sizes[-1],
        units[-1],
        num_layers=n,
        margin_size=max(max(sizes[:-2]) - sizes[-1], 0) // 2,
        conv_kernel=state["synthesis.L{}_{}_{}.weight".format(*found[0])].shape[-1],
        use_radial_filters=not all(flat),
    )
    usual = Settings.num_critical
    for critical in (usual, *(number for number in range(n) if number != usual)):
        settings = replace(basis, num_critical=critical)
        if critical < n and fits(plan(settings, units), state):
            return settings, units
    raise ValueError(
        "the filters of this StyleGAN3 follow from no usual settings, and weights alone do not say which it has: load "
        "NVIDIA's own .pkl, which does"
    )


def fits(plan: Plan, state: Mapping[str, Tensor]) -> bool:
    """Whether layers of these names are in a file, with the filters that belong to them or none."""
    for layer in plan.layers:
        if f"synthesis.{layer.name}.weight" not in state:
            return False
        for kind, wanted in zip(("up_filter", "down_filter"), layer.filters, strict=True):
            there = state.get(f"synthesis.{layer.name}.{kind}")
            if there is None:
                continue
            if wanted is None or wanted.shape != there.shape or not torch.allclose(there.float(), wanted, atol=ALIKE):
                return False
    return True


def layer_names(keys: Sequence[str] | Mapping[str, Any]) -> list[tuple[int, int, int]]:
    """(number, size, units) of the layers that these names are of.

    Raises:
        ValueError: there are none, or some are missing.
    """
    matches = (re.fullmatch(r"synthesis\.L(\d{1,3})_(\d{1,5})_(\d{1,5})\.weight", key) for key in keys)
    found = sorted(tuple(map(int, match.groups())) for match in matches if match)
    if len(found) < 3 or [number for number, *_ in found] != list(range(len(found))):
        got = ["L{}_{}_{}".format(*each) for each in found[:20]]
        raise ValueError(f"a StyleGAN3 must have layers L0 to L14 or so, none left out, got {got}")
    return found


def _between(first: float | int, last: float, step: float | int) -> float:
    return first * (last / first) ** step


def _check_whole(given: Mapping[str, Any]) -> None:
    for name, (least, most) in _WHOLE.items():
        value, pixels = given.get(name, least), " pixels a side" if name == "img_resolution" else ""
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(
                f"a StyleGAN3 must have a whole number from {least} to {most}{pixels} as {name}, got {_brief(value)}"
            )
    if not isinstance(radial := given.get("use_radial_filters", False), bool):
        raise ValueError(f"a StyleGAN3 must have True or False as use_radial_filters, got {_brief(radial)}")


def _check(settings: Settings) -> None:
    _check_whole(vars(settings))
    for name in _FRACTIONS:
        if not 0 < (value := getattr(settings, name)) <= MOST_PIXELS:
            raise ValueError(f"a StyleGAN3 must have a positive {name} of at most {MOST_PIXELS}, got {_brief(value)}")
    clamp, n, critical = settings.conv_clamp, settings.num_layers, settings.num_critical
    if clamp is not None and not 0 < clamp < float("inf"):
        raise ValueError(f"a StyleGAN3 must have a positive conv_clamp, or None for no limit, got {_brief(clamp)}")
    if not critical < n:
        raise ValueError(f"a StyleGAN3 must have some layers that are not critical, got {critical} of {n}")


def _brief(value: object) -> str:
    return "a number of hundreds of digits" if isinstance(value, int) and abs(value) > 1e300 else str(value)[:60]
