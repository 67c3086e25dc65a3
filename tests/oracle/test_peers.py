"""Whom a rule's peers take in: semantics 15 to 23."""

from __future__ import annotations

import pytest

from prober.model import EVERYTHING, External, LabelNamespace, LabelPod, NetworkPolicy, Node, Peer, PodRef
from prober.oracle import Ruling, Topic
from tests.oracle.build import (
    ALLOWED,
    DENIED,
    INDETERMINATE,
    addresses,
    judged,
    needs,
    peer,
    pod,
    policy,
    port,
    rule,
    ruling,
    selector,
    service,
    state,
    target_port,
)

PODS = (
    pod("a/x", "app=x"),
    pod("a/y", "app=y"),
    pod("a/bare"),
    pod("b/x", "app=x"),
    pod("b/y", "app=y"),
    pod("b/empty", "app="),
    pod("kube-system/dns", "app=dns"),
)
NAMESPACES = {"a": "team=a", "b": "team=b"}
ELSEWHERE = ("a/x", "a/bare", "b/x", "b/y", "b/empty", "kube-system/dns")


def opened(*peers: Peer) -> set[str]:
    """Return who gets to a/y, whose ingress is open to these peers; egress must say the same mirrored."""
    into = state(*PODS, policy("a/p", "app=y", ingress=[rule(*peers)]), namespaces=NAMESPACES)
    out = state(*PODS, policy("a/p", "app=y", egress=[rule(*peers)]), namespaces=NAMESPACES)
    found = {p for p in ELSEWHERE if ruling(into, f"{p} -> a/y:80") is ALLOWED}
    assert found == {p for p in ELSEWHERE if ruling(out, f"a/y -> {p}:80") is ALLOWED}
    return found


@pytest.mark.parametrize(
    ("expected", "peers"),
    [
        pytest.param(set(ELSEWHERE), (), id="s15-no-peers-is-everyone"),
        pytest.param({"a/x", "a/bare"}, (peer(pods=""),), id="s15-s17-empty-podSelector-is-the-own-namespace"),
        pytest.param(set(ELSEWHERE), (peer(namespaces=""),), id="s15-s18-empty-namespaceSelector-is-all-namespaces"),
        pytest.param(set(ELSEWHERE), (peer(pods="", namespaces=""),), id="s18-both-empty-is-all-pods"),
        pytest.param({"a/x"}, (peer("app=x"),), id="s16-podSelector-stays-in-the-policy's-namespace"),
        pytest.param(
            {"b/x", "b/y", "b/empty"}, (peer(namespaces="team=b"),), id="s16-namespaceSelector-takes-all-its-pods"
        ),
        pytest.param({"b/x"}, (peer("app=x", "team=b"),), id="s16-one-element-is-AND"),
        pytest.param(
            {"a/x", "b/x", "b/y", "b/empty"}, (peer("app=x"), peer(namespaces="team=b")), id="s16-two-elements-are-OR"
        ),
        pytest.param({"a/x", "b/x"}, (peer("app=x", ""),), id="s16-pods-in-all-namespaces"),
        pytest.param({"b/x"}, (peer("app=x", "kubernetes.io/metadata.name=b"),), id="s21-name-label"),
        pytest.param(
            {"b/x", "kube-system/dns"},
            (
                peer(
                    selector("", needs("app", "In", "x", "dns")),
                    selector("", needs("kubernetes.io/metadata.name", "NotIn", "a")),
                ),
            ),
            id="s21-name-label-by-expression",
        ),
        pytest.param(
            {"a/bare", "b/y", "b/empty", "kube-system/dns"},
            (peer(selector("", needs("app", "NotIn", "x")), EVERYTHING),),
            id="s20-NotIn-takes-the-absent-key",
        ),
        pytest.param(
            {"a/bare"},
            (peer(selector("", needs("app", "DoesNotExist")), EVERYTHING),),
            id="s20-DoesNotExist-takes-the-absent-key-only",
        ),
        pytest.param({"b/empty"}, (peer("app=", ""),), id="s20-empty-value-is-not-an-absent-key"),
        pytest.param(
            set(ELSEWHERE) - {"a/bare"},
            (peer(selector("", needs("app", "Exists")), EVERYTHING),),
            id="s20-Exists-takes-the-empty-value",
        ),
        pytest.param(
            {"kube-system/dns"},
            (peer(namespaces=selector("", needs("team", "DoesNotExist"))),),
            id="s20-namespace-without-the-key",
        ),
        pytest.param(
            {"a/x", "a/bare", "kube-system/dns"},
            (peer(namespaces=selector("", needs("team", "NotIn", "b"))),),
            id="s20-NotIn-namespace-takes-the-absent-key",
        ),
        pytest.param(
            {"b/x"},
            (peer(selector("app=x", needs("tier", "DoesNotExist")), selector("team=b", needs("team", "Exists"))),),
            id="s20-labels-and-expressions",
        ),
    ],
)
def test_s15_to_s21_peers(expected: set[str], peers: tuple[Peer, ...]) -> None:
    """Each form of peers takes in exactly these pods, as sources and as destinations."""
    assert expected == opened(*peers)


