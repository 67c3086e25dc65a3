"""A topology that goes from one scenario to the next: what is proved of it, and when it is given up."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from prober.cluster.fake import Asked, FakeCluster
from prober.errors import ClusterError
from prober.flows import parse_pattern
from prober.journal import (
    Acted,
    Arrived,
    Attempt,
    Event,
    Opened,
    Phase,
    Reset,
    RoundStarted,
    ScenarioEnded,
    Skipped,
    TakenOver,
)
from prober.model import (
    Action,
    AddPod,
    ApplyPolicy,
    ClusterState,
    DeletePolicy,
    Family,
    IPBlock,
    PodRef,
    RemovePod,
    Topology,
)
from prober.outcomes import Status, Verdict
from prober.progress import Progress
from prober.result import RunResult
from prober.verdict import judge
from tests.running import Time, enforcing, ignoring, loaded, ran, still
from tests.telling import A_B, A_C, DENY_B, changed, without

PASS, LEAK, BREAK, UNKNOWN = Status.PASS, Status.LEAK, Status.BREAK, Status.UNKNOWN
S0, S1 = "s0.scenario.yaml", "s1.scenario.yaml"
D = PodRef("shop", "d")
TO_B = {"shop/c -> shop/b:80", "shop/c -> shop/b:53/udp"}

CHANGE = DENY_B + (
    "  - name: change\n"
    "    label: {pods: {shop/b: {app: x, extra: y}}, namespaces: {shop: {team: t}}}\n"
    "    add: {shop/d: {ports: [80], node: 1}}\n"
    "    remove: shop/c\n"
)
NAMED = DENY_B.replace("namespaces:", "cells: named\nnamespaces:").replace(
    "denied: [any -> shop/b], allowed: [any -> shop/c]", "denied: [shop/c -> shop/b]"
)
TO_ONE_ADDED = (
    DENY_B
    + """\
  - name: one more
    add: {shop/d: {ports: [80], labels: {app: d}}}
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: only-d, namespace: shop}
      spec:
        podSelector: {matchLabels: {app: b}}
        ingress: [{from: [{ipBlock: {cidr: "${pod:shop/d}/32"}}]}]
    expect: {allowed: [shop/d -> shop/b:80], denied: [shop/a -> shop/b]}
"""
)


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """A clock that moves only when the run waits."""
    return still(monkeypatch)


def kinds(events: tuple[Event, ...], path: str) -> list[str]:
    """Return the phases that were carried out for a scenario."""
    return [e.kind for e in events if isinstance(e, Phase) and e.scenario == path]


def denials(result: RunResult, number: int) -> set[Status]:
    """Return the statuses of a scenario's denied cells."""
    return {c.status for c in result.scenarios[number].cells if c.expected is Verdict.DENIED}


def judged(events: tuple[Event, ...], *texts: str) -> RunResult:
    return judge(events, {f"s{i}.scenario.yaml": loaded(text, i) for i, text in enumerate(texts)})


def passed(result: RunResult) -> set[tuple[object, ...]]:
    """Return the cells that pass, by scenario and phase."""
    return {(s.path, t.kind, c.flow) for s in result.scenarios for t in s.steps for c in t.cells if c.status is PASS}


def pair() -> tuple[Event, ...]:
    """Return the journal of two scenarios on one topology."""
    return ran([DENY_B, DENY_B], [FakeCluster(enforcing)])[1]


def test_last_control_of_one_is_the_first_of_the_next() -> None:
    """One topology, opened and closed once; the second scenario sends no control of its own, and has one."""
    cluster = FakeCluster(enforcing)
    result, events = ran([DENY_B, DENY_B], [cluster])
    assert (0, 1) == (result.exit_code(), cluster.closed)
    assert [["control", "step", "restore"], ["step", "restore"]] == [kinds(events, S0), kinds(events, S1)]
    [taken] = [e for e in events if isinstance(e, TakenOver)]
    assert (S1, S0, True) == (taken.scenario, taken.after, taken.control)
    assert ["", S0] == [s.took_over for s in result.scenarios]
    first, second = result.scenarios
    assert [(s.kind, {c.status for c in s.cells}) for s in first.steps] == [
        (s.kind, {c.status for c in s.cells}) for s in second.steps
    ]
    assert (f"control, the last one of {S0}", ()) == (second.steps[0].name, second.steps[0].actions)
    assert not any(isinstance(e, Reset) for e in events)


