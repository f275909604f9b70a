import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import architectures
from tables import DATA, SETTINGS, AsTrained, write_ecg1d, write_nb101

from ecg_nas.errors import TableError
from ecg_nas.evaluation.base import Candidate, Evaluation
from ecg_nas.tables.table_evaluator import TableEvaluator
from ecg_nas.tables.trained_table import TrainedRow, TrainedTable
from search_spaces import load

SPACE = load("ecg1d")


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "table.json"
    return path, write_ecg1d(path)


@given(
    arch=architectures("ecg1d"),
    slot=st.integers(0, 999),
    score=st.none() | st.floats(0, 1),
    seconds=st.floats(0, 1e6),
)
@settings(max_examples=30, deadline=None)
def test_a_row_comes_back_from_json_as_it_was(arch, slot, score, seconds):
    figures = {"failure": "RuntimeError"} if score is None else {"params": 3, "folds": [0.5]}
    row = TrainedRow(slot=slot, architecture=arch, score=score, seconds=seconds, figures=figures)
    assert TrainedRow.from_json(json.loads(json.dumps(row.to_json())), SPACE) == row


def test_a_table_comes_back_from_its_file_one_architecture_a_line(written):
    path, cells = written
    table = TrainedTable.read(path)
    assert table.text() == path.read_text()
    assert [row.architecture for row in table.rows] == cells
    assert (table.settings, table.data) == (SETTINGS, DATA)
    lines = [line for line in path.read_text().splitlines() if '"slot"' in line]
    assert len(lines) == len(cells)
    assert max(map(len, lines)) < 1000
    assert TrainedTable.read(path).rows[3].figures["per_class"]["S"]["se"] == 0.333333


def test_a_row_keeps_figures_and_nothing_of_the_recordings():
    candidate = Candidate(slot=0, architecture=SPACE.sample(np.random.default_rng(0)), seed=0)
    (evaluation,) = AsTrained().evaluate([candidate])
    row = TrainedRow.of(candidate, evaluation).to_json()
    assert row.keys() == {
        *("slot", "key", "score", "folds", "per_class", "params", "macs", "device", "engine"),
        *("seconds", "architecture"),
    }
    assert row["folds"] == [row["score"]]
    watched = dataclasses.replace(evaluation, metrics={**evaluation.metrics, "curve": [0.1, 1 / 3]})
    assert TrainedRow.of(candidate, watched).to_json() == row | {"curve": [0.1, 0.333333]}
    failed = Evaluation(slot=0, score=None, failure="RuntimeError: no /place/of/mine")
    assert TrainedRow.of(candidate, failed).figures == {"failure": "RuntimeError"}


def test_a_table_answers_for_its_architectures(written):
    path, cells = written
    evaluator = TableEvaluator(path, "ecg1d")
    found, scores = evaluator.cells()
    assert found == cells
    assert evaluator.metric == (
        "ecg1d, synthetic (standard split): macro F1 of N, S, V in % over folds of the training "
        "patients, one training each"
    )
    assert "confined to the 40 measured architectures, a random sample" in evaluator.note
    assert "reliability is below 1" in evaluator.note
    (result,) = evaluator.evaluate([Candidate(slot=5, architecture=cells[7], seed=0)])
    assert result.score == scores[7] == pytest.approx(100 * AsTrained().value(cells[7]), abs=1e-4)
    assert result.metrics == {"cell": 7, "params": 2_007, "train_s": 0.0}
    assert evaluator.optimum == scores.max()
    outside = SPACE.mutate(cells[0], np.random.default_rng(0))
    with pytest.raises(TableError, match="one of the 40 measured"):
        list(evaluator.evaluate([Candidate(slot=0, architecture=outside, seed=0)]))
    rng = np.random.default_rng(0)
    assert {evaluator.space.mutate(cell, rng) for cell in cells} < set(cells)


def test_failed_trainings_are_left_out(written):
    path, cells = written
    content = json.loads(path.read_text())
    content["architectures"][2] |= {"score": None, "failure": "RuntimeError"}
    path.write_text(json.dumps(content))
    evaluator = TableEvaluator(path, "ecg1d")
    assert evaluator.cells()[0] == cells[:2] + cells[3:]
    assert evaluator.place(cells[3]) == 2


def test_the_digest_tells_scores_apart(written):
    path, _ = written
    before = TableEvaluator(path, "ecg1d").digest
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content))
    assert TableEvaluator(path, "ecg1d").digest == before
    content["architectures"][0]["score"] += 0.001
    path.write_text(json.dumps(content))
    assert TableEvaluator(path, "ecg1d").digest != before


def row_change(**values):
    return lambda content: content["architectures"][1].update(values)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content.update(format=2), "its format is 2"),
        (lambda content: content.pop("data"), "KeyError"),
        (lambda content: content["settings"].pop("engine"), "settings have no engine"),
        (lambda content: content["data"].pop("source"), "data have no source"),
        (lambda content: content["settings"].update(space="none"), "search space must be"),
        (lambda content: content.update(architectures=3), "TypeError"),
        (lambda content: content["architectures"].append(3), "TypeError"),
        (row_change(score=float("nan")), "finite score"),
        (row_change(score="high"), "cannot be read as one"),
        (row_change(params=None), "cannot be read as one"),
        (row_change(key="0" * 16), "is not the architecture 0000"),
        (row_change(slot=0), "a slot is there twice"),
        (lambda content: content["architectures"][1]["architecture"].pop("ops"), "the fields"),
        (lambda content: content["architectures"].append(
            content["architectures"][0] | {"slot": 99}), "a key is there twice"),
        (lambda content: content.update(architectures=content["architectures"][:1]), "two or more"),
    ],
)  # fmt: skip
def test_a_damaged_table_is_refused_in_one_line(written, spoil, message):
    path, _ = written
    content = json.loads(path.read_text())
    spoil(content)
    path.write_text(json.dumps(content))
    with pytest.raises(TableError, match=message) as error:
        TableEvaluator(path, "ecg1d")
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_another_file_is_refused(tmp_path):
    with pytest.raises(TableError, match="bench table` wrote; there is none at"):
        TableEvaluator(tmp_path / "none.json", "ecg1d")
    path, _ = write_nb101(tmp_path / "nb101.parquet")
    with pytest.raises(TableError, match=r"holds nb101 \(metrics: cifar10\); got 'ecg1d'"):
        TableEvaluator(path, "ecg1d")
    with pytest.raises(TableError, match="cannot be read as one"):
        TableEvaluator(tmp_path, "ecg1d")
