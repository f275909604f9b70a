import bz2
import copy
import io
import pickle

import numpy as np
import pyarrow.parquet
import pytest
from official_files import EVALUATED, META, architectures, members, tree

from ecg_nas.errors import TableError
from ecg_nas.evaluation.base import Candidate
from ecg_nas.tables import published
from ecg_nas.tables.description import TableDescription
from ecg_nas.tables.official.nasbench201 import read_members, read_pickle
from ecg_nas.tables.table_evaluator import TableEvaluator
from search_spaces.nasbench201 import from_index, from_string, to_string

COLUMNS = {
    "c10valid_val": ("cifar10-valid", "x-valid"),
    "c10_test": ("cifar10", "ori-test"),
    "c100_val": ("cifar100", "x-valid"),
    "c100_test": ("cifar100", "x-test"),
    "img_val": ("ImageNet16-120", "x-valid"),
    "img_test": ("ImageNet16-120", "x-test"),
}
N = 6


@pytest.fixture(scope="module")
def archs():
    return architectures(N)


def of_members(archs, total=None):
    return read_members(members(archs, total).items(), "f.tar")


def of_pickle(archs):
    file = io.BytesIO(pickle.dumps(tree(archs), protocol=2))
    return read_pickle(file, "f.pth", "NAS-Bench-201")


def accuracies(state, dataset, evaluated, epoch):
    """Accuracies after ``epoch`` in the order of the seeds."""
    return [
        state["all_results"][key]["eval_acc1es"][f"{evaluated}@{epoch}"]
        for key in sorted(state["all_results"])
        if key[0] == dataset
    ]


@pytest.mark.parametrize("read", [of_members, of_pickle])
def test_columns_are_what_was_written(archs, read):
    columns = read(archs).columns
    assert columns["arch"] == [arch["200"]["arch_str"] for arch in archs]
    assert columns["n_seeds"].tolist() == [3] * (N - 1) + [2]
    for name, (dataset, evaluated) in COLUMNS.items():
        long = [np.mean(accuracies(arch["200"], dataset, evaluated, 2)) for arch in archs]
        short = [np.mean(accuracies(arch["12"], dataset, evaluated, 1)) for arch in archs]
        np.testing.assert_allclose(columns[name], long, rtol=1e-6)
        np.testing.assert_allclose(columns[f"{name}_12ep"], short, rtol=1e-6)
    for name, dataset, evaluated in (
        ("c10valid_val_seeds", "cifar10-valid", "x-valid"),
        ("c100_valtest_seeds", "cifar100", "ori-test"),
        ("img_valtest_seeds", "ImageNet16-120", "ori-test"),
    ):
        for row, arch in enumerate(archs):
            runs = accuracies(arch["200"], dataset, evaluated, 2)
            found = [columns[f"{name}_{k}"][row] for k in range(3)]
            assert found[: len(runs)] == pytest.approx(runs, rel=1e-6)
            assert np.isnan(found[len(runs) :]).all()
    for name in ("c10", "c100", "img"):
        assert columns[f"{name}_params_M"].tolist() == [0.5] * N
        assert columns[f"{name}_macs_M"].tolist() == [12.5] * N
        seconds = [3 * (10 + 888), 3 * (10 + 777 + 55.5)]  # three epochs, means over the seeds
        np.testing.assert_allclose(columns[f"{name}_train_s"], [seconds[0]] * (N - 1) + seconds[1:])


def test_operations_are_those_of_the_string(archs):
    columns = of_members(archs).columns
    for row, text in enumerate(columns["arch"]):
        ops = [int(columns[f"edge_ops_{edge}"][row]) for edge in range(6)]
        assert to_string(from_index(int(np.ravel_multi_index(ops, (5,) * 6)))) == text


def test_both_sources_and_any_order_give_the_same_table(archs):
    one, other = of_members(archs), of_pickle(archs)
    shuffled = read_members(reversed(members(archs).items()), "f")
    for table in (other, shuffled):
        for name, values in one.columns.items():
            np.testing.assert_array_equal(values, table.columns[name])
    assert one.description.runs == other.description.runs == (2, 3)
    assert not one.description.complete


def test_a_data_set_without_short_trainings_has_none(archs):
    archs = copy.deepcopy(archs)
    for arch in archs:
        results = arch["12"]["all_results"]
        for key in [key for key in results if key[0] != "cifar10-valid"]:
            del results[key]
    columns = of_members(archs).columns  # as in the first version of NAS-Bench-201
    assert np.isfinite(columns["c10valid_val_12ep"]).all()
    assert np.isnan(columns["c100_val_12ep"]).all()
    assert np.isfinite(columns["c100_val"]).all()


def spoiled(archs, change):
    archs = copy.deepcopy(archs)
    change(archs[1]["200"])
    return archs


def first_trial(state):
    return next(iter(state["all_results"].values()))


@pytest.mark.parametrize("read", [of_members, of_pickle])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.update(arch_str="64:64:64:64:64"), "topology"),
        (lambda state: state.update(arch_index=0), "repeats 0"),
        (lambda state: state.pop("all_results"), "KeyError"),
        (lambda state: state.update(all_results={}), "cifar10-valid"),
        (lambda state: first_trial(state).pop("epochs"), "epochs"),
        (lambda state: first_trial(state)["eval_acc1es"].clear(), "cannot be read"),
        (lambda state: first_trial(state)["eval_acc1es"].update({"x-valid@2": 101.0}), "101"),
        (lambda state: first_trial(state).update(params="many"), "many"),
    ],
)
def test_what_is_no_such_architecture_is_refused(archs, read, change, message):
    with pytest.raises(TableError, match=message) as caught:
        read(spoiled(archs, change))
    assert "\n" not in str(caught.value)
    assert "f." in str(caught.value)


