"""Judge one flow: every leg it may take, and on each leg both sides; the only place where rulings are combined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from prober.model import ClusterState, Direction, Flow, Pod
from prober.oracle.judgement import Doubt, End, Judgement, Leg, RuleRef, Ruling, Side, Topic
from prober.oracle.matching import isolates, rule_fits
from prober.oracle.routes import Way, absent, source_end, ways


def judge(state: ClusterState, flow: Flow) -> Judgement:
    """Say what the policies of `state` make of `flow`, and by which rules (semantics 1 to 48)."""
    source = source_end(state, flow.source)
    if source is None:
        return Judgement(flow=flow, ruling=Ruling.INDETERMINATE, doubt=absent(str(flow.source)))
    rulings: list[Ruling] = []
    legs: tuple[Leg, ...] = ()
    doubt = None
    stretches = ways(state, flow, source)
    for way in stretches:
        taken = _taken(state, flow, source, way)
        ruling, why = _agreed(taken) if taken else (Ruling.INDETERMINATE, way.doubt)
        rulings.append(ruling)
        legs += taken
        doubt = doubt or why
    # a stretch that leads nowhere can never be shown to connect, so a denial on another one proves nothing either
    ruling = _worst(rulings) if all(w.ends for w in stretches) else Ruling.INDETERMINATE
    return Judgement(flow=flow, ruling=ruling, legs=legs, doubt=doubt)


def _taken(state: ClusterState, flow: Flow, source: End, way: Way) -> tuple[Leg, ...]:
    """Return a leg, judged, for every end that a way may lead to."""
    role, protocol, family, via = way.role, way.protocol, flow.family, way.via
    return tuple(
        _judged(state, Leg(role=role, source=source, target=end, port=port, protocol=protocol, family=family, via=via))
        for end, port in way.ends
    )


def _worst(rulings: Iterable[Ruling]) -> Ruling:
    """Combine what must all be open: one denial denies, whatever is open elsewhere (semantics 6)."""
    found = set(rulings)
    for ruling in (Ruling.DENIED, Ruling.INDETERMINATE):
        if ruling in found:
            return ruling
    return Ruling.ALLOWED


def _agreed(legs: tuple[Leg, ...]) -> tuple[Ruling, Doubt | None]:
    """Combine ways of which a packet takes any one: only what all of them say can be asserted."""
    found = {leg.ruling for leg in legs}
    if len(found) == 1:
        return found.pop(), None
    said = ", ".join(f"{leg.target.name} is {leg.ruling}" for leg in legs)
    return Ruling.INDETERMINATE, Doubt(topic=Topic.BACKENDS, text=f"backends disagree: {said}")


def _judged(state: ClusterState, leg: Leg) -> Leg:
    source, target = leg.source, leg.target
    for end in (source, target):
        if end.lacks(leg.family):
            doubt = Doubt(topic=Topic.FAMILY, text=f"{end.name} has no {leg.family} address")
            return replace(leg, doubt=doubt)
    if source.pod and target.pod and source.pod.ref == target.pod.ref:
        if leg.via:
            text = f"{source.name} reaches itself through {leg.via}"
            return replace(leg, doubt=Doubt(topic=Topic.HAIRPIN, text=text, rule=23))
        exempt = "a pod can always reach its own address (semantics 23)"
        return replace(leg, ruling=Ruling.ALLOWED, exempt=exempt)
    sides = []
    if source.pod:
        sides.append(_side(state, Direction.EGRESS, source.pod, leg))
    if target.pod:
        sides.append(_side(state, Direction.INGRESS, target.pod, leg))
    return replace(leg, ruling=_worst(s.ruling for s in sides), sides=tuple(sides))


def _side(state: ClusterState, direction: Direction, subject: Pod, leg: Leg) -> Side:
    policies = [p for p in state.policies.values() if isolates(p, direction, subject)]
    side = Side(
        direction=direction,
        subject=subject.ref,
        ruling=Ruling.ALLOWED,
        isolating=tuple(p.ref for p in policies),
    )
    if not policies:  # semantics 1, 47
        return side
    if direction is Direction.INGRESS and leg.source.on_host and leg.source.node == subject.node is not None:
        return replace(side, exempt="it comes from the pod's own node (semantics 40)")
    if subject.host_network:
        text = f"{subject.ref} is on its node's network, where policies may be ignored"
        ignored = Doubt(topic=Topic.HOST_NETWORK, text=text, rule=41)
        return replace(side, ruling=Ruling.INDETERMINATE, doubt=ignored)
    fits = [
        (RuleRef(p.ref, n), rule_fits(state, p, rule, direction, leg))
        for p in policies
        for n, rule in enumerate(p.rules(direction), 1)
    ]
    side = replace(
        side,
        allowing=tuple(ref for ref, fit in fits if fit is True),
        maybe=tuple((ref, fit) for ref, fit in fits if isinstance(fit, Doubt)),
    )
    if side.allowing:  # semantics 5: one rule of any policy is enough
        return side
    doubt = side.maybe[0][1] if side.maybe else _own_node(direction, subject, leg)
    if doubt:
        return replace(side, ruling=Ruling.INDETERMINATE, doubt=doubt)
    return replace(side, ruling=Ruling.DENIED)


def _own_node(direction: Direction, subject: Pod, leg: Leg) -> Doubt | None:
    """Return the doubt about traffic with the pod's own node, or with a node that may be it (semantics 40)."""
    other = leg.source if direction is Direction.INGRESS else leg.target
    if not other.on_host:
        return None
    if other.node is None or subject.node is None:
        text = f"{other.name} may be on the node of {subject.ref}: it is not known where they run"
    elif other.node == subject.node:  # of egress: an own node that comes in was allowed before
        text = f"{other.name} is the node of {subject.ref}, and the documents contradict each other"
    else:
        return None
    return Doubt(topic=Topic.OWN_NODE, text=text, rule=40)
