"""Tests of prober.cluster.kube.engines."""

from __future__ import annotations

from typing import Any

import pytest

from prober.cluster.kube.engines import KNOWN, NAMESPACES, Known, found_in
from prober.evidence import EngineOnNode, Image


def pod(owner: str, namespace: str = "kube-system", *, kind: str = "DaemonSet", ready: bool = True) -> dict[str, Any]:
    digest = f"registry/{owner}@sha256:1"
    return {
        "metadata": {
            "name": f"{owner}-x7",
            "namespace": namespace,
            "ownerReferences": [{"kind": kind, "name": owner, "controller": True}],
        },
        "spec": {"nodeName": "n1"},
        "status": {
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": "agent", "image": f"{owner}:v3", "imageID": digest}],
        },
    }


@pytest.mark.parametrize("known", KNOWN, ids=lambda k: k.daemon_set)
def test_each_known_engine_is_found_by_its_daemon_set(known: Known) -> None:
    """A pod of the DaemonSet in a namespace of its own is the engine, with the digest of what it runs."""
    for namespace in known.namespaces:
        (found,) = found_in([pod(known.daemon_set, namespace)])

        image = Image(container="agent", image=f"{known.daemon_set}:v3", digest=f"registry/{known.daemon_set}@sha256:1")
        assert found == EngineOnNode(
            node="n1", engine=known.name, pod=f"{namespace}/{known.daemon_set}-x7", ready=True, images=(image,)
        )


def test_other_pods_are_none() -> None:
    """Neither another controller of that name, nor the name in another namespace, nor another name is an engine."""
    strangers = [pod("calico-node", kind="ReplicaSet"), pod("calico-node", "shop"), pod("kube-proxy")]
    bare = {**pod("cilium"), "metadata": {"name": "cilium-1", "namespace": "kube-system"}}

    assert () == found_in([*strangers, bare])


def test_engine_that_is_not_ready_says_so() -> None:
    """An agent that is there and not ready is the commonest reason why a node does not enforce."""
    assert [False] == [e.ready for e in found_in([pod("cilium", ready=False)])]


def test_table_is_sound() -> None:
    """No DaemonSet stands for two engines, every row says where it is known from, and all namespaces are asked."""
    assert len(KNOWN) == len(
        {(k.daemon_set, n) for k in KNOWN for n in k.namespaces} & {(k.daemon_set, k.namespaces[0]) for k in KNOWN}
    )
    assert all(k.source.startswith("https://") and "." in k.source for k in KNOWN)
    assert {n for k in KNOWN for n in k.namespaces} == set(NAMESPACES)
