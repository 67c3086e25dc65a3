"""Who vouches for a denial: the flows that must connect in the very round for it to count (proof rules 1 and 4).

A denial counts only where its target, and the way to it, were seen alive in the very round. A pod of ours vouches for
itself, by connecting to its own address, which no policy may block (semantics 23). The way between two nodes, and what
is not ours (a resolver, the API server, a node, an external host), is vouched for by witnesses: pods on those nodes, in
a namespace of their own that no policy of the scenario selects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from prober.cells import lookup_leg, service_of
from prober.model import (
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
    Target,
    Topology,
)

WITNESSES = "prober-witness"  # their namespace
WITNESS_PORT = 8080


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


def is_witness(end: Source | Target) -> bool:
    """Say whether an end of a flow is a witness, which asks before the others do."""
    return isinstance(end, PodRef) and end.namespace == WITNESSES


class Vouching:
    """Who vouches for what in one state; each flow is worked out once, for every round asks."""

    def __init__(self, state: ClusterState) -> None:
        self.state = state
        self._witnesses = [p for p in state.pods.values() if is_witness(p.ref)]
        self._found: dict[Flow, tuple[Flow, ...]] = {}

    def of(self, flow: Flow) -> tuple[Flow, ...]:
        """Return the flows that must connect in a round for a denial in that round to count; none: nothing can."""
        if flow not in self._found:
            self._found[flow] = self._work_out(flow)
        return self._found[flow]

    def round_of(self, flows: Sequence[Flow]) -> tuple[Flow, ...]:
        """Return all that a round sends, each once: the flows, the look-ups of those by name, what vouches for all."""
        legs = tuple(lookup_leg(f) for f in flows if isinstance(f.target, HostName))
        return tuple(dict.fromkeys((*flows, *legs, *(v for f in (*flows, *legs) for v in self.of(f)))))

    def _work_out(self, flow: Flow) -> tuple[Flow, ...]:
        match flow.target:
            case PodRef() as ref:
                return self._reached(flow, (replace(flow, source=ref),))
            case ServiceRef():
                return self._reached(flow, self._backends(flow))
            case HostName():
                reached = self._reached(flow, self._backends(flow))
                return (*reached, *self.of(lookup_leg(flow))) if reached else ()
            case ExternalRef() | NodeRef() | ApiServerRef() | Lookup():
                witness = self._witness(flow.source)
                return (replace(flow, source=witness),) if witness else ()

    def _backends(self, flow: Flow) -> tuple[Flow, ...]:
        """Return the flow to its own address of each backend of the Service that a flow goes to."""
        ref = service_of(flow, self.state)
        return _own(flow, self.state.services[ref], self.state) if ref else ()

    def _reached(self, flow: Flow, own: Sequence[Flow]) -> tuple[Flow, ...]:
        """Return the targets' own flows and the ways to them, from a witness beside the source to one beside each
        target: own addresses answer over loopback, so a network that carries nothing would look like a denial.
        """
        near = self._witness(flow.source)
        ways = []
        for target in own:
            far = self._witness(target.source, other_than=near)
            if near is None or far is None:
                return ()
            ways.append(replace(flow, source=near, target=far, port=WITNESS_PORT, protocol=Protocol.TCP))
        return (*own, *dict.fromkeys(ways))

    def _witness(self, beside: Source | Target, other_than: PodRef | None = None) -> PodRef | None:
        """Return the witness on the node of `beside`; another where there is none, or where that one is excepted."""
        node = self.state.pods[beside].node if isinstance(beside, PodRef) and beside in self.state.pods else None
        rest = [p for p in self._witnesses if p.ref != other_than]
        return next((p.ref for p in rest if p.node == node), rest[0].ref if rest else None)


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
