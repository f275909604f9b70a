"""Beat detection: the vote of the detectors, block by block."""

import subprocess
import sys

import numpy as np
import pytest

from data_prep.dsp.r_peaks import detect, detect_in_blocks
from data_prep.ec57.beat_by_beat import compare
from data_prep.errors import DataError
from data_prep.io.formats import read_record
from data_prep.io.record import Annotations, read_annotations

FS = 250.0


def recording(duration_s, fs_hz=FS, n_leads=2, noise_mv=0.02, seed=0):
    """A signal with a QRS, a T wave and a wandering baseline; and where the R peaks are."""
    rng = np.random.default_rng(seed)
    times = 0.7 + np.cumsum(rng.normal(0.8, 0.05, int(duration_s / 0.8)))
    times = times[times < duration_s - 0.7]
    grid = np.arange(int(duration_s * fs_hz)) / fs_hz
    nearest = times[np.searchsorted((times[1:] + times[:-1]) / 2, grid)]
    phase = grid - nearest
    qrs = np.exp(-((phase / 0.012) ** 2) / 2) - 0.25 * np.exp(-(((phase - 0.03) / 0.012) ** 2) / 2)
    t_wave = 0.3 * np.exp(-(((phase - 0.25) / 0.05) ** 2) / 2)
    signal = np.stack([qrs + t_wave, -0.8 * qrs + t_wave], axis=1)[:, :n_leads]
    signal = signal + 0.3 * np.sin(2 * np.pi * 0.2 * grid)[:, None]
    signal = signal + rng.normal(0, noise_mv, signal.shape)
    return signal.astype(np.float32), np.rint(times * fs_hz).astype(np.int64)


def matched(peaks, truth, within):
    """Whether each of ``truth`` has exactly one of ``peaks`` beside it, and the other way round."""
    return len(peaks) == len(truth) and bool((np.abs(peaks - truth) <= within).all())


@pytest.mark.parametrize("fs_hz", [125.0, 250.0, 257.5, 360.0, 1000.0])
def test_every_beat_is_found_at_its_peak_at_any_rate(fs_hz):
    signal, truth = recording(60, fs_hz)
    assert matched(detect(signal, fs_hz), truth, within=0.02 * fs_hz)


@pytest.mark.parametrize("scale", [1e-3, 50.0])
def test_the_unit_does_not_matter(scale):
    signal, truth = recording(60)
    assert matched(detect(scale * signal, FS), truth, within=3)


def test_one_lead_is_enough():
    signal, truth = recording(60, n_leads=1)
    assert matched(detect(signal, FS), truth, within=3)


def test_a_lead_of_noise_does_not_spoil_the_other():
    signal, truth = recording(120)
    noise = np.random.default_rng(1).normal(0, 1, len(signal)).astype(np.float32)
    for lead in (0, 1):
        spoilt = signal.copy()
        spoilt[:, lead] = noise
        assert len(detect(spoilt, FS)) == pytest.approx(len(truth), abs=2)


def test_a_dead_lead_does_not_spoil_the_other():
    signal, truth = recording(60)
    for dead in (0.0, np.nan):
        half = signal.copy()
        half[:, 0] = dead
        assert matched(detect(half, FS), truth, within=3)


def test_nothing_is_found_where_there_is_no_signal():
    signal, truth = recording(90)
    signal[int(30 * FS) : int(60 * FS)] = np.nan
    peaks = detect(signal, FS)
    assert not ((peaks >= 30 * FS) & (peaks < 60 * FS)).any()
    inside = truth[(truth < 29 * FS) | (truth > 61 * FS)]
    assert all(np.abs(peaks - beat).min() <= 3 for beat in inside)
    flat = np.zeros((5000, 2), dtype=np.float32)
    assert len(detect(flat, FS)) == len(detect(np.full_like(flat, np.nan), FS)) == 0


@pytest.mark.parametrize("n_samples", [0, 1, 40, 300])
def test_short_pieces_are_no_error(n_samples):
    signal, _ = recording(10)
    peaks = detect(signal[:n_samples], FS)
    assert ((peaks >= 0) & (peaks < n_samples)).all()


def test_blocks_have_fixed_places():
    signal, truth = recording(1320, seed=2)
    whole = detect(signal, FS)
    assert matched(whole, truth, within=3)  # none lost or doubled where blocks meet
    # What lies more than a margin behind a block changes nothing in it.
    part = detect(signal[: int(700 * FS)], FS)
    np.testing.assert_array_equal(part[part < 600 * FS], whole[whole < 600 * FS])
    reads = []

    def read(start, stop):
        reads.append(stop - start)
        return signal[start:stop]

    np.testing.assert_array_equal(detect_in_blocks(read, len(signal), FS), whole)
    assert max(reads) == 660 * FS


@pytest.mark.parametrize(
    ("signal", "fs_hz", "message"),
    [
        (np.zeros(100, dtype=np.float32), FS, r"\(samples, leads\)"),
        (np.zeros((100, 0), dtype=np.float32), FS, r"\(samples, leads\)"),
        (np.zeros((100, 2), dtype=np.float32), 0.0, "rate must be above 0"),
        (np.zeros((100, 2), dtype=np.float32), float("nan"), "rate must be above 0"),
    ],
)
def test_bad_arguments_are_refused(signal, fs_hz, message):
    with pytest.raises(DataError, match=message):
        detect(signal, fs_hz)


def test_detection_needs_no_torch_and_neurokit2_only_when_it_runs():
    code = "import sys, data_prep.dsp.r_peaks; print({'torch', 'neurokit2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.real
@pytest.mark.parametrize(("name", "least"), [("119", 0.999), ("208", 0.994)])
def test_beats_of_real_patients_are_found(mitdb_dir, name, least):
    record = read_record(mitdb_dir / name)
    peaks = detect(record.signal, record.fs_hz)
    found = Annotations(
        samples=peaks,
        symbols=np.full(len(peaks), "N"),
        subtypes=np.zeros(len(peaks), dtype=np.int64),
        aux=("",) * len(peaks),
        fs_hz=record.fs_hz,
    )
    reference = read_annotations(mitdb_dir / name, "atr")
    figures = compare(reference, found, fs_hz=record.fs_hz, n_samples=len(record.signal)).figures
    assert figures.q_se >= least
    assert figures.q_ppv >= least
