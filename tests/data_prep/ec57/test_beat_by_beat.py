"""The EC57 comparison: PhysioNet's own numbers, and what must hold for any two files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.ec57 import listings
from data_prep.ec57.beat_by_beat import CELLS, compare, summarize
from data_prep.errors import DataError
from data_prep.io.record import Annotations, read_annotations

RECORDS = ("100", "106", "108", "119", "200", "201", "207", "208", "213", "222", "223", "232")
MITDB = {"fs_hz": 360.0, "n_samples": 650000}
FS = 100


def notes(events, fs_hz=FS):
    """Annotations from (sample, symbol) or (sample, symbol, subtype, aux)."""
    rows = [(*event, 0, "")[:4] if len(event) == 2 else event for event in events]
    return Annotations(
        samples=np.array([row[0] for row in rows], dtype=np.int64),
        symbols=np.array([row[1] for row in rows], dtype="U1"),
        subtypes=np.array([row[2] for row in rows], dtype=np.int64),
        aux=tuple(row[3] for row in rows),
        fs_hz=float(fs_hz),
    )


def cells(reference, test, **options):
    found = compare(notes(reference), notes(test), fs_hz=FS, **{"start_s": 0, **options}).cells
    return {cell: count for cell, count in found.items() if count}


@pytest.fixture(scope="module")
def golden(data_dir):
    return data_dir / "ec57"


@pytest.fixture(scope="module")
def annotations(data_dir):
    return {
        name: (
            read_annotations(data_dir / "mitdb" / name, "atr"),
            read_annotations(data_dir / "ec57" / name, "tst"),
        )
        for name in RECORDS
    }


@pytest.fixture(scope="module")
def compared(annotations):
    return {
        start_s: {
            name: compare(*pair, **MITDB, start_s=start_s) for name, pair in annotations.items()
        }
        for start_s in (300, 0)
    }


@pytest.mark.real
@pytest.mark.parametrize(("start_s", "suffix"), [(300, ""), (0, "_from_0")])
def test_lines_and_summary_equal_bxb_and_sumstats(golden, compared, start_s, suffix):
    records = compared[start_s]
    lines = (golden / f"bxb_lines{suffix}.txt").read_text()
    summary = (golden / f"sumstats{suffix}.txt").read_text()
    assert listings.lines(records) == lines
    assert listings.table(records, summarize(records.values())) == summary


@pytest.mark.real
@pytest.mark.parametrize("name", RECORDS)
def test_matrix_report_equals_bxb(golden, compared, name):
    expected = (golden / f"{name}.bxb.txt").read_text()
    assert listings.matrix(name, compared[300][name], "atr", "tst") == expected


@pytest.mark.real
def test_runs_equal_rxr(golden, compared):
    records = compared[300]
    for kind in ("V", "S"):
        expected = (golden / f"rxr_{kind.lower()}_lines.txt").read_text()
        assert listings.run_lines(records, kind) == expected
    expected = (golden / "rxr_v_sumstats.txt").read_text()
    assert listings.run_table(records, summarize(records.values()), "V") == expected


@pytest.mark.real
def test_shutdown_equals_bxb(golden, data_dir):
    reference = read_annotations(data_dir / "mitdb" / "105", "atr")
    found = {"105": compare(reference, read_annotations(golden / "105", "tsd"), **MITDB)}
    assert listings.lines(found) == (golden / "bxb_lines_shutdown.txt").read_text()
    assert listings.shutdown_lines(found) == (golden / "bxb_shutdown_report.txt").read_text()


@pytest.mark.real
def test_figures_are_those_of_the_text(compared):
    records = compared[300]
    summary = summarize(records.values())
    assert summary.gross.s_ppv == pytest.approx(0.8460, abs=5e-5)
    assert summary.average.s_ppv == pytest.approx(0.4869, abs=5e-5)
    # Fs counts against one record's S +P, not in the aggregate.
    assert records["208"].figures.s_ppv == pytest.approx(2 / 29)
    assert summary.n_averaged == {
        "q_se": 12, "q_ppv": 12, "v_se": 10, "v_ppv": 12, "v_fpr": 12,
        "s_se": 10, "s_ppv": 12, "rr_error_ms": 12,
    }  # fmt: skip
    assert records["100"].figures.v_fpr == pytest.approx(22 / 1890)


# Beats at least 0.31 s apart: no beat is within the match window of two.
BEATS = st.lists(
    st.tuples(st.integers(31, 150), st.sampled_from("NLRBAaJSejnVrEF/fQ?")), min_size=1, max_size=40
)


def placed(beats):
    times = np.cumsum([interval for interval, _ in beats])
    return [(int(time), symbol) for time, (_, symbol) in zip(times, beats, strict=True)]


@given(BEATS, st.integers(0, 10))
def test_a_record_agrees_with_itself(beats, start_s):
    reference = placed(beats)
    result = compare(notes(reference), notes(reference), fs_hz=FS, start_s=start_s)
    n_beats = sum(time >= start_s * FS for time, _ in reference)
    diagonal = {"Nn", "Ss", "Vv", "Ff", "Qq"}
    assert sum(result.cells[cell] for cell in diagonal) == n_beats
    assert sum(result.cells.values()) == n_beats
    assert result.rr_error_ms in (0.0, None)
    assert all(value in (1.0, None) for value in (*result.v_runs.se, *result.s_runs.ppv))


@given(BEATS, BEATS, st.integers(1, 20), st.integers(0, 5))
def test_shifting_both_files_and_the_start_changes_nothing(beats, others, shift_s, start_s):
    def run(by):
        moved = [notes([(t + by * FS, s) for t, s in placed(each)]) for each in (beats, others)]
        return compare(*moved, fs_hz=FS, start_s=start_s + by)

    here, there = run(0), run(shift_s)
    assert here.cells == there.cells
    assert here.rr_error_ms == there.rr_error_ms
    assert (here.v_runs, here.s_runs) == (there.v_runs, there.s_runs)


@given(BEATS, BEATS, st.integers(0, 5))
def test_every_reference_beat_is_counted_once(beats, others, start_s):
    reference, test = placed(beats), placed(others)
    result = compare(notes(reference), notes(test), fs_hz=FS, start_s=start_s)
    counted = [match.reference for match in result.matches if match.reference is not None]
    assert counted == [time for time, _ in reference if time >= start_s * FS]
    found = [match.test for match in result.matches if match.test is not None]
    assert found == sorted(set(found))
    # Up to two test beats at the start belong to the learning period.
    assert len([t for t, _ in test if t >= start_s * FS]) - len(found) in (-1, 0, 1, 2)


@given(BEATS, st.data())
def test_swapping_the_files_transposes_the_cells(beats, data):
    reference = placed(beats)
    test = [reference[0]]  # both files start with the same beat, so neither start is special
    for time, symbol in reference[1:]:
        kind = data.draw(st.sampled_from(("same", "moved", "missed", "renamed")))
        if kind == "moved":
            test.append((time + data.draw(st.integers(-7, 7)), symbol))
        elif kind == "renamed":
            test.append((time, data.draw(st.sampled_from("NAVFQ"))))
        elif kind == "same":
            test.append((time, symbol))
    there, back = (
        compare(notes(a), notes(b), fs_hz=FS, start_s=0)
        for a, b in ((reference, test), (test, reference))
    )
    for cell in CELLS:
        if cell[1] != "x" and cell[0] != "X":
            assert there.cells[cell] == back.cells[cell[1].upper() + cell[0].lower()]
    assert there.rr_error_ms == back.rr_error_ms
    assert (there.v_runs.found, there.v_runs.missed) == (back.v_runs.right, back.v_runs.wrong)


def test_beats_pair_up_to_150_ms_apart():
    for distance, expected in ((15, {"Nn": 2}), (16, {"Nn": 1, "No": 1, "On": 1})):
        assert cells([(100, "N"), (300, "N")], [(100, "N"), (300 + distance, "N")]) == expected


def test_the_nearer_of_two_beats_is_the_pair():
    assert cells([(100, "N"), (300, "V")], [(100, "N"), (290, "N"), (302, "V")]) == {
        "Nn": 1, "On": 1, "Vv": 1,
    }  # fmt: skip


def test_a_test_beat_just_before_the_start_may_be_a_pair():
    assert cells([(505, "N"), (600, "N")], [(495, "N"), (600, "N")], start_s=5) == {"Nn": 2}


def test_beats_in_reference_fibrillation_do_not_count():
    reference = [(100, "N"), (200, "["), (230, "!"), (260, "!"), (400, "]"), (500, "N")]
    assert cells(reference, [(100, "N"), (250, "V"), (350, "V"), (500, "N")]) == {"Nn": 2}


def test_beats_missed_in_test_shutdown_are_told_apart():
    reference = [(time, "N") for time in range(100, 1100, 100)]
    marked = [(100, "N"), (250, "~", 48, ""), (450, "~", 0, ""), (500, "N")]
    result = compare(notes(reference), notes(marked), fs_hz=FS, n_samples=1100, start_s=0)
    assert (result.cells["Nx"], result.cells["No"], result.cells["Nn"]) == (2, 6, 2)
    assert result.shutdown_s == 2.0
    # Without a mark at its end, it lasts from a window after the last beat to one before the next.
    unmarked = [(100, "N"), (250, "~", 48, ""), (500, "N")]
    assert cells(reference[:5], unmarked) == {"Nn": 2, "Nx": 3}


def test_false_beats_in_reference_shutdown_are_told_apart():
    reference = [(100, "N"), (150, "~", -1, ""), (450, "~", 0, ""), (500, "N")]
    assert cells(reference, [(100, "N"), (300, "V"), (500, "N")]) == {"Nn": 2, "Xv": 1}


def test_positions_at_another_rate_are_converted():
    reference, test = [(100, "N"), (200, "V")], [(250, "N"), (500, "V")]
    result = compare(notes(reference), notes(test, fs_hz=250), fs_hz=FS, start_s=0)
    assert (result.cells["Nn"], result.cells["Vv"], result.rr_error_ms) == (1, 1, 0.0)


def test_no_beats_at_all_leave_every_figure_undefined():
    result = compare(notes([]), notes([]), fs_hz=FS, n_samples=1000, start_s=0)
    assert not any(result.cells.values())
    figures = summarize([result]).average
    assert figures.q_se is figures.q_ppv is figures.v_fpr is figures.rr_error_ms is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fs_hz": 0}, "sampling rate must be above 0"),
        ({"fs_hz": float("nan")}, "sampling rate must be above 0"),
        ({"start_s": -1}, "must be 0 s or later"),
        ({"n_samples": 900, "start_s": 9}, "must start within the record"),
    ],
)
def test_arguments_out_of_range_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        compare(notes([(1, "N")]), notes([(1, "N")]), **{"fs_hz": FS, **change})


@pytest.mark.parametrize("events", [[(200, "N"), (100, "N")], [(-5, "N")]])
def test_positions_out_of_order_are_refused(events):
    good = notes([(100, "N")])
    with pytest.raises(DataError, match=r"test annotations must be in order .* number [12] is at"):
        compare(good, notes(events), fs_hz=FS, start_s=0)
    with pytest.raises(DataError, match="reference annotations must be in order"):
        compare(notes(events), good, fs_hz=FS, start_s=0)


def test_a_summary_of_nothing_is_refused():
    with pytest.raises(DataError, match="at least one record"):
        summarize([])
