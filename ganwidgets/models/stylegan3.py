"""StyleGAN3 generators (Karras et al. 2021), "t" and "r", conditional and not, in plain torch.

A mapping turns a latent z into w, as in StyleGAN2. The picture is a continuous signal: waves that w moves and turns,
then layers that neither add nor lose frequencies by accident (`stylegan3_layers.py`), at sizes that follow from a few
numbers (`stylegan3_plan.py`). There is no noise.

Layers are called as in NVIDIA's code: "L5_52_512" is the sixth, 52 pixels a side, 512 units. Maps have a margin beyond
the picture; "L5_52_512.inside" is the part under it, which is what one dissects and paints on.

Source: Karras et al. (2021), Alias-Free Generative Adversarial Networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import count
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.mapping import AS_TRAINED, Mapped, MappingSize, Rendering
from ganwidgets.models.renaming import renamed
from ganwidgets.models.state_dicts import with_weights
from ganwidgets.models.stylegan3_layers import FilteredLayer, Input
from ganwidgets.models.stylegan3_names import naming, ours, theirs
from ganwidgets.models.stylegan3_plan import Settings, fits, plan, settings_from


class StyleGAN3(Mapped):
    """The generator: latents in, pictures out.

    Args:
        settings: that sizes, filters and rates follow from.
        mapping: sizes of the mapping.
        units: of each layer, the one that makes colours included; None works them out.
    """

    def __init__(self, settings: Settings, mapping: MappingSize, units: Sequence[int] | None = None) -> None:
        super().__init__(mapping)
        self.settings, parts = settings, plan(settings, units)
        self.input = Input(parts.layers[0].inputs, mapping.style_dim, parts)
        self.names = tuple(layer.name for layer in parts.layers)
        for layer in parts.layers:
            self.add_module(layer.name, FilteredLayer(layer, mapping.style_dim))

    @property
    def n_latent(self) -> int:
        """Number of ws of a picture."""
        return len(self.names) + 1

    @property
    def resolution(self) -> int:
        """Side of the picture [pixels]."""
        return self.settings.img_resolution

    @property
    def made_with(self) -> dict[str, Any]:
        """What the weights do not tell, under NVIDIA's names."""
        return asdict(self.settings) | {"mapping_kwargs": {"lr_multiplier": self.rate}}

    @property
    def follows_from_weights(self) -> bool:
        """Whether settings worked out from the weights alone are those of this network."""
        try:
            settings, _ = settings_from({theirs(key): part for key, part in self.state_dict().items()})
        except ValueError:
            return False
        own = self.settings
        return replace(settings, channel_base=own.channel_base, channel_max=own.channel_max) == own

    def extra_repr(self) -> str:
        return repr(self.settings)

    @classmethod
    def from_state_dict(
        cls, state: Mapping[str, Tensor], settings: Settings | None = None, rate: float | int = MappingSize.rate
    ) -> "StyleGAN3":
        """The generator with these weights.

        Args:
            state: weights in NVIDIA's names.
            settings: how it was made; None takes them from the weights, which do not tell `output_scale` and
                `conv_clamp`: those are then as usual.
            rate: how much smaller the mapping's weights act than they are stored.

        Raises:
            ValueError: not such a generator, weights missing, surplus or of the wrong shape, or filters that do not
                follow from the settings; says which.
        """
        settings, units = settings_from(state) if settings is None else (settings, None)
        if not fits(plan(settings, units), state):
            raise ValueError("the layers and filters of this StyleGAN3 must follow from its settings, but do not")
        state = renamed(state, ours)
        with torch.device("meta"):  # nothing is drawn or allocated: the weights come from the file
            network = cls(settings, _mapping_size(state, rate), units)
        filters = {key: part for key, part in network.state_dict().items() if key.endswith("_filter")}
        return with_weights(network, filters | state)

    def forward(
        self, latent: Tensor, *, classes: Tensor | None = None, rendering: Rendering = AS_TRAINED
    ) -> Float[Tensor, "batch channel height width"]:
        """Pictures, not clamped, of z (batch z_dim) or ws (batch n_latent style_dim).

        Args:
            latent: z or ws.
            classes: one-hot, (batch n_classes), if the network draws by class and z is given.
            rendering: truncation.
        """
        ws = self.ws(latent, classes, rendering)
        x = self.input(ws[:, 0])
        for number, name in enumerate(self.names, 1):
            x = self.get_submodule(name)(x, ws[:, number])
        return x * self.settings.output_scale


def is_stylegan3(state: Mapping[str, Tensor]) -> bool:
    """Whether these names are those of a StyleGAN3 generator."""
    return naming(state) is not None


def _mapping_size(state: Mapping[str, Tensor], rate: float | int) -> MappingSize:
    for key in ("style.1.weight", "input.affine.weight"):
        if key not in state or state[key].ndim != 2:
            raise ValueError(f"a StyleGAN3 generator must have a weight with 2 axes as {theirs(key)}, but has not")
    n_mlp = next(n for n in count() if f"style.{n + 1}.weight" not in state)
    hidden, inputs = state["style.1.weight"].shape
    embed = state.get("embed.weight")
    size = MappingSize(inputs, state["input.affine.weight"].shape[1], n_mlp, hidden if n_mlp > 1 else None, rate=rate)
    size = replace(size, average="latent_avg" in state)
    if embed is None or embed.ndim != 2:
        return size
    return replace(size, z_dim=inputs - len(embed), n_classes=embed.shape[1], embed_dim=len(embed))
