"""The story of a run on a cluster in memory: every way in which it can go, and what is told of it."""

from __future__ import annotations

import threading
import time as real_time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from prober import manifest
from prober.cluster.base import Identity
from prober.cluster.fake import Asked, FakeCluster
from prober.errors import ClusterError
from prober.flows import parse_pattern
from prober.journal import (
    Acted,
    Arrived,
    Attempt,
    Evidence,
    Journal,
    Opened,
    Phase,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    ScenarioEnded,
    Skipped,
    Trouble,
    read,
)
from prober.model import (
    Action,
    AddPod,
    ApplyPolicy,
    ClusterState,
    DeletePolicy,
    LabelPod,
    PodRef,
    RemovePod,
    ServiceRef,
    Topology,
)
from prober.outcomes import Outcome, Status, Verdict
from prober.progress import Progress
from prober.result import RunResult
from prober.verdict import judge
from tests.running import Time, enforcing, flapping, ignoring, late, loaded, ran, still
from tests.telling import A_B, A_C, DENY_B, WAY, phase

PASS, LEAK, BREAK, FLAKY, UNKNOWN = Status.PASS, Status.LEAK, Status.BREAK, Status.FLAKY, Status.UNKNOWN

TWO_STEPS = DENY_B + "  - {name: open again, delete: shop/any, expect: {allowed: [any -> any]}}\n"
SCTP = DENY_B.replace("[80, 53/udp]", "[80, 9/sctp]")


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """A clock that moves only when the run waits."""
    return still(monkeypatch)


def status(result: RunResult, flow: str = A_B, name: str = "step", scenario: int = 0) -> Status:
    """Return a cell's status."""
    step = next(s for s in result.scenarios[scenario].steps if name in (s.name, s.kind))
    return next(c.status for c in step.cells if str(c.flow) == flow)


class Odd(FakeCluster):
    """A cluster with something wrong; `denying` says whether a policy is in force."""

    def __init__(self, says: Any = enforcing) -> None:
        super().__init__(says)
        self.streams = 0

    @property
    def denying(self) -> bool:
        return bool(self.state.policies)


OTHERS = manifest.load(
    """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: injected, namespace: shop}
spec: {podSelector: {matchLabels: {app: b}}, ingress: [{ports: [{port: 53, protocol: UDP}]}]}
""",
    "injected",
)[0].it


class Shared(FakeCluster):
    """A cluster whose operator has put a policy into the scenario's namespace."""

    def open(self, topology: Topology) -> ClusterState:
        self.state = replace(super().open(topology), policies={OTHERS.ref: OTHERS})
        return self.state


# --- policies of others


@pytest.mark.usefixtures("time")
def test_policies_of_others_count_and_stay() -> None:
    """What was denied before the scenario's first policy is no proof of it, and what was not there is deleted alone."""
    cluster = Shared(enforcing)
    text = DENY_B.replace("denied: [any -> shop/b]", "denied: [any -> shop/b:80]")
    result, _ = ran([text], [cluster])

    assert (UNKNOWN, PASS) == (status(result), status(result, A_C))
    assert UNKNOWN is status(result, A_B, "control")
    reason = next(c.reason for c in phase(result, "control").cells if str(c.flow) == A_B)
    assert reason.endswith("it did not connect before any policy; denied by shop/injected")
    assert ["shop/no-b"] == [str(a.policy) for a in cluster.actions if isinstance(a, DeletePolicy)]
    assert 3 == result.exit_code()


@pytest.mark.usefixtures("time")
def test_remarks_are_written_once() -> None:
    """The cluster's remarks stand with the scenario; what comes later is added where cells do not agree."""

    class Remarking(FakeCluster):
        def apply(self, action: Action) -> Action:
            self.remarked = ["others count", "late came"]
            return super().apply(action)

    cluster = Remarking(ignoring)
    cluster.remarked = ["others count"]

    result, _ = ran([DENY_B], [cluster], remarks=("not covered: n3",))

    assert (("not covered: n3",), ("others count", "late came")) == (result.remarks, result.scenarios[0].remarks)


