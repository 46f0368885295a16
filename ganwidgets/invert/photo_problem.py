"""An inverted photo as a problem: a network that draws it roughly, and the picture it should draw.

`PhotoProblem` holds what all adaptations need: the network with the residuals in force, what it is called with, the
wanted picture, and a run that was stopped where the first adapted layer lies.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from ganwidgets.invert.losses import Losses, Target
from ganwidgets.models.edits import Edit
from ganwidgets.models.generator import Generator
from ganwidgets.models.passes import Inputs
from ganwidgets.models.protocol import State
from ganwidgets.results.adaptation import LowRank
from ganwidgets.results.inversion import Inversion
from ganwidgets.results.inverted import as_found, check_network, inputs_of, with_changes


@dataclass(frozen=True, eq=False)
class PhotoProblem:
    """What is drawn, and what should be.

    Attributes:
        network: with the residuals in force.
        inputs: what it is called with.
        layer: the edit layer; what comes after it is adapted.
        wanted: the photo.
        target: the photo, ready to be compared with.
    """

    network: Generator
    inputs: Inputs
    layer: str
    wanted: Float[Tensor, "rgb height width"]
    target: Target

    @classmethod
    def of(cls, network: Generator, inversion: Inversion, losses: Losses | None = None) -> "PhotoProblem":
        """That of an inversion; by default pixels are compared by their L1 distance.

        Raises:
            ValueError: an inversion of another network.
        """
        check_network(network, inversion)
        return cls.around(network, inversion, as_found(network, inversion), losses)

    @classmethod
    def around(
        cls, network: Generator, inversion: Inversion, drawing: Generator, losses: Losses | None = None
    ) -> "PhotoProblem":
        """The same with a network of one's own choice for the drawing, which has the residuals in force."""
        wanted = inversion.image.to(network.device)
        target = Target(wanted[None], losses or Losses(pyramid=0.0))
        return cls(drawing, inputs_of(network, inversion), inversion.layer, wanted, target)

    def changed(self, weights: Mapping[str, LowRank]) -> "PhotoProblem":
        """The same with some weights changed."""
        return replace(self, network=with_changes(self.network, weights))

    def cut(self, layer: str) -> State | None:
        """A run up to a layer, if going on from it saves anything."""
        state = self.network.below(self.inputs, layer, grad=False)
        return state if state.exact_skip else None

    def draw(self, state: State | None, edits: Sequence[tuple[str, Edit]] = ()) -> Float[Tensor, "1 rgb height width"]:
        """The picture under these edits, not clamped, with gradients where grad mode is on."""
        with ExitStack() as stack:
            for layer, edit in edits:
                stack.enter_context(self.network.intervene(layer, edit))
            if state is None:
                return self.network.images(self.inputs, clamp=False)
            return self.network.above(state, clamp=False)
