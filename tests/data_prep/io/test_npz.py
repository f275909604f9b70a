"""Archives of arrays: read as NumPy does, and nothing that lies about its size is."""

import io
import zipfile

import numpy as np
import pytest

from data_prep.errors import DataError
from data_prep.io.npz import read_npz

ARRAYS = {
    "a": np.arange(12, dtype=np.float32).reshape(3, 4),
    "text": np.array(["x", "yy"]),
    "none": np.zeros((0, 5)),
    "one": np.array(3),
}


def packed(file, **members):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file


def described(shape, descr="<f4", body=b""):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_wrote_is_read(tmp_path, save):
    save(tmp_path / "x.npz", **ARRAYS)
    found = read_npz(tmp_path / "x.npz")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert list(read_npz(tmp_path / "x.npz", ["text"])) == ["text"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (described((10**15,)), "is not what its bytes are"),
        (described((2**40, 2**40)), "is not what its bytes are"),
        (described((4,), body=bytes(15)), "is not what its bytes are"),
        (described((4,), body=bytes(17)), "is not what its bytes are"),
        (described((-4,), body=bytes(16)), "is not what its bytes are"),
        (described((1,), "|O", bytes(8)), "is not what its bytes are"),
        (described((1,), "|V99999999999"), "."),
        (described((4,), body=bytes(16)).replace(b"\x01\x00", b"\x09\x00", 1), "version"),
        (b"not an array", "."),
        (b"", "."),
    ],
)
def test_an_array_that_lies_is_refused(tmp_path, content, reason):
    with pytest.raises(DataError, match=reason) as error:
        read_npz(packed(tmp_path / "x.npz", a=content))
    assert "\n" not in str(error.value)


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path):
    zeros = described((1 << 26,), "|u1", bytes(1 << 26))
    file = packed(tmp_path / "x.npz", a=zeros, b=zeros)
    assert file.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="have over 100,000,000 bytes"):
        read_npz(file, most_bytes=100_000_000)
    assert read_npz(file, ["b"], most_bytes=100_000_000)["b"].shape == (1 << 26,)


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"no archive")
    for file in (tmp_path / "x.npz", tmp_path / "none.npz", tmp_path):
        with pytest.raises(DataError):
            read_npz(file)
    packed(tmp_path / "y.npz", a=described((1,), body=bytes(4)))
    with pytest.raises(DataError, match="lacks b"):
        read_npz(tmp_path / "y.npz", ["a", "b"])


def test_a_changed_byte_of_an_array_is_noticed(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(64))
    content = bytearray(buffer.getvalue())
    at = content.index(np.arange(64).tobytes()) + 100
    content[at] ^= 4
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match="CRC"):
        read_npz(tmp_path / "x.npz")