def test_control_that_is_taken_over_is_told_as_it_was(time: Time) -> None:
    """Its times are those of the control itself: not of the actions before it, nor of what came between."""

    class Slow(FakeCluster):
        def apply(self, action: Action) -> Action:
            time.now += 5
            return super().apply(action)

    def wait(progress: Progress) -> None:
        time.now += 7 if progress.done else 0

    result, events = ran([DENY_B, DENY_B], [Slow(enforcing)], progress=wait)
    restore, control = result.scenarios[0].steps[-1], result.scenarios[1].steps[0]
    assert {0.0} == {c.agreed_after for c in control.cells}
    assert restore.seconds - 5 == control.seconds
    at = next(i for i, e in enumerate(events) if isinstance(e, TakenOver))
    cut = judged(events[: at + 1], DENY_B, DENY_B).scenarios[1].steps[0]
    assert {0.0} == {c.agreed_after for c in cut.cells}


def test_last_control_asks_what_the_next_scenario_asks() -> None:
    """Scenarios that ask other cells: the control between them asks the cells of both, and judges each by its own."""
    result, events = ran([NAMED, DENY_B + "  - {name: idle, delete: shop/no-b}\n"], [FakeCluster(enforcing)])
    assert 0 == result.exit_code()
    assert [S1, S0] == [e.scenario for e in events if isinstance(e, Opened)]
    step = len(kinds(events, S1)) - 2
    asked = {e.flow for e in events if isinstance(e, Attempt) and (e.scenario, e.step) == (S1, step)}
    alone = {e.flow for e in ran([NAMED])[1] if isinstance(e, Attempt)}
    assert alone <= asked
    assert {"shop/c -> shop/b:80", "shop/c -> shop/b:53/udp"} == {
        str(c.flow) for c in result.scenarios[0].steps[0].cells
    }

    result, events = ran([NAMED + "  - {name: idle, delete: shop/no-b}\n", DENY_B], [FakeCluster(enforcing)])
    assert 0 == result.exit_code()
    assert A_B in {e.flow for e in events if isinstance(e, Attempt) and (e.scenario, e.step) == (S0, 2)}
    assert TO_B == {str(c.flow) for c in result.scenarios[0].cells}


def test_only_of_a_run_holds_for_the_control_between() -> None:
    """--only leaves the same cells in a control that two scenarios share."""
    result, events = ran([DENY_B, DENY_B], [FakeCluster(enforcing)], only=parse_pattern(A_B))
    assert 0 == result.exit_code()
    assert A_C not in {e.flow for e in events if isinstance(e, Attempt)}


def test_pods_are_brought_back() -> None:
    """What a scenario added is removed, what it removed is made again, and the next one has a control of its own."""
    cluster = FakeCluster(enforcing)
    result, events = ran([DENY_B, CHANGE], [cluster])
    assert 0 == result.exit_code()
    [reset] = [e for e in events if isinstance(e, Reset)]
    assert (S1, ["remove pod shop/d", "add pod shop/c"], "") == (reset.scenario, reset.actions, reset.why)
    assert ["control", "step", "restore"] == kinds(events, S0)
    first, second = (e.state for e in events if isinstance(e, Opened))
    declared = [{k: v for k, v in p.items() if k != "addresses"} for p in first["pods"]]
    assert declared == [{k: v for k, v in p.items() if k != "addresses"} for p in second["pods"]]
    assert first["namespaces"] == second["namespaces"]
    assert first["pods"][2]["addresses"] != second["pods"][2]["addresses"]
    assert S1 == result.scenarios[0].took_over
    assert D not in cluster.state.pods


