"""What a round must send besides its flows, and where each probe is aimed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prober.cells import WITNESSES, lookup_leg, probe, round_of, vouchers, with_witnesses
from prober.errors import ClusterError
from prober.flows import parse_flow
from prober.model import Addresses, ClusterState, Flow, Node, Pod, PodRef, RemovePod, Topology
from prober.model.plan import planned
from prober.probe import Kind, Probe
from tests.running import loaded

TEXT = """\
summary: Every kind of target
namespaces: {shop: {}, bank: {}}
pods:
  shop/a: {}
  shop/b: {labels: {app: b}, ports: [{port: 8080, name: web}, 53/udp, 9/sctp], node: 2}
  shop/c: {labels: {app: b}, ports: [{port: 9090, name: web}]}
  shop/node: {hostNetwork: true, ports: [9100]}
services:
  shop/web: {selector: {app: b}, ports: [{port: 80, targetPort: web}, {port: 81, targetPort: 8080}]}
  shop/none: {selector: {app: nobody}, ports: [80]}
external: {partner: {ports: [443, 53/udp]}}
nodes: {2: {ports: [10250]}}
steps: [{name: s, expect: {allowed: [any -> any]}}]
"""


@pytest.fixture(scope="module")
def state() -> ClusterState:
    """The scenario's state, addresses and all."""
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
    assert vouching == [str(v) for v in vouchers(parse_flow(flow), state)]


def test_nothing_vouches_where_there_is_no_witness() -> None:
    """Rule 1: a denial on a way that nobody else went is no denial."""
    state = planned(loaded(TEXT).topology)[0]
    assert not any(vouchers(parse_flow(flow), state) for flow in VOUCHERS)


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
    found = [str(f) for f in round_of(tuple(map(parse_flow, flows)), state)]
    assert [*flows, "shop/a -> dns/web", "shop/c -> shop/c:9090", ACROSS, A_DNS, WITHIN] == found


def test_lookup_of_a_name_is_by_udp() -> None:
    """Rule 4: nc's resolver asks by UDP, so that is the leg to compare with."""
    assert "shop/a -> dns/web" == str(lookup_leg(parse_flow("shop/a -> name/web:80")))
    assert "shop/a -> dns/web/ipv6" == str(lookup_leg(parse_flow("shop/a -> name/web:80/ipv6")))
    with pytest.raises(TypeError):
        lookup_leg(parse_flow("shop/a -> shop/b:80"))


def aimed(text: str, state: ClusterState) -> Probe:
    """Return a flow's probe."""
    return probe(
        parse_flow(text), state, cell=7, timeout=3, nonce="n1", hostname=lambda ref: f"{ref.name}.{ref.namespace}"
    )


B = ("b.shop",)
BOTH = ("b.shop", "c.shop")
AIMS = {
    "shop/a -> shop/b:8080": (Kind.TCP, "pod", 8080, B),
    "shop/a -> shop/b:8080/ipv6": (Kind.TCP, "pod", 8080, B),
    "shop/a -> shop/b:53/udp": (Kind.UDP, "pod", 53, B),
    "shop/b -> shop/b:8080": (Kind.TCP, "pod", 8080, B),
    "ext/partner -> shop/b:8080": (Kind.TCP, "pod", 8080, B),
    "shop/a -> svc/shop/web:80": (Kind.TCP, "service", 80, BOTH),
    "shop/a -> name/web:80": (Kind.TCP, "web", 80, BOTH),
    "shop/a -> name/web.shop.svc.cluster.local:80": (Kind.TCP, "web.shop.svc.cluster.local", 80, BOTH),
    "shop/a -> ext/partner:443": (Kind.HANDSHAKE, "external", 443, ()),
    "shop/a -> ext/partner:53/udp": (Kind.UDP, "external", 53, ()),
    "shop/a -> node/2:10250": (Kind.HANDSHAKE, "node", 10250, ()),
    "shop/a -> apiserver": (Kind.HANDSHAKE, "api", 443, ()),
    "shop/a -> dns/web": (Kind.DNS, "web", 53, ()),
    "shop/a -> dns/web/tcp": (Kind.DNS_TCP, "web", 53, ()),
}


@pytest.mark.parametrize(("text", "wanted"), AIMS.items(), ids=AIMS)
def test_probe_is_aimed_at_its_target(
    state: ClusterState, text: str, wanted: tuple[Kind, str, int, tuple[str, ...]]
) -> None:
    """Each target by its own address, name or Service, with the names that may answer there (rules 2 and 5)."""
    kind, what, port, names = wanted
    sent, flow = aimed(text, state), parse_flow(text)
    host = _addresses(flow, state, what)[flow.family] if what in _THINGS else what
    assert (kind, host, port, frozenset(names)) == (sent.kind, sent.host, sent.port, sent.names)
    assert (7, 3, flow.family) == (sent.cell, sent.timeout, sent.family)
    assert ("n1" if kind is Kind.UDP else "-") == sent.nonce


_THINGS = ("pod", "service", "external", "node", "api")


def _addresses(flow: Flow, state: ClusterState, what: str) -> Addresses:
    match what:
        case "pod":
            return state.pods[flow.target].addresses  # type: ignore[index]
        case "service":
            return state.services[flow.target].addresses  # type: ignore[index]
        case "external":
            return state.externals[flow.target].addresses  # type: ignore[index]
        case "node":
            return state.nodes[flow.target].addresses  # type: ignore[index]
        case _:
            assert state.api_server
            return state.services[state.api_server].addresses


def test_what_nc_does_not_speak_is_no_probe(state: ClusterState) -> None:
    """A cell that cannot be probed must not be asked for."""
    with pytest.raises(ClusterError, match="nc speaks no SCTP"):
        aimed("shop/a -> shop/b:9/sctp", state)


def test_family_that_a_target_lacks_is_no_probe() -> None:
    """Where the cluster gave no such address, it is said by name."""
    state = planned(loaded(TEXT).topology)[0]
    pod = state.pods[PodRef("shop", "b")]
    bare = {f: a for f, a in pod.addresses.items() if f != "ipv6"}
    changed = state.after(RemovePod(pod=pod.ref))
    lacking = replace(changed, pods={**changed.pods, pod.ref: replace(pod, addresses=bare)})
    with pytest.raises(ClusterError, match="shop/b has no ipv6 address"):
        aimed("shop/a -> shop/b:8080/ipv6", lacking)
