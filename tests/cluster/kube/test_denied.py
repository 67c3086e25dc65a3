"""Tests of what users' clusters refuse, on a real one: told within seconds in its own words, exit 3, all removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from prober.cluster.kube import connect
from tests.cluster.kube.proving import QUICK, proved, scenario, target
from tests.cluster.kube.test_live import TOPOLOGY, A, B, Opened
from tests.kube.api import Api, ApiError
from tests.kube.cluster import Cluster
from tests.kube.presence import until

pytestmark = pytest.mark.kube

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_QUOTED = ("qa", "qb", "qc")  # namespaces that are there before, and full
RUN = "denied"


@contextmanager
def quota(api: Api) -> Iterator[dict[str, Any]]:
    """Namespaces in which no pod has a place."""
    for name in _QUOTED:
        api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": {"team": "shop"}}})
        path = f"/api/v1/namespaces/{name}/resourcequotas"
        api.post(path, {"metadata": {"name": "small"}, "spec": {"hard": {"pods": "0"}}})
    until(
        lambda: all(
            api.get(f"/api/v1/namespaces/{n}/resourcequotas/small").get("status", {}).get("hard") for n in _QUOTED
        ),
        "the quotas",
    )
    try:
        yield {"namespaces": _QUOTED}
    finally:
        for name in _QUOTED:
            api.delete(f"/api/v1/namespaces/{name}")


def admission(resource: str) -> Callable[[Api], AbstractContextManager[dict[str, Any]]]:
    """Return what lets nobody make such an object for the run."""

    @contextmanager
    def denying(api: Api) -> Iterator[dict[str, Any]]:
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}
        theirs = f'has(object.metadata.labels) && object.metadata.labels[?"prober/run"].orValue("") == "{RUN}"'
        spec = {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": f"!({theirs})", "message": "images must be signed"}],
        }
        policies, bindings = (
            f"{_ADMISSION}/validatingadmissionpolicies",
            f"{_ADMISSION}/validatingadmissionpolicybindings",
        )
        api.post(policies, {"metadata": {"name": "signed"}, "spec": spec})
        api.post(
            bindings, {"metadata": {"name": "signed"}, "spec": {"policyName": "signed", "validationActions": ["Deny"]}}
        )
        try:
            until(lambda: _refused(api, resource), "the admission policy to be in force")
            yield {}
        finally:
            api.delete(f"{bindings}/signed")
            api.delete(f"{policies}/signed")
            until(lambda: not _refused(api, resource), "the end of the admission policy")

    return denying


def _refused(api: Api, resource: str) -> bool:
    path = "/api/v1/namespaces" if resource == "namespaces" else f"/api/v1/namespaces/default/{resource}"
    spec = {} if resource == "namespaces" else {"containers": [{"name": "c", "image": "registry.invalid/x:1"}]}
    try:
        api.post(f"{path}?dryRun=All", {"metadata": {"name": "x", "labels": {"prober/run": RUN}}, "spec": spec})
    except ApiError as error:
        return "images must be signed" in str(error)
    return False


@contextmanager
def webhook(api: Api) -> Iterator[dict[str, Any]]:
    """A webhook that nobody answers, without which no pod of the run is admitted."""
    hook = {
        "name": "pods.example.org",
        "clientConfig": {"url": "https://127.0.0.1:1/"},  # of the API server's own network namespace: nobody listens
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "objectSelector": {"matchLabels": {"prober/run": RUN}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    path = f"{_ADMISSION}/validatingwebhookconfigurations"
    api.post(path, {"metadata": {"name": "dead"}, "webhooks": [hook]})
    try:
        yield {}
    finally:
        api.delete(f"{path}/dead")


@pytest.mark.parametrize(
    ("words", "refusing"),
    [
        ("exceeded quota: small", quota),
        ("images must be signed", admission("pods")),
        ("images must be signed", admission("namespaces")),
        ('failed calling webhook "pods.example.org"', webhook),
    ],
    ids=["quota", "pods", "namespaces", "webhook"],
)
def test_what_a_cluster_refuses_is_told_in_its_own_words(
    words: str, refusing: Callable[[Api], AbstractContextManager[dict[str, Any]]], kube_steered: Cluster
) -> None:
    """Quotas, admission policies and webhooks: no time-out, no verdict, and nothing is left."""
    with kube_steered.api() as api, refusing(api) as changes:
        kubernetes = connect(target(kube_steered, run_id=RUN, **changes))
        begin = time.monotonic()
        result = proved(kubernetes, [scenario()], replace(QUICK, jobs=1))
        took = time.monotonic() - begin
        kubernetes.close()

        (found,) = result.scenarios
        assert words in found.trouble
        assert (3, ()) == (result.exit_code(), found.steps)
        assert took < 45  # of which the webhook has 8 s, and the rest is a busy machine's
        assert [] == api.get("/apis/batch/v1/jobs", {"labelSelector": f"prober/run={RUN}"})["items"]
        assert [] == api.get("/api/v1/namespaces", {"labelSelector": f"prober/run={RUN}"})["items"]


def test_flags_reach_the_cluster(kube_steered: Cluster) -> None:
    """Taints, nodes, labels, a pull secret and the rate: what is asked for is what the cluster gets."""
    node = "/api/v1/nodes/n2"
    with kube_steered.api() as api:
        api.patch(node, {"spec": {"taints": [{"key": "pool", "value": "db", "effect": "NoSchedule"}]}})
        try:
            assert {"n2": "is tainted pool=db:NoSchedule"} == connect(target(kube_steered)).nodes().left_out
            chosen = connect(target(kube_steered, node_selector={"kubernetes.io/hostname": "n1"}))
            assert {"n2": "is not selected"} == chosen.nodes().left_out
            tolerant = connect(
                target(
                    kube_steered,
                    tolerations=({"key": "pool", "operator": "Exists"},),
                    namespace_labels={"owner": "net"},
                    pull_secret="registry",  # noqa: S106 - the name of one
                    rate=2.0,
                )
            )
            with tolerant.make() as cluster:
                opened = Opened(cluster, cluster.open(TOPOLOGY))
                (pod,) = (
                    p
                    for p in api.get("/api/v1/pods", {"labelSelector": "prober/run"})["items"]
                    if p["metadata"]["annotations"]["prober/pod"] == str(B)
                )
                assert ("n2", [{"name": "registry"}]) == (pod["spec"]["nodeName"], pod["spec"]["imagePullSecrets"])
                labels = api.get(f"/api/v1/namespaces/{pod['metadata']['namespace']}")["metadata"]["labels"]
                assert "net" == labels["owner"]
                begin = time.monotonic()
                for _ in range(3):
                    opened.sees(A, A)
                assert time.monotonic() - begin >= 2 / 2.0
            tolerant.close()
        finally:
            api.patch(node, {"spec": {"taints": None}})
