"""A run as a search leaves it, without searching."""

import json

from ecg_nas.evaluation.base import Candidate, Evaluation
from ecg_nas.methods.base import Proposal
from ecg_nas.methods.engine.run_store import RunStore
from search_spaces import Architecture

FIGURES = {"se": 0.9, "ppv": 0.8, "f1": 0.847}
METRICS = {
    "confusion": [[90, 5, 5, 0, 0], [3, 7, 0, 0, 0], [1, 0, 9, 0, 0], [0] * 5, [0] * 5],
    "per_class": {
        **dict.fromkeys("SVN", FIGURES),
        "Q": {"se": None, "ppv": None, "f1": None},
        "F": {"se": None, "ppv": 0.0, "f1": 0.0},
    },
    "folds": [{"score": 0.7}, {"score": 0.61}],
    "params": 12345,
    "macs": 67890,
}
OUTCOMES = [("initial", 0.5), ("initial", None), ("predictor", 0.71), ("predictor", 0.6)]


def architecture(index):
    return Architecture(
        space="ecg1d",
        ops=("conv7", f"pool{index}"),
        edges=((0, 1), (1, 2), (2, 3)),
        macro=(("stem_kernel", 7),),
        representation=(("rr", "patient"),),
    )


def stored_run(folder):
    """Write what a stopped search leaves in its ``folder``; return the folder."""
    folder.mkdir()
    config = {
        "settings": {"method": "dcl-enas", "space": "ecg1d", "seed": 7, "folds": {"n_folds": 2}},
        "data": {"source": "synthetic", "split": "standard", "fingerprint": "f00d"},
        "versions": {"torch": "2"},
        "begun": "2031-01-02T03:04:05+00:00",
    }
    (folder / "config.json").write_text(json.dumps(config))
    with RunStore(folder / "run.sqlite") as store:
        proposals = [
            Proposal(architecture=architecture(slot), origin=origin)
            for slot, (origin, _) in enumerate(OUTCOMES)
        ]
        store.propose(0, proposals)
        for slot, (_, score) in enumerate(OUTCOMES):
            store.add(
                Candidate(slot=slot, architecture=architecture(slot), seed=slot),
                Evaluation(
                    slot=slot,
                    score=score,
                    metrics={} if score is None else METRICS,
                    seconds=60.0,
                    failure="loss <is> not finite" if score is None else None,
                ),
            )
    return folder
