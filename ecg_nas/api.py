"""The front door: what the commands do, for Python. ``import ecg_nas`` offers all of it.

Importing it is light: torch, NumPy and the rest are imported by the functions that need them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from data_prep.io.recording import Recording
    from data_prep.store.request import DataRequest
    from ecg_nas.inference.classifier import Classifier
    from ecg_nas.inference.recording_beats import ClassifiedRecording

__all__ = ["Model", "evaluate", "load_model", "prepare", "read_recording", "search"]

_OnEvent = Callable[[Mapping[str, Any]], None]


def _silent(event: Mapping[str, Any]) -> None:
    """Take an event, and say nothing of it."""


def prepare(
    data: str | Path, out: str | Path, *, on_event: _OnEvent = _silent, **options: Any
) -> dict[str, Any]:
    """Filter the recordings of a data set into a signal store, as ``ecg-nas prepare`` does.

    Args:
        data: A source (``"mitdb"``, ``"synthetic"``), or a folder of recordings.
        out: Folder of the store; it appears whole or not at all.
        on_event: Called with what is being done.
        options: As those of the command: ``records``, ``split``, ``task``, ``labels``,
            ``patients``, ``leads``, ``annotators``.

    Returns:
        The store's manifest: beats a class and side, patients, what was left out and why.

    Raises:
        ConfigError: If an option is none, or they do not go together.
        DataError: If the recordings cannot be used.

    Example:
        >>> import tempfile, ecg_nas
        >>> store = Path(tempfile.mkdtemp()) / "store"
        >>> manifest = ecg_nas.prepare("synthetic", store)
        >>> sorted(manifest["counts"]["train"])
        ['F', 'N', 'Q', 'S', 'V']
    """
    from data_prep.store import prepare as store

    return store.prepare(_request(data, options), Path(out), on_event=on_event)


def search(
    data: str | Path | Sequence[str] = "synthetic",
    *,
    out: str | Path,
    config: str | Path | None = None,
    workers: int | None = None,
    on_event: _OnEvent = _silent,
    **settings: Any,
) -> dict[str, Any]:
    """Search for the best network, train it, export it and report, as ``ecg-nas search`` does.

    The same call again resumes a run that was interrupted; a larger ``budget`` goes on with it.
    It needs the extra ``search``. On a system that spawns its processes, call it under
    ``if __name__ == "__main__":``.

    Args:
        data: A source, a prepared store, or a folder of recordings.
        out: Folder of the run.
        config: TOML file with settings.
        workers: Processes that train; results do not depend on it.
        on_event: Called with what is being done.
        settings: Any settings of a search, over those of ``config``: ``preset``, ``budget``,
            ``seed``, ``method``, ``max_macs``, ``training={"epochs": 6}`` …

    Returns:
        What ``ecg-nas search --json`` writes: ``best``, ``evaluations``, ``bundle`` …

    Raises:
        ConfigError: If a setting is none, or not allowed; the message names all of them.
        DataError: If the data cannot be used.
        RunError: If ``out`` holds something else, or is in use.

    Example:
        >>> import tempfile, ecg_nas
        >>> run = Path(tempfile.mkdtemp()) / "run"
        >>> found = ecg_nas.search(
        ...     "synthetic", out=run, method="random", budget=2, max_macs=60_000, workers=1,
        ...     training={"epochs": 1, "keep_every": 8}, folds={"n_folds": 2},
        ...     confirm={"candidates": 0}, final={"epochs": 1},
        ... )
        >>> found["evaluations"], Path(found["bundle"]).name
        (2, 'bundle')
    """
    from ecg_nas.pipeline.main_job import execute
    from ecg_nas.runs.config import resolve

    flags = {"data": _plain(data), **{name: _plain(value) for name, value in settings.items()}}
    resolved = resolve(file=None if config is None else Path(config), flags=flags)
    return execute(resolved, Path(out), workers=workers, on_event=on_event)


def evaluate(
    bundle: str | Path,
    data: str | Path,
    *,
    side: Literal["test", "train"] = "test",
    beats: Literal["reference", "detected"] = "reference",
    on_event: _OnEvent = _silent,
    **options: Any,
) -> dict[str, Any]:
    """Say what a bundle is worth on the patients of a data set, as ``ecg-nas evaluate`` does.

    A look at test patients is noted with their data and counted in the result: choosing by it
    makes them training patients.

    Args:
        bundle: The folder of the bundle.
        data: A source, a prepared store, or a folder of recordings.
        side: Which patients.
        beats: At the annotators' positions, or found in the signal.
        on_event: Called with what is being done.
        options: As those of the command: ``records``, ``split``, ``task``, ``labels``,
            ``patients``, ``leads``, ``annotators``; what is not given is as in the search that
            the bundle is from.

    Returns:
        What ``ecg-nas evaluate --json`` writes.

    Raises:
        BundleError: If the bundle is not whole, or needs other signals.
        ConfigError: If an option is none, or they do not go together.
        DataError: If the data cannot be used.

    Example:
        >>> import tempfile, ecg_nas
        >>> store = Path(tempfile.mkdtemp()) / "store"
        >>> manifest = ecg_nas.prepare("synthetic", store)
        >>> result = ecg_nas.evaluate("exports/reference", store, side="train")
        >>> result["classes"]
        ['N', 'S', 'V', 'F', 'Q']
    """
    from ecg_nas.assessment.evaluate import assess
    from ecg_nas.bundle.manifest import load
    from ecg_nas.pipeline.evaluation_data import evaluation_data, given_otherwise
    from ecg_nas.runs.data import store_folder

    loaded = load(Path(bundle))
    folder = store_folder(evaluation_data(loaded, _request(data, options)), on_event)
    other = given_otherwise(options)
    result: dict[str, Any] = assess(loaded, folder, split=side, beats=beats, other=other).result
    return result


def _request(data: str | Path, options: Mapping[str, Any]) -> DataRequest:
    from ecg_nas.errors import ConfigError
    from ecg_nas.runs.data_settings import KEYS, request_of

    if unknown := sorted(set(options) - KEYS):
        known = ", ".join(sorted(KEYS - {"data"}))
        raise ConfigError(f"options about data must be some of {known}; got {', '.join(unknown)}")
    plain = {name: _plain(value) for name, value in options.items()}
    return request_of({"data": _plain(data), **plain})


def _plain(value: Any) -> Any:
    """Return paths as text, in lists, too: settings are what JSON and TOML can say."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def read_recording(
    path: str | Path,
    *,
    leads: Sequence[str] | None = None,
    fs_hz: float | None = None,
    units: str | None = None,
) -> Recording:
    """Open a recording of any format that is read; its signal is read when it is asked for.

    Args:
        path: A file, or a WFDB record with or without ``.hea``.
        leads: Leads to take, by name (``"MLII"``; ``"II/MLII"`` with alternatives) or position
            (``"#0"``); all of them by default.
        fs_hz: Sampling rate of a text file that does not say it.
        units: ``mV``, ``uV`` or ``V``, where the file does not say it.

    Returns:
        The recording: ``name``, ``fs_hz``, ``leads``, ``duration_s``, and ``read(start, stop)``,
        which gives ``(samples, leads)`` float32 in mV.

    Raises:
        DataError: If there is no such recording, or it cannot be used.

    Example:
        >>> import tempfile, ecg_nas
        >>> from data_prep.sources.synthetic import simulate
        >>> folder = Path(tempfile.mkdtemp()) / "simulated"
        >>> simulate(folder, n_patients=1, duration_s=30)
        >>> recording = ecg_nas.read_recording(folder / "sim01")
        >>> recording.leads, recording.duration_s
        (('MLII', 'V1'), 30.0)
        >>> recording.read(0, 250).shape
        (250, 2)
    """
    from data_prep.io.formats import open_recording

    return open_recording(path, leads=leads, fs_hz=fs_hz, units=units)


