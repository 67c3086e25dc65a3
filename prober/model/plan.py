"""Where the lab puts things: a node and addresses for everything in a topology, the same ones every time.

Known before any packet, so a scenario's expectations can be settled against real addresses without a lab.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

from prober.model.names import Addresses, Family
from prober.model.state import ClusterState
from prober.model.things import API_SERVICE, DNS_SERVICE, Node, Pod, Topology, furnished

API_PORT = 6443
MAX_NODES = 250  # from 10.244.0.0 on in blocks of 2,048 addresses
_PODS_PER_NODE = 2047


def _pair(v4: str, v6: str, offset: int, families: tuple[Family, ...]) -> Addresses:
    every = {Family.IPV4: str(IPv4Address(v4) + offset), Family.IPV6: str(IPv6Address(v6) + offset)}
    return {f: every[f] for f in families}


class AddressPlan:
    """Hands out nodes and addresses in the order of asking."""

    def __init__(self, nodes: int, families: tuple[Family, ...]) -> None:
        if not 1 <= nodes <= MAX_NODES:
            raise ValueError(f"{nodes} nodes: the lab has 1 to {MAX_NODES}")
        self._families = families
        self._used = [0] * nodes
        self._used_above = [0] * nodes
        self._turn = 0

    def place(self, pod: Pod) -> Pod:
        """Return the pod with its node (those that name none take turns) and its addresses; ValueError if full."""
        number = pod.node
        if number is None:
            number = self._turn % len(self._used) + 1
            self._turn += 1
        if pod.host_network:
            return replace(pod, node=number, addresses=node_addresses(number, self._families))
        used = self._used_above if pod.system else self._used  # so that no pod of a scenario moves for one of ours
        used[number - 1] += 1
        if self._used[number - 1] + self._used_above[number - 1] > _PODS_PER_NODE:
            raise ValueError(f"node {number} is full: the lab puts at most {_PODS_PER_NODE} pods on one")
        k = _PODS_PER_NODE + 1 - used[number - 1] if pod.system else used[number - 1]
        v4 = str(IPv4Address("10.244.0.0") + (number - 1) * (_PODS_PER_NODE + 1))
        block = _pair(v4, f"fd00:244:0:{number:x}::", k, self._families)
        return replace(pod, node=number, addresses=block)


PODS = tuple(map(ip_network, ("10.244.0.0/14", "10.248.0.0/14")))  # where the nodes' blocks are
# What the lab uses itself: pods, Services, nodes, the pods' gateways, external hosts that name no address
_OWN = (
    *PODS,
    *(
        ip_network(block)
        for block in (
            *("10.96.0.0/16", "172.18.0.0/16", "169.254.1.1/32", "203.0.113.0/24"),
            *("fd00:244::/32", "fd00:10:96::/48", "fd00:172::/32", "fe80::/10", "2001:db8:203::/48"),
        )
    ),
)


def taken(address: IPv4Address | IPv6Address) -> str:
    """Say why no host outside of the cluster can have an address; "" if one can."""
    if address.is_multicast or address.is_unspecified or address.is_loopback or address.is_reserved:
        return "is no host's"
    own = next((block for block in _OWN if address in block), None)
    return f"is in {own}, which the lab uses itself" if own else ""


def node_addresses(number: int, families: tuple[Family, ...]) -> Addresses:
    """Return the addresses of a node by its number, from 1."""
    return _pair("172.18.0.1", "fd00:172::1", number, families)


def planned(topology: Topology) -> tuple[ClusterState, AddressPlan]:
    """Return the furnished topology's state with every address given, and the plan for pods added later."""
    full = furnished(topology)
    families = full.families
    plan = AddressPlan(len(full.nodes), families)
    nodes = tuple(
        Node(number=n.number, name=f"node{n.number}", ports=n.ports, addresses=node_addresses(n.number, families))
        for n in full.nodes
    )
    fixed = {API_SERVICE: 1, DNS_SERVICE: 10}
    services = tuple(
        s
        if s.headless
        else replace(s, addresses=_pair("10.96.0.0", "fd00:10:96::", fixed.get(s.ref, 256 + i), families))
        for i, s in enumerate(full.services)
    )
    services = tuple(
        replace(s, endpoints=(node_addresses(1, families),)) if s.ref == API_SERVICE else s for s in services
    )
    # 203.0.113.0/24 (TEST-NET-3) and 2001:db8::/32: documentation addresses, so that a mistake can reach nobody
    externals = tuple(
        e if e.addresses else replace(e, addresses=_pair("203.0.113.10", "2001:db8:203::10", i, families))
        for i, e in enumerate(full.externals)
    )
    pods = tuple(plan.place(p) for p in full.pods)
    state = ClusterState.of(replace(full, nodes=nodes, services=services, externals=externals, pods=pods))
    return replace(state, resolver=DNS_SERVICE, api_server=API_SERVICE), plan
