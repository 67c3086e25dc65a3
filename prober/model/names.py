"""Words with a fixed spelling: protocols, families, directions, and the names of things that a flow can join."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Labels = Mapping[str, str]
Addresses = Mapping["Family", str]


class Protocol(StrEnum):
    """The protocols that a NetworkPolicy can name (semantics 32)."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


class Family(StrEnum):
    """An address family; judged one at a time (semantics 27)."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


class Direction(StrEnum):
    """A side of a flow that a policy can isolate, spelled as in `policyTypes`."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


class Operator(StrEnum):
    """The operators of a label selector's matchExpressions."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True, order=True)
class PodRef:
    """A pod's name: `payments/api`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class ServiceRef:
    """A Service's name, `payments/postgres`; as a flow's target it is written `svc/payments/postgres`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"svc/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class PolicyRef:
    """A NetworkPolicy's name: `payments/default-deny`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class ExternalRef:
    """A host outside of the cluster: `ext/partner`."""

    name: str

    def __str__(self) -> str:
        return f"ext/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class NodeRef:
    """A node by its number in the scenario, from 1: `node/2`."""

    number: int

    def __str__(self) -> str:
        return f"node/{self.number}"


@dataclass(frozen=True, slots=True, order=True)
class ApiServerRef:
    """The API server, reached through the Service `kubernetes` of namespace `default`."""

    def __str__(self) -> str:
        return "apiserver"


@dataclass(frozen=True, slots=True, order=True)
class HostName:
    """A Service's name as the source resolves it: `name/postgres.payments`."""

    name: str

    def __str__(self) -> str:
        return f"name/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Lookup:
    """A look-up itself, which any answer satisfies: `dns/postgres.payments`."""

    name: str

    def __str__(self) -> str:
        return f"dns/{self.name}"


Source = PodRef | ExternalRef
Target = PodRef | ServiceRef | HostName | ExternalRef | NodeRef | ApiServerRef | Lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One thing to ask: may `source` open a connection to `port` of `target`; also the identity of a matrix cell.

    For a Lookup, `protocol` is that of the query and `port` is 53, whatever the resolver's own port is.
    """

    source: Source
    target: Target
    port: int
    protocol: Protocol = Protocol.TCP
    family: Family = Family.IPV4

    def __str__(self) -> str:
        proto = "" if self.protocol is Protocol.TCP else f"/{self.protocol.lower()}"
        family = "" if self.family is Family.IPV4 else f"/{self.family}"
        match self.target:
            case Lookup():
                tail = ("/tcp" if self.protocol is Protocol.TCP else "") + family
            case ApiServerRef():
                tail = family
            case _:
                tail = f":{self.port}{proto}{family}"
        return f"{self.source} -> {self.target}{tail}"
