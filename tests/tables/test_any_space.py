import csv
import json

import chain8
import numpy as np
import pytest
from tables import write_ecg1d

from ecg_nas.errors import ConfigError, TableError
from ecg_nas.evaluation.base import Candidate
from ecg_nas.tables.any_space import RowDescription, import_rows
from ecg_nas.tables.description import KEY
from ecg_nas.tables.table_evaluator import TableEvaluator
from search_spaces import ArchitectureError, load
from search_spaces.nasbench201 import from_index, to_string

NB201 = load("nasbench201")


def row(index, **values):
    return {"architecture": to_string(from_index(index)), "score": index / 10, **values}


def write_csv(path, rows, header=""):
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(header)
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def imported(source, out=None, space="nasbench201", **told):
    out = source.with_suffix(".parquet") if out is None else out
    return import_rows(source, out, space, RowDescription(**told)), out


def test_a_csv_file_becomes_a_table_that_tells_what_it_is(tmp_path):
    rows = [row(i, params=1000 + i, test=i / 5, seconds=2) for i in (5, 3, 8)]
    header = "# metric: made-up accuracy\n# unit: %\n# runs: 1\n# epochs: 12\n# source: mine\n"
    summary, out = imported(write_csv(tmp_path / "t.csv", rows, header), name="mine")
    assert (summary["cells"], summary["complete"], summary["runs"]) == (3, False, [1, 1])
    evaluator = TableEvaluator(out)
    assert evaluator.metric == "made-up accuracy in % at 12 epochs, one training each"
    assert summary["metrics"] == [
        {
            "name": "score",
            "benchmark": "mine",
            "words": evaluator.metric,
            "direction": "higher",
        }
    ]
    description = evaluator.description
    assert (description.space, description.source) == ("nasbench201", "mine")
    assert evaluator.searched.epochs == 12
    found, scores = evaluator.cells()
    assert (found, scores.tolist()) == ([from_index(i) for i in (5, 3, 8)], [0.5, 0.3, 0.8])
    [result] = evaluator.evaluate([Candidate(slot=0, architecture=found[2], seed=0)])
    assert result.metrics == {"cell": 2, "params": 1008, "train_s": 2.0, "test_accuracy": 1.6}
    assert evaluator.note == (
        "proposals were confined to the 3 measured cells, 0.02% of all; the best of them need not "
        "be the best of the space, so there is no hit rate"
    )


def test_what_is_given_wins_over_what_the_file_says(tmp_path):
    source = write_csv(tmp_path / "t.csv", [row(1), row(2)], "# unit: %\n# direction: lower\n")
    _, out = imported(source, unit="dB", direction="higher")
    assert TableEvaluator(out).metric == "nasbench201 score in dB"


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_read(tmp_path, delimiter):
    source = tmp_path / "t.csv"
    lines = ["architecture,score", *(f"{to_string(from_index(i))},{i}" for i in range(3))]
    source.write_text("\ufeff" + "\n".join(lines).replace(",", delimiter))
    assert imported(source)[0]["cells"] == 3


def test_json_of_any_form_becomes_a_table(tmp_path):
    archs = [from_index(i) for i in range(4)]
    rows = [
        {"architecture": archs[0].to_json(), "score": 1},
        {"architecture": {"ops": list(archs[1].ops), "edges": archs[1].edges}, "score": 2},
        {"key": archs[2].key, "score": 3.5},
        {"architecture": json.dumps(archs[3].to_json()), "key": archs[3].key, "score": None},
    ]
    alone, with_header = tmp_path / "a.json", tmp_path / "b.json"
    alone.write_text(json.dumps(rows))
    with_header.write_text(json.dumps({"architectures": rows, "metric": "luck", "unit": "%"}))
    for source, words in ((alone, "nasbench201 score"), (with_header, "luck in %")):
        summary, out = imported(source)
        assert (summary["cells"], summary["left_out"]) == (3, 1)
        evaluator = TableEvaluator(out)
        assert evaluator.cells()[0] == archs[:3]
        assert evaluator.metric == words


