"""A search that was stopped goes on from the best state that it had found."""

import torch
from torch import Tensor

from ganwidgets.invert.drawing import class_is_free, residual_layers
from ganwidgets.invert.losses import Losses, label
from ganwidgets.invert.start import Start
from ganwidgets.invert.strategies import Strategy, space_of
from ganwidgets.models.generator import Generator
from ganwidgets.results.inversion import Inversion
from ganwidgets.results.inverted import check_network

_LEAST_SHARE = 1e-6  # of a class, so that its logarithm is finite
_SAME = 0.01  # how far a number of a photo that was read anew may be off


def resumed(
    network: Generator, image: Tensor, earlier: Inversion, strategy: Strategy, layer: str, losses: Losses | None
) -> Start:
    """Where an earlier search for the same photo ended, as a start.

    Args:
        network: a generator.
        image: the photo as it is searched for.
        earlier: what was found.
        strategy, layer, losses: of the search that goes on; they must be those of the earlier one.

    Raises:
        ValueError: it is of another network, photo, layer, latent space or loss, or has maps that this strategy lacks.
        TypeError: no inversion.
    """
    if not isinstance(earlier, Inversion):
        raise TypeError(f"`resume` must be an Inversion, got {type(earlier).__name__}")
    check_network(network, earlier)
    if image.shape != earlier.image.shape or not torch.allclose(image.cpu(), earlier.image.cpu(), rtol=0, atol=_SAME):
        raise ValueError("`resume` must be an inversion of this photo, cut in the same way, got one of another picture")
    space, layers = space_of(strategy, network), residual_layers(network, layer, strategy.residuals)
    if earlier.space != space or earlier.layer != layer or not set(earlier.residuals) <= set(layers):
        raise ValueError(
            f"`resume` must be an inversion that strategy {strategy.name!r} at {layer!r} can go on with, got one by "
            f"{earlier.strategy!r} at {earlier.layer!r}: name these"
        )
    if label(losses) != earlier.losses:
        raise ValueError(f"`losses` must be those of `resume` ({earlier.losses}), got {label(losses)}")
    vector, logits = earlier.class_vector, None
    if vector is not None and class_is_free(network):
        logits = vector.clamp(min=_LEAST_SHARE).log()[None].to(network.device)
    residuals = {name: maps[None].to(network.device) for name, maps in earlier.residuals.items()}
    return Start(earlier.latent.to(network.device), logits, residuals, earlier.steps)
