"""The lab's address plan: the same node and addresses for everything, every time."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from prober.model import API_SERVICE, DNS_SERVICE, External, Family, Namespace, Node, Pod, PodRef, Service, Topology
from prober.model.plan import AddressPlan, planned

BOTH = (Family.IPV4, Family.IPV6)
TOPOLOGY = Topology(
    namespaces=(Namespace(name="a"),),
    pods=(
        Pod(namespace="a", name="first"),
        Pod(namespace="a", name="second"),
        Pod(namespace="a", name="third"),
        Pod(namespace="a", name="fixed", node=2),
        Pod(namespace="a", name="host", node=2, host_network=True),
    ),
    services=(Service(namespace="a", name="s"), Service(namespace="a", name="quiet", headless=True)),
    externals=(External(name="one"), External(name="two")),
)


def test_everything_gets_a_place() -> None:
    """Pods without a node take turns, those with one stay there, and each address belongs to one pod."""
    state, _ = planned(TOPOLOGY)
    nodes = {p.name: p.node for p in state.pods.values()}
    assert {"first": 1, "second": 2, "third": 1, "fixed": 2, "host": 2, "coredns": 1} == nodes
    own = [p.addresses[Family.IPV4] for p in state.pods.values() if not p.host_network]
    assert len(own) == len(set(own))
    assert state.pods[PodRef("a", "host")].addresses == next(n for n in state.nodes.values() if n.number == 2).addresses


def test_the_plan_is_the_same_every_time() -> None:
    """Planning twice gives the same state."""
    assert planned(TOPOLOGY)[0] == planned(TOPOLOGY)[0]


def test_addresses_are_canonical_and_of_the_right_family() -> None:
    """Every address is written as the standard library writes it, under its own family."""
    state, _ = planned(TOPOLOGY)
    given = [p.addresses for p in state.pods.values()] + [e.addresses for e in state.externals.values()]
    given += [n.addresses for n in state.nodes.values()] + [s.addresses for s in state.services.values()]
    pairs = [(family, text) for addresses in given for family, text in addresses.items()]
    assert [text for _, text in pairs] == [str(ip_address(text)) for _, text in pairs]
    assert all((family is Family.IPV4) == (ip_address(text).version == 4) for family, text in pairs)


def test_the_cluster_brings_its_resolver_and_api_server() -> None:
    """The state knows who resolves names, and that the API server listens on the first node."""
    state, _ = planned(TOPOLOGY)
    assert (DNS_SERVICE, API_SERVICE) == (state.resolver, state.api_server)
    assert (next(iter(state.nodes.values())).addresses,) == state.services[API_SERVICE].endpoints


def test_a_headless_service_has_no_address() -> None:
    """Only Services with a ClusterIP get one."""
    state, _ = planned(TOPOLOGY)
    assert {"quiet": False, "s": True, "kube-dns": True, "kubernetes": True} == {
        s.name: bool(s.addresses) for s in state.services.values()
    }


@pytest.mark.parametrize("families", [(Family.IPV4,), (Family.IPV6,), BOTH], ids=["ipv4", "ipv6", "both"])
def test_only_the_families_asked_for(families: tuple[Family, ...]) -> None:
    """A pod gets the topology's families and no other."""
    state, _ = planned(Topology(pods=TOPOLOGY.pods, families=families))
    assert {families} == {tuple(p.addresses) for p in state.pods.values()}


def test_a_pod_added_later_gets_its_own_address() -> None:
    """The plan goes on where the topology ended."""
    state, plan = planned(TOPOLOGY)
    used = {p.addresses[Family.IPV4] for p in state.pods.values()}
    assert plan.place(Pod(namespace="a", name="late", node=1)).addresses[Family.IPV4] not in used


@pytest.mark.parametrize("nodes", [0, 251])
def test_the_number_of_nodes_is_limited(nodes: int) -> None:
    """More nodes than the plan has addresses for are refused with the limit."""
    with pytest.raises(ValueError, match=r"1 to 250"):
        AddressPlan(nodes, BOTH)


def test_a_full_node_is_refused() -> None:
    """A node takes 2,047 pods, the next one is refused, and another node is not affected."""
    plan = AddressPlan(2, (Family.IPV4,))
    for k in range(2047):
        plan.place(Pod(namespace="a", name=f"p{k}", node=1))
    with pytest.raises(ValueError, match="node 1 is full"):
        plan.place(Pod(namespace="a", name="more", node=1))
    assert {Family.IPV4: "10.244.8.1"} == plan.place(Pod(namespace="a", name="other", node=2)).addresses


def test_node_addresses_follow_the_numbers() -> None:
    """Node 2 has the second address whatever the order of asking."""
    state, _ = planned(Topology(nodes=(Node(number=1), Node(number=2))))
    assert ["172.18.0.2", "172.18.0.3"] == [n.addresses[Family.IPV4] for n in state.nodes.values()]
