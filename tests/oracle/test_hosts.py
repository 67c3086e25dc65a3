"""Nodes and pods on their node's network: semantics 40 to 42."""

from __future__ import annotations

import pytest

from prober.model import Family, NetworkPolicy, Node, Peer, PodRef
from prober.oracle import Ruling, Topic
from tests.oracle.build import (
    ALLOWED,
    DENIED,
    INDETERMINATE,
    TCP,
    addresses,
    block,
    judged,
    peer,
    pod,
    policy,
    port,
    rule,
    ruling,
    state,
)

NODES = tuple(Node(number=n, addresses=addresses(f"172.18.0.{n + 1} fd00:172::{n + 1}")) for n in (1, 2))
X = pod("a/x", "app=x", at="10.244.0.1", node=1)
HOST_HERE = pod("h/here", "app=host at=here", at="172.18.0.2", node=1, host=True)
HOST_THERE = pod("h/there", "app=host", at="172.18.0.3", node=2, host=True)
HOST_SOMEWHERE = pod("h/somewhere", "app=host at=somewhere", node=None, host=True)
PODS = (X, HOST_HERE, HOST_THERE, HOST_SOMEWHERE)


def said(text: str, *policies: NetworkPolicy) -> tuple[Ruling, list[Topic]]:
    """Return the ruling and the topics of its doubts."""
    found = judged(state(*PODS, *NODES, *policies), text)
    return found.ruling, [d.topic for d in found.doubts]


Said = tuple[Ruling, list[Topic]]
OPEN: Said = (ALLOWED, [])
SHUT: Said = (DENIED, [])
OWN_NODE: Said = (INDETERMINATE, [Topic.OWN_NODE])
HOST_NETWORK: Said = (INDETERMINATE, [Topic.HOST_NETWORK])


@pytest.mark.parametrize(
    ("expected", "source", "peers"),
    [
        pytest.param(OPEN, "h/here", [peer("app=none")], id="s40-the-own-node-always-comes-in"),
        pytest.param(SHUT, "h/there", [peer("app=none")], id="s42-another-node-is-an-ordinary-address"),
        pytest.param(OPEN, "h/there", [block("172.18.0.3/32")], id="s41-s42-an-ipBlock-holds-a-node's-address"),
        pytest.param(SHUT, "h/there", [block("172.18.0.2/32")], id="s42-an-ipBlock-of-the-other-node"),
        pytest.param(OPEN, "h/there", [], id="s15-s42-everyone-is-other-nodes-too"),
        pytest.param(HOST_NETWORK, "h/there", [peer("app=host", "")], id="s41-a-selector-that-matches-is-not-reliable"),
        pytest.param(HOST_NETWORK, "h/there", [peer(namespaces="")], id="s41-all-namespaces-is-not-reliable"),
        pytest.param(OPEN, "h/there", [peer("app=host", ""), block("172.18.0.0/16")], id="s41-a-block-decides"),
        pytest.param(SHUT, "h/there", [peer("app=x", "")], id="s41-a-selector-that-misses-is-sure"),
        pytest.param(OWN_NODE, "h/somewhere", [peer("app=none")], id="s40-perhaps-the-own-node"),
    ],
)
def test_ingress_from_hosts(expected: Said, source: str, peers: list[Peer]) -> None:
    """A pod's own node always comes in, another one only as an address."""
    assert expected == said(f"{source} -> a/x:80", policy("a/p", ingress=[rule(*peers)]))


@pytest.mark.parametrize(
    ("expected", "target", "peers"),
    [
        pytest.param(OWN_NODE, "node/1", [peer("app=none")], id="s40-the-own-node-is-left-open"),
        pytest.param(OPEN, "node/1", [block("172.18.0.2/32")], id="s40-a-rule-allows-the-own-node"),
        pytest.param(OPEN, "node/1", [], id="s40-everyone-is-the-own-node-too"),
        pytest.param(SHUT, "node/2", [peer("app=none")], id="s42-another-node-is-denied"),
        pytest.param(OPEN, "node/2", [block("172.18.0.3/32")], id="s42-another-node-by-ipBlock"),
        pytest.param(
            HOST_NETWORK, "node/2", [peer("app=host", "")], id="s41-a-selector-of-a-pod-on-that-node's-network"
        ),
        pytest.param(SHUT, "node/2", [peer("at=here", "")], id="s41-a-selector-of-a-pod-on-another-node's-network"),
        pytest.param(HOST_NETWORK, "node/2", [peer("at=somewhere", "")], id="s41-a-selector-of-a-pod-perhaps-there"),
        pytest.param(OWN_NODE, "h/here", [peer("app=none")], id="s40-a-host-pod-on-the-own-node"),
        pytest.param(SHUT, "h/there", [peer("app=none")], id="s42-a-host-pod-on-another-node"),
        pytest.param(HOST_NETWORK, "h/there", [peer(namespaces="")], id="s41-host-pod-by-selector"),
        pytest.param(OPEN, "h/there", [block("172.18.0.3/32")], id="s41-host-pod-by-address"),
        pytest.param(OWN_NODE, "h/somewhere", [peer("app=none")], id="s40-host-pod-perhaps-on-the-own-node"),
    ],
)
def test_egress_to_hosts(expected: Said, target: str, peers: list[Peer]) -> None:
    """Egress to the own node is left open unless a rule allows it; other nodes are ordinary addresses."""
    assert expected == said(f"a/x -> {target}:80", policy("a/p", egress=[rule(*peers)]))