def test_pod_made_otherwise_is_made_again() -> None:
    """A pod that a scenario removed and added with other ports is not the one that the next scenario asked for."""
    text = DENY_B + "  - {name: other, remove: shop/c}\n  - {name: ports, add: {shop/c: {ports: [81]}}}\n"
    cluster = FakeCluster(enforcing)
    result, events = ran([DENY_B, text], [cluster])
    assert 0 == result.exit_code()
    [reset] = [e for e in events if isinstance(e, Reset)]
    assert ["remove pod shop/c", "add pod shop/c"] == reset.actions
    assert [80] == [p.number for p in cluster.state.pods[PodRef("shop", "c")].ports]


def frozen() -> FakeCluster:
    """Return a cluster that never releases what it once denied."""
    known: list[ClusterState] = []

    def says(state: ClusterState, asked: Asked) -> str | None:
        if state.policies:
            known[:] = [state]
        return enforcing(known[0] if known else state, asked)

    return FakeCluster(says)


def test_damaged_topology_is_given_up() -> None:
    """A restore that does not agree leaves nothing to the next scenario: it gets a fresh topology, and is green."""
    clusters = [frozen(), FakeCluster(enforcing)]
    result, events = ran([DENY_B, DENY_B], clusters)
    assert [BREAK, PASS] == [s.status for s in result.scenarios]
    assert [1, 1] == [c.closed for c in clusters]
    [reset] = [e for e in events if isinstance(e, Reset)]
    assert ([], "its last control did not agree") == (reset.actions, reset.why)
    assert [("", reset.why), ("", "")] == [(s.took_over, s.given_up) for s in result.scenarios]
    assert ["control", "step", "restore"] == kinds(events, S1)


def test_cell_of_the_next_scenario_alone_damages_too() -> None:
    """What only the next scenario asks, and does not connect, is its topology's damage and nobody's BREAK before."""

    def says(state: ClusterState, asked: Asked) -> str | None:
        b = state.pods[PodRef("shop", "b")].addresses[asked.family]
        dead = asked.host == b and asked.source == PodRef("shop", "a") and spoilt
        return (
            f"nc: connect to {b} port 80 (tcp) timed out: Operation now in progress"
            if dead
            else enforcing(state, asked)
        )

    class Spoiling(FakeCluster):
        def apply(self, action: Action) -> Action:
            spoilt.append(action)
            return super().apply(action)

    spoilt: list[Action] = []
    two = NAMED + "  - {name: idle, delete: shop/no-b}\n"
    result, _ = ran([two, DENY_B], [Spoiling(says), FakeCluster(enforcing)])
    assert [PASS, PASS] == [s.status for s in result.scenarios]
    assert "its last control did not agree" == result.scenarios[0].given_up


@pytest.mark.parametrize("action", [RemovePod, AddPod])
def test_pods_that_cannot_be_brought_back(action: type[Action]) -> None:
    """A cluster that cannot undo a scenario keeps its topology: the next scenario gets another."""

    class Stubborn(FakeCluster):
        def apply(self, what: Action) -> Action:
            if isinstance(what, action) and not self.state.policies:
                raise ClusterError("not now")
            return super().apply(what)

    result, events = ran([DENY_B, CHANGE], [Stubborn(enforcing), FakeCluster(enforcing)])
    assert [PASS, PASS] == [s.status for s in result.scenarios]
    assert "it could not be brought back: not now" == result.scenarios[1].given_up
    assert 2 == sum(isinstance(e, Phase) and e.kind == "control" for e in events)
    assert 0 == result.exit_code()


