"""Read weights from a file that may be broken, foreign or hostile: tensors come out, code never runs.

The kind is told by the first bytes, not by the name (a torch file is sometimes called .tar). `read_file` gives what is
inside, or one sentence that says what the file is and what to do. Each kind has its reader: `torch_files.py`,
`array_files.py`, `hdf5_files.py`.
"""

import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ganwidgets.models import array_files, hdf5_files, torch_files
from ganwidgets.models.inert import RefusedError
from ganwidgets.models.inert_names import shown


@dataclass(frozen=True, eq=False)
class Content:
    """What is in a file.

    Attributes:
        name: of the file.
        format: "torch", "torch (legacy)", "pickle", "safetensors", "npz", "hdf5", "keras" or "state dict".
        tree: nested dicts, lists, tuples and sets of tensors, plain values and `Stub`s. Of an HDF5 or .keras file:
            {"model_config": dict or None, "weights": {path: tensor}}, paths as in "dense_1/dense_1/kernel:0".
        notes: what was done on the way, e.g. that storages saved on a GPU were read on the CPU.
    """

    name: str
    format: str
    tree: Any
    notes: tuple[str, ...] = ()


def read_file(path: str | PathLike) -> Content:
    """What is in a weights file: torch (zip or legacy), a pickle, .safetensors, .npz, Keras' .h5 or .keras.

    Raises:
        ValueError: no weights file, a damaged one, one that holds or claims more than it should, or one that would
            execute something; says which.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path.name} is a folder: name the weights file in it")
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(512)
    if foreign := foreign_kind(head, path.name):
        raise ValueError(f"{path.name} {foreign}")
    try:
        return Content(path.name, *_read(path, head, size))
    except RefusedError as error:
        raise ValueError(f"{path.name} {error}") from error
    except MemoryError as error:
        raise ValueError(f"{path.name} needs more memory than there is to be read ({size:,} bytes)") from error
    except Exception as error:  # a damaged file can fail in any way
        reason = shown(str(error).rstrip(".")) or "it ends early"
        raise ValueError(
            f"{path.name} must be a complete weights file (.safetensors, torch, .npz, .h5), but cannot be read: "
            f"{reason}. Was the download cut off?"
        ) from error


def read_weights(path: Path) -> Any:
    """What is in a weights file, without what is known about the file itself; see `read_file`."""
    return read_file(path).tree


def _read(path: Path, head: bytes, size: int) -> tuple[str, Any, tuple[str, ...]]:
    """Format, content and notes of a file that may be one of weights."""
    if head.startswith(b"PK"):
        return array_files.read_archive(path, size)
    if head.startswith(b"\x89HDF"):
        return "hdf5", *hdf5_files.read_hdf5(path, size)
    if head[5:9] == b"\0\0\0{":  # a length, of which any first byte may be a pickle's, and JSON
        return "safetensors", *array_files.read_safetensors(path)
    with path.open("rb") as file:
        if torch_files.is_legacy(head):
            return "torch (legacy)", *torch_files.read_legacy(file, size)
        return "pickle", *torch_files.read_plain(file, size)


_MAGIC = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the weights: run `git lfs pull` where it was cloned"),
    (b"\x89PNG", "is a picture, not weights"),
    (b"\xff\xd8\xff", "is a picture, not weights"),
    (b"GIF8", "is a picture, not weights"),
    (b"%PDF", "is a PDF document, not weights"),
    (b"GGUF", "holds a language model (GGUF), not a generator of images"),
    (b"\x93NUMPY", "is a single array (.npy), not a state dict: save all weights by name as .npz or .safetensors"),
    (b"model_checkpoint_path", "is the index of TensorFlow checkpoints: convert the checkpoint to .h5, .npz or torch"),
)
_ARCHIVES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")
_TENSORFLOW = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5}|pb)$")
_PICKLE_0 = (b"(", b"c", b"]", b"}", b"L%d" % 0x1950A86A20F9469CFC6C)


def foreign_kind(head: bytes, name: str) -> str:
    """Why a file that begins like this is no weights file, to go on after its name; or nothing."""
    if not head:
        return "is empty (0 bytes): download it again"
    for magic, sentence in _MAGIC:
        if head.startswith(magic):
            return sentence
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not weights: the download link led to a page; download the file itself"
    if head.startswith(_ARCHIVES) or head[257:262] == b"ustar":
        return "is a compressed archive: unpack it and load the weights file inside"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "is a picture, not weights"
    if head[4:8] == b"TFL3":
        return "is a TensorFlow Lite program, which is not read: load the model it was made from"
    if re.match(rb"\x08[\x01-\x1f](\x12|:|\x1a|\x22)", head):
        return "is an ONNX graph, which is not read: load the checkpoint it was exported from"
    if _TENSORFLOW.search(name) and not head.startswith((b"PK", b"\x80", b"\x89HDF")):
        return "is part of a TensorFlow checkpoint, which is not read: convert it to .h5 or .npz where it was made"
    if head.startswith((b"PK", b"\x80", b"\x89HDF", *_PICKLE_0)) or head[8:9] == b"{":
        return ""
    what = "is text" if re.fullmatch(rb"[\t\n\r -~]+", head) else "is no weights file"
    return f"{what}: .safetensors, torch files, .npz and Keras' .h5 are read here"
