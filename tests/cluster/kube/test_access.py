"""Tests of manifests/: the account there can do all that a run needs, needs all that it can do, and can do no more."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
import yaml

from prober.cluster.kube import Kubernetes, alive
from prober.cluster.kube.connection import ApiError, Connection
from prober.model import AddPod, ApplyPolicy, DeletePolicy, LabelNamespace, LabelPod, Pod, RemovePod
from prober.outcomes import Status
from tests.cluster.kube import crds
from tests.cluster.kube.proving import proved, reach, scenario, target
from tests.cluster.kube.test_live import FROM_SHOP, TOPOLOGY, A
from tests.kube.cluster import Cluster
from tests.kube.presence import until

pytestmark = pytest.mark.kube

MANIFESTS = Path(__file__).parents[3] / "manifests"
Rule = tuple[str, str, str]  # group, resource, verb

_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "PriorityClass": "/apis/scheduling.k8s.io/v1/priorityclasses",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
    "CronJob": "/apis/batch/v1/namespaces/{namespace}/cronjobs",
}


def manifest(name: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all((MANIFESTS / name).read_text()) if one]


@pytest.fixture
def account(kube_steered: Cluster, tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig of the account in manifests/, on a cluster that has them all."""
    files = ("rbac.yaml", "confine.yaml", "priority.yaml", "nightly.yaml")
    everything = [one for file in files for one in manifest(file)]
    with kube_steered.api() as api:
        for one in everything:
            api.post(_collection(one), one)
        path = "/api/v1/namespaces/prober/serviceaccounts/prober/token"
        token = api.post(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
        config = json.loads(kube_steered.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token["status"]["token"]}
        file = tmp_path / "kubeconfig"
        file.write_text(json.dumps(config))
    yield file
    with kube_steered.api() as api:
        for one in everything:
            if one["kind"] not in ("ServiceAccount", "CronJob"):
                api.delete(f"{_collection(one)}/{one['metadata']['name']}")
    until(lambda: not _has_namespace(kube_steered), "the end of namespace prober")


def _collection(one: dict[str, Any]) -> str:
    return _PATHS[one["kind"]].format(namespace=one["metadata"].get("namespace"))


def _has_namespace(cluster: Cluster) -> bool:
    with cluster.api() as api:
        return bool(api.get("/api/v1/namespaces", {"labelSelector": "kubernetes.io/metadata.name=prober"})["items"])


def needed(method: str, url: str) -> Rule:
    """Return the rule that the API server asks for a request."""
    parts = urlsplit(url)
    found = re.fullmatch(
        r"/(?:api|apis/(?P<group>[^/]+))/[^/]+(?:/namespaces/[^/]+(?=/))?/(?P<what>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?",
        parts.path,
    )
    if found is None:
        return ("", parts.path, method)
    verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(method)
    verb = verb or ("watch" if "watch=1" in parts.query else "get" if found["name"] else "list")
    return (found["group"] or "", found["what"] + (f"/{found['sub']}" if found["sub"] else ""), verb)


class Recorder:
    """Remembers what was asked; the answer to the first creation of each kind gets lost on its way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: set[Rule] = set()
        self.lost: set[Rule] = set()
        request, begin = urllib3.PoolManager.request, Connection.exec

        def recorded(pool: urllib3.PoolManager, method: str, url: str, **more: Any) -> Any:
            response = request(pool, method, url, **more)
            rule = needed(method, url)
            self.asked.add(rule)
            if method == "POST" and rule not in self.lost and response.status < 300:
                self.lost.add(rule)
                response.close()
                raise urllib3.exceptions.ProtocolError("lost")
            return response

        def executed(connection: Connection, *what: Any) -> Any:
            self.asked.add(("", "pods/exec", "get"))
            return begin(connection, *what)

        monkeypatch.setattr(urllib3.PoolManager, "request", recorded)
        monkeypatch.setattr(Connection, "exec", executed)


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
    allowed = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }

    with crds.defined(kube_steered, crds.EVERY):
        everything(reach(kube_steered, kubeconfig=str(account)))

    either_way = {("", "pods/exec", "create")}  # what other servers and clients ask for instead of get
    assert allowed - either_way == {rule for rule in recorder.asked if not rule[1].startswith("/")}


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
