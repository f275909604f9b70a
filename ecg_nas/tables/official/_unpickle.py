"""Pickles read with names from a list only, and large ones without keeping what no table needs."""

from __future__ import annotations

import io
import pickle
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from typing_extensions import override

from ecg_nas.tables.official._allowed import Unread, allowed

OnDict = Callable[[dict[Any, Any]], None]


class _Unpickler(pickle.Unpickler):
    @override
    def find_class(self, module: str, name: str) -> Any:
        return allowed(module, name)

    @override
    def persistent_load(self, pid: object) -> Unread:
        return Unread(pid)


def loads(data: bytes) -> Any:
    """Return what the small pickle ``data`` holds.

    Raises:
        TableError: If it names what is not allowed.
        Exception: Of any kind, if it is damaged.
    """
    return _Unpickler(io.BytesIO(data)).load()


def load(file: BinaryIO, on_dict: OnDict) -> Any:
    """Return what the next pickle of ``file`` holds, cut down while it is read.

    NAS-Bench-201's file is one pickle of 4.7 GB, some 20 GB as objects. ``on_dict`` sees each
    dictionary when items have been put into it and may throw items away.

    Args:
        file: At the start of a pickle; afterwards just behind it.
        on_dict: Called with each dictionary after each batch of items.

    Raises:
        TableError: If it names what is not allowed.
        Exception: Of any kind, if it is damaged or uses opcodes that the official files do not.
    """
    return _Machine(file, on_dict).run()


class _Machine:
    """Runs the opcodes that a pickle of plain values has in protocols 2 to 4.

    ``pickle.Unpickler`` does this ten times faster, but tells nothing before the end, when all
    is in memory. What it costs: some 20 MB/s.

    References:
        ``pickletools`` of the standard library, which describes each opcode.
    """

    def __init__(self, file: BinaryIO, on_dict: OnDict) -> None:
        self._file, self._read, self._on_dict = file, file.read, on_dict
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: list[Any] = []
        self._push, self._pop = self._stack.append, self._stack.pop
        self._steps = self._constants() | self._values() | self._changes()

    def run(self) -> Any:
        read, steps = self._read, self._steps
        while (code := read(1)) != pickle.STOP:
            if code not in steps:
                raise EOFError("it is cut off") if not code else ValueError(f"opcode {code!r}")
            steps[code]()
        return self._pop()

    def _constants(self) -> dict[bytes, Callable[[], object]]:
        push, marks, stack = self._push, self._marks, self._stack
        return {
            pickle.PROTO: lambda: self._read(1),
            pickle.FRAME: lambda: self._read(8),
            pickle.MARK: lambda: marks.append(len(stack)),
            pickle.NONE: lambda: push(None),
            pickle.NEWTRUE: lambda: push(True),
            pickle.NEWFALSE: lambda: push(False),
            pickle.EMPTY_DICT: lambda: push({}),
            pickle.EMPTY_LIST: lambda: push([]),
            pickle.EMPTY_SET: lambda: push(set()),
            pickle.EMPTY_TUPLE: lambda: push(()),
        }

    def _values(self) -> dict[bytes, Callable[[], object]]:
        return {
            pickle.BINFLOAT: self._number(">d"),
            pickle.BININT: self._number("<i"),
            pickle.BININT1: self._number("<B"),
            pickle.BININT2: self._number("<H"),
            pickle.LONG1: self._long,
            pickle.BINUNICODE: self._text("<I"),
            pickle.SHORT_BINUNICODE: self._text("<B"),
            pickle.BINBYTES: self._bytes("<I"),
            pickle.SHORT_BINBYTES: self._bytes("<B"),
            pickle.TUPLE: lambda: self._push(tuple(self._marked())),
            pickle.TUPLE1: lambda: self._tuple(1),
            pickle.TUPLE2: lambda: self._tuple(2),
            pickle.TUPLE3: lambda: self._tuple(3),
            pickle.BINGET: self._get("<B"),
            pickle.LONG_BINGET: self._get("<I"),
            pickle.GLOBAL: self._global,
            pickle.STACK_GLOBAL: self._stack_global,
            pickle.REDUCE: self._reduce,
            pickle.BINPERSID: lambda: self._push(Unread(self._pop())),
        }

    def _changes(self) -> dict[bytes, Callable[[], object]]:
        return {
            pickle.BINPUT: self._put("<B"),
            pickle.LONG_BINPUT: self._put("<I"),
            pickle.MEMOIZE: self._memoize,
            pickle.APPEND: lambda: self._extend([self._pop()]),
            pickle.APPENDS: lambda: self._extend(self._marked()),
            pickle.ADDITEMS: lambda: self._extend(self._marked()),
            pickle.SETITEM: lambda: self._set_items(self._taken(2)),
            pickle.SETITEMS: lambda: self._set_items(self._marked()),
            pickle.BUILD: self._build,
        }

    def _number(self, form: str) -> Callable[[], None]:
        push, read = self._push, self._read
        size, unpack = struct.calcsize(form), struct.Struct(form).unpack
        return lambda: push(unpack(read(size))[0])

    def _long(self) -> None:
        self._push(int.from_bytes(self._read(self._read(1)[0]), "little", signed=True))

    def _text(self, form: str) -> Callable[[], None]:
        push, read = self._push, self._read
        size, unpack = struct.calcsize(form), struct.Struct(form).unpack
        return lambda: push(read(unpack(read(size))[0]).decode("utf-8", "surrogatepass"))

    def _bytes(self, form: str) -> Callable[[], None]:
        push, read = self._push, self._read
        size, unpack = struct.calcsize(form), struct.Struct(form).unpack
        return lambda: push(read(unpack(read(size))[0]))

    def _get(self, form: str) -> Callable[[], None]:
        push, read, memo = self._push, self._read, self._memo
        size, unpack = struct.calcsize(form), struct.Struct(form).unpack
        return lambda: push(memo[unpack(read(size))[0]])

    def _put(self, form: str) -> Callable[[], None]:
        read, memo = self._read, self._memo
        size, unpack = struct.calcsize(form), struct.Struct(form).unpack

        def put() -> None:
            (place,) = unpack(read(size))
            if place != len(memo):  # Python numbers them in order
                raise ValueError(f"memo entry {place} after {len(memo)}")
            self._memoize()

        return put

    def _memoize(self) -> None:
        value = self._stack[-1]
        # The same few names come back a hundred million times, each with a memo entry of its own.
        self._memo.append(sys.intern(value) if type(value) is str else value)

    def _marked(self) -> list[Any]:
        return self._taken(len(self._stack) - self._marks.pop())

    def _taken(self, count: int) -> list[Any]:
        start = len(self._stack) - count
        taken = self._stack[start:]
        del self._stack[start:]
        return taken

    def _tuple(self, size: int) -> None:
        self._push(tuple(self._taken(size)))

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        (target.update if isinstance(target, set) else target.extend)(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise ValueError(f"items for a {type(target).__name__}")
        target.update(zip(items[::2], items[1::2], strict=True))
        self._on_dict(target)

    def _global(self) -> None:
        module, name = (self._file.readline()[:-1].decode() for _ in range(2))
        self._push(allowed(module, name))

    def _stack_global(self) -> None:
        module, name = self._taken(2)
        self._push(allowed(module, name))

    def _reduce(self) -> None:
        function, arguments = self._taken(2)
        # Only ``allowed`` puts anything on the stack that can be called.
        self._push(function(*arguments))

    def _build(self) -> None:
        state = self._pop()
        self._stack[-1].__setstate__(state)