# --- enforcement in time


@pytest.mark.usefixtures("time")
def test_cluster_that_enforces_is_green() -> None:
    """What the oracle says is what is seen: exit 0, denials and allows proved."""
    result, events = ran([DENY_B])
    assert (0, "proved 4 denials and 2 allows on 2 nodes") == (result.exit_code(), result.proof[:40])
    kinds = [type(e) for e in events if not isinstance(e, Attempt)]
    assert [RunStarted, Opened] == kinds[:2]
    assert [ScenarioEnded, RunEnded] == kinds[-2:]
    assert ["control", "step", "restore"] == [e.kind for e in events if isinstance(e, Phase)]
    assert not any(isinstance(e, Trouble | Evidence) for e in events)


@pytest.mark.usefixtures("time")
def test_cluster_that_enforces_nothing_is_red() -> None:
    """The vacuous green: every denial is a LEAK, exit 1, and the cluster's evidence is that of the failing step."""
    result, events = ran([DENY_B], ignoring)
    assert 1 == result.exit_code()
    assert {LEAK} == {c.status for c in phase(result, "step").cells if c.expected is Verdict.DENIED}
    [evidence] = [i for i, e in enumerate(events) if isinstance(e, Evidence)]
    [restore] = [i for i, e in enumerate(events) if isinstance(e, Phase) and e.kind == "restore"]
    assert evidence < restore
    assert result.scenarios[0].evidence.endswith("':\na fake has no evidence")


@pytest.mark.parametrize("seconds", [0.3, 2.0, 4.5])
def test_late_enforcement_within_settle_is_green_and_measured(time: Time, seconds: float) -> None:
    """Rule 6: what is late but within --settle passes, with its time to enforce (as finely as rounds are apart)."""
    result, _ = ran([DENY_B], late(time, seconds))
    assert 0 == result.exit_code()
    took = phase(result, "step").slowest(Verdict.DENIED)
    released = phase(result, "restore").slowest(Verdict.ALLOWED)
    assert took is not None
    assert released is not None
    assert seconds <= took <= seconds + 1.0
    assert seconds <= released <= seconds + 1.0
    assert all(c.agreed_after == 0 for c in phase(result, "control").cells)


@pytest.mark.parametrize("seconds", [5.6, 60.0])
def test_late_enforcement_beyond_settle_is_a_leak(time: Time, seconds: float) -> None:
    """Rule 6: what comes after --settle came too late."""
    result, _ = ran([DENY_B], late(time, seconds))
    assert (1, LEAK) == (result.exit_code(), status(result))


@pytest.mark.parametrize("settle", [1.0, 3.0])
def test_settle_ends_a_phase(time: Time, settle: float) -> None:
    """A cell that never agrees costs --settle and no more than a round and a hold besides."""
    ran([DENY_B], ignoring, settle=settle)
    assert 1000 + settle <= time.now <= 1000 + settle + 2.5


@pytest.mark.parametrize(("on", "off"), [(1.0, 1.0), (0.9, 1.3), (2.5, 1.0), (1.0, 3.0)])
def test_flapping_is_caught(time: Time, on: float, off: float) -> None:
    """Rule 6: an engine that is on and off is never green once the hold is as long as it is on."""
    result, _ = ran([DENY_B], flapping(time, on, off), hold=3)
    assert 1 == result.exit_code()
    assert LEAK in {c.status for c in phase(result, "step").cells}


@pytest.mark.parametrize("phase_shift", [x / 8 for x in range(16)])
def test_flapping_by_the_second_is_caught_at_any_moment(time: Time, phase_shift: float) -> None:
    """One second on, one second off: with --hold 1 and --timeout 1s no moment to begin at lets it through."""
    time.now += phase_shift
    result, _ = ran([DENY_B], flapping(time, 1.0, 1.0), settle=1.5)
    assert PASS not in {c.status for c in phase(result, "step").cells if c.expected is Verdict.DENIED}
    assert 0 != result.exit_code()


