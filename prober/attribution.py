"""Which nodes let through all that only they could deny, while others denied: where an agent may be down (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prober.model import ClusterState, NodeRef
from prober.oracle import Judgement, Ruling
from prober.outcomes import Status

_ENOUGH = 3


def idle_nodes(state: ClusterState, judged: Iterable[tuple[Judgement, Status]]) -> dict[str, int]:
    """Return the nodes by name that let all of their denials through, each with how many these are.

    A denial is a node's where every side that denies it is that of a pod on this node. A node with fewer than three is
    not returned, for these may leak for a reason of their own; and none where no other node is known to deny.
    """
    leaked, proved = Counter[int](), Counter[int]()
    for judgement, status in judged:
        if judgement.ruling is not Ruling.DENIED:
            continue
        sides = [side for side in judgement.sides if side.ruling is Ruling.DENIED]
        nodes = {state.pods[s.subject].node for s in sides if s.subject in state.pods}
        if len(nodes) == 1 and (node := nodes.pop()) is not None:
            leaked[node] += status is Status.LEAK
            proved[node] += status is Status.PASS
    if not +proved:
        return {}
    return {_name(state, n): count for n, count in sorted(leaked.items()) if count >= _ENOUGH and not proved[n]}


def _name(state: ClusterState, number: int) -> str:
    known = state.nodes.get(NodeRef(number))
    return known.name if known and known.name else f"number {number}"
