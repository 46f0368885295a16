"""The part of a rewriting session that says how a rule is found: the layer, the context, what counts."""

from collections.abc import Iterable
from itertools import count
from typing import Any

from traitlets import Bool, Bunch, Enum, Float, Int, TraitError, Unicode, validate

from ganwidgets.models import Generator
from ganwidgets.rewrite.context import METHODS
from ganwidgets.rewrite.editable import editable_layer, editable_layers
from ganwidgets.rewrite.solve import NORMS, OBJECTIVES, SMOOTHNESS
from ganwidgets.rewrite.workbench import Settings
from ganwidgets.session import ClassSession, HistorySession, whole_in_range

SECONDS = 20.0  # that a refinement may take


class SettingsSession(HistorySession, ClassSession):
    """A session on one editable layer of a generator; see `RewriteController`."""

    layer = Unicode(help="Whose rules are rewritten: one of `editable_layers`.")
    rank = Int(1, help="Directions along which an edit may change the layer.")
    smoothness = Float(SMOOTHNESS, help="λ: the price of changes elsewhere.")
    norm = Enum(list(NORMS), "l1", help="Absolute errors as in the paper, or squares.")
    objective = Enum(list(OBJECTIVES), "window", help="Which places count; see `solve`.")
    method = Enum(list(METHODS), "zca", help="How directions come from examples.")
    damping = Float(0.0, help="Of the second moment, in units of its mean eigenvalue.")
    refining = Bool(True, help="Whether an edit is refined after it was solved for.")
    refine_seconds = Float(SECONDS, help="After which a refinement ends, if it has not ended by itself.")

    def __init__(self, network: Generator, **traits: Any) -> None:
        self.editable_layers = editable_layers(network)
        if not self.editable_layers:
            raise ValueError(f"`network` must have a convolution that can be edited, but {network.name!r} has none")
        middle = self.editable_layers[len(self.editable_layers) // 2]
        super().__init__(network, **{"layer": middle, **traits})

    @property
    def _settings(self) -> Settings:
        names = ("layer", "rank", "smoothness", "norm", "objective", "method", "damping")
        return Settings(**{name: getattr(self, name) for name in names})

    @validate("layer")
    def _check_layer(self, proposal: Bunch) -> str:
        try:
            return editable_layer(self.network, proposal["value"]).name
        except ValueError as error:
            raise TraitError(str(error)) from None

    @validate("rank")
    def _check_rank(self, proposal: Bunch) -> int:
        return whole_in_range("rank", proposal["value"], 1, editable_layer(self.network, self.layer).key_dim)

    @validate("smoothness", "damping")
    def _check_price(self, proposal: Bunch) -> float:
        if not 0 <= proposal["value"] < float("inf"):
            raise TraitError(f"`{proposal['trait'].name}` must be 0 or more, got {proposal['value']}.")
        return proposal["value"]

    @validate("refine_seconds")
    def _check_seconds(self, proposal: Bunch) -> float:
        return positive_seconds(proposal)


def unused_seed(seed: int, used: Iterable[Any]) -> int:
    """This seed, or the next one that drew nothing yet."""
    used = set(used)
    return next(number % 2**32 for number in count(seed) if number % 2**32 not in used)


def positive_seconds(proposal: Bunch) -> float:
    """A time above 0. Raises `TraitError` for another."""
    if not 0 < proposal["value"] < float("inf"):
        raise TraitError(f"`{proposal['trait'].name}` must be a time above 0 [seconds], got {proposal['value']}.")
    return proposal["value"]
