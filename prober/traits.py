"""What is special about a cell where engines are known to differ: told from the oracle's judgement (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prober.flows import DNS_PORT
from prober.model import ClusterState, Direction, IPBlock, Rule
from prober.oracle import Judgement, Leg, Role, Side, Topic
from prober.outcomes import Trait

_TOPICS = {Topic.HAIRPIN: Trait.HAIRPIN, Topic.OWN_NODE: Trait.OWN_NODE, Topic.HOST_NETWORK: Trait.HOST_NETWORK}


def traits_of(judgement: Judgement, state: ClusterState) -> frozenset[Trait]:
    """Return a cell's traits; one that only some of its allowing rules have is none, for the others may open it too."""
    found = {_TOPICS[d.topic] for d in judgement.doubts if d.topic in _TOPICS}
    for leg in judgement.legs:
        asked = DNS_PORT if leg.role is Role.LOOKUP else judgement.flow.port
        if leg.via and leg.port != asked:
            found.add(Trait.SERVICE_PORT)
        for side in leg.sides:
            found.update(_of_side(leg, side, state))
    return frozenset(found)


def _of_side(leg: Leg, side: Side, state: ClusterState) -> Iterator[Trait]:
    """Yield what is special about the rules that allow one side; nothing where none is needed."""
    rules = [state.policies[ref.policy].rules(side.direction)[ref.number - 1] for ref in side.allowing]
    if not rules:
        return

    def every(test: Callable[[Rule], bool]) -> bool:
        return all(map(test, rules))

    other = leg.source if side.direction is Direction.INGRESS else leg.target
    if every(lambda r: bool(r.peers) and all(isinstance(p, IPBlock) for p in r.peers)):
        if other.on_host:
            yield Trait.IPBLOCK_NODE
        elif other.pod:
            yield Trait.IPBLOCK_POD
    if every(lambda r: bool(r.ports) and all(p.end is not None and p.end != p.port for p in r.ports)):
        yield Trait.END_PORT
    if every(lambda r: bool(r.ports) and all(isinstance(p.port, str) for p in r.ports)):
        yield Trait.NAMED_PORT
