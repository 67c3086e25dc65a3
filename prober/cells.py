"""From a flow to what a round must send: its own probe, and the flows that vouch for it (proof rules 1 and 4).

A denial counts only where its target, and the way to it, were seen alive in the very round. A pod of ours vouches for
itself, by connecting to its own address, which no policy may block (semantics 23). The way between two nodes, and what
is not ours (a resolver, the API server, a node, an external host), is vouched for by witnesses: pods on those nodes, in
a namespace of their own that no policy of the scenario selects.
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
    Port,
    Protocol,
    Service,
    ServiceRef,
    Source,
    Topology,
)
from prober.probe import Kind, Probe

WITNESSES = "prober-witness"  # their namespace
WITNESS_PORT = 8080
DNS_PORT = 53


def with_witnesses(topology: Topology) -> Topology:
    """Return the topology with a witness on every node that its pods may get, and no less than two."""
    asked = {p.node for p in topology.pods}
    named = {n for n in asked if n is not None}
    if None in asked or not asked:  # such pods take turns on the first two, where there are two
        named |= {1, min(2, len(topology.nodes))}
    nodes = sorted(named) * (2 if len(named) == 1 else 1)
    pods = tuple(
        Pod(
            namespace=WITNESSES,
            name=f"witness-{i}",
            node=node,
            ports=(Port(number=WITNESS_PORT),),
            system=True,
        )
        for i, node in enumerate(nodes, 1)
    )
    return replace(topology, namespaces=(*topology.namespaces, Namespace(name=WITNESSES)), pods=(*topology.pods, *pods))


def is_witness(source: Source) -> bool:
    """Say whether a source is a witness, which asks before the others do."""
    return isinstance(source, PodRef) and source.namespace == WITNESSES


def vouchers(flow: Flow, state: ClusterState) -> tuple[Flow, ...]:
    """Return the flows that must connect in a round for a denial in that round to count; none: nothing can."""
    match flow.target:
        case PodRef() as ref:
            return _reached(flow, (replace(flow, source=ref),), state)
        case ServiceRef():
            service = service_of(flow, state)
            return _reached(flow, _own(flow, state.services[service], state), state) if service else ()
        case HostName():
            service = service_of(flow, state)
            own = _own(flow, state.services[service], state) if service else ()
            return (*_reached(flow, own, state), *vouchers(lookup_leg(flow), state)) if own else ()
        case ExternalRef() | NodeRef() | ApiServerRef() | Lookup():
            witness = _witness(flow.source, state)
            return (replace(flow, source=witness),) if witness else ()


def service_of(flow: Flow, state: ClusterState) -> ServiceRef | None:
    """Return the Service that a flow goes to by its address or its name; None for any other target."""
    match flow.target, flow.source:
        case ServiceRef() as ref, _:
            return ref if ref in state.services else None
        case HostName(name), PodRef() as source:
            return state.service_named(name, source)
        case _:
            return None


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


def _reached(flow: Flow, own: tuple[Flow, ...], state: ClusterState) -> tuple[Flow, ...]:
    """Return the targets' own flows and the ways to them, from a witness beside the source to one beside each target:
    own addresses answer over loopback, so a network that carries nothing for a while would look like a denial.
    """
    near = _witness(flow.source, state)
    ways = []
    for target in own:
        far = _witness(target.source, state, other_than=near)
        if near is None or far is None:
            return ()
        ways.append(replace(flow, source=near, target=far, port=WITNESS_PORT, protocol=Protocol.TCP))
    return (*own, *dict.fromkeys(ways))


def _witness(beside: Source, state: ClusterState, other_than: PodRef | None = None) -> PodRef | None:
    """Return the witness on the node of `beside`; another where there is none, or where that is the one excepted."""
    node = state.pods[beside].node if isinstance(beside, PodRef) and beside in state.pods else None
    rest = [p for p in state.pods.values() if p.namespace == WITNESSES and p.ref != other_than]
    return next((p.ref for p in sorted(rest, key=lambda p: p.node != node)), None)


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
