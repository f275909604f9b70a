"""What an ONNX file says of itself, read where the package onnx is not installed.

A bundle runs with onnxruntime alone, which tells neither the versions of a file nor, before it has
loaded it, what its graph is made of. A few lines of the wire format are enough for both.

References:
    ModelProto, GraphProto, NodeProto, AttributeProto and TensorProto in onnx.proto
    (github.com/onnx/onnx); protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_IR_VERSION, _OPSET_IMPORT = 1, 8  # fields of ModelProto
_DOMAIN, _VERSION = 1, 2  # fields of OperatorSetIdProto
_GRAPH, _TRAINING, _FUNCTIONS = 7, 20, 25
_NODES, _TENSORS, _SPARSE = 1, 5, 15  # fields of GraphProto
_OPERATOR, _ATTRIBUTES, _OF_DOMAIN = 4, 5, 7  # fields of NodeProto
_TENSOR, _SUBGRAPHS = 5, (6, 11)  # fields of AttributeProto
_OUTSIDE, _PLACE = 13, 14  # fields of TensorProto: where its values lie in another file
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


_DOMAINS = ("", "ai.onnx")
_CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})


def refuse_unsafe(content: bytes) -> None:
    """Refuse an ONNX file whose graph is more than a chain of standard operators.

    The networks that are exported here need no control flow, no operators of others and no second
    file; a file with them is not ours, might never end, or would read files that it names.

    Raises:
        ValueError: If it has any of them, or is not in the wire format.
    """
    for number, value in _fields(content):
        if number in (_TRAINING, _FUNCTIONS):
            raise ValueError("it must hold one graph and no functions of its own")
        if number == _GRAPH:
            _check_graph(_message(value))


def _check_graph(graph: bytes) -> None:
    for number, value in _fields(graph):
        if number == _NODES:
            _check_node(_message(value))
        elif number == _TENSORS:
            _check_tensor(_message(value))
        elif number == _SPARSE:
            raise ValueError("its weights must not be sparse")


def _check_node(node: bytes) -> None:
    operator, domain = "", ""
    for number, value in _fields(node):
        if number == _OPERATOR:
            operator = _message(value).decode(errors="replace")
        elif number == _OF_DOMAIN:
            domain = _message(value).decode(errors="replace")
        elif number == _ATTRIBUTES:
            for field, inner in _fields(_message(value)):
                if field in _SUBGRAPHS:
                    raise ValueError("its operators must not contain graphs (control flow)")
                if field == _TENSOR:
                    _check_tensor(_message(inner))
    if domain not in _DOMAINS:
        raise ValueError(f"its operators must be standard ones; {operator} is of {domain!r}")
    if operator in _CONTROL_FLOW:
        raise ValueError(f"it must be free of control flow; it has {operator}")


def _check_tensor(tensor: bytes) -> None:
    if any(number == _OUTSIDE or (number == _PLACE and value) for number, value in _fields(tensor)):
        raise ValueError("its weights must lie in the file itself")


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number stands where a message must")
    return value


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
