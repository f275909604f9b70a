"""Recordings in CSV and EDF files, piece by piece."""

import numpy as np
import pytest
from recordings import write_csv, write_edf

from data_prep.errors import DataError
from data_prep.io import formats
from data_prep.io.formats import open_recording
from data_prep.io.record import write_record


@pytest.fixture
def signal():
    rng = np.random.default_rng(0)
    return np.round(np.cumsum(rng.normal(0, 0.02, (20_000, 2)), axis=0), 3)


def refused(*args, **options):
    def read_all():
        recording = open_recording(*args, **options)
        recording.read(0, recording.n_samples)

    with pytest.raises(DataError) as caught:
        read_all()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def reads(recording, expected, atol=2e-6):
    """The whole, and pieces that equal it to the last bit."""
    assert recording.n_samples == len(expected)
    whole = recording.read(0, recording.n_samples)
    np.testing.assert_allclose(whole, expected, atol=atol)
    for start, stop in ((0, 1), (8191, 8193), (5, 16385), (19_990, 20_000), (16384, 16384)):
        part = recording.read(min(start, len(whole)), min(stop, len(whole)))
        np.testing.assert_array_equal(part, whole[start:stop])


def test_csv_is_read(tmp_path, signal):
    recording = open_recording(write_csv(tmp_path / "r.csv", signal))
    assert (recording.name, recording.fs_hz, recording.leads) == ("r", 250.0, ("II", "V1"))
    reads(recording, signal)


def test_csv_with_rounded_times_has_a_whole_rate(tmp_path, signal):
    file = write_csv(tmp_path / "r.csv", signal, fs_hz=360)
    assert open_recording(file).fs_hz == 360


def test_csv_leads_are_chosen_by_name_and_units_become_millivolt(tmp_path, signal):
    file = write_csv(tmp_path / "r.csv", signal * 1000, leads=("V1 [uV]", "MLII (µV)"))
    recording = open_recording(file, leads=("MLII/II", "V1"))
    assert recording.leads == ("MLII", "V1")
    reads(recording, signal[:, ::-1])
    assert "MLII" in refused(file, leads=("aVF",))


def test_csv_without_times_or_units_needs_them_given(tmp_path, signal):
    file = write_csv(tmp_path / "r.csv", signal, leads=("II", "V1"), times=False)
    assert "--units" in refused(file, fs_hz=250)
    assert "--fs" in refused(file, units="mV")
    reads(open_recording(file, fs_hz=250, units="mv"), signal)


def test_csv_of_rdsamp_has_its_units_in_the_second_line(tmp_path, signal):
    file = write_csv(tmp_path / "r.csv", signal, leads=("'MLII'", "'V5'"))
    head, rest = file.read_text().split("\n", 1)
    file.write_text(f"{head.replace('time', 'Elapsed time')}\n'seconds','mV','mV'\n{rest}")
    recording = open_recording(file)
    assert recording.leads == ("MLII", "V5")
    reads(recording, signal)


def test_csv_with_decimal_commas_and_crlf(tmp_path, signal):
    file = write_csv(tmp_path / "r.csv", signal, sep=";")
    head, rest = file.read_text().split("\n", 1)
    file.write_bytes(
        b"\xef\xbb\xbf" + f"{head}\n{rest}".replace(".", ",").replace("\n", "\r\n").encode()
    )
    reads(open_recording(file), signal)


def test_empty_cells_are_missing_samples_and_blank_lines_at_the_end_are_none(tmp_path, signal):
    signal[100:120, 1] = np.nan
    file = write_csv(tmp_path / "r.csv", signal)
    file.write_text(file.read_text() + "\n \n")
    reads(open_recording(file), signal)
    file.write_text(file.read_text().rstrip())
    reads(open_recording(file), signal)


