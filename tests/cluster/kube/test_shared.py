"""Tests of clusters on which a run is not alone: policies of operators and of other kinds, on a real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from prober.outcomes import Status
from tests.cluster.kube import crds
from tests.cluster.kube.proving import QUICK, once, proved, reach, scenario
from tests.kube.api import Api
from tests.kube.cluster import Cluster

pytestmark = pytest.mark.kube

_POLICIES = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"
# what many operators put into every namespace: all may come in from within it
WITHIN = {
    "metadata": {"name": "injected"},
    "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}], "policyTypes": ["Ingress"]},
}


@contextmanager
def operator(cluster: Cluster, run: str, namespace: str, make: Callable[[Api, str], object]) -> Iterator[None]:
    """Do something in a run's namespace as soon as it is there."""
    stop = threading.Event()

    def serve() -> None:
        with cluster.api() as api:
            while not stop.is_set():
                found = api.get("/api/v1/namespaces", {"labelSelector": f"prober/run={run}"})["items"]
                names = [n["metadata"]["name"] for n in found if n["metadata"]["name"].endswith(f"-{namespace}")]
                if names:
                    make(api, names[0])
                    return
                stop.wait(0.05)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_policy_that_an_operator_injects_counts(kube_nft: Cluster) -> None:
    """It is in force in the control already: named, part of every verdict, and what it denies is no proof."""
    kubernetes = reach(kube_nft, run_id="early")
    with operator(kube_nft, "early", "bank", lambda api, name: api.post(_POLICIES.format(name), WITHIN)):
        result = proved(kubernetes, [scenario()])
    kubernetes.close()

    (found,) = result.scenarios
    assert ("policies that this run did not make are in force, and count in every verdict: bank/injected",) == (
        found.remarks
    )
    told = {str(c.flow): c for step in found.steps if step.kind == "step" for c in step.cells}
    assert Status.UNKNOWN is told["shop/a -> bank/b:80"].status
    assert "bank/injected" in told["shop/a -> bank/b:80"].reason
    assert Status.PASS is told["bank/b -> shop/a:80"].status
    assert (3, "") == (result.exit_code(), found.trouble)


def test_policy_that_comes_late_is_named(kube_nft: Cluster) -> None:
    """It is no part of any verdict; where the control after the last step fails because of it, it is named there."""
    kubernetes = reach(kube_nft, run_id="later")

    def inject() -> None:
        with kube_nft.api() as api:
            found = api.get("/api/v1/namespaces", {"labelSelector": "prober/run=later"})["items"]
            (name,) = (n["metadata"]["name"] for n in found if n["metadata"]["name"].endswith("-bank"))
            api.post(_POLICIES.format(name), WITHIN)

    result = proved(kubernetes, [scenario()], replace(QUICK, settle=3), progress=once("step", inject))
    kubernetes.close()

    (found,) = result.scenarios
    assert ("policies that this run did not make came late, and count in no verdict: bank/injected",) == found.remarks
    assert 0 != result.exit_code()
    assert Status.PASS not in {c.status for c in found.cells if str(c.flow) == "shop/a -> bank/b:80"} - {
        c.status for step in found.steps if step.kind == "control" for c in step.cells
    }


def test_policies_of_other_kinds_are_named(kube_steered: Cluster) -> None:
    """What nobody judges is named: of the whole cluster by the run, of a scenario's namespaces by the scenario."""
    kinds = (crds.ADMIN, crds.CILIUM, crds.STAGED)
    with crds.defined(kube_steered, kinds) as api:
        api.post(crds.path(crds.ADMIN), crds.thing(crds.ADMIN, "everybody"))
        api.post(crds.path(crds.STAGED), crds.thing(crds.STAGED, "some-day"))
        kubernetes = reach(kube_steered, run_id="kinds")
        remarks = kubernetes.remarks()
        own = crds.thing(crds.CILIUM, "own")
        with operator(kube_steered, "kinds", "bank", lambda a, name: a.post(crds.path(crds.CILIUM, name), own)):
            result = proved(kubernetes, [scenario()])
        kubernetes.close()

    said = "policies that are not judged may change verdicts:"
    assert (f"{said} AdminNetworkPolicy (policy.networking.k8s.io): everybody",) == remarks
    assert (f"{said} CiliumNetworkPolicy (cilium.io): bank/own",) == result.scenarios[0].remarks
    assert 0 == result.exit_code()
