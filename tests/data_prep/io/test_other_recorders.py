"""Recordings as other recorders write them: formats, gains, rates, parts, gaps."""

import numpy as np
import pytest
import wfdb
from data_requests import asked

from data_prep.errors import DataError
from data_prep.io.formats import read_record
from data_prep.io.record import read_header, write_annotations, write_record
from data_prep.store.dataset import open_store
from data_prep.store.plan import make_plan
from data_prep.store.prepare import prepare

LIMIT = {"8": 60, "80": 120, "508": 120, "310": 500, "311": 500, "212": 2000}


def _steps(n_samples=999, limit=2000, leads=2):
    """A smooth walk of whole steps: also its differences fit into eight bits."""
    rng = np.random.default_rng(3)
    walk = np.cumsum(rng.integers(-3, 4, (n_samples, leads)), axis=0)
    return np.clip(walk, -limit, limit).astype(np.int64)


def _write(folder, fmt, steps, *, name="r", gain="200/mV", extra=None):
    """Write a record byte by byte, in formats that wfdb reads but does not write."""
    flat = steps.ravel()
    if fmt == "8":
        data = np.diff(steps, axis=0, prepend=steps[:1]).ravel().astype("<i1").tobytes()
    elif fmt == "61":
        data = flat.astype(">i2").tobytes()
    elif fmt == "160":
        data = (flat + 2**15).astype("<u2").tobytes()
    else:
        a, b, c = (flat[np.arange(k, len(flat), 3)] & 1023 for k in range(3))
        if fmt == "310":
            first, second = (a << 1) | ((c & 31) << 11), (b << 1) | ((c >> 5) << 11)
            data = np.stack([first, second], axis=1).astype("<u2").tobytes()
        else:
            data = (a | (b << 10) | (c << 20)).astype("<u4").tobytes()
    (folder / f"{name}.dat").write_bytes(data)
    lines = [f"{name} {steps.shape[1]} 250 {len(steps)}"]
    lines += [
        f"{name}.dat {fmt} {gain} 16 0 {first} 0 0 lead {column}"
        for column, first in enumerate(steps[0])
    ]
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("fmt", ["8", "61", "160", "310", "311"])
def test_formats_that_are_only_read(tmp_path, fmt):
    steps = _steps(limit=LIMIT.get(fmt, 2000))
    _write(tmp_path, fmt, steps)
    record = read_record(tmp_path / "r", annotator=None)
    np.testing.assert_allclose(record.signal, steps / 200, atol=1e-6)
    assert record.leads == ("lead 0", "lead 1")


@pytest.mark.parametrize("fmt", ["16", "24", "32", "80", "212", "508", "516", "524"])
def test_formats_that_are_written_too(tmp_path, fmt):
    steps = _steps(limit=LIMIT.get(fmt, 2000))
    _wrsamp(tmp_path, "r", steps, fmt)
    record = read_record(tmp_path / "r", annotator=None)
    np.testing.assert_allclose(record.signal, steps / 200, atol=1e-6)
    turned = read_record(tmp_path / "r", leads=("V1", "II"), annotator=None)
    np.testing.assert_array_equal(turned.signal, record.signal[:, ::-1])


def _wrsamp(folder, name, steps, fmt="16", *, fs=250, frames=None, leads=("II", "V1")):
    n = len(leads)
    signals = {"e_d_signal": steps, "samps_per_frame": frames} if frames else {"d_signal": steps}
    wfdb.wrsamp(
        name,
        fs=fs,
        units=["mV"] * n,
        sig_name=list(leads),
        fmt=[fmt] * n,
        adc_gain=[200.0] * n,
        baseline=[0] * n,
        write_dir=str(folder),
        **signals,
    )


