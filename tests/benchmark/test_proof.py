"""The method on trained networks: a small comparison with rivals, and an ablation."""

import numpy as np
import pytest
from tables import compared

from ecg_nas.benchmark.harness import compare
from ecg_nas.benchmark.summary import regret_curve


@pytest.mark.real
def test_dcl_enas_finds_better_networks_than_its_rivals(data_dir):
    table = data_dir / "nb201" / "nb201.parquet"
    methods = ("dcl-enas", "dcl-enas:no-pretraining", "regularized-evolution", "random")
    evaluator, traces = compared(
        compare, "nb201-cifar100", table, methods=methods, budget=64, n_seeds=2
    )
    regret = {
        method: np.mean(
            [regret_curve(t, evaluator.optimum)[-1] for t in traces if t.method == method]
        )
        for method in methods
    }
    rivals = min(regret["regularized-evolution"], regret["random"])
    assert regret["dcl-enas"] < 0.3 * rivals
    assert regret["dcl-enas:no-pretraining"] < 0.5 * rivals
