"""Evaluators that misbehave on demand; a module of its own so that workers can import it."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ecg_nas.evaluation.base import Evaluation, Evaluator

FORBIDDEN = ("click", "pydantic", "rich", "torch_geometric", "wfdb")


@dataclass
class Deeds(Evaluator):
    """What a candidate's evaluation does is written in its one operation.

    Attributes:
        marks: Folder for notes that outlive a worker.
    """

    marks: Path

    def evaluate(self, candidates):
        for candidate in candidates:
            deed = candidate.architecture.ops[0]
            failure = None
            if deed == "die once" and not (self.marks / "died").exists():
                (self.marks / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            elif deed == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            elif deed == "raise":
                raise ValueError("a fault of the program")
            elif deed == "fail":
                failure = "no such luck"
            elif deed == "sleep":
                (self.marks / f"pid-{os.getpid()}").touch()
                time.sleep(60)
            elif deed == "nap":
                time.sleep(0.3)
            yield Evaluation(
                slot=candidate.slot,
                score=None if failure else candidate.seed / 2**63,
                metrics={
                    "threads": os.environ.get("OMP_NUM_THREADS"),
                    "imported": [name for name in FORBIDDEN if name in sys.modules],
                    "pid": os.getpid(),
                },
                failure=failure,
            )


def main() -> None:
    """Keep two workers busy until killed: ``python -m pool_doubles MARKS``."""
    from functools import partial

    from ecg_nas.evaluation.base import Candidate
    from ecg_nas.evaluation.process_pool import PoolEvaluator
    from search_spaces import Architecture

    marks = Path(sys.argv[1])
    arch = Architecture(space="none", ops=("sleep",), edges=())
    pool = PoolEvaluator(partial(_module().Deeds, marks), workers=2)
    list(pool.evaluate([Candidate(slot=i, architecture=arch, seed=i) for i in range(4)]))


def _module():
    import pool_doubles  # by its importable name, not as __main__

    return pool_doubles


if __name__ == "__main__":
    main()
