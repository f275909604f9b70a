"""Beats in a table beside a recording."""

import numpy as np
import pytest

from data_prep.errors import DataError
from data_prep.io.annotations import annotation_file
from data_prep.io.record import read_annotations, write_annotations


def table(folder, text, name="r.beats.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / "r"


@pytest.mark.parametrize(
    "text",
    [
        "time,symbol\n0.5,N\n1.5,V\n",
        "symbol,time,who\nN,0.5,me\nV,1.5,me\n",
        "Sample;Symbol\n100;N\n300;V\n",
        "time\tsymbol\n0,5\tN\n1,5\tV\n",
        "\ufefftime, symbol\r\n1.5, V\r\n\r\n0.5, N\r\n",
        "sample,time,symbol\n100,9,N\n300,9,V\n",
        "sample,time,symbol\n,0.5,N\n,1.5,V\n",
        '"time","symbol"\n0.5,N\n1.5,V\n',
        "time,symbol\n0.4999,N\n1.5001,V\n",
    ],
)
def test_columns_may_stand_in_any_order_and_writing(tmp_path, text):
    notes = read_annotations(table(tmp_path, text), "beats", fs_hz=200)
    assert notes.samples.tolist() == [100, 300]
    assert notes.samples.dtype == np.int64
    assert notes.symbols.tolist() == ["N", "V"]
    assert notes.subtypes.tolist() == [0, 0]
    assert (notes.aux, notes.fs_hz) == (("", ""), 200.0)


def test_a_quotation_mark_is_a_symbol(tmp_path):
    notes = read_annotations(table(tmp_path, 'sample,symbol\n1,"\n2,N\n'), "beats", fs_hz=200)
    assert notes.symbols.tolist() == ['"', "N"]


def test_an_annotation_file_comes_before_a_table_of_its_name(tmp_path):
    path = table(tmp_path, "sample,symbol\n1,N\n", "r.atr.csv")
    assert annotation_file(path, "atr") == tmp_path / "r.atr.csv"
    write_annotations(path, "atr", samples=[2], symbols=["V"], fs_hz=100)
    assert annotation_file(path, "atr") == tmp_path / "r.atr"
    assert read_annotations(path, "atr").samples.tolist() == [2]
    assert annotation_file(path, "man") is None


def test_a_table_without_beats_is_empty(tmp_path):
    notes = read_annotations(table(tmp_path, "time,symbol\n"), "beats", fs_hz=200)
    assert len(notes.samples) == len(notes.symbols) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it names none"),
        ("0.5,N\n", "must name the columns symbol"),
        ("time,class\n0.5,N\n", "it names time, class"),
        ("time,symbol\n0.5,N\nsoon,N\n", "line 3 .* got 'soon,N'"),
        ("time,symbol\n0.5\n", "line 2"),
        ("time,symbol\n0.5,NN\n", "line 2"),
        ("time,symbol\n0.5,\n", "line 2"),
        ("time,symbol\n-0.5,N\n", "line 2"),
        ("time,symbol\ninf,N\n", "line 2"),
        ("sample,symbol\n1.5,N\n", "line 2"),
    ],
)
def test_a_malformed_table_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        read_annotations(table(tmp_path, text), "beats", fs_hz=200)
    assert "\n" not in str(caught.value)


def test_its_rate_must_be_known_and_it_must_be_text(tmp_path):
    path = table(tmp_path, "time,symbol\n0.5,N\n")
    with pytest.raises(DataError, match="sampling rate"):
        read_annotations(path, "beats")
    (tmp_path / "r.beats.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="must be text"):
        read_annotations(path, "beats", fs_hz=200)
