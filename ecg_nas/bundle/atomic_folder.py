"""Put a bundle's folder in its place whole or not at all, and own only what we wrote."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_prep import writing
from ecg_nas.bundle.manifest import FORMAT, MANIFEST, MOST_BYTES, load
from ecg_nas.errors import BundleError


@contextmanager
def placed(out: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``out`` to fill; when it is filled, it takes that place.

    An earlier bundle there is replaced: the files that its manifest names. Anything else in
    ``out`` is somebody's own, and refused by name.

    Raises:
        BundleError: If ``out`` cannot be written, is a link, or holds what is not of a bundle.
    """
    try:
        _refuse_foreign(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        # Not by tempfile, whose folders are closed to others whatever the user's umask says.
        part = out.with_name(f".{out.name}.{secrets.token_hex(6)}.part")
        part.mkdir()
    except OSError as error:
        raise _not_writable(out, error) from error
    try:
        try:
            yield part
        except OSError as error:
            if writing.is_full(error):
                raise _not_writable(out, error) from error
            raise
        try:
            writing.flush_tree(part)
            _put_in_place(part, out)
            writing.flush(out.parent)
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
        try:
            for name in names:
                shutil.copyfile(bundle / name, part / name)
        except OSError as error:
            raise _not_writable(out, error) from error
        load(part)


def _not_writable(out: Path, error: OSError) -> BundleError:
    if writing.is_full(error):
        return BundleError(writing.not_written(out, error))
    return BundleError(
        f"a bundle must be written to a folder that can be; {out}: {error.strerror or error}"
    )


def _refuse_foreign(out: Path) -> None:
    """Refuse ``out`` unless it is free, empty, or holds a bundle's own files only."""
    if out.is_symlink():
        raise BundleError(
            f"a bundle must be written to a folder itself; {out} is a link: name the folder that "
            "it points to"
        )
    if not out.exists():
        return
    if not out.is_dir():
        raise BundleError(f"a bundle must be written to a folder; {out} is a file")
    there = {path.name for path in out.iterdir()}
    own = _own_files(out) if there else set()
    if foreign := sorted(there - own):
        raise BundleError(
            f"a bundle must be written to a new or empty folder, or over a bundle and nothing "
            f"else; {out} holds other files: {', '.join(foreign[:5])}"
            f"{' …' if len(foreign) > 5 else ''}: choose another folder, or move them"
        )


def _own_files(out: Path) -> set[str]:
    """Return the files that the manifest in ``out`` names, itself among them; none without one."""
    manifest = out / MANIFEST
    if manifest.is_symlink() or not manifest.is_file() or manifest.stat().st_size > MOST_BYTES:
        return set()
    try:
        content = json.loads(manifest.read_bytes())
    except (ValueError, RecursionError):  # cut off: whose the other files are is not known
        return set()
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return set()
    named = content.get("files")
    names = {name for name in named if Path(name).name == name} if isinstance(named, dict) else ()
    return {MANIFEST, *(name for name in names if _is_plain(out / name))}


def _is_plain(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def _put_in_place(part: Path, out: Path) -> None:
    if not out.exists():
        part.replace(out)
        return
    # A folder with files cannot be replaced in one step: the old one steps aside first.
    old = part.with_suffix(".old")
    out.replace(old)
    try:
        _refuse_foreign(old)  # what came while the new one was made
        part.replace(out)
    except (OSError, BundleError):
        old.replace(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
