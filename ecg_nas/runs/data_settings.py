"""What people write about data (options, TOML, runs of before), read as one request.

Three ways to write it::

    data = "mitdb"             [[data]]                     data = {sets = [{source = "mitdb"}],
    leads = ["MLII"]           source = "mitdb"                     split = "strict"}
    split = "strict"           leads = ["MLII"]

Options, and runs of before, use the first (``data`` may be a folder, ``NAME=DIR``, or several of
these); ``[[data]]`` tables say of several data sets what differs from one to the other; the third
is what a run saves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from data_prep import sources
from data_prep.store.request import STANDARD, DataRequest, DataSetRequest
from ecg_nas.errors import ConfigError

_BLANK = {item.name: item.default for item in fields(DataSetRequest)}
_OF_A_SET = ("records", "leads", "annotators", "labels", "patients")
KEYS = frozenset({"data", "split", "task", *_OF_A_SET})
"""The settings that are about data."""

DEFAULT: Mapping[str, Any] = {
    "sets": [{**_BLANK, "source": "synthetic"}],
    "split": STANDARD,
    "task": None,
    "signal": None,
}
"""What a run is about where nothing is said, as ``DataRequest.to_json`` writes it."""


def request_of(options: Mapping[str, Any]) -> DataRequest:
    """Return the request that the options of a command make.

    Args:
        options: Settings of ``KEYS`` as flags; those that are ``None`` were not given.

    Raises:
        ConfigError: If they do not go together.
        DataError: If a value is not allowed.
    """
    nothing: dict[str, Any] = {"sets": [], "split": None, "task": None, "signal": None}
    return DataRequest.from_json(overlaid(nothing, options))


def overlaid(request: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``request``, as JSON, with what ``settings`` say of data in place of its own.

    Args:
        request: As ``DataRequest.to_json`` writes it.
        settings: Any settings; of account are those of ``KEYS`` that are not ``None``.

    Raises:
        ConfigError: If they do not go together.
    """
    given = {name: settings[name] for name in KEYS if settings.get(name) is not None}
    result = dict(request)
    data = given.pop("data", None)
    if isinstance(data, Mapping):
        result |= data
    elif data is not None:
        result["sets"] = _sets(_entries(data), result["sets"], given)
    result |= {name: given.pop(name) for name in ("split", "task") if name in given}
    sets = result["sets"]
    if not (isinstance(sets, list | tuple) and all(isinstance(one, Mapping) for one in sets)):
        return result  # refused where it is made a request
    if "records" in given:
        _refuse_records(given["records"], data, sets)
    return {**result, "sets": [{**_BLANK, **one, **given} for one in sets]}


def migrated(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run with all that they say of data as one request, as JSON.

    Raises:
        ConfigError: If they do not go together.
    """
    rest = {name: value for name, value in settings.items() if name not in KEYS}
    about = {name: settings[name] for name in KEYS if name in settings}
    data = about.get("data")
    if isinstance(data, str) and _named(data)["source"] is None:
        about.pop("records", None)  # of no account beside a folder, and so it was
    return {**rest, "data": overlaid(DEFAULT, about)}


def _entries(data: Any) -> list[Any]:
    return list(data) if isinstance(data, list | tuple) else [data]


def _sets(
    entries: Sequence[Any], before: Sequence[Any], given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the data sets that are listed; a single one keeps what was said of it before."""
    if entries and all(isinstance(entry, Mapping) for entry in entries):
        if besides := sorted(set(given) & set(_OF_A_SET)):
            raise ConfigError(
                f"{', '.join(besides)} must stand in the [[data]] tables, set by set; got it beside"
                " them"
            )
        return [dict(entry) for entry in entries]
    if not entries or not all(isinstance(entry, str) for entry in entries):
        raise ConfigError(
            "data must name a source or a folder, or list some, or be [[data]] tables; got "
            f"{', '.join(map(repr, entries)) or 'none'}"
        )
    named = [_named(entry) for entry in entries]
    if len(named) > 1 or len(before) != 1:
        return [dict(one) for one in named]
    own = before[0]
    same = named[0]["records"] is None and named[0]["source"] == own.get("source")
    return [dict(own) if same else {**own, **named[0]}]


def _named(text: str) -> dict[str, str | None]:
    """Return source and folder of ``NAME``, ``NAME=DIR`` or ``DIR``."""
    known = sources.available()
    name, _, folder = text.partition("=")
    if text in known:
        return {"source": text, "records": None}
    if name in known and folder:
        return {"source": name, "records": folder}
    return {"source": None, "records": text}


def _refuse_records(records: Any, data: Any, sets: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a folder of recordings of which nobody could tell whose it is."""
    if len(sets) > 1:
        raise ConfigError(
            "records must be given with one data set; with several, say it as data NAME=DIR, or "
            "in [[data]] tables"
        )
    folders = [_named(entry)["records"] for entry in _entries(data) if isinstance(entry, str)]
    if any(folders) or any(one.get("source") is None for one in sets):
        raise ConfigError(
            f"the folder of the recordings must be given once; records is {records}, and data "
            "names a folder, too: leave one out"
        )
