"""What a bundle is: a folder with one ONNX model and all that is needed to use it, checked."""

from __future__ import annotations

import errno
import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.polarity import usual_qrs
from data_prep.errors import DataError
from data_prep.tasks import Task
from ecg_nas.errors import BundleError

FORMAT = "ecg-nas bundle"
FORMAT_VERSION = 2
MANIFEST = "manifest.json"
MODEL = "model.onnx"
MODEL_INT8 = "model.int8.onnx"
GOLDEN = "golden.npz"
SBOM = "sbom.json"
MOST_BYTES = 256 << 20
"""Of one file. Networks for beats have kilobytes; a larger file is not read into memory."""
NOTICE = "Research use only, not a medical device."

_STRICT = ConfigDict(extra="forbid", strict=True)
_OPTIONAL = ("robustness", "usual_qrs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or output of the model; its first axis counts beats and is free.

    Attributes:
        name: Its name in the graph.
        shape: Sizes of the axes after the first.
        unit: Unit of the values.
        meaning: What the axes and values are.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    shape: list[int]
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """Digest and size of one file of the bundle."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8:
    """What is known and promised of the INT8 model, or why there is none.

    Attributes:
        refused: Why the bundle has no INT8 model; ``None`` if it has one.
        gate: What INT8 costs on held-out training patients; see ``ecg_nas.export.quantize.gate``.
            Empty where it was not measured.
        golden_difference: Largest difference of a probability to the float32 model on the golden
            beats, when the bundle was made.
        promised_difference: What that difference may be elsewhere.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    refused: str | None
    gate: dict[str, Any]
    golden_difference: float | None
    promised_difference: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What ``manifest.json`` holds.

    Attributes:
        format: Always ``FORMAT``.
        format_version: Version of this schema.
        notice: What the model is not for.
        classes: Names of the outputs, in order.
        mapping: Name of the symbol-to-class mapping that it was trained with.
        spec: The ``BeatSpec``, as JSON: how to cut the inputs from a recording.
        context_names: The rhythm features, in the order of the columns of ``context``.
        inputs: The model's inputs, in order.
        output: The model's output.
        params: Trained parameters.
        macs: Multiply-accumulates a beat.
        opset: ONNX operator set.
        ir_version: ONNX file format version.
        architecture: The architecture's JSON with its ``key``.
        temperature: What the network's outputs are divided by before the softmax; in the graph.
        int8: The INT8 model beside the float32 one.
        training: Data set, split, fingerprint, seeds and figures of the training folds only.
        versions: Versions of the libraries that made the bundle.
        files: Every other file of the bundle.
        robustness: What noise, altered leads and other rates do to held-out training patients,
            the recordings as they are first: the ``name`` of each condition and the task's
            ``figures`` under it; ``None`` where it was not measured.
        usual_qrs: The mean of the training patients' median QRS complexes, by lead, each of 1 from
            peak to peak and around the R peak; ``None`` where it was not kept.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    format: str
    format_version: int
    notice: str
    classes: list[str]
    mapping: str
    spec: dict[str, Any]
    context_names: list[str]
    inputs: list[Tensor]
    output: Tensor
    params: int
    macs: int
    opset: int
    ir_version: int
    architecture: dict[str, Any]
    temperature: float
    int8: Int8
    training: dict[str, Any]
    versions: dict[str, str]
    files: dict[str, FileEntry]
    robustness: list[dict[str, Any]] | None = None
    usual_qrs: list[list[float]] | None = None

    @property
    def task(self) -> Task:
        """What its outputs are classes of."""
        return BeatSpec.from_json(self.spec).signal.task

    def to_text(self) -> str:
        """Return the one text that a manifest file may hold, its own digest in the last line.

        With the digest, a changed character is found in the manifest as in any other file.
        """
        # What was not measured is not named: earlier bundles of this format never name it.
        content = {k: v for k, v in asdict(self).items() if k not in _OPTIONAL or v is not None}
        content["digest"] = _digest(content)
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


_MANIFEST = TypeAdapter(Manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that was read and found whole.

    Attributes:
        folder: Where it lies.
        manifest: Its manifest.
        spec: How to cut its inputs from a recording.
    """

    folder: Path
    manifest: Manifest
    spec: BeatSpec

    @property
    def model(self) -> Path:
        """Path of the float32 model."""
        return self.folder / MODEL

    @property
    def int8(self) -> Path | None:
        """Path of the INT8 model, if there is one."""
        return self.folder / MODEL_INT8 if MODEL_INT8 in self.manifest.files else None

    @property
    def task(self) -> Task:
        """What its outputs are classes of."""
        return self.spec.signal.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the model's outputs, in order."""
        return tuple(self.manifest.classes)


def entry(path: Path) -> FileEntry:
    """Return the digest and size of the file at ``path``.

    Raises:
        OSError: If it cannot be read, is no plain file or is far too large for a bundle.
    """
    content = _read_member(path)
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def _read_member(path: Path) -> bytes:
    """Read a file of a bundle, which may be a stranger's, after a look at what it is."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no plain file")
    if found.st_size > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes, over {MOST_BYTES:,}")
    return path.read_bytes()


def load(folder: Path) -> Bundle:
    """Read the bundle in ``folder`` and check that every file is the one that was written.

    Raises:
        BundleError: If ``folder`` is no bundle, is of another format version, or a file of it is
            missing or altered; the file is named.
    """
    manifest = _read_manifest(folder)
    for name, expected in manifest.files.items():
        if Path(name).name != name:
            raise BundleError(f"a bundle names files of its own folder only; got {name!r}")
        try:
            found = entry(folder / name)
        except (OSError, ValueError) as error:
            raise BundleError(
                f"a bundle must hold the files that its manifest names; {folder / name} cannot be "
                f"read ({getattr(error, 'strerror', error)}); copy the whole folder again"
            ) from error
        if found != expected:
            raise BundleError(
                f"a bundle's files must be as they were written; {folder / name} was altered "
                "(its SHA-256 differs from the manifest's); export the run again or copy it anew"
            )
    for name in (MODEL, GOLDEN):
        if name not in manifest.files:
            raise BundleError(f"a bundle's manifest must name {name}; {folder / MANIFEST} does not")
    if (MODEL_INT8 in manifest.files) != (manifest.int8.refused is None):
        raise BundleError(
            f"a bundle's manifest must name {MODEL_INT8} or why there is none; {folder / MANIFEST} "
            "does not"
        )
    try:
        spec = BeatSpec.from_json(manifest.spec)
    except DataError as error:
        raise BundleError(f"{folder / MANIFEST}: {error}") from error
    if tuple(manifest.classes) != spec.signal.classes:
        raise BundleError(
            f"a bundle's classes must be those of its task, {', '.join(spec.signal.classes)}; "
            f"{folder / MANIFEST} has {', '.join(manifest.classes)}"
        )
    _refuse_other_shapes(folder, manifest, spec)
    _refuse_other_figures(folder, manifest)
    return Bundle(folder=folder, manifest=manifest, spec=spec)


def _refuse_other_shapes(folder: Path, manifest: Manifest, spec: BeatSpec) -> None:
    """Refuse what is said of beats that are not those of ``spec``."""
    if tuple(manifest.context_names) != spec.context_names:
        raise BundleError(
            f"a bundle's context_names must be those of its spec, {', '.join(spec.context_names)}; "
            f"{folder / MANIFEST} has {', '.join(manifest.context_names)}"
        )
    none = np.zeros((0, len(spec.signal.leads), spec.samples), dtype=np.float32)
    n_leads, n_samples = usual_qrs(none, spec).shape
    found = [] if manifest.usual_qrs is None else [len(lead) for lead in manifest.usual_qrs]
    if found not in ([], [n_samples] * n_leads):
        raise BundleError(
            f"a bundle's usual_qrs must be {n_leads} leads of {n_samples} values, as its spec "
            f"says; {folder / MANIFEST} has {', '.join(map(str, found))} values"
        )


def _refuse_other_figures(folder: Path, manifest: Manifest) -> None:
    """Refuse conditions whose figures are not those of the task."""
    wanted = {"name", *manifest.task.figures}
    for number, condition in enumerate(manifest.robustness or []):
        if condition.keys() != wanted:
            raise BundleError(
                f"a bundle's robustness.{number} must have a name and the figures "
                f"{', '.join(manifest.task.figures)}; {folder / MANIFEST} has "
                f"{', '.join(condition)}"
            )


def without_names(facts: Any) -> Any:
    """Return ``facts`` with every list of ``patients`` as their number: a bundle is passed on."""
    if isinstance(facts, Mapping):
        return {
            name: len(value) if name == "patients" and isinstance(value, list | tuple)
            else without_names(value)
            for name, value in facts.items()
        }  # fmt: skip
    if isinstance(facts, list | tuple):
        return [without_names(value) for value in facts]
    return facts


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        text = _read_member(path).decode()
        content = json.loads(text)
    except OSError as error:
        raise BundleError(
            f"a bundle must be a folder with a {MANIFEST}; {folder} has none that can be read "
            f"({error.strerror}); a search leaves its bundle in RUN/bundle"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"a bundle's manifest must be JSON; {path} is not ({error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BundleError(f'a bundle\'s manifest must say "format": "{FORMAT}"; {path} does not')
    if content.get("format_version") != FORMAT_VERSION:
        raise BundleError(
            f"this version reads bundles of format {FORMAT_VERSION}; {path} is of format "
            f"{content.get('format_version')}; the same ecg-nas search again writes its run's anew"
        )
    digest = content.pop("digest", None)
    try:
        # As JSON: strict on Python objects would want the dataclasses themselves.
        manifest = _MANIFEST.validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(
            f"a bundle's manifest must follow its schema; {path} does not at {where}: "
            f"{first['msg'].lower()}"
        ) from error
    for number, condition in enumerate(manifest.robustness or []):
        for name, value in condition.items():
            if not isinstance(value, str if name == "name" else float | int | None):
                raise BundleError(
                    f"a bundle's manifest must follow its schema; {path} does not at "
                    f"robustness.{number}.{name}: got {value!r}"
                )
    try:
        as_written = digest == _digest(content) and text == manifest.to_text()
    except ValueError:  # an infinity, which is no JSON
        as_written = False
    if not as_written:
        raise BundleError(
            f"a bundle's manifest must be as it was written; {path} was altered "
            "(its digest differs); export the run again or copy it anew"
        )
    return manifest


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
