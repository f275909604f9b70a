"""Couplets and runs of ectopic beats, found and missed."""

import numpy as np

from data_prep.ec57.run_by_run import RunCounts, compare_runs
from data_prep.io.record import Annotations

EMPTY = (0, 0, 0)


def notes(text, aux=()):
    """One annotation every 100 samples; ``aux`` are the texts of the ``+`` in turn."""
    texts = iter(aux)
    return Annotations(
        samples=100 * np.arange(1, len(text) + 1),
        symbols=np.array(list(text), dtype="U1"),
        subtypes=np.zeros(len(text), dtype=np.int64),
        aux=tuple(next(texts) if symbol == "+" else "" for symbol in text),
        fs_hz=100.0,
    )


def runs(reference, test, kind="V", start=0, end=10**6):
    return compare_runs(reference, test, kind, fs_hz=100.0, window=15, start=start, end=end)


def test_runs_fall_into_couplets_short_and_long_ones():
    text = notes("NVNVVNVVVNVVVVVNVVVVVVN")
    both = runs(text, text)
    assert both == RunCounts(found=(1, 2, 1), missed=EMPTY, right=(1, 2, 1), wrong=EMPTY)
    assert both.se == both.ppv == (1.0, 1.0, 1.0)


def test_a_shorter_run_in_the_other_file_is_not_enough():
    found = runs(notes("NVVVVVVN"), notes("NVVVNNNN"))
    assert (found.found, found.missed) == (EMPTY, (0, 0, 1))
    # The short run of the test file has a long one around it.
    assert (found.right, found.wrong) == ((0, 1, 0), EMPTY)
    assert found.se == (None, None, 0.0)


def test_only_the_beats_within_the_window_count():
    # A run of three in the test file, one beat of it within the reference couplet's window.
    found = runs(notes("NNNVVN"), notes("NVVVNN"))
    assert (found.found, found.missed) == (EMPTY, (1, 0, 0))
    assert (found.right, found.wrong) == (EMPTY, (0, 1, 0))


def test_fusion_beats_belong_to_ventricular_runs_and_unclassified_ones_end_them():
    assert runs(notes("NVFVN"), notes("NVVVN")).found == (0, 1, 0)
    assert runs(notes("NVVQVVN"), notes("NNNNNNN")).missed == (2, 0, 0)


def test_fibrillation_holds_no_beats_and_ends_a_run():
    assert runs(notes("NV[VVVV]VN"), notes("NNNNNNNNNN")).missed == EMPTY


def test_the_learning_period_and_what_lies_past_the_end_do_not_count():
    text = notes("VVVVVVVV")
    assert runs(text, text, start=250, end=700).found == (0, 1, 0)


def test_in_flutter_normal_beats_are_supraventricular():
    reference = notes("NA+NN+NN", aux=["(AFL", "(N"])
    assert runs(reference, notes("NAAAAANN"), "S").found == (0, 1, 0)


def test_fibrillation_of_the_atria_is_one_long_run_that_ventricular_beats_interrupt():
    reference = notes("NN+NNV+NNVNN+NN", aux=["(AFIB", "(AFIB", "(N"])
    assert runs(reference, notes("N" * 15), "S").missed == (0, 0, 3)
    # Any couplet of the test file within it is right, however its reference beats are called.
    assert runs(reference, notes("NNNAAN" + "N" * 9), "S").right == (1, 0, 0)


def test_counts_add_up():
    one = RunCounts(found=(1, 2, 3), missed=(0, 1, 0), right=(4, 0, 0), wrong=(0, 0, 1))
    total = RunCounts.total([one, one])
    assert total == RunCounts(found=(2, 4, 6), missed=(0, 2, 0), right=(8, 0, 0), wrong=(0, 0, 2))
    assert total.to_json()["short"] == {
        "found": 4, "missed": 2, "right": 0, "wrong": 0, "se": 4 / 6, "ppv": None,
    }  # fmt: skip
