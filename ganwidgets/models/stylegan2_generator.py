"""StyleGAN2 as a generator one can dissect and edit, given z, w or ws.

    G = gw.load("church.pt").truncated(0.5)
    z = G.sample_z(8)
    G.images(z)                         # what one usually does
    G.images(G.ws(z))                   # the same pictures: see style_generator.py for what ws are good for
    G.images((z, *noises))              # with noise maps of one's own, one for each styled layer
    G.with_label(3).images(z)           # only where the network draws by class
    G.images((z, labels))               # so, too; (z, labels, *noises) is all that can be given

A network made by `truncated` or `with_noise` shares all weights with the first.
"""

from typing import SupportsIndex

from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.family import Family
from ganwidgets.models.found import Found
from ganwidgets.models.latents import whole_number
from ganwidgets.models.nvidia import arguments, limit_of, mapping_of
from ganwidgets.models.style_generator import ConditionalStyleGenerator, StyleGenerator
from ganwidgets.models.stylegan2 import NOISE, StyleGAN2, is_stylegan2


class StyleGAN2Generator(StyleGenerator):
    """A StyleGAN2 as a generator.

    Args:
        module: a `StyleGAN2`.
        name: what reports call it.
        rendering: truncation and noise; `truncated` and `with_noise` are the usual way to set them.

    Attributes:
        rendering: truncation and noise in force.

    Raises:
        TypeError: another module.
    """

    family = StyleGAN2

    @property
    def map_layers(self) -> tuple[str, ...]:
        """Layers whose units are maps that can be laid over an image; the picture so far (`to_rgbs`) is none."""
        return tuple(name for name in super().map_layers if not name.startswith("to_rgb"))

    def with_noise(self, noise: str, seed: SupportsIndex = 0) -> "StyleGAN2Generator":
        """The same network with another kind of noise.

        Args:
            noise: "stored", the file's maps (the default); "zero", none; "seeded", own maps for each picture, drawn
                from the seed and the latent as it is given (so z and its ws get different ones).
            seed: of seeded noise.

        Raises:
            ValueError: no such kind.
        """
        if noise not in NOISE:
            raise ValueError(f"`noise` must be one of {list(NOISE)}, got {noise!r}; images((z, *maps)) takes maps")
        return self._with(noise=noise, seed=whole_number("seed", seed, 0))

    def noise_maps(self, latent: Tensor) -> list[Float[Tensor, "batch 1 height width"] | None]:
        """The noise that each styled layer gets for these z or ws; None where there is none."""
        return self.module.noise_maps(self._prepared(latent), self.rendering)


class ConditionalStyleGAN2Generator(StyleGAN2Generator, ConditionalStyleGenerator):
    """A StyleGAN2 that draws by class; see `ConditionalStyleGenerator` for what it is made with."""


def stylegan2_generator(module: StyleGAN2, name: str | None = None) -> StyleGAN2Generator:
    """The module as a generator; one with a choice of classes if it has classes."""
    return ConditionalStyleGAN2Generator(module, name=name) if module.n_classes else StyleGAN2Generator(module, name)


def _build(found: Found, name: str) -> StyleGAN2Generator:
    facts = arguments(found.config)  # of files written here of a network from NVIDIA's
    rate = mapping_of(facts)["lr_multiplier"]
    return stylegan2_generator(StyleGAN2.from_state_dict(found.state, limit_of(facts), rate), name)


FAMILY = Family("StyleGAN2", lambda found: is_stylegan2(found.state), _build)
