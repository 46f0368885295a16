"""The original's file of key statistics, `r2m.npz`: `mom2` = Σ k kᵀ in float32 and `count` = number of keys.

Read without unpickling anything and without trusting the sizes it claims.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
import torch

from ganwidgets.results.files import write_bytes
from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.keys import KeyStatistics

MOST_HEADER = 4096  # bytes


def read_r2m(path: str | Path, editable: EditableLayer, *, seed: int | None = None) -> KeyStatistics:
    """Statistics that the original has written for this layer.

    The file does not say of which network and layer it is; the caller does.

    Args:
        path: of the file.
        editable: the layer it was made for.
        seed: of the latents, to be noted; the original's are of seed 1.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another format, or of a layer of another size.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be an r2m.npz, but there is no file {str(path)!r}")
    try:
        total, count = _arrays(path, editable.key_dim)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, SyntaxError) as error:
        raise ValueError(
            f"`path` must be an r2m.npz of {editable.name} with mom2 {(editable.key_dim, editable.key_dim)} and count, "
            f"but {path.name} is not: {error}"
        ) from error
    places = editable.key_size[0] * editable.key_size[1]
    moment = torch.from_numpy(total.astype(np.float64)) / count
    moment = (moment + moment.T) / 2
    return KeyStatistics(moment, count, editable.name, editable.network.fingerprint, max(1, count // places), seed)


def write_r2m(statistics: KeyStatistics, path: str | Path) -> Path:
    """Write statistics so that the original takes them for its own."""
    total = (statistics.second_moment * statistics.n_pixels).numpy().astype(np.float32)
    file = io.BytesIO()
    # It computes anew unless `sample_size` is there and is None, which numpy can only store as an object.
    np.savez(
        file,
        constructor="utils.runningstats.RunningSecondMoment()",
        count=statistics.n_pixels,
        mom2=total,
        sample_size=np.array(None, dtype=object),
    )
    return write_bytes(Path(path), file.getvalue())


def _arrays(path: Path, key_dim: int) -> tuple[np.ndarray, int]:
    with zipfile.ZipFile(path) as archive:
        for name, most in (("mom2.npy", key_dim**2), ("count.npy", 1)):
            if archive.getinfo(name).file_size > 8 * most + MOST_HEADER:
                raise ValueError(f"{name} is too large")
            shape = _claimed_shape(archive, name)
            if np.prod(shape, dtype=object) > most:  # numpy would make room for it before it reads
                raise ValueError(f"{name.removesuffix('.npy')} is {shape}")
    with np.load(path, allow_pickle=False) as file:
        total, count = file["mom2"], file["count"]
    if total.shape != (key_dim, key_dim) or total.dtype.kind != "f":
        raise ValueError(f"mom2 is {total.shape} {total.dtype}")
    if count.size != 1 or count.dtype.kind not in "iu" or not count.item() > 0:
        raise ValueError(f"count is {count}")
    if not np.isfinite(total).all():
        raise ValueError("mom2 holds NaN or infinity")
    return total, int(count.item())


def _claimed_shape(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    with archive.open(name) as file:
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        return read[np.lib.format.read_magic(file)](file)[0]
