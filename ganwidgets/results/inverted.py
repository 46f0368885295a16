"""An inverted photo as a network of its own: what it draws for the photo's latent is the photo.

`inverted` puts the values of an `Inversion` into force in a second network: residuals, maps and changed weights. The
first network stays as it is. Edits and strokes then work on it as on any other. `inputs_of` is what it is called with:
the photo's latent, or for a StyleGAN inverted in w its ws.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

from torch import Tensor

from ganwidgets.models.generator import Generator
from ganwidgets.models.map_edits import add_map, scale_map
from ganwidgets.models.standing import with_edits
from ganwidgets.models.weights import with_weights
from ganwidgets.results.adaptation import Adaptation, LowRank
from ganwidgets.results.inversion import Inversion

MOST_LATENT = 1e6  # of a number in a latent: beyond it nothing is drawn, and layers run over


def inverted(network: Generator, inversion: Inversion, *, released: Any = None, adapted: bool = True) -> Generator:
    """The network as the photo's own: with it, `images(inputs_of(network, inversion))` is the photo.

    Args:
        network: in which the photo was inverted.
        inversion: what was found.
        released: (height width) in [0, 1], of any size: where the adaptation's maps are left out, so that edits of
            lower layers show as they do in other pictures. None is nowhere.
        adapted: False leaves the adaptation out: then it draws `inversion.reconstruction`.

    Raises:
        ValueError: a photo, a latent, layers or weights that this network does not have, or of another shape.
    """
    check_fits(network, inversion)
    found: Adaptation | None = inversion.adaptation if adapted else None
    second = as_found(network, inversion)
    if found is None:
        return second
    maps = [(layer, scale_map(d, released)) for layer, d in found.scales.items()]
    return with_edits(with_changes(second, found.weights), maps)


def as_found(network: Generator, inversion: Inversion) -> Generator:
    """The network with the residuals in force, and what stands for the class; no adaptation."""
    if inversion.class_vector is not None:
        network = network.with_class_vector(inversion.class_vector)
    return with_edits(network, [(layer, add_map(values)) for layer, values in inversion.residuals.items()])


def with_changes(network: Generator, weights: Mapping[str, LowRank]) -> Generator:
    """The network with an adaptation's changes of weights; the very same if there are none.

    Raises:
        ValueError: weights that this network does not have, or of another shape.
    """
    if not weights:
        return network
    _check_weights(network, weights)
    known = dict(network.module.named_parameters())
    changed = {name: known[name] + change.delta().to(known[name]) for name, change in weights.items()}
    return with_weights(network, changed)


def _check_weights(network: Generator, weights: Mapping[str, LowRank]) -> None:
    known = dict(network.module.named_parameters())
    unknown = [name for name in weights if name not in known]
    if unknown:
        raise ValueError(f"`adaptation` must be of this network, but {network.name!r} has no weight {unknown[0]!r}")
    for name, change in weights.items():
        if tuple(known[name].shape) != tuple(change.shape):
            raise ValueError(
                f"`adaptation` must be of this network, but its change of {name!r} is of shape {tuple(change.shape)}, "
                f"not {tuple(known[name].shape)}"
            )


def check_network(network: Generator, inversion: Inversion) -> None:
    """Raise `ValueError` if a photo was inverted in another network, or does not fit this one."""
    if inversion.network_fingerprint != network.fingerprint:
        raise ValueError(
            f"`inversion` must be of this network, {network.name!r} (weights {network.fingerprint[:8]!r}), but was "
            f"made in {inversion.network_name!r} (weights {inversion.network_fingerprint[:8]!r}): invert it again"
        )
    check_fits(network, inversion)


def check_fits(network: Generator, inversion: Inversion) -> None:
    """Raise `ValueError` unless all of an inversion has the kind and shape that the network asks for.

    Whoever says that a photo was inverted in a network (a file, say) may be wrong; nothing is run to find that out.
    """
    found: Adaptation | None = inversion.adaptation
    pictures = {"image": inversion.image, "reconstruction": inversion.reconstruction}
    pictures |= {} if found is None else {"adaptation.image": found.image}
    for name, picture in pictures.items():
        if tuple(picture.shape) != tuple(network.image_shape) or not picture.isfinite().all():
            raise _misfit(name, f"finite and of the network's size {tuple(network.image_shape)}", picture)
    _check_latent(network, inversion)
    network.layer_info(inversion.layer)
    maps = [("residuals", layer, values, add_map) for layer, values in inversion.residuals.items()]
    maps += [] if found is None else [("adaptation", layer, d, scale_map) for layer, d in found.scales.items()]
    for name, layer, values, edit in maps:
        try:
            edit(values).check(network.layer_info(layer).shape)
        except ValueError as error:
            raise ValueError(f"`{name}` must fit {network.name!r}, but at {layer!r}: {error}") from error
    _check_weights(network, {} if found is None else found.weights)


def _check_latent(network: Generator, inversion: Inversion) -> None:
    """Of the space it says, and with a class vector only where there are classes."""
    latent, space, vector = inversion.latent, inversion.space, inversion.class_vector
    style = getattr(network.module, "style_dim", None) if hasattr(network, "ws_of") else None
    if space != "z" and style is None:
        raise ValueError(f"`space` must be 'z': {network.name!r} has no {space!r}")
    sizes = {"z": network.z_shape, "w": (style,), "ws": (getattr(network, "n_latent", 0), style)}
    wanted, size = tuple(sizes[space]), tuple(latent.shape)
    one = latent.ndim > 1 and len(latent) == 1
    flat = one and space == "z" and style is None and latent[0].numel() == prod(wanted)  # networks take these, too
    if not one or not (size[1:] == wanted or flat):
        raise _misfit("latent", f"(1, {', '.join(map(str, wanted))}) in {space!r}", latent)
    if not latent.abs().max() <= MOST_LATENT:
        raise ValueError(f"`latent` must hold finite numbers of a usual size, got {float(latent.abs().max()):g}")
    if vector is None:
        return
    classes = getattr(network, "n_classes", 0) if hasattr(network, "with_class_vector") else 0
    if tuple(vector.shape) != (classes,) or not vector.isfinite().all():
        raise _misfit("class_vector", f"{classes} finite numbers, one a class" if classes else "None", vector)


def _misfit(name: str, wanted: str, got: Tensor) -> ValueError:
    return ValueError(f"`{name}` must be {wanted}, got one of shape {tuple(got.shape)}: it is of another network")


def inputs_of(network: Generator, inversion: Inversion) -> Tensor:
    """What a network is called with to draw an inverted photo: its latent, in a form that networks take.

    z and ws go in as they are; one w goes in for every layer.
    """
    latent = inversion.latent.to(network.device)
    return network.ws_of(latent) if inversion.space == "w" else latent
