"""Tests of prober.waiving, by whole runs in memory: what a waiver makes of a deviation, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prober.cluster.fake import Says
from prober.evidence import EngineOnNode, Evidence, plain
from prober.journal import RunStarted
from prober.model import ClusterState
from prober.outcomes import Status
from prober.result import RunResult, WaiverState
from prober.scenario import OWN
from prober.verdict import judge
from prober.waivers import read
from prober.waiving import Waiving
from tests.report.build import cell
from tests.running import enforcing, ignoring, loaded, ran, still

DENY = """\
summary: Nobody reaches b
namespaces: {shop: {}}
pods:
  shop/a: {ports: [80]}
  shop/b: {labels: {app: b}, ports: [80, 81]}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-b, namespace: shop}
      spec: {podSelector: {matchLabels: {app: b}}}
"""
ONE, BOTH = "shop/a -> shop/b:80", "any -> shop/b"


def waiver(cells: str, expires: str = "9999-12-31", more: str = "") -> str:
    said = f"id: known, cells: '{cells}', reason: so it is, owner: net, expires: {expires}{more}"
    return f"waivers: [{{{said}}}]"


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    still(monkeypatch)


def told(text: str, says: Says = ignoring) -> RunResult:
    return ran([DENY], says, waivers={"w.yaml": text})[0]


def states(result: RunResult) -> list[tuple[WaiverState, int]]:
    return [(w.state, w.cells) for w in result.waivers]


def test_waived_leak_is_waived_and_proves_nothing() -> None:
    """A cell that leaks as a waiver says is WAIVED with its id; it is no proof, and the others still count."""
    result = told(waiver(ONE))
    (cell,) = (c for c in result.scenarios[0].asserted if c.status is Status.WAIVED)

    assert (ONE, "known") == (str(cell.flow), cell.waiver)
    assert cell.reason.startswith("LEAK waived by known: connected")
    assert {Status.LEAK: 1, Status.WAIVED: 1, Status.PASS: 1} == result.counts
    assert "1 LEAK; proved 0 denials and 1 allow on 2 nodes; waived 1; " in result.proof
    assert 1 == result.exit_code()
    assert [(WaiverState.IN_FORCE, 1)] == states(result)


def test_run_whose_leaks_are_all_waived_is_green_by_what_else_it_proved() -> None:
    """With every leak waived, what else was proved makes the run green, and the proof line says how much is waived."""
    result = told(waiver(BOTH))

    assert (0, 2) == (result.exit_code(), result.counts[Status.WAIVED])
    assert "proved 0 denials and 1 allow on 2 nodes; waived 2;" in result.proof


def test_run_of_nothing_but_waived_cells_proves_nothing() -> None:
    """Where every assertion is waived the exit code is 3: nothing was proved."""
    text = DENY.replace("shop/a: {ports: [80]}", "shop/a: {}")
    only = ran([text], ignoring, waivers={"w": waiver(BOTH)})[0]

    assert {Status.WAIVED: 2} == only.counts
    assert 3 == only.exit_code()


def test_waiver_whose_cells_agree_is_reported() -> None:
    """What no longer deviates keeps its PASS, and the waiver is told to be removed."""
    result = told(waiver(BOTH), enforcing)

    assert {Status.PASS: 3} == result.counts
    assert [(WaiverState.IDLE, 0)] == states(result)
    assert "waives nothing, its cells agree: remove it" in str(result.waivers[0])


def test_expired_waiver_waives_nothing_and_is_named() -> None:
    """From the day after its last the deviation is what it is, so the run is red, and the waiver says why."""
    result = told(waiver(BOTH, expires="2001-01-01"))

    assert {Status.LEAK: 2, Status.PASS: 1} == result.counts
    assert 1 == result.exit_code()
    assert [(WaiverState.EXPIRED, 2)] == states(result)
    assert "expired on 2001-01-01: 2 cells counted as what they are" in str(result.waivers[0])


def test_expired_waiver_that_is_not_needed_is_no_failure() -> None:
    """Where nothing deviates any more an expired waiver is only told to be removed."""
    result = told(waiver(BOTH, expires="2001-01-01"), enforcing)

    assert (0, [(WaiverState.EXPIRED, 0)]) == (result.exit_code(), states(result))


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        pytest.param(WaiverState.UNMATCHED, waiver("shop/x -> shop/b:80"), id="no-such-pod"),
        pytest.param(WaiverState.UNMATCHED, waiver(ONE, more=", scenarios: other.scenario.yaml"), id="other-scenario"),
        pytest.param(WaiverState.UNMATCHED, waiver(ONE, more=", traits: ipblock-pod"), id="not-that-trait"),
        pytest.param(WaiverState.OTHER_ENGINE, waiver(ONE, more=", engine: Cilium"), id="other-engine"),
    ],
)
def test_waiver_that_means_nothing_here(expected: WaiverState, text: str) -> None:
    """A waiver whose cells, scenarios, traits or engine are not there waives nothing, which is told."""
    result = told(text)

    assert [(expected, 0)] == states(result)
    assert 2 == result.counts[Status.LEAK]


def test_waiver_for_other_deviations_does_not_fit() -> None:
    """Who waives a BREAK has not waived a LEAK."""
    result = told(waiver(ONE, more=", statuses: break"))

    assert 2 == result.counts[Status.LEAK]
    assert [(WaiverState.UNKNOWN, 0)] == states(result)


def test_engine_is_known_from_the_survey() -> None:
    """A waiver of an engine holds where the evidence has that engine, its variants too."""
    events = ran([DENY], ignoring, waivers={"w.yaml": waiver(ONE, more=", engine: cilium")})[1]
    engine = EngineOnNode(node="n", engine="Cilium (GKE Dataplane V2)", pod="k/c", ready=True, images=())
    seen = [replace(e, facts=plain(Evidence(engines=(engine,)))) if isinstance(e, RunStarted) else e for e in events]

    assert [(WaiverState.IN_FORCE, 1)] == states(judge(seen, {"s0.scenario.yaml": loaded(DENY)}))


def test_control_cannot_be_waived() -> None:
    """A cell that fails where there is no policy is what it is: all proof rests on the controls."""
    result = told(waiver("any -> any"), lambda state, asked: enforcing(state, asked) if state.policies else None)

    assert Status.WAIVED not in {c.status for s in result.scenarios[0].steps if s.kind != "step" for c in s.cells}
    assert 0 != result.exit_code()


def test_canary_cannot_be_waived() -> None:
    """Whether anything is enforced at all is nobody's to waive."""
    leaking = (cell("canary/open-1 -> canary/target-1:8080", observed="ALLOWED"),)
    waiving = Waiving(waivers=read(waiver("any -> any"), "w.yaml"), day="2026-11-21")

    assert leaking == waiving.settled(f"{OWN}canary.scenario.yaml", ClusterState(), {}, leaking)


def test_waiver_that_proves_unreadable_later_is_trouble() -> None:
    """A journal whose waivers cannot be read is judged without them, and never green."""
    events = ran([DENY], enforcing, waivers={"w.yaml": waiver(ONE)})[1]
    broken = [replace(e, texts={**e.texts, "w.yaml": "{"}) if isinstance(e, RunStarted) else e for e in events]
    result = judge(broken, {"s0.scenario.yaml": loaded(DENY)})

    assert "its settings cannot be read: w.yaml" in result.trouble
    assert (3, ()) == (result.exit_code(), result.waivers)
