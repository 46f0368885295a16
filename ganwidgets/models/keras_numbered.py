"""Weights of Keras 3's .keras files, which have numbers instead of names: "layers/conv2d_1/vars/0".

The folder is the kind of the layer, counted in the order of the layers; the layer's own name is not in the path. The
number is the place among the layer's weights: those that are trained first, then those that are gathered.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from torch import Tensor

from ganwidgets.models.keras_config import KerasLayer
from ganwidgets.models.renaming import renamed

_VARS = r"(layers/[^/]+)/vars/(\d{1,3})"
_SEEDS = r"layers/[^/]+/seed_generator/vars/\d{1,3}"  # where a Dropout's random numbers had come to

_KINDS: dict[str, tuple[tuple[str, str | None], ...]] = {
    "Dense": (("kernel", None), ("bias", "use_bias")),
    "Conv2D": (("kernel", None), ("bias", "use_bias")),
    "Conv2DTranspose": (("kernel", None), ("bias", "use_bias")),
    "BatchNormalization": (("gamma", "scale"), ("beta", "center"), ("moving_mean", None), ("moving_variance", None)),
    "Embedding": (("embeddings", None),),
}
"""Kind of layer → its weights in order, and the setting without which a layer lacks one."""


def by_kind(weights: Mapping[str, Tensor], layers: Sequence[KerasLayer]) -> dict[str, Tensor]:
    """Weights under "layer/kernel" and the like; those whose paths have names stay as they are.

    Raises:
        ValueError: two weights get the same name.
    """
    if not any(re.fullmatch(_VARS, path) for path in weights):
        return dict(weights)
    names, seen = {}, Counter()
    for layer in layers:
        kind = _snake(layer.kind)
        folder = f"layers/{kind}_{seen[kind]}" if seen[kind] else f"layers/{kind}"
        seen[kind] += 1
        wanted = [name for name, setting in _KINDS.get(layer.kind, ()) if layer.config.get(setting, True)]
        names |= {f"{folder}/vars/{number}": f"{layer.name}/{name}" for number, name in enumerate(wanted)}
    kept = {path: part for path, part in weights.items() if not re.fullmatch(_SEEDS, path)}
    return renamed(kept, lambda path: names.get(path, path))


def _snake(kind: str) -> str:
    """A class's name as Keras makes a folder of it: Conv2DTranspose is conv2d_transpose."""
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()
