"""Tests of `--namespaces` on a real cluster: an account with Roles alone, in namespaces that somebody else made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prober import canary
from prober.cluster.kube import Kubernetes, alive, connect
from prober.errors import ClusterError
from prober.model import AddPod, ApplyPolicy, DeletePolicy, LabelPod, Pod, RemovePod, Topology
from prober.outcomes import Status
from tests.cluster.kube import crds
from tests.cluster.kube.accounts import Recorder, collection, login, manifest, rules
from tests.cluster.kube.proving import QUICK, proved, scenario, target
from tests.cluster.kube.test_live import FROM_SHOP, TOPOLOGY, A
from tests.kube.api import Api
from tests.kube.cluster import Cluster
from tests.kube.presence import until

pytestmark = pytest.mark.kube

GIVEN = ("team-a", "team-b", "team-c")
TEAM_B = {"namespaceSelector": {"matchLabels": {"own": "team-b"}}}  # which no scenario asks for
EITHER_WAY = {("", "pods/exec", "create")}  # what other servers and clients ask for instead of get
_MADE = ("/apis/batch/v1/namespaces/{}/jobs", "/api/v1/namespaces/{}/pods", "/api/v1/namespaces/{}/services",
         "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
         "/apis/coordination.k8s.io/v1/namespaces/{}/leases")  # fmt: skip


@pytest.fixture
def roles(kube_steered: Cluster, tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig of an account that has the Role of manifests/ in three namespaces, and no other right."""
    everything = [one for one in manifest("rbac.yaml") if one["kind"] in ("Namespace", "ServiceAccount")]
    with kube_steered.api() as api:
        for name in GIVEN:
            api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": {"team": "shop", "own": name}}})
            for one in manifest("role.yaml"):
                api.post(collection(one, name), one)
        for one in everything:
            api.post(collection(one), one)
        file = login(api, kube_steered, tmp_path / "kubeconfig")
    yield file
    names = {*GIVEN, "prober"}
    with kube_steered.api() as api:
        for name in names:
            api.delete(f"/api/v1/namespaces/{name}")
        until(lambda: not names & {n["metadata"]["name"] for n in api.get("/api/v1/namespaces")["items"]}, "their end")


@pytest.fixture
def look(kube_steered: Cluster) -> Iterator[None]:
    """The Roles that show who answers look-ups."""
    with kube_steered.api() as api:
        for one in manifest("role-look.yaml"):
            api.post(collection(one), one)
    yield
    with kube_steered.api() as api:
        for one in manifest("role-look.yaml"):
            api.delete(f"{collection(one)}/{one['metadata']['name']}")


def given(cluster: Cluster, roles: Path, **changes: Any) -> Kubernetes:
    """Connect with the account; it cannot wait for nodes that it may not see."""
    return connect(target(cluster, kubeconfig=str(roles), namespaces=GIVEN, **changes))


def made(api: Api) -> list[str]:
    """Return what of a run is in the namespaces."""
    places = [path.format(name) for path in _MADE for name in GIVEN]
    return [o["metadata"]["name"] for p in places for o in api.get(p, {"labelSelector": "prober/run"})["items"]]


def labels(api: Api) -> list[Any]:
    found = [api.get(f"/api/v1/namespaces/{name}")["metadata"] for name in GIVEN]
    return [(m["labels"], m["uid"], m.get("annotations")) for m in found]


