from collections import Counter

import pytest

from data_prep import tasks
from data_prep.beats.labels import label, mapping, refuse_unmapped
from data_prep.errors import DataError
from data_prep.io.annotations import BEAT_SYMBOLS

TASK = tasks.load("aami")


def test_the_mappings_differ_in_escape_beats_only():
    aami, bxb = mapping("aami", TASK), mapping("bxb", TASK)
    assert set(aami) == set(bxb) == BEAT_SYMBOLS
    assert {s: bxb[s] for s in aami if aami[s] != bxb[s]} == {"e": "S", "j": "S"}


def test_symbols_become_classes_and_the_rest_is_counted():
    labels = label(list("NVAFQ/xxy"), mapping("aami", TASK), TASK.classes)
    assert labels.y.tolist() == [0, 2, 1, 3, 4, 4, -1, -1, -1]
    assert labels.unmapped == {"x": 2, "y": 1}


def test_classes_that_are_not_wanted_have_no_index():
    labels = label(list("NVF"), mapping("aami", TASK), classes=("V", "N"))
    assert labels.y.tolist() == [1, 0, -1]


def test_a_hundredth_without_a_class_is_allowed_and_no_more():
    refuse_unmapped(Counter(x=10), 1000, TASK)
    with pytest.raises(DataError, match="'x' 11"):
        refuse_unmapped(Counter(x=11), 1000, TASK)


def test_a_users_mapping_is_read(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text('[symbols]\n"1" = "N"\n"2" = "S"\n')
    assert mapping(str(file), TASK) == {"1": "N", "2": "S"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has none"),
        ("not toml", "readable TOML"),
        ('"V" = "X"', "'V' = 'X'"),
        ('"NN" = "N"', "one-character"),
        ('"V" = "V"', "to N"),
        ('"V" = 3', "'V' = 3"),
    ],
)
def test_a_bad_mapping_is_refused(tmp_path, text, message):
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        mapping(str(file), TASK)


def test_an_unknown_mapping_says_what_there_is():
    with pytest.raises(DataError, match="aami, bxb or a TOML file"):
        mapping("ahaa", TASK)
