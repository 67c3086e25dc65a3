"""Tests of the nodes that an account may or may not list, against an API in memory; scouts run in test_given."""

from __future__ import annotations

from typing import Any, cast

import pytest

from prober.cluster.kube import fitting, scouting
from prober.cluster.kube.connection import ApiError, Connection
from prober.cluster.kube.reading import Nodes
from prober.cluster.kube.scouting import NodeList
from prober.cluster.kube.target import KubeTarget
from prober.errors import ClusterError
from prober.model import Topology


def node(name: str, uid: str = "", **spec: object) -> dict[str, Any]:
    """Return a node as the API has it."""
    ready = {"type": "Ready", "status": "True"}
    return {"metadata": {"name": name, "uid": uid or name}, "spec": spec, "status": {"conditions": [ready]}}


NODE = node("a")
SCOUTED = Nodes(usable=(NODE,), left_out={}, all=(NODE,), unseen="this account may not list them")


class Api:
    """Lists its nodes, or says why not."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.nodes = [NODE]
        self.asked = 0

    def get(self, path: str, *_: object, **__: object) -> dict[str, Any]:
        self.asked += 1
        if self.status != 200:
            raise ApiError(f"GET {path}", self.status, "", "no")
        return {"items": self.nodes}


def listed(api: Api, *namespaces: str) -> NodeList:
    return NodeList(cast("Connection", api), KubeTarget(namespaces=namespaces), "2026-01-01T00:00:00+00:00")


@pytest.fixture
def scouts(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note who is sent out."""
    sent: list[object] = []

    def scouted(*what: object) -> Nodes:
        sent.append(what)
        return SCOUTED

    monkeypatch.setattr(scouting, "_scouted", scouted)
    return sent


def test_nodes_are_read_anew(scouts: list[object]) -> None:
    """A node may be cordoned meanwhile: who may list them does so each time."""
    api = Api()
    nodes = listed(api, "x")
    assert ["a", "a"] == [nodes.read().name(1), nodes.read().name(1)]
    assert (2, []) == (api.asked, scouts)


def test_nodes_that_come_later_are_left_out(scouts: list[object]) -> None:
    """Proof rule 10: a node that the canary did not prove gets no pods, be it new, or another of a known name."""
    api = Api()
    nodes = listed(api)
    api.nodes = [node("a"), node("b"), node("c", unschedulable=True)]
    assert {"c": "is cordoned"} == nodes.read().left_out
    api.nodes = [node("a"), node("b", uid="another"), node("c"), node("d")]
    late = "was not usable when the run began, so no canary proved it"
    found = nodes.read()
    assert ({"b": late, "c": late, "d": late}, ["a"]) == (found.left_out, [n["metadata"]["name"] for n in found.usable])
    api.nodes = [node("a", unschedulable=True), node("b")]
    found = nodes.read()
    assert ({"a": "is cordoned"}, "b") == (found.left_out, found.name(1))


def test_scouts_are_sent_once(scouts: list[object]) -> None:
    """Who may not list the nodes learns of two by pods of its own, once for all topologies."""
    nodes = listed(Api(403), "x")
    assert [SCOUTED, SCOUTED] == [nodes.read(), nodes.read()]
    assert 1 == len(scouts)


@pytest.mark.parametrize(("status", "namespaces"), [(403, ()), (500, ("x",))])
def test_what_hides_nodes_elsewhere_is_an_error(status: int, namespaces: tuple[str, ...], scouts: list[object]) -> None:
    """An account that makes namespaces must see nodes, and a server that fails hides nothing."""
    with pytest.raises(ClusterError):
        listed(Api(status), *namespaces).read()
    assert [] == scouts


def test_second_node_that_is_not_seen_is_the_reason_of_a_skip() -> None:
    """Where the scheduler had no second node for a scout, a scenario for two cannot run, and the reason is said."""
    assert "needs two nodes: this account may not list them" == fitting.lacking(
        ("two-nodes",), Topology(), SCOUTED, KubeTarget()
    )
