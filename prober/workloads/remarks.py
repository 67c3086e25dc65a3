"""What a reader would ask about somebody's policies, seen from the pods that there are; modest, and never a status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prober.model import (
    ClusterState,
    Direction,
    Flow,
    IPBlock,
    LabelSelector,
    Lookup,
    NetworkPolicy,
    Pod,
    PodPeer,
    Protocol,
    Rule,
    Service,
)
from prober.model.plan import PODS
from prober.oracle import Ruling, judge
from prober.oracle.empty import unmatching, unselecting
from prober.oracle.matching import pods_fit
from prober.workloads.services import Placed
from prober.workloads.templates import RUNTIME_LABELS
from prober.workloads.topology import selects

_DNS = 53


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to look at, and where it stands."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def remarks(state: ClusterState, services: Sequence[Placed], hidden: frozenset[str]) -> tuple[Remark, ...]:
    """Return all remarks on a state's policies and Services; `hidden` are namespaces with pods that are not in it."""
    found: list[Remark] = []
    for policy in state.policies.values():
        found += _policy(policy, state, hidden)
    found += _without_dns(state)
    for service in services:
        found += _service(service, state)
    return tuple(dict.fromkeys(found))


def _policy(policy: NetworkPolicy, state: ClusterState, hidden: frozenset[str]) -> Iterator[Remark]:
    selected = _selected(policy, state)
    empty = unselecting(policy, [state])
    if empty and not _runtime(policy.pods) and policy.namespace not in hidden:
        yield Remark(empty.at, str(empty))
    for direction, rules in ((Direction.INGRESS, policy.ingress), (Direction.EGRESS, policy.egress)):
        if rules and direction not in policy.types:
            yield Remark(
                rules[0].at, f"{policy.ref}: its {direction.lower()} rules do not count, policyTypes lacks {direction}"
            )
            continue
        for number, rule in enumerate(rules, 1):
            yield from _rule(policy, direction, number, rule, selected, state, hidden)


def _rule(
    policy: NetworkPolicy,
    direction: Direction,
    number: int,
    rule: Rule,
    selected: Sequence[Pod],
    state: ClusterState,
    hidden: frozenset[str],
) -> Iterator[Remark]:
    what = f"{policy.ref}, {direction.lower()} rule {number}"
    met: list[Pod] = []
    for peer in rule.peers:
        if isinstance(peer, IPBlock):
            yield from _about_pods(what, rule, peer)
            continue
        met += [p for p in state.pods.values() if pods_fit(state, policy.namespace, peer, p)]
        unseen = _runtime(peer.pods) or any(_in(peer, n, policy, state) for n in hidden)
        if not unseen and (empty := unmatching(policy, direction, number, peer, [state])):
            yield Remark(empty.at, str(empty))
    targets = selected if direction is Direction.INGRESS else met
    for port in rule.ports:
        if (
            isinstance(port.port, str)
            and targets
            and all(p.port_named(port.port, port.protocol) is None for p in targets)
        ):
            whose = "it selects" if direction is Direction.INGRESS else "its peers match"
            yield Remark(rule.at, f"{what}: no pod that {whose} has a port named {port.port}/{port.protocol}")
        elif isinstance(port.port, int):
            yield from _translated(what, rule, port.port, port.protocol, targets, state)


def _about_pods(what: str, rule: Rule, block: IPBlock) -> Iterator[Remark]:
    """Remark a block that takes in pods by their addresses: those of the lab are not those of anybody's cluster."""
    if block.cidr.prefixlen and block.cidr.overlaps(PODS[0]) and not any(e.overlaps(PODS[0]) for e in block.excepts):
        yield Remark(
            rule.at, f"{what}: {block} takes in the lab's pods, which are in {PODS[0]}; yours may be elsewhere"
        )


def _translated(
    what: str, rule: Rule, number: int, protocol: Protocol, targets: Sequence[Pod], state: ClusterState
) -> Iterator[Remark]:
    """Remark a Service's port where its pods have another: policies see the port after translation (semantics 33)."""
    for service in state.services.values():
        port = service.port(number, protocol)
        if port is None or service.headless or port.target == number:
            continue
        backends = [p for p in targets if p.namespace == service.namespace and selects(service.selector, p.labels)]
        if backends and not any(p.listens(number, protocol) for p in targets):
            text = f"{number} is the port of {service.ref}; its pods get that on {port.target}, and only that counts"
            yield Remark(rule.at, f"{what}: {text}")
            return


def _without_dns(state: ClusterState) -> Iterator[Remark]:
    """Remark pods that may reach something, but not the resolver that would tell them where it is."""
    said: dict[str, tuple[str, list[str]]] = {}
    for pod in state.probe_pods():
        flow = Flow(source=pod.ref, target=Lookup("kubernetes.default"), port=_DNS, protocol=Protocol.UDP)
        judged = judge(state, flow)
        side = next((s for s in judged.sides if s.direction is Direction.EGRESS), None)
        if judged.ruling is not Ruling.DENIED or side is None or side.ruling is not Ruling.DENIED:
            continue
        policies = [state.policies[ref] for ref in side.isolating]
        opening = [p for p in policies if p.rules(Direction.EGRESS)]
        if opening:
            said.setdefault(str(opening[0].ref), (opening[0].at, []))[1].append(str(pod.ref))
    for policy, (at, pods) in said.items():
        more = f" and {len(pods) - 1} more" if len(pods) > 1 else ""
        yield Remark(
            at, f"{policy}: {pods[0]}{more} may reach something, but no resolver (53/UDP of kube-system/coredns)"
        )


def _service(found: Placed, state: ClusterState) -> Iterator[Remark]:
    service: Service = found.it
    backends = [
        p for p in state.pods.values() if p.namespace == service.namespace and selects(service.selector, p.labels)
    ]
    if not backends:
        yield Remark(found.place, f"Service {service.namespace}/{service.name} selects no pod")
    for port in service.ports if backends else ():
        if isinstance(port.target, str) and all(p.port_named(port.target, port.protocol) is None for p in backends):
            text = f"none of its pods has a port named {port.target}/{port.protocol}"
            yield Remark(found.place, f"Service {service.namespace}/{service.name}: {text}")


def _selected(policy: NetworkPolicy, state: ClusterState) -> list[Pod]:
    return [p for p in state.pods.values() if p.namespace == policy.namespace and policy.pods.matches(p.labels)]


def _in(peer: PodPeer, namespace: str, policy: NetworkPolicy, state: ClusterState) -> bool:
    if peer.namespaces is None:
        return namespace == policy.namespace
    return namespace in state.namespaces and peer.namespaces.matches(state.namespaces[namespace].labels)


def _runtime(selector: LabelSelector | None) -> bool:
    """Say whether a selector asks for labels that only a running cluster has."""
    if selector is None:
        return False
    return any(key in RUNTIME_LABELS for key in (*selector.match_labels, *(e.key for e in selector.expressions)))
