"""Tests of whole runs on a real Kubernetes: what is proved there, and that nothing that breaks on the way is a PASS."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from prober import canary
from prober.cluster.kube import connect, shell
from prober.cluster.kube import connection as door
from prober.outcomes import Status
from prober.progress import Progress
from prober.result import CellResult, RunResult
from tests.cluster.kube.proving import QUICK, TWO, once, proved, reach, scenario, seeds, target
from tests.kube.cluster import Cluster
from tests.kube.leftovers import left

pytestmark = pytest.mark.kube

SHORT = replace(QUICK, settle=4)


def statuses(result: RunResult) -> dict[str, Status]:
    return {s.name: s.status for s in result.scenarios}


def cells(result: RunResult, kind: str = "step") -> dict[str, CellResult]:
    return {str(c.flow): c for s in result.scenarios for step in s.steps if step.kind == kind for c in step.cells}


@pytest.mark.parametrize("deny", ["drop", "reject"])
def test_seeds_pass(deny: str, kube_steered: Cluster) -> None:
    """What ships with prober is proved on a cluster that drops and on one that rejects; nothing is left behind."""
    kube_steered.enforce(deny=deny)
    kubernetes = reach(kube_steered)

    result = proved(kubernetes, seeds(), replace(QUICK, settle=30), canaries=canary.canaries(2))
    kubernetes.close()

    found = statuses(result)
    assert {"external-egress": Status.SKIPPED} == {name: s for name, s in found.items() if s is not Status.PASS}
    assert 0 == result.exit_code()
    assert [] == left(kube_steered)


def test_nobody_enforces(kube_none: Cluster) -> None:
    """A cluster that stores policies and ignores them is found out by the canary, and nothing else is asked."""
    kubernetes = reach(kube_none)

    result = proved(kubernetes, [scenario()], SHORT, canaries=canary.canaries(2))
    kubernetes.close()

    assert 1 == result.exit_code()
    assert "nobody enforces" in result.trouble
    assert Status.SKIPPED == statuses(result)["two"]


@pytest.mark.parametrize("node", ["n1", "n2"])
def test_canary_names_the_node(node: str, kube_steered: Cluster) -> None:
    """One node that ignores egress policies is named, whichever it is."""
    kube_steered.enforce(fault="ignore-egress", nodes=(node,))
    kubernetes = reach(kube_steered)

    result = proved(kubernetes, [], SHORT, canaries=canary.canaries(2))
    kubernetes.close()

    assert 1 == result.exit_code()
    assert f"node {node} does not enforce egress" in result.trouble


def test_pod_that_is_killed_proves_nothing(kube_steered: Cluster) -> None:
    """A pod killed between the policies and the restore: its denied cells are UNKNOWN, and the run is not green. Its
    topology is given up: the next scenario gets another, and is green.
    """

    def kill() -> None:
        with kube_steered.api() as api:
            (pod,) = (
                p
                for p in api.get("/api/v1/pods", {"labelSelector": "prober/run"})["items"]
                if p["metadata"]["labels"].get("app") == "b"
            )
            api.delete(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}")

    kubernetes = reach(kube_steered)

    result = proved(kubernetes, [scenario(), scenario(name="next")], SHORT, progress=once("step", kill))
    kubernetes.close()

    assert ["its last control did not agree", ""] == [s.given_up for s in result.scenarios]
    assert ["", ""] == [s.took_over for s in result.scenarios]
    assert Status.PASS is result.scenarios[1].status
    found = cells(replace(result, scenarios=result.scenarios[:1]))
    denied = [c.status for c in found.values() if c.expected == "DENIED"]
    assert denied
    assert Status.PASS not in denied
    assert Status.LEAK not in denied
    assert 0 != result.exit_code()


def test_service_without_endpoints_proves_nothing(kube_nft: Cluster) -> None:
    """Where somebody takes a Service's backend away in a step kube-proxy refuses: that is no policy's denial."""
    text = scenario().texts["two.scenario.yaml"].replace('"shop/a -> name/b.bank:80"', '"shop/a -> svc/bank/b:80"')

    def label(value: str | None) -> None:
        with kube_nft.api() as api:
            pods = api.get("/api/v1/pods", {"labelSelector": "prober/run=bare"})["items"]
            (pod,) = (p for p in pods if p["metadata"]["annotations"]["prober/pod"] == "bank/b")
            path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
            api.patch(path, {"metadata": {"labels": {"app": value}}})

    away, back = once("step", lambda: label(None)), once("restore", lambda: label("b"))

    def tell(progress: Progress) -> None:
        away(progress)
        back(progress)

    kubernetes = reach(kube_nft, run_id="bare")
    result = proved(kubernetes, [scenario(text)], SHORT, progress=tell)
    kubernetes.close()

    found = cells(result)["shop/a -> svc/bank/b:80"]
    assert (Status.UNKNOWN, True) == (found.status, "svc/bank/b had no ready backend then" in found.reason), found
    assert Status.PASS is cells(result)["shop/a -> bank/b:80"].status
    assert {Status.PASS} == {c.status for c in cells(result, "restore").values()}


@pytest.mark.parametrize(("ends", "comes_back"), [("stop", "start"), ("pause", "resume")], ids=["killed", "hangs"])
def test_outage_is_waited_for(ends: str, comes_back: str, kube_steered: Cluster) -> None:
    """The API server away for 10 s in the middle of a round: the verdicts are right after it is back."""

    def cut() -> None:
        getattr(kube_steered.api_server, ends)()
        back = threading.Timer(10, getattr(kube_steered.api_server, comes_back))
        threads.append(back)
        back.start()

    threads: list[threading.Timer] = []
    kubernetes = reach(kube_steered)

    result = proved(kubernetes, [scenario()], progress=once("step", cut))
    for thread in threads:
        thread.join()
    kubernetes.close()

    assert {"two": Status.PASS} == statuses(result)
    assert 0 == result.exit_code()


def test_outage_for_good_ends_the_run(kube_steered: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server away for good: exit 3, what was seen is judged, and what is left is told with its remedy."""
    for module in (door, shell):
        monkeypatch.setattr(module, "AWAY", 3.0)
    kubernetes = reach(kube_steered)

    result = proved(kubernetes, [scenario()], progress=once("step", kube_steered.api_server.stop))
    kubernetes.connection.close()
    kube_steered.api_server.start()
    remains = left(kube_steered)
    with kube_steered.api() as api:
        for name in remains:
            api.delete(f"/api/v1/namespaces/{name}")

    assert remains
    assert 3 == result.exit_code()
    assert "is not reached" in result.scenarios[0].trouble
    assert "prober clean --cluster kube --run" in result.scenarios[0].trouble
    assert all(c.status is Status.PASS for c in cells(result, "control").values())
    assert Status.PASS not in {c.status for c in cells(result).values() if c.expected == "DENIED"}


