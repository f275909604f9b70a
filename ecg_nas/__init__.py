"""Search, training, export and evaluation of small networks for ECG beats."""

from ecg_nas.api import Model, load_model, read_recording

__all__ = ["Model", "load_model", "read_recording"]
