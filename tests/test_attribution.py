"""Tests of prober.attribution by whole runs: which node is named where cells leak, and where none is."""

from __future__ import annotations

import pytest

from prober.cluster.fake import Asked, Says, target_of
from prober.flows import parse_pattern
from prober.model import ClusterState, PodRef
from prober.outcomes import Status
from prober.result import RunResult
from tests.running import enforcing, ignoring, ran, still

DENY = """\
summary: Nobody takes anything
namespaces: {{x: {{}}}}
pods:
  x/a: {{ports: [80], node: 1}}
  x/b: {{ports: [80], node: 2}}
  x/c: {{ports: [80], node: {node}}}
  x/d: {{ports: [80], node: 2}}
  x/e: {{ports: [80], node: 2}}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {{name: deny, namespace: x}}
      spec: {{podSelector: {{}}, policyTypes: [{types}]}}
"""
NOTE = "step 'deny': node node2 let through all {} that only it could deny, while other nodes denied theirs: look at "


def letting(*lax: str, ingress: bool = True) -> Says:
    """Enforce but for these pods, whose own policies decide what they take, or with `ingress` false what they send."""

    def says(state: ClusterState, asked: Asked) -> str:
        ends = {asked.source} if not ingress else {target_of(state, asked)}
        return (ignoring if ends & {PodRef("x", name) for name in lax} else enforcing)(state, asked)

    return says


def both_ends(state: ClusterState, asked: Asked) -> str:
    """Enforce both ends' policies but on node 2: what has an end on node 1 is denied there."""
    places = {state.pods[ref].node for ref in (asked.source, target_of(state, asked)) if isinstance(ref, PodRef)}
    return (ignoring if places == {2} else enforcing)(state, asked)


def across_nodes(state: ClusterState, asked: Asked) -> str:
    """Let through what goes from one node to the other, as no node alone can."""
    places = {state.pods[ref].node for ref in (asked.source, target_of(state, asked)) if isinstance(ref, PodRef)}
    return (ignoring if len(places) == 2 else enforcing)(state, asked)


def unreadable(state: ClusterState, asked: Asked) -> str:
    """Answer for pods on node 2, once there is a policy, what nobody has recorded."""
    ref = target_of(state, asked)
    odd = state.policies and asked.source != ref and isinstance(ref, PodRef) and state.pods[ref].node == 2
    return "odd" if odd else enforcing(state, asked)


def result_of(types: str, says: Says, patch: pytest.MonkeyPatch, node: int = 1) -> RunResult:
    """Run the scenario, its pod c on that node, on a clock of its own."""
    still(patch)
    return ran([DENY.format(types=types, node=node)], says)[0]


@pytest.mark.parametrize(
    ("count", "types", "says"),
    [
        pytest.param(12, "Ingress", letting("b", "d", "e"), id="ingress"),
        pytest.param(12, "Egress", letting("b", "d", "e", ingress=False), id="egress"),
        pytest.param(6, "Ingress, Egress", both_ends, id="both-ends"),
    ],
)
def test_a_node_that_denies_nothing_is_named(
    count: int, types: str, says: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one node lets through all that only it could deny, the scenario names it, and how many these are."""
    result = result_of(types, says, monkeypatch)

    (note,) = result.scenarios[0].remarks
    assert (Status.LEAK, True) == (result.scenarios[0].status, note.startswith(NOTE.format(count)))
    assert count == sum(c.status is Status.LEAK for c in result.scenarios[0].cells)


@pytest.mark.parametrize(
    ("status", "types", "says", "node"),
    [
        pytest.param(Status.PASS, "Ingress", enforcing, 1, id="nothing-leaks"),
        pytest.param(Status.UNKNOWN, "Ingress", unreadable, 1, id="nothing-is-known"),
        pytest.param(Status.LEAK, "Ingress", letting("b"), 1, id="another-pod-of-the-node-is-denied"),
        pytest.param(Status.LEAK, "Ingress", letting("a", "b", "c", "d", "e"), 1, id="no-node-denies"),
        pytest.param(Status.LEAK, "Ingress, Egress", across_nodes, 1, id="both-nodes-should-have-denied"),
        pytest.param(Status.LEAK, "Ingress, Egress", across_nodes, 2, id="one-node-alone-could-deny-nothing"),
    ],
)
def test_no_node_is_named_where_it_is_not_the_node(
    status: Status, types: str, says: Says, node: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the node denied anything, or no node did, the node is not why."""
    result = result_of(types, says, monkeypatch, node)

    assert (status, ()) == (result.scenarios[0].status, result.scenarios[0].remarks)


@pytest.mark.parametrize(("named", "only"), [(0, "x/b -> any"), (1, "x/a -> any")], ids=["two", "three"])
def test_no_node_is_named_for_one_or_two(named: int, only: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So few may leak for a reason of their own."""
    still(monkeypatch)
    text = DENY.format(types="Ingress", node=1)
    result, _ = ran([text], letting("b", "d", "e"), only=parse_pattern(only))

    assert (Status.LEAK, named) == (result.scenarios[0].status, len(result.scenarios[0].remarks))