@pytest.mark.parametrize("sep", [";", "\t"])
def test_decimal_commas_are_found_wherever_the_first_one_stands(tmp_path, signal, sep):
    signal[:3] = 0
    signal[:, 0] = np.round(signal[:, 0] * 1000)
    leads = ("II (uV)", "V1 (mV)", "note")
    file = write_csv(tmp_path / "r.csv", np.column_stack([signal, np.zeros(20_000)]), leads=leads)
    rows = [row.split(",") for row in file.read_text().splitlines()]
    for number, row in enumerate(rows[1:]):
        row[0], row[1], row[3] = f"{number / 250:g}", f"{signal[number, 0]:g}", "a, b"
        row[2] = f"{signal[number, 1]:g}"
    text = "\n".join(sep.join(cell.replace(".", ",") for cell in row) for row in rows) + "\n"
    (tmp_path / "r.tsv").write_text(text)
    reads(open_recording(tmp_path / "r.tsv", leads=("II", "V1")), signal / [1000, 1])


@pytest.mark.parametrize("word", ["-", "NA", "nan", "null", '""'])
def test_what_other_tools_write_for_no_value(tmp_path, signal, word):
    lines = write_csv(tmp_path / "r.txt", signal, times=False).read_text().splitlines()
    signal[[0, 1, 700]] = np.nan
    for place in (1, 2, 701):
        lines[place] = f"{word},{word}"
    (tmp_path / "r.txt").write_text("\n".join(lines) + "\n")
    reads(open_recording(tmp_path / "r.txt", fs_hz=250), signal)


def test_a_rate_is_refused_that_the_times_deny(tmp_path, signal):
    file = write_csv(tmp_path / "r.csv", signal)
    assert "tell, 250 Hz; it is 360" in refused(file, fs_hz=360)
    assert open_recording(file, fs_hz=250.5).fs_hz == 250.5
    # Such times tell no rate.
    for text in ("2020-01-01T00:00:00", "7"):
        rows = [row.split(",", 1)[1] for row in file.read_text().splitlines()[1:]]
        dated = "\n".join(["timestamp,II (mV),V1 (mV)", *(f"{text},{row}" for row in rows)])
        (tmp_path / "dated.csv").write_text(dated)
        reads(open_recording(tmp_path / "dated.csv", fs_hz=360), signal)


def test_micro_is_known_in_other_encodings(tmp_path, signal):
    file = write_csv(tmp_path / "r.csv", signal * 1000, leads=("II (µV)", "V1 (µV)"))
    file.write_bytes(file.read_text("utf-8").encode("latin-1"))
    reads(open_recording(file), signal)


def test_a_folder_is_no_recording():
    for given in ("", ".", "..", "/"):
        assert "is a folder" in refused(given)


def test_csv_with_a_gap_in_its_times_is_refused_with_the_line(tmp_path, signal):
    lines = write_csv(tmp_path / "r.csv", signal).read_text().splitlines()
    (tmp_path / "r.csv").write_text("\n".join(lines[:9000] + lines[9100:]) + "\n")
    assert "line" in refused(tmp_path / "r.csv")
    assert "evenly spaced" in refused(tmp_path / "r.csv")


MORE = "".join(f"{place / 100},1\n" for place in range(2, 300))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must be text"),
        ("1,2\n3,4\n5,6\n", "name the columns"),
        ("time,II (mV)\n0,1\n0.01,x\n" + MORE, "must be numbers"),
        ("time,II (mV)\n0,1\n0.01,2,3,4\n" + MORE, "must be numbers"),
        ('time,II (mV)\n0,1\n0.01,"2\n' + MORE, "must be numbers"),
        ("time,II (mV)\n0,1\n,2\n" + MORE, "evenly spaced"),
        ("time,II (mV)\n0,1\n0,2\n0,3\n", "must ascend"),
        ("time (h),II (mV)\n0,1\n1,2\n2,3\n", "s or ms"),
        ("time,II (adu)\n0,1\n1,2\n2,3\n", "its unit"),
        ("time\n0\n1\n2\n", "must have a lead"),
        ("time,II (mV)\n0,1\n100,2\n200,3\n", "samples a second"),
    ],
)
def test_csv_that_cannot_be_used(tmp_path, content, message):
    (tmp_path / "r.csv").write_text(content)
    assert message in refused(tmp_path / "r.csv")


def test_edf_is_read(tmp_path, signal):
    file = write_edf(tmp_path / "r.edf", signal.T, per_frame=(250, 250))
    recording = open_recording(file)
    assert (recording.fs_hz, recording.leads) == (250.0, ("II", "V1"))
    reads(recording, signal)


