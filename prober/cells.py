"""From a flow to the probe that makes one attempt at it: what is asked for, where, and who may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from prober.errors import ClusterError
from prober.model import (
    API_SERVICE,
    Addresses,
    ApiServerRef,
    ClusterState,
    ExternalRef,
    Flow,
    HostName,
    Lookup,
    NodeRef,
    PodRef,
    Protocol,
    ServiceRef,
)
from prober.probe import Kind, Probe

DNS_PORT = 53


def service_of(flow: Flow, state: ClusterState) -> ServiceRef | None:
    """Return the Service that a flow goes to by its address or its name; None for any other target."""
    match flow.target, flow.source:
        case ServiceRef() as ref, _:
            return ref if ref in state.services else None
        case HostName(name), PodRef() as source:
            return state.service_named(name, source)
        case _:
            return None


def lookup_leg(flow: Flow) -> Flow:
    """Return the look-up that a flow by name makes first: nc asks by UDP."""
    if not isinstance(flow.target, HostName):
        raise TypeError(f"{flow} has no look-up")
    return replace(flow, target=Lookup(flow.target.name), port=DNS_PORT, protocol=Protocol.UDP)


def probe(
    flow: Flow,
    state: ClusterState,
    *,
    cell: int,
    timeout: int,
    nonce: str,
    hostname: Callable[[PodRef], str],
    echoes: bool = True,
) -> Probe:
    """Return the probe that makes one attempt at `flow`; `hostname` says with what name a pod answers."""
    host, port, names = _aim(flow, state, hostname)
    match flow.target, flow.protocol:
        case Lookup(), protocol:
            kind = Kind.DNS_TCP if protocol is Protocol.TCP else Kind.DNS
        case _, Protocol.UDP:
            kind = Kind.UDP
        case _, Protocol.TCP:
            kind = Kind.TCP if names else Kind.HANDSHAKE
        case _:
            raise ClusterError(f"{flow}: nc speaks no {flow.protocol}; give the scenario `requires: [sctp]`")
    return Probe(
        cell=cell,
        kind=kind,
        host=host,
        port=port,
        family=flow.family,
        timeout=timeout,
        nonce=nonce if kind is Kind.UDP else "-",
        names=names,
        echoes=echoes,
    )


def _aim(flow: Flow, state: ClusterState, hostname: Callable[[PodRef], str]) -> tuple[str, int, frozenset[str]]:
    """Return host, port and the names that may answer; no names where the host is not ours."""
    match flow.target:
        case PodRef() as ref:
            return _address(flow, state.pods[ref].addresses), flow.port, frozenset({hostname(ref)})
        case ServiceRef() as ref:
            service = state.services[ref]
            names = frozenset(hostname(p.ref) for p in state.backends(service))
            return _address(flow, service.addresses), flow.port, names
        case HostName(name):
            found = state.service_named(name, flow.source) if isinstance(flow.source, PodRef) else None
            backends = state.backends(state.services[found]) if found else ()
            return name, flow.port, frozenset(hostname(p.ref) for p in backends)
        case ExternalRef() as ref:
            return _address(flow, state.externals[ref].addresses), flow.port, frozenset()
        case NodeRef() as ref:
            return _address(flow, state.nodes[ref].addresses), flow.port, frozenset()
        case ApiServerRef():
            service = state.services[state.api_server or API_SERVICE]
            return _address(flow, service.addresses), service.ports[0].port, frozenset()
        case Lookup(name):
            return name, DNS_PORT, frozenset()


def _address(flow: Flow, addresses: Addresses) -> str:
    if flow.family not in addresses:
        raise ClusterError(f"{flow}: {flow.target} has no {flow.family} address")
    return addresses[flow.family]
