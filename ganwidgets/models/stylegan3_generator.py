"""StyleGAN3 as a generator one can dissect and edit, given z, w or ws.

    G = gw.load("stylegan3-r-afhqv2-512x512.pkl").truncated(0.7)
    z = G.sample_z(8)
    G.images(z)                                   # what one usually does
    G.acts(z, "L6_52_512.inside")                 # the part of a layer's maps under the picture

See `style_generator.py` for what ws are good for.
"""

from collections.abc import Mapping
from typing import Any

from ganwidgets.models.family import Family
from ganwidgets.models.found import Found
from ganwidgets.models.generator import Generator
from ganwidgets.models.nvidia import arguments, limit_of, mapping_of
from ganwidgets.models.style_generator import ConditionalStyleGenerator, StyleGenerator
from ganwidgets.models.stylegan3 import StyleGAN3, is_stylegan3
from ganwidgets.models.stylegan3_plan import settings_of


class StyleGAN3Generator(StyleGenerator):
    """A StyleGAN3 as a generator.

    Args:
        module: a `StyleGAN3`.
        name: what reports call it.
        rendering: truncation; `truncated` is the usual way to set it. There is no noise.

    Raises:
        TypeError: another module.
    """

    family = StyleGAN3

    @property
    def map_layers(self) -> tuple[str, ...]:
        """Layers whose units are maps that can be laid over an image: the parts of all maps under the picture.

        The maps themselves are layers, too, but reach beyond the picture; the last one is colours.
        """
        last = self.module.names[-1]
        return tuple(n for n in super().map_layers if n.endswith(".inside") and not n.startswith(f"{last}."))


class ConditionalStyleGAN3Generator(StyleGAN3Generator, ConditionalStyleGenerator):
    """A StyleGAN3 that draws by class; see `ConditionalStyleGenerator` for what it is made with."""


def stylegan3_generator(module: StyleGAN3, name: str | None = None) -> StyleGAN3Generator:
    """The module as a generator; one with a choice of classes if it has classes."""
    return ConditionalStyleGAN3Generator(module, name=name) if module.n_classes else StyleGAN3Generator(module, name)


def from_nvidia(found: Found) -> StyleGAN3:
    """The network in a file of NVIDIA's.

    Raises:
        ValueError: of a kind that is not read here, or damaged.
    """
    facts = arguments(found.config)
    if facts.get("z_dim") == 0:
        raise ValueError("the network must take latents, but has none (z_dim 0): it draws one picture a class")
    rate = mapping_of(facts)["lr_multiplier"]
    limit_of(facts)  # refuses what is no number
    return StyleGAN3.from_state_dict(found.state, settings_of(facts) if facts else None, rate)


def _describe(generator: Generator) -> Mapping[str, Any]:
    module, own = generator.module, generator.module.settings
    facts = {"kind": "r (rotation)" if own.use_radial_filters else "t (translation)"}
    facts |= {"units": ", ".join(name.rpartition("_")[2] for name in module.names), "margin": own.margin_size}
    facts["average w"] = "in the file" if hasattr(module, "latent_avg") else "not in the file"
    return facts | {"values": "not clamped" if own.conv_clamp is None else f"clamped to ±{own.conv_clamp:g}"}


FAMILY = Family(
    "StyleGAN3",
    lambda found: is_stylegan3(found.state),
    lambda found, name: stylegan3_generator(from_nvidia(found), name),
    _describe,
)
