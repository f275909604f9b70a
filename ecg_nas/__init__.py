"""Search, training, export and evaluation of small networks for ECG beats."""

from ecg_nas.api import Model, evaluate, load_model, prepare, read_recording, search

__all__ = ["Model", "evaluate", "load_model", "prepare", "read_recording", "search"]