def test_topology_that_ends_too_soon_is_given_up(time: Time) -> None:
    """Pods that end by themselves: a scenario that might outlive them gets a topology of its own."""

    class Mortal(FakeCluster):
        lasts = 125.0

    clusters = [Mortal(enforcing) for _ in range(2)]
    result, _ = ran([DENY_B] * 5, clusters, budget=122.5)
    assert 0 == result.exit_code()
    given_up = [s.given_up for s in result.scenarios]
    assert ["its pods end before another scenario could"] == list(filter(None, given_up))
    assert 2 == sum(not s.took_over for s in result.scenarios)
    assert time.now > 1000


def test_trouble_ends_a_topology() -> None:
    """A scenario that something stopped leaves nothing: the next one gets a fresh topology."""

    def broken(state: ClusterState, asked: Asked) -> str | None:
        if state.policies:
            raise ZeroDivisionError
        return enforcing(state, asked)

    clusters = [FakeCluster(broken), FakeCluster(enforcing)]
    result, _ = ran([DENY_B, DENY_B], clusters)
    assert "ZeroDivisionError" in result.scenarios[0].trouble
    assert (PASS, "") == (result.scenarios[1].status, result.scenarios[1].took_over)
    assert [1, 1] == [c.closed for c in clusters]


def test_interrupted_between_two() -> None:
    """Ctrl-C in the control between two scenarios: the second is not begun."""
    stop = threading.Event()

    class Stopping(FakeCluster):
        def apply(self, action: Action) -> Action:
            if isinstance(action, DeletePolicy):
                stop.set()
            return super().apply(action)

    cluster = Stopping(enforcing)
    result, events = ran([DENY_B, DENY_B], [cluster], stop=stop)
    assert (130, 1) == (result.exit_code(), cluster.closed)
    assert [S0] == [e.scenario for e in events if isinstance(e, Opened)]
    assert "not run to its end" == result.scenarios[1].trouble


def test_interrupted_after_one() -> None:
    """Ctrl-C when a scenario has just ended: the next is not begun on its topology."""
    stop = threading.Event()
    cluster = FakeCluster(enforcing)
    result, events = ran([DENY_B, DENY_B], [cluster], stop=stop, progress=lambda p: stop.set() if p.done else None)
    assert (130, 1) == (result.exit_code(), cluster.closed)
    assert [S0] == [e.scenario for e in events if isinstance(e, Opened)]


def test_pod_that_came_and_went_leaves_no_control() -> None:
    """A scenario that adds a pod and removes it again: the next one has a control of its own, as was planned."""
    text = DENY_B + "  - {name: come, add: {shop/d: {}}}\n  - {name: go, remove: shop/d}\n"
    result, events = ran([text, DENY_B], [FakeCluster(enforcing)])
    assert (S0, PASS) == (result.scenarios[1].took_over, result.scenarios[1].status)
    assert ["control", "step", "restore"] == kinds(events, S1)


def test_what_cannot_run_here_is_left_out() -> None:
    """A scenario that the cluster cannot run is skipped, and the one before hands over to the one after."""
    needy = DENY_B.replace("summary:", "requires: [sctp]\nsummary:")
    result, events = ran([needy, DENY_B, needy, DENY_B], [FakeCluster(enforcing)])
    assert (0, 2) == (result.exit_code(), sum(isinstance(e, Skipped) for e in events))
    assert S1 == result.scenarios[3].took_over


def test_family_that_no_pod_has_is_skipped() -> None:
    """Which families a cluster gives shows in its pods: what needs another is skipped, and the stage stays as it is."""

    class OnlyIpv4(FakeCluster):
        def open(self, topology: Topology) -> ClusterState:
            self.state = replace(super().open(topology), families=(Family.IPV4,))
            return self.state

    both = DENY_B.replace("summary:", "families: [ipv4, ipv6]\nsummary:")
    for order, skipped in (([both, DENY_B], 0), ([DENY_B, both, DENY_B], 1)):
        cluster = OnlyIpv4(enforcing)
        result, events = ran(order, [cluster])

        assert "needs ipv6, of which the pods here have no addresses" == result.scenarios[skipped].skipped
        assert {PASS} == {s.status for s in result.scenarios if not s.skipped}
        assert (0, 1) == (result.exit_code(), cluster.closed)
        assert f"s{skipped}.scenario.yaml" not in {e.scenario for e in events if isinstance(e, Opened | TakenOver)}


