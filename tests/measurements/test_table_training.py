import dataclasses
import json

import numpy as np
import pytest
from tables import DATA, SETTINGS, AsTrained

from ecg_nas.errors import ConfigError, RunError, TableError
from ecg_nas.measurements.table_training import fill, read_begun
from ecg_nas.tables.table_evaluator import TableEvaluator
from ecg_nas.tables.trained_table import TrainedTable
from search_spaces import load

SPACE = load("ecg1d")
EMPTY = TrainedTable(settings=SETTINGS, data=DATA, versions=({"torch": "2"},))


def filled(file, number, evaluator=None, empty=EMPTY, **options):
    evaluator = AsTrained() if evaluator is None else evaluator
    return fill(file, evaluator, SPACE, empty, n_architectures=number, seed=0, **options)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "table.json"


def test_the_file_is_what_a_benchmark_reads(file):
    table = filled(file, 6)
    assert TrainedTable.read(file) == table == read_begun(file)
    found, scores = TableEvaluator(file, "ecg1d").cells()
    assert len(set(found)) == 6
    np.testing.assert_allclose(scores, [100 * AsTrained().value(arch) for arch in found], atol=1e-4)


class StoppedError(Exception):
    """As Ctrl-C would."""


def test_an_interrupted_table_goes_on_and_ends_as_an_uninterrupted_one(file, tmp_path):
    def stop(evaluation):
        if evaluation.slot == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        filled(file, 5, on_evaluation=stop)
    assert len(TrainedTable.read(file).rows) == 3
    evaluator, missing = AsTrained(), []
    filled(file, 5, evaluator, on_start=missing.append)
    assert evaluator.asked == [3, 4]
    assert missing == [2]
    filled(tmp_path / "whole.json", 5)
    assert file.read_text() == (tmp_path / "whole.json").read_text()


def test_a_larger_number_adds_and_a_smaller_one_changes_nothing(file):
    filled(file, 3)
    text = file.read_text()
    more = AsTrained()
    filled(file, 5, more)
    assert more.asked == [3, 4]
    assert file.read_text().splitlines()[5:7] == text.splitlines()[5:7]
    text, fewer = file.read_text(), AsTrained()
    assert len(filled(file, 2, fewer).rows) == 5
    assert (fewer.asked, file.read_text()) == ([], text)


def test_rows_of_another_process_stay(file, tmp_path):
    """What is in the file when a training ends is kept, whoever put it there."""
    filled(file, 4)
    rows = TrainedTable.read(file).rows
    file.unlink()

    def meanwhile(evaluation):
        if evaluation.slot == 0:
            table = TrainedTable.read(file)
            file.write_text(dataclasses.replace(table, rows=(*table.rows, rows[3])).text())

    filled(file, 2, on_evaluation=meanwhile)
    assert [row.slot for row in TrainedTable.read(file).rows] == [0, 1, 3]


def test_failures_are_rows_and_not_trained_again(file):
    filled(file, 6, AsTrained(failing=0.5))
    failed = [row for row in TrainedTable.read(file).rows if row.score is None]
    assert 0 < len(failed) < 6
    assert all(row.figures["failure"].startswith("this architecture fails") for row in failed)
    again = AsTrained()
    filled(file, 6, again)
    assert again.asked == []


def test_limits_hold(file):
    def allowed(arch):
        return len(arch.ops) < 3

    assert all(allowed(row.architecture) for row in filled(file, 8, allowed=allowed).rows)


def test_versions_of_all_trainings_are_told(file):
    filled(file, 2)
    newer = dataclasses.replace(EMPTY, versions=({"torch": "3"},))
    assert filled(file, 3, empty=newer).versions == ({"torch": "2"}, {"torch": "3"})
    assert filled(file, 4).versions == ({"torch": "2"}, {"torch": "3"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": SETTINGS | {"seed": 1}}, r"other settings: seed \(0, now 1\)"),
        ({"data": DATA | {"fingerprint": "0"}}, r"data fingerprint \(ffffffffffffffff, now 0\)"),
    ],
)
def test_other_settings_or_data_are_refused(file, change, message):
    filled(file, 2)
    before = file.read_text()
    with pytest.raises(RunError, match=message) as error:
        filled(file, 3, empty=dataclasses.replace(EMPTY, **change))
    assert "\n" not in str(error.value)
    assert file.read_text() == before


def test_architectures_that_are_not_drawn_here_are_refused(file):
    filled(file, 2)
    with pytest.raises(RunError, match="that this release draws"):
        fill(file, AsTrained(), SPACE, EMPTY, n_architectures=3, seed=1)


def test_bad_input_is_refused(file):
    with pytest.raises(ConfigError, match="2 or more; got 1"):
        filled(file, 1)
    early = SETTINGS | {"early": {"mode": "stop"}}
    with pytest.raises(ConfigError, match="whole trainings"):
        filled(file, 2, empty=dataclasses.replace(EMPTY, settings=early))
    assert not file.exists()
    file.write_text(json.dumps({"mine": 1}))
    with pytest.raises(TableError, match="cannot be read as one"):
        filled(file, 2)
    assert json.loads(file.read_text()) == {"mine": 1}
