"""The canary: whether every node of a cluster enforces policies at all, and which does not (proof rule 10).

It is a scenario like any other, written for the nodes that there are. Its policies are one-sided, so that no other
node's engine can cover for the one that is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from prober import journal, story, verdict
from prober.assess import DENIALS
from prober.model import ClusterState, NodeRef
from prober.model.plan import MAX_NODES
from prober.outcomes import NOT_JUDGED, Status, Verdict
from prober.result import CellResult, ScenarioResult
from prober.scenario import OWN, SUFFIX, Scenario, loads

NOBODY = "nobody enforces network policies on this cluster"
NOTHING_DENIED = "nothing that the canary's policies deny was denied, on a cluster with policies that are not judged"
PODS_PER_NODE = 4  # three, and a witness
_AT_MOST = 30  # nodes of one canary: 120 pods
_POD = re.compile(r"(?:open|target|source)-([0-9]+)")

_HEAD = """\
# An open pod, one that may not be reached, and one that may not reach anybody, on every node; each asks its own node
# and the next. Only the node of the pod that a policy selects can have denied what is denied here.
summary: Every node enforces policies for ingress and for egress
tags: [canary]
cells: named
namespaces: {canary: {}}
"""
_POLICIES = """\
steps:
  - name: targets take no ingress, sources have no egress
    apply:
      - apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: no-ingress, namespace: canary}
        spec: {podSelector: {matchLabels: {canary: target}}, policyTypes: [Ingress]}
      - apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: no-egress, namespace: canary}
        spec: {podSelector: {matchLabels: {canary: source}}, policyTypes: [Egress]}
"""


def canaries(nodes: int, *, max_pods: int = _AT_MOST * PODS_PER_NODE) -> tuple[Scenario, ...]:
    """Return what proves the first `nodes` nodes, in rings of as many as the pods allow; see `covered`."""
    count = covered(nodes)
    most = max(1, min(_AT_MOST, max_pods // PODS_PER_NODE))
    rings = -(-count // most)
    bounds = [count * i // rings for i in range(rings + 1)] if rings else [0]
    return tuple(
        _scenario(range(first + 1, last + 1), f"-{i}" if rings > 1 else "")
        for i, (first, last) in enumerate(pairwise(bounds), 1)
    )


def covered(nodes: int) -> int:
    """Return how many nodes can be proved: those that a scenario can name."""
    return min(nodes, MAX_NODES)


def _scenario(ring: range, suffix: str) -> Scenario:
    path = f"{OWN}canary{suffix}{SUFFIX}"
    return loads({path: text(ring)}, path)


def text(ring: Sequence[int]) -> str:
    """Return the scenario that proves these nodes, each with its neighbour."""
    lines = [f"nodes: {{{max(ring)}: {{}}}}", "pods:"]
    denied, allowed = [], []
    for node, neighbour in zip(ring, (*ring[1:], ring[0]), strict=True):
        lines += [
            f"  canary/open-{node}: {{node: {node}, ports: [8080]}}",
            f"  canary/target-{node}: {{node: {node}, ports: [8080], labels: {{canary: target}}}}",
            f"  canary/source-{node}: {{node: {node}, labels: {{canary: source}}}}",
        ]
        for other in dict.fromkeys((node, neighbour)):
            denied += [
                f"canary/open-{other} -> canary/target-{node}:8080",
                f"canary/source-{node} -> canary/open-{other}:8080",
            ]
            allowed.append(f"canary/target-{node} -> canary/open-{other}:8080")
    lines += [_POLICIES.rstrip(), "    expect:"]
    for word, flows in (("denied", denied), ("allowed", allowed)):
        lines += [f"      {word}:", *(f"        - {flow}" for flow in flows)]
    return _HEAD + "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the canaries of a run have shown: whether they are green, and if not, why and what helps."""

    green: bool
    text: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


def judged(events: Sequence[journal.Event], scenarios: Sequence[Scenario]) -> Finding:
    """Return what a run's canaries have shown so far."""
    result = verdict.judge(events, {s.path: s for s in scenarios})
    own = [s for s in result.scenarios if s.path.startswith(OWN)]
    if own and all(s.status is Status.PASS for s in own):
        return Finding(green=True)
    cells = [c for s in own for step in s.steps if step.kind == "step" for c in step.cells]
    denials = [c for c in cells if c.expected is Verdict.DENIED]
    leaks = [c for c in denials if c.status is Status.LEAK]
    names = _names(events, own)
    if leaks:
        all_leak = len(leaks) == len(denials) and not any(s.trouble for s in own)
        finding = Finding(green=False, text=NOBODY, remedy=_NO_PLUGIN) if all_leak else _some(leaks, denials, names)
    else:
        finding = _cut_off(own, names) or Finding(green=False, text=f"{_why(own)}, so nothing else was asked")
    remarks = (*result.remarks, *(r for s in own for r in s.remarks))
    return _with_others(finding, [r for r in remarks if r.startswith(NOT_JUDGED)])


