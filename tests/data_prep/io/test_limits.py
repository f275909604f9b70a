"""What a file says is held to limits before it is used; more of them is taken where it is asked."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from hostile_recordings import CASES, LONG, good_record
from hostile_trials import NEIGHBOURS, REFERENCE, assert_refused, outcomes

from data_prep.errors import DataError
from data_prep.io.annotations import refuse_crowd
from data_prep.io.formats import open_recording
from data_prep.io.limits import Limits, current, listed, quoted, refuse_above, whole, within
from data_prep.io.record import read_header, read_signal, write_record
from data_prep.store.patient_table import read_patients
from ecg_nas.cli import main

SHORT = [name for name in CASES if name not in LONG]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    return outcomes(tmp_path_factory.mktemp("hostile"), SHORT)


@pytest.mark.parametrize("case", SHORT)
def test_a_recording_that_lies_costs_one_line(refusals, case):
    assert_refused(refusals[case])


def test_their_neighbours_alone_can_be_prepared(tmp_path):
    for name in NEIGHBOURS:
        good_record(tmp_path / "in", name)
    given = ["prepare", "wfdb", "--records", str(tmp_path / "in"), "--out", str(tmp_path / "store")]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 0, result.stderr


def test_limits_are_changed_by_name():
    changed = Limits().changed(["parts=30000", "gap_samples=1e9"])
    assert (changed.parts, changed.gap_samples) == (30_000, 1e9)
    assert dataclasses.replace(changed, parts=20_000, gap_samples=32_000_000) == Limits()


@pytest.mark.parametrize(
    "change", ["parts", "parts=", "parts=many", "parts=-1", "parts=nan", "x=1"]
)
def test_a_limit_that_is_none_is_refused(change):
    with pytest.raises(DataError, match="NAME=VALUE with a number above 0"):
        Limits().changed([change])


def test_every_limit_gives_its_reason():
    for field in dataclasses.fields(Limits):
        assert f"        {field.name}: " in Limits.__doc__


def test_other_limits_hold_meanwhile_only():
    with within(Limits(parts=5)):
        assert current().parts == 5
        with pytest.raises(DataError, match=r"at most 5 parts; it has 6: .*--limits parts=6 "):
            refuse_above("parts", 6, "parts", "the file x")
    refuse_above("parts", 6, "parts", "the file x")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 9e99])
def test_what_is_no_number_of_a_recording_is_refused_without_advice(value):
    with pytest.raises(DataError, match="must have at most") as caught:
        refuse_above("parts", value, "parts", "the file x")
    assert "--limits" not in str(caught.value)


def test_texts_of_files_are_shortened_in_messages():
    assert quoted("a" * 60) == repr("a" * 60)
    assert len(quoted("a" * 5000)) < 80
    assert listed(["I", "II"]) == "I, II"
    assert listed(["x" * 100] * 500).endswith(" and 480 more")
    assert len(listed(["x" * 100] * 500)) < 1500
    with pytest.raises(DataError, match="at most 18 digits"):
        whole("7" * 5000, "a number", "the file x")


@pytest.fixture
def skewed(tmp_path):
    signal = np.cumsum(np.random.default_rng(0).normal(size=(5000, 2)), axis=0) / 50
    path = tmp_path / "r"
    write_record(path, signal=signal, fs_hz=250, leads=("MLII", "V1"))
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace("r.dat 16 ", "r.dat 16:12 ", 1))
    return path


def test_leads_that_lie_some_frames_behind_are_read(skewed):
    values = read_signal(skewed, read_header(skewed), [0, 1])
    assert np.isnan(values[-12:, 0]).all()
    assert np.isfinite(values[:-12]).all()


def test_a_flag_takes_more_than_a_limit(skewed, tmp_path):
    given = ["classify", str(REFERENCE), str(skewed), "--out", str(tmp_path / "out")]
    few = CliRunner().invoke(main, ["--limits", "skew_frames=5", *given])
    assert few.exit_code == 1
    assert "at most 5 frames that a lead lies behind; it has 12" in few.stderr
    more = CliRunner().invoke(main, ["--limits", "skew_frames=12", *given])
    assert more.exit_code == 0, more.stderr
    wrong = CliRunner().invoke(main, ["--limits", "skews=12", *given])
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith("Error: a limit must be NAME=VALUE")


def test_limits_are_read_without_numpy():
    code = "import sys, data_prep.io.limits; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_record_in_many_parts_reads_only_the_parts_asked_for(tmp_path):
    names = [f"p{k:03d}" for k in range(300)]
    for k, name in enumerate(names):
        write_record(tmp_path / name, signal=np.full((100, 1), k / 100), fs_hz=250, leads=("II",))
    lines = [line for name in names for line in (f"{name} 100", "~ 50")]
    (tmp_path / "r.hea").write_text(f"r/{len(lines)} 1 250 {150 * 300}\n" + "\n".join(lines))
    recording = open_recording(tmp_path / "r")
    whole_signal = recording.read(0, recording.n_samples)[:, 0]
    gap = np.full(50, np.nan)
    expected = np.concatenate([np.r_[np.full(100, k / 100), gap] for k in range(300)])
    np.testing.assert_allclose(whole_signal, expected, atol=0.003)
    for start, stop in ((0, 1), (99, 100), (100, 150), (149, 151), (20_000, 20_777), (0, 45_000)):
        np.testing.assert_array_equal(recording.read(start, stop)[:, 0], whole_signal[start:stop])


@pytest.mark.real
@pytest.mark.parametrize(("name", "n_records"), [("mitdb", 48), ("svdb", 52), ("cinc2017", 2208)])
def test_real_recordings_are_within_all_limits(data_dir, name, n_records):
    headers = sorted((data_dir / name).rglob("*.hea"))
    assert len(headers) == n_records
    for number, header in enumerate(headers):
        recording = open_recording(header)
        if header.with_suffix(".atr").is_file():
            assert len(recording.annotations("atr").samples)
        if number % 20 == 0:
            signal = recording.read(0, recording.n_samples)
            assert signal.shape == (recording.n_samples, len(recording.leads))


@pytest.mark.parametrize(
    "text", ["record,patient\nr," + "p" * 200_000 + "\n", "record,patient\nr\n"]
)
def test_a_table_of_patients_that_is_none_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "patients.csv").write_text(text)
    with pytest.raises(DataError, match=r"the table of patients .* must be CSV"):
        read_patients(tmp_path / "patients.csv")


@pytest.mark.parametrize("n", [0, 1, 499, 500, 501, 999, 1000, 1001, 1999, 2000, 2001])
def test_any_number_of_annotations_at_times_of_their_own_is_no_crowd(n):
    refuse_crowd(np.arange(n), "x")
    refuse_crowd(np.arange(n)[::-1], "x")
    if n > 1000:
        with pytest.raises(DataError, match="at one sample"):
            refuse_crowd(np.zeros(n, dtype=np.int64), "x")
    else:
        refuse_crowd(np.zeros(n, dtype=np.int64), "x")