def test_hold_rounds_are_a_timeout_apart(time: Time) -> None:
    """Rule 6: rounds that hold denials are apart, so that they are not one moment seen twice."""
    _, events = ran([DENY_B], hold=2, timeout=3)
    step = next(i for i, e in enumerate(events) if isinstance(e, Phase) and e.kind == "step")
    starts = [e.at for e in events[step:] if isinstance(e, RoundStarted)][:3]
    assert [3.0, 3.0] == [b - a for a, b in pairwise(starts)]
    assert 1006 == time.now


@pytest.mark.usefixtures("time")
def test_allowed_cell_that_opens_late_is_green_and_one_that_never_does_is_a_break() -> None:
    """Rule 7: what should be allowed and is not is a BREAK."""

    def closed(state: ClusterState, asked: Asked) -> str:
        named = state.policies and asked.port == 80 and asked.source == PodRef("shop", "a")
        return f"nc: connect to {asked.host} port 80 (tcp) failed: Connection refused" if named else said(state, asked)

    said = enforcing
    result, _ = ran([DENY_B], closed)
    assert (1, BREAK, PASS) == (result.exit_code(), status(result, A_C), status(result))


def test_policy_that_is_not_released_is_a_break_in_the_restore(time: Time) -> None:
    """Rule 1: the later control fails while the target lives: BREAK, and the step's denials are UNKNOWN."""
    frozen: list[ClusterState] = []

    def never(state: ClusterState, asked: Asked) -> str:
        if state.policies:
            frozen[:] = [state]
        return enforcing(frozen[0] if frozen else state, asked)

    result, _ = ran([DENY_B], never)
    assert (1, BREAK, UNKNOWN) == (result.exit_code(), status(result, name="restore"), status(result))


# --- pods that die, clusters that die


@pytest.mark.usefixtures("time")
def test_dead_listener_is_no_denial() -> None:
    """A listener that dies under a policy refuses its own pod too: exit 3, never a PASS."""

    def dying(state: ClusterState, asked: Asked) -> str:
        b = state.pods[PodRef("shop", "b")].addresses[asked.family]
        if state.policies and asked.host == b:
            return (
                "" if asked.kind == "udp" else f"nc: connect to {b} port {asked.port} (tcp) failed: Connection refused"
            )
        return enforcing(state, asked)

    result, _ = ran([DENY_B], dying)
    assert (3, UNKNOWN) == (result.exit_code(), status(result))