def _with_others(finding: Finding, others: Sequence[str]) -> Finding:
    """Point at policies that are not judged first: an engine that obeys them is no engine that does nothing."""
    if not others:
        return finding
    text = NOTHING_DENIED if finding.text == NOBODY else finding.text
    then = f"; then {finding.remedy}" if finding.remedy else ""
    return Finding(green=False, text=text, remedy=f"look at these first: {'; '.join(others)}{then}")


_NO_PLUGIN = (
    "policies were accepted, and whatever they deny went through: install a network plugin that enforces them "
    "(flannel and the bridge plugin alone do not), or start its agents"
)


def _cut_off(own: Sequence[ScenarioResult], names: dict[int, str]) -> Finding | None:
    """Name the nodes with whose pods nothing connected before there was any policy: some engines fail closed."""
    control = [c for s in own for step in s.steps if step.kind == "control" for c in step.cells]
    ends = [({_place(c.flow.source), _place(c.flow.target)}, c.outcome in DENIALS) for c in control]
    nodes = set[int]().union(*(places for places, _ in ends))
    cut = [n for n in sorted(nodes) if all(failed for places, failed in ends if n in places)]
    if not cut:
        return None
    if len(cut) == len(nodes):
        text = "before there was any policy, no pod connected to another"
        return Finding(green=False, text=text, remedy="look at the network plugin's agents")
    called = [names.get(n, f"number {n}") for n in cut]
    text = f"before there was any policy, nothing connected to or from pods on {_nodes(called)}"
    return Finding(green=False, text=text, remedy=_agent_on(called[0]))


def _some(leaks: Sequence[CellResult], denials: Sequence[CellResult], names: dict[int, str]) -> Finding:
    """Name the nodes that do not enforce, and the direction."""
    ways: dict[str, list[int]] = {}
    for node in sorted({_node(c) for c in leaks}):
        ways.setdefault(_way(node, leaks, denials), []).append(node)
    said, asked = [], []
    for way, nodes in ways.items():
        called = [names.get(n, f"number {n}") for n in nodes]
        asked += called
        said.append(f"{_nodes(called)} {_verb(called)} {way}")
    return Finding(green=False, text="; ".join(said), remedy=_agent_on(asked[0]))


def _nodes(called: Sequence[str]) -> str:
    more = f" and {len(called) - 5} more" if len(called) > 5 else ""
    return f"{'node' if len(called) == 1 else 'nodes'} {', '.join(called[:5])}{more}"


def _agent_on(node: str) -> str:
    where = f"--field-selector spec.nodeName={node}"
    return f"look at the network plugin's agent there: kubectl get pods -A -o wide {where}"


def _verb(nodes: Sequence[str]) -> str:
    return "does not enforce" if len(nodes) == 1 else "do not enforce"


def _way(node: int, leaks: Sequence[CellResult], denials: Sequence[CellResult]) -> str:
    """Say which direction a node lets through, and whether only within itself or only with other nodes."""
    said = []
    for word in ("ingress", "egress"):
        asked = [c for c in denials if _node(c) == node and _direction(c) == word]
        open_ones = [c for c in asked if c in leaks]
        if not open_ones:
            continue
        inside = {_place(c.flow.source) == _place(c.flow.target) for c in open_ones}
        only = "" if len(open_ones) == len(asked) else " within itself" if inside == {True} else " across nodes"
        said.append(word + only)
    return " or ".join(said)


def _direction(cell: CellResult) -> str:
    return "egress" if "/source-" in str(cell.flow.source) else "ingress"


def _node(cell: CellResult) -> int:
    """Return the only node that can deny a cell."""
    return _place(cell.flow.source if _direction(cell) == "egress" else cell.flow.target)


def _place(pod: object) -> int:
    found = _POD.search(str(pod))
    return int(found[1]) if found else 0


def _names(events: Sequence[journal.Event], own: Sequence[ScenarioResult]) -> dict[int, str]:
    """Return the cluster's names of the nodes."""
    states = [story.tell(s.path, events).state or ClusterState() for s in own]
    return {ref.number: node.name for state in states for ref, node in state.nodes.items() if isinstance(ref, NodeRef)}


def _why(own: Sequence[ScenarioResult]) -> str:
    """Say what a canary that shows no leak is instead of green; its own results say why."""
    for one in own:
        if one.status is not Status.PASS:
            notes = f" ({'; '.join(one.remarks)})" if one.remarks else ""
            return f"{one.name} is {one.status}{notes}"
    return "there was no canary"
