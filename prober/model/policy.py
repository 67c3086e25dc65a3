"""Label selectors and NetworkPolicies as the API server stores them, its defaults filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from prober.model.names import Direction, Labels, Operator, PolicyRef, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One of a selector's matchExpressions."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Labels) -> bool:
        """Decide as the API server: NotIn and DoesNotExist match an absent key (semantics 20)."""
        match self.operator:
            case Operator.IN:
                return self.key in labels and labels[self.key] in self.values
            case Operator.NOT_IN:
                return self.key not in labels or labels[self.key] not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels

    def __str__(self) -> str:
        match self.operator:
            case Operator.IN | Operator.NOT_IN:
                return f"{self.key} {self.operator} ({', '.join(self.values)})"
            case _:
                return f"{self.key} {self.operator}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSelector:
    """matchLabels AND matchExpressions; an empty selector takes everything (semantics 3, 20)."""

    match_labels: Labels = field(default_factory=dict)
    expressions: tuple[Requirement, ...] = ()

    def matches(self, labels: Labels) -> bool:
        return all(k in labels and labels[k] == v for k, v in self.match_labels.items()) and all(
            e.matches(labels) for e in self.expressions
        )

    def __str__(self) -> str:
        parts = [f"{k}={v}" for k, v in self.match_labels.items()] + [str(e) for e in self.expressions]
        return ",".join(parts) or "{}"


EVERYTHING = LabelSelector()

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class IPBlock:
    """Addresses in `cidr` but in none of `excepts`; host bits are masked (semantics 24 to 30)."""

    cidr: Network
    excepts: tuple[Network, ...] = ()

    def __str__(self) -> str:
        return f"ipBlock {self.cidr}" + (f" except {', '.join(map(str, self.excepts))}" if self.excepts else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPeer:
    """Pods by selectors: None means the field is absent, which differs from an empty selector (semantics 16, 17).

    At least one of the two is given. Without `namespaces` the peer is in the policy's own namespace.
    """

    pods: LabelSelector | None = None
    namespaces: LabelSelector | None = None

    def __str__(self) -> str:
        parts = []
        if self.namespaces is not None:
            parts.append(f"namespaceSelector {self.namespaces}")
        if self.pods is not None:
            parts.append(f"podSelector {self.pods}")
        return " and ".join(parts)


Peer = PodPeer | IPBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPort:
    """One entry of a rule's `ports`: a number, a range up to `end`, a name, or (None) every port of the protocol."""

    protocol: Protocol = Protocol.TCP
    port: int | str | None = None
    end: int | None = None

    def __str__(self) -> str:
        port = "every port" if self.port is None else f"{self.port}" + (f"-{self.end}" if self.end else "")
        return f"{port}/{self.protocol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Any of the peers AND any of the ports; none given means all (semantics 15, 31, 38)."""

    peers: tuple[Peer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()
    at: str = field(default="", compare=False, repr=False)  # FILE:LINE, where it was read from one


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPolicy:
    """A networking.k8s.io/v1 NetworkPolicy with the API's defaults: `types` is always complete (semantics 8)."""

    namespace: str
    name: str
    pods: LabelSelector = EVERYTHING
    types: frozenset[Direction]
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    at: str = field(default="", compare=False, repr=False)  # FILE:LINE, where it was read from one

    @property
    def ref(self) -> PolicyRef:
        return PolicyRef(self.namespace, self.name)

    def rules(self, direction: Direction) -> tuple[Rule, ...]:
        """Return the rules that count: none for a direction that policyTypes does not name (semantics 9)."""
        if direction not in self.types:
            return ()
        return self.ingress if direction is Direction.INGRESS else self.egress
