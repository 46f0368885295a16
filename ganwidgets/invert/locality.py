"""Does a change for one photo change other pictures, too? Looked at, and reported, for a few other seeds."""

from ganwidgets.models.generator import Generator
from ganwidgets.results.adaptation import Locality

SEED, N = 20_191, 8  # a seed nobody types


def locality(network: Generator, changed: Generator, *, n: int = N, seed: int = SEED) -> Locality:
    """How far other pictures move when weights are changed.

    Args:
        network: as it was.
        changed: with other weights.
        n: number of other pictures.
        seed: of their latents.
    """
    if changed is network:
        return Locality((), seed)
    z = network.sample_z(n, seed)
    before, after = (one.images(z, clamp=False, grad=False).clamp(-1, 1) for one in (network, changed))
    return Locality(tuple(((after - before).abs().flatten(1).mean(1) / 2).tolist()), seed)
