"""Digests of a store's rows: what was changed, lost or put in from outside is noticed on reading.

Each row has a digest of its content. Rows that are only ever added (proposals, evaluations) are
also chained in the order in which they were added, and the head of the chain is kept, so that a
row that is gone, or its digest with it, is missed. This finds damage, and changes by hand; it is
no signature: who can write the file can make all digests anew.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

SCHEMA = """
CREATE TABLE digests (
    place  INTEGER PRIMARY KEY,      -- order of writing
    line   TEXT NOT NULL UNIQUE,     -- which row: 'proposal 3', 'evaluation 3', 'value state'
    digest TEXT NOT NULL
) STRICT;
"""

_HEAD = "chain"  # among the named values: count and digest of all rows that were added
_ROWS = {
    "proposal": "SELECT slot, architecture, key, origin FROM proposals",
    "evaluation": "SELECT slot, seed, score, metrics, seconds, failure FROM evaluations",
    "value": "SELECT name, value FROM meta",
}


class AlteredError(Exception):
    """A row is not what was written."""


def line_of(kind: str, row: Sequence[Any]) -> str:
    """Return what a row is called: its kind and its first column."""
    return f"{kind} {row[0]}"


def record(db: sqlite3.Connection, kind: str, row: Sequence[Any]) -> None:
    """Note the digest of a ``row`` that was just written, within the same transaction."""
    line, digest = line_of(kind, row), _digest(row)
    db.execute("INSERT OR REPLACE INTO digests (line, digest) VALUES (?, ?)", (line, digest))
    if kind != "value":
        found = db.execute("SELECT value FROM meta WHERE name = ?", (_HEAD,)).fetchone()
        count, head = json.loads(found[0]) if found else (0, "")
        text = json.dumps([count + 1, _digest([head, line, digest])])
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_HEAD, text))
        record(db, "value", (_HEAD, text))


def refuse_altered(db: sqlite3.Connection, kind: str, rows: Sequence[Sequence[Any]]) -> None:
    """Refuse rows whose content is not what their digests stand for.

    Raises:
        AlteredError: At the first such row; it is named.
    """
    known = dict(db.execute("SELECT line, digest FROM digests"))
    for row in rows:
        line = line_of(kind, row)
        if known.get(line) != _digest(row):
            raise AlteredError(f"its row {line!r} is not what was written")


def refuse_damage(db: sqlite3.Connection) -> int:
    """Look through the whole store: every row, every digest, and the chain over them.

    Returns:
        The number of rows.

    Raises:
        AlteredError: At the first thing that is not as it was written.
    """
    lines = set()
    for kind, query in _ROWS.items():
        rows = db.execute(query).fetchall()
        refuse_altered(db, kind, rows)
        lines |= {line_of(kind, row) for row in rows}
    if lost := sorted({line for line, _ in _digests(db)} - lines):
        raise AlteredError(f"its row {lost[0]!r} is gone")
    count, head = 0, ""
    for line, digest in _digests(db):
        if not line.startswith("value "):
            count, head = count + 1, _digest([head, line, digest])
    found = db.execute("SELECT value FROM meta WHERE name = ?", (_HEAD,)).fetchone()
    if (json.loads(found[0]) if found else [0, ""]) != [count, head]:
        raise AlteredError("rows are gone or in another order than they were written in")
    return len(lines)


def adopt(db: sqlite3.Connection) -> None:
    """Give a store without digests those of what it holds, within a transaction."""
    for kind in ("proposal", "evaluation", "value"):
        for row in db.execute(f"{_ROWS[kind]} ORDER BY 1").fetchall():
            record(db, kind, row)


def _digests(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    yield from db.execute("SELECT line, digest FROM digests ORDER BY place")


def _digest(row: Sequence[Any]) -> str:
    text = json.dumps(list(row), separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
