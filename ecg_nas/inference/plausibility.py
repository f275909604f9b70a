"""What looks like a wrong unit, or like leads upside down, in a recording that was classified.

Nothing is changed for it: a heart may look like that, and whoever recorded it can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.polarity import likeness, usual_qrs

Kind = Literal["unit", "inverted", "lead inverted"]

# A QRS complex outside of these is no heart's: its unit is wrong.
PLAUSIBLE_MV: Final = (0.03, 20.0)
# Mean over the leads. On MIT-BIH's DS1 (each record against the other 21, beats as detected) the
# lowest of all is -0.02, and 19 of the 22 records fall below this when inverted or swapped.
UPSIDE_DOWN: Final = -0.3
LEAST_BEATS: Final = 5
# Leads in which the QRS complex of most hearts points up.
UPRIGHT: Final = frozenset({"i", "ii", "mlii", "mli", "v5", "v6", "mv5", "cm5"})
DOWN: Final = 2.0  # times as far down as up
DOWN_S: Final = 0.06  # to either side of the R peak


@dataclass(frozen=True, slots=True, kw_only=True)
class PlausibilityWarning:
    """Something that does not look plausible.

    Attributes:
        kind: ``unit``; ``inverted``: the recording as a whole, or its leads are in another order;
            ``lead inverted``: one lead, by its name.
        leads: Names of the leads that it is about.
        text: A sentence for people, without its full stop.
    """

    kind: Kind
    leads: tuple[str, ...]
    text: str


def plausibility_warnings(
    leads: Sequence[str],
    own: NDArray[np.float32],
    qrs_mv: NDArray[np.float32],
    alike: NDArray[np.float64] | None,
    spec: BeatSpec,
) -> Iterator[PlausibilityWarning]:
    """Yield what does not look plausible.

    Args:
        leads: Names of the leads.
        own: ``(beats, leads, samples)`` windows of the beats that can be read.
        qrs_mv: ``(leads,)`` median size of all QRS complexes.
        alike: What :func:`alike_to` returned.
        spec: How the beats were cut.
    """
    yield from _units(leads, qrs_mv)
    if alike is not None and alike.mean() < UPSIDE_DOWN:
        yield PlausibilityWarning(
            kind="inverted",
            leads=tuple(leads),
            text="the usual QRS complex looks like that of the training patients upside down "
            f"(correlation {alike.mean():.2f}): are the leads inverted, or in another order?",
        )
    else:
        yield from _pointing_down(leads, own, spec)


def alike_to(
    usual: Sequence[Sequence[float]] | None, own: NDArray[np.float32], spec: BeatSpec
) -> NDArray[np.float64] | None:
    """Return how alike a recording's usual QRS complex is to that of the training patients.

    Args:
        usual: Theirs, as the manifest has it.
        own: ``(beats, leads, samples)`` windows of the recording's beats that can be read.
        spec: How they were cut.

    Returns:
        ``(leads,)`` from -1 to 1; ``None`` if the manifest has none, or there are too few beats.
    """
    if usual is None or len(own) < LEAST_BEATS:
        return None
    return likeness(usual_qrs(own, spec), np.array(usual), spec.signal.fs_hz)


def _units(leads: Sequence[str], qrs_mv: NDArray[np.float32]) -> Iterator[PlausibilityWarning]:
    low, high = PLAUSIBLE_MV
    sizes = list(zip(leads, qrs_mv.tolist(), strict=True))
    if large := [(lead, size) for lead, size in sizes if size > high]:
        yield _unit(large, "are the values in uV?")
    if small := [(lead, size) for lead, size in sizes if 0 < size < low]:
        # One lead of several: rather its electrode than the file.
        all_leads = len(small) == len(sizes)
        asked = (
            "are the values in a larger unit, as V?"
            if all_leads
            else "is its unit right, and the electrode on?"
        )
        yield _unit(small, asked)


def _unit(found: Sequence[tuple[str, float]], asked: str) -> PlausibilityWarning:
    listed = ", ".join(
        f"{size:,.0f} mV in {lead}" if size > 1 else f"{size:.2g} mV in {lead}"
        for lead, size in found
    )
    return PlausibilityWarning(
        kind="unit",
        leads=tuple(lead for lead, _ in found),
        text=f"the QRS complexes measure {listed}: {asked}",
    )


def _pointing_down(
    leads: Sequence[str], own: NDArray[np.float32], spec: BeatSpec
) -> Iterator[PlausibilityWarning]:
    if len(own) == 0:
        return
    for lead, qrs in zip(leads, usual_qrs(own, spec, within_s=DOWN_S), strict=True):
        if lead.casefold() in UPRIGHT and -float(qrs.min()) > DOWN * max(float(qrs.max()), 1e-6):
            yield PlausibilityWarning(
                kind="lead inverted",
                leads=(lead,),
                text=f"the usual QRS complex of lead {lead} points down, which is rare in this "
                "lead: are its electrodes swapped?",
            )
