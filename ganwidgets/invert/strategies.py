"""Strategies: from where a search starts and what it may change, by name.

The first six are those the field compares (`z`, `encoder`, `encoder+z`, `layered`, `layered+z`, `layered+r`); the ridge
ones start from a regression on the network's own pictures, so they need no training; `w` and `ws` are for StyleGANs.
"""

from dataclasses import dataclass

from ganwidgets.models.layers import did_you_mean
from ganwidgets.models.protocol import Network
from ganwidgets.models.style_generator import StyleGenerator

STARTS = ("best", "ridge", "direct", "layered")
"""Where a search starts: the nearest of many samples, a ridge regression, or an encoder of either kind."""


@dataclass(frozen=True)
class Strategy:
    """How a picture is searched for.

    Attributes:
        name: of the strategy.
        meaning: in one line.
        start: one of `STARTS`.
        steps: how many, unless told otherwise; 0 stays with the start.
        latent: whether the latent changes.
        residuals: to which outputs maps are added: none (""), of the blocks "before" the edit layer, or of the edit
            layer itself ("at").
        space: of the latent; "natural" is w for StyleGANs and z for others.
        rate: length of a step of the latent [standard deviations].
        residual_rate: length of a step of the residuals [standard deviations of the unit].
        noise: added to the latent at the start, less and less until half of the steps [standard deviations].
    """

    name: str
    meaning: str
    start: str
    steps: int = 0
    latent: bool = False
    residuals: str = ""
    space: str = "z"
    rate: float = 0.1
    residual_rate: float = 0.1
    noise: float = 0.0

    @property
    def told(self) -> str:
        """The name as results tell it: it says so where another strategy than this one is known by it."""
        return self.name if STRATEGIES.get(self.name, self) == self else f"{self.name} (changed)"


_ALL = (
    Strategy("z", "nearest of many samples, then the latent", "best", 300, latent=True),
    Strategy("encoder", "an encoder's latent as it is", "direct", space="natural"),
    Strategy("encoder+z", "an encoder, then the latent", "direct", 200, latent=True, space="natural"),
    Strategy("layered", "a layered encoder's latent as it is", "layered", space="natural"),
    Strategy("layered+z", "a layered encoder, then the latent", "layered", 200, latent=True, space="natural"),
    Strategy(
        "layered+r",
        "a layered encoder, then the edit layer",
        "layered",
        150,
        residuals="before",
        space="natural",
        residual_rate=0.03,
    ),
    Strategy("ridge", "a regression's activations, the latent that comes nearest", "ridge", space="natural"),
    Strategy("ridge+z", "a regression, then the latent", "ridge", 200, latent=True, space="natural"),
    Strategy("ridge+r", "a regression, then latent and edit layer at once", "ridge", 150, True, "at", "natural", 0.05),
    Strategy("w", "a regression, then one w for all layers", "ridge", 300, latent=True, space="w", noise=0.05),
    Strategy("ws", "a regression, then one w for each layer", "ridge", 300, latent=True, space="ws", noise=0.05),
)

STRATEGIES = {strategy.name: strategy for strategy in _ALL}
"""Name → strategy."""

DEFAULT = "ridge+r"


def strategy_named(strategy: str | Strategy, network: Network) -> Strategy:
    """A strategy for a network, from its name.

    Raises:
        ValueError: no such strategy, or one for StyleGANs with another network.
        TypeError: neither a name nor a strategy.
    """
    if isinstance(strategy, str):
        if strategy not in STRATEGIES:
            raise ValueError(
                f"`strategy` must be one of {list(STRATEGIES)}, got {strategy!r}.{did_you_mean(strategy, STRATEGIES)}"
            )
        strategy = STRATEGIES[strategy]
    if not isinstance(strategy, Strategy):
        raise TypeError(f"`strategy` must be a name or a Strategy, got {type(strategy).__name__}")
    if strategy.space in ("w", "ws") and not isinstance(network, StyleGenerator):
        raise ValueError(f"`strategy` {strategy.name!r} needs a StyleGAN, which has w; use 'z', 'ridge+z' or 'ridge+r'")
    return strategy


def space_of(strategy: Strategy, network: Network) -> str:
    """Which latent the strategy looks for in this network: "z", "w" or "ws"."""
    natural = "w" if isinstance(network, StyleGenerator) else "z"
    return natural if strategy.space == "natural" else strategy.space
