import json
from pathlib import Path

import pytest
from data_requests import asked
from hypothesis import given
from hypothesis import strategies as st

from data_prep import sources
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.store.plan import make_plan
from data_prep.store.request import ROLES, DataRequest, DataSetRequest

NAMES = st.text("abcXYZ123", min_size=1, max_size=5)
PATHS = NAMES.map(Path)
LISTS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)


def sets(source, records):
    return st.builds(
        DataSetRequest,
        source=source,
        records=records,
        leads=st.none() | LISTS,
        annotators=st.none() | LISTS,
        labels=st.none() | PATHS,
        patients=st.none() | PATHS,
        role=st.sampled_from(ROLES),
    )


ANY_SET = sets(st.sampled_from(sources.available()), st.none() | PATHS) | sets(st.none(), PATHS)
REQUESTS = st.builds(
    DataRequest,
    sets=st.lists(
        ANY_SET, min_size=1, max_size=3, unique_by=lambda one: (one.source, one.records)
    ).map(tuple),
    split=st.none() | NAMES,
    signal=st.none() | st.just(SignalSpec(leads=("II",))),
)


@given(REQUESTS)
def test_a_request_goes_to_json_and_back(request):
    assert DataRequest.from_json(json.loads(json.dumps(request.to_json()))) == request


def test_all_faults_of_a_data_set_are_named_at_once():
    with pytest.raises(DataError) as caught:
        DataSetRequest(
            source="nowhere", leads=(), annotators=("a b",), labels="x.toml", role="judge"
        )
    for named in ("nowhere", "synthetic", "leads", "'a b'", "labels", "external test"):
        assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "list of data sets"),
        ({"sets": []}, "at least one"),
        ({"sets": [5]}, "a table"),
        ({"sets": [{}]}, "neither"),
        ({"sets": [{"source": "mitdb", "colour": 1}]}, "colour"),
        ({"sets": [{"source": "mitdb", "leads": "MLII"}]}, "leads"),
        ({"sets": [{"source": "mitdb", "records": 5}]}, "records"),
        ({"sets": [{"source": "mitdb"}], "colour": 1}, "colour"),
        ({"sets": [{"source": "mitdb"}], "split": ""}, "split"),
        ({"sets": [{"source": "mitdb"}, {"source": "mitdb", "leads": ["II"]}]}, "twice"),
        ({"sets": [{"source": "mitdb"}], "signal": {"fs_hz": 1.0}}, "fs_hz"),
    ],
)
def test_what_is_no_request_is_refused(values, named):
    with pytest.raises(DataError, match=named) as caught:
        DataRequest.from_json(values)
    assert "\n" not in str(caught.value)


def test_several_data_sets_are_not_planned():
    two = DataRequest(sets=(DataSetRequest(source="synthetic"), DataSetRequest(source="mitdb")))
    with pytest.raises(DataError, match=r"cannot be joined.*synthetic, mitdb"):
        make_plan(two)


def test_a_folder_tells_what_it_is(small_folder, small_store, tmp_path):
    recordings, store = asked(records=small_folder), asked(records=small_store)
    assert recordings.one_set().prepared_store() is None
    assert make_plan(recordings).summary() == make_plan(asked("wfdb", small_folder)).summary()
    assert store.one_set().prepared_store() == small_store
    with pytest.raises(DataError, match="prepared store"):
        make_plan(store)
    with pytest.raises(DataError, match="must be a source"):
        make_plan(asked(records=tmp_path / "none"))


def test_a_data_set_says_its_leads_and_labels_over_the_signal(tmp_path):
    signal = SignalSpec(fs_hz=250.0, leads=("II",), mapping="aami")
    own = asked("mitdb", leads=("V1",), labels=tmp_path / "mine.toml", signal=signal).signal_spec()
    assert (own.fs_hz, own.leads, own.mapping) == (250.0, ("V1",), "mine")
    assert asked("mitdb").signal_spec() == sources.load("mitdb").signal
