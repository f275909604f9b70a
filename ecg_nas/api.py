"""The front door: what the commands do, for Python. ``import ecg_nas`` offers all of it.

Importing it is light: torch, NumPy and the rest are imported by the functions that need them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from data_prep.io.recording import Recording
    from ecg_nas.inference.classifier import Classifier
    from ecg_nas.inference.recording_beats import ClassifiedRecording

__all__ = ["Model", "load_model", "read_recording"]


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
