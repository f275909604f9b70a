import json
import re

import numpy as np
import predictor_doubles
import pytest
from plugin_doubles import GivenPlugins
from tables import compared, nb201_ops, write_ecg1d, write_nb201

from ecg_nas import predictor as predictors
from ecg_nas.benchmark import ranking
from ecg_nas.benchmark.ranking import Ranking, compare, kendall_tau, summarise
from ecg_nas.errors import ConfigError, RunError, TableError
from ecg_nas.predictor import PredictorSpec
from search_spaces import load, nasbench201

OURS = predictors._REGISTRY


def double(noise):
    config = predictor_doubles.CountingConfig(noise=noise)
    return PredictorSpec(make=predictor_doubles.Counting, config=config)


@pytest.fixture(autouse=True)
def doubles(monkeypatch):
    known = {"exact": double(0.0), "noisy": double(20.0)}
    monkeypatch.setattr(predictors, "_REGISTRY", GivenPlugins("predictor", known))
    monkeypatch.setattr(predictor_doubles.Counting, "calls", [])
    return known


@pytest.fixture
def every_predictor(doubles, monkeypatch):
    """Those of the package, in place of the doubles."""
    monkeypatch.setattr(predictors, "_REGISTRY", OURS)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Accuracies that are the number of 3x3 convolutions."""
    path = tmp_path_factory.mktemp("table") / "nb201.parquet"
    return write_nb201(path, ("c10valid", "c10"), (nb201_ops() == 3).sum(axis=1))


def run(table, names=("exact", "noisy"), labels=(10, 20), n_seeds=2, **options):
    return compared(
        compare, "nb201-cifar10", table, predictors=names, labels=labels, n_seeds=n_seeds, **options
    )


def figures(rankings):
    return [(r.predictor, r.labels, r.seed, r.kendall_tau) for r in rankings]


def test_all_cells_are_ranked_after_few_labels(table):
    _, found = run(table)
    assert [(r.predictor, r.labels, r.seed) for r in found] == [
        (p, n, seed) for p in ("exact", "noisy") for n in (10, 20) for seed in (0, 1)
    ]
    assert {r.kendall_tau for r in found if r.predictor == "exact"} == {1.0}
    noisy = {(r.labels, r.seed): r.kendall_tau for r in found if r.predictor == "noisy"}
    assert all(0 < noisy[10, seed] < noisy[20, seed] < 1 for seed in (0, 1))
    assert figures(run(table)[1]) == figures(found)


def test_draws_are_random_shared_and_contain_each_other(table):
    run(table)
    calls = predictor_doubles.Counting.calls
    keys = {arch.key: arch for arch in nasbench201.all_architectures()}
    by_job = [calls[i : i + 3] for i in range(0, len(calls), 3)]
    assert [[kind for kind, *_ in job] for job in by_job] == [["pretrain", "fit", "fit"]] * 4
    assert by_job[0] == by_job[1] != by_job[2] == by_job[3]  # two predictors of each seed
    (_, unlabelled, _), (_, few, _), (_, many, scores) = by_job[0]
    assert len(set(unlabelled)) == ranking.N_UNLABELLED
    assert (len(few), len(set(many)), many[:10]) == (10, 20, few)
    assert scores == [keys[key].ops.count("nor_conv_3x3") for key in many]


def test_only_missing_rankings_are_made(table, tmp_path):
    started, seen = [], []
    options = {
        "out": tmp_path,
        "on_start": lambda *counts: started.append(counts),
        "on_run": lambda r: seen.append((r.predictor, r.labels, r.seed)),
    }
    run(table, names=("noisy",), labels=(10,), **options)
    _, found = run(table, names=("noisy",), labels=(10, 20), n_seeds=3, **options)
    assert started == [(0, 2), (2, 4)]
    assert seen[2:] == [("noisy", 20, 0), ("noisy", 20, 1), ("noisy", 10, 2), ("noisy", 20, 2)]
    assert figures(found) == figures(run(table, ("noisy",), (10, 20), 3)[1])
    assert [path.name for path in (tmp_path / "nb201-cifar10" / "predictors").iterdir()] == [
        "noisy.json"
    ]


def test_rankings_of_other_settings_are_not_mixed(table, tmp_path, doubles):
    run(table, out=tmp_path)
    doubles["noisy"] = double(3.0)
    with pytest.raises(RunError, match=r"noisy.json.*settings.noise \(20.0, now 3.0\)"):
        run(table, out=tmp_path)


def test_a_damaged_ranking_is_named(table, tmp_path):
    run(table, names=("exact",), labels=(10,), n_seeds=1, out=tmp_path)
    [file] = tmp_path.rglob("exact.json")
    file.write_text(file.read_text().replace('"seconds"', '"hours"'))
    with pytest.raises(RunError, match=r"exact.json.*10 labels, seed 0 is not a ranking"):
        run(table, names=("exact",), labels=(10,), n_seeds=1, out=tmp_path)


def test_the_usual_labels_are_those_of_the_space(table):
    _, found = run(table, names=("exact",), labels=(), n_seeds=1)
    assert [r.labels for r in found] == [78, 156, 469]


class Memory(predictor_doubles.Counting):
    """Knows the scores that it was given, and calls all others the same."""

    def predict(self, archs):
        _, keys, scores = self.calls[-1]
        known = dict(zip(keys, scores, strict=True))
        return np.array([known.get(arch.key, -1.0) for arch in archs])


def test_tau_over_unseen_cells_leaves_out_what_was_given(tmp_path, doubles):
    config = predictor_doubles.CountingConfig()
    doubles["memory"] = PredictorSpec(make=Memory, config=config)
    cells = write_ecg1d(tmp_path / "table.json")
    options = {"predictors": ["memory"], "n_seeds": 1, "table": tmp_path / "table.json"}
    _, found = compared(compare, "ecg1d", labels=[30, len(cells)], **options)
    assert [r.kendall_tau > 0.4 for r in found] == [True, True]
    assert [r.kendall_tau_unseen for r in found] == [None, None]  # all alike, and none left


def test_rankings_kept_before_unseen_cells_were_looked_at_are_read(table, tmp_path):
    _, made = run(table, names=("noisy",), labels=(10,), out=tmp_path)
    [file] = tmp_path.rglob("noisy.json")
    text = re.sub(r'"kendall_tau_unseen":[^,]+,', "", file.read_text())
    assert text != file.read_text()
    file.write_text(text)
    _, found = run(table, names=("noisy",), labels=(10,), out=tmp_path)
    assert figures(found) == figures(made)
    assert {r.kendall_tau_unseen for r in found} == {None}
    assert {0 < r.kendall_tau_unseen < 1 for r in made} == {True}


def test_tau_counts_ties_as_kendall_does():
    # 5 concordant pairs, none discordant, one tied in the scores alone: 5 / sqrt(6 * 5).
    assert kendall_tau(np.arange(4.0), np.array([1.0, 1, 2, 3])) == pytest.approx(
        5 / np.sqrt(30), abs=1e-6
    )
    assert kendall_tau(np.arange(4.0), -np.arange(4.0)) == -1
    assert kendall_tau(np.zeros(4), np.arange(4.0)) is None


def made(predictor, labels, seed, tau):
    return Ranking(
        predictor=predictor,
        labels=labels,
        seed=seed,
        kendall_tau=tau,
        kendall_tau_unseen=tau and tau - 0.1,
        seconds=seed + 1.0,
        code="c",
    )


def test_the_summary_worked_out_by_hand():
    found = [
        made("a", 10, 0, 0.5),
        made("a", 10, 1, 0.7),
        made("b", 10, 0, None),
        made("b", 10, 1, 0.25),
    ]
    result = summarise(found, name="n", metric="m", cells=9)
    assert (result["name"], result["metric"], result["cells"], result["seeds"]) == ("n", "m", 9, 2)
    a, b = result["labels"]["10"]["a"], result["labels"]["10"]["b"]
    assert a["kendall_tau"] == pytest.approx({"mean": 0.6, "std": np.sqrt(0.02)})
    assert a["kendall_tau_unseen"] == pytest.approx({"mean": 0.5, "std": np.sqrt(0.02)})
    assert b["kendall_tau"] == {"mean": 0.25, "std": None}
    assert a["seconds"] == 1.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ("oracle",)}, "exact, noisy"),
        ({"labels": (1,)}, "from 2 to the 15625 cells of the table; got 1"),
        ({"labels": (15_626,)}, "got 15626"),
        ({"n_seeds": 0}, "seeds must be at least 1"),
        ({"workers": 0}, "workers must be at least 1"),
    ],
)
def test_wrong_settings_are_refused(table, change, message):
    with pytest.raises(ConfigError, match=message):
        run(table, **change)
    with pytest.raises(TableError, match="none at"):
        run(table.with_name("none.parquet"))


@pytest.mark.parametrize("name", predictors.with_variants())
def test_a_predictor_of_the_list_starts_and_says_its_settings(name, every_predictor):
    spec = predictors.load(name)
    assert isinstance(spec.start(load("nasbench201"), 3), predictors.Predictor)
    json.dumps(spec.settings())
    assert ranking.code_of("nasbench201", name)


def test_a_process_encodes_a_cell_once(every_predictor):
    space = load("nasbench201")
    archs = [nasbench201.from_index(index) for index in range(0, 15_625, 1000)]
    spec = predictors.load("dcl:no-pretraining")
    first, second = (spec.start(space, seed, sharing=True) for seed in (0, 1))
    first.fit(archs, list(range(len(archs))))
    [encoder] = spec.shared(space).values()
    rows = dict(encoder._rows)
    second.fit(archs, list(range(len(archs))))
    assert all(encoder._rows[key] is row for key, row in rows.items())
    assert rows.keys() >= {arch.key for arch in archs}


@pytest.mark.real
def test_dcl_ranks_nasbench201_far_better_than_chance(data_dir, every_predictor):
    table = data_dir / "nb201" / "nb201.parquet"
    _, [found] = run(table, names=("dcl:no-pretraining",), labels=(50,), n_seeds=1)
    assert found.kendall_tau > 0.6
