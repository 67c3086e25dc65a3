"""How near a rule comes to a leg that it does not match: which of its parts fail, and what would have to change."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from prober.model import (
    ClusterState,
    Direction,
    IPBlock,
    Labels,
    LabelSelector,
    NetworkPolicy,
    Pod,
    PodPeer,
    PolicyPort,
    Rule,
    ServiceRef,
)
from prober.oracle.judgement import Leg, RuleRef
from prober.oracle.matching import block_fits, peer_fits, port_fits, spans


@dataclass(frozen=True, slots=True, order=True)
class Miss:
    """One part of a rule that does not match; `cost` is how much would have to change."""

    cost: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A rule that does not match, and every part of it that fails."""

    rule: RuleRef
    misses: tuple[Miss, ...]

    @property
    def distance(self) -> tuple[int, int]:
        """Return first how many parts fail, then by how much."""
        return len(self.misses), sum(m.cost for m in self.misses)


def nearest(state: ClusterState, direction: Direction, subject: Pod, leg: Leg, asked: int) -> Near | None:
    """Return the rule of the subject's namespace that fails least; `asked` is the port before translation."""
    found = [
        Near(rule=RuleRef(p.ref, n), misses=_misses(state, p, rule, direction, subject, leg, asked))
        for p in state.policies.values()
        if p.namespace == subject.namespace
        for n, rule in enumerate(p.rules(direction), 1)
    ]
    return min(found, key=lambda near: near.distance, default=None)


def unmatched(selector: LabelSelector, labels: Labels) -> tuple[str, ...]:
    """Return the labels over which a selector misses, as `app=db` or `no label app`; none if it matches."""
    keys = [k for k, v in selector.match_labels.items() if not LabelSelector(match_labels={k: v}).matches(labels)]
    keys += [e.key for e in selector.expressions if not e.matches(labels)]
    return tuple(f"{k}={labels[k]}" if k in labels else f"no label {k}" for k in dict.fromkeys(keys))


def _misses(
    state: ClusterState,
    policy: NetworkPolicy,
    rule: Rule,
    direction: Direction,
    subject: Pod,
    leg: Leg,
    asked: int,
) -> tuple[Miss, ...]:
    found = []
    if not policy.pods.matches(subject.labels):
        found.append(_missed("the policy's own podSelector", policy.pods, str(subject.ref), subject.labels))
    end = leg.source if direction is Direction.INGRESS else leg.target
    if rule.peers and all(peer_fits(state, policy.namespace, p, end, leg.family) is False for p in rule.peers):
        found.append(min(_peer_miss(state, policy.namespace, p, leg, direction) for p in rule.peers))
    if rule.ports and all(port_fits(p, leg) is False for p in rule.ports):
        found.append(_ports_miss(rule.ports, leg, asked))
    return tuple(found)


def _missed(what: str, selector: LabelSelector, name: str, labels: Labels) -> Miss:
    lacking = unmatched(selector, labels)
    return Miss(len(lacking), f"{what} {selector} misses {name} ({', '.join(lacking)})")


def _peer_miss(state: ClusterState, home: str, peer: PodPeer | IPBlock, leg: Leg, direction: Direction) -> Miss:
    end = leg.source if direction is Direction.INGRESS else leg.target
    if isinstance(peer, IPBlock):
        return _block_miss(state, peer, leg, direction)
    if end.pod is None:
        return Miss(3, f"it takes pods only ({peer}), and {end.name} is none")
    pod = end.pod
    parts: list[Miss] = []
    if peer.namespaces is None and pod.namespace != home:
        parts.append(
            Miss(1, f"it has only a podSelector: it looks in its own namespace {home}, not in {pod.namespace}")
        )
    if peer.namespaces is not None:
        labels = state.namespaces[pod.namespace].labels
        if not peer.namespaces.matches(labels):
            parts.append(_missed("its namespaceSelector", peer.namespaces, f"namespace {pod.namespace}", labels))
    if peer.pods is not None and not peer.pods.matches(pod.labels):
        parts.append(_missed("its podSelector", peer.pods, end.name, pod.labels))
    return Miss(sum(m.cost for m in parts), ", and ".join(m.text for m in parts))


def _block_miss(state: ClusterState, block: IPBlock, leg: Leg, direction: Direction) -> Miss:
    end = leg.source if direction is Direction.INGRESS else leg.target
    address = end.address(leg.family)
    if address is None or address.version != block.cidr.version:  # semantics 27
        return Miss(2, f"its ipBlock {block.cidr} holds no {leg.family} address")
    inside = [e for e in block.excepts if address in e]
    if inside:
        return Miss(1, f"{address} falls into its except {inside[0]}")
    if direction is Direction.EGRESS and leg.via and _holds_cluster_ip(state, block, leg.via, leg):
        text = f"its ipBlock {block.cidr} holds the address of {leg.via}, but policies see its backend's, {address}"
        return Miss(1, f"{text} (semantics 28)")
    return Miss(2, f"its ipBlock {block.cidr} does not hold {address}")


def _holds_cluster_ip(state: ClusterState, block: IPBlock, via: ServiceRef, leg: Leg) -> bool:
    address = state.services[via].addresses.get(leg.family)
    return address is not None and block_fits(block, ip_address(address), leg.family) is True


def _ports_miss(ports: tuple[PolicyPort, ...], leg: Leg, asked: int) -> Miss:
    wanted = f"{leg.port}/{leg.protocol}"
    beside = [p for p in ports if p.protocol is leg.protocol]
    names = [p.port for p in beside if isinstance(p.port, str)]
    if names and leg.target.pod:
        number = leg.target.pod.port_named(names[0], leg.protocol)
        declared = f"is {number}" if number else f"is not declared for {leg.protocol}"
        return Miss(1, f"it names port {names[0]!r}, which {declared} on {leg.target.name}")
    listed = ", ".join(map(str, ports))
    if leg.via and any(spans(p, asked) for p in beside):
        text = f"it allows {asked}/{leg.protocol}, the port of {leg.via}; policies see its target port {wanted}"
        return Miss(1, f"{text} (semantics 33)")
    near = beside or any(spans(p, leg.port) for p in ports)
    return Miss(1 if near else 2, f"it allows {listed}, not {wanted}")
