"""Selectors become the API server's answers: what is asked, and that nothing else decides which pods are taken."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from prober.cluster.lab.census import Census
from prober.model import (
    EVERYTHING,
    ClusterState,
    Direction,
    Family,
    IPBlock,
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Operator,
    Pod,
    PodPeer,
    PodRef,
    Requirement,
    Rule,
)
from tests.kube.selecting import query, resolved

_A, _B, _C = PodRef("x", "a"), PodRef("x", "b"), PodRef("y", "c")
_LABELLED = LabelSelector(match_labels={"app": "a"})


@pytest.mark.parametrize(
    ("expected", "selector"),
    [
        pytest.param("", EVERYTHING, id="everything"),
        pytest.param("app=a,tier=", LabelSelector(match_labels={"app": "a", "tier": ""}), id="equal"),
        pytest.param("k in (a,b)", (Operator.IN, "a", "b"), id="in"),
        pytest.param("k notin (a)", (Operator.NOT_IN, "a"), id="not-in"),
        pytest.param("k", (Operator.EXISTS,), id="exists"),
        pytest.param("!k", (Operator.DOES_NOT_EXIST,), id="does-not-exist"),
    ],
)
def test_query(expected: str, selector: LabelSelector | tuple[Operator, str]) -> None:
    """Each operator is asked for in the API's own words."""
    if not isinstance(selector, LabelSelector):
        operator, *values = selector
        selector = LabelSelector(expressions=(Requirement(key="k", operator=operator, values=tuple(values)),))
    assert expected == query(selector)


class _Server:
    """Answers with what a test says, whatever the labels are, and keeps the questions."""

    def __init__(self, **answers: list[PodRef]) -> None:
        self.asked: list[tuple[str, str]] = []
        self._answers = answers

    def __call__(self, path: str, selector: str) -> Iterable[tuple[str, str]]:
        self.asked.append((path, selector))
        return [
            (ref.namespace, ref.name)
            for ref in self._answers[path.split("/")[-1] if "/namespaces/" not in path else "own"]
        ]


def _state(policy: NetworkPolicy) -> ClusterState:
    pods = {
        ref: Pod(
            namespace=ref.namespace, name=ref.name, labels={"app": ref.name}, addresses={Family.IPV4: f"10.0.0.{n}"}
        )
        for n, ref in enumerate((_A, _B, _C))
    }
    return ClusterState(namespaces={n: Namespace(name=n) for n in "xy"}, pods=pods, policies={policy.ref: policy})


def _policy(*peers: PodPeer | IPBlock, pods: LabelSelector = EVERYTHING) -> NetworkPolicy:
    types = frozenset({Direction.INGRESS})
    return NetworkPolicy(namespace="x", name="p", types=types, pods=pods, ingress=(Rule(peers=peers),))


def _taken(state: ClusterState) -> tuple[frozenset[PodRef], list[frozenset[PodRef]]]:
    """Return what the compiler will find: the policy's own pods, and the pods of each peer."""
    (policy,) = state.policies.values()
    census = Census(state)
    peers = [census.peers(policy.namespace, p) for p in policy.ingress[0].peers if isinstance(p, PodPeer)]
    return census.selected(policy.namespace, policy.pods), peers


def test_answer_decides_against_the_labels() -> None:
    """A policy takes the pods that the API server names, even where the model's selector takes another one."""
    server = _Server(own=[_B])
    subjects, _ = _taken(resolved(_state(_policy(pods=_LABELLED)), server))
    assert {_B} == subjects
    assert [("/api/v1/namespaces/x/pods", "app=a")] == server.asked


def test_no_pods_is_not_every_pod() -> None:
    """A selector that the API server answers with nothing takes nothing."""
    assert (frozenset(), [frozenset()]) == _taken(resolved(_state(_policy(PodPeer(pods=EVERYTHING))), _Server(own=[])))


@pytest.mark.parametrize(
    ("expected", "peer"),
    [
        pytest.param({_A}, PodPeer(pods=_LABELLED), id="own-namespace"),
        pytest.param({_C}, PodPeer(pods=_LABELLED, namespaces=EVERYTHING), id="pods-in-the-namespaces-named"),
        pytest.param({_C}, PodPeer(namespaces=_LABELLED), id="all-pods-of-the-namespaces-named"),
    ],
)
def test_peers(expected: set[PodRef], peer: PodPeer) -> None:
    """A peer is in the policy's namespace, or in those that the API server names; both selectors must take it."""
    server = _Server(own=[_A], pods=[_B, _C], namespaces=[PodRef("", "y")])
    assert [expected] == _taken(resolved(_state(_policy(peer)), server))[1]


def test_blocks_stay() -> None:
    """An address block is no selector."""
    import ipaddress

    block = IPBlock(cidr=ipaddress.IPv4Network("10.0.0.0/8"))
    (policy,) = resolved(_state(_policy(block)), _Server(own=[_A])).policies.values()
    assert (block,) == policy.ingress[0].peers


def test_asked_once() -> None:
    """The same selector in the same place is one question, however often it is written."""
    server = _Server(own=[_A])
    resolved(_state(_policy(PodPeer(pods=_LABELLED), PodPeer(pods=_LABELLED), pods=_LABELLED)), server)
    assert 1 == len(server.asked)
