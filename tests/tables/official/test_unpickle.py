import io
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_nas.errors import TableError
from ecg_nas.tables.official._unpickle import load, loads

keys = st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.text(max_size=8)
plain = st.recursive(
    keys | st.floats(allow_nan=False) | st.binary(min_size=1, max_size=300),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(keys, inner, max_size=5)
        | st.dictionaries(keys, inner, max_size=5).map(OrderedDict)
        | st.sets(keys, max_size=4)
    ),
    max_leaves=20,
)
readers = pytest.mark.parametrize(
    "read", [loads, lambda data: load(io.BytesIO(data), lambda _: None)], ids=["small", "large"]
)
protocols = pytest.mark.parametrize("protocol", [2, 3, 4])


def typed(value):
    """Return ``value`` with the type of every part, since 1 == 1.0 == True."""
    parts = ()
    if isinstance(value, dict):
        parts = [(typed(key), typed(item)) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        parts = [typed(item) for item in value]
    elif isinstance(value, set):
        parts = sorted(str(typed(item)) for item in value)
    return type(value), parts or repr(value)


class Call:
    """Pickles as a call of ``function``."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


class Instance:
    """A class that no official file has."""


@readers
@protocols
@settings(deadline=None)  # a slow machine is no fault of ours
@given(value=plain)
def test_plain_values_come_back(read, protocol, value):
    found = read(pickle.dumps(value, protocol=protocol))
    assert found == value
    assert typed(found) == typed(value)


@readers
@protocols
def test_many_items_shared_values_and_numpy_scalars_come_back(read, protocol):
    shared = ["same"]
    value = {
        "long": list(range(5_000)),
        "table": {f"key {i}": i / 7 for i in range(2_500)},
        "twice": (shared, shared),
        "numpy": [np.float64(0.1), np.float32(0.5), np.int64(-3), np.bool_(True), np.uint8(200)],
    }
    found = read(pickle.dumps(value, protocol=protocol))
    assert found == value
    assert found["twice"][0] is found["twice"][1]
    assert not any(isinstance(number, np.generic) for number in found["numpy"])


@readers
def test_byte_order_of_numpy_scalars_is_theirs(read):
    big = np.array([1.5], dtype=">f8")[0:1].astype(">f8")
    data = pickle.dumps(np.frombuffer(big.tobytes(), dtype=">f8")[0], protocol=2)
    assert read(data) == 1.5


@readers
@protocols
def test_arrays_and_tensors_are_not_built(read, protocol):
    found = read(pickle.dumps({"a": np.arange(3), "b": 1}, protocol=protocol))
    assert type(found["a"]).__name__ == "Unread"
    assert found["b"] == 1


@readers
@protocols
@pytest.mark.parametrize("hidden", [False, True])
def test_a_call_is_refused_and_not_made(read, protocol, hidden, tmp_path):
    made = tmp_path / "made"
    for function, arguments in ((os.mkdir, (str(made),)), (os.system, (f"mkdir {made}",))):
        call = Call(function, *arguments)
        value = {"arch2infos": {0: [1.0, call]}} if hidden else call
        with pytest.raises(TableError, match=f"names 'posix.{function.__name__}'") as caught:
            read(pickle.dumps(value, protocol=protocol))
        assert "\n" not in str(caught.value)
        assert not made.exists()


@readers
@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Call(eval, "1"), "eval"),
        (Call(getattr, "a", "upper"), "getattr"),
        (Call(__import__, "os"), "__import__"),
        (Call(np.load, "x"), "numpy.load"),
        (Instance(), "Instance"),
        (Instance, "Instance"),
    ],
)
def test_any_other_name_is_refused(read, value, name):
    for protocol in (2, 4):
        with pytest.raises(TableError, match=name):
            read(pickle.dumps(value, protocol=protocol))


@readers
@pytest.mark.parametrize(
    "data",
    [
        b"cbuiltins\nset\ncos\nsystem\n\x86R.",
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x04\x00\x00\x00zlib\x86R.",  # not latin1
        b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00O8\x85R.",  # would hold pointers
        b"\x80\x02.",
        b"\x80\x02]K\x01K\x02s.",  # items for a list
        b"\x80\x02K\x01h\x05.",  # a memo entry that is not there
        b"",
        b"Python",
    ],
)
def test_a_pickle_that_nobody_writes_is_an_error(read, data):
    with pytest.raises(
        (TableError, pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError)
    ):
        read(data)


def test_dictionaries_are_shown_as_they_fill_and_may_be_emptied():
    value = {i: {"keep": i, "drop": list(range(i))} for i in range(5)}
    seen = []

    def on_dict(items):
        if "drop" in items:
            seen.append(items["keep"])
            del items["drop"]

    found = load(io.BytesIO(pickle.dumps(value, protocol=2)), on_dict)
    assert seen == [0, 1, 2, 3, 4]
    assert found == {i: {"keep": i} for i in range(5)}


def test_pickles_behind_each_other_are_read_one_at_a_time():
    file = io.BytesIO(pickle.dumps(1, protocol=2) + pickle.dumps([2], protocol=4) + b"rest")
    assert [load(file, lambda _: None) for _ in range(2)] == [1, [2]]
    assert file.read() == b"rest"
