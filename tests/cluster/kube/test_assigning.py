"""Tests of which scenarios can use namespaces that somebody else made, against an API in memory."""

from __future__ import annotations

from typing import Any, cast

import pytest

from prober.cluster.kube import given
from prober.cluster.kube.connection import ApiError, Connection
from prober.errors import ClusterError
from prober.model import Namespace, Pod, Topology

SHOP = Topology(namespaces=(Namespace(name="shop", labels={"team": "shop"}), Namespace(name="bank")))


class Api:
    """Knows the labels of some namespaces; of others it says why not."""

    def __init__(self, **labels: dict[str, str] | int) -> None:
        self.labels = labels

    def get(self, path: str) -> dict[str, Any]:
        found = self.labels.get(path.rpartition("/")[2], 404)
        if isinstance(found, int):
            raise ApiError(f"GET {path}", found, "", "no")
        return {"metadata": {"labels": found}}


def lacking(*needs: str, topology: Topology = SHOP, names: tuple[str, ...] = ("a", "b"), **labels: Any) -> str:
    return given.lacking(cast("Connection", Api(**{"b": {}, **labels})), needs, topology, names)


def test_namespaces_are_taken_in_order() -> None:
    """The scenario's first is the first that was given; what is left over is not used."""
    assert {"shop": "a", "bank": "b"} == given.assigned(SHOP, ("a", "b", "c"))
    with pytest.raises(ClusterError, match=r"needs 2 namespaces \(shop, bank\), and --namespaces names 1"):
        given.assigned(SHOP, ("a",))


def test_labels_must_be_there_already() -> None:
    """A label that the scenario asks for and the namespace lacks is the reason of a skip; others do no harm."""
    assert "" == lacking(a={"team": "shop", "more": "x"})
    assert "needs the label team=shop on namespace a, which stands for shop" == lacking(a={"team": "other"})


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("and --namespaces names 1", {"names": ("a",)}),
        ("which this account may not get", {"a": 403}),
        ("in their node's network", {"topology": Topology(pods=(Pod(namespace="x", name="y", host_network=True),))}),
    ],
)
def test_what_given_namespaces_cannot_be_is_a_skip(words: str, why: dict[str, Any]) -> None:
    """Too few, labels that nobody may read, pods that need privilege: the reason is said."""
    assert words in lacking(**{"a": {"team": "shop"}, **why})


def test_given_namespaces_are_not_relabelled() -> None:
    """A scenario whose steps label namespaces needs some of its own."""
    assert "stay as they are" in lacking("namespace-labels", a={"team": "shop"})


def test_namespace_that_is_not_there_is_an_error() -> None:
    """A name that was mistyped is no reason to skip."""
    with pytest.raises(ClusterError, match="--namespaces: there is no namespace a"):
        lacking(a=404)
