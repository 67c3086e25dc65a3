"""Who vouches for a denial, and what a round sends therefore besides its flows."""

from __future__ import annotations

import pytest

from prober.flows import parse_flow
from prober.model import ClusterState, Node, Pod, Topology
from prober.model.plan import planned
from prober.vouching import WITNESSES, Vouching, with_witnesses
from tests.running import loaded
from tests.test_cells import TEXT


@pytest.fixture(scope="module")
def state() -> ClusterState:
    """The state of every kind of target, with its witnesses."""
    return planned(with_witnesses(loaded(TEXT).topology))[0]


ACROSS = "prober-witness/witness-1 -> prober-witness/witness-2:8080"
WITHIN = "prober-witness/witness-2 -> prober-witness/witness-1:8080"  # two on one node are too many: any other serves
A_DNS = "prober-witness/witness-1 -> dns/web"
VOUCHERS = {
    "shop/a -> shop/b:8080": ["shop/b -> shop/b:8080", ACROSS],
    "shop/a -> shop/b:53/udp": ["shop/b -> shop/b:53/udp", ACROSS],
    "shop/a -> shop/b:8080/ipv6": ["shop/b -> shop/b:8080/ipv6", f"{ACROSS}/ipv6"],
    "shop/a -> shop/c:9090": ["shop/c -> shop/c:9090", ACROSS],
    "shop/b -> shop/c:9090": ["shop/c -> shop/c:9090", WITHIN],
    "shop/b -> shop/b:8080": ["shop/b -> shop/b:8080", WITHIN],
    "ext/partner -> shop/b:8080": ["shop/b -> shop/b:8080", ACROSS],
    "shop/a -> shop/node:9100": ["shop/node -> shop/node:9100", ACROSS],
    "shop/a -> svc/shop/web:80": ["shop/b -> shop/b:8080", "shop/c -> shop/c:9090", ACROSS],
    "shop/a -> svc/shop/web:81": ["shop/b -> shop/b:8080", "shop/c -> shop/c:8080", ACROSS],
    "shop/a -> svc/shop/web:99": [],
    "shop/a -> svc/shop/none:80": [],
    "shop/a -> svc/shop/gone:80": [],
    "shop/a -> name/web:80": [
        "shop/b -> shop/b:8080",
        "shop/c -> shop/c:9090",
        ACROSS,
        A_DNS,
    ],
    "shop/a -> name/nobody:80": [],
    "shop/a -> name/none:80": [],
    "shop/a -> dns/web": [A_DNS],
    "shop/b -> dns/web/tcp": ["prober-witness/witness-2 -> dns/web/tcp"],
    "shop/b -> ext/partner:443": ["prober-witness/witness-2 -> ext/partner:443"],
    "shop/a -> node/2:10250": ["prober-witness/witness-1 -> node/2:10250"],
    "shop/b -> apiserver": ["prober-witness/witness-2 -> apiserver"],
}


@pytest.mark.parametrize(("flow", "vouching"), VOUCHERS.items(), ids=VOUCHERS)
def test_who_vouches_for_a_target(state: ClusterState, flow: str, vouching: list[str]) -> None:
    """Rule 1: a pod vouches for itself, a Service by each backend, what is not ours by a witness beside the source;
    and a witness there reaches one beside each target.
    """
    assert vouching == [str(v) for v in Vouching(state).of(parse_flow(flow))]


def test_nothing_vouches_where_there_is_no_witness() -> None:
    """Rule 1: a denial on a way that nobody else went is no denial."""
    state = planned(loaded(TEXT).topology)[0]
    assert not any(Vouching(state).of(parse_flow(flow)) for flow in VOUCHERS)


@pytest.mark.parametrize(
    ("nodes", "pods"),
    [([1, 2], [None]), ([1, 1], [1]), ([3, 3], [3, 3]), ([2, 3], [2, 3, 3]), ([1, 2, 3], [None, 3]), ([1, 2], [])],
)
def test_every_node_of_a_pod_has_a_witness(nodes: list[int], pods: list[int | None]) -> None:
    """Rule 1: one where a pod is or may come to be, and two at least, for a way has two ends."""
    three = tuple(Node(number=i) for i in (1, 2, 3))
    topology = Topology(pods=tuple(Pod(namespace="x", name=f"p{i}", node=n) for i, n in enumerate(pods)), nodes=three)
    assert nodes == [p.node for p in with_witnesses(topology).pods if p.namespace == WITNESSES]


def test_both_witnesses_are_on_the_only_node() -> None:
    """Rule 1: where there is one node, they are both there."""
    full = with_witnesses(Topology(pods=(Pod(namespace="x", name="p"),), nodes=(Node(number=1),)))
    assert [1, 1] == [p.node for p in full.pods if p.namespace == WITNESSES]


def test_witnesses_are_in_a_namespace_of_their_own(state: ClusterState) -> None:
    """No policy of a scenario selects a witness, no `any` means it, and no pod of the scenario moves for it."""
    assert 2 == sum(p.namespace == WITNESSES and p.system for p in state.pods.values())
    assert WITNESSES not in {p.namespace for p in state.probe_pods()}
    alone = planned(loaded(TEXT).topology)[0]
    assert {p.ref: p for p in alone.probe_pods()} == {p.ref: p for p in state.probe_pods()}


def test_round_sends_each_flow_once(state: ClusterState) -> None:
    """A round is the flows, the look-ups of those by name, and what vouches for all of them, each once."""
    flows = ("shop/a -> name/web:80", "shop/a -> shop/b:8080", "shop/b -> shop/b:8080")
    found = [str(f) for f in Vouching(state).round_of(tuple(map(parse_flow, flows)))]
    assert [*flows, "shop/a -> dns/web", "shop/c -> shop/c:9090", ACROSS, A_DNS, WITHIN] == found
