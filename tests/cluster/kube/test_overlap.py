"""Tests of prober.cluster.kube.overlap: whose policies would let probe pods in."""

from __future__ import annotations

from typing import Any

import pytest

from prober.cluster.kube import KubeTarget
from prober.cluster.kube.ground import Ground
from prober.cluster.kube.naming import Naming
from prober.cluster.kube.objects import RUN_LABEL, Marks
from prober.cluster.kube.overlap import overlap
from prober.model import ClusterState, Namespace, Pod, Topology

TOPOLOGY = Topology(
    namespaces=(Namespace(name="shop", labels={"team": "shop"}),),
    pods=(Pod(namespace="shop", name="api", labels={"app": "api"}),),
)


def found(*peers: dict[str, Any], labels: dict[str, str] | None = None, **target: Any) -> str:
    words: Any = {"connection": None, "nodes": None}
    ground = Ground(
        target=KubeTarget(**target),
        naming=Naming({"shop": "pr-x-shop"}),
        marks=Marks(run="x", topology="x-1", started=""),
        **words,
    )
    live = {
        "metadata": {"name": "db", "namespace": "prod", "labels": labels or {}, "uid": "u"},
        "spec": {"podSelector": {}, "ingress": [{"from": [*peers]}]},
    }
    return overlap([live], ground, ClusterState.of(TOPOLOGY))


API = {"podSelector": {"matchLabels": {"app": "api"}}}
ANYWHERE: dict[str, Any] = {"namespaceSelector": {}}


@pytest.mark.parametrize(
    ("expected", "peer"),
    [
        pytest.param(True, {**ANYWHERE, **API}, id="pods-of-any-namespace"),
        pytest.param(True, {"namespaceSelector": {"matchLabels": {"team": "shop"}}}, id="namespace"),
        pytest.param(False, API, id="its-own-namespace"),
        pytest.param(False, ANYWHERE, id="everybody"),
        pytest.param(False, {**ANYWHERE, "podSelector": {"matchLabels": {"app": "web"}}}, id="other-pods"),
        pytest.param(False, {"namespaceSelector": {"matchLabels": {"team": "web"}}, **API}, id="other-namespaces"),
        pytest.param(
            False, {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}, id="its-name"
        ),
        pytest.param(False, {"ipBlock": {"cidr": "0.0.0.0/0"}}, id="addresses"),
    ],
)
def test_selected_as_a_peer(expected: bool, peer: dict[str, Any]) -> None:
    """A pod counts as let in where its labels and its namespace's are what the policy chooses, under real names."""
    assert expected == bool(found(peer))


def test_message_names_policy_pod_and_remedy() -> None:
    """The refusal says whose policy it is, which pod it lets in, and what to do."""
    said = found({**ANYWHERE, **API})
    assert "prod/db of this cluster would let the pod shop/api in" in said
    assert "--allow-label-overlap" in said


def test_labels_of_the_run_count_and_its_own_policies_do_not() -> None:
    """Labels that the user gives the namespaces can be selected too; policies of runs are nobody's."""
    team = {"namespaceSelector": {"matchLabels": {"owner": "net"}}}
    assert not found(team)
    assert found(team, namespace_labels={"owner": "net"})
    assert not found({**ANYWHERE, **API}, labels={RUN_LABEL: "y"})
