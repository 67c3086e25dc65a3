"""Tests of prober.canary: what it asks, what it makes of the answers, and that the lab's lies are named by it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence

import pytest

from prober import canary, runner, verdict
from prober.canary import Finding
from prober.cluster.base import Cluster
from prober.cluster.fake import Asked, FakeCluster, Says, target_of
from prober.cluster.lab import LabCluster
from prober.expect import expectations
from prober.flows import parse_pattern
from prober.journal import Event, Journal, Remark
from prober.model import ClusterState, PodRef
from prober.model.plan import planned
from prober.oracle import Ruling, judge
from prober.outcomes import NOT_JUDGED, Status
from prober.progress import ignored
from prober.result import RunResult
from prober.runner import Settings
from prober.scenario import OWN, Scenario, check, loads, matrix, planned_states
from prober.vouching import with_witnesses
from tests.cli.world import IDLE

IDLE_PATH = "idle.scenario.yaml"


def lying(*, ingress: Collection[int] = (), egress: Collection[int] = (), within: bool = True) -> Says:
    """Enforce the canary's policies but on these nodes; with `within` false they do so among their own pods."""

    def says(state: ClusterState, asked: Asked) -> str:
        assert isinstance(asked.source, PodRef)
        ref = target_of(state, asked)
        assert isinstance(ref, PodRef)
        source, target = state.pods[asked.source], state.pods[ref]
        same = source.node == target.node and not within
        taken = target.labels.get("canary") == "target" and (target.node not in ingress or same)
        left = source.labels.get("canary") == "source" and (source.node not in egress or same)
        if state.policies and source != target and (taken or left):
            return f"nc: connect to {asked.host} port {asked.port} (tcp) timed out: Operation now in progress"
        name = FakeCluster(says).hostname(ref)
        return f"Connection to {asked.host} {asked.port} port [tcp/*] succeeded!\n{name}"

    return says


def ran(
    canaries: Sequence[Scenario], scenarios: Sequence[Scenario], make: Callable[[], Cluster], settle: float = 0.2
) -> tuple[RunResult, tuple[Event, ...]]:
    """Run canaries and scenarios; return the result and the journal."""
    log = Journal()
    settings = Settings(settle=settle, hold=0)
    stop = threading.Event()
    runner.run(scenarios, make, settings, log, ignored, stop, run_id="r", cluster_name="fake", canaries=canaries)
    return verdict.judge(log.events(), {s.path: s for s in (*canaries, *scenarios)}), log.events()


def found(says: Says, nodes: int) -> Finding:
    own = canary.canaries(nodes)
    return canary.judged(ran(own, (), lambda: FakeCluster(says))[1], own)


@pytest.mark.parametrize(("denials", "nodes"), [(2, 1), (8, 2), (12, 3), (80, 20)])
def test_each_node_asks_itself_and_its_neighbour(denials: int, nodes: int) -> None:
    """Four denials a node, two where it is alone: neighbours in a ring and not all pairs, and no cell beside them."""
    (scenario,) = canary.canaries(nodes)
    ((_, state),) = planned_states(scenario)
    cells = matrix(scenario, state)

    assert () == check(scenario)
    assert denials == sum(judge(state, flow).ruling is Ruling.DENIED for flow in cells)
    assert denials * 3 // 2 == len(cells)
    full = with_witnesses(scenario.topology)
    assert max(5, nodes * canary.PODS_PER_NODE) == len(full.pods)  # where it is alone a node has two witnesses


@pytest.mark.parametrize("nodes", [1, 2, 5])
def test_policies_are_one_sided(nodes: int) -> None:
    """Whatever is denied is denied by the policy of one end alone, so that no other node can cover for its node."""
    (scenario,) = canary.canaries(nodes)
    ((_, state),) = planned_states(scenario)
    for flow in matrix(scenario, state):
        denying = [side for side in judge(state, flow).sides if side.ruling is Ruling.DENIED]
        assert len(denying) == (judge(state, flow).ruling is Ruling.DENIED)


