import dataclasses
from functools import partial

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.parquet
import pytest
from plugin_doubles import GivenPlugins
from tables import compared, nb201_ops, write_ecg1d, write_nb101, write_nb201

from ecg_nas import methods
from ecg_nas.benchmark.harness import DEFAULT, DEFAULT_WITH_COST
from ecg_nas.benchmark.harness import compare as compare_searches
from ecg_nas.benchmark.summary import regret_curve, summarise
from ecg_nas.benchmark.trace import Trace
from ecg_nas.errors import ConfigError, RunError, TableError

compare = partial(compared, compare_searches)
QUICK = ("random", "regularized-evolution")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Accuracies that grow with the number of 3x3 convolutions."""
    score = (nb201_ops() == 3).sum(axis=1) + np.random.default_rng(0).uniform(0, 0.5, 15_625)
    path = tmp_path_factory.mktemp("table") / "nb201.parquet"
    return write_nb201(path, ("c10valid", "c10"), score, test=10 + score)


def run(table, methods=QUICK, budget=40, n_seeds=3, **options):
    return compare(
        "nb201-cifar10", table, methods=methods, budget=budget, n_seeds=n_seeds, **options
    )


def without_seconds(traces):
    return [(t.method, t.seed, t.scores, t.test) for t in traces]


def test_every_method_spends_the_budget_and_repeats(table):
    _, traces = run(table)
    assert [(t.method, t.seed) for t in traces] == [(m, s) for m in QUICK for s in range(3)]
    assert {len(t.scores) for t in traces} == {40}
    assert without_seconds(run(table)[1]) == without_seconds(traces)
    assert len({t.scores for t in traces}) == 6


def test_methods_share_the_initial_design(table):
    _, traces = run(table, methods=("random", "regularized-evolution", "dcl-enas"), budget=16)
    for seed in range(3):
        assert len({t.scores for t in traces if t.seed == seed}) == 1


def test_processes_change_nothing(table):
    seen = []
    _, traces = run(table, budget=20, n_seeds=2, workers=2, on_run=seen.append)
    assert without_seconds(traces) == without_seconds(run(table, budget=20, n_seeds=2)[1])
    assert {(t.method, t.seed) for t in seen} == {(t.method, t.seed) for t in traces}


def test_kept_runs_are_not_run_again(table, tmp_path):
    started, seen = [], []
    options = {
        "out": tmp_path / "results",
        "on_start": lambda *counts: started.append(counts),
        "on_run": lambda trace: seen.append((trace.method, trace.seed)),
    }
    run(table, methods=("random",), n_seeds=2, **options)
    _, traces = run(table, n_seeds=3, **options)
    assert started == [(0, 2), (2, 4)]
    assert seen[2:] == [(QUICK[1], 0), (QUICK[1], 1), ("random", 2), (QUICK[1], 2)]
    assert without_seconds(traces) == without_seconds(run(table, n_seeds=3)[1])
    run(table, methods=("random",), n_seeds=1, budget=39, **options)  # another budget
    assert started[2:] == [(0, 1)]
    assert run(table, n_seeds=2, **options)[1] == [t for t in traces if t.seed < 2]


def test_what_was_done_before_a_kill_is_kept(table, tmp_path):
    def killed(trace):
        if trace.seed == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(table, out=tmp_path, on_run=killed)
    kept = []
    _, traces = run(table, out=tmp_path, on_start=lambda *counts: kept.append(counts))
    assert kept == [(3, 3)]  # seed 0 of both, and what was done when the kill came
    assert without_seconds(traces) == without_seconds(run(table)[1])


def test_runs_of_other_settings_or_another_table_are_not_mixed(table, tmp_path, monkeypatch):
    run(table, methods=("random", QUICK[1]), n_seeds=1, out=tmp_path)
    usual = methods.load(QUICK[1])
    changed = dataclasses.replace(usual, config=dataclasses.replace(usual.config, population=7))
    plugins = {"random": methods.load("random"), QUICK[1]: changed}
    monkeypatch.setattr(methods, "_REGISTRY", GivenPlugins("method", plugins))
    with pytest.raises(RunError, match=r"evolution.json.*settings.population \(.*now 7"):
        run(table, n_seeds=2, out=tmp_path)
    values = pyarrow.parquet.read_table(table)
    other = tmp_path / "other.parquet"
    column = values.column_names.index("c10_test")
    raised = pyarrow.compute.add(values["c10_test"], pyarrow.scalar(1, "float32"))
    pyarrow.parquet.write_table(values.set_column(column, "c10_test", raised), other)
    with pytest.raises(RunError, match=r"random.json.*table \("):
        run(other, methods=("random",), out=tmp_path)


def test_a_damaged_run_is_named(table, tmp_path):
    run(table, methods=("random",), n_seeds=1, out=tmp_path)
    file = tmp_path / "nb201-cifar10" / "random.json"
    file.write_text(file.read_text().replace('"scores":[', '"scores":[1,'))
    with pytest.raises(RunError, match=r"random.json.*seed 0 has 41 look-ups, not 40"):
        run(table, methods=("random",), n_seeds=1, out=tmp_path)


def test_the_default_methods_exist():
    assert set(DEFAULT) | set(DEFAULT_WITH_COST) < set(methods.available())


def trace(method, seed, scores):
    test = tuple(float("nan") if score is None else score + 1 for score in scores)
    return Trace(method=method, seed=seed, scores=tuple(scores), test=test, seconds=seed + 1.0)


def test_regret_is_to_the_best_so_far():
    curve = regret_curve(trace("a", 0, [None, 3.0, 5.0, 4.0]), optimum=6.0)
    assert curve.tolist() == [np.inf, 3, 1, 1]


def test_the_summary_worked_out_by_hand():
    flat = [1.0] * 31
    traces = [
        trace("a", 0, [*flat, 2.0, 4.0]),
        trace("a", 1, [*flat, 3.0, 2.0]),
        trace("b", 0, [4.0, *flat, 1.0]),
    ]
    result = summarise(traces, name="n", budget=33, metric="m", optimum=4.0)
    assert {k: result[k] for k in ("name", "budget", "seeds", "metric", "optimum")} == {
        "name": "n",
        "budget": 33,
        "seeds": 2,
        "metric": "m",
        "optimum": 4.0,
    }
    a, b = result["methods"]["a"], result["methods"]["b"]
    assert list(a["regret"]) == ["16", "32", "33"]
    low, high = a["regret"]["32"].pop("interval")
    assert (low, high) == (1, 2)  # of two seeds, all that a resample can be
    assert a["regret"]["32"] == pytest.approx({"mean": 1.5, "std": np.sqrt(0.5), "median": 1.5})
    assert a["regret"]["33"]["mean"] == 0.5
    assert a["trainings_to_optimum"] == [33, None]
    assert a["hit_rate"] == 0.5
    # Wilson: (p + z²/2n ± z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n), n = 2.
    assert a["hit_rate_interval"] == pytest.approx([0.0945, 0.9055], abs=1e-4)
    assert a["test_accuracy"]["mean"] == 4.5
    assert a["seconds_per_run"] == 1.5
    assert a["regret_area"]["mean"] == pytest.approx((31 * 3 * 2 + 2 + 0 + 1 + 1) / 66)
    assert b["trainings_to_optimum"] == [1]
    assert b["regret"]["33"] == {"mean": 0, "std": None, "median": 0, "interval": None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": ["tabu"]}, "bananas, dcl-enas, local-search"),
        ({"budget": 0}, "budget must be at least 1"),
        ({"n_seeds": 0}, "seeds must be at least 1"),
        ({"workers": 0}, "workers must be at least 1"),
    ],
)
def test_wrong_settings_are_refused(table, change, message):
    with pytest.raises(ConfigError, match=message):
        run(table, **change)


def test_a_benchmark_needs_its_name_and_table(tmp_path):
    with pytest.raises(ConfigError, match="nb201-cifar100"):
        compare("nb999", None, methods=QUICK, budget=5, n_seeds=1)
    with pytest.raises(ConfigError, match="--table"):
        compare("nb201-cifar10", None, methods=QUICK, budget=5, n_seeds=1)
    with pytest.raises(TableError, match="none at"):
        run(tmp_path / "none.parquet")


def test_every_default_method_searches_a_sample_of_nasbench101(tmp_path):
    path, cells = write_nb101(tmp_path / "nb101.parquet", n_cells=200)
    evaluator, traces = compare("nb101", path, methods=DEFAULT, budget=18, n_seeds=1)
    assert evaluator.cells()[0] == cells[:200]
    for found in traces:
        assert len(set(found.cells)) == 18
        assert np.isnan(found.test).all()
    assert len({found.cells[:16] for found in traces}) == 1


def test_every_default_method_searches_networks_trained_here(tmp_path):
    cells = write_ecg1d(tmp_path / "table.json")
    evaluator, traces = compare(
        "ecg1d", tmp_path / "table.json", methods=DEFAULT, budget=18, n_seeds=1
    )
    assert evaluator.cells()[0] == cells
    for found in traces:
        assert len(set(found.cells)) == 18
        assert np.isnan(found.test).all()


def test_a_budget_above_the_measured_cells_is_refused(tmp_path):
    write_ecg1d(tmp_path / "table.json")
    with pytest.raises(ConfigError, match="at most the 40 cells of the table; got 41"):
        compare("ecg1d", tmp_path / "table.json", methods=QUICK, budget=41, n_seeds=1)


@pytest.mark.real
def test_dcl_enas_beats_random_search_and_evolution_on_cifar100(data_dir):
    """A small version of the proof; ``ecg-nas benchmark nb201-cifar100`` runs the full one."""
    evaluator, traces = compare(
        "nb201-cifar100",
        data_dir / "nb201" / "nb201.parquet",
        methods=DEFAULT,
        budget=34,
        n_seeds=2,
    )
    methods = summarise(
        traces, name="", budget=34, metric=evaluator.metric, optimum=evaluator.optimum
    )["methods"]
    regret = {name: figures["regret"]["34"]["mean"] for name, figures in methods.items()}
    assert regret["dcl-enas"] < regret["random"]
    assert regret["dcl-enas"] < regret["regularized-evolution"]
