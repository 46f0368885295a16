"""How the files in ../ada and here were made from the golden ones: `python repack.py ../../../../shared/golden`.

Of outputs one picture, two units and every so manyth row is kept. Of a container only G_ema is, written again by the
same calls of the same names; numpy's scalars in it have become plain numbers.
"""

import json
import pickle
import shutil
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from torch import nn

HERE = Path(__file__).parent
FOLDERS = {
    "ada": ("stylegan2-ada", ("ada_c0_orig", "ada_c5_resnet_clamp", "sg3repo_stylegan2_c5")),
    "stylegan3": ("stylegan3", ("stylegan3-r_c5", "stylegan3-t_c0", "stylegan3-t_small")),
}


def thinned(name: str, array: np.ndarray) -> np.ndarray:
    """The part of an output that is kept."""
    if not name.startswith(("act", "image")):
        return array
    step = 1 if name == "image.const.psi" else max(array.shape[2] // 4, 1)
    rows = array[:1, :, ::step]
    return rows[:, [0, -1]] if name.startswith("act") else rows


def container(tree: Any) -> bytes:
    """A container as NVIDIA's code pickles one, of what the inert reader found in another."""
    with _nvidias_names() as (rebuild, easy):
        return pickle.dumps(_as_objects(tree, rebuild, easy), protocol=4)


@contextmanager
def _nvidias_names() -> Iterator[tuple[Any, type]]:
    """Modules of the names that a container has; they do nothing."""
    persistence, util = types.ModuleType("torch_utils.persistence"), types.ModuleType("dnnlib.util")
    names = {"__module__": "torch_utils.persistence", "__qualname__": "_reconstruct_persistent_obj"}
    rebuild = persistence._reconstruct_persistent_obj = lambda meta: None
    rebuild.__module__, rebuild.__qualname__ = names.values()
    rebuild.__name__ = names["__qualname__"]
    util.EasyDict = type("EasyDict", (dict,), {"__module__": "dnnlib.util"})
    parents = {name: types.ModuleType(name) for name in ("torch_utils", "dnnlib")}
    with mock.patch.dict(sys.modules, {**parents, "torch_utils.persistence": persistence, "dnnlib.util": util}):
        yield rebuild, util.EasyDict


class _Persistent:
    def __init__(self, rebuild: Any, meta: dict[str, Any]) -> None:
        self._made = rebuild, (meta,)

    def __reduce__(self) -> tuple:
        return self._made


def _as_objects(part: Any, rebuild: Any, easy: type) -> Any:
    if hasattr(part, "items") and hasattr(part, "name"):  # a stub
        if part.name.endswith("_reconstruct_persistent_obj"):
            return _Persistent(rebuild, _as_objects(part.args[0], rebuild, easy))
        return easy({key: _as_objects(value, rebuild, easy) for key, value in part.items.items()})
    if isinstance(part, dict):
        made = {key: _as_objects(value, rebuild, easy) for key, value in part.items()}
        weights = made.get("_parameters", {})
        weights |= {key: nn.Parameter(value) for key, value in weights.items() if value is not None}
        return made
    return type(part)(_as_objects(value, rebuild, easy) for value in part) if type(part) in (list, tuple) else part


def main(golden: Path) -> None:
    """Write all files."""
    from ganwidgets.models.files import read_file

    for target, (source, names) in FOLDERS.items():
        for name in names:
            folder = golden / source / name
            outputs = dict(np.load(folder / "outputs.npz"))
            kept = {key: thinned(key, part) for key, part in outputs.items()}
            facts = json.loads((folder / "meta.json").read_text())
            kept |= {"psi": np.float32(facts["psi"]), "cutoff": np.int64(facts["truncation_cutoff"])}
            np.savez_compressed(HERE.parent / target / f"{name}.npz", **kept)
            if (folder / "network.pkl").is_file():
                tree = read_file(folder / "network.pkl").tree
                (HERE.parent / target / f"{name}.pkl").write_bytes(container({"G_ema": tree["G_ema"]}))
            else:
                shutil.copyfile(folder / "weights.safetensors", HERE.parent / target / f"{name}.safetensors")
            kwargs = json.loads((folder / "init.json").read_text())["init_kwargs"]
            about = {"kwargs": kwargs} | {key: facts[key] for key in ("input", "layers") if key in facts}
            (HERE.parent / target / f"{name}.json").write_text(json.dumps(about) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
