"""Search, training, export and evaluation of small networks for ECG beats."""
