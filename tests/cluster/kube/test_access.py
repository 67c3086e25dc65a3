"""Tests of manifests/: the account there can do all that a run needs, needs all that it can do, and can do no more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.cluster.kube import Kubernetes, alive
from prober.cluster.kube.connection import ApiError, Connection
from prober.model import AddPod, ApplyPolicy, DeletePolicy, LabelNamespace, LabelPod, Pod, RemovePod
from prober.outcomes import Status
from tests.cluster.kube import crds
from tests.cluster.kube.accounts import Recorder, collection, login, manifest, rules
from tests.cluster.kube.proving import proved, reach, scenario, target
from tests.cluster.kube.test_live import FROM_SHOP, TOPOLOGY, A
from tests.kube.cluster import Cluster
from tests.kube.presence import until

pytestmark = pytest.mark.kube


@pytest.fixture
def account(kube_steered: Cluster, tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig of the account in manifests/, on a cluster that has them all."""
    files = ("rbac.yaml", "confine.yaml", "priority.yaml", "nightly.yaml")
    everything = [one for file in files for one in manifest(file)]
    with kube_steered.api() as api:
        for one in everything:
            api.post(collection(one), one)
        file = login(api, kube_steered, tmp_path / "kubeconfig")
    yield file
    with kube_steered.api() as api:
        for one in everything:
            if one["kind"] not in ("ServiceAccount", "CronJob"):
                api.delete(f"{collection(one)}/{one['metadata']['name']}")
    until(lambda: not _has_namespace(kube_steered), "the end of namespace prober")


def _has_namespace(cluster: Cluster) -> bool:
    with cluster.api() as api:
        return bool(api.get("/api/v1/namespaces", {"labelSelector": "kubernetes.io/metadata.name=prober"})["items"])


def everything(kubernetes: Kubernetes) -> None:
    """Do all that a run can do."""
    with kubernetes.make() as cluster:
        cluster.open(TOPOLOGY)
        cluster.apply(ApplyPolicy(policy=FROM_SHOP))
        cluster.apply(ApplyPolicy(policy=FROM_SHOP))
        cluster.apply(LabelPod(pod=A, labels={"x": "y"}))
        cluster.apply(LabelNamespace(namespace="shop", labels={"x": "y"}))
        late = Pod(namespace="shop", name="late")
        cluster.apply(AddPod(pod=late))
        cluster.apply(RemovePod(pod=late.ref))
        cluster.identities()
        cluster.evidence()
        cluster.remarks()
        assert [True] == [run.alive for run in kubernetes.leftovers("")]
        time.sleep(3 * alive._EVERY)
        cluster.apply(DeletePolicy(policy=FROM_SHOP.ref))
    kubernetes.remarks()
    kubernetes.close()


def test_account_can_do_what_it_needs_and_needs_what_it_can_do(
    account: Path, kube_steered: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every verb of the ClusterRole is used by a run with that account, and no other; lost answers included."""
    monkeypatch.setattr(alive, "_EVERY", 0.2)
    recorder = Recorder(monkeypatch)
    (role,) = (one for one in manifest("rbac.yaml") if one["kind"] == "ClusterRole")
    with crds.defined(kube_steered, crds.EVERY):
        everything(reach(kube_steered, kubeconfig=str(account)))

    either_way = {("", "pods/exec", "create")}  # what other servers and clients ask for instead of get
    assert rules(role) - either_way == recorder.asked


def test_confined_account_proves_scenarios(account: Path, kube_steered: Cluster) -> None:
    """A run is green with the account, its confinement and the priority that preempts nobody."""
    kubernetes = reach(kube_steered, kubeconfig=str(account))

    result = proved(kubernetes, [scenario()])
    kubernetes.close()

    assert [Status.PASS] == [s.status for s in result.scenarios]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/namespaces", {"metadata": {"name": "theirs"}}),
        ("DELETE", "/api/v1/namespaces/kube-node-lease", None),
        ("PATCH", "/api/v1/namespaces/default", {"metadata": {"labels": {"prober/run": "x"}}}),
        (
            "POST",
            "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
            {"metadata": {"name": "deny"}, "spec": {"podSelector": {}}},
        ),
    ],
    ids=["namespace-without-label", "delete-theirs", "label-theirs", "policy-in-theirs"],
)
def test_confined_account_can_touch_nothing_else(
    method: str, path: str, body: object, account: Path, kube_steered: Cluster
) -> None:
    """What no run made is out of the account's reach, though its ClusterRole would allow it."""
    connection = Connection(target(kube_steered, kubeconfig=str(account)))
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"

    def refused() -> str:
        try:
            connection.send(method, f"{path}?dryRun=All", body, kind=kind)
        except ApiError as error:
            return error.message
        return ""

    until(lambda: "prober may change only" in refused(), "the confinement to be in force")
    connection.close()


def test_confined_account_enters_no_other_pod(account: Path, kube_steered: Cluster) -> None:
    """An exec into a pod of somebody else is refused."""
    with kube_steered.api() as api:
        (dns,) = api.get("/api/v1/namespaces/kube-system/pods", {"labelSelector": "k8s-app=kube-dns"})["items"]
    connection = Connection(target(kube_steered, kubeconfig=str(account)))

    def refused() -> str:
        try:
            connection.exec("kube-system", dns["metadata"]["name"], "coredns", ("true",)).shutdown()  # type: ignore[no-untyped-call]
        except ApiError as error:
            return error.message
        return ""

    until(lambda: "prober may change only" in refused(), "the confinement to be in force")
    connection.close()
