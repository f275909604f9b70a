"""From an official file, recognised by its first bytes, to a compact table."""

from __future__ import annotations

import bz2
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from data_prep.events import OnEvent, ignore
from ecg_nas.errors import TableError
from ecg_nas.tables.official import nasbench101, nasbench201, tfrecord
from ecg_nas.tables.parquet import CompactTable

_HEAD = 512
_BUFFER = 1 << 20
_TAR = (257, b"ustar")  # place and text of its mark
_TORCH_ZIP = b"PK\x03\x04"
_TORCH_LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."  # its magic number
_BZIP2 = b"BZh"
_SUFFIX = ".pickle.pbz2"

_OTHERS = {
    b"PAR1": "a Parquet file, so perhaps a compact table already",
    b"\x1f\x8b": "gzip: unpack it first",
    b"7z": "a 7z archive: unpack it first",
    b"<": "a web page: the download went wrong",
    b"{": "JSON: name its search space with --space",
    b"[": "JSON: name its search space with --space",
    b"\x80": "a pickle of something else",
}


def import_table(source: Path, out: Path, *, on_event: OnEvent = ignore) -> dict[str, Any]:
    """Write the compact table of an official file.

    Args:
        source: ``nasbench_only108.tfrecord`` or ``nasbench_full.tfrecord`` (NAS-Bench-101);
            ``NATS-tss-v1_0-3ffb9-simple.tar``, that archive unpacked into a folder, or
            ``NATS-tss-v1_0-3ffb9.pickle.pbz2`` (NATS-Bench); ``NAS-Bench-201-v1_1-096897.pth``.
        out: The Parquet file to write; one that is there is replaced.
        on_event: Told how much has been read: bytes, or files of a folder.

    Returns:
        What was written; see ``CompactTable.summary``.

    Raises:
        TableError: If ``source`` is not one of these files, is damaged or names what a pickle
            must not.
    """
    if out.exists() and source.samefile(out):
        raise TableError(f"the table must go to another file than the official one; got {out}")
    where = str(source)
    if source.is_dir():
        table = nasbench201.read_members(_files(source, on_event), where)
    else:
        with _open(source, on_event) as file:
            table = _read(file, where)
    table.write(out)
    return table.summary()


def _read(file: BinaryIO, where: str) -> CompactTable:
    head = file.read(_HEAD)
    file.seek(0)
    place, mark = _TAR
    if tfrecord.starts_one(head):
        return nasbench101.read(tfrecord.records(file, where), where)
    if head[place:].startswith(mark):
        return nasbench201.read_members(_members(file, where), where)
    if head.startswith(_TORCH_LEGACY):
        return nasbench201.read_torch(file, where)
    if head.startswith(_TORCH_ZIP):
        return _read_zip(file, where)
    if head.startswith(_BZIP2):
        with bz2.BZ2File(file) as plain:
            return nasbench201.read_pickle(_buffered(plain), where, "NATS-Bench")
    looks = next((text for start, text in _OTHERS.items() if head.startswith(start)), None)
    raise TableError(
        "the file must be nasbench_only108.tfrecord or nasbench_full.tfrecord, "
        "NATS-tss-v1_0-3ffb9-simple.tar or NAS-Bench-201-v1_1-096897.pth, or with --space CSV or "
        "JSON; "
        f"{where} {'is empty' if not head else f'starts with {head[:8]!r}'}"
        + (f" ({looks})" if looks else "")
    )


def _members(file: BinaryIO, where: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of a tar's pickles, one at a time."""
    try:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                name = Path(member.name).name
                content = archive.extractfile(member) if _is_member(name) else None
                if content is not None:
                    yield name, content.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise TableError(
            f"the archive must be whole; {where} is cut off or damaged ({error!s:.80}): "
            "download it again"
        ) from error


def _files(folder: Path, on_event: OnEvent) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the pickles of an archive that has been unpacked."""
    paths = sorted(path for path in folder.iterdir() if _is_member(path.name))
    for done, path in enumerate(paths, 1):
        yield path.name, path.read_bytes()
        on_event({"event": "read", "name": folder.name, "done": done, "total": len(paths)})


def _is_member(name: str) -> bool:
    return name.endswith(_SUFFIX) and not name.startswith(".")  # some tars add ._name


def _read_zip(file: BinaryIO, where: str) -> CompactTable:
    try:
        archive = zipfile.ZipFile(file)
        [name] = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        pickled = archive.open(name)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        raise TableError(
            f"a zip file must be one that torch.save wrote, and whole; {where} is not "
            f"({error!s:.80})"
        ) from error
    with archive, pickled:
        return nasbench201.read_pickle(_buffered(pickled), where, "NAS-Bench-201")


def _buffered(file: Any) -> BinaryIO:
    """Return ``file`` with a buffer in front: a pickle is read byte by byte."""
    return io.BufferedReader(file, _BUFFER)


class _Watched(io.FileIO):
    """A file that tells how far it has been read."""

    def __init__(self, path: Path, on_event: OnEvent) -> None:
        super().__init__(path)
        self._path, self._on_event, self._size = path, on_event, path.stat().st_size

    def readinto(self, buffer: Any, /) -> int | None:
        count = super().readinto(buffer)
        done = {"done": self.tell(), "total": self._size}
        self._on_event({"event": "read", "name": self._path.name, **done})
        return count


def _open(path: Path, on_event: OnEvent) -> BinaryIO:
    return _buffered(_Watched(path, on_event))
