"""Readers of the specification that get one rule wrong: each a function from a cell to what it would say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network

from prober.model import (
    ClusterState,
    Direction,
    Flow,
    HostName,
    IPBlock,
    LabelSelector,
    NetworkPolicy,
    Operator,
    Peer,
    PodPeer,
    PodRef,
    PolicyPort,
    PolicyRef,
    Requirement,
    Rule,
    ServiceRef,
)
from prober.oracle import Ruling, judge

INGRESS, EGRESS = Direction.INGRESS, Direction.EGRESS
_NAME = "kubernetes.io/metadata.name"
_NOWHERE = LabelSelector(match_labels={"no-such-key": "no-such-value"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A flow in a state, with what a reader could wrongly remember: the first state, and every policy there was."""

    flow: Flow
    state: ClusterState
    first: ClusterState
    past: Mapping[PolicyRef, NetworkPolicy]

    @property
    def truth(self) -> Ruling:
        return judge(self.state, self.flow).ruling

    def under(self, policies: Iterable[NetworkPolicy]) -> Ruling:
        """Return the ruling if these were the policies."""
        return judge(replace(self.state, policies={p.ref: p for p in policies}), self.flow).ruling


Reader = Callable[[Cell], Ruling]


def by_policy(change: Callable[[NetworkPolicy], NetworkPolicy]) -> Reader:
    return lambda cell: cell.under(map(change, cell.state.policies.values()))


def only_those(wanted: Callable[[NetworkPolicy], bool]) -> Reader:
    return lambda cell: cell.under(filter(wanted, cell.state.policies.values()))