def test_pod_replaced_under_the_second_scenario_proves_nothing() -> None:
    """Identities of the control that is taken over count: a pod that is another by the step proves no denial."""

    class Replacing(FakeCluster):
        applied = 0

        def apply(self, action: Action) -> Action:
            self.applied += isinstance(action, ApplyPolicy)
            if self.applied == 2 and not self.restarts:
                self.restart(PodRef("shop", "b"))
            return super().apply(action)

    result, _ = ran([DENY_B, DENY_B], [Replacing(enforcing)])
    assert [{PASS}, {UNKNOWN}] == [denials(result, 0), denials(result, 1)]
    assert 3 == result.exit_code()


def test_cluster_that_enforces_nothing_is_red_in_each() -> None:
    """A topology that is shared hides no leak."""
    result, _ = ran([DENY_B] * 3, [FakeCluster(ignoring)])
    assert [{LEAK}] * 3 == [denials(result, i) for i in range(3)]


def test_datagrams_are_told_once() -> None:
    """What has arrived is in the journal once, however long a topology lives."""

    class Listening(FakeCluster):
        def __init__(self) -> None:
            super().__init__(self._log)
            self.got: set[str] = set()

        def _log(self, state: ClusterState, asked: Asked) -> str:
            self.got.add(asked.nonce)
            return enforcing(state, asked)

        def arrivals(self) -> frozenset[str]:
            return frozenset(self.got)

    _, events = ran([DENY_B, DENY_B], [Listening()])
    told = [n for e in events if isinstance(e, Arrived) for n in e.nonces]
    assert len(told) == len(set(told)) > 1


# --- addresses that are known only when a step has added its pod


class Elsewhere(FakeCluster):
    """Gives pods that are added later addresses that nobody planned."""

    def apply(self, action: Action) -> Action:
        done = super().apply(action)
        if isinstance(done, AddPod):
            pod = replace(done.pod, addresses={Family.IPV4: "10.9.9.9", Family.IPV6: "fd00:9::9"})
            done = AddPod(pod=pod)
            self.state = self.state.after(done)
        return done


def test_policy_names_the_address_that_an_added_pod_got() -> None:
    """${pod:...} of a pod that the same step adds: the policy that is applied, and the judge, know its real address."""
    cluster = Elsewhere(enforcing)
    result, events = ran([TO_ONE_ADDED], [cluster])
    rules = [rule for a in cluster.actions if isinstance(a, ApplyPolicy) for rule in a.policy.ingress]
    applied = [str(peer.cidr) for rule in rules for peer in rule.peers if isinstance(peer, IPBlock)]
    assert ["10.9.9.9/32"] == applied
    assert 0 == result.exit_code()
    found = {str(c.flow): c for c in result.scenarios[0].steps[2].cells}
    assert (PASS, Verdict.ALLOWED) == (found["shop/d -> shop/b:80"].status, found["shop/d -> shop/b:80"].expected)
    planned = changed(events, Acted, [e.action for e in events if isinstance(e, Acted)].index("add pod shop/d"),
                      addresses={"ipv4": "10.244.0.77"})  # fmt: skip
    assert 0 == judged(planned, TO_ONE_ADDED).exit_code()


def test_pod_of_a_shared_topology_has_the_address_that_it_got() -> None:
    """The second of two scenarios that add a pod plans another address than the lab gives: its policies know it."""
    result, events = ran([TO_ONE_ADDED, TO_ONE_ADDED], [FakeCluster(enforcing)])
    first, second = (e.addresses for e in events if isinstance(e, Acted) and e.action == "add pod shop/d")
    assert first != second
    assert [PASS, PASS] == [s.status for s in result.scenarios]


# --- journals of shared topologies


