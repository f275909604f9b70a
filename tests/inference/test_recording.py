"""Whole recordings: the beats of an evaluation, whatever the pieces; unreadable segments."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from bundles import SIGNAL, ectopic_signal, tiny_bundle
from data_requests import asked
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from data_prep.beats.beat_spec import BeatSpec
from data_prep.dsp import r_peaks
from data_prep.errors import DataError
from data_prep.io.formats import open_recording
from data_prep.io.record import read_annotations, read_header, write_record
from data_prep.store.dataset import open_store
from data_prep.store.prepare import prepare
from data_prep.streaming.blocks import RecordingReader
from ecg_nas.assessment.detected_beats import with_detected_beats
from ecg_nas.assessment.evaluate import evaluate
from ecg_nas.bundle.manifest import load
from ecg_nas.errors import BundleError
from ecg_nas.inference import output_writers
from ecg_nas.inference.classifier import Classifier
from ecg_nas.inference.recording_beats import classify_recording
from ecg_nas.inference.recording_summary import hourly, intervals, summary

SPECS = {
    "all": BeatSpec(signal=SIGNAL, reference_beat=True, neighbours=2, rhythm="all"),
    "high-pass": BeatSpec(signal=SIGNAL, baseline="high-pass", scale="r-peak"),
    "as it is": BeatSpec(signal=SIGNAL, baseline="none", scale="window", neighbours=1),
    "causal": BeatSpec(
        signal=SIGNAL, causal=True, baseline="high-pass", reference_beat=True, neighbours=1
    ),
}


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    return {
        name: Classifier(load(tiny_bundle(folder / name, spec=spec)))
        for name, spec in SPECS.items()
    }


@pytest.fixture
def classifier(bundle_folder):
    return Classifier(load(bundle_folder))


def opened(path, classifier):
    return open_recording(path, leads=classifier.bundle.spec.signal.leads)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("beats", ["atr", "detected"])
def test_beats_and_probabilities_are_those_of_an_evaluation(
    classifiers, name, beats, recordings, store
):
    classifier = classifiers[name]
    side = open_store(store, "test")
    cut_from = with_detected_beats(side) if beats == "detected" else side
    data = cut_from.cut(classifier.spec_for(side.signal_spec))
    expected = classifier.probabilities(data)
    for index, record in enumerate(side.records):
        found = classify_recording(
            classifier, opened(recordings / record.name, classifier), beats=beats, gate=False
        )
        own = data.record == index
        assert found.samples.tolist() == data.sample[own].tolist()
        # Where a filter looks forth and back over all, the last bit may differ.
        np.testing.assert_allclose(found.probabilities, expected[own], atol=1e-6)


@pytest.fixture(scope="module")
def long_record(tmp_path_factory):
    """A little more than two blocks of ten minutes."""
    path = tmp_path_factory.mktemp("long") / "long"
    signal, _, _ = ectopic_signal(np.random.default_rng(0), fs_hz=100.0, seconds=100)
    signal = np.tile(signal, (13, 1))
    signal[30_000:33_000] = np.nan
    write_record(path, signal=signal, fs_hz=100.0, leads=("MLII", "V1"))
    return path


@pytest.mark.parametrize("name", ["all", "high-pass", "causal"])
def test_the_result_does_not_depend_on_the_pieces(classifiers, name, long_record):
    recording = opened(long_record, classifiers[name])
    whole = classify_recording(classifiers[name], recording, piece_s=1e6)
    assert len(whole.samples) > 1000
    pieces = classify_recording(classifiers[name], recording, piece_s=61.7)
    np.testing.assert_array_equal(pieces.samples, whole.samples)
    np.testing.assert_array_equal(pieces.probabilities, whole.probabilities)
    assert pieces.segments == whole.segments


def test_beats_that_a_blocks_end_cuts_are_cut_whole(classifier, long_record):
    recording = opened(long_record, classifier)
    samples = np.array([59_990, 60_000, 60_005, 129_999])
    recording.beats = lambda annotator: samples
    parts = classify_recording(classifier, recording, beats="x", piece_s=13.0)
    whole = classify_recording(classifier, recording, beats="x", piece_s=1e6)
    assert parts.samples.tolist() == samples.tolist()
    np.testing.assert_array_equal(parts.probabilities, whole.probabilities)


@pytest.mark.parametrize("fs_hz", [250.0, 249.98, 360.02])
def test_found_beats_lie_where_they_are_at_any_rate(monkeypatch, fs_hz):
    beats = np.round(np.arange(0.5, 2400, 0.8) * fs_hz).astype(np.int64)
    signal = np.zeros((round(2400 * fs_hz), 2), dtype=np.float32)
    signal[beats] = 1
    # Smooth enough to pass the filters with a top where it was.
    signal = gaussian_filter1d(signal, 0.012 * fs_hz, axis=0)

    def tops(signal, fs_hz):
        return find_peaks(signal[:, 0], height=signal.max() / 2)[0]

    monkeypatch.setattr(r_peaks, "_detect_block", tops)
    recording = SimpleNamespace(
        fs_hz=fs_hz, leads=("MLII", "V1"), n_samples=len(signal), duration_s=2400.0,
        read=lambda start, stop: signal[start:stop].copy(),
    )  # fmt: skip
    reader = RecordingReader(recording, BeatSpec(signal=SIGNAL))
    found = np.concatenate([block.samples for block in reader.detected()])
    assert len(found) == len(beats)
    assert np.abs(found - beats).max() <= 2


@pytest.mark.parametrize("baseline", ["two-median", "high-pass", "none"])
@pytest.mark.parametrize("given", [False, True])
def test_memory_does_not_grow_with_the_recording(monkeypatch, baseline, given):
    n_samples = 3 * 3600 * 125
    signal = ectopic_signal(np.random.default_rng(2), seconds=600)[0]
    recording = SimpleNamespace(
        fs_hz=125.0, leads=("MLII", "V1"), n_samples=n_samples, duration_s=3 * 3600.0,
        read=lambda start, stop: signal[np.arange(start, stop) % len(signal)],
    )  # fmt: skip
    reader = RecordingReader(recording, BeatSpec(signal=SIGNAL, baseline=baseline))
    beats = np.arange(50, n_samples, 100)
    kept, found = 0, 0
    # Not the detectors, which take seconds.
    monkeypatch.setattr(r_peaks, "_detect_block", lambda signal, fs_hz: beats[: len(signal) // 100])
    for block in reader.given(beats) if given else reader.detected():
        kept = max(kept, len(reader._cut.values), len(reader._signal.values))
        found += len(block.samples)
    assert found > 0.99 * len(beats)
    assert kept < 4 * 600 * 125


def test_ec57_of_the_written_annotations_is_that_of_evaluate(
    bundle_folder, recordings, store, tmp_path
):
    from data_prep.ec57.beat_by_beat import compare

    bundle = load(bundle_folder)
    classifier = Classifier(bundle)
    expected = evaluate(bundle, store)["ec57"]
    for name, figures in expected["records"].items():
        found = classify_recording(classifier, opened(recordings / name, classifier), beats="atr")
        file = output_writers.target(recordings / name, tmp_path, "ecgnas", "wfdb")
        output_writers.write(found, bundle, file, "wfdb")
        header = read_header(recordings / name)
        compared = compare(
            read_annotations(recordings / name, "atr", fs_hz=header.fs_hz),
            read_annotations(tmp_path / name, "ecgnas"),
            fs_hz=header.fs_hz,
            n_samples=header.n_samples,
            start_s=expected["start_s"],
        )
        assert compared.to_json() == figures


@pytest.mark.real
def test_ec57_of_real_records_is_that_of_evaluate(mitdb_dir, tmp_path):
    """An untrained bundle: nothing is chosen, only compared. Training patients suffice."""
    from data_prep.ec57.beat_by_beat import compare

    names = ("118", "223")
    (tmp_path / "records").mkdir()
    for name in names:
        for extension in ("hea", "dat", "atr"):
            shutil.copy(mitdb_dir / f"{name}.{extension}", tmp_path / "records")
    prepare(asked("wfdb", tmp_path / "records"), tmp_path / "store")
    bundle = load(tiny_bundle(tmp_path / "bundle", spec=SPECS["all"]))
    for split in ("train", "test"):
        expected = evaluate(bundle, tmp_path / "store", split=split)["ec57"]
        for name, figures in expected["records"].items():
            recording = opened(mitdb_dir / name, Classifier(bundle))
            found = classify_recording(Classifier(bundle), recording, beats="atr")
            file = tmp_path / f"{name}.ecgnas"
            output_writers.write(found, bundle, file, "wfdb")
            notes = read_annotations(mitdb_dir / name, "atr", fs_hz=360)
            judged = read_annotations(tmp_path / name, "ecgnas")
            compared = compare(notes, judged, fs_hz=360, n_samples=650_000)
            assert compared.to_json() == figures


@pytest.fixture
def spoilt(tmp_path):
    """Both leads are off from 100 to 120 s, the second one is noisy from 160 to 190 s."""
    rng = np.random.default_rng(3)
    signal, _, _ = ectopic_signal(rng, fs_hz=250.0, seconds=240)
    signal[25_000:30_000] = 0.2
    signal[40_000:47_500, 1] += rng.normal(0, 1, 7500)
    write_record(tmp_path / "spoilt", signal=signal, fs_hz=250.0, leads=("MLII", "V1"), gain=1000)
    return tmp_path / "spoilt"


def test_nothing_is_guessed_where_the_signal_is_unreadable(classifier, spoilt, tmp_path):
    found = classify_recording(classifier, opened(spoilt, classifier))
    times = found.times_s
    assert not ((times > 101) & (times < 119)).any()
    partly = (times > 162) & (times < 188)
    assert partly.any()
    assert (found.called[partly] == -1).all()
    assert np.isnan(found.probabilities[partly]).all()
    assert (found.called[(times < 98) | (times > 194)] >= 0).all()
    figures = summary(found)
    assert 16 <= figures["unreadable_s"] <= 24
    assert 26 <= figures["partly_unreadable_s"] <= 34
    assert figures["unclassified"] == (found.called == -1).sum()
    assert sum(figures["counts"].values()) + figures["unclassified"] == figures["beats"]
    # The silence is no pause of the heart.
    assert figures["longest_pause"]["seconds"] < 3
    assert len(intervals(found).seconds) < len(times) - 1
    bundle = classifier.bundle
    for form in output_writers.FORMATS:
        output_writers.write(
            found, bundle, output_writers.target(spoilt, tmp_path, "auto", form), form
        )
    notes = read_annotations(tmp_path / "spoilt", "auto")
    assert notes.symbols[0] == '"'
    assert "Research use only" in notes.aux[0]
    noise = notes.symbols == "~"
    assert notes.subtypes[noise].tolist() == [0x33, 0, 0x22, 0]
    assert (notes.symbols == "?").sum() == figures["unclassified"]
    lines = (tmp_path / "spoilt.auto.csv").read_text().splitlines()
    assert lines[0] == "sample,time_s,until_s,class,p_N,p_S,p_V,p_F,p_Q"
    assert len(lines) == 1 + len(times) + 2
    at = [float(line.split(",")[1]) for line in lines[1:]]
    assert at == sorted(at)
    assert [line.split(",")[3] for line in lines].count("~") == 2
    assert {line.count(",") for line in lines} == {8}
    whole = json.loads((tmp_path / "spoilt.auto.json").read_text())
    assert whole["sample"] == found.samples.tolist()
    assert whole["probabilities"].count(None) == figures["unclassified"]
    # Who annotated a beat has seen it.
    (tmp_path / "spoilt.atr").write_bytes((tmp_path / "spoilt.auto").read_bytes())
    given = classify_recording(classifier, opened(spoilt, classifier), beats="atr")
    assert (given.called >= 0).all()


def test_files_of_others_are_left_alone(classifier, spoilt, tmp_path):
    (tmp_path / "spoilt.atr").write_bytes(b"\0\0")
    (tmp_path / "out").mkdir()
    for out in (tmp_path, tmp_path / "out"):
        with pytest.raises(DataError, match="not written by ecg-nas"):
            output_writers.target(spoilt, out, "atr", "wfdb")
    (tmp_path / "spoilt.ecgnas.csv").write_text("mine")
    with pytest.raises(DataError, match="not written by ecg-nas"):
        output_writers.target(spoilt, tmp_path, "ecgnas", "csv")
    for name in ("dat", "hea", "../x", "a b", "", "x1"):
        with pytest.raises(DataError, match="word of letters"):
            output_writers.check_extension(name)


def test_a_silent_recording_has_no_beats(classifier, tmp_path):
    for name, level in (("zero", 0.0), ("none", np.nan)):
        write_record(
            tmp_path / name, signal=np.full((5000, 2), level), fs_hz=250.0, leads=("MLII", "V1")
        )
        found = classify_recording(classifier, opened(tmp_path / name, classifier))
        figures = summary(found)
        assert figures["beats"] == 0
        assert figures["unreadable_s"] == 20
        assert figures["heart_rate"] == {"mean": None, "min": None, "max": None}
        for form in output_writers.FORMATS:
            file = output_writers.target(tmp_path / name, tmp_path, "auto", form)
            output_writers.write(found, classifier.bundle, file, form)
        assert json.loads((tmp_path / f"{name}.auto.json").read_text())["sample"] == []


def test_another_number_of_leads_is_refused(classifier, spoilt):
    with pytest.raises(BundleError, match="needs 2 leads"):
        classify_recording(classifier, open_recording(spoilt, leads=("V1",)))


def test_runs_rate_and_pauses_are_counted(classifier, spoilt):
    base = classify_recording(classifier, opened(spoilt, classifier))
    text = "NVVNVVVVNSSNVNNSSSN"
    called = np.array(["NSVFQ".index(letter) for letter in text])
    at_s = np.arange(len(text)) * 1.0 + 1
    at_s[10:] += 4
    made = replace(
        base, samples=(at_s * 250).astype(np.int64), called=called, segments=(),
        probabilities=np.eye(5, dtype=np.float32)[called],
    )  # fmt: skip
    figures = summary(made)
    assert figures["runs"]["V"] == {"couplets": 1, "runs": 1, "longest": 4, "longest_at_s": 5.0}
    assert figures["runs"]["S"] == {"couplets": 1, "runs": 1, "longest": 3, "longest_at_s": 20.0}
    assert figures["longest_pause"] == {"seconds": 5.0, "at_s": 10.0}
    assert figures["heart_rate"]["mean"] == pytest.approx(60 * 18 / 22)
    assert hourly(made)["V"] == [7]
