from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from data_prep import tasks
from data_prep.errors import DataError
from data_prep.io.formats import read_record
from data_prep.io.record import read_annotations
from data_prep.simulation.beat_times import Beat, Rhythm, draw_beats
from data_prep.simulation.morphology import HALF_S, KERNEL_HZ, kernel
from data_prep.simulation.patients import ROLES, draw_patient
from data_prep.sources import load
from data_prep.sources.synthetic import N_PATIENTS, simulate, simulate_record

TASK = tasks.load("aami")

RHYTHM = {"rr_s": 0.9, "rsa": 0.03, "slow": 0.01, "breath_hz": 0.25}


def draw(seed: int = 0, duration_s: float = 600.0, **fields) -> list[Beat]:
    return draw_beats(Rhythm(**(RHYTHM | fields)), duration_s, np.random.default_rng(seed))


def intervals_around(beats: list[Beat], kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intervals before and after each lone beat of a kind, and the sinus interval, in s."""
    rows = [
        (b.at_s - a.at_s, c.at_s - b.at_s, a.rr_s)
        for z, a, b, c in zip(beats, beats[1:], beats[2:], beats[3:], strict=False)
        if b.kind == kind and z.kind == a.kind == c.kind == "N"
    ]
    return tuple(np.array(rows).T)


def test_a_kernel_has_the_waves_that_were_asked_for():
    waves = [(-0.025, -0.2, 0.009), (0.0, 1.2, 0.010), (0.03, -0.5, 0.011)]
    t = np.arange(-round(HALF_S * KERNEL_HZ), round(HALF_S * KERNEL_HZ) + 1) / KERNEL_HZ
    wanted = sum(a * np.exp(-0.5 * ((t - m) / s) ** 2) for m, a, s in waves)
    made = kernel(waves)
    assert np.corrcoef(made, wanted)[0, 1] > 0.98
    assert np.abs(made).max() == pytest.approx(np.abs(wanted).max())
    assert made[0] == made[-1] == 0


def test_many_kernels_never_lose_a_wave_to_the_integrator():
    rng = np.random.default_rng(3)
    t = np.arange(-round(HALF_S * KERNEL_HZ), round(HALF_S * KERNEL_HZ) + 1) / KERNEL_HZ
    for _ in range(60):
        sd = rng.uniform(0.008, 0.012)
        waves = [(-0.024, -0.1, sd), (0.0, 1.0, sd), (0.034, -0.25, 0.012), (0.068, -0.2, 0.02)]
        wanted = sum(a * np.exp(-0.5 * ((t - m) / s) ** 2) for m, a, s in waves)
        assert np.corrcoef(kernel(waves), wanted)[0, 1] > 0.97


def test_supraventricular_beats_are_early_and_their_pause_is_incomplete():
    before, after, rr = intervals_around(draw(s_rate=0.08, s_coupling=0.7), "S")
    assert len(before) > 20
    assert np.median(before / rr) == pytest.approx(0.7, abs=0.05)
    assert np.median((before + after) / rr) < 1.9


def test_ventricular_beats_are_early_and_their_pause_is_compensatory():
    before, after, rr = intervals_around(draw(v_rate=0.08, v_coupling=(0.6,)), "V")
    assert len(before) > 20
    assert np.median(before / rr) == pytest.approx(0.6, abs=0.05)
    assert np.median((before + after) / rr) == pytest.approx(2.0, abs=0.05)


def test_fusion_beats_come_about_when_the_sinus_beat_was_due():
    before, _, rr = intervals_around(draw(f_rate=0.08), "F")
    assert len(before) > 20
    assert np.median(before / rr) == pytest.approx(0.97, abs=0.04)


def test_events_can_be_couplets_runs_and_bigeminy():
    def run_lengths(**fields) -> Counter[int]:
        text = "".join(beat.kind for beat in draw(v_rate=0.05, **fields))
        return Counter(len(run) for run in text.replace("N", " ").split())

    assert set(run_lengths()) == {1}
    assert run_lengths(pairs=1.0)[2] > 10
    assert max(run_lengths(runs=1.0)) >= 3
    assert "VNVNVNV" in "".join(beat.kind for beat in draw(v_rate=0.03, bigeminy=1.0))


def test_fibrillating_atria_are_irregular_and_show_no_p():
    beats = draw(fibrillation=True)
    gaps = np.diff([beat.at_s for beat in beats])
    assert gaps.std() / gaps.mean() > 0.12 > np.diff([b.at_s for b in draw()]).std() / 0.9
    assert all(beat.sinus_at_s is None for beat in beats)


@pytest.mark.parametrize("seed", range(5))
def test_no_beat_falls_into_the_refractory_time_or_off_the_recording(seed):
    wild = {"s_rate": 0.1, "v_rate": 0.1, "f_rate": 0.1, "runs": 0.3, "pairs": 0.3, "bigeminy": 0.1}
    at = np.array([b.at_s for b in draw(seed, 120.0, **(wild | {"rr_s": 0.55}))])
    assert np.diff(at).min() > 0.25
    assert at[0] > 0.5
    assert at[-1] < 120


def test_patients_differ_and_the_same_seed_repeats_them():
    first, again = simulate_record(5, duration_s=30), simulate_record(5, duration_s=30)
    np.testing.assert_array_equal(first.signal, again.signal)
    np.testing.assert_array_equal(first.beats, again.beats)
    same_role = simulate_record(5 + len(ROLES), duration_s=30)
    other_seed = simulate_record(5, seed=1, duration_s=30)
    assert not np.array_equal(first.signal, same_role.signal)
    assert not np.array_equal(first.signal, other_seed.signal)


def test_r_peaks_are_where_the_annotations_say():
    record = simulate_record(0, duration_s=60)
    slope = np.abs(np.diff(record.signal[:, 0]))
    steepest = [
        slope[at - 25 : at + 25].argmax() - 25 for at in record.beats[record.symbols == "N"]
    ]
    assert np.abs(steepest).max() <= 0.04 * record.fs_hz  # steepest on a flank of the R wave


def test_ventricular_complexes_are_wider_than_sinus_complexes():
    patient = draw_patient(ROLES[5], np.random.default_rng(0))

    def width_s(qrs: np.ndarray) -> float:
        inside = np.flatnonzero(np.abs(qrs).max(axis=0) > 0.1 * np.abs(qrs).max())
        return (inside[-1] - inside[0]) / KERNEL_HZ

    assert width_s(patient.morphology.foci[0].qrs) > 1.2 * width_s(patient.morphology.sinus.qrs)


def test_records_are_written_and_read_back(tmp_path):
    seen: list[dict] = []
    simulate(tmp_path / "new" / "set", n_patients=2, duration_s=20, on_event=seen.append)
    assert [(e["name"], e["done"], e["total"]) for e in seen] == [("sim01", 1, 2), ("sim02", 2, 2)]
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["set"]  # nothing temporary is left
    made, read = simulate_record(1, duration_s=20), read_record(tmp_path / "new" / "set" / "sim02")
    assert read.leads == ("MLII", "V1")
    assert read.fs_hz == made.fs_hz
    np.testing.assert_allclose(read.signal, made.signal, atol=0.5 / 200 + 1e-6)
    np.testing.assert_array_equal(read.beats, made.beats)
    np.testing.assert_array_equal(read.symbols, made.symbols)
    assert read_annotations(tmp_path / "new" / "set" / "sim02", "atr").aux[0] == "(N"


def test_the_source_makes_its_records_once_and_splits_patients_in_halves(tmp_path, monkeypatch):
    calls = []

    def few_seconds(folder, *, seed, on_event):
        calls.append(folder)
        simulate(folder, seed=seed, duration_s=10, on_event=on_event)

    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path))
    monkeypatch.setattr("data_prep.sources.synthetic.simulate", few_seconds)
    # Twenty-four kernels a patient are what takes the time; one patient's heart will do for all.
    shared = draw_patient(ROLES[5], np.random.default_rng(0))
    monkeypatch.setattr("data_prep.sources.synthetic.draw_patient", lambda role, rng: shared)
    source = load("synthetic")
    refs = source.records(None)
    assert source.records(None) == refs
    assert len(calls) == 1
    assert len(refs) == N_PATIENTS >= 24
    side = source.assign("standard", {ref.patient: {} for ref in refs}, TASK).side
    assert Counter(side.values()) == {"train": N_PATIENTS // 2, "test": N_PATIENTS // 2}
    refs[3].path.with_suffix(".atr").unlink()
    with pytest.raises(DataError, match=r"has no sim04\.atr: delete the folder"):
        source.records(None)


def test_bad_input_is_one_clear_line(tmp_path):
    source = load("synthetic")
    with pytest.raises(DataError, match="must exist"):
        source.records(tmp_path / "nowhere")
    with pytest.raises(DataError, match="must be one of standard"):
        source.assign("random", {}, TASK)
    with pytest.raises(DataError, match="got 100"):
        source.assign("standard", {"100": {}}, TASK)
    with pytest.raises(DataError, match="at least 10 s"):
        simulate(tmp_path / "set", duration_s=1)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can be written"):
        simulate(tmp_path / "file" / "set")
