"""From a flow to what a round must send: its own probe, and the flows that vouch for it (proof rules 1 and 4).

A denial counts only where its target was seen alive in the very round. A pod of ours vouches for itself, by connecting
to its own address, which no policy may block (semantics 23). What is not ours (a resolver, the API server, a node, an
external host) is vouched for by the witness, a pod in a namespace of its own that no policy of the scenario selects.
"""

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
    Namespace,
    NodeRef,
    Pod,
    PodRef,
    Protocol,
    Service,
    ServiceRef,
    Topology,
)
from prober.model.plan import planned
from prober.probe import Kind, Probe
from prober.scenario import Scenario, matrix

WITNESS = PodRef("prober-witness", "witness")
DNS_PORT = 53


def needs_witness(flow: Flow) -> bool:
    """Say whether a flow's target cannot vouch for itself."""
    return not isinstance(flow.target, PodRef | ServiceRef)


def furnished(scenario: Scenario) -> Topology:
    """Return the topology to open: with a witness if any flow asks what cannot vouch for itself."""
    state, _ = planned(scenario.topology)
    if any(needs_witness(f) for f in matrix(scenario, state)):
        return with_witness(scenario.topology)
    return scenario.topology


def with_witness(topology: Topology) -> Topology:
    """Return the topology with the witness in it."""
    pod = Pod(namespace=WITNESS.namespace, name=WITNESS.name, system=True)
    return replace(
        topology, namespaces=(*topology.namespaces, Namespace(name=WITNESS.namespace)), pods=(*topology.pods, pod)
    )


def vouchers(flow: Flow, state: ClusterState) -> tuple[Flow, ...]:
    """Return the flows that must connect in a round for a denial in that round to count; none: nothing can."""
    match flow.target:
        case PodRef() as ref:
            return (replace(flow, source=ref),)
        case ServiceRef() as ref:
            return _own(flow, state.services[ref], state) if ref in state.services else ()
        case HostName(name):
            service = state.service_named(name, flow.source) if isinstance(flow.source, PodRef) else None
            own = _own(flow, state.services[service], state) if service else ()
            return (*own, replace(lookup_leg(flow), source=WITNESS)) if own else ()
        case ExternalRef() | NodeRef() | ApiServerRef() | Lookup():
            return (replace(flow, source=WITNESS),)


def _own(flow: Flow, service: Service, state: ClusterState) -> tuple[Flow, ...]:
    """Return each backend's flow to its own address on the port that the Service's port leads to."""
    port = service.port(flow.port, flow.protocol)
    if port is None:
        return ()
    found = []
    for pod in state.backends(service):
        number = pod.port_named(port.target, flow.protocol) if isinstance(port.target, str) else port.target
        if number is not None:
            found.append(replace(flow, source=pod.ref, target=pod.ref, port=number))
    return tuple(found)


def lookup_leg(flow: Flow) -> Flow:
    """Return the look-up that a flow by name makes first: nc asks by UDP."""
    if not isinstance(flow.target, HostName):
        raise TypeError(f"{flow} has no look-up")
    return replace(flow, target=Lookup(flow.target.name), port=DNS_PORT, protocol=Protocol.UDP)


def round_of(flows: tuple[Flow, ...], state: ClusterState) -> tuple[Flow, ...]:
    """Return all that a round sends: the flows, the look-ups of those by name, and what vouches for all; each once."""
    legs = tuple(lookup_leg(f) for f in flows if isinstance(f.target, HostName))
    vouching = (v for f in (*flows, *legs) for v in vouchers(f, state))
    return tuple(dict.fromkeys((*flows, *legs, *vouching)))


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