@pytest.mark.parametrize(
    ("expected", "peers"),
    [
        pytest.param(ALLOWED, (), id="s15-no-peers"),
        pytest.param(DENIED, (peer(namespaces=""),), id="s15-all-pods-of-all-namespaces"),
        pytest.param(DENIED, (peer(pods=""),), id="s15-all-pods-of-the-namespace"),
    ],
)
def test_s15_who_is_no_pod(expected: Ruling, peers: tuple[Peer, ...]) -> None:
    """External hosts and other nodes are taken in where no peers are given, and by no selector."""
    given = state(
        *PODS,
        policy("a/p", ingress=[rule(*peers)], egress=[rule(*peers)]),
        External(name="e", addresses=addresses("203.0.113.10")),
        Node(number=2, addresses=addresses("172.18.0.3")),
    )
    assert [expected] * 3 == [ruling(given, t) for t in ("ext/e -> a/y:80", "a/y -> ext/e:80", "a/y -> node/2:80")]


def test_s21_a_relabelled_namespace_counts_anew() -> None:
    """Peers follow the labels that a namespace has now."""
    given = state(*PODS, policy("a/p", ingress=[rule(peer(namespaces="team=b"))]), namespaces=NAMESPACES)
    moved = given.after(LabelNamespace(namespace="b", labels={"team": None}))
    assert [ALLOWED, DENIED] == [ruling(s, "b/x -> a/y:80") for s in (given, moved)]


def test_s22_a_relabelled_pod_counts_anew() -> None:
    """Peers follow the labels that a pod has now."""
    given = state(*PODS, policy("a/p", "app=y", ingress=[rule(peer("app=x"))]))
    moved = given.after(LabelPod(pod=PodRef("a", "bare"), labels={"app": "x"}))
    assert [DENIED, ALLOWED] == [ruling(s, "a/bare -> a/y:80") for s in (given, moved)]


def test_s23_a_pod_cannot_block_access_to_itself() -> None:
    """Its own address is open whatever its policies say."""
    found = judged(state(*PODS, policy("a/p", ingress=[], egress=[])), "a/x -> a/x:80")
    assert (ALLOWED, ()) == (found.ruling, found.sides)
    assert "semantics 23" in found.legs[0].exempt


@pytest.mark.parametrize("deny", [(), (policy("a/p", ingress=[], egress=[]),)], ids=["open", "isolated"])
def test_s23_a_pod_behind_its_own_service_is_left_open(deny: tuple[NetworkPolicy, ...]) -> None:
    """Hairpin through a Service depends on the plugin, with and without policies."""
    web = service("a/web", "app=x", target_port(80, 8080))
    found = judged(state(*PODS, web, *deny), "a/x -> svc/a/web:80")
    assert INDETERMINATE == found.ruling
    assert [(Topic.HAIRPIN, 23)] == [(d.topic, d.rule) for d in found.doubts]


def test_s38_peers_and_ports_count_within_their_rule() -> None:
    """Rule 1 for x on 80 and rule 2 for b on 81 allow neither x on 81 nor b on 80."""
    rules = [rule(peer("app=x"), port(80)), rule(peer(namespaces="team=b"), port(81))]
    given = state(*PODS, policy("a/p", "app=y", ingress=rules), namespaces=NAMESPACES)
    texts = ["a/x -> a/y:80", "a/x -> a/y:81", "b/x -> a/y:80", "b/x -> a/y:81"]
    assert [ALLOWED, DENIED, DENIED, ALLOWED] == [ruling(given, t) for t in texts]
