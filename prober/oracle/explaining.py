"""Put a judgement into words that an engineer can act on: what isolates, what allows, and what nearly does."""

from __future__ import annotations

from dataclasses import replace

from prober.model import ClusterState, Direction, Pod
from prober.oracle.judgement import Judgement, Leg, Role, Ruling, Side
from prober.oracle.matching import isolates, rule_fits
from prober.oracle.nearest import nearest


def explain(judgement: Judgement, state: ClusterState) -> str:
    """Say in a few lines why a flow is allowed, denied or left open, and what keeps the nearest rule from allowing it.

    `state` is the one that was judged.
    """
    lines = [f"{judgement.flow} is {judgement.ruling}"]
    if judgement.doubt and judgement.ruling is Ruling.INDETERMINATE:
        lines.append(f"left open: {judgement.doubt}")
    several = len(judgement.legs) > 1
    for leg in judgement.legs:
        if several or leg.via:
            lines.append(_headline(leg))
        if leg.doubt:
            lines.append(f"left open: {leg.doubt}")
        if leg.exempt:
            lines.append(f"allowed: {leg.exempt}")
        lines += [_side(state, side, leg, judgement.flow.port) for side in leg.sides]
        if not (leg.sides or leg.doubt or leg.exempt):
            lines.append("no policy can isolate either end")
    return "\n".join(lines)


def grounds(judgement: Judgement, state: ClusterState) -> dict[str, str]:
    """Return what decides a flow, with FILE:LINE where that is known: rules that allow it, or policies that isolate."""
    found: dict[str, str] = {}
    for side in judgement.sides:
        if judgement.ruling is Ruling.DENIED and side.ruling is Ruling.DENIED:
            found |= {str(ref): state.policies[ref].at for ref in side.isolating}
        elif judgement.ruling is Ruling.ALLOWED:
            found |= {
                str(ref): state.policies[ref.policy].rules(side.direction)[ref.number - 1].at for ref in side.allowing
            }
    return found


def _headline(leg: Leg) -> str:
    what = "look-up" if leg.role is Role.LOOKUP else "connection"
    return f"{what}{f' by {leg.via}' if leg.via else ''} to {leg.destination} is {leg.ruling}:"


def _side(state: ClusterState, side: Side, leg: Leg, asked: int) -> str:
    what = f"{side.direction.lower()} of {side.subject}"
    if not side.isolating:
        return f"{what} is open: no policy isolates it"
    isolated = f"{what} is isolated by {', '.join(map(str, side.isolating))}"
    if side.exempt:
        return f"{isolated}; allowed: {side.exempt}"
    if side.allowing:
        return f"{isolated}; allowed by {' and '.join(map(str, side.allowing))}"
    if side.doubt:
        by = f" {' and '.join(str(ref) for ref, _ in side.maybe)} may allow it:" if side.maybe else ""
        return f"{isolated}; left open:{by} {side.doubt}"
    return f"{isolated}; {_denial(state, side, leg, asked)}"


def _denial(state: ClusterState, side: Side, leg: Leg, asked: int) -> str:
    """Say that no rule allows it, which one comes nearest, and which policy was perhaps meant to."""
    other = leg.destination if side.direction is Direction.EGRESS else f"{leg.source.name} on {leg.port}/{leg.protocol}"
    subject = state.pods[side.subject]
    near = nearest(state, side.direction, subject, leg, asked)
    if near is None:
        said = [f"no policy of {subject.namespace} has a rule for {side.direction.lower()}"]
    else:
        said = [f"no rule allows {other}", f"the nearest is {near.rule}: {', and '.join(m.text for m in near.misses)}"]
    said += _ignored(state, side, subject, leg)
    if near is None or len(near.misses) > 1:  # a rule that fails in one part only was meant, and says enough
        said += _other_side(side, leg)
    return "; ".join(said)


def _ignored(state: ClusterState, side: Side, subject: Pod, leg: Leg) -> list[str]:
    """Name policies whose rule would allow it, if their policyTypes named the direction (semantics 9)."""
    said = []
    for policy in state.policies.values():
        whole = replace(policy, types=frozenset(Direction))
        if (
            side.direction not in policy.types
            and isolates(whole, side.direction, subject)
            and any(rule_fits(state, whole, r, side.direction, leg) is True for r in whole.rules(side.direction))
        ):
            said.append(f"{policy.ref} has a rule that would allow it, but its policyTypes lack {side.direction}")
    return said


def _other_side(side: Side, leg: Leg) -> list[str]:
    """Name policies that allow the other side: whoever wrote them may have thought that one side is enough."""
    here = f"{side.direction.lower()} of {side.subject}"
    return [
        f"{policy} opens {s.direction.lower()} of {s.subject} only: {here} needs a rule too"
        for s in leg.sides
        if s.direction is not side.direction
        for policy in dict.fromkeys(ref.policy for ref in s.allowing)
    ]
