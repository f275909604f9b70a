import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from tables import write_nb101, write_nb201

from ecg_nas.errors import EcgNasError, TableError
from ecg_nas.evaluation.base import Candidate
from ecg_nas.tables.table_evaluator import TableEvaluator
from search_spaces import load
from search_spaces.nasbench201 import all_architectures, from_index, from_string


def candidate(arch, slot=0):
    return Candidate(slot=slot, architecture=arch, seed=0)


def write(path, n_rows=15_625, spoil=None, columns=None):
    """Write a table whose cell ``i`` scores ``i / 1000``, its rows shuffled."""
    index = np.random.default_rng(0).permutation(15_625)[:n_rows]
    values = {
        f"edge_ops_{edge}": (index // 5 ** (5 - edge) % 5).astype("int8") for edge in range(6)
    }
    for offset, name in enumerate(("c100_val", "c100_test", "c100_params_M", "c100_train_s")):
        values[name] = (index / 1000 + offset).astype("float32")
    for name in columns or ():
        del values[name]
    if spoil is not None:
        spoil(values)
    pyarrow.parquet.write_table(pyarrow.table(values), path)
    return path


def test_looks_up_the_exact_cell(tmp_path):
    evaluator = TableEvaluator(write(tmp_path / "t.parquet"), "cifar100")
    picked = [0, 1, 7_000, 15_624]
    found = evaluator.evaluate([candidate(from_index(i), slot) for slot, i in enumerate(picked)])
    for slot, (index, result) in enumerate(zip(picked, found, strict=True)):
        assert result.slot == slot
        assert result.score == pytest.approx(index / 1000, abs=1e-5)
        assert result.metrics["test_accuracy"] == pytest.approx(index / 1000 + 1, abs=1e-5)
        assert result.metrics["params"] == pytest.approx((index / 1000 + 2) * 1e6, rel=1e-6)
    assert evaluator.optimum == pytest.approx(15.624)
    assert "cifar100 validation" in evaluator.metric


def repeat_a_cell(values):
    for name in values:
        values[name][0] = values[name][1]


def lose_a_value(values):
    values["c100_val"][5] = np.nan


def test_gives_every_cell_with_its_score(tmp_path):
    evaluator = TableEvaluator(write(tmp_path / "t.parquet"), "cifar100")
    archs, scores = evaluator.cells()
    assert archs == list(all_architectures())
    np.testing.assert_allclose(scores, np.arange(15_625) / 1000, atol=1e-5)


def test_the_digest_tells_values_apart_not_files(tmp_path):
    def raised(values):
        values["c100_test"][3] += 1

    whole, again = (TableEvaluator(write(tmp_path / name), "cifar100") for name in ("a", "b"))
    other = TableEvaluator(write(tmp_path / "c", spoil=raised), "cifar100")
    assert whole.digest == again.digest != other.digest
    assert len(whole.digest) == 16


@pytest.mark.parametrize(
    "options",
    [{"n_rows": 100}, {"spoil": repeat_a_cell}, {"spoil": lose_a_value}, {"columns": ["c100_val"]}],
)
def test_a_table_that_is_not_whole_is_refused(tmp_path, options):
    path = write(tmp_path / "t.parquet", **options)
    with pytest.raises(TableError) as caught:
        TableEvaluator(path, "cifar100")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_damaged_file_is_refused(tmp_path):
    with pytest.raises(TableError, match="--table"):
        TableEvaluator(tmp_path / "none.parquet", "cifar10")
    path = write(tmp_path / "t.parquet")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(EcgNasError, match="cannot be read"):
        TableEvaluator(path, "cifar100")


def test_a_metric_that_the_table_lacks_is_refused(tmp_path):
    path = write_nb201(tmp_path / "t.parquet", ("c10valid", "c10"), np.arange(15_625))
    with pytest.raises(TableError, match=r"holds nb201-cifar10 \(metrics: cifar10\); got 'mnist'"):
        TableEvaluator(path, "mnist")


def test_of_several_metrics_one_must_be_named(tmp_path):
    def more(values):
        values.update({name.replace("c100", "img"): row for name, row in values.items()})

    path = write(tmp_path / "t.parquet", spoil=more)
    with pytest.raises(TableError, match="has scores by cifar100, imagenet16: choose one"):
        TableEvaluator(path)
    assert TableEvaluator(path, "nb201-imagenet16").searched.name == "imagenet16"


def test_a_cell_of_another_space_is_refused(tmp_path):
    evaluator = TableEvaluator(write(tmp_path / "t.parquet"), "cifar100")
    arch = load("ecg1d").sample(np.random.default_rng(0))
    with pytest.raises(TableError, match="nasbench201"):
        list(evaluator.evaluate([candidate(arch)]))


@pytest.mark.real
@pytest.mark.parametrize(
    ("dataset", "validation", "test"),
    [
        ("cifar10", 91.6067, 94.3733),
        ("cifar100", 73.4933, 73.5133),
        ("imagenet16", 46.7333, 47.3111),
    ],
)
def test_the_published_optima(data_dir, dataset, validation, test):
    evaluator = TableEvaluator(data_dir / "nb201" / "nb201.parquet", dataset)
    results = list(evaluator.evaluate([candidate(arch) for arch in all_architectures()]))
    assert evaluator.optimum == pytest.approx(validation, abs=1e-4)
    assert max(r.score for r in results) == evaluator.optimum
    assert max(r.metrics["test_accuracy"] for r in results) == pytest.approx(test, abs=1e-4)


@pytest.mark.real
def test_every_string_of_the_table_is_the_cell_looked_up(data_dir):
    path = data_dir / "nb201" / "nb201.parquet"
    table = pyarrow.parquet.read_table(path, columns=["arch", "c10valid_val"])
    rows = np.random.default_rng(0).choice(table.num_rows, 300, replace=False)
    cells = [from_string(table["arch"][int(row)].as_py()) for row in rows]
    results = TableEvaluator(path, "cifar10").evaluate([candidate(cell) for cell in cells])
    expected = [table["c10valid_val"][int(row)].as_py() for row in rows]
    assert [result.score for result in results] == pytest.approx(expected)


def test_a_sample_of_nasbench101_says_what_it_is(tmp_path):
    path, cells = write_nb101(tmp_path / "t.parquet")
    evaluator = TableEvaluator(path, "nb101")
    assert "one training each" in evaluator.metric
    assert "confined to the 60 measured cells, 0.01% of all" in evaluator.note
    assert "the best 8 are within 0.07 points" in evaluator.note
    found, scores = evaluator.cells()
    assert found == cells[:60]
    assert evaluator.optimum == scores.max() == pytest.approx(90.59)
    results = list(evaluator.evaluate([candidate(cell, i) for i, cell in enumerate(found)]))
    assert [result.score for result in results] == scores.tolist()
    assert results[7].metrics == {"cell": 7, "params": 1007, "train_s": 1.0}


def test_proposals_stay_in_the_table(tmp_path):
    path, cells = write_nb101(tmp_path / "t.parquet")
    evaluator = TableEvaluator(path, "nb101")
    rng = np.random.default_rng(0)
    assert {evaluator.space.sample(rng) for _ in range(1000)} == set(cells[:60])
    with pytest.raises(TableError, match="one of the 60 measured"):
        list(evaluator.evaluate([candidate(cells[60])]))
    with pytest.raises(TableError, match="cells of nasbench101"):
        list(evaluator.evaluate([candidate(from_index(0))]))


def test_a_table_of_means_with_test_accuracy_says_so(tmp_path):
    test = np.full(60, 0.5, "float32")
    path, cells = write_nb101(tmp_path / "t.parquet", test_acc_108=test, n_runs=[3] * 60)
    evaluator = TableEvaluator(path, "nb101")
    assert "mean of 3 trainings" in evaluator.metric
    [result] = evaluator.evaluate([candidate(cells[0])])
    assert result.metrics["test_accuracy"] == 50


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda values: values.update(val_acc_108=[np.nan] * 60), "finite values"),
        (lambda values: values.update(ops=["0"] * 60, edge_bits=[5] * 60), "1 different"),
        (lambda values: values.update(ops=["00000"] * 60, edge_bits=range(60)), "must"),
        (lambda values: values.pop("params"), "cannot be read"),
        (lambda values: values.update(ops=["7"] * 60, edge_bits=range(60)), "digits 0 to 2"),
    ],
)
def test_a_damaged_table_of_nasbench101_is_refused(tmp_path, spoil, message):
    path, _ = write_nb101(tmp_path / "t.parquet", spoil=spoil)
    with pytest.raises(TableError, match=message) as caught:
        TableEvaluator(path, "nb101")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.real
def test_the_sample_of_nasbench101(data_dir):
    evaluator = TableEvaluator(data_dir / "nb101" / "nb101_20001.parquet", "nb101")
    assert evaluator.optimum == pytest.approx(94.912, abs=1e-3)
    assert "confined to the 20,001 measured cells, 4.72% of all" in evaluator.note
    assert "the best 8 are within 0.11 points" in evaluator.note
    rng = np.random.default_rng(0)
    arch = evaluator.space.sample(rng)
    for _ in range(50):
        mutant = evaluator.space.mutate(arch, rng)
        child = evaluator.space.crossover(arch, mutant, rng)
        assert len(list(evaluator.evaluate([candidate(mutant), candidate(child)]))) == 2
        arch = mutant
