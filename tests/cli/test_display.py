"""The progress of a search, told by its events."""

import io
import sys

import pytest

from ecg_nas.cli._display import Progress, shown


def evaluated(score, key="aa", seconds=2.0, failure=None):
    return {
        "event": "evaluated",
        "slot": 0,
        "key": key,
        "origin": "predictor",
        "score": score,
        "metrics": {},
        "seconds": seconds,
        "failure": failure,
    }


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_best_is_the_highest_score_and_failures_are_counted():
    progress = Progress(budget=4)
    for event in (
        evaluated(0.5, "aa"),
        evaluated(0.7, "bb"),
        evaluated(None, failure="loss is NaN"),
        evaluated(0.6, "cc"),
    ):
        progress.take(event)
    assert (progress.done, progress.failed, progress.best, progress.best_key) == (4, 1, 0.7, "bb")


def test_time_left_follows_the_pace_of_this_process_only():
    now = [100.0]
    progress = Progress(budget=12, clock=lambda: now[0])
    progress.take({"event": "resumed", "evaluations": 8, "best": 0.4})
    assert progress.seconds_left() is None
    progress.take({"event": "asked", "n": 2, "seconds": 0.1})
    now[0] += 30
    progress.take(evaluated(0.3))
    assert progress.done == 9
    assert progress.best == 0.4
    assert progress.seconds_left() == pytest.approx(90)
    now[0] += 10
    progress.take(evaluated(0.5))
    assert progress.seconds_left() == pytest.approx(40)


def test_the_rank_correlation_is_the_predictors_last():
    progress = Progress()
    assert progress.take({"event": "told", "n": 4, "diagnostics": {"kendall_tau": None}}) is None
    assert progress.rank_correlation is None
    line = progress.take({"event": "told", "n": 4, "diagnostics": {"kendall_tau": 0.333}})
    assert line is not None
    assert "+0.33" in line


def test_an_unknown_event_changes_nothing():
    progress = Progress(budget=3)
    before = repr(progress)
    assert progress.take({"event": "of a later version"}) is None
    assert repr(progress) == before


def test_without_a_terminal_it_is_plain_lines_on_standard_error(capsys):
    with shown(budget=2) as on_event:
        on_event(evaluated(0.5))
        on_event(evaluated(None, failure="out of memory"))
    out, err = capsys.readouterr()
    assert out == ""
    assert "\x1b" not in err
    first, second = err.splitlines()
    assert first.startswith("1/2")
    assert "score 0.5000" in first
    assert "failed: out of memory" in second


def test_on_a_terminal_it_is_a_live_display(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    with shown(budget=2) as on_event:
        on_event({"event": "asked", "n": 2, "seconds": 0.0})
        on_event(evaluated(0.5, "0123abcd"))
        on_event({"event": "told", "n": 1, "diagnostics": {"kendall_tau": 0.25}})
    text = terminal.getvalue()
    assert "\x1b[" in text
    for figure in ("1/2", "0.5000", "0123abcd", "+0.25"):
        assert figure in text
    assert capsys.readouterr().out == ""