SERVED_TWICE = """\
summary: A Service with two backends
namespaces: {shop: {}}
pods:
  shop/a: {}
  shop/b: {labels: {app: b}, ports: [80]}
  shop/c: {labels: {app: b}, ports: [80]}
services: {shop/web: {selector: {app: b}, ports: [80]}}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-b, namespace: shop}
      spec: {podSelector: {matchLabels: {app: b}}}
    expect: {denied: [shop/a -> svc/shop/web:80]}
"""


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize("dead", ["b", "c"])
def test_dead_backend_keeps_a_service_from_agreeing(dead: str) -> None:
    """A Service's denial waits for all of its backends: one dead listener is asked again until --settle ends."""

    def dying(state: ClusterState, asked: Asked) -> str:
        ours = state.pods[PodRef("shop", dead)].addresses[asked.family]
        if state.policies and asked.host == ours:
            return f"nc: connect to {ours} port 80 (tcp) failed: Connection refused"
        return enforcing(state, asked)

    flow = parse_pattern("shop/a -> svc/shop/web:80")
    result, _ = ran([SERVED_TWICE], dying, only=flow, settle=3.0)
    assert (3, UNKNOWN) == (result.exit_code(), status(result, str(flow)))
    assert phase(result, "step").rounds > 2
    assert 0 == ran([SERVED_TWICE], only=flow)[0].exit_code()


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize(("rounds", "code"), [(2, 0), (99, 3)])
def test_service_that_is_not_ready_is_asked_again(rounds: int, code: int) -> None:
    """A Service's denial waits until the cluster has a ready backend for it, or until --settle ends."""

    class Slow(Odd):
        def ready(self) -> Collection[ServiceRef]:
            self.streams += bool(self.state.policies)
            return () if self.state.policies and self.streams <= rounds else super().ready()

    flow = parse_pattern("shop/a -> svc/shop/web:80")
    result, _ = ran([SERVED_TWICE], [Slow()], only=flow, settle=3.0)
    assert (code, True) == (result.exit_code(), phase(result, "step").rounds > 2)


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize("pod", ["a", "b"])
@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_pod_replaced_is_no_denial(pod: str, when: str) -> None:
    """A pod that is replaced around a step, with the same name and address, proves nothing: exit 3."""

    class Replacing(Odd):
        def apply(self, action: Action) -> Action:
            if when == {ApplyPolicy: "before", DeletePolicy: "after"}.get(type(action), ""):
                self.restart(PodRef("shop", pod))
            return super().apply(action)

        def stream(self, source: Any, request: str) -> Iterator[str]:
            yield from super().stream(source, request)
            if when == "during" and self.denying and not self.restarts:
                self.restart(PodRef("shop", pod))

    result, _ = ran([DENY_B], [Replacing()])
    assert (3, UNKNOWN) == (result.exit_code(), status(result))


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize("field", ["uid", "started", "addresses"])
def test_every_part_of_an_identity_counts(field: str) -> None:
    """UID, container start and addresses: whichever changes under the policy, the denial counts no more."""

    class Changing(Odd):
        def identities(self) -> Mapping[PodRef, Identity]:
            ours = {"uid": "u", "started": "s", "addresses": ("10.0.0.1",)}
            if self.denying:
                ours[field] = "other" if field != "addresses" else ("10.0.0.2",)
            return {ref: Identity(**ours) for ref in super().identities()}  # type: ignore[arg-type]

    result, _ = ran([DENY_B], [Changing()])
    assert (3, UNKNOWN) == (result.exit_code(), status(result))


@pytest.mark.usefixtures("time")
def test_arrivals_show_a_datagram_that_got_through() -> None:
    """Rule 3: a cluster whose listeners log arrivals unmasks an engine that drops only the answers."""

    class Listening(Odd):
        def __init__(self) -> None:
            super().__init__(self._log)
            self.got: set[str] = set()

        def _log(self, state: ClusterState, asked: Asked) -> str:
            if asked.kind == "udp":
                self.got.add(asked.nonce)
            return enforcing(state, asked)

        def arrivals(self) -> frozenset[str]:
            return frozenset(self.got)

    result, events = ran([DENY_B], [Listening()])
    assert (1, LEAK) == (result.exit_code(), status(result, "shop/a -> shop/b:53/udp"))
    assert PASS is status(result)
    assert any(isinstance(e, Arrived) for e in events)


class Dying(Odd):
    """Dies at one moment, and never lives again."""

    def __init__(self, moment: str) -> None:
        super().__init__()
        self.moment = moment

    def now(self, moment: str) -> None:
        if moment == self.moment:
            self.dead = True
        self._alive()

    def open(self, topology: Topology) -> ClusterState:
        self.now("open")
        return super().open(topology)

    def apply(self, action: Action) -> Action:
        self.now(type(action).__name__)
        return super().apply(action)

    def stream(self, source: Any, request: str) -> Iterator[str]:
        kind = "step" if self.denying else "restore" if self.actions else "control"
        self.now(kind)
        yield from super().stream(source, request)
        self.now(f"{kind}-after-a-stream")

    def identities(self) -> Mapping[PodRef, Identity]:
        self.now("identities" if self.denying else "")
        return super().identities()

    def arrivals(self) -> frozenset[str] | None:
        self.now("arrivals" if self.denying else "")
        return None


