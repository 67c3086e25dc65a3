"""A cluster's state as the plain orders that the lab's process takes: who exists, where, and who answers what."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Any

from prober.cluster.lab.listen import DNS, DNS_STREAM, ECHO, NAME, NAME_SCTP
from prober.model import (
    Addresses,
    ClusterState,
    ExternalRef,
    Family,
    NodeRef,
    Pod,
    PodRef,
    Protocol,
    ServiceRef,
)

Ref = PodRef | ExternalRef | NodeRef | ServiceRef
PlainListener = tuple[str, str, str, str, int, str]  # host's key, kind, owner's key, address, port, answer

_KINDS = {Protocol.TCP: NAME, Protocol.UDP: ECHO, Protocol.SCTP: NAME_SCTP}
_DNS_KINDS = {Protocol.TCP: DNS_STREAM, Protocol.UDP: DNS}


def key(ref: Ref) -> str:
    """Return what names a thing on the wire; unlike `str`, a pod of a namespace `ext` is no external host."""
    return f"pod/{ref}" if isinstance(ref, PodRef) else str(ref)


def hostname(token: str, ref: Ref) -> str:
    """Return the name with which a thing answers in the run of `token`."""
    return f"{token}/{key(ref)}"


def nodes(state: ClusterState) -> list[Any]:
    """Return the nodes with the blocks of addresses of their pods."""
    return [
        (
            key(node.ref),
            tuple(node.addresses.values()),
            tuple(_block(node.number, family) for family in node.addresses),
        )
        for node in state.nodes.values()
    ]


def _block(number: int, family: Family) -> tuple[str, int]:
    """Return the addresses that model/plan.py gives the pods of a node."""
    if family is Family.IPV6:
        return f"fd00:244:0:{number:x}::", 64
    return str(IPv4Address("10.244.0.0") + (number - 1) * 2048), 21


def hosts(pods: Iterable[Pod]) -> list[Any]:
    """Return the pods that have a network namespace of their own: key, node, addresses."""
    return [
        (key(pod.ref), key(NodeRef(pod.node or 1)), tuple(pod.addresses.values()))
        for pod in pods
        if not pod.host_network
    ]


def external_hosts(state: ClusterState) -> list[Any]:
    """Return the hosts outside of the cluster, which are on the fabric that joins the nodes."""
    return [(key(e.ref), "", tuple(e.addresses.values())) for e in state.externals.values()]


def owners(pods: Iterable[Pod]) -> list[tuple[str, str, str]]:
    """Return for each pod its key, the key of the host in which it lives, and its Kubernetes namespace."""
    return [(key(pod.ref), _home(pod), pod.namespace) for pod in pods]


def external_owners(state: ClusterState) -> list[tuple[str, str, str]]:
    """Return the same for the external hosts: they are in no Kubernetes namespace and use no resolver."""
    return [(key(e.ref), key(e.ref), "") for e in state.externals.values()]


def pod_listeners(pods: Iterable[Pod], state: ClusterState, token: str) -> list[PlainListener]:
    """Return the listeners of pods: their name on each of their ports, but DNS on those of the cluster's resolver."""
    resolver = state.services[state.resolver] if state.resolver else None
    resolvers = frozenset(p.ref for p in state.backends(resolver) if p.system) if resolver else frozenset()
    return [
        (_home(pod), (_DNS_KINDS if pod.ref in resolvers else _KINDS)[port.protocol], key(pod.ref), *place)
        for pod in pods
        for port in pod.ports
        for place in _places(pod.addresses, port.number, hostname(token, pod.ref))
    ]


def other_listeners(state: ClusterState, token: str) -> list[PlainListener]:
    """Return the listeners of external hosts, of the API server, and of nodes (on which the API server comes first)."""
    found: list[PlainListener] = [
        (key(external.ref), _KINDS[port.protocol], key(external.ref), *place)
        for external in state.externals.values()
        for port in external.ports
        for place in _places(external.addresses, port.number, hostname(token, external.ref))
    ]
    if state.api_server is not None:
        api = state.services[state.api_server]
        found += [
            (key(node.ref), _KINDS[port.protocol], key(api.ref), *place)
            for node in state.nodes.values()
            if dict(node.addresses) in [dict(end) for end in api.endpoints]
            for port in api.ports
            for place in _places(node.addresses, int(port.target), hostname(token, api.ref))
        ]
    taken = {(kind, address, port) for _, kind, _, address, port, _ in found}
    taken |= {
        (_KINDS[port.protocol], address, port.number)
        for pod in state.pods.values()
        if pod.host_network
        for port in pod.ports
        for address in pod.addresses.values()
    }
    found += [
        (key(node.ref), _KINDS[port.protocol], key(node.ref), *place)
        for node in state.nodes.values()
        for port in node.ports
        for place in _places(node.addresses, port.number, hostname(token, node.ref))
        if (_KINDS[port.protocol], place[0], place[1]) not in taken
    ]
    return found


def _home(pod: Pod) -> str:
    return key(NodeRef(pod.node or 1)) if pod.host_network else key(pod.ref)


def _places(addresses: Addresses, port: int, answer: str) -> list[tuple[str, int, str]]:
    return [(address, port, answer) for address in addresses.values()]
