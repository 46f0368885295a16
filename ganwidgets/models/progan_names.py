"""What a Progressive GAN's weights are called in older files: the way back from `progan.canonical_keys`.

Old torch files count `features.0`, `features.1`, …; TensorFlow's have other axes, and kernels that upsample mirrored.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count

from torch import Tensor

Written = dict[str, tuple[str, Tensor]]
"""Name in a file → (current name, tensor as it is stored there)."""


def naming(keys: Iterable[str]) -> str:
    """Which convention these names follow: "current", "features" (old torch files) or "tensorflow"."""
    keys = set(keys)
    if "features.0.conv.weight" in keys:
        return "features"
    return "tensorflow" if any(key.startswith("4x4/") for key in keys) else "current"


def _in_current_names(state: Mapping[str, Tensor], keys: Collection[str] | None) -> Written:
    return {key: (key, part) for key, part in state.items()}


def _in_old_names(state: Mapping[str, Tensor], keys: Collection[str] | None) -> Written:
    written = {}
    for key, part in state.items():
        old = re.sub(r"^layer(\d{1,3})", lambda found: f"features.{int(found[1]) - 1}", key)
        written[re.sub(r"^output_\d{1,5}x\d{1,5}", "output", old)] = key, part
    return written


def _in_tensorflow_names(state: Mapping[str, Tensor], keys: Collection[str] | None) -> Written:
    n_layers = next(n for n in count() if f"layer{n + 1}.conv.weight" not in state)
    output = next(key.partition(".")[0] for key in state if key.startswith("output_"))
    places = {"4x4/Dense": "layer1", "4x4/Conv": "layer2", "ToRGB_lod0": output}
    for number in range(3, n_layers, 2):
        side = 2 ** ((number + 3) // 2)
        places |= {f"{side}x{side}/Conv0_up": f"layer{number}", f"{side}x{side}/Conv1": f"layer{number + 1}"}
    written = {}
    for old, new in places.items():
        weight = state[f"{new}.conv.weight"]
        if old.endswith("Dense"):
            weight = weight.flip(2, 3).transpose(0, 1).reshape(weight.shape[1], -1)
        elif old.endswith("Conv0_up"):
            weight = weight.flip(2, 3).permute(2, 3, 0, 1)
        else:
            weight = weight.permute(2, 3, 1, 0)
        written[f"{old}/weight"] = f"{new}.conv.weight", weight
        written[f"{old}/bias"] = f"{new}.wscale.b", state[f"{new}.wscale.b"]
    return written


WRITERS: dict[str, Callable[[Mapping[str, Tensor], Collection[str] | None], Written]] = {
    "current": _in_current_names,
    "features": _in_old_names,
    "tensorflow": _in_tensorflow_names,
}
"""Naming → function of all weights, and of the names a file must have (None: any), to what the file holds."""
