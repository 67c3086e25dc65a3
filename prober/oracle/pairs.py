"""Every pod to every pod on one port at once: the same answers as `judge`, as bit sets over label classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prober.model import ClusterState, Direction, Family, PodRef, Protocol
from prober.oracle.classes import Bits, grouped, members, union
from prober.oracle.judgement import Ruling
from prober.oracle.reach import Pairs, Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Rulings of all pods to all pods; row i of a bit set speaks of source `pods[i]`, its bit k of target `pods[k]`."""

    pods: tuple[PodRef, ...]
    allowed: tuple[Bits, ...]
    indeterminate: tuple[Bits, ...]
    index: Mapping[PodRef, int]

    def ruling(self, source: PodRef, target: PodRef) -> Ruling:
        """Return the ruling of one pair; KeyError for a pod that was not there."""
        row, bit = self.index[source], 1 << self.index[target]
        if self.allowed[row] & bit:
            return Ruling.ALLOWED
        return Ruling.INDETERMINATE if self.indeterminate[row] & bit else Ruling.DENIED

    def counts(self) -> Mapping[Ruling, int]:
        """Return how many pairs have each ruling, a pod to itself left out."""
        found: Counter[Ruling] = Counter()
        for i, (allowed, open_) in enumerate(zip(self.allowed, self.indeterminate, strict=True)):
            others = ~(1 << i)
            found[Ruling.ALLOWED] += (allowed & others).bit_count()
            found[Ruling.INDETERMINATE] += (open_ & others).bit_count()
        found[Ruling.DENIED] = len(self.pods) * (len(self.pods) - 1) - found.total()
        return {ruling: found[ruling] for ruling in Ruling}


def matrix(state: ClusterState, port: int, protocol: Protocol = Protocol.TCP, family: Family = Family.IPV4) -> Matrix:
    """Judge every pod to every pod on one port, each selector resolved once."""
    pairs = Pairs(state, port, protocol, family)
    egress = pairs.sides(Direction.EGRESS)
    ingress = _turned(pairs.sides(Direction.INGRESS))
    faceless = union(1 << i for i, p in enumerate(pairs.pods) if p.addresses and family not in p.addresses)
    allowed, indeterminate = [], []
    for i, (out, into) in enumerate(zip(egress, ingress, strict=True)):
        itself = 1 << i  # always open (semantics 23)
        nothing_asked = pairs.everyone if faceless & itself else faceless
        yes = out.yes & into.yes | itself
        not_denied = (out.yes | out.maybe) & (into.yes | into.maybe) | itself
        allowed.append(yes & ~nothing_asked)
        indeterminate.append(not_denied & ~yes | nothing_asked)
    refs = tuple(p.ref for p in pairs.pods)
    return Matrix(
        pods=refs,
        allowed=tuple(allowed),
        indeterminate=tuple(indeterminate),
        index={ref: i for i, ref in enumerate(refs)},
    )


def _turned(sides: Sequence[Reach]) -> tuple[Reach, ...]:
    """Turn whom each target lets in into whom each source gets to; targets that let in the same go together."""
    yes, maybe = [0] * len(sides), [0] * len(sides)
    for side, targets in grouped(sides, lambda side: side).items():
        for i in members(side.yes):
            yes[i] |= targets
        for i in members(side.maybe):
            maybe[i] |= targets
    return tuple(Reach(*both) for both in zip(yes, maybe, strict=True))