def test_a_truncated_compressed_file_is_refused(tmp_path):
    _wrsamp(tmp_path, "r", _steps(), "516")
    data = (tmp_path / "r.dat").read_bytes()
    (tmp_path / "r.dat").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"record .*r must") as caught:
        read_record(tmp_path / "r", annotator=None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("gain", ["0", "0/mV", ""])
def test_a_lead_without_gain_is_read_with_200_steps_and_said_so(tmp_path, gain):
    steps = _steps()
    _write(tmp_path, "61", steps)
    header = tmp_path / "r.hea"
    lines = [f"r.dat 61 {gain}".strip() for _ in range(2)]
    header.write_text("\n".join([header.read_text().splitlines()[0], *lines]))
    found = read_header(tmp_path / "r")
    assert [lead.calibrated for lead in found.channels] == [False, False]
    record = read_record(tmp_path / "r", annotator=None)
    np.testing.assert_allclose(record.signal, steps / 200, atol=1e-6)


def test_leads_of_different_rates_are_read_at_the_fastest(tmp_path):
    slow = np.arange(0, 400, dtype=np.int64)
    fast = np.arange(0, 1600, dtype=np.int64) * 2
    _wrsamp(tmp_path, "r", [fast, slow], fs=100, frames=[4, 1])
    # Annotations count frames.
    write_annotations(tmp_path / "r", "atr", samples=[100], symbols=["N"], fs_hz=100)
    record = read_record(tmp_path / "r")
    assert record.fs_hz == 400
    assert record.signal.shape == (1600, 2)
    assert record.beats.tolist() == [400]
    np.testing.assert_allclose(record.signal[:, 0], fast / 200)
    np.testing.assert_allclose(record.signal[:1597, 1], np.arange(1597) / 4 / 200, atol=1e-6)
    only_slow = read_record(tmp_path / "r", leads=("V1",))
    assert only_slow.fs_hz == 100
    assert only_slow.beats.tolist() == [100]


def test_a_header_without_length_takes_that_of_its_file(tmp_path):
    _write(tmp_path, "61", _steps())
    header = tmp_path / "r.hea"
    header.write_text(header.read_text().replace(" 250 999", " 250", 1))
    assert read_header(tmp_path / "r").n_samples == 999
    assert len(read_record(tmp_path / "r", annotator=None).signal) == 999


def _parts(folder, *, layout=False):
    """Two parts with a pause between them; in the second, the leads lie the other way round."""
    steps = _steps(1500)
    _wrsamp(folder, "r_1", steps[:1000])
    _wrsamp(folder, "r_2", steps[1000:, ::-1], leads=("V1", "II"))
    lines = ["r/4 2 250 1700", "r_layout 0", "r_1 1000", "~ 200", "r_2 500"]
    if not layout:
        lines = ["r/3 2 250 1700", *lines[2:]]
    else:
        leads = [f"~ 0 200/mV 16 0 0 0 0 {name}" for name in ("II", "V1")]
        (folder / "r_layout.hea").write_text("\n".join(["r_layout 2 250 0", *leads]))
    (folder / "r.hea").write_text("\n".join(lines) + "\n")
    return steps


@pytest.mark.parametrize("layout", [False, True])
def test_a_record_in_parts_is_joined_by_lead_names(tmp_path, layout):
    steps = _parts(tmp_path, layout=layout)
    record = read_record(tmp_path / "r", leads=("V1", "II"), annotator=None)
    assert record.signal.shape == (1700, 2)
    np.testing.assert_allclose(record.signal[:1000], steps[:1000, ::-1] / 200, atol=1e-6)
    np.testing.assert_allclose(record.signal[1200:], steps[1000:, ::-1] / 200, atol=1e-6)
    assert np.isnan(record.signal[1000:1200]).all()


def test_parts_are_no_records_of_their_own(tmp_path, write_patient):
    for index in range(4):
        write_patient(tmp_path, f"p{index}", seed=index)
    _parts(tmp_path)
    write_annotations(tmp_path / "r", "atr", samples=[300, 500], symbols=["N", "N"], fs_hz=250)
    summary = make_plan(asked("wfdb", tmp_path)).summary()
    names = summary["records"]["train"] + summary["records"]["test"]
    assert sorted(names) == ["p0", "p1", "p2", "p3", "r"]


@pytest.mark.parametrize(
    ("master", "message"),
    [
        ("r/1 2 250 900\nr_1 900\n", "plain record of 900 samples"),
        ("r/1 2 500 1000\nr_1 1000\n", "at 500 Hz"),
        ("r/1 2 250 1000\nr 1000\n", "must not consist of parts itself"),
        ("r/1 2 250 1000\nnone 1000\n", "must have a header none.hea"),
        ("r/1 2 250 1000\nr_1 many\n", "parts and their lengths; got 'r_1 many'"),
        ("r/1 2 250 1000\n~ 1000\n", "it holds none"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, master, message):
    _parts(tmp_path)
    (tmp_path / "r.hea").write_text(master)
    with pytest.raises(DataError, match=message):
        read_record(tmp_path / "r", annotator=None)


def test_what_was_assumed_is_said_for_each_record(small_folder, tmp_path):
    # One without gain, one whose leads have names of their own, one annotated by another.
    header = small_folder / "p0.hea"
    header.write_text(header.read_text().replace("200.0(0)/mV", "0", 1))
    header = small_folder / "p1.hea"
    header.write_text(header.read_text().replace(" II\n", " ECG1\n"))
    (small_folder / "p2.atr").rename(small_folder / "p2.man")
    record = read_record(small_folder / "p3")
    write_annotations(
        small_folder / "p3", "man", samples=record.beats + 1, symbols=record.symbols, fs_hz=250
    )
    manifest = prepare(asked("wfdb", small_folder, annotators=("atr", "man")), tmp_path / "store")
    assert sorted((entry["record"], entry["note"]) for entry in manifest["notes"]) == [
        ("p0", "lead II has no gain: 200 steps a mV were assumed"),
        ("p1", "lead ECG1 was taken for MLII/II/#0 by its position"),
        ("p2", "annotator man was taken, since there is no atr"),
    ]
    assert manifest["annotators"] == {"atr": 5, "man": 1}
    annotators = {
        record.name: record.annotator
        for side in ("train", "test")
        for record in open_store(tmp_path / "store", side).records
    }
    assert annotators == {f"p{i}": "man" if i == 2 else "atr" for i in range(6)}


def test_a_preferred_annotator_is_taken_where_it_is(small_folder):
    record = read_record(small_folder / "p3")
    write_annotations(
        small_folder / "p3",
        "man",
        samples=record.beats[:50],
        symbols=record.symbols[:50],
        fs_hz=250,
    )
    plan = make_plan(asked("wfdb", small_folder, annotators=("man", "atr")))
    n_beats = {planned.ref.name: len(planned.y) for planned in plan.records}
    assert n_beats == {f"p{i}": 50 if i == 3 else 60 for i in range(6)}


def test_leads_that_differ_from_record_to_record(small_folder, write_patient):
    write_patient(small_folder, "other", leads=("aVF", "III"), seed=9)
    write_patient(small_folder, "turned", leads=("V1", "II"), seed=8)
    by_name = make_plan(asked("wfdb", small_folder, signal=_signal("II", "V1"))).summary()
    assert [entry["record"] for entry in by_name["left_out"]] == ["other"]
    assert "must have a lead II" in by_name["left_out"][0]["reason"]
    by_place = make_plan(asked("wfdb", small_folder, signal=_signal("II/#0", "V1/#1"))).summary()
    assert by_place["left_out"] == []
    assert {entry["record"] for entry in by_place["notes"]} == {"other"}


def _signal(*leads):
    from data_prep.dsp.signal_spec import SignalSpec

    return SignalSpec(leads=leads)


def test_rates_and_lengths_may_differ_from_record_to_record(tmp_path, write_patient):
    rates = [128.0, 180.0, 250.0, 257.0, 500.0, 1000.0]
    for index, fs_hz in enumerate(rates):
        write_patient(tmp_path, f"p{index}", seed=index, fs_hz=fs_hz, n_beats=30 + index)
    prepare(asked("wfdb", tmp_path), tmp_path / "store")
    peaks = []
    for side in ("train", "test"):
        store = open_store(tmp_path / "store", side)
        for index, record in enumerate(store.records):
            signal = store.signal[record.offset : record.offset + record.length, 0]
            at = store.beats["position"][store.beats["record"] == index]
            peaks += [
                int(np.argmax(signal[max(p - 10, 0) : p + 11])) - min(10, p) for p in at.tolist()
            ]
    assert len(peaks) == sum(30 + index for index in range(6))
    assert np.abs(peaks).max() <= 2


def test_seconds_without_signal_are_counted_lead_by_lead(small_folder, tmp_path):
    record = read_record(small_folder / "p1")
    signal = record.signal.copy()
    signal[1000:1009, 0] = np.nan  # 36 ms
    signal[2000:3000, 0] = np.nan
    signal[5000:5500, 1] = np.nan
    write_record(small_folder / "p1", signal=signal, fs_hz=250, leads=record.leads)
    manifest = prepare(asked("wfdb", small_folder), tmp_path / "store")
    assert manifest["gaps"] == [
        {"record": "p1", "lead": "II", "bridged_s": 0.036, "zeroed_s": 4.0},
        {"record": "p1", "lead": "V1", "bridged_s": 0.0, "zeroed_s": 2.0},
    ]
    side = "train" if "p1" in manifest["records"]["train"] else "test"
    store = open_store(tmp_path / "store", side)
    stored = next(r for r in store.records if r.name == "p1")
    filtered = store.signal[stored.offset : stored.offset + stored.length]
    assert not filtered[1001:1499, 0].any()
    assert filtered[1001:1499, 1].any()
    assert not filtered[2501:2749, 1].any()
    assert filtered[499:506, 0].all()
