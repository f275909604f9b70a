"""What all pages share: templates, how figures are written in them, a run's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ecg_nas import run_json
from ecg_nas.errors import RunError
from ecg_nas.metrics.classification import score_of

if TYPE_CHECKING:
    from markupsafe import Markup


POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "base-uri 'none'"
)
"""What a page may do: be looked at. No script runs and nothing is fetched or sent, whatever a
stored text might try."""


def fill(template: str, **values: Any) -> str:
    """Return the template filled with ``values``, which are escaped unless they are drawings."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ecg_nas.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        figure=figure,
        percent=percent,
        interval=interval,
        count=count,
        duration=duration,
        score=score_of,
    )
    return environment.get_template(template).render(policy=POLICY, **values)


def drawing(svg: str) -> Markup:
    """Return a drawing of ours, whose texts are escaped already, as it is."""
    from markupsafe import Markup

    return Markup(svg)


def figure(value: float | None) -> str:
    """Return a score or share; a dash if it is undefined."""
    return "–" if value is None else f"{value:.3f}"


def percent(value: float | None) -> str:
    """Return a share in per cent with two decimals, as EC57's tools do."""
    return "–" if value is None else f"{100 * value:.2f}"


def interval(bounds: Sequence[float] | None) -> str:
    """Return an interval; nothing if there is none."""
    return "" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def count(value: float | None) -> str:
    """Return a whole number with its thousands set apart."""
    return "–" if value is None else f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """Return a time in the unit that suits it."""
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def read_json(path: Path, shape: Any = None, *, needed: bool = False) -> dict[str, Any]:
    """Return what a JSON file of a run holds; nothing if it is not there and not ``needed``.

    Args:
        path: The file.
        shape: What it must hold; by default, what ``run_json`` says of its name.
        needed: Whether there must be one.

    Raises:
        RunError: If it cannot be read, or does not hold what it must.
    """
    try:
        return run_json.load(path, shape)
    except FileNotFoundError as error:
        if not needed:
            return {}
        raise RunError(
            f"a run is a folder with a {path.name}; {path.parent} has none: give the folder that "
            "ecg-nas search was told with --out"
        ) from error
