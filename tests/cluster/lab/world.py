"""The pods of the packet tests, and short words for policies over them; what is expected stands in the cases."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from prober.model import (
    EVERYTHING,
    Direction,
    External,
    IPBlock,
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Node,
    Operator,
    Pod,
    PolicyPort,
    Port,
    Protocol,
    Requirement,
    Rule,
    Service,
    ServicePort,
    Topology,
)
from prober.model.plan import planned


def _pod(namespace: str, name: str, node: int, labels: dict[str, str], *, web: int = 80) -> Pod:
    ports = (
        Port(number=web, name="web"),
        Port(number=161 - web, name="alt"),  # the other one of 80 and 81
        Port(number=80, protocol=Protocol.UDP, name="web"),
    )
    return Pod(namespace=namespace, name=name, node=node, labels=labels, ports=ports)


TOPOLOGY = Topology(
    namespaces=(Namespace(name="x", labels={"team": "red"}), Namespace(name="y", labels={"team": "blue"})),
    pods=(
        _pod("x", "a", 1, {"app": "a"}),
        _pod("x", "b", 1, {"app": "b", "tier": ""}, web=81),
        _pod("x", "c", 2, {"role": "c"}),
        _pod("y", "a", 2, {"app": "a"}),
        _pod("y", "b", 1, {"app": "b"}),
        Pod(namespace="y", name="host", node=1, labels={"app": "h"}, ports=(Port(number=90),), host_network=True),
    ),
    services=(Service(namespace="x", name="a", selector={"app": "a"}, ports=(ServicePort(port=8000, target="web"),)),),
    externals=(External(name="ext", ports=(Port(number=443),)),),
    nodes=(Node(number=1, ports=(Port(number=90),)), Node(number=2)),
)
PLAN = planned(TOPOLOGY)[0]


def select(**labels: str) -> LabelSelector:
    return LabelSelector(match_labels=labels)


def where(key: str, operator: Operator, *values: str) -> LabelSelector:
    return LabelSelector(expressions=(Requirement(key=key, operator=operator, values=values),))


def block(cidr: str, *excepts: str) -> IPBlock:
    return IPBlock(cidr=ip_network(cidr), excepts=tuple(map(ip_network, excepts)))


def address(pod: str) -> str:
    return next(iter(next(p for r, p in PLAN.pods.items() if str(r) == pod).addresses.values()))


def isolate(
    pods: LabelSelector = EVERYTHING,
    *,
    ingress: tuple[Rule, ...] | None = None,
    egress: tuple[Rule, ...] | None = None,
    name: str = "p",
) -> NetworkPolicy:
    """Return a policy of namespace x that isolates in the directions given, and allows what they say."""
    types = {d for d, rules in zip(Direction, (ingress, egress), strict=True) if rules is not None}
    return NetworkPolicy(
        namespace="x", name=name, pods=pods, types=frozenset(types), ingress=ingress or (), egress=egress or ()
    )


A, B = select(app="a"), select(app="b")
ALL_TCP = PolicyPort()
UDP_80, UDP_WEB = (PolicyPort(protocol=Protocol.UDP, port=port) for port in (80, "web"))


@dataclass(frozen=True, slots=True)
class Case:
    """Policies, and who gets through under them."""

    rule: str  # of the specification, by number
    policies: tuple[NetworkPolicy, ...]
    expected: str
