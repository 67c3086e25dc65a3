"""Journals of real runs in the lab, honest and lying: judged again, they are worth what they were.

Made with `prober run deny-b.scenario.yaml --settle 4s` (too-late: 1s) and the options that a file's name says.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from prober.journal import Event, RunStarted, read
from prober.outcomes import Outcome, Status, Verdict
from prober.result import RunResult
from prober.scenario import loads
from prober.verdict import judge
from tests.telling import A_B_UDP, A_C, cell, phase

RECORDED = Path(__file__).parent / "data" / "journals"
PASS, LEAK = Status.PASS, Status.LEAK
EXITS = {"green": 0, "reject": 0, "late-2s": 0, "too-late": 1, "ignore-all": 1, "flap": 1}


@cache
def events(name: str) -> tuple[Event, ...]:
    """Return a recorded journal."""
    return tuple(read((RECORDED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()))


def judged(told: tuple[Event, ...]) -> RunResult:
    """Judge a journal by the texts that are in it."""
    started = told[0]
    assert isinstance(started, RunStarted)
    return judge(told, {path: loads(started.texts, path) for path in started.scenarios})


@pytest.mark.parametrize(("name", "code"), EXITS.items(), ids=EXITS)
def test_recorded_run_is_worth_what_it_was(name: str, code: int) -> None:
    """From its file alone a run is judged again, to the same exit code and without a contradiction."""
    result = judged(events(name))
    assert (code, "", "") == (result.exit_code(), result.trouble, result.scenarios[0].trouble)
    statuses = {c.status for c in phase(result, "step").cells if c.expected is Verdict.DENIED}
    assert (statuses == {PASS}) == (code == 0)
    assert PASS is cell(result, A_C).status


def test_every_recording_is_judged() -> None:
    """No recording lies about untested."""
    assert set(EXITS) == {p.stem for p in RECORDED.glob("*.jsonl")}


def test_rejected_is_refused_and_dropped_is_timed_out() -> None:
    """What an engine that rejects leaves behind differs from what one that drops does, and both are denials."""
    assert Outcome.REFUSED is cell(judged(events("reject"))).outcome
    assert Outcome.REFUSED is cell(judged(events("reject")), A_B_UDP).outcome
    assert Outcome.TIMED_OUT is cell(judged(events("green"))).outcome


def test_late_enforcement_is_measured() -> None:
    """Two seconds late are two seconds of time to enforce, by the sources' own clocks."""
    took = phase(judged(events("late-2s")), "step").slowest(Verdict.DENIED)
    assert took is not None
    assert 1.9 <= took <= 3.0
    at_once = phase(judged(events("green")), "step").slowest(Verdict.DENIED)
    assert at_once is not None
    assert at_once < 0.5


def test_leaks_are_named() -> None:
    """An engine that is late, that flaps or that does nothing leaks, each in its words."""
    assert LEAK is cell(judged(events("too-late"))).status
    assert LEAK is cell(judged(events("ignore-all"))).status
    flapping = [c for c in phase(judged(events("flap")), "step").cells if c.status is LEAK]
    assert flapping


@pytest.mark.parametrize("name", ["green", "reject"])
def test_real_run_killed_at_any_line_is_not_green(name: str) -> None:
    """After every single line of a real journal: 3 or 130, and no cell that the whole run does not pass."""
    whole = {(s.name, c.flow) for s in judged(events(name)).scenarios[0].steps for c in s.cells if c.status is PASS}
    for end in range(1, len(events(name))):
        result = judged(events(name)[:end])
        assert result.exit_code() in (3, 130)
        cut = {(s.name, c.flow) for s in result.scenarios[0].steps for c in s.cells if c.status is PASS}
        assert cut <= whole