MOMENTS = [
    "open",
    "control",
    "control-after-a-stream",
    "ApplyPolicy",
    "step",
    "step-after-a-stream",
    "identities",
    "arrivals",
    "DeletePolicy",
    "restore",
    "restore-after-a-stream",
]


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize("moment", MOMENTS)
def test_cluster_that_dies_proves_nothing_more(moment: str) -> None:
    """Whenever the cluster dies: exit 3, told why, closed once, no denial proved, and the next scenario runs."""
    clusters = [Dying(moment), FakeCluster(enforcing)]
    result, events = ran([TWO_STEPS, DENY_B], clusters)
    assert 3 == result.exit_code()
    assert "the cluster is gone" in result.scenarios[0].trouble
    denials = [c for s in result.scenarios[0].steps for c in s.cells if c.expected is Verdict.DENIED]
    assert PASS not in {c.status for c in denials}
    assert [1, 1] == [c.closed for c in clusters]
    assert PASS is status(result, scenario=1)
    assert isinstance(events[-1], RunEnded)


@pytest.mark.usefixtures("time")
def test_line_that_does_not_arrive_is_no_result() -> None:
    """Rule 2: where a stream ends without a line, the attempt is NO_RESULT, and says so."""

    def mute(state: ClusterState, asked: Asked) -> str | None:
        return None if state.policies and asked.port == 80 else enforcing(state, asked)

    result, events = ran([DENY_B], mute)
    assert (3, UNKNOWN) == (result.exit_code(), status(result))
    lost = [e for e in events if isinstance(e, Attempt) and e.exit == -1]
    assert lost
    assert {(Outcome.NO_RESULT, "its line did not arrive")} == {(e.outcome, e.text) for e in lost}


@pytest.mark.usefixtures("time")
def test_lines_of_others_are_not_believed() -> None:
    """Lines of another token, of cells that were not asked, doubled lines and noise: only the first own one counts."""

    class Noisy(Odd):
        def stream(self, source: Any, request: str) -> Iterator[str]:
            for line in super().stream(source, request):
                token, cell, *rest = line.split(" ", 2)
                dropped = "1 1.00 2.00 nc: connect to x port 80 (tcp) timed out: Operation now in progress"
                yield "bash: warning: noise"
                yield f"{token[::-1]}x {cell} {dropped}"
                yield f"{token} 999 {dropped}"
                yield f"{token} -1 {dropped}"
                yield line
                if cell.isdecimal():
                    yield f"{token} {cell} {dropped}"
                assert rest

    result, _ = ran([DENY_B], [Noisy()])
    assert 0 == result.exit_code()
    red, _ = ran([DENY_B], [Noisy(ignoring)])
    assert LEAK is status(red)


# --- defects


@pytest.mark.usefixtures("time")
def test_defect_of_prober_is_called_so_and_takes_no_other_scenario_along() -> None:
    """An exception that nobody foresaw: named, with its traceback as evidence, exit 3; other scenarios are proved."""

    def broken(state: ClusterState, asked: Asked) -> str:
        raise ZeroDivisionError("by zero")

    clusters = [FakeCluster(broken), FakeCluster(enforcing)]
    result, events = ran([DENY_B, DENY_B], clusters)
    assert "a defect of prober: ZeroDivisionError: by zero" == result.scenarios[0].trouble
    assert "Traceback" in result.scenarios[0].evidence
    assert (3, PASS) == (result.exit_code(), status(result, scenario=1))
    assert [1, 1] == [c.closed for c in clusters]
    assert isinstance(events[-1], RunEnded)


