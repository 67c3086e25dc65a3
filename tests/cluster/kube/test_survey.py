"""Tests of prober.cluster.kube.survey on a real Kubernetes: what an auditor is told is what the API server says."""

from __future__ import annotations

import hashlib
import json
import platform

import pytest

from prober.cluster.kube.reading import nodes_of
from prober.cluster.kube.survey import survey
from prober.cluster.kube.waiting import items
from prober.evidence import plain, read
from tests.cluster.kube.proving import proved, reach, scenario, target
from tests.kube.cluster import Cluster

pytestmark = pytest.mark.kube


def test_survey_is_what_the_api_server_says(kube_nft: Cluster) -> None:
    """UID, version, user, nodes and clock are the cluster's own; that no engine is known is said, not hidden."""
    kubernetes = reach(kube_nft)
    try:
        settings = target(kube_nft)
        nodes = nodes_of(items(kubernetes.connection, "/api/v1/nodes"), settings)
        found = survey(kubernetes.connection, settings, nodes)
    finally:
        kubernetes.close()
    with kube_nft.api() as api:
        uid = api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
        kernels = {
            n["metadata"]["name"]: n["status"]["nodeInfo"]["kernelVersion"] for n in api.get("/api/v1/nodes")["items"]
        }

    assert (uid, kube_nft.context, "admin") == (found.cluster.uid, found.cluster.context, found.by.user)
    assert kernels == {n.name: n.kernel for n in found.nodes}
    assert {platform.release()} == {*kernels.values()}
    assert 2 > abs(found.clocks[0].offset), "the cluster runs on this machine"
    assert ["engines"] == [u.partition(":")[0] for u in found.unknown]
    assert found == read(plain(found))


def test_run_tells_policies_as_stored_and_the_images_of_its_pods(kube_nft: Cluster) -> None:
    """Each applied policy stands there in the cluster's own names, with the hash of what decides, and the digest of
    every image that a probe ran.
    """
    kubernetes = reach(kube_nft)
    try:
        result = proved(kubernetes, [scenario()])
    finally:
        kubernetes.close()
    (policy,) = result.evidence.policies
    metadata = policy.stored["metadata"]
    kept = {"labels": metadata["labels"], "name": "deny", "namespace": metadata["namespace"]}
    decides = json.dumps({"metadata": kept, "spec": policy.stored["spec"]}, sort_keys=True, separators=(",", ":"))

    assert ("two.scenario.yaml", 1, "bank/deny") == (policy.scenario, policy.step, policy.policy)
    assert metadata["namespace"].startswith("pr-")
    assert metadata["uid"]
    assert "managedFields" not in metadata
    assert hashlib.sha256(decides.encode()).hexdigest() == policy.sha256
    assert all("sha256:" in image.digest for image in result.evidence.images)
    assert 2 <= sum(image.pods for image in result.evidence.images)
    assert [""] * 2 == [n.why for n in result.evidence.nodes]
