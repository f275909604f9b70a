"""Put a folder in its place whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecg_nas.bundle.manifest import FORMAT, MANIFEST, load
from ecg_nas.errors import BundleError


@contextmanager
def placed(out: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``out`` to fill; when it is filled, it takes that place.

    Raises:
        BundleError: If ``out`` cannot be written, or holds something that is not a bundle.
    """
    try:
        _refuse_foreign(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    except OSError as error:
        raise _not_writable(out, error) from error
    try:
        part.chmod(0o755)  # mkdtemp's folders are closed to others
        yield part
        try:
            _put_in_place(part, out)
        except OSError as error:
            raise _not_writable(out, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def copy(bundle: Path, out: Path) -> None:
    """Copy the bundle in the folder ``bundle`` to ``out``: the files that its manifest names.

    Raises:
        BundleError: If ``bundle`` is not whole, or ``out`` cannot be written.
    """
    names = [MANIFEST, *load(bundle).manifest.files]
    if out.exists() and out.samefile(bundle):
        return
    with placed(out) as part:
        for name in names:
            shutil.copyfile(bundle / name, part / name)
        load(part)


def _not_writable(out: Path, error: OSError) -> BundleError:
    return BundleError(
        f"a bundle must be written to a folder that can be; {out}: {error.strerror or error}"
    )


def _refuse_foreign(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise BundleError(f"a bundle must be written to a folder; {out} is a file")
    if not out.is_dir() or not any(out.iterdir()):
        return
    manifest = out / MANIFEST
    # Not more than the word: a bundle that is damaged or of another version may be replaced.
    if not manifest.is_file() or FORMAT.encode() not in manifest.read_bytes():
        raise BundleError(
            f"a bundle must be written to a new or empty folder or over a bundle; {out} holds "
            "other files: choose another folder"
        )


def _put_in_place(part: Path, out: Path) -> None:
    if not out.exists():
        part.replace(out)
        return
    # A folder with files cannot be replaced in one step: the old one steps aside first.
    old = part.with_suffix(".old")
    out.replace(old)
    try:
        part.replace(out)
    except OSError:
        old.replace(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