@pytest.mark.usefixtures("look")
def test_each_rule_of_the_roles_is_needed(roles: Path, kube_steered: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run uses every verb of the Roles in manifests/, and leaves the namespaces as they were."""
    monkeypatch.setattr(alive, "_EVERY", 0.2)
    with kube_steered.api() as api, crds.defined(kube_steered, [k for k in crds.EVERY if k[3]]):
        before = labels(api)
        recorder = Recorder(monkeypatch)
        kubernetes = given(kube_steered, roles)
        with kubernetes.make() as cluster:
            cluster.lacks((), TOPOLOGY)
            cluster.open(TOPOLOGY)
            cluster.apply(ApplyPolicy(policy=FROM_SHOP))
            cluster.apply(ApplyPolicy(policy=FROM_SHOP))
            cluster.apply(LabelPod(pod=A, labels={"x": "y"}))
            late = Pod(namespace="shop", name="late")
            cluster.apply(AddPod(pod=late))
            cluster.apply(RemovePod(pod=late.ref))
            cluster.identities()
            cluster.ready()
            cluster.evidence()
            cluster.remarks()
            assert [True] == [run.alive for run in kubernetes.leftovers("")]
            time.sleep(3 * alive._EVERY)
            cluster.apply(DeletePolicy(policy=FROM_SHOP.ref))
        kubernetes.close()
        assert ([], before) == (made(api), labels(api))

    asked = {place: {rule for where, rule in recorder.places if where == place} for place, _ in recorder.places}
    (role,) = (one for one in manifest("role.yaml") if one["kind"] == "Role")
    looks = {one["metadata"]["namespace"]: rules(one) for one in manifest("role-look.yaml") if one["kind"] == "Role"}
    assert rules(role) - EITHER_WAY == set().union(*(asked.pop(name) for name in GIVEN))
    assert looks == {place: found for place, found in asked.items() if place}


def test_roles_alone_prove_scenarios(roles: Path, kube_steered: Cluster) -> None:
    """Canary and scenario are proved without any right beyond the namespaces, and what is not seen is said."""
    kubernetes = given(kube_steered, roles)
    nodes = kubernetes.nodes()
    result = proved(kubernetes, [scenario()], replace(QUICK, jobs=1), canaries=canary.canaries(len(nodes.usable)))
    kubernetes.close()

    assert ({"n1", "n2"}, True) == ({n["metadata"]["name"] for n in nodes.usable}, "may not list" in nodes.unseen)
    assert [Status.PASS] * 2 == [s.status for s in result.scenarios], result.scenarios
    said = " ".join(result.scenarios[1].remarks)
    assert "look-ups and names are left open: GET /api/v1/namespaces/kube-system/" in said
    assert "flows to the API server are left open: GET " in said
    assert "whether policies in other namespaces take probe pods for their peers is hidden from this account" in said
    assert 0 == result.exit_code()
    with kube_steered.api() as api:
        assert [] == made(api)


def test_namespaces_that_others_use_are_refused(roles: Path, kube_steered: Cluster) -> None:
    """One run at a time has a namespace, none has one with pods of others, or one whose labels are let in somewhere."""
    first, second = given(kube_steered, roles, run_id="first"), given(kube_steered, roles, run_id="second")
    one, other = first.make(), second.make()
    second.nodes()
    one.open(Topology(namespaces=TOPOLOGY.namespaces))
    with pytest.raises(ClusterError, match="namespace team-a is in use by run first"):
        other.open(Topology(namespaces=TOPOLOGY.namespaces))
    other.close()
    assert [("first", True)] == [(run.run, run.alive) for run in second.leftovers("")]
    one.close()

    with kube_steered.api() as api:
        own = {"metadata": {"name": "real"}, "spec": {"podSelector": {}, "ingress": [{"from": [TEAM_B]}]}}
        real = api.post("/apis/networking.k8s.io/v1/namespaces/default/networkpolicies", own)
        overlooked = connect(target(kube_steered, namespaces=GIVEN)).make()
        with pytest.raises(ClusterError, match="default/real of this cluster would let the pod bank/b in"):
            overlooked.open(TOPOLOGY)
        overlooked.close()
        api.delete(f"/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/{real['metadata']['name']}")
        spec = {"containers": [{"name": "c", "image": "registry.invalid/theirs:1"}]}
        api.post("/api/v1/namespaces/team-b/pods", {"metadata": {"name": "theirs"}, "spec": spec})
        with pytest.raises(ClusterError, match="namespace team-b has a pod that is not this run's, theirs"):
            other.open(TOPOLOGY)
        other.close()
        assert [] == made(api)
    first.close()
    second.close()


def test_what_a_run_leaves_in_given_namespaces_is_found(roles: Path, kube_steered: Cluster) -> None:
    """A run that was killed is known by its label, removed object by object; what it did not make stays."""
    kubernetes = given(kube_steered, roles, run_id="killed", keep=True)
    kubernetes.nodes()
    cluster = kubernetes.make()
    cluster.open(TOPOLOGY)
    cluster.close()  # keeps all
    with kube_steered.api() as api:
        lease = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/prober"
        api.post("/api/v1/namespaces/team-a/configmaps", {"metadata": {"name": "theirs"}})
        for name in GIVEN[:2]:
            api.patch(lease.format(name), {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}})
        with pytest.raises(ClusterError, match="--namespaces team-a,team-b,team-c --run killed"):
            given(kube_steered, roles, run_id="next").nodes()
        (left,) = kubernetes.leftovers("killed")
        kubernetes.clean(left)
        until(lambda: made(api) == [], "its end")
        assert "theirs" in [c["metadata"]["name"] for c in api.get("/api/v1/namespaces/team-a/configmaps")["items"]]
    kubernetes.close()
