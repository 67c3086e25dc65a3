"""Results as the verdict makes them, built in a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prober.flows import parse_flow
from prober.outcomes import Outcome, Status, Verdict
from prober.result import CellResult, RunResult, ScenarioResult, StepResult

_SEEN = {Verdict.ALLOWED: Outcome.CONNECTED, Verdict.DENIED: Outcome.TIMED_OUT, Verdict.UNKNOWN: Outcome.NO_RESULT}
_STATUS = {
    (Verdict.ALLOWED, Verdict.ALLOWED): Status.PASS,
    (Verdict.DENIED, Verdict.DENIED): Status.PASS,
    (Verdict.DENIED, Verdict.ALLOWED): Status.LEAK,
    (Verdict.ALLOWED, Verdict.DENIED): Status.BREAK,
}


def cell(flow: str, expected: str = "DENIED", observed: str = "", **changes: Any) -> CellResult:
    """Return one cell; observed as expected unless said otherwise, its status as plain as can be."""
    wanted, seen = Verdict(expected), Verdict(observed or expected)
    status = Status.OBSERVED if wanted is Verdict.UNKNOWN else _STATUS.get((wanted, seen), Status.UNKNOWN)
    by = "denied by payments/default-deny" if wanted is Verdict.DENIED else "no policy isolates it"
    what = {Verdict.ALLOWED: "connected", Verdict.DENIED: "timed out", Verdict.UNKNOWN: "no result"}[seen]
    found = CellResult(
        flow=parse_flow(flow),
        expected=wanted,
        by="oracle",
        observed=seen,
        outcome=_SEEN[seen],
        status=status,
        reason=f"{what} 4 of 4; {by}",
        judgement=f"{flow} is {wanted.lower()}\ningress of payments/postgres is isolated by payments/default-deny",
        attempts=4,
        agreed_after=0.3 if status is Status.PASS else None,
        command="nc -w 1 10.244.0.2 5432",
    )
    return replace(found, **changes)


def step(*cells: CellResult, name: str = "default deny", **changes: Any) -> StepResult:
    """Return a step of these cells."""
    found = StepResult(
        name=name,
        kind="step",
        actions=("apply payments/default-deny",),
        cells=cells,
        witnessed=True,
        rounds=4,
        seconds=2.1,
    )
    return replace(found, **changes)


def scenario(*steps: StepResult, name: str = "default-deny", **changes: Any) -> ScenarioResult:
    """Return a scenario of these steps."""
    found = ScenarioResult(
        name=name,
        path=f"scenarios/{name}.scenario.yaml",
        summary="Default deny in payments",
        tags=("smoke",),
        steps=steps,
        skipped="",
        trouble="",
        evidence="",
        seconds=3.2,
    )
    return replace(found, **changes)


def run(*scenarios: ScenarioResult, **changes: Any) -> RunResult:
    """Return a run of these scenarios."""
    found = RunResult(
        run="20261121-094512-3fa9",
        version="0.1.0",
        cluster="lab",
        started="2026-11-21T09:45:12Z",
        seconds=12.5,
        nodes=2,
        settings=(("timeout", "1s"), ("hold", "1")),
        scenarios=scenarios,
        interrupted=False,
        trouble="",
    )
    return replace(found, **changes)


def matrix(pods: Sequence[str], ports: Sequence[str], *, leaks: Sequence[str] = ()) -> tuple[CellResult, ...]:
    """Return every pod to every other's ports, all denied and those that begin as one of `leaks` open."""
    flows = [f"{a} -> {b}:{port}" for a in pods for b in pods if a != b for port in ports]
    return tuple(cell(f, observed="ALLOWED" if f.startswith(tuple(leaks)) else "DENIED") for f in flows)
