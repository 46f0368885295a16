"""Containers of what was read from a pickle: what may be a key, what can be filled, and how large it all is."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from ganwidgets.models.inert import Name, RefusedError, Stub

DEEPEST = 150
"""Containers inside one another."""

KEY_PARTS, TUPLE_KEYS = 64, 500
"""Parts of one key, and tuples among the keys of one dict: made to collide, more would take minutes to compare."""

_FARTHEST = 2**60  # larger numbers can be made to have the same hash

MOST_PARTS = 10_000_000
"""Parts of a tree when all that is named twice is counted twice."""


def described(what: Any) -> str:
    return f"an object of {what.name}" if isinstance(what, Stub) else f"a {type(what).__name__}"


def text_of(what: Any) -> str:
    """A key or another small part as text; never that of what is in it, which may be named again and again."""
    if type(what) is str:
        return what
    small = type(what) is int and abs(what) <= _FARTHEST
    if small or what is None or type(what) in (float, bool) or isinstance(what, torch.dtype | Exception):
        return str(what)
    return described(what)


def plain_key(key: Any) -> Any:
    """A key of a dict, if comparing and hashing it takes no code and no time."""
    rest, n = [(key, 0)], 0
    while rest:
        (part, depth), n = rest.pop(), n + 1
        if isinstance(part, tuple) and depth < 4 and n + len(part) <= KEY_PARTS + 1:
            rest.extend((inner, depth + 1) for inner in part)
        elif n > KEY_PARTS or not _is_plain(part):
            raise RefusedError(f"uses {described(part)} as a key, or in one: not read")
    return key


def _is_plain(part: Any) -> bool:
    if type(part) in (int, float):
        return not _FARTHEST < abs(part) < math.inf
    return part is None or type(part) in (str, bool, bytes, Stub, Name) or isinstance(part, torch.dtype)


def plain_keys(keys: Iterable[Any], held: int = 0) -> Iterator[Any]:
    """Keys for a dict or set that holds so many already."""
    for number, key in enumerate(keys, held):
        if number >= TUPLE_KEYS and isinstance(key, tuple):
            raise RefusedError(f"uses more than {TUPLE_KEYS} keys, among them tuples: not read")
        yield plain_key(key)


def pairs(parts: list[Any]) -> Iterator[tuple[Any, Any]]:
    """(key, value) of parts that alternate."""
    return zip(parts[::2], parts[1::2], strict=True)


def extend(what: Any, parts: Iterable[Any]) -> None:
    """Put parts into a list, a set, or a stub for one."""
    if type(what) is list:
        what.extend(parts)
    elif type(what) is set:
        what.update(plain_keys(parts, len(what)))
    elif isinstance(what, Stub):
        what.items.update(enumerate(parts, len(what.items)))
    else:
        raise RefusedError(f"wants to append to {described(what)}: not done")


def fill(what: Any, parts: Iterable[tuple[Any, Any]]) -> None:
    """Put (key, value) pairs into a dict, or a stub for one."""
    if not isinstance(what, Stub) and type(what) is not dict:
        raise RefusedError(f"wants to set items of {described(what)}: not done")
    room, parts = what.items if isinstance(what, Stub) else what, list(parts)
    keys = plain_keys((key for key, _ in parts), len(room))
    for key, (_, value) in zip(list(keys), parts, strict=True):
        room[key] = value


def children(node: Any) -> Iterable[Any]:
    """What lies directly in a part of a tree."""
    if isinstance(node, dict):
        return node.values()
    if isinstance(node, Stub):
        return (*node.args, node.state, *node.items.values())
    return node if isinstance(node, list | tuple | set | frozenset) else ()


def check_size(tree: Any) -> None:
    """Refuse what contains itself, is nested too deeply, or unfolds to more than fits anywhere."""
    sizes: dict[int, int] = {}  # of parts, each with all that is in it; what is named twice is measured once
    path: list[tuple[Any, Iterator[Any]]] = [(tree, iter(children(tree)))]
    open_parts = {id(tree)}
    while path:
        node, rest = path[-1]
        for part in rest:
            if id(part) in open_parts:
                raise RefusedError("holds something that contains itself: save `module.state_dict()` instead")
            if id(part) not in sizes and children(part):
                if len(path) >= DEEPEST:
                    raise RefusedError(f"is nested more than {DEEPEST} levels deep: not read")
                path.append((part, iter(children(part))))
                open_parts.add(id(part))
                break
        else:
            sizes[id(node)] = 1 + sum(sizes.get(id(part), 1) for part in children(node))
            if sizes[id(node)] > MOST_PARTS:
                raise RefusedError(
                    "names the same parts again and again, so that it unfolds to more than fits: not read"
                )
            open_parts.discard(id(node))
            path.pop()