@pytest.mark.usefixtures("time")
def test_cluster_that_cannot_be_made_takes_no_other_scenario_along() -> None:
    """What goes wrong before there is a cluster is one scenario's trouble."""
    clusters: list[FakeCluster] = [FakeCluster(enforcing)]
    other = DENY_B.replace("{shop: {}}", "{shop: {labels: {team: t}}}")
    result, _ = ran([DENY_B, other], clusters)
    assert PASS is status(result)
    assert "a defect of prober: IndexError" in result.scenarios[1].trouble
    assert 3 == result.exit_code()


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize("error", [ClusterError("still there"), OSError("no such thing")])
def test_clean_up_that_fails_is_trouble_and_hides_no_other(error: Exception) -> None:
    """What could not be removed is told; what was seen before is told too."""

    class Sticky(Odd):
        def close(self) -> None:
            super().close()
            raise error

    result, _ = ran([DENY_B], [Sticky()])
    assert (3, f"clean-up: {error}") == (result.exit_code(), result.scenarios[0].trouble)
    assert PASS is status(result)

    class Worse(Sticky, Dying): ...

    result, _ = ran([DENY_B], [Worse("step")])
    assert "the cluster is gone" in result.scenarios[0].trouble
    assert f"clean-up: {error}" in result.scenarios[0].trouble


@pytest.mark.usefixtures("time")
def test_evidence_that_fails_spoils_nothing() -> None:
    """A finding stays a finding where the cluster cannot say more about it."""

    class Secretive(Odd):
        def evidence(self) -> str:
            raise ClusterError("no logs")

    result, _ = ran([DENY_B], [Secretive(ignoring)])
    assert (1, LEAK, "") == (result.exit_code(), status(result), result.scenarios[0].trouble)
    assert result.scenarios[0].evidence.endswith("no evidence: no logs")


@pytest.mark.usefixtures("time")
def test_author_whom_the_real_addresses_contradict_is_trouble() -> None:
    """Rule 8: settled once more when the cluster has given its addresses: nobody is overruled silently."""
    text = (
        DENY_B.replace("{app: b}}}", "{app: b}}, ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/16}}]}]}")
        .replace("denied: [any -> shop/b], ", "")
        .replace("allowed: [any -> shop/c]", "allowed: [any -> any]")
    )

    class Elsewhere(Odd):
        def open(self, topology: Topology) -> ClusterState:
            state = super().open(topology)
            for ref, pod in state.pods.items():
                moved = {f: a.replace("10.244.", "10.9.") for f, a in pod.addresses.items()}
                self.state = self.state.after(RemovePod(pod=ref))
                self.state = self.state.after(AddPod(pod=replace(pod, addresses=moved)))
            return self.state

    assert 0 == ran([text])[0].exit_code()
    result, events = ran([text], [Elsewhere()])
    assert 3 == result.exit_code()
    assert "expects it allowed, the policies make it denied" in result.scenarios[0].trouble
    assert not any(isinstance(e, Attempt) and e.step == 0 and e.round > 0 for e in events)


# --- interrupted, out of time


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize("moment", MOMENTS[:-1])
def test_interrupted_at_any_moment(moment: str) -> None:
    """Ctrl-C whenever: 130, closed exactly once, no denial proved, later scenarios not begun, no trouble of theirs."""
    stop = threading.Event()

    class Stopping(Dying):
        def now(self, moment: str) -> None:
            if moment == self.moment:
                stop.set()

    cluster = Stopping(moment)
    result, events = ran([TWO_STEPS, DENY_B], [cluster], stop=stop)
    assert (130, True, 1) == (result.exit_code(), result.interrupted, cluster.closed)
    denials = [c for s in result.scenarios[0].steps for c in s.cells if c.expected is Verdict.DENIED]
    if moment not in ("DeletePolicy", "restore"):
        assert PASS not in {c.status for c in denials}
    assert "not run to its end" == result.scenarios[1].trouble
    assert () == result.scenarios[1].steps
    assert not any("defect" in e.text for e in events if isinstance(e, Trouble))


