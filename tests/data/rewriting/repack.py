"""How the arrays here were made from the golden ones: `python repack.py ../shared/golden/rewriting`.

A weight change that has rank r by construction is kept as its two factors, pictures as float16, and everything is
compressed; what no test needs is left out.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SETS = ("progan_layer5", "progan_layer6", "stylegan2_layer5", "stylegan2_layer6")
LEFT_OUT = {"C", "query_level999.sketch"}
WHOLE = ("fullrank",)  # changes without low rank are kept as they are


def factors(change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(O r h w) and (r I) with change = einsum('orhw,ri->oihw'), to rounding."""
    rows = change.astype(np.float64).transpose(0, 2, 3, 1).reshape(-1, change.shape[1])  # (O·h·w I)
    left, values, right = np.linalg.svd(rows, full_matrices=False)
    rank = int((values > 1e-5 * values[0]).sum())
    update = (left * values)[:, :rank].reshape(change.shape[0], *change.shape[2:], rank)
    return update.transpose(0, 3, 1, 2).astype(np.float32), right[:rank].astype(np.float32)


def repack(source: Path, name: str) -> None:
    given, kept = dict(np.load(source / f"{name}.npz")), {}
    W0 = given["W0"].reshape(given["W0"].shape[-4:])
    for key, array in given.items():
        if key in LEFT_OUT or ("images.after" in key and "tight1" not in key):
            continue
        if key == "images.before" or "images.after" in key:
            kept[key] = array.astype(np.float16)
        elif "W_after" in key:  # of one layer per model: the first steps are the same computation in every layer
            if name.endswith("6"):
                kept[key] = array
        elif key.endswith(".W") and not any(word in key for word in WHOLE):
            kept[f"{key}.update"], kept[f"{key}.context"] = factors(array.reshape(W0.shape) - W0)
        else:
            kept[key] = array
    np.savez_compressed(HERE / f"{name}.npz", **kept)
    about = json.loads((source / f"{name}.json").read_text())
    about = {key: value for key, value in about.items() if key not in ("arrays", "collect_seconds", "shapes")}
    (HERE / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n")


def main(source: Path) -> None:
    for name in SETS:
        repack(source, name)
    for path in [*source.glob("request_*.json"), source / "stylegan2_nonoise.pt"]:
        shutil.copy(path, HERE / path.name)
    for path in (source / "requests").iterdir():
        target = HERE / "requests" / path.name
        if path.suffix == ".json":
            target.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        else:
            shutil.copy(path, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
