import re
from unittest.mock import Mock

import numpy as np

from data_prep import tasks
from ecg_nas.export.quantize import gate
from ecg_nas.pipeline import int8_gate


def test_int8_that_fine_tuning_does_not_save_is_refused_with_both_figures(monkeypatch):
    y = np.repeat([0, 1, 2], 10)
    called = iter([np.zeros(30, int), np.where(np.arange(30) == 10, 0, y)])
    task = tasks.load("aami")
    monkeypatch.setattr(int8_gate, "_tuned_template", Mock())
    monkeypatch.setattr(int8_gate, "_compared", lambda *args: gate(y, y, next(called), task))
    verdict = int8_gate._verdict(Mock(), lambda event: None)
    assert re.search(
        r"S_f1 falls by 1\.0000 .*; fine-tuned for it, .*S_f1 falls by 0\.05", verdict["refused"]
    )
