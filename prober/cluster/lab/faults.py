"""The ways in which the lab lies on request, and what those that change the rules make of the policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from prober.durations import parse_duration
from prober.errors import UsageError
from prober.model import EVERYTHING, Direction, IPBlock, NetworkPolicy, Peer, PodPeer, Rule

_ENFORCING_NODE = 1  # under one-node


class FaultKind(StrEnum):
    """A way to lie, as `--fault` names it."""

    IGNORE_ALL = "ignore-all"
    IGNORE_INGRESS = "ignore-ingress"
    IGNORE_EGRESS = "ignore-egress"
    IGNORE_EXCEPT = "ignore-except"
    IGNORE_PORTS = "ignore-ports"
    IGNORE_NAMESPACES = "ignore-namespaces"
    ONE_NODE = "one-node"
    LATE = "late"
    FLAP = "flap"
    OUTAGE = "outage"
    DEAD_LISTENER = "dead-listener"
    LOST_ADDRESS = "lost-address"
    DEAD_LAB = "dead-lab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to lie; `delay` (seconds) belongs to those that last."""

    kind: FaultKind
    delay: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind}:{self.delay:g}s" if self.kind in LASTING else str(self.kind)


LASTING = (FaultKind.LATE, FaultKind.OUTAGE)  # how long after a change of policy: named with a duration
NOT_ENFORCING = Fault(kind=FaultKind.IGNORE_ALL)  # what `flap` compiles while it is off


def parse_fault(text: str) -> Fault:
    """Return the fault that `--fault` names: `ignore-except`, `late:2s`; UsageError lists the valid ones."""
    name, colon, rest = text.strip().partition(":")
    if name not in tuple(FaultKind):
        known = ", ".join(f"{k}:DURATION" if k in LASTING else k for k in FaultKind)
        raise UsageError(f"--fault {text!r}: no such fault; there are {known}")
    kind = FaultKind(name)
    if kind not in LASTING:
        if colon:
            raise UsageError(f"--fault {text!r}: {kind} takes no value")
        return Fault(kind=kind)
    try:
        return Fault(kind=kind, delay=parse_duration(rest))
    except ValueError as error:
        raise UsageError(f"--fault {text!r}: {error}; write it as {kind}:2s") from error


def distorted(policies: tuple[NetworkPolicy, ...], fault: Fault | None, node: int) -> tuple[NetworkPolicy, ...]:
    """Return the policies as a node under this fault understands them.

    The faults that are not about the rules (late, flap and the broken things) leave them as they are.
    """
    match fault.kind if fault is not None else None:
        case FaultKind.IGNORE_ALL | FaultKind.OUTAGE:
            return ()
        case FaultKind.ONE_NODE:
            return policies if node == _ENFORCING_NODE else ()
        case FaultKind.IGNORE_INGRESS:
            return tuple(replace(p, types=p.types - {Direction.INGRESS}) for p in policies)
        case FaultKind.IGNORE_EGRESS:
            return tuple(replace(p, types=p.types - {Direction.EGRESS}) for p in policies)
        case FaultKind.IGNORE_PORTS:
            return tuple(_with_rules(p, lambda rule: replace(rule, ports=())) for p in policies)
        case FaultKind.IGNORE_EXCEPT:
            return tuple(_with_peers(p, _whole_block) for p in policies)
        case FaultKind.IGNORE_NAMESPACES:
            return tuple(_with_peers(p, _of_any_namespace) for p in policies)
        case _:
            return policies


def _with_rules(policy: NetworkPolicy, change: Callable[[Rule], Rule]) -> NetworkPolicy:
    return replace(policy, ingress=tuple(map(change, policy.ingress)), egress=tuple(map(change, policy.egress)))


def _with_peers(policy: NetworkPolicy, change: Callable[[Peer], Peer]) -> NetworkPolicy:
    return _with_rules(policy, lambda rule: replace(rule, peers=tuple(map(change, rule.peers))))


def _whole_block(peer: Peer) -> Peer:
    return replace(peer, excepts=()) if isinstance(peer, IPBlock) else peer


def _of_any_namespace(peer: Peer) -> Peer:
    return replace(peer, namespaces=EVERYTHING) if isinstance(peer, PodPeer) else peer
