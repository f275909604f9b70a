import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_nas.benchmark.study import RunKey
from ecg_nas.benchmark.trace import Trace

singles = st.floats(0, 100, width=32)
doubles = st.floats(0, 100)


def trace(scores, test, seconds=1.5):
    return Trace(
        method="m", seed=3, scores=tuple(scores), test=tuple(test), seconds=seconds,
        cells=tuple(range(len(scores))), code="c0de",
    )  # fmt: skip


@given(st.one_of(*(st.lists(st.tuples(st.none() | kind, kind)) for kind in (singles, doubles))))
def test_a_trace_comes_back_bit_for_bit(pairs):
    made = trace([score for score, _ in pairs], [test for _, test in pairs])
    text = json.dumps(made.to_json(), allow_nan=False)
    assert Trace.from_json(json.loads(text), RunKey("m", len(pairs), 3)) == made


def test_values_of_a_table_take_few_digits():
    scores = np.random.default_rng(0).uniform(80, 92, 100).astype(np.float32).astype(float)
    text = json.dumps(trace(scores, scores).to_json())
    assert len(text) < 3000


def test_an_undefined_test_accuracy_comes_back():
    made = trace([None, 2.0], [float("nan"), 3.0])
    data = json.loads(json.dumps(made.to_json(), allow_nan=False))
    again = Trace.from_json(data, RunKey("m", 2, 3))
    assert again.scores == (None, 2.0)
    np.testing.assert_array_equal(again.test, made.test)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [1.0]}, "1 look-ups, not 2"),
        ({"test": None}, "not a search's trace"),
        ({"float": 16}, "not a search's trace"),
        ({"seconds": None}, "not a search's trace"),
    ],
)
def test_damage_is_named(change, message):
    data = trace([1.0, 2.0], [1.0, 2.0]).to_json() | change
    with pytest.raises(ValueError, match=f"seed 3.*{message}"):
        Trace.from_json(data, RunKey("m", 2, 3))


def test_a_run_that_is_no_object_is_named():
    with pytest.raises(ValueError, match="seed 3 is not a search's trace"):
        Trace.from_json([], RunKey("m", 2, 3))
