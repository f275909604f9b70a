"""What an ONNX file says of itself before its graph, read where the package onnx is not installed.

A bundle runs with onnxruntime alone, which does not tell these figures. They are two fields of the
outermost message, so a few lines of the wire format are enough.

References:
    ModelProto in onnx.proto (github.com/onnx/onnx); protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_IR_VERSION, _OPSET_IMPORT = 1, 8  # fields of ModelProto
_DOMAIN, _VERSION = 1, 2  # fields of OperatorSetIdProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxHeader:
    """Versions of an ONNX file.

    Attributes:
        ir_version: Of the file format; 0 if the file does not say.
        opsets: Of each operator set that it imports, by domain; the standard one is ``""``.
    """

    ir_version: int
    opsets: dict[str, int]


def read_header(content: bytes) -> OnnxHeader:
    """Return the versions of the ONNX file ``content``.

    Raises:
        ValueError: If it is not in the wire format.
    """
    ir_version, opsets = 0, {}
    for number, value in _fields(content):
        if number == _IR_VERSION and isinstance(value, int):
            ir_version = value
        elif number == _OPSET_IMPORT and isinstance(value, bytes):
            inside = dict(_fields(value))
            domain, version = inside.get(_DOMAIN, b""), inside.get(_VERSION, 0)
            if not isinstance(domain, bytes) or not isinstance(version, int):
                raise ValueError("an operator set must have a name and a number")
            opsets[domain.decode()] = version
    return OnnxHeader(ir_version=ir_version, opsets=opsets)


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a message."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(content, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(content, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind} is not in use")
        if at + size > len(content):
            raise ValueError("the file ends within a field")
        yield number, content[at : at + size]
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at ``at``, and where it ends."""
    value = shift = 0
    while at < len(content) and shift < 64:
        value |= (content[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if content[at - 1] < 0x80:
            return value, at
    raise ValueError("a number must end within the file")