def test_edf_signals_of_other_rates_and_units(tmp_path, signal):
    slow = signal[::2, 1]
    file = write_edf(
        tmp_path / "r.edf", [signal[:, 0], slow, slow], per_frame=(500, 250, 250), frame_s=2.0,
        labels=("EKG II", "V1", "Resp"), units=("mV", "uV", "Ohm"),
    )  # fmt: skip
    recording = open_recording(file)
    assert (recording.fs_hz, recording.leads) == (250.0, ("II", "V1"))
    between = np.interp(np.arange(20_000), np.arange(0, 20_000, 2), slow)
    reads(recording, np.stack([signal[:, 0], between], axis=1), atol=1e-4)
    alone = open_recording(file, leads=("V1",))
    assert alone.fs_hz == 125
    reads(alone, slow[:, None])


def test_interrupted_edf_has_its_pauses(tmp_path, signal):
    onsets = np.arange(80.0)
    onsets[30:] += 7.5
    onsets[50:] += 100
    file = write_edf(tmp_path / "r.edf", signal.T, per_frame=(250, 250), onsets=onsets)
    expected = np.full((round(187.5 * 250), 2), np.nan)
    for frame, onset in enumerate(onsets):
        at = round(onset * 250)
        expected[at : at + 250] = signal[frame * 250 : frame * 250 + 250]
    reads(open_recording(file), expected)


def test_edf_without_units_has_the_leads_that_it_names(tmp_path, signal):
    file = write_edf(
        tmp_path / "r.edf", [signal[:, 0], signal[:, 1]], per_frame=(250, 250),
        labels=("EKG Lead II", "Lead V1"), units=("", ""), onsets=np.arange(80.0),
    )  # fmt: skip
    assert "none" in refused(file)
    recording = open_recording(file, units="mV")
    assert recording.leads == ("II", "V1")  # not the signal that holds the file's annotations
    assert recording.n_samples == 20_000


def test_edf_leads_know_their_place_among_all_signals(tmp_path, signal):
    file = write_edf(
        tmp_path / "r.edf", [signal[:, 0]] * 3, per_frame=(250, 250, 250),
        labels=("Resp", "ECG V1", "ECG II"), units=("Ohm", "uV", "uV"),
    )  # fmt: skip
    assert open_recording(file, leads=("II", "V1")).signals == (2, 1)
    assert open_recording(file, leads=("#0",)).signals == (1,)


def test_edf_that_cannot_be_used(tmp_path, signal):
    file = write_edf(tmp_path / "r.edf", signal.T, per_frame=(250, 250))
    content = file.read_bytes()
    for changed, message in (
        (b"", "a number of signals"),
        (content[:300], "header"),
        (content[:-1], "truncated"),
        (content[:236] + b"x       " + content[244:], "data records"),
        (content[:244] + b"0       " + content[252:], "some seconds"),
        (b"\xffBIOSEMI" + content[8:], "EDF header"),
        (content.replace(b"32767   ", b"-32768  "), "a range"),
    ):
        file.write_bytes(changed)
        assert message in refused(file)
    file.write_bytes(content)
    assert "ECG I" in refused(file, leads=("ECG I",))
    onsets = np.arange(80.0)
    onsets[40] = 3
    write_edf(file, signal.T, per_frame=(250, 250), onsets=onsets)
    assert "follow each other" in refused(file)


def test_wfdb_with_and_without_extension(tmp_path, signal):
    write_record(tmp_path / "r", signal=signal, fs_hz=250, leads=("II", "V1"), gain=1000)
    reads(open_recording(tmp_path / "r"), signal)
    reads(open_recording(tmp_path / "r.hea", leads=("V1",)), signal[:, 1:])
    assert "--units" in refused(tmp_path / "r", units="mV")
    assert "must be a file" in refused(tmp_path / "none.edf")
    assert "must have a header none.hea" in refused(tmp_path / "none")


def test_a_record_may_be_called_like_a_file(tmp_path, signal):
    write_record(tmp_path / "r", signal=signal, fs_hz=250, leads=("II", "V1"), gain=1000)
    header = (tmp_path / "r.hea").rename(tmp_path / "r.txt.hea")
    assert formats.find(tmp_path) == [tmp_path / "r.txt"]
    reads(open_recording(tmp_path / "r.txt"), signal)
    reads(open_recording(header), signal)
