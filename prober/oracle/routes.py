"""Where a flow really goes: the pods and addresses behind its target; it knows nothing of policies."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from prober.model import (
    Addresses,
    ApiServerRef,
    ClusterState,
    ExternalRef,
    Flow,
    HostName,
    Lookup,
    NodeRef,
    Pod,
    PodRef,
    Protocol,
    Service,
    ServicePort,
    ServiceRef,
    Source,
)
from prober.oracle.judgement import Doubt, End, Role, Topic

DNS_PORT = 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One stretch of a flow: it ends at any one of `ends`, each with its port; without ends, `doubt` says why."""

    role: Role = Role.CONNECTION
    protocol: Protocol
    ends: tuple[tuple[End, int], ...] = ()
    via: ServiceRef | None = None  # the Service whose address is translated on the way
    doubt: Doubt | None = None


def source_end(state: ClusterState, source: Source) -> End | None:
    """Return the end where a flow begins; None if the state does not have it."""
    match source:
        case PodRef():
            return _pod_end(state.pods[source]) if source in state.pods else None
        case ExternalRef():
            return _external_end(state, source)


def ways(state: ClusterState, flow: Flow, source: End) -> tuple[Way, ...]:
    """Return the stretches that must all be open for the flow to be: two for a name, else one."""
    protocol = flow.protocol
    match flow.target:
        case PodRef() as ref if ref in state.pods:
            return (Way(protocol=protocol, ends=((_pod_end(state.pods[ref]), flow.port),)),)
        case ExternalRef() as ref if end := _external_end(state, ref):
            return (Way(protocol=protocol, ends=((end, flow.port),)),)
        case NodeRef() as ref if ref in state.nodes:
            end = _host_end(state, str(ref), state.nodes[ref].addresses, ref.number)
            return (Way(protocol=protocol, ends=((end, flow.port),)),)
        case ServiceRef() as ref if ref in state.services:
            return (_service_way(state, flow, source, state.services[ref], flow.port),)
        case ApiServerRef() if state.api_server is not None and state.api_server in state.services:
            service = state.services[state.api_server]
            return (_service_way(state, flow, source, service, service.ports[0].port),)
        case Lookup():
            return (_lookup_way(state, flow, source, protocol),)
        case HostName(name=name):
            return (_lookup_way(state, flow, source, Protocol.UDP), _named_way(state, flow, source, name))
        case _:
            return (Way(protocol=protocol, doubt=absent(str(flow.target))),)


def absent(name: str) -> Doubt:
    """Return the doubt about something that the state does not have."""
    return Doubt(topic=Topic.ABSENT, text=f"{name} is not there")


def _pod_end(pod: Pod) -> End:
    return End(name=str(pod.ref), pod=pod, addresses=pod.addresses, on_host=pod.host_network, node=pod.node)


def _external_end(state: ClusterState, ref: ExternalRef) -> End | None:
    return End(name=str(ref), addresses=state.externals[ref].addresses) if ref in state.externals else None


def _host_end(state: ClusterState, name: str, addresses: Addresses, node: int | None) -> End:
    guests = tuple(p for p in state.pods.values() if p.host_network and (None in (node, p.node) or p.node == node))
    return End(name=name, addresses=addresses, on_host=True, node=node, guests=guests)


def _endpoint_end(state: ClusterState, source: End, addresses: Addresses) -> End:
    """Return an endpoint that is no pod: on a node if it has a node's address, on the source's own if link-local."""
    name = " ".join(addresses.values())
    if any(ip_address(a).is_link_local for a in addresses.values()):  # a node-local resolver
        return _host_end(state, name, addresses, source.node)
    for node in state.nodes.values():
        if set(node.addresses.values()) & set(addresses.values()):
            return _host_end(state, name, addresses, node.number)
    return End(name=name, addresses=addresses)


def _service_way(state: ClusterState, flow: Flow, source: End, service: Service, number: int) -> Way:
    protocol = flow.protocol
    if source.pod is None:  # semantics 29
        text = f"{source.name} may reach {service.ref} with the address of a node instead of its own"
        return Way(protocol=protocol, doubt=Doubt(topic=Topic.SOURCE_NAT, text=text, rule=29))
    if service.headless:
        text = f"{service.ref} is headless: it has no address, only its name leads to its pods"
        return Way(protocol=protocol, doubt=Doubt(topic=Topic.NO_BACKEND, text=text))
    if service.addresses and flow.family not in service.addresses:
        text = f"{service.ref} has no {flow.family} address"
        return Way(protocol=protocol, doubt=Doubt(topic=Topic.FAMILY, text=text))
    port = service.port(number, protocol)
    ends = _behind(state, source, service, port) if port else ()
    if not ends:
        text = f"{service.ref} has no backend on port {number}/{protocol}"
        return Way(protocol=protocol, doubt=Doubt(topic=Topic.NO_BACKEND, text=text))
    return Way(protocol=protocol, ends=ends, via=service.ref)


def _behind(state: ClusterState, source: End, service: Service, port: ServicePort) -> tuple[tuple[End, int], ...]:
    """Return backends and target ports after translation (semantics 28, 33); who lacks the named port is no backend."""
    if isinstance(port.target, int):
        endpoints = tuple((_endpoint_end(state, source, a), port.target) for a in service.endpoints)
        return endpoints + tuple((_pod_end(p), port.target) for p in state.backends(service))
    resolved = ((p, p.port_named(port.target, port.protocol)) for p in state.backends(service))
    return tuple((_pod_end(p), number) for p, number in resolved if number is not None)


def _lookup_way(state: ClusterState, flow: Flow, source: End, protocol: Protocol) -> Way:
    if state.resolver is None or state.resolver not in state.services:
        doubt = Doubt(topic=Topic.NO_BACKEND, text="the resolver that pods ask is not known")
        return Way(role=Role.LOOKUP, protocol=protocol, doubt=doubt)
    asked = Flow(source=flow.source, target=state.resolver, port=DNS_PORT, protocol=protocol, family=flow.family)
    way = _service_way(state, asked, source, state.services[state.resolver], DNS_PORT)
    return Way(role=Role.LOOKUP, protocol=protocol, ends=way.ends, via=way.via, doubt=way.doubt)


def _named_way(state: ClusterState, flow: Flow, source: End, name: str) -> Way:
    ref = state.service_named(name, source.pod.ref) if source.pod else None
    if ref is None:
        doubt = Doubt(topic=Topic.NO_NAME, text=f"{name!r} names no Service that {source.name} could resolve")
        return Way(protocol=flow.protocol, doubt=doubt)
    service = state.services[ref]
    if not service.headless:
        return _service_way(state, flow, source, service, flow.port)
    # a headless name gives the pods' own addresses: nothing is translated, neither address nor port
    ends = tuple((_pod_end(p), flow.port) for p in state.backends(service))
    ends += tuple((_endpoint_end(state, source, a), flow.port) for a in service.endpoints)
    no_backend = Doubt(topic=Topic.NO_BACKEND, text=f"{ref} has no backend")
    return Way(protocol=flow.protocol, ends=ends, doubt=None if ends else no_backend)