@pytest.mark.usefixtures("time")
def test_interrupted_with_a_leak_is_1() -> None:
    """130 is outranked by a finding: a step that had come to its end with a LEAK."""
    stop = threading.Event()

    class Stopping(Odd):
        def apply(self, action: Action) -> Action:
            if isinstance(action, DeletePolicy):
                stop.set()
            return super().apply(action)

    result, _ = ran([DENY_B], [Stopping(ignoring)], stop=stop)
    assert (1, True) == (result.exit_code(), result.interrupted)


def test_stopped_before_it_began(time: Time) -> None:
    """A run that is stopped at once makes no cluster."""
    stop = threading.Event()
    stop.set()
    result, events = ran([DENY_B], [], stop=stop)
    assert 130 == result.exit_code()
    assert [RunStarted, RunEnded] == [type(e) for e in events]
    assert time.now == 1000


@pytest.mark.parametrize("budget", [0.1, 3.0])
def test_budget_ends_a_scenario(time: Time, budget: float) -> None:
    """--budget: what was seen is judged, and nothing is green (exit 3)."""
    result, _ = ran([DENY_B], lambda s, a: None if s.policies else enforcing(s, a), budget=budget, settle=600.0)
    assert 3 == result.exit_code()
    assert "--budget" in result.scenarios[0].trouble
    assert time.now <= 1000 + budget + 1.5


# --- what is done, and what is told


@pytest.mark.usefixtures("time")
def test_actions_are_done_in_order_and_undone() -> None:
    """Each step's actions as written; the restore deletes policies and puts labels back, pods that came stay."""
    text = DENY_B + (
        "  - name: change\n"
        "    label: {pods: {shop/b: {app: x, extra: y}}, namespaces: {shop: {team: t}}}\n"
        "    add: {shop/d: {ports: [80]}}\n"
        "    remove: shop/c\n"
    )
    cluster = FakeCluster(enforcing)
    result, events = ran([text], [cluster])
    assert 0 == result.exit_code()
    assert [
        "apply shop/no-b",
        "remove pod shop/c",
        "add pod shop/d",
        "label namespace shop team=t",
        "label pod shop/b app=x extra=y",
        "delete shop/no-b",
        "label namespace shop team-",
        "label pod shop/b extra- app=b",
    ] == [str(a) for a in cluster.actions]
    assert [str(a) for a in cluster.actions] == [e.action for e in events if isinstance(e, Acted)]
    assert isinstance(cluster.actions[-1], LabelPod)


@pytest.mark.usefixtures("time")
def test_what_a_cluster_lacks_is_skipped_with_its_reason() -> None:
    """Rule 11: a scenario that cannot run here is skipped, told so, and a run of nothing else is exit 3."""
    cluster = FakeCluster(enforcing)
    result, events = ran([SCTP], [cluster])
    assert ("needs sctp, and nc speaks none", 3, 1) == (
        result.scenarios[0].skipped,
        result.exit_code(),
        cluster.closed,
    )
    assert any(isinstance(e, Skipped) for e in events)
    assert not any(isinstance(e, Opened) for e in events)
    result, _ = ran([SCTP, DENY_B])
    assert 0 == result.exit_code()
    assert "skipped 1" in result.proof


@pytest.mark.usefixtures("time")
def test_only_asks_what_is_meant() -> None:
    """--only: no other cell is probed, only what vouches for it besides."""
    result, events = ran([DENY_B], only=parse_pattern("shop/a -> shop/b:80"))
    assert {A_B, "shop/b -> shop/b:80", WAY} == {e.flow for e in events if isinstance(e, Attempt)}
    assert (0, "proved 1 denial and 0 allows") == (result.exit_code(), result.proof[:28])


def test_progress_is_told(time: Time) -> None:
    """Somebody who watches sees every phase, and a last word on each scenario."""
    seen: list[Progress] = []
    ran([DENY_B, SCTP], progress=seen.append)
    assert ["", "skipped: needs sctp, and nc speaks none"] == [p.note for p in seen if p.done]
    ran([DENY_B], ignoring, progress=seen.append)
    assert "does not agree" == seen[-1].note
    ran([DENY_B], late(time, 1.0), progress=seen.append)
    assert ["open", "step", "restore"] == list(dict.fromkeys(p.kind for p in seen if p.kind))
    assert (1, 4) in [(p.round, p.disagreeing) for p in seen if p.kind == "step"]


