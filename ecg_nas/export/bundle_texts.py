"""The last files of a bundle: the words, then the manifest that names all. Without torch."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from ecg_nas.bundle.atomic_folder import copy, placed
from ecg_nas.bundle.manifest import MANIFEST, MODEL_INT8, Manifest, entry, load
from ecg_nas.export import model_card
from ecg_nas.inference.verify import verify

_CARD, _README = "MODEL_CARD.md", "README.md"


def finish(folder: Path, plain: Manifest) -> Manifest:
    """Write card, read-me and manifest beside the other files; return the manifest.

    Args:
        folder: Holds every other file of the bundle.
        plain: The manifest; its ``files`` are not looked at.
    """
    (folder / _CARD).write_text(model_card.model_card(plain), encoding="utf-8")
    (folder / _README).write_text(model_card.readme(plain), encoding="utf-8")
    files = {path.name: entry(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    manifest = replace(plain, files=files)
    (folder / MANIFEST).write_text(manifest.to_text(), encoding="utf-8")
    return manifest


def copy_without_int8(bundle: Path, out: Path) -> None:
    """Copy the bundle in the folder ``bundle`` to ``out`` without its INT8 model.

    Raises:
        BundleError: If ``bundle`` is not whole, or ``out`` cannot be written.
    """
    manifest = load(bundle).manifest
    if MODEL_INT8 not in manifest.files:
        copy(bundle, out)
        return
    with placed(out) as part:
        for name in manifest.files.keys() - {MODEL_INT8, _CARD, _README}:
            shutil.copyfile(bundle / name, part / name)
        int8 = replace(
            manifest.int8,
            refused="it was left out when the bundle was exported",
            golden_difference=None,
            promised_difference=None,
        )
        finish(part, replace(manifest, int8=int8))
        verify(part)
