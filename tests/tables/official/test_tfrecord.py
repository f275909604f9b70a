import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from official_files import crc32c as bitwise
from official_files import frame

from ecg_nas.errors import TableError
from ecg_nas.tables.official.tfrecord import crc32c, records, starts_one

messages = st.lists(st.binary(max_size=60), max_size=8)


def read(data):
    return list(records(io.BytesIO(data), "f.tfrecord"))


@pytest.mark.parametrize(
    ("message", "checksum"),
    # RFC 3720, B.4, and the check value of catalogues of CRCs.
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
    ],
)
def test_checksums_are_the_published_ones(message, checksum):
    assert crc32c([message]).tolist() == [checksum]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6))
def test_checksums_of_many_are_those_of_each(batch):
    assert crc32c(batch).tolist() == [bitwise(message) for message in batch]


@settings(deadline=None)
@given(messages)
def test_what_was_framed_comes_back(batch):
    assert read(b"".join(map(frame, batch))) == batch


def test_more_records_than_a_batch_come_back_in_order():
    batch = [str(number).encode() for number in range(2_500)]
    assert read(b"".join(map(frame, batch))) == batch


@settings(max_examples=60, deadline=None)
@given(messages.filter(bool), st.data())
def test_a_changed_byte_is_noticed(batch, data):
    whole = bytearray(b"".join(map(frame, batch)))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TableError, match=r"record \d+ of f\.tfrecord") as caught:
        read(bytes(whole))
    assert "\n" not in str(caught.value)


def test_a_file_cut_off_anywhere_gives_its_whole_records_or_an_error():
    batch = [b"first", b"", b"third record"]
    whole = b"".join(map(frame, batch))
    ends = {sum(len(frame(m)) for m in batch[:n]): batch[:n] for n in range(len(batch) + 1)}
    for size in range(len(whole)):
        if size in ends:
            assert read(whole[:size]) == ends[size]
            continue
        with pytest.raises(TableError, match="cut off"):
            read(whole[:size])


def test_a_record_too_long_for_the_benchmark_is_not_read():
    whole = frame(bytes(1 << 17))
    with pytest.raises(TableError, match="at most 65536 bytes"):
        read(whole[:100])


def test_the_first_bytes_tell_such_a_file():
    assert starts_one(frame(b"any")[:20])
    assert not starts_one(frame(b"any")[:11])
    assert not starts_one(b"PAR1" + bytes(20))
