"""A search in a process of its own, to be killed: ``python -m search_doubles STORE``."""

import sys
import time
from pathlib import Path

from data_prep.events import ignore
from ecg_nas import seeds
from ecg_nas.evaluation.base import Evaluation, Evaluator
from ecg_nas.methods.engine.run_store import RunStore
from ecg_nas.methods.engine.search_loop import run
from ecg_nas.methods.regularized_evolution import RegularizedEvolution, RegularizedEvolutionConfig
from search_spaces import load

SEED = 3


class Scorer(Evaluator):
    """Scores by the seed and the number of operations; answers in another order than asked."""

    def __init__(self, pause_s=0.0, fail=()):
        self.pause_s, self.fail, self.seen = pause_s, set(fail), []

    def evaluate(self, candidates):
        for candidate in reversed(candidates):
            time.sleep(self.pause_s)
            self.seen.append(candidate.slot)
            failed = candidate.slot in self.fail
            noise = seeds.derive(candidate.seed, "noise") / 2**63
            score = len(candidate.architecture.ops) + noise
            yield Evaluation(
                slot=candidate.slot,
                score=None if failed else score,
                metrics={"noise": noise},
                failure="a failure" if failed else None,
            )


def evolution(budget=24):
    config = RegularizedEvolutionConfig(fes_max=budget, population=8, tournament=3, n_batch=4)
    return RegularizedEvolution(load("ecg1d"), config, seed=SEED)


def search(path, evaluator, algorithm=None, on_event=ignore, parent_of=None):
    """Run or resume the search whose store is ``path``; return its evaluations."""
    with RunStore(path) as store:
        run(
            algorithm or evolution(),
            evaluator,
            load("ecg1d"),
            store,
            seed=SEED,
            parent_of=parent_of,
            on_event=on_event,
        )
        return [(e.slot, e.key, e.seed, e.origin, e.score, e.failure) for e in store.evaluations()]


if __name__ == "__main__":
    search(Path(sys.argv[1]), Scorer(pause_s=0.02))
