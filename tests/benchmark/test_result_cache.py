import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_nas.benchmark.result_cache import CachedRuns
from ecg_nas.errors import RunError

ABOUT = {"method": "m", "settings": {"rate": 0.1, "kinds": ("a", "b")}}


def test_what_is_added_is_there_again_in_order(tmp_path):
    file = tmp_path / "bench" / "m.json"
    kept = CachedRuns(file, ABOUT)
    assert kept.get(100, 0) is None
    for size, seed in ((100, 10), (100, 2), (50, 2)):
        kept.add(size, seed, {"scores": [size, seed]})
    again = CachedRuns(file, ABOUT)
    assert again.get(100, 10) == {"scores": [100, 10]}
    assert again.get(50, 2) == {"scores": [50, 2]}
    assert again.get(50, 10) is None  # one size does not serve another
    lines = [line.strip() for line in file.read_text().splitlines()]
    places = [lines.index(text) for text in ('"50": {', '"100": {', '"2": {"scores":[100,2]},')]
    assert places == sorted(places)
    assert lines[places[-1] + 1] == '"10": {"scores":[100,10]}'
    assert [path.name for path in file.parent.iterdir()] == ["m.json"]


def test_nothing_is_written_before_the_first_run(tmp_path):
    CachedRuns(tmp_path / "bench" / "m.json", ABOUT)
    assert not list(tmp_path.iterdir())


def test_several_writers_lose_nothing(tmp_path):
    file = tmp_path / "m.json"
    writers = [CachedRuns(file, ABOUT) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: writers[i % 4].add(1, i, i), range(40)))
    kept = CachedRuns(file, ABOUT)
    assert [kept.get(1, i) for i in range(40)] == list(range(40))


def test_runs_of_other_settings_are_refused(tmp_path):
    file = tmp_path / "m.json"
    CachedRuns(file, ABOUT).add(1, 0, {})
    before = file.read_text()
    with pytest.raises(RunError, match=r"settings.rate \(0.1, now 0.2\): delete it"):
        CachedRuns(file, {"method": "m", "settings": {"rate": 0.2, "kinds": ["a", "b"]}})
    assert file.read_text() == before


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 2, "about": {}, "runs": {}}', '{"format": 1, "about": 3}',
     '{"format": 1, "about": {}, "runs": {"x": {}}}', '{"format": 1, "about": {}, "runs": [1]}'],
)  # fmt: skip
def test_a_file_that_is_no_such_thing_is_refused_and_left(tmp_path, text):
    file = tmp_path / "m.json"
    file.write_text(text)
    with pytest.raises(RunError, match="must hold the kept runs of a benchmark"):
        CachedRuns(file, {})
    assert file.read_text() == text


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(RunError, match=r"taken must be a folder that can be written.*--out"):
        CachedRuns(tmp_path / "taken" / "b" / "m.json", ABOUT)


def test_a_place_that_is_taken_meanwhile_is_named(tmp_path):
    kept = CachedRuns(tmp_path / "taken" / "m.json", ABOUT)
    (tmp_path / "taken").write_text("")
    with pytest.raises(RunError, match="taken must be a folder that can be written"):
        kept.add(1, 0, {})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)  # fmt: skip


@given(
    runs=st.dictionaries(
        st.tuples(st.integers(1, 300), st.integers(0, 50)), json_values.filter(lambda v: v != None),  # noqa: E711
        min_size=1, max_size=5,
    ),
    about=st.dictionaries(st.text(), json_values, max_size=3),
)  # fmt: skip
@settings(max_examples=30)
def test_any_runs_come_back(tmp_path_factory, runs, about):
    file = tmp_path_factory.mktemp("kept") / "m.json"
    kept = CachedRuns(file, about)
    for (size, seed), run in runs.items():
        kept.add(size, seed, run)
    again = CachedRuns(file, json.loads(json.dumps(about)))
    assert {pair: again.get(*pair) for pair in runs} == runs
