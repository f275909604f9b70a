"""What a pickle of the official files may name. Nothing here runs code of the file's choice.

A pickle names functions to call; whoever writes it may name any. So a name is looked up in the
list below and nowhere else, and what the list gives are containers and small functions of this
file. No table needs tensors (weights) and arrays: they become ``Unread``.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

import numpy as np

from ecg_nas.errors import TableError

_DTYPE = re.compile("[biuf][1248]")


class Unread:
    """Stands for a tensor, a storage or an array."""

    def __init__(self, *args: object) -> None:
        del args

    def __setstate__(self, state: object) -> None:
        del state


class _Dtype:
    """The type of a NumPy scalar: a plain number."""

    def __init__(self, code: str, align: object = False, copy: object = False) -> None:
        del align, copy
        if not _DTYPE.fullmatch(code):
            raise ValueError(f"numbers must be plain ones; got dtype {code!r:.20}")
        self.code = code

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order not in ("<", ">", "=", "|"):
            raise ValueError(f"byte order must be <, >, = or |; got {order!r:.20}")
        self.code = f"{order}{self.code[-2:]}"


def _scalar(dtype: _Dtype, data: bytes) -> bool | int | float:
    [value] = np.frombuffer(data, dtype=dtype.code).tolist()
    number: bool | int | float = value
    return number


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":  # how protocol 2 spells bytes
        raise ValueError(f"bytes must be spelled in latin1; got {encoding!r:.20}")
    return text.encode("latin1")


_ALLOWED: dict[str, Any] = {
    "builtins.set": set,
    "__builtin__.set": set,
    "collections.OrderedDict": OrderedDict,
    "_codecs.encode": _encode,
    "numpy.dtype": _Dtype,
    "numpy.ndarray": Unread,
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray._reconstruct": Unread for core in ("core", "_core")},
    "torch._utils._rebuild_tensor": Unread,
    "torch._utils._rebuild_tensor_v2": Unread,
    "torch._utils._rebuild_parameter": Unread,
    **{f"torch.{kind}Storage": Unread for kind in ("Float", "Double", "Half", "Long", "Int")},
}


def allowed(module: str, name: str) -> Any:
    """Return what ``module.name`` stands for.

    Raises:
        TableError: If it is not in the list.
    """
    named = f"{module}.{name}"
    if named not in _ALLOWED:
        raise TableError(
            "an official file must hold numbers, text and plain containers only; this one names "
            f"{named!r:.100}, which was refused and not run: use the file that the benchmark's "
            "authors publish"
        )
    return _ALLOWED[named]