def test_many_nodes_are_proved_in_several_rings() -> None:
    """A ring takes as many nodes as its pods allow; all nodes are in one of them, and those that no scenario names."""
    rings = canary.canaries(100, max_pods=60)
    places = [p.node for s in rings for p in s.topology.pods]

    assert {56, 60} == {len(with_witnesses(s.topology).pods) for s in rings}
    assert set(range(1, 101)) == set(places)
    assert 7 == len({s.path for s in rings})
    assert (250, 250) == (
        canary.covered(1000),
        max(p.node or 0 for s in canary.canaries(1000) for p in s.topology.pods),
    )


@pytest.mark.parametrize(
    ("text", "nodes", "says"),
    [
        pytest.param("", 1, lying(), id="one"),
        pytest.param("", 3, lying(), id="three"),
        pytest.param(canary.NOBODY, 1, lying(ingress=[1], egress=[1]), id="nobody-on-one"),
        pytest.param(canary.NOBODY, 3, lying(ingress=[1, 2, 3], egress=[1, 2, 3]), id="nobody"),
        pytest.param("node node2 does not enforce egress", 3, lying(egress=[2]), id="egress"),
        pytest.param("node node3 does not enforce ingress", 3, lying(ingress=[3]), id="ingress"),
        pytest.param("node node1 does not enforce ingress or egress", 2, lying(ingress=[1], egress=[1]), id="node"),
        pytest.param("nodes node1, node2 do not enforce egress", 2, lying(egress=[1, 2]), id="no-egress"),
        pytest.param(
            "node node1 does not enforce ingress across nodes", 2, lying(ingress=[1], within=False), id="across"
        ),
        pytest.param(
            "node node1 does not enforce ingress; node node2 does not enforce egress",
            2,
            lying(ingress=[1], egress=[2]),
            id="two",
        ),
    ],
)
def test_names_who_does_not_enforce(text: str, nodes: int, says: Says) -> None:
    """Nobody, or each node that does not, and in which direction; nothing where all do."""
    finding = found(says, nodes)

    assert (not text, text) == (finding.green, finding.text)
    assert bool(text) == bool(finding.remedy)


def cut_off(*nodes: int) -> Says:
    """Connect pods on these nodes to nobody but themselves, as an engine does that fails closed, without its agent."""

    def says(state: ClusterState, asked: Asked) -> str:
        assert isinstance(asked.source, PodRef)
        ref = target_of(state, asked)
        assert isinstance(ref, PodRef)
        if asked.source != ref and {state.pods[asked.source].node, state.pods[ref].node} & set(nodes):
            return f"nc: connect to {asked.host} port {asked.port} (tcp) timed out: Operation now in progress"
        return str(lying()(state, asked))

    return says


@pytest.mark.parametrize(
    ("text", "nodes", "says"),
    [
        pytest.param(
            "before there was any policy, nothing connected to or from pods on node node2", 3, cut_off(2), id="one"
        ),
        pytest.param(
            "before there was any policy, nothing connected to or from pods on nodes node1, node3",
            4,
            cut_off(1, 3),
            id="two",
        ),
        pytest.param("before there was any policy, no pod connected to another", 2, cut_off(1, 2), id="all"),
        pytest.param("before there was any policy, no pod connected to another", 1, cut_off(1), id="alone"),
    ],
)
def test_names_the_nodes_whose_pods_are_cut_off(text: str, nodes: int, says: Says) -> None:
    """Where an engine without its agent lets new pods through to nobody, nothing is proved, and the nodes are named."""
    own = canary.canaries(nodes)
    result, events = ran(own, (), lambda: FakeCluster(says))
    finding = canary.judged(events, own)

    assert (Status.UNKNOWN, text) == (result.scenarios[0].status, finding.text)
    assert "look at the network plugin's agent" in finding.remedy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(canary.NOTHING_DENIED, lying(ingress=[1, 2], egress=[1, 2]), id="all"),
        pytest.param("nodes node1, node2 do not enforce egress", lying(egress=[1, 2]), id="egress"),
        pytest.param("before there was any policy, no pod connected to another", cut_off(1, 2), id="cut-off"),
    ],
)
def test_policies_that_are_not_judged_are_to_be_looked_at_first(text: str, says: Says) -> None:
    """Where policies of other kinds may be why, the canary says which, and does not say that nobody enforces."""
    other = f"{NOT_JUDGED}: GlobalNetworkPolicy (x): all"
    (event, *events) = ran(own := canary.canaries(2), (), lambda: FakeCluster(says))[1]
    hidden = Remark(scenario="", text="whether policies that are not judged change verdicts is not known: X")
    finding = canary.judged((event, Remark(scenario="", text=other), *events), own)
    late = canary.judged((event, *events[:-1], Remark(scenario=own[0].path, text=other), events[-1]), own)
    without = canary.judged((event, hidden, *events), own)

    assert finding == late
    assert text == finding.text
    assert finding.remedy.startswith(f"look at these first: {other}; then ")
    assert canary.NOTHING_DENIED != without.text
    assert "first" not in without.remedy