def test_networks_trained_here_can_be_imported(tmp_path):
    cells = write_ecg1d(tmp_path / "table.json")
    summary, out = imported(tmp_path / "table.json", space="ecg1d")
    found, scores = TableEvaluator(out, "ecg1d").cells()
    assert (found, summary["complete"]) == (cells, False)
    np.testing.assert_allclose(100 * scores, TableEvaluator(tmp_path / "table.json").cells()[1])


def test_lower_values_are_better_where_the_table_says_so(tmp_path):
    source = write_csv(tmp_path / "t.csv", [row(i) for i in (4, 2, 9)])
    summary, out = imported(source, direction="lower")
    assert summary["metrics"][0]["words"] == "nasbench201 score, lower is better"
    evaluator = TableEvaluator(out)
    found, scores = evaluator.cells()
    assert found[int(scores.argmax())] == from_index(2)
    assert (evaluator.optimum, scores.tolist()) == (-0.2, [-0.4, -0.2, -0.9])


def test_one_of_several_scores_is_chosen(tmp_path):
    source = write_csv(tmp_path / "t.csv", [row(i, late=-i, early=i) for i in (4, 2)])
    _, out = imported(source, scores=("score", "late"), costs=("early",))
    with pytest.raises(TableError, match="scores by score, late: choose one with --metric"):
        TableEvaluator(out)
    evaluator = TableEvaluator(out, "late")
    assert evaluator.searched.benchmark == "nasbench201-late"
    assert (evaluator.optimum, list(evaluator.costs)) == (-2, ["early"])


def test_all_architectures_of_a_listed_space_make_a_complete_table(tmp_path):
    rows = [row(i) for i in np.random.default_rng(0).permutation(15_625).tolist()]
    summary, out = imported(write_csv(tmp_path / "t.csv", rows))
    evaluator = TableEvaluator(out)
    assert summary["complete"]
    assert evaluator.note is None
    found, scores = evaluator.cells()
    assert found == list(NB201.listed())  # as the space lists them, whatever the file's order
    np.testing.assert_allclose(scores, np.arange(15_625) / 10)
    assert [evaluator.rows[i] for i in (0, 9)] == [int(10 * rows[i]["score"]) for i in (0, 9)]
    evaluator.space.sample(np.random.default_rng(0))


def test_a_table_that_says_it_is_complete_must_be(tmp_path):
    import pyarrow.parquet

    _, out = imported(write_csv(tmp_path / "t.csv", [row(i) for i in range(15_625)]))
    table = pyarrow.parquet.read_table(out)
    pyarrow.parquet.write_table(table.slice(0, 100), out)
    with pytest.raises(TableError, match=r"as it says; .* has 100 of 15625"):
        TableEvaluator(out)


