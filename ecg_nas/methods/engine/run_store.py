"""The evaluations and the state of one run, in one SQLite file.

The search loop is the only writer. Each evaluation is committed as it arrives; a batch of
proposals is committed before its first evaluation and the algorithm's state after its last. So a
process may be killed between any two statements and the next finds a whole story.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecg_nas.errors import RunError
from ecg_nas.evaluation.base import Candidate, Evaluation
from ecg_nas.methods.base import Proposal
from ecg_nas.methods.engine import row_digests
from ecg_nas.methods.engine._store_errors import clear_errors, refuse_links, refuse_other_keys

_VERSION = 2
_WITHOUT_DIGESTS = 1  # read as it is; digests are added by who goes on with it
_SETTLED = "settled"  # among the named values: the first slot whose outcome is not told
_REPEATS = "again"  # among the named values; files of every release have it
_SCHEMA = """
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL              -- JSON
) STRICT;
CREATE TABLE proposals (
    slot         INTEGER PRIMARY KEY,
    architecture TEXT NOT NULL,      -- JSON
    key          TEXT NOT NULL,
    origin       TEXT NOT NULL,
    told         INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE evaluations (
    slot    INTEGER PRIMARY KEY REFERENCES proposals (slot),
    seed    TEXT NOT NULL,           -- text: SQLite and JSON readers cut large integers
    score   REAL,
    metrics TEXT NOT NULL,           -- JSON
    seconds REAL NOT NULL,
    failure TEXT,
    CHECK ((score IS NULL) = (failure IS NOT NULL))
) STRICT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProposal:
    """An architecture that was given a slot.

    Attributes:
        slot: Its place in the run, from 0.
        architecture: Its JSON description; the space's ``from_json`` reads it.
        key: Its identity.
        origin: Where the idea came from, see ``Proposal``.
    """

    slot: int
    architecture: Mapping[str, Any]
    key: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvaluation:
    """A proposal and what came of it; the fields are those of both.

    ``repeats`` are the scores of later trainings of the same architecture with other seeds.
    """

    slot: int
    architecture: Mapping[str, Any]
    key: str
    seed: int
    origin: str
    score: float | None
    metrics: Mapping[str, Any]
    seconds: float
    failure: str | None
    repeats: tuple[float, ...] = ()

    @property
    def expected(self) -> float | None:
        """Mean score of all trainings; ``None`` if the first failed."""
        return None if self.score is None else statistics.fmean((self.score, *self.repeats))


def ranked(evaluations: Sequence[StoredEvaluation]) -> list[StoredEvaluation]:
    """Return the evaluations that have a score, the best first, the earlier of equals first.

    Those that were trained again come first, by their mean: the highest single score of many is
    partly luck, and those of the others are single.
    """
    scored = [one for one in evaluations if one.score is not None]
    return sorted(scored, key=lambda one: (not one.repeats, -(one.expected or 0.0), one.slot))


def leader(evaluations: Sequence[StoredEvaluation]) -> StoredEvaluation | None:
    """Return the first of ``ranked``; ``None`` if there is none."""
    return next(iter(ranked(evaluations)), None)


class RunStore:
    """Evaluations by slot, pending proposals, the algorithm's state and named values.

    Args:
        path: The file; it is made if it is not there, unless ``read_only``.
        read_only: Open for reading beside a running search.

    Raises:
        RunError: If the file cannot be opened, is not such a store, or is damaged. Every method
            raises it too.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        if read_only and not path.is_file():
            raise RunError(f"a run needs its store, but {path} is not there; check the run folder")
        refuse_links(path)
        options = "mode=ro" if read_only else "mode=rwc"
        if (
            read_only
            and not os.access(path.parent, os.W_OK)
            and not path.with_name(f"{path.name}-wal").exists()
        ):
            options = "immutable=1"  # on read-only media; else SQLite would make its index file
        with self._clear_errors():
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?{options}", uri=True, isolation_level=None
            )
        try:
            with self._clear_errors():
                self._open(read_only)
        except RunError:
            self._db.close()
            raise

    def _open(self, read_only: bool) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        # Looked at before anything is written: a file that is not ours stays as it is.
        empty = self._db.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0] == 0
        if self._db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("its pages are damaged")
        fresh = version == 0 and empty and not read_only
        self._digests = fresh or version == _VERSION
        if version == 0 and empty and read_only:
            raise RunError(
                f"{self.path} holds nothing yet, as where a disk was full when a search began: "
                "start the same command again"
            )
        if version not in (_VERSION, _WITHOUT_DIGESTS) and not fresh:
            raise RunError(
                f"{self.path} must be a run store of format {_VERSION}; it is of format {version}: "
                "use the release of ecg-nas that wrote it, or another run folder"
            )
        if not read_only:
            self._db.execute("PRAGMA journal_mode = WAL")
            # Survives kill -9 at any moment; a power cut may cost the last evaluations.
            self._db.execute("PRAGMA synchronous = NORMAL")
        if fresh:
            script = f"{_SCHEMA} {row_digests.SCHEMA}"
            self._db.executescript(f"BEGIN; {script} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif not read_only:
            self._adopt() if version == _WITHOUT_DIGESTS else self.check()

    def _adopt(self) -> None:
        """Bring a store of the format before to this one."""
        with self._transaction():
            for statement in row_digests.SCHEMA.strip().split(";")[:-1]:
                self._db.execute(statement)
            query = "SELECT COALESCE(MAX(slot) + 1, 0) FROM proposals WHERE told = 1"
            settled = self._db.execute(query).fetchone()[0]
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_SETTLED, str(settled)))
            row_digests.adopt(self._db)
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
        self._digests = True

    def check(self) -> int | None:
        """Look through the whole store; return the number of rows, ``None`` without digests.

        Raises:
            RunError: At the first thing that is not as it was written.
        """
        with self._clear_errors():
            if not self._digests:
                return None
            self._refuse_told()
            return row_digests.refuse_damage(self._db)

    def close(self) -> None:
        """Close the file; the store is not used afterwards."""
        self._db.close()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Proposals and evaluations

    def propose(self, first_slot: int, proposals: Sequence[Proposal]) -> list[StoredProposal]:
        """Give ``proposals`` the slots from ``first_slot`` on; they are pending until settled."""
        rows = [
            (
                first_slot + i,
                _text(proposal.architecture.to_json()),
                proposal.architecture.key,
                proposal.origin,
            )
            for i, proposal in enumerate(proposals)
        ]
        with self._transaction():
            for row in rows:
                self._db.execute(
                    "INSERT INTO proposals (slot, architecture, key, origin) VALUES (?, ?, ?, ?)",
                    row,
                )
                row_digests.record(self._db, "proposal", row)
        return self.pending()

    def pending(self) -> list[StoredProposal]:
        """Return the proposals whose outcomes the algorithm does not know yet, by slot."""
        with self._clear_errors():
            rows = self._db.execute(
                "SELECT slot, architecture, key, origin FROM proposals WHERE told = 0 ORDER BY slot"
            ).fetchall()
            self._refuse_altered("proposal", rows)
            self._refuse_told()
            refuse_other_keys(key for _, _, key, _ in rows)
            return [
                StoredProposal(slot=slot, architecture=json.loads(text), key=key, origin=origin)
                for slot, text, key, origin in rows
            ]

    def next_slot(self) -> int:
        """Return the first slot that was never given away."""
        with self._clear_errors():
            query = "SELECT COALESCE(MAX(slot) + 1, 0) FROM proposals"
            return int(self._db.execute(query).fetchone()[0])

    def add(self, candidate: Candidate, evaluation: Evaluation) -> None:
        """Store the evaluation of a proposed candidate, durably.

        Raises:
            RunError: If the slot was never proposed or has its evaluation already.
        """
        row = (
            evaluation.slot,
            str(candidate.seed),
            evaluation.score,
            _text(evaluation.metrics),
            evaluation.seconds,
            evaluation.failure,
        )
        with self._clear_errors():
            proposed = self._db.execute(
                "SELECT key FROM proposals WHERE slot = ?", (evaluation.slot,)
            ).fetchone()
            if proposed is None or proposed[0] != candidate.architecture.key:
                raise RunError(f"slot {evaluation.slot} of {self.path} was not proposed like this")
        with self._transaction():
            self._db.execute("INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?)", row)
            row_digests.record(self._db, "evaluation", row)

    def evaluations(self) -> list[StoredEvaluation]:
        """Return all evaluations, by slot."""
        with self._clear_errors():
            rows = self._db.execute(
                "SELECT slot, architecture, key, seed, origin, score, metrics, seconds, failure "
                "FROM evaluations JOIN proposals USING (slot) ORDER BY slot"
            ).fetchall()
            proposed = [(slot, arch, key, origin) for slot, arch, key, _, origin, *_ in rows]
            self._refuse_altered("proposal", proposed)
            self._refuse_altered("evaluation", [(row[0], row[3], *row[5:]) for row in rows])
            refuse_other_keys(key for _, _, key, _ in proposed)
            repeats = self.repeats()
            return [
                StoredEvaluation(
                    repeats=_scores(repeats.get(str(slot), {})),
                    slot=slot,
                    architecture=json.loads(architecture),
                    key=key,
                    seed=int(seed),
                    origin=origin,
                    score=score,
                    metrics=json.loads(metrics),
                    seconds=seconds,
                    failure=failure,
                )
                for slot, architecture, key, seed, origin, score, metrics, seconds, failure in rows
            ]

    def add_repeat(self, slot: int, repeat: int, score: float | None, seconds: float) -> None:
        """Store what came of training an evaluated architecture once more, the ``repeat``-th time.

        Args:
            slot: Of the architecture.
            repeat: From 0.
            score: Its score; ``None`` if it failed.
            seconds: Wall time spent.
        """
        known = self.repeats()
        known.setdefault(str(slot), {})[str(repeat)] = {"score": score, "seconds": seconds}
        self.set(_REPEATS, known)

    def repeats(self) -> dict[str, dict[str, Any]]:
        """Return ``score`` and ``seconds`` of later trainings, by slot and repeat (as text)."""
        return self.get(_REPEATS) or {}

    # The algorithm's state and named values

    def settle(self, state: Mapping[str, Any]) -> None:
        """Store the algorithm's state, which knows the outcomes of all pending proposals now."""
        with self._transaction():
            self._db.execute("UPDATE proposals SET told = 1 WHERE told = 0")
            self._set("state", state)
            query = "SELECT COALESCE(MAX(slot) + 1, 0) FROM proposals"
            self._set(_SETTLED, self._db.execute(query).fetchone()[0])

    def state(self) -> Any | None:
        """Return the algorithm's state as of the last ``settle``; ``None`` before the first."""
        return self.get("state")

    def get(self, name: str) -> Any | None:
        """Return the JSON value called ``name``, or ``None``."""
        with self._clear_errors():
            row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
            if row is None:
                return None
            self._refuse_altered("value", [(name, row[0])])
            return json.loads(row[0])

    def set(self, name: str, value: Any) -> None:
        """Store a JSON-able ``value`` under ``name``, in place of an earlier one."""
        with self._transaction():
            self._set(name, value)

    def _set(self, name: str, value: object) -> None:
        row = (name, _text(value))
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", row)
        row_digests.record(self._db, "value", row)

    def _refuse_altered(self, kind: str, rows: Sequence[Sequence[Any]]) -> None:
        if self._digests:
            row_digests.refuse_altered(self._db, kind, rows)

    def _refuse_told(self) -> None:
        """Refuse marks of what was told that are not those of the last ``settle``."""
        if self._digests and (settled := self.get(_SETTLED)) is not None:
            query = "SELECT COUNT(*) FROM proposals WHERE (told = 1) != (slot < ?)"
            if self._db.execute(query, (settled,)).fetchone()[0]:
                raise row_digests.AlteredError("what was told of its rows is not what was written")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._clear_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # A full disk ends the transaction by itself; what failed is what is to be told.
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def _clear_errors(self) -> AbstractContextManager[None]:
        return clear_errors(self.path)


def _scores(repeats: Mapping[str, Mapping[str, Any]]) -> tuple[float, ...]:
    scores = (repeats[repeat]["score"] for repeat in sorted(repeats))
    return tuple(score for score in scores if score is not None)


def _text(value: object) -> str:
    # allow_nan off: NaN is no JSON, and no score either.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
