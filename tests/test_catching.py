"""Which scenarios a fault of the lab concerns, and what of a result is noticing it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prober.catching import Row, concerns, every_fault, must, noticed
from prober.cluster.lab.faults import LASTING, Fault, FaultKind, parse_fault
from prober.result import ScenarioResult
from prober.scenario import loads
from tests.telling import DENY_B, PATH, journal, judged, told

SETTLE = 3.0


def test_every_kind_of_fault_is_asked_for() -> None:
    """No fault of the lab is left out, and those that last are given a duration."""
    found = every_fault()
    assert set(FaultKind) == {f.kind for f in found}
    assert {True} == {f.delay > 0 for f in found if f.kind in LASTING}


def test_lateness_is_asked_for_in_time_and_beyond() -> None:
    """In time it must be measured, beyond the time to settle it must be found."""
    said = [must(f, SETTLE) for f in every_fault() if f.kind is FaultKind.LATE]
    assert ["stays green, and measures at least 1.0 s", "LEAK"] == said


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        pytest.param(4, "ignore-all", id="all"),
        pytest.param(4, "ignore-ingress", id="the direction of the policy"),
        pytest.param(0, "ignore-egress", id="the other direction"),
        pytest.param(0, "ignore-except", id="no except in it"),
        pytest.param(0, "ignore-ports", id="no ports in it"),
        pytest.param(4, "late:1s", id="late"),
        pytest.param(4, "flap", id="flap"),
        pytest.param(6, "dead-lab", id="dead-lab: every cell"),
    ],
)
def test_whom_a_fault_concerns(cells: int, fault: str) -> None:
    """It counts the denied cells that the fault opens, or the cells that it breaks."""
    assert cells == concerns(loads({PATH: DENY_B}, PATH), parse_fault(fault))


@pytest.mark.parametrize(("cells", "node"), [(0, 1), (4, 2)])
def test_one_node_concerns_whom_the_other_one_protects(cells: int, node: int) -> None:
    """The first node enforces: only what the second one alone would deny is opened."""
    text = DENY_B.replace("{labels: {app: b}", f"{{node: {node}, labels: {{app: b}}")
    assert cells == concerns(loads({PATH: text}, PATH), parse_fault("one-node"))


def _result(**seen: str) -> ScenarioResult:
    return judged(journal(steps=[[told(**seen)] * 2])).scenarios[0]


GREEN, LEAKING, DEAD = _result(), _result(ab="CONNECTED"), _result(bb="REFUSED")
ENDED = replace(GREEN, trouble="the lab's process was killed")


@pytest.mark.parametrize(
    ("expected", "fault", "result"),
    [
        pytest.param(True, "ignore-all", LEAKING, id="a leak"),
        pytest.param(False, "ignore-all", GREEN, id="green"),
        pytest.param(False, "ignore-all", DEAD, id="unknown is not noticing that nothing is enforced"),
        pytest.param(True, "dead-listener", DEAD, id="nothing proved against a dead listener"),
        pytest.param(False, "dead-listener", LEAKING, id="a leak is no dead listener"),
        pytest.param(True, "dead-lab", ENDED, id="trouble"),
        pytest.param(False, "dead-lab", DEAD, id="no trouble"),
        pytest.param(True, "late:1s", GREEN, id="late, green and measured"),
        pytest.param(False, "late:2900ms", LEAKING, id="late in time may not leak"),
        pytest.param(True, "late:3s", LEAKING, id="late beyond the time to settle"),
        pytest.param(True, "outage:2s", DEAD, id="an outage proves nothing"),
        pytest.param(False, "outage:2s", GREEN, id="an outage taken for enforcement"),
    ],
)
def test_what_is_noticing(expected: bool, fault: str, result: ScenarioResult) -> None:
    """Each fault must lead to what it is, not merely to something that is not green."""
    assert expected is noticed(result, parse_fault(fault), SETTLE)[0]


def test_lateness_that_is_not_measured_is_not_noticed() -> None:
    """Green alone is not enough: the time to enforce must show how late it was."""
    step = next(s for s in GREEN.steps if s.kind == "step")
    quick = replace(step, cells=tuple(replace(c, agreed_after=0.1) for c in step.cells))
    result = replace(GREEN, steps=tuple(quick if s is step else s for s in GREEN.steps))
    assert (False, "PASS, enforced after 0.1 s") == noticed(result, parse_fault("late:1s"), SETTLE)


def test_a_fault_that_no_scenario_was_run_under_is_not_noticed() -> None:
    """Nobody who looked is nobody who saw."""
    assert not Row(fault=Fault(kind=FaultKind.FLAP), must="LEAK").caught
