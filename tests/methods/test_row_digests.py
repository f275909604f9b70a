"""A store knows when it is damaged: flips of its bytes, rows changed, lost and put in."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from click.testing import CliRunner

from ecg_nas.cli import main
from ecg_nas.errors import RunError
from ecg_nas.evaluation.base import Candidate, Evaluation
from ecg_nas.methods.base import Proposal
from ecg_nas.methods.engine.run_store import RunStore
from search_spaces import Architecture


def arch(i):
    return Architecture(
        space="none", ops=(f"op{i}",), edges=((0, 1), (1, 2)), macro=(("width", i),)
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A closed store with 12 evaluations, one failed, two repeats, two proposals pending."""
    path = tmp_path_factory.mktemp("whole") / "run.sqlite"
    with RunStore(path) as store:
        store.propose(0, [Proposal(architecture=arch(i), origin="initial") for i in range(12)])
        for i in range(12):
            failure = "out of memory" if i == 5 else None
            store.add(
                Candidate(slot=i, architecture=arch(i), seed=i),
                Evaluation(
                    slot=i,
                    score=None if failure else i / 16,
                    metrics={"confusion": [[i, 1], [2, 3]]},
                    seconds=1.5,
                    failure=failure,
                ),
            )
        store.settle({"told": 12})
        store.add_repeat(3, 0, 0.25, 2.0)
        store.add_repeat(3, 1, 0.5, 2.0)
        store.propose(12, [Proposal(architecture=arch(i), origin="predictor") for i in (12, 13)])
    return path


@pytest.fixture
def path(whole, tmp_path):
    return shutil.copyfile(whole, tmp_path / "run.sqlite")


def read(path):
    """All that a search, a report or a listing reads of a store."""
    with RunStore(path, read_only=True) as store:
        store.check()
        return (
            [repr(one) for one in store.evaluations()],
            [repr(one) for one in store.pending()],
            [store.next_slot(), store.state(), store.repeats()],
        )


def test_no_flip_of_a_bit_changes_what_is_read_unnoticed(whole, path):
    content, expected = whole.read_bytes(), read(whole)
    rng = np.random.default_rng(0)
    noticed = []
    for bit in rng.choice(8 * len(content), 500, replace=False):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(flipped)
        try:
            found = read(path)
        except RunError as error:
            noticed.append(str(error))
        else:
            assert found == expected, f"bit {bit}"
    assert len(noticed) > 50  # else the flips hit nothing
    assert not [message for message in noticed if "\n" in message]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evaluations SET score = 0.99 WHERE slot = 4",
        "UPDATE evaluations SET metrics = '{}' WHERE slot = 4",
        "UPDATE evaluations SET seed = '9' WHERE slot = 4",
        "UPDATE proposals SET architecture = '{}' WHERE slot = 4",
        "UPDATE proposals SET key = '../../x' WHERE slot = 4",
        "UPDATE proposals SET told = 0 WHERE slot = 11",
        "UPDATE proposals SET told = 1 WHERE slot = 12",
        "UPDATE meta SET value = '{}' WHERE name = 'state'",
        "DELETE FROM evaluations WHERE slot = 11",
        "DELETE FROM evaluations WHERE slot = 4",
        "DELETE FROM meta WHERE name = 'again'",
        "DELETE FROM digests WHERE line = 'evaluation 4'",
        "DELETE FROM meta WHERE name = 'chain'",
    ],
)
def test_a_change_by_hand_is_noticed(path, statement):
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()
    with pytest.raises(RunError, match="cannot be used"):
        read(path)
    with pytest.raises(RunError, match="cannot be used"):
        RunStore(path)


def test_a_row_that_is_gone_with_its_digest_is_missed(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM evaluations WHERE slot = 11")
        db.execute("DELETE FROM digests WHERE line = 'evaluation 11'")
        db.commit()
    with pytest.raises(RunError, match="rows are gone"):
        read(path)


def test_a_store_of_the_format_before_is_read_and_gets_its_digests_when_a_search_goes_on(path):
    expected = read(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE digests")
        db.execute("DELETE FROM meta WHERE name IN ('chain', 'settled')")
        db.execute("PRAGMA user_version = 1")
        db.commit()
    with RunStore(path, read_only=True) as store:
        assert store.check() is None
        assert [repr(one) for one in store.evaluations()] == expected[0]
    with RunStore(path) as store:
        assert store.check() == 12 + 14 + 4
    assert read(path) == expected


def test_the_command_says_whether_a_store_is_whole(path, tmp_path):
    settings = dict.fromkeys(("space", "method", "budget", "seed", "device"), "x") | {"budget": 14}
    data = dict.fromkeys(("source", "split", "fingerprint"), "x")
    text = json.dumps({"settings": settings, "data": data, "begun": "2031-01-02"})
    (tmp_path / "config.json").write_text(text)
    shown = CliRunner().invoke(main, ["runs", "show", str(tmp_path), "--check"])
    assert shown.exit_code == 0, shown.output
    assert "the store is whole: 30 rows" in shown.stdout
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE evaluations SET score = 0.99 WHERE slot = 4")
        db.commit()
    refused = CliRunner().invoke(main, ["runs", "show", str(tmp_path), "--check"])
    assert refused.exit_code == 1
    assert "'evaluation 4' is not what was written" in refused.stderr
