"""StyleGAN2 as NVIDIA's torch code trains it (Karras et al. 2020, with adaptive augmentation): from its files.

It is the network of `stylegan2.py` under other names, and in more kinds: three architectures, classes, values clamped
to a limit. Layers that were trained in half precision are computed in single precision here, which differs by 1 % at
most. Where the file is NVIDIA's container it says how the network was made; weights alone say all but the limit, and
then the limit of NVIDIA's own training is taken.

Source: Karras et al. (2020), Training Generative Adversarial Networks with Limited Data.
"""

from collections.abc import Mapping
from typing import Any

from ganwidgets.models.family import Family
from ganwidgets.models.found import Found
from ganwidgets.models.generator import Generator
from ganwidgets.models.nvidia import arguments, limit_of, mapping_of
from ganwidgets.models.stylegan2 import StyleGAN2
from ganwidgets.models.stylegan2_generator import stylegan2_generator
from ganwidgets.models.stylegan2_names import naming

USUAL_LIMIT = 256
"""What NVIDIA's training clamps values to, so that they fit half precision."""


def from_nvidia(found: Found) -> StyleGAN2:
    """The network in a file of NVIDIA's.

    Raises:
        ValueError: of a kind that is not read here, or damaged.
    """
    facts = arguments(found.config)
    mapping, limit = mapping_of(facts), limit_of(facts, None if facts else USUAL_LIMIT)
    for where, kind in (("activation", facts.get("activation")), ("mapping's activation", mapping.get("activation"))):
        if kind not in (None, "lrelu"):
            raise ValueError(f"a StyleGAN2 must have leaky ReLUs ('lrelu') as {where}, got {kind!r}: not read here")
    if facts.get("z_dim") == 0:
        raise ValueError("the network must take latents, but has none (z_dim 0): it draws one picture a class")
    network = StyleGAN2.from_state_dict(found.state, limit, mapping["lr_multiplier"])
    side = facts.get("img_resolution", network.resolution)
    if side != network.resolution:
        raise ValueError(f"the file says {side} pixels, but its weights make {network.resolution}: is it damaged?")
    return network


def _describe(generator: Generator) -> Mapping[str, Any]:
    module = generator.module
    facts = {"kind": f"{module.architecture!r} architecture", "units": ", ".join(map(str, module.units))}
    facts["average w"] = "in the file" if hasattr(module, "latent_avg") else "not in the file"
    return facts | {"values": "not clamped" if module.limit is None else f"clamped to ±{module.limit:g}"}


def _build(found: Found, name: str) -> Generator:
    generator = stylegan2_generator(from_nvidia(found), name)
    generator.naming = "nvidia"
    return generator


FAMILY = Family(
    "StyleGAN2-ADA",
    lambda found: naming(found.state) == "nvidia",
    _build,
    _describe,
)