class Model:
    """A bundle, loaded, with its classifier on one CPU thread; made by :func:`load_model`.

    Attributes:
        classes: Names of the classes, in the order of the probabilities.
        leads: Leads that it takes, in order; alternatives separated by ``/``.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.classes: tuple[str, ...] = classifier.bundle.classes
        self.leads: tuple[str, ...] = classifier.bundle.spec.signal.leads

    def classify(
        self,
        recording: str | Path | Recording | ArrayLike,
        *,
        fs_hz: float | None = None,
        leads: Sequence[str] | None = None,
        beats: str = "detected",
        gate: bool | None = None,
    ) -> ClassifiedRecording:
        """Classify the beats of a recording, as ``ecg-nas classify`` does.

        Args:
            recording: Path of a recording, an open one (with the model's leads, in order), or
                ``(samples, leads)`` in mV.
            fs_hz: Sampling rate of an array, or of a text file that does not say it.
            leads: Leads to take from a file, in the model's order; by default the model's own.
                Of an array: what its columns are.
            beats: ``detected``, or the extension of an annotation file whose beats are taken.
            gate: Whether beats where the signal is unreadable are left out; by default for
                detected beats only.

        Returns:
            ``samples`` and ``times_s`` of the R peaks, ``labels``, ``probabilities``, and what
            could not be read.

        Raises:
            DataError: If the recording cannot be used.
            BundleError: If it has another number of leads than the model takes.

        Example:
            >>> import ecg_nas
            >>> from data_prep.sources.synthetic import simulate_record
            >>> record = simulate_record(0, duration_s=30)
            >>> model = ecg_nas.load_model("exports/reference")
            >>> found = model.classify(record.signal, fs_hz=record.fs_hz)
            >>> len(found.labels) == len(found.times_s) == len(found.probabilities)
            True
            >>> abs(len(found.labels) - len(record.beats)) <= 2
            True
        """
        from data_prep.errors import DataError
        from data_prep.io.in_memory import ArrayRecording
        from data_prep.io.recording import Recording
        from ecg_nas.inference.recording_beats import classify_recording

        if isinstance(recording, str | Path):
            opened = read_recording(recording, leads=leads or self.leads, fs_hz=fs_hz)
        elif isinstance(recording, Recording):
            opened = recording
        elif fs_hz is None:
            raise DataError("the sampling rate of an array must be given, as fs_hz=250")
        else:
            opened = ArrayRecording(recording, fs_hz=fs_hz, leads=leads)
        return classify_recording(self._classifier, opened, beats=beats, gate=gate)


def load_model(bundle: str | Path, *, int8: bool = False) -> Model:
    """Load a bundle, checked: the folder that a search or ``ecg-nas export`` wrote.

    Args:
        bundle: The folder.
        int8: Take its INT8 model.

    Raises:
        BundleError: If it is not whole, or has no INT8 model that was asked for.

    Example:
        >>> import ecg_nas
        >>> model = ecg_nas.load_model("exports/reference")
        >>> model.classes
        ('N', 'S', 'V', 'F', 'Q')
    """
    from ecg_nas.bundle.manifest import load
    from ecg_nas.inference.classifier import Classifier

    return Model(Classifier(load(Path(bundle)), int8=int8))
