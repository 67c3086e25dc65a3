"""What a judgement consists of: its ruling, the legs of the flow, the sides of each leg, and every doubt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from prober.model import Addresses, Direction, Family, Flow, Pod, PodRef, PolicyRef, Protocol, ServiceRef

Address = IPv4Address | IPv6Address


class Ruling(StrEnum):
    """What the specification says of a flow; INDETERMINATE where it says nothing that could be asserted."""

    ALLOWED = "allowed"
    DENIED = "denied"
    INDETERMINATE = "indeterminate"


class Topic(StrEnum):
    """What a doubt is about."""

    HAIRPIN = "hairpin"
    SOURCE_NAT = "source address"
    TRANSLATION = "address of a Service"
    NAMED_PORT = "named port"
    OWN_NODE = "own node"
    HOST_NETWORK = "hostNetwork"
    ADDRESS = "address not known"
    FAMILY = "family"
    BACKENDS = "backends disagree"
    NO_BACKEND = "no backend"
    NO_NAME = "no such name"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why nothing can be asserted: `rule` is the number of the semantics that leaves it open; None: not known."""

    topic: Topic
    text: str
    rule: int | None = None

    def __str__(self) -> str:
        return self.text + (f" (semantics {self.rule})" if self.rule else "")


Fit = bool | Doubt  # does it match: yes, no, or open; a Doubt is truthy, so compare with `is True`


def either(fits: Iterable[Fit]) -> Fit:
    """Return True if one is True, else the first doubt, else False."""
    doubt: Fit = False
    for fit in fits:
        if fit is True:
            return True
        doubt = doubt or fit
    return doubt


def both(one: Fit, other: Fit) -> Fit:
    """Return False if one is False, else the first doubt, else True."""
    if one is False or other is False:
        return False
    return other if one is True else one


class RuleRef(NamedTuple):
    """A rule of a policy by its number, from 1."""

    policy: PolicyRef
    number: int

    def __str__(self) -> str:
        return f"{self.policy}, rule {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a leg as an engine sees it, that is after any translation of addresses."""

    name: str
    pod: Pod | None = None  # None: a node, an external host, an endpoint without a pod
    addresses: Addresses = field(default_factory=dict)  # empty: not known yet
    on_host: bool = False  # at a node's own address: a node, a hostNetwork pod
    node: int | None = None  # where it runs, None if that is not known
    guests: tuple[Pod, ...] = ()  # the hostNetwork pods that share a node's address

    def lacks(self, family: Family) -> bool:
        return bool(self.addresses) and family not in self.addresses

    def address(self, family: Family) -> Address | None:
        """Return the address of that family; None if it is not known."""
        return ip_address(self.addresses[family]) if family in self.addresses else None


class Role(StrEnum):
    """What a leg is for."""

    LOOKUP = "look-up"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One direction of one leg, judged for the pod whose policies decide it."""

    direction: Direction
    subject: PodRef
    ruling: Ruling
    isolating: tuple[PolicyRef, ...] = ()
    allowing: tuple[RuleRef, ...] = ()
    maybe: tuple[tuple[RuleRef, Doubt], ...] = ()  # rules that may allow it, and why that is open
    doubt: Doubt | None = None  # why it is INDETERMINATE
    exempt: str = ""  # why it is ALLOWED although isolated and no rule was asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One way that a packet of the flow may take: from one end to another, on the port after translation."""

    role: Role
    source: End
    target: End
    port: int
    protocol: Protocol
    family: Family
    via: ServiceRef | None = None  # the Service whose address was translated
    ruling: Ruling = Ruling.INDETERMINATE
    sides: tuple[Side, ...] = ()
    doubt: Doubt | None = None  # why it is INDETERMINATE whatever the sides say
    exempt: str = ""  # why it is ALLOWED whatever the policies say

    @property
    def destination(self) -> str:
        return f"{self.target.name}:{self.port}/{self.protocol}"

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Return what leaves this leg open; nothing if it is decided."""
        if self.ruling is not Ruling.INDETERMINATE:
            return ()
        own = (self.doubt,) if self.doubt else ()
        return own + tuple(s.doubt for s in self.sides if s.doubt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the specification says of one flow, with every leg and side that led to it."""

    flow: Flow
    ruling: Ruling
    legs: tuple[Leg, ...] = ()
    doubt: Doubt | None = None  # why it is INDETERMINATE beyond the legs: no such name, backends disagree

    @property
    def sides(self) -> tuple[Side, ...]:
        """Return the sides of all legs."""
        return tuple(s for leg in self.legs for s in leg.sides)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Return what leaves the flow open, each once; nothing if it is decided."""
        if self.ruling is not Ruling.INDETERMINATE:
            return ()
        found = ((self.doubt,) if self.doubt else ()) + tuple(d for leg in self.legs for d in leg.doubts)
        return tuple(dict.fromkeys(found))