@pytest.mark.parametrize(
    ("rows", "told", "message"),
    [
        ([row(1), row(2, score="high")], {}, "1 of 2 in .*line 3: score 'high' is no number"),
        ([row(1), row(2, score="inf")], {}, "line 3: score 'inf' is no number"),
        ([row(1), row(2), row(1)], {}, "line 4: it is the architecture of line 2 again"),
        ([row(1), row(2, architecture="|none|")], {}, "line 3: a nasbench201 string must read"),
        ([row(1), row(2, architecture="")], {}, "line 3: it has neither architecture nor key"),
        ([row(1), row(2, architecture="{}")], {}, "line 3: it has no 'ops'|fields"),
        ([row(1, key="x"), row(2, key="x")], {}, "2 of 2 .*line 2: key 'x' is not that of its"),
        ([row(1, params=""), row(2, params=3)], {}, "line 2: it has no params"),
        ([row(i, score="?") for i in range(9)], {}, "line 4: score '.' is no number; and 6 more"),
        ([row(1), row(2, score="")], {}, "two or more architectures with a score; .* has 1"),
        ([row(1), row(2)], {"scores": ("acc",)}, "has no acc: its columns are architecture, score"),
        ([row(1), row(2)], {"test": "t", "costs": ("c",)}, "has no t, c"),
        ([{"key": "0" * 16, "score": 1}], {}, "lists no architecture with the key '0000"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_rows_is_said_in_one_line(tmp_path, rows, told, message):
    source, out = write_csv(tmp_path / "t.csv", rows), tmp_path / "out"
    with pytest.raises(TableError, match=message) as error:
        imported(source, out, **told)
    assert "\n" not in str(error.value)
    assert str(source) in str(error.value)
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no line of names"),
        ("architecture,score\n", "has none"),
        ("architecture,score\n1,2,3\n", "line 2 does not have the 2 values"),
        ("a,a\n1,2\n", "different names; they are a, a"),
        ("{", "cannot be read as one"),
        ('{"rows": []}', "no 'architectures'"),
        ("[3]", "not a list of objects"),
        ("# runs: many\narchitecture,score\nx,1\n", "runs must be a number; .* says 'many'"),
        ("# direction: up\narchitecture,score\nx,1\n", "higher or lower; .* says 'up'"),
    ],
)
def test_another_file_is_refused(tmp_path, text, message):
    source = tmp_path / "t.csv"
    source.write_text(text)
    with pytest.raises(TableError, match=message) as error:
        imported(source)
    assert "\n" not in str(error.value)
    assert str(source) in str(error.value)


def test_settings_that_do_not_fit_are_refused(tmp_path):
    source = write_csv(tmp_path / "t.csv", [row(1, b=1), row(2, b=2)])
    with pytest.raises(ConfigError, match="of one score; got score, b"):
        imported(source, scores=("score", "b"), metric="accuracy")
    with pytest.raises(ConfigError, match="letters, digits"):
        imported(source, name="../mine")
    with pytest.raises(ArchitectureError, match="search space must be one of"):
        imported(source, space="mine")
    with pytest.raises(TableError, match="another file"):
        imported(source, source)


def redescribed(path, change):
    """Write a table with another description."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    content = json.loads(table.schema.metadata[KEY.encode()])
    change(content)
    pyarrow.parquet.write_table(table.replace_schema_metadata({KEY: json.dumps(content)}), path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda said: said["metrics"][0].update(benchmark="../../mine"), "must be letters, digits"),
        (lambda said: said.update(format=2), "of another format"),
        (lambda said: said.update(space="mine"), "search space must be one of"),
        (lambda said: said.update(form="edge_bits"), "nasbench201 is not written as edge_bits"),
        (lambda said: said.update(metrics=3), "cannot be read as one"),
        (lambda said: said["metrics"][0]["score"].update(name="other"), "other"),
        (lambda said: said.pop("complete"), "cannot be read as one"),
    ],
)
def test_a_damaged_description_is_refused_in_one_line(tmp_path, change, message):
    _, out = imported(write_csv(tmp_path / "t.csv", [row(1), row(2)]))
    redescribed(out, change)
    with pytest.raises(TableError, match=message) as error:
        TableEvaluator(out)
    assert "\n" not in str(error.value)
    assert str(out) in str(error.value)


def test_a_caveat_fills_in_two_figures_and_nothing_else(tmp_path):
    _, out = imported(write_csv(tmp_path / "t.csv", [row(1), row(2)]))
    redescribed(out, lambda said: said.update(caveat="{best} in {spread}, {0:9999999999}"))
    assert TableEvaluator(out).note.endswith("of all; 2 in 0.10, {0:9999999999}")


def test_the_same_rows_give_the_same_bytes(tmp_path):
    source = write_csv(tmp_path / "t.csv", [row(i) for i in range(9)])
    for out in ("a", "b"):
        imported(source, tmp_path / out)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_space_that_cannot_list_its_architectures_needs_them_written(tmp_path):
    source = write_csv(tmp_path / "t.csv", [{"key": "0" * 16, "score": 1}])
    with pytest.raises(TableError, match="ecg1d lists no architecture"):
        imported(source, space="ecg1d")


def test_chain8_is_as_large_as_its_list():
    assert len(set(chain8.SPACE.listed())) == 3**8