def test_missing_architectures_and_a_missing_list_are_refused(archs):
    with pytest.raises(TableError, match=f"should have {N + 1} and has {N}: it is cut off"):
        of_members(archs, total=N + 1)
    files = members(archs)
    del files["meta.pickle.pbz2"]
    with pytest.raises(TableError, match=r"must have meta\.pickle\.pbz2"):
        read_members(files.items(), "f.tar")
    with pytest.raises(TableError, match="cut off"):
        read_members([("meta.pickle.pbz2", members([])["meta.pickle.pbz2"])], "f.tar")


def test_one_cell_twice_is_refused(archs):
    twice = copy.deepcopy(archs)
    twice[0]["200"]["arch_str"] = twice[1]["200"]["arch_str"]
    with pytest.raises(TableError, match=f"{N - 1} of {N}"):
        of_members(twice)


@pytest.mark.parametrize("change", [slice(0, 40), slice(0, 0), slice(3, None)])
def test_a_damaged_member_is_refused_by_its_name(archs, change):
    files = members(archs)
    files["000003.pickle.pbz2"] = files["000003.pickle.pbz2"][change]
    with pytest.raises(TableError, match=r"000003\.pickle\.pbz2 of f\.tar"):
        read_members(files.items(), "f.tar")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All 15,625 cells with one run of one epoch, whose accuracies tell the cell."""

    def state(index):
        base = index / 15_625 * 90
        results = {
            (dataset, 777): {
                "epochs": 1,
                "params": 1.0,
                "flop": 1.0,
                "train_times": {0: 2.0},
                "eval_acc1es": {f"{e}@0": base + k for k, e in enumerate(EVALUATED[dataset])},
            }
            for dataset in EVALUATED
        }
        return {
            "arch_index": 15_624 - index,  # not the order of our own numbering
            "arch_str": to_string(from_index(index)),
            "all_results": results,
        }

    infos = {i: {"full": state(i), "less": {"all_results": {}}} for i in range(15_625)}
    content = {"arch2infos": infos, "total_archs": 15_625}
    table = read_pickle(io.BytesIO(pickle.dumps(content, protocol=2)), "f", "NAS-Bench-201")
    out = tmp_path_factory.mktemp("whole") / "t.parquet"
    table.write(out)
    return out


def test_the_evaluator_takes_a_whole_table(whole):
    evaluator = TableEvaluator(whole, "cifar100")
    for index in (0, 1, 7_812, 15_624):
        candidate = Candidate(slot=0, architecture=from_index(index), seed=0)
        [found] = evaluator.evaluate([candidate])
        assert found.score == pytest.approx(index / 15_625 * 90 + 1, abs=1e-4)
        assert found.metrics["test_accuracy"] == pytest.approx(found.score + 1, abs=1e-4)
        assert (found.metrics["params"], found.metrics["train_s"]) == (1_000_000, 2.0)


def test_a_whole_table_says_so(whole):
    schema = pyarrow.parquet.read_schema(whole)
    facts = TableDescription.from_metadata(schema.metadata)
    assert (facts.space, facts.runs, facts.complete, facts.source) == (
        "nasbench201",
        (1, 1),
        True,
        "NAS-Bench-201",
    )
    assert [metric.benchmark for metric in facts.metrics] == list(published.NAMES[:3])
    assert pyarrow.parquet.read_table(whole)["c10valid_val_seeds_1"].null_count == 15_625


@pytest.mark.parametrize("runs", [(3, 3), (2, 3), (0, 1)])
def test_a_description_comes_back_from_metadata(runs):
    facts = published.describe_101(["test_acc_108"], complete=False, runs=runs, final_runs=runs)
    stored = {key.encode(): value.encode() for key, value in facts.to_metadata().items()}
    assert TableDescription.from_metadata(stored) == facts
    assert TableDescription.from_metadata(None) is None
    assert TableDescription.from_metadata({b"pandas": b"{}"}) is None


@pytest.mark.real
def test_columns_are_those_of_the_shared_table(data_dir):
    shared = pyarrow.parquet.read_table(data_dir / "nb201" / "nb201.parquet").slice(0, 40)
    columns = of_pickle(architectures(2)).columns
    counted = {name for name in shared.column_names if name.endswith("_counted")}
    own = {name for name in columns if name.endswith("_macs_M")}
    # What somebody counted or derived is not in the official files.
    assert set(shared.column_names) - set(columns) == counted | {"unique_str"}
    assert set(columns) - set(shared.column_names) == own
    for row, text in enumerate(shared["arch"].to_pylist()):
        ops = [shared[f"edge_ops_{edge}"][row].as_py() for edge in range(6)]
        assert from_index(int(np.ravel_multi_index(ops, (5,) * 6))) == from_string(text)


def test_the_meta_file_may_hold_a_set(archs):
    meta = {"total_archs": N, **META, "meta_archs": ["x"]}
    files = members(archs) | {"meta.pickle.pbz2": bz2.compress(pickle.dumps(meta, protocol=2))}
    assert read_members(files.items(), "f").n_cells == N