def test_node_that_dies_proves_nothing(kube_steered: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kubelet that is gone answers no exec: its pods' cells give no result, and never a verdict."""
    monkeypatch.setattr(shell, "UNWILLING", 2.0)
    kubernetes = reach(kube_steered)

    result = proved(kubernetes, [scenario()], SHORT, progress=once("step", kube_steered.daemon("kubelet-n1").stop))
    assert "kubelet-n1" not in kube_steered.processes(), result.scenarios[0].trouble
    kube_steered.daemon("kubelet-n1").start()
    kubernetes.close()

    denied = [c.status for f, c in cells(result).items() if c.expected == "DENIED" and f.startswith("shop/a")]
    assert denied
    assert Status.PASS not in denied
    assert 3 == result.exit_code()


CHANGES = (
    TWO.partition("steps:")[0]
    + """\
steps:
  - name: only one that comes may go to b
    add: {bank/c: {ports: [80]}}
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: only-c, namespace: bank}
      spec:
        podSelector: {matchLabels: {app: b}}
        ingress: [{from: [{ipBlock: {cidr: "${pod:bank/c}/32"}}]}]
    expect: {denied: [shop/a -> bank/b], allowed: [bank/c -> bank/b]}
  - name: another one goes
    remove: shop/a
    label: {pods: {bank/b: {app: x}}, namespaces: {shop: {team: none}}}
    expect: {allowed: [bank/c -> bank/b]}
"""
)


def test_two_runs_at_once(kube_nft: Cluster) -> None:
    """Two runs of the same scenarios on one cluster: both are green, and neither sees the other. Both share a topology:
    the pods that the first changes are brought back, and the last control of the second is the third's first.
    """
    results: list[RunResult] = []
    changing, two, three = scenario(CHANGES, "changing"), scenario(), scenario(name="three")

    def one() -> None:
        kubernetes = reach(kube_nft)
        results.append(proved(kubernetes, [changing, two, three]))
        kubernetes.close()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [dict.fromkeys(("changing", "two", "three"), Status.PASS)] * 2 == [statuses(r) for r in results]
    for result in results:
        assert ["", changing.path, two.path] == [s.took_over for s in result.scenarios]
        assert [("control", True), (f"control, the last one of {two.path}", True)] == [
            (s.steps[0].name, bool(s.steps[0].cells)) for s in result.scenarios[1:]
        ]


def test_run_that_is_stopped_leaves_nothing(kube_nft: Cluster) -> None:
    """Interrupted in the middle of a step: what was seen is judged, and everything is removed."""
    stop = threading.Event()
    settings = target(kube_nft)
    kubernetes = connect(settings)

    result = proved(kubernetes, [scenario()], progress=once("step", stop.set), stop=stop)
    kubernetes.close()

    assert result.interrupted
    with kube_nft.api() as api:
        assert [] == api.get("/api/v1/namespaces", {"labelSelector": f"prober/run={settings.run_id}"})["items"]


@pytest.mark.parametrize(
    ("words", "needs", "nodes"),
    [("needs two nodes", "[two-nodes]", "n2"), ("--external partner=IP:PORT", "[external]", "")],
)
def test_what_the_cluster_lacks_is_skipped_with_the_reason(
    words: str, needs: str, nodes: str, kube_steered: Cluster
) -> None:
    """A scenario that this cluster cannot run is no failure and no proof."""
    text = scenario().texts["two.scenario.yaml"].replace("summary:", f"requires: {needs}\nsummary:")
    text += "external: {partner: {ports: [443]}}\n" if "external" in needs else ""
    with kube_steered.api() as api:
        if nodes:
            api.patch(f"/api/v1/nodes/{nodes}", {"spec": {"unschedulable": True}})
        kubernetes = connect(target(kube_steered))
        result = proved(kubernetes, [scenario(text)])
        kubernetes.close()
        if nodes:
            api.patch(f"/api/v1/nodes/{nodes}", {"spec": {"unschedulable": None}})

    assert words in result.scenarios[0].skipped
    assert 3 == result.exit_code()
