"""Where NaN or infinity comes from: the first layer of a network whose activations hold some."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ganwidgets.models import Edit, Network
from ganwidgets.models.passes import Inputs


@dataclass(frozen=True, eq=False)
class Instead(Edit):
    """The edit that puts these activations in place of a layer's own, whatever it computed."""

    acts: Float[Tensor, "batch unit *location"]

    def apply(self, acts: Float[Tensor, "batch unit *location"]) -> Float[Tensor, "batch unit *location"]:
        return self.acts.to(acts)


def first_bad_layer(network: Network, inputs: Inputs) -> str | None:
    """The first layer whose activations hold NaN or infinity, under the interventions in force; None if all are finite.

    All layers are read in one pass: this is for the moment in which something went wrong.
    """
    names = list(network.layers)
    found = network.acts(inputs, names, grad=False)
    return next((name for name in names if not found[name].isfinite().all()), None)
