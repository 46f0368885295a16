"""The stack machine that reads a pickle, without the instructions' power to import and to call."""

import io
import pickletools
from typing import Any

from ganwidgets.models.inert import DamagedError, Name, RefusedError, Unbuilt, World
from ganwidgets.models.inert_trees import check_size, described, extend, fill, pairs, plain_keys

PROTOCOL = 5
"""The newest pickle protocol that is read."""


class Window:
    """A part of a file from which no read takes, or makes room for, more than is there."""

    def __init__(self, file: io.IOBase, end: int) -> None:
        self._file, self._end = file, end

    def tell(self) -> int:
        """Where the next read begins."""
        return self._file.tell()

    def left(self) -> int:
        """Number of bytes up to the end."""
        return max(self._end - self._file.tell(), 0)

    def read(self, n: int = -1) -> bytes:
        """At most `n` bytes."""
        return self._file.read(self.left() if n < 0 else min(n, self.left()))

    def readline(self) -> bytes:
        """Up to the next line feed, that included."""
        return self._file.readline(self.left())


def read_pickle(file: Window, world: World) -> Any:
    """The object in a pickle; the file stands behind it afterwards.

    Raises:
        RefusedError: it would execute something, or is nested beyond all limits; names what.
        DamagedError: it is no complete pickle.
    """
    try:
        tree = _Machine(file, world).run()
        check_size(tree)
        return tree
    except (RefusedError, DamagedError, MemoryError):
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        raise DamagedError(f"its pickle is damaged ({type(error).__name__}: {error})") from error


class _Machine:
    """The stack machine: `on_reduce(arg)` does the instruction REDUCE, and so on."""

    def __init__(self, file: Window, world: World) -> None:
        self._file, self._world = file, world
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # the stacks under each mark
        self._memo: dict[int, Any] = {}
        self._frame_end = 0

    def run(self) -> Any:
        instructions = {name[3:].upper(): getattr(self, name) for name in dir(self) if name.startswith("on_")}
        for opcode, arg, _ in pickletools.genops(self._file):
            if opcode.name == "STOP":
                if self._file.tell() < self._frame_end:
                    raise DamagedError("its pickle ends before it says")
                return self._stack.pop()
            self._world.step()
            if opcode.name in _PUSHED:
                self._stack.append(arg)
            else:
                instructions[opcode.name](arg)
        raise DamagedError("its pickle has no end")

    # Protocol

    def on_proto(self, number: int) -> None:
        if number > PROTOCOL:
            raise DamagedError(f"its pickle is of protocol {number}, not one of 0 to {PROTOCOL}")

    def on_frame(self, length: int) -> None:
        self._frame_end = self._file.tell() + length
        if length > self._file.left():
            raise DamagedError("it ends early")

    # The stack and the memory

    def on_mark(self, _: Any) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        found, self._stack = self._stack, self._below.pop()
        return found

    def on_pop(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def on_pop_mark(self, _: Any) -> None:
        self._since_mark()

    def on_dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def on_put(self, number: int) -> None:
        self._memo[number] = self._stack[-1]
        if isinstance(self._stack[-1], Unbuilt):
            self._stack[-1].numbers.append(number)

    def on_get(self, number: int) -> None:
        self._stack.append(self._memo[number])

    def on_memoize(self, _: Any) -> None:
        self.on_put(len(self._memo))

    on_binput = on_long_binput = on_put
    on_binget = on_long_binget = on_get

    # Values

    def on_newtrue(self, _: Any) -> None:
        self._stack.append(True)

    def on_newfalse(self, _: Any) -> None:
        self._stack.append(False)

    def on_empty_list(self, _: Any) -> None:
        self._stack.append([])

    def on_empty_dict(self, _: Any) -> None:
        self._stack.append({})

    def on_empty_set(self, _: Any) -> None:
        self._stack.append(set())

    def on_empty_tuple(self, _: Any) -> None:
        self._stack.append(())

    def on_list(self, _: Any) -> None:
        self._push_since(list)

    def on_tuple(self, _: Any) -> None:
        self._push_since(tuple)

    def on_frozenset(self, _: Any) -> None:
        self._push_since(lambda parts: frozenset(plain_keys(parts)))

    def on_dict(self, _: Any) -> None:
        parts = self._since_mark()
        self._stack.append({})
        fill(self._stack[-1], pairs(parts))

    def _push_since(self, kind: Any) -> None:
        parts = self._since_mark()
        self._stack.append(kind(parts))

    def on_tuple1(self, _: Any) -> None:
        self._tuple(1)

    def on_tuple2(self, _: Any) -> None:
        self._tuple(2)

    def on_tuple3(self, _: Any) -> None:
        self._tuple(3)

    def _tuple(self, n: int) -> None:
        parts = [self._stack.pop() for _ in range(n)]
        self._stack.append(tuple(reversed(parts)))

    def on_append(self, _: Any) -> None:
        part = self._stack.pop()
        extend(self._stack[-1], [part])

    def on_appends(self, _: Any) -> None:
        parts = self._since_mark()
        extend(self._stack[-1], parts)

    on_additems = on_appends

    def on_setitem(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        fill(self._stack[-1], [(key, value)])

    def on_setitems(self, _: Any) -> None:
        parts = self._since_mark()
        fill(self._stack[-1], pairs(parts))

    # What would execute

    def on_global(self, names: str) -> None:
        module, _, name = names.partition(" ")
        self._stack.append(self._world.refer(module, name))

    def on_stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise DamagedError("its pickle names something by what is no name")
        self._stack.append(self._world.refer(module, name))

    def on_inst(self, names: str) -> None:
        args = tuple(self._since_mark())
        self.on_global(names)
        self._call(self._stack.pop(), args)

    def on_obj(self, _: Any) -> None:
        what, *args = self._since_mark()
        self._call(what, tuple(args))

    def on_reduce(self, _: Any) -> None:
        args, what = self._stack.pop(), self._stack.pop()
        self._call(what, args)

    on_newobj = on_reduce

    def on_newobj_ex(self, _: Any) -> None:
        named, args, what = self._stack.pop(), self._stack.pop(), self._stack.pop()
        self._call(what, (*args, named) if named else args)

    def _call(self, what: Any, args: Any) -> None:
        if not isinstance(what, Name):
            raise RefusedError(f"wants to call {described(what)}, which is no class: nothing in it was run")
        if not isinstance(args, tuple):
            raise DamagedError(f"its pickle calls {what.name} with what is no tuple")
        self._stack.append(self._world.call(what, args))

    def on_build(self, _: Any) -> None:
        state, what = self._stack.pop(), self._stack[-1]
        built = self._world.build(what, state)
        if built is not what:
            self._stack[-1] = built
            for number in what.numbers:
                if self._memo.get(number) is what:
                    self._memo[number] = built

    def on_binpersid(self, _: Any) -> None:
        self._stack.append(self._world.outside(self._stack.pop()))

    def on_persid(self, claim: str) -> None:
        self._stack.append(self._world.outside(claim))

    def on_ext1(self, code: int) -> None:
        raise RefusedError(
            f"calls what is registered as number {code} in some program (an extension code): nothing was run"
        )

    on_ext2 = on_ext4 = on_ext1

    def on_next_buffer(self, _: Any) -> None:
        raise RefusedError("keeps its data outside the file (an out-of-band buffer): not read")

    on_readonly_buffer = on_next_buffer


_PUSHED = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "NONE"),
}