def test_a_port_that_misses_settles_a_doubt_about_the_peer() -> None:
    """A selector that matches a host pod opens nothing where the rule's ports do not fit."""
    shut = rule(peer("app=host", ""), port(81))
    assert SHUT == said("h/there -> a/x:80", policy("a/p", ingress=[shut]))
    assert SHUT == said("a/x -> h/there:80", policy("a/p", egress=[shut]))


def test_no_egress_policy_no_question() -> None:
    """A pod whose egress is not isolated reaches every node."""
    assert [OPEN, OPEN] == [said(f"a/x -> node/{n}:80", policy("a/p", ingress=[])) for n in (1, 2)]


@pytest.mark.parametrize(
    ("expected", "text", "deny"),
    [
        pytest.param(HOST_NETWORK, "h/there -> a/x:80", policy("h/p", egress=[]), id="s41-egress-of-a-host-pod"),
        pytest.param(HOST_NETWORK, "h/there -> a/x:80", policy("h/p", egress=[rule()]), id="s41-even-if-a-rule-allows"),
        pytest.param(HOST_NETWORK, "a/x -> h/there:80", policy("h/p", ingress=[]), id="s41-ingress-of-a-host-pod"),
        pytest.param(OPEN, "h/there -> a/x:80", policy("h/p", ingress=[]), id="s41-the-other-direction"),
        pytest.param(OPEN, "h/there -> a/x:80", policy("h/p", "app=x", egress=[]), id="s41-not-selected"),
    ],
)
def test_s41_policies_over_host_pods_are_left_open(expected: Said, text: str, deny: NetworkPolicy) -> None:
    """Whether a policy isolates a pod on its node's network is not defined."""
    assert expected == said(text, deny)


def test_s40_a_host_pod_lets_its_own_node_in() -> None:
    """Even where policies over hostNetwork pods count, the own node comes in."""
    other = pod("h/other", "app=host", at="172.18.0.2", node=1, host=True)
    assert ALLOWED == ruling(state(*PODS, other, *NODES, policy("h/p", ingress=[])), "h/here -> h/other:80")


def test_s41_a_denial_on_the_other_side_is_sure() -> None:
    """What is open on a host pod's side does not matter if the other side denies."""
    assert SHUT == said("h/there -> a/x:80", policy("h/p", egress=[]), policy("a/p", ingress=[]))


def test_s40_a_pod_that_is_not_placed_yet_may_be_on_that_node() -> None:
    """Where a pod will run is not known before a cluster has placed it."""
    given = state(pod("a/x", node=None), HOST_HERE, HOST_SOMEWHERE, *NODES, policy("a/p", ingress=[], egress=[]))
    for text in ("h/here -> a/x:80", "h/somewhere -> a/x:80", "a/x -> h/here:80", "a/x -> node/1:80"):
        found = judged(given, text)
        assert (INDETERMINATE, [Topic.OWN_NODE]) == (found.ruling, [d.topic for d in found.doubts])
        assert "not known where" in found.doubts[0].text


def test_s27_nodes_are_judged_per_family() -> None:
    """An IPv4 block does not open a node's IPv6 address."""
    given = state(pod("a/x"), *NODES, policy("a/p", egress=[rule(block("0.0.0.0/0"))]))
    assert [ALLOWED, DENIED] == [ruling(given, "a/x -> node/2:80", TCP, f) for f in Family]


@pytest.mark.parametrize(
    "text",
    [
        "a/none -> a/x:80",
        "a/x -> a/none:80",
        "a/x -> svc/a/none:80",
        "a/x -> ext/none:80",
        "a/x -> node/9:80",
        "ext/n -> a/x:1",
    ],
)
def test_what_is_not_there_is_left_open(text: str) -> None:
    """Nothing is said of a flow whose source or target the state does not have, such as a pod that was removed."""
    assert (INDETERMINATE, [Topic.ABSENT]) == said(text)


def test_the_subject_of_a_side_is_a_pod() -> None:
    """A node has no side of its own."""
    found = judged(state(*PODS, *NODES), "a/x -> node/2:80")
    assert [PodRef("a", "x")] == [s.subject for s in found.sides]
