"""The main job at its smallest, and what came of it."""

import json
from functools import partial

from data_prep.store.dataset import open_store
from ecg_nas.errors import RunError
from ecg_nas.methods.engine.run_store import RunStore
from ecg_nas.pipeline.final_model import FinalModel, best_of
from ecg_nas.runs.config import resolve
from ecg_nas.runs.folder import RunFolder

SETTINGS = """
method = "regularized-evolution"
max_macs = 60000
[training]
epochs = 1
batch = 32
keep_every = 2
[folds]
n_folds = 2
[confirm]
candidates = 2
trainings = 1
[final]
epochs = 2
[algorithm]
population = 2
tournament = 1
"""

KILLED = """
import sys
from pathlib import Path
from ecg_nas.pipeline.main_job import execute
from main_job import settings
execute(settings(Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3]), workers=1)
"""


def settings(folder, store, **flags):
    file = folder / "settings.toml"
    if not file.exists():
        file.write_text(SETTINGS, encoding="utf-8")
    return resolve(file=file, flags={"data": str(store), "budget": 3, "device": "cpu", **flags})


def content(out):
    """What a run found, without the times."""
    with RunStore(out / "run.sqlite", read_only=True) as opened:
        evaluations = [
            (e.slot, e.key, e.seed, e.origin, e.score, e.metrics, e.repeats)
            for e in opened.evaluations()
        ]
    weights = (out / "final.safetensors").read_bytes()
    bundle = {path.name: path.read_bytes() for path in (out / "bundle").iterdir()}
    return evaluations, weights, (out / "held_out.npz").read_bytes(), bundle


def stored(out):
    try:
        with RunStore(out / "run.sqlite", read_only=True) as opened:
            return len(opened.evaluations())
    except RunError:
        return 0


def final_model(run, store, *, open_signals=None, folder=None):
    """The winner of the run, or its like in another folder."""
    with RunStore(run / "run.sqlite", read_only=True) as opened:
        winner = best_of(opened.evaluations())
    return FinalModel(
        folder or RunFolder(run).winner,
        settings(run.parent, store),
        winner,
        name="it",
        data=json.loads((run / "config.json").read_text(encoding="utf-8"))["data"],
        open_signals=open_signals or partial(open_store, store, "train"),
    )
