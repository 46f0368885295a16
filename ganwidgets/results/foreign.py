"""Reading what others wrote: limited in size, part by part, with one sentence for whatever is wrong.

A file that was saved here may come back damaged, changed by hand, or made to harm. These verbs never believe it:
`read_limited` takes no more bytes than allowed, `as_json` takes plain JSON only, `tensors_and_json` a whole safetensors
file, `part` takes a field of a kind, `usual_number` takes no infinity.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load as from_safetensors
from torch import Tensor

Result = TypeVar("Result")


def read_limited(path: str | Path, most: int, what: str, parse: Callable[[bytes], Result]) -> Result:
    """What `parse` makes of a file; its `ValueError` then begins with the name of the file.

    Args:
        path: of the file.
        most: bytes that may be read.
        what: how errors call such a file, e.g. "a saved request".
        parse: gets the content.

    Raises:
        FileNotFoundError: no such file.
        ValueError: too large, or as `parse` says.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be {what}, but there is no file {str(path)!r}")
    with path.open("rb") as file:
        content = file.read(most + 1)
    try:
        return parse(at_most(content, most, what))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def at_most(content: Any, most: int, what: str) -> Any:
    """The bytes or text, if there are no more than `most`. Raises `ValueError` otherwise."""
    if len(content) > most:
        raise ValueError(f"{what} must be at most {most // 2**20} MiB, got more: it is not read")
    return content


def as_json(content: str | bytes, what: str) -> Any:
    """Plain JSON: no NaN, no infinity, nested no deeper than Python reads.

    Raises:
        ValueError: anything else.
    """
    try:
        return json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} must be JSON, but this is damaged or something else: {error}") from error


def tensors_and_json(content: bytes, what: str, writer: str = "save") -> tuple[dict[str, Tensor], Any]:
    """Tensors by name, and the JSON in the metadata of a safetensors file; neither is checked any further.

    Args:
        content: of the file.
        what: how errors call such a file.
        writer: the function that writes them, for errors.

    Raises:
        ValueError: truncated, or something else.
    """
    try:
        tensors = from_safetensors(content)  # checks that sizes, places and kinds fit the file
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return tensors, as_json(header.get("__metadata__", {}).get("ganwidgets", "null"), what)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, RecursionError) as error:
        raise ValueError(f"{what} must be as `{writer}` wrote it, but this is truncated or another format") from error


def part(entry: Any, name: str, kind: Any) -> Any:
    """A field of what JSON held.

    Raises:
        ValueError: missing, or not of this kind; true and false are no numbers.
    """
    found = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise ValueError(f"`{name}` is missing, or of another kind: {short(found)}")
    return found


def usual_number(value: Any, name: str) -> Any:
    """A number that JSON held, if it is finite and of a usual size; JSON's 1e999 is infinity.

    Raises:
        ValueError: another one, or none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 2**53:
        raise ValueError(f"`{name}` must be a usual number, got {short(value)}")
    return value


def short(value: object, most: int = 60) -> str:
    """A value as errors show it: no more than a few letters, whatever it is."""
    try:
        shown = repr(value)
    except (RecursionError, ValueError):
        shown = type(value).__name__
    return shown if len(shown) <= most else f"{shown[:most]}…"


def _no_constant(text: str) -> None:
    raise ValueError(f"it holds {text}")