def test_killed_at_any_moment_is_not_green() -> None:
    """After every event of a run on a shared topology: 3 or 130, and no cell passes that the whole run does not."""
    events = pair()
    whole = judged(events, DENY_B, DENY_B)
    assert 0 == whole.exit_code()
    good = passed(whole)
    for end in range(1, len(events)):
        cut = judged(events[:end], DENY_B, DENY_B)
        assert cut.exit_code() in (3, 130)
        assert passed(cut) <= good
        if not any(isinstance(e, ScenarioEnded) and e.scenario == S1 for e in events[:end]):
            assert "not run to its end" == cut.scenarios[1].trouble


FORGED: Mapping[str, Any] = {
    "of nobody": lambda e: changed(e, TakenOver, after="s9.scenario.yaml"),
    "of itself": lambda e: changed(e, TakenOver, after=S1),
    "twice": lambda e: tuple(x for y in e for x in ([y, y] if isinstance(y, TakenOver) else [y])),
    "of one that has not ended": lambda e: without(e, ScenarioEnded),
    "of one without a restore": lambda e: tuple(
        x for x in e if not (getattr(x, "scenario", "") == S0 and getattr(x, "step", 0) == 1)
    ),
    "without the word": lambda e: without(e, TakenOver),
    "with a control that was never sent": lambda e: changed(e, TakenOver, control=False),
    "in another state": lambda e: changed(e, Opened, 1, state={**opened(e), "resolver": None}),
    "of one that contradicts itself": lambda e: without(e, RoundStarted),
    "with rounds that did not ask": lambda e: tuple(
        x for x in e if not (isinstance(x, Attempt) and (x.scenario, x.step, x.flow) == (S0, 1, A_B))
    ),
}


def opened(events: tuple[Event, ...]) -> dict[str, Any]:
    return next(e.state for e in events if isinstance(e, Opened))


@pytest.mark.parametrize("spoil", FORGED.values(), ids=FORGED)
def test_control_that_nobody_left_is_none(spoil: Any) -> None:
    """A journal in which a scenario takes over what cannot be taken over contradicts itself: no denial is proved."""
    events = spoil(pair())
    result = judged(events, DENY_B, DENY_B)
    assert 3 == result.exit_code()
    assert PASS not in denials(result, 1)
    assert result.scenarios[1].trouble


@pytest.mark.parametrize("outcome", ["TIMED_OUT", "NO_RESULT"])
def test_control_that_failed_proves_nothing_for_the_next(outcome: str) -> None:
    """A cell that did not connect in the control before has none: the second scenario's denial is UNKNOWN."""
    events = pair()
    at = next(
        i for i, e in enumerate(x for x in events if isinstance(x, Attempt))
        if (e.scenario, e.step, e.flow) == (S0, 1, A_B)
    )  # fmt: skip
    result = judged(changed(events, Attempt, at, outcome=outcome), DENY_B, DENY_B)
    found = next(c for s in result.scenarios[1].steps if s.kind == "step" for c in s.cells if str(c.flow) == A_B)
    assert UNKNOWN is found.status
    assert "did not connect before any policy" in found.reason
    assert 0 != result.exit_code()


def test_reset_is_told_after_the_end() -> None:
    """Only a scenario that has ended leaves a topology, and only once."""
    reset = Reset(scenario=S0, begin=1, end=2, actions=[], why="x")
    events = pair()
    assert "contradicts" in judged((*events[:3], reset, *events[3:]), DENY_B, DENY_B).scenarios[0].trouble
    end = next(i for i, e in enumerate(events) if isinstance(e, ScenarioEnded))
    told = judged((*events[: end + 1], reset, *events[end + 1 :]), DENY_B, DENY_B)
    assert ("x", "") == (told.scenarios[0].given_up, told.scenarios[0].trouble)
    again = judged((*events[: end + 1], reset, reset, *events[end + 1 :]), DENY_B, DENY_B)
    assert "contradicts" in again.scenarios[0].trouble
