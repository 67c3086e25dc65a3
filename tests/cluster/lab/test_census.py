"""Which pods a peer takes, by namespace and labels."""

from __future__ import annotations

import pytest

from prober.cluster.lab.census import Census
from prober.model import (
    EVERYTHING,
    ClusterState,
    LabelSelector,
    Namespace,
    Operator,
    Pod,
    PodPeer,
    Requirement,
    Topology,
)

STATE = ClusterState.of(
    Topology(
        namespaces=(Namespace(name="x", labels={"team": "red"}), Namespace(name="y")),
        pods=(
            Pod(namespace="x", name="a", labels={"app": "a"}),
            Pod(namespace="x", name="b", labels={"app": "b", "tier": ""}),
            Pod(namespace="x", name="host", labels={"app": "a"}, host_network=True),
            Pod(namespace="y", name="a", labels={"app": "a", "tier": "t"}),
        ),
    )
)
A = LabelSelector(match_labels={"app": "a"})
RED = LabelSelector(match_labels={"team": "red"})
NOT_RED = LabelSelector(expressions=(Requirement(key="team", operator=Operator.NOT_IN, values=("red",)),))
TIERED = LabelSelector(expressions=(Requirement(key="tier", operator=Operator.EXISTS),))
A_TIERED = LabelSelector(match_labels={"app": "a"}, expressions=TIERED.expressions)
NAMED_Y = LabelSelector(match_labels={"kubernetes.io/metadata.name": "y"})


@pytest.mark.parametrize(
    ("expected", "peer"),
    [
        pytest.param("x/a", PodPeer(pods=A), id="pods alone: the policy's namespace (16)"),
        pytest.param("x/a x/b", PodPeer(pods=EVERYTHING), id="empty is not absent (17)"),
        pytest.param("x/a x/b", PodPeer(namespaces=RED), id="namespaces alone: all their pods (16)"),
        pytest.param("x/a x/b y/a", PodPeer(namespaces=EVERYTHING), id="all namespaces (18)"),
        pytest.param("x/a y/a", PodPeer(namespaces=EVERYTHING, pods=A), id="both: AND (16)"),
        pytest.param("y/a", PodPeer(namespaces=NOT_RED), id="NotIn takes an absent key (20)"),
        pytest.param("y/a", PodPeer(namespaces=NAMED_Y), id="metadata.name is set (21)"),
        pytest.param("x/b y/a", PodPeer(namespaces=EVERYTHING, pods=TIERED), id="Exists takes an empty value (20)"),
        pytest.param("y/a", PodPeer(namespaces=EVERYTHING, pods=A_TIERED), id="labels AND expressions (20)"),
        pytest.param("", PodPeer(namespaces=NOT_RED, pods=LabelSelector(match_labels={"app": "b"})), id="nobody"),
    ],
)
def test_peers(expected: str, peer: PodPeer) -> None:
    """A peer of a policy in x takes these pods, and never one of hostNetwork (semantics 41)."""
    assert expected.split() == sorted(map(str, Census(STATE).peers("x", peer)))


def test_a_policy_selects_in_its_own_namespace() -> None:
    """Labels alone never select a pod elsewhere (semantics 4)."""
    assert ["y/a"] == [str(ref) for ref in Census(STATE).selected("y", A)]


def test_selectors_that_differ_in_expressions_alone_are_told_apart() -> None:
    """One selector's answer is never given for another's question."""
    census = Census(STATE)
    assert (2, 1) == (
        len(census.peers("x", PodPeer(pods=EVERYTHING))),
        len(census.peers("x", PodPeer(pods=TIERED))),
    )
