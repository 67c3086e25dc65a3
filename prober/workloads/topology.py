"""From workloads to pods: their names in flows, how many of each, on which ports they listen, and what is outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, ip_address

from prober.flows import ANY
from prober.model import (
    External,
    Family,
    IPBlock,
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Node,
    Pod,
    PodRef,
    PolicyPort,
    Port,
    Protocol,
    Rule,
    Service,
    Topology,
)
from prober.model.plan import taken
from prober.workloads.templates import Workload, distinct

REPLICAS = 2  # of one workload: enough for traffic among them, and for one on each node
NODES = 2
# Somebody anywhere: at an address that nobody's block is about (RFC 2544)
INTERNET = External(name="internet", ports=(Port(number=443),), addresses={Family.IPV4: "198.18.0.10"})
_LONGEST = 55  # of a pod's name, before what tells it from others
_TRIES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A topology, and which pods each workload has become."""

    topology: Topology
    members: Mapping[PodRef, tuple[PodRef, ...]]  # by the name that flows use: the first pod's


def made(
    namespaces: Mapping[str, Mapping[str, str]],
    workloads: Sequence[Workload],
    services: Sequence[Service],
    policies: Sequence[NetworkPolicy],
    externals: Sequence[External],
    *,
    replicas: int,
    pinned: bool,
) -> Made:
    """Return the topology of all that is represented; `pinned`: one pod of a DaemonSet on each of two nodes."""
    pods: list[Pod] = []
    members: dict[PodRef, tuple[PodRef, ...]] = {}
    for workload, name in zip(workloads, _names(workloads), strict=True):
        theirs = _pods(workload, name, _all_ports(workload, services, policies), replicas, pinned=pinned)
        pods += theirs
        members[theirs[0].ref] = tuple(p.ref for p in theirs)
    topology = Topology(
        namespaces=tuple(Namespace(name=name, labels=labels) for name, labels in namespaces.items()),
        pods=tuple(pods),
        services=tuple(one for s in services if (one := _probeable(s, pods))),
        externals=tuple(externals),
        nodes=tuple(Node(number=n) for n in range(1, NODES + 1)),
    )
    return Made(topology=topology, members=members)


def _names(workloads: Sequence[Workload]) -> list[str]:
    """Return each workload's name in flows: its own, with its kind behind it where another kind has the same."""
    taken_ones: set[tuple[str, str]] = {("kube-system", "coredns")}  # the lab's own resolver
    found = []
    for workload in workloads:
        name = workload.name.replace(".", "-")[:_LONGEST].rstrip("-")
        for tried in (name, f"{name[:40].rstrip('-')}-{workload.kind.lower()}", *(f"{name}-{i}x" for i in range(99))):
            if tried != ANY and (workload.namespace, tried) not in taken_ones:
                break
        taken_ones |= {(workload.namespace, tried), (workload.namespace, f"{tried}-2")}
        found.append(tried)
    return found


def _pods(workload: Workload, name: str, ports: tuple[Port, ...], replicas: int, *, pinned: bool) -> list[Pod]:
    everywhere = workload.kind == "DaemonSet"
    count = min(NODES if everywhere else workload.wanted, replicas)
    found = []
    for i in range(count):
        labels = dict(workload.labels)
        if workload.kind == "StatefulSet":  # its controller sets these, and policies may name them
            labels |= {
                "statefulset.kubernetes.io/pod-name": f"{workload.name}-{i}"[:63],
                "apps.kubernetes.io/pod-index": str(i),
            }
        found.append(
            Pod(
                namespace=workload.namespace,
                name=name if i == 0 else f"{name}-{i + 1}",
                labels=labels,
                ports=ports,
                node=i + 1 if everywhere and pinned and count == NODES else None,
            )
        )
    return found


def _all_ports(workload: Workload, services: Iterable[Service], policies: Iterable[NetworkPolicy]) -> tuple[Port, ...]:
    """Return the ports of a workload's pods: declared, asked by probes, led to by Services; else opened by policies."""
    own = [s for s in services if s.namespace == workload.namespace and selects(s.selector, workload.labels)]
    ports = list(workload.ports)
    ports += [Port(number=p.target, protocol=p.protocol) for s in own for p in s.ports if isinstance(p.target, int)]
    if not ports:
        theirs = (p for p in policies if p.namespace == workload.namespace and p.pods.matches(workload.labels))
        ports = [found for p in theirs for rule in p.ingress for port in rule.ports if (found := _port(port))]
    return distinct(ports)


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Say whether a Service's selector takes a pod's labels."""
    return bool(selector) and LabelSelector(match_labels=selector).matches(labels)


def _probeable(service: Service, pods: Sequence[Pod]) -> Service | None:
    """Return the Service as the lab can have it: one that is headless keeps its pods' ports; None without any."""
    if not service.headless:
        return service
    backends = [p for p in pods if p.namespace == service.namespace and selects(service.selector, p.labels)]
    ports = []
    for port in service.ports:
        numbers = {
            port.target if isinstance(port.target, int) else p.port_named(port.target, port.protocol) for p in backends
        }
        if len(numbers) == 1 and (number := numbers.pop()):  # of several numbers a name cannot be a Service's port
            ports.append(replace(port, port=number, target=number))
    return replace(service, ports=tuple(ports)) if ports else None


def outside(policies: Iterable[NetworkPolicy], declared: Sequence[External]) -> tuple[External, ...]:
    """Return the declared hosts, the internet, and one for each address block of a rule that none of them is in."""
    found = [*declared]
    if not any(e.name == INTERNET.name for e in declared):
        found.append(INTERNET)
    for policy in policies:
        for rule in (*policy.ingress, *policy.egress):
            for peer in rule.peers:
                if isinstance(peer, IPBlock) and isinstance(peer.cidr, IPv4Network):
                    found += _hosts(peer, rule, found)
    return tuple(found)


def inside(host: External, block: IPBlock) -> bool:
    """Say whether a host's address is in a block and in none of its exceptions."""
    found = map(ip_address, host.addresses.values())
    return any(a in block.cidr and not any(a in e for e in block.excepts) for a in found)


def _hosts(block: IPBlock, rule: Rule, known: Sequence[External]) -> list[External]:
    """Return a host inside of a block, and one in each of its exceptions, unless there is one already."""
    wanted = [(block.cidr, block.excepts), *((part, ()) for part in block.excepts)]
    ports = tuple(p for port in rule.ports if (p := _port(port))) or (Port(number=443),)
    found: list[External] = []
    for network, excepts in wanted:
        there = (ip_address(e.addresses[Family.IPV4]) for e in (*known, *found) if Family.IPV4 in e.addresses)
        if any(a in network and not any(a in e for e in excepts) for a in there):
            continue
        tries = (network[i] for i in range(min(network.num_addresses, _TRIES)))
        free = (a for a in tries if not taken(a) and not any(a in e for e in excepts))
        address = next((a for a in free if network.num_addresses < 4 or a != network[0]), None)
        if address is not None:
            name = f"ip-{str(address).replace('.', '-')}"
            found.append(External(name=name, ports=distinct(list(ports)), addresses={Family.IPV4: str(address)}))
    return found


def _port(port: PolicyPort) -> Port | None:
    if not isinstance(port.port, int) or port.protocol is Protocol.SCTP:
        return None
    return Port(number=port.port, protocol=port.protocol)
