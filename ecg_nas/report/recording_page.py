"""The page of one classified recording, to be printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from ecg_nas.assessment.strips import of_classified
from ecg_nas.bundle.manifest import NOTICE, Bundle
from ecg_nas.figures.recording_overview import overview, poincare
from ecg_nas.figures.strip import clock
from ecg_nas.files import write_text
from ecg_nas.inference.recording_beats import ClassifiedRecording
from ecg_nas.inference.recording_summary import hourly, minutes, neighbouring, summary
from ecg_nas.report import _html

_EXAMPLES: Final = 3
_APART_S: Final = 60.0  # examples of one class
_MOST_ROWS: Final = 72  # of the table of hours; of a longer recording, one holds several
_SPARSE: Final = 48  # pieces of the overview


def write(classified: ClassifiedRecording, bundle: Bundle, out: Path) -> None:
    """Write the page of a recording to the file ``out``.

    Raises:
        RunError: If ``out`` cannot be written.
        DataError: If the recording can no longer be read.
    """
    figures, task = summary(classified), classified.task
    before_s, after_s, kinds = neighbouring(classified)
    duration_s = classified.recording.duration_s
    by_hour = hourly(classified)
    n_hours = len(next(iter(by_hour.values())))
    together = -(-n_hours // _MOST_ROWS)
    page = _html.fill(
        "recording.html",
        result=figures,
        task=task,
        notice=NOTICE,
        model=bundle.manifest.files[classified.model].sha256[:12],
        architecture=bundle.manifest.architecture.get("key"),
        duration=clock(round(duration_s)),
        overview=_html.drawing(
            overview(
                duration_s, minutes(classified), _pieces(classified), classified.unreadable, task
            )
        ),
        poincare=_html.drawing(poincare(before_s, after_s, kinds, task)) if kinds else None,
        hours=[
            {
                "hour": hour,
                **{kind: sum(counts[hour : hour + together]) for kind, counts in by_hour.items()},
            }
            for hour in range(0, n_hours, together)
        ],
        together=together,
        classes=[kind for kind in by_hour if kind != "?" or any(by_hour[kind])],
        examples=_examples(classified),
        clock=clock,
    )
    # A file's name may be any bytes; a page is UTF-8.
    write_text(out, page.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _pieces(classified: ClassifiedRecording) -> dict[str, list[int]]:
    """Return the beats of each class in equal pieces of the recording."""
    edges = np.linspace(0, classified.recording.duration_s, _SPARSE + 1)
    return {
        kind: np.histogram(classified.times_s[classified.called == place], edges)[0].tolist()
        for place, kind in enumerate(classified.classes)
    }


def _examples(classified: ClassifiedRecording) -> list[dict[str, Any]]:
    """Return, of each class, the beats that the model is most and least sure of, drawn."""
    examples = []
    for place, kind in enumerate(classified.classes):
        own = np.flatnonzero(classified.called == place)
        sure = classified.probabilities[own, place]
        chosen: list[int] = []
        order = own[np.argsort(-sure, kind="stable")]
        for beat in [*order[:1000].tolist(), *order.tolist()[-1:]]:
            far = all(
                abs(classified.times_s[beat] - classified.times_s[other]) >= _APART_S
                for other in chosen
            )
            if (far and len(chosen) < _EXAMPLES - 1) or (beat == order[-1] and beat not in chosen):
                chosen.append(beat)
        for beat in chosen:
            name = f"example-{place}-{beat}"
            examples.append(
                {
                    "kind": kind,
                    "time": clock(float(classified.times_s[beat])),
                    "probability": float(classified.probabilities[beat, place]),
                    "svg": _html.drawing(of_classified(classified, beat, name=name)),
                }
            )
    return examples