def test_nothing_is_asked_after_a_red_canary() -> None:
    """Where the canary is red the other scenarios are skipped, the run says why, and the exit code is 1."""
    own, idle = canary.canaries(2), loads({IDLE_PATH: IDLE}, IDLE_PATH)
    result, _ = ran(own, (idle,), lambda: FakeCluster(lying(egress=[2])))

    assert [Status.LEAK, Status.SKIPPED] == [s.status for s in result.scenarios]
    assert result.trouble.startswith("node node2 does not enforce egress; look at")
    assert "the canary is not green: node node2 does not enforce egress" == result.scenarios[1].skipped
    assert 1 == result.exit_code()


def test_scenarios_follow_a_green_canary() -> None:
    """Where the canary is green they run, and it counts among what is proved, but not instead of them."""
    own, idle = canary.canaries(2), loads({IDLE_PATH: IDLE}, IDLE_PATH)
    result, _ = ran(own, (idle,), lambda: FakeCluster(lying()))
    assert ([Status.PASS] * 2, "", 0) == ([s.status for s in result.scenarios], result.trouble, result.exit_code())

    needy = loads({IDLE_PATH: IDLE + "requires: [sctp]\n"}, IDLE_PATH)
    result, _ = ran(own, (needy,), lambda: FakeCluster(lying()))
    assert ([Status.PASS, Status.SKIPPED], 3) == ([s.status for s in result.scenarios], result.exit_code())


def test_canary_that_cannot_run_ends_the_run_without_a_proof() -> None:
    """A cluster that breaks under the canary is exit 3, and nothing else is asked of it."""

    def broken() -> Cluster:
        cluster = FakeCluster(lying())
        cluster.dead = True
        return cluster

    own, idle = canary.canaries(2), loads({IDLE_PATH: IDLE}, IDLE_PATH)
    result, _ = ran(own, (idle,), broken)

    assert [Status.UNKNOWN, Status.SKIPPED] == [s.status for s in result.scenarios]
    assert "canary is UNKNOWN, so nothing else was asked" == result.trouble
    assert 3 == result.exit_code()


def test_only_leaves_the_canary_whole() -> None:
    """--only chooses cells of the user's scenarios; the canary is asked as a whole."""
    (own,) = canary.canaries(2)
    assert own.path.startswith(OWN)
    state, _ = planned(own.topology)

    assert 12 == len(expectations(own, None, state, parse_pattern("shop/a -> any")))


@pytest.mark.lab
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("", None, id="honest"),
        pytest.param(canary.NOBODY, "ignore-all", id="ignore-all"),
        pytest.param("nodes node1, node2 do not enforce egress", "ignore-egress", id="ignore-egress"),
        pytest.param("nodes node1, node2 do not enforce ingress", "ignore-ingress", id="ignore-ingress"),
        pytest.param("node node2 does not enforce ingress or egress", "one-node", id="one-node"),
    ],
)
def test_lies_of_the_lab_are_named(text: str, fault: str | None) -> None:
    """With real packets: each fault of enforcement is what the canary says."""
    own = canary.canaries(2)
    _, events = ran(own, (), lambda: LabCluster(fault=fault), settle=5 if fault is None else 1)

    assert (not text, text) == ((finding := canary.judged(events, own)).green, finding.text)