@pytest.mark.usefixtures("time")
def test_journal_alone_is_enough_to_judge(tmp_path: Path) -> None:
    """Judged again from its file, a run is worth the same: texts and all are in it."""
    path = tmp_path / "run.jsonl"
    with Journal(path) as log:
        result, events = ran([DENY_B, TWO_STEPS], log=log)
    again = tuple(read(path.read_text(encoding="utf-8").splitlines()))
    assert events == again
    scenarios = {f"s{i}.scenario.yaml": loaded(text, i) for i, text in enumerate([DENY_B, TWO_STEPS])}
    assert result == judge(again, scenarios)


@pytest.mark.usefixtures("time")
def test_full_disk_goes_on_and_says_so() -> None:
    """A disk that takes no journal costs the journal, not the run."""
    with Journal(Path("/dev/full")) as log:
        result, _ = ran([DENY_B], log=log)
        assert "No space left on device" in log.lost
    assert 0 == result.exit_code()


def test_longest_scenario_goes_first(time: Time) -> None:
    """A run ends sooner if what takes longest begins first; the report keeps the order that was asked."""
    result, events = ran([DENY_B, TWO_STEPS])
    assert ["s1.scenario.yaml", "s0.scenario.yaml"] == [e.scenario for e in events if isinstance(e, Opened)]
    assert ["s0", "s1"] == [s.name for s in result.scenarios]
    assert time.now > 1000


# --- with threads and a clock that runs


@pytest.mark.parametrize(("jobs", "workers"), [(1, 1), (3, 1), (1, 16), (3, 16)])
def test_any_number_of_jobs_and_workers_gives_the_same(jobs: int, workers: int) -> None:
    """Scenarios at once and streams at once change how long it takes, nothing else."""
    result, events = ran([DENY_B] * 3, timeout=0, jobs=jobs, workers=workers)
    assert 0 == result.exit_code()
    assert result.proof.startswith("proved 12 denials and 6 allows")
    assert {2} == {s.rounds for sc in result.scenarios for s in sc.steps if s.kind == "step"}
    for scenario in result.scenarios:
        ended = [e.round for e in events if isinstance(e, RoundEnded) and e.scenario == scenario.path]
        assert list(range(len(ended))) == sorted(ended)


def test_stream_that_hangs_ends_with_the_budget_and_the_close() -> None:
    """A stream that says no more is not waited for beyond the budget; closing the cluster ends it."""

    class Hanging(Odd):
        def __init__(self) -> None:
            super().__init__()
            self.over = threading.Event()

        def stream(self, source: Any, request: str) -> Iterator[str]:
            if self.denying:
                self.over.wait(30)
                raise ClusterError("closed")
            yield from super().stream(source, request)

        def close(self) -> None:
            super().close()
            self.over.set()

    begin = real_time.monotonic()
    result, _ = ran([DENY_B], [Hanging()], timeout=0, budget=0.2)
    assert 3 == result.exit_code()
    assert "--budget" in result.scenarios[0].trouble
    assert real_time.monotonic() - begin < 20


def test_interrupt_is_heard_while_a_stream_hangs() -> None:
    """Ctrl-C is not kept waiting by a pod that says no more."""
    stop = threading.Event()

    class Hanging(Odd):
        def __init__(self) -> None:
            super().__init__()
            self.over = threading.Event()

        def stream(self, source: Any, request: str) -> Iterator[str]:
            stop.set()
            self.over.wait(30)
            yield from super().stream(source, request)

        def close(self) -> None:
            super().close()
            self.over.set()

    begin = real_time.monotonic()
    result, _ = ran([DENY_B], [Hanging()], stop=stop, timeout=0)
    assert 130 == result.exit_code()
    assert real_time.monotonic() - begin < 20