def by_rule(change: Callable[[Rule], Iterable[Rule]]) -> Reader:
    def changed(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return tuple(new for rule in rules for new in change(rule))

    return by_policy(lambda p: replace(p, ingress=changed(p.ingress), egress=changed(p.egress)))


def by_peer(change: Callable[[Peer], Iterable[Peer]]) -> Reader:
    def changed(rule: Rule) -> Iterable[Rule]:
        peers = tuple(new for peer in rule.peers for new in change(peer))
        return (replace(rule, peers=peers),) if peers or not rule.peers else ()

    return by_rule(changed)


def by_block(change: Callable[[IPBlock], Iterable[IPBlock]]) -> Reader:
    return by_peer(lambda peer: change(peer) if isinstance(peer, IPBlock) else (peer,))


def by_port(change: Callable[[PolicyPort], Iterable[PolicyPort]]) -> Reader:
    def changed(rule: Rule) -> Iterable[Rule]:
        ports = tuple(new for port in rule.ports for new in change(port))
        return (replace(rule, ports=ports),) if ports or not rule.ports else ()

    return by_rule(changed)


def by_selector(change: Callable[[LabelSelector], LabelSelector]) -> Reader:
    def peer(one: Peer) -> Iterable[Peer]:
        if isinstance(one, IPBlock):
            return (one,)
        return (PodPeer(pods=one.pods and change(one.pods), namespaces=one.namespaces and change(one.namespaces)),)

    of_peers = by_peer(peer)

    def read(cell: Cell) -> Ruling:
        policies = {r: replace(p, pods=change(p.pods)) for r, p in cell.state.policies.items()}
        return of_peers(replace(cell, state=replace(cell.state, policies=policies)))

    return read


def everybody_isolated(cell: Cell) -> Ruling:
    deny = (NetworkPolicy(namespace=n, name="every", types=frozenset(Direction)) for n in cell.state.namespaces)
    return cell.under([*cell.state.policies.values(), *deny])


def everywhere(cell: Cell) -> Ruling:
    return cell.under(
        replace(p, namespace=n, name=f"{p.namespace}-{p.name}")
        for p in cell.state.policies.values()
        for n in cell.state.namespaces
    )


def packet_by_packet(cell: Cell) -> Ruling:
    flow = cell.flow
    if not isinstance(flow.target, PodRef) or not isinstance(flow.source, PodRef):
        return cell.truth
    back = replace(flow, source=flow.target, target=flow.source, port=40000)
    return Ruling.DENIED if judge(cell.state, back).ruling is Ruling.DENIED else cell.truth


def policed_at_home(cell: Cell) -> Ruling:
    if cell.flow.source != cell.flow.target:
        return cell.truth
    ours = (p for p in cell.state.policies.values() if p.pods.matches(cell.state.pods[cell.flow.source].labels))  # type: ignore[index]
    return Ruling.DENIED if any(p.namespace == cell.flow.source.namespace for p in ours) else cell.truth  # type: ignore[union-attr]


def exceptions_deny(cell: Cell) -> Ruling:
    rules = [r for p in cell.state.policies.values() for r in (*p.ingress, *p.egress)]
    every = {e for r in rules for b in r.peers if isinstance(b, IPBlock) for e in b.excepts}
    return by_block(lambda b: (replace(b, excepts=tuple(e for e in every if e.version == b.cidr.version)),))(cell)


def pods_are_no_addresses(block: IPBlock) -> Iterable[IPBlock]:
    pods = (ip_network("10.244.0.0/16"), ip_network("fd00:244::/32"))
    return (replace(block, excepts=(*block.excepts, *(n for n in pods if n.version == block.cidr.version))),)


def nodes_are_no_addresses(block: IPBlock) -> Iterable[IPBlock]:
    nodes = (ip_network("172.18.0.0/16"), ip_network("fd00:172::/64"))
    return (replace(block, excepts=(*block.excepts, *(n for n in nodes if n.version == block.cidr.version))),)


def all_is_all(block: IPBlock) -> Iterable[IPBlock]:
    both = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    return [replace(block, cidr=n, excepts=()) for n in both] if block.cidr.prefixlen == 0 else [block]


def services_have_no_labels(cell: Cell) -> Ruling:
    if not isinstance(cell.flow.target, ServiceRef | HostName):
        return cell.truth
    return by_policy(
        lambda p: replace(
            p,
            egress=tuple(
                replace(r, peers=blocks)
                for r in p.egress
                if (blocks := tuple(b for b in r.peers if isinstance(b, IPBlock))) or not r.peers
            ),
        )
    )(cell)


def service_ports(cell: Cell) -> Ruling:
    services = {
        ref: replace(s, ports=tuple(replace(p, target=p.port) for p in s.ports))
        for ref, s in cell.state.services.items()
    }
    return judge(replace(cell.state, services=services), cell.flow).ruling


def first_number(cell: Cell) -> Ruling:
    def number(port: PolicyPort) -> PolicyPort:
        if not isinstance(port.port, str):
            return port
        found = (p.port_named(port.port, port.protocol) for p in cell.state.pods.values())
        return replace(port, port=next((n for n in found if n), port.port))

    return by_port(lambda port: (number(port),))(cell)


def only_named(cell: Cell) -> Ruling:
    """Want a port to be declared with a name; that it is declared at all the lab's pods see to themselves."""
    pod = cell.state.pods.get(cell.flow.target) if isinstance(cell.flow.target, PodRef) else None
    if pod is None or any(p.number == cell.flow.port and p.name for p in pod.ports):
        return cell.truth
    return by_port(lambda port: () if isinstance(port.port, int) else (port,))(cell)


def crossed(policy: NetworkPolicy) -> NetworkPolicy:
    def cross(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        peers = tuple(p for r in rules for p in r.peers)
        ports = tuple(p for r in rules for p in r.ports)
        return (Rule(peers=peers, ports=ports),) if rules else ()

    return replace(policy, ingress=cross(policy.ingress), egress=cross(policy.egress))


def nodes_knock_in_vain(cell: Cell) -> Ruling:
    exempt = any("own node" in s.exempt for s in judge(cell.state, cell.flow).sides)
    return Ruling.DENIED if exempt else cell.truth


def new_pods_are_free(cell: Cell) -> Ruling:
    ends = [e for e in (cell.flow.source, cell.flow.target) if isinstance(e, PodRef)]
    return cell.truth if all(e in cell.first.pods for e in ends) else cell.under(())


def first_labels_of_pods(cell: Cell) -> Ruling:
    pods = {
        r: replace(p, labels=cell.first.pods[r].labels if r in cell.first.pods else {})
        for r, p in cell.state.pods.items()
    }
    return judge(replace(cell.state, pods=pods), cell.flow).ruling


def first_labels_of_namespaces(cell: Cell) -> Ruling:
    return judge(replace(cell.state, namespaces=cell.first.namespaces), cell.flow).ruling


def plain_pods(cell: Cell) -> Ruling:
    pods = {r: replace(p, host_network=False) for r, p in cell.state.pods.items()}
    return judge(replace(cell.state, pods=pods), cell.flow).ruling


def alternatives(peer: Peer) -> Iterable[Peer]:
    if isinstance(peer, PodPeer) and peer.pods is not None and peer.namespaces is not None:
        return (PodPeer(pods=peer.pods), PodPeer(namespaces=peer.namespaces))
    return (peer,)


def without_absence(selector: LabelSelector) -> LabelSelector:
    kinds = (Operator.NOT_IN, Operator.DOES_NOT_EXIST)
    keys = [e.key for e in selector.expressions if e.operator in kinds]
    needed = tuple(Requirement(key=k, operator=Operator.EXISTS) for k in keys)
    return replace(selector, expressions=selector.expressions + needed)


def nameless(selector: LabelSelector) -> LabelSelector:
    keys = {*selector.match_labels, *(e.key for e in selector.expressions)}
    return _NOWHERE if _NAME in keys else selector
