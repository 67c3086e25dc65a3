"""Tests of one topology on a real Kubernetes: made, changed, asked, and removed again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from prober.cluster.kube import Kubernetes
from prober.cluster.kube.cluster import KubeCluster
from prober.errors import ClusterError
from prober.model import (
    AddPod,
    ApplyPolicy,
    ClusterState,
    DeletePolicy,
    Direction,
    Family,
    LabelNamespace,
    LabelPod,
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Node,
    Pod,
    PodPeer,
    PodRef,
    PolicyRef,
    Port,
    Protocol,
    RemovePod,
    Rule,
    Service,
    ServicePort,
    ServiceRef,
    Topology,
)
from prober.model.things import DNS_SERVICE, NAME_LABEL
from prober.outcomes import Outcome
from tests.cluster.kube.proving import V4, reach, reaches, seen
from tests.kube.cluster import Cluster
from tests.kube.presence import until

pytestmark = pytest.mark.kube

A, B = PodRef("shop", "a"), PodRef("bank", "b")
TOPOLOGY = Topology(
    namespaces=(Namespace(name="shop", labels={"team": "shop"}), Namespace(name="bank")),
    pods=(
        Pod(namespace="shop", name="a", labels={"app": "a"}, ports=(Port(number=80),), node=1),
        Pod(
            namespace="bank",
            name="b",
            labels={"app": "b"},
            ports=(Port(number=80, name="web"), Port(number=53, protocol=Protocol.UDP)),
            node=2,
        ),
    ),
    services=(Service(namespace="bank", name="b", selector={"app": "b"}, ports=(ServicePort(port=81, target=80),)),),
)
_NAMESPACES = "/api/v1/namespaces"
FROM_SHOP = NetworkPolicy(
    namespace="bank",
    name="from-shop",
    types=frozenset({Direction.INGRESS}),
    ingress=(Rule(peers=(PodPeer(namespaces=LabelSelector(match_labels={NAME_LABEL: "shop"})),)),),
)


class Opened:
    """A topology that stands."""

    def __init__(self, cluster: KubeCluster, state: ClusterState) -> None:
        self.cluster, self.state = cluster, state

    def address(self, ref: PodRef) -> str:
        return self.state.pods[ref].addresses[V4]

    def sees(self, source: PodRef, target_pod: PodRef) -> Outcome:
        return seen(self.cluster, source, self.address(target_pod), 80, self.cluster.hostname(target_pod))

    def await_reached(self, source: PodRef, target_pod: PodRef) -> None:
        until(
            reaches(self.cluster, source, target_pod, self.address(target_pod)),
            f"{source} does not reach {target_pod}",
            20,
        )


@pytest.fixture
def opened(kubernetes: Kubernetes) -> Iterator[Opened]:
    """Two pods on two nodes."""
    with kubernetes.make() as cluster:
        yield Opened(cluster, cluster.open(TOPOLOGY))


def objects(cluster: Cluster, path: str, selector: str = "prober/run") -> list[Any]:
    with cluster.api() as api:
        found: list[Any] = api.get(path, {"labelSelector": selector})["items"]
    return found


def test_state_is_the_clusters_with_the_scenarios_names(opened: Opened, kube_nft: Cluster) -> None:
    """Names are the scenario's; addresses, nodes, labels, resolver and API server are what the cluster really has."""
    state = opened.state

    assert {"shop", "bank", "kube-system", "default"} == set(state.namespaces)
    assert {"team": "shop", NAME_LABEL: "shop"}.items() <= state.namespaces["shop"].labels.items()
    assert [1, 2] == [state.pods[p].node for p in (A, B)]
    assert list(kube_nft.nodes) == [n.name for n in state.nodes.values()]
    assert "a" == state.pods[A].labels["app"]
    assert (V4, Family.IPV6) == state.families
    assert DNS_SERVICE == state.resolver
    assert ["coredns"] == [p.name.partition("-")[0] for p in state.pods.values() if p.namespace == "kube-system"]
    api = state.services[ServiceRef("default", "kubernetes")]
    assert (443, 6443) == (api.ports[0].port, api.ports[0].target)
    assert {V4: state.nodes[Node(number=1).ref].addresses[V4]} == api.endpoints[0]
    assert V4 in state.services[ServiceRef("bank", "b")].addresses


def test_pods_are_what_was_promised(opened: Opened, kube_nft: Cluster) -> None:
    """Every pod has a controller and a name of its own, the run's labels, no token, and runs as nobody."""
    pods = objects(kube_nft, "/api/v1/pods", f"prober/topology={_topology(opened)}")

    assert 2 == len({p["metadata"]["name"].rpartition("-")[0] for p in pods}) == len(pods)
    for pod in pods:
        assert "Job" == pod["metadata"]["ownerReferences"][0]["kind"]
        assert not pod["spec"].get("volumes")
        assert pod["spec"]["activeDeadlineSeconds"] > 0
        assert "Uid:\t65532" in kube_nft.exec(pod, "cat", "/proc/1/status")[1]


def _topology(opened: Opened) -> str:
    stem = opened.cluster.hostname(A)
    return "-".join(stem.split("-")[1:3])


def test_listeners_say_their_own_name(opened: Opened) -> None:
    """A pod is reached on every declared port, and answers with a name that no other pod has."""
    opened.await_reached(A, B)

    assert Outcome.CONNECTED == opened.sees(B, B)
    assert opened.cluster.hostname(A) != opened.cluster.hostname(B)
    assert Outcome.WRONG_PEER == seen(opened.cluster, A, opened.address(B), 80, opened.cluster.hostname(A))
    assert Outcome.REFUSED == seen(opened.cluster, A, opened.address(B), 81, "x")


def test_names_of_services_lead_to_the_runs_own(opened: Opened) -> None:
    """A look-up of SERVICE.NAMESPACE finds the Service of this run, in whatever namespace it is."""
    name = opened.cluster.hostname(B)

    until(lambda: seen(opened.cluster, A, "b.bank", 81, name) is Outcome.CONNECTED, "b.bank does not lead to b", 20)
    assert Outcome.CONNECTED == seen(opened.cluster, A, "b.bank.svc.cluster.local", 81, name)


def test_policies_come_and_go(opened: Opened) -> None:
    """A policy is created, replaced and deleted; a selector by a namespace's name means the run's namespace."""
    opened.await_reached(A, B)
    nobody = NetworkPolicy(namespace="bank", name="from-shop", types=frozenset({Direction.INGRESS}))

    opened.cluster.apply(ApplyPolicy(policy=nobody))
    until(lambda: opened.sees(A, B) is Outcome.TIMED_OUT, "nothing is denied", 20)
    opened.cluster.apply(ApplyPolicy(policy=FROM_SHOP))
    until(lambda: opened.sees(A, B) is Outcome.CONNECTED, "shop is not let in", 20)
    opened.cluster.apply(DeletePolicy(policy=FROM_SHOP.ref))
    with pytest.raises(ClusterError, match="there is no such policy"):
        opened.cluster.apply(DeletePolicy(policy=FROM_SHOP.ref))


def test_policy_that_somebody_else_deleted_is_an_error(opened: Opened, kube_nft: Cluster) -> None:
    """What the run made and somebody removed is missing, and said to be: a step on it would prove nothing."""
    opened.cluster.apply(ApplyPolicy(policy=FROM_SHOP))
    (stored,) = objects(kube_nft, "/apis/networking.k8s.io/v1/networkpolicies", f"prober/topology={_topology(opened)}")
    meta = stored["metadata"]
    with kube_nft.api() as api:
        api.delete(f"/apis/networking.k8s.io/v1/namespaces/{meta['namespace']}/networkpolicies/{meta['name']}")

    with pytest.raises(ClusterError, match="delete bank/from-shop: there is no such policy"):
        opened.cluster.apply(DeletePolicy(policy=PolicyRef("bank", "from-shop")))


def test_labels_come_and_go(opened: Opened, kube_nft: Cluster) -> None:
    """Labels of pods and namespaces are set and removed; the others stay."""
    opened.cluster.apply(LabelPod(pod=A, labels={"app": None, "tier": "front"}))
    opened.cluster.apply(LabelNamespace(namespace="shop", labels={"team": None, "stage": "test"}))

    selector = f"prober/topology={_topology(opened)}"
    assert ["p1"] == [
        p["metadata"]["name"][:2] for p in objects(kube_nft, "/api/v1/pods", f"{selector},tier=front,!app")
    ]
    assert 1 == len(objects(kube_nft, _NAMESPACES, f"{selector},stage=test,!team"))


def test_pods_come_and_go(opened: Opened) -> None:
    """An added pod runs and has its addresses; a removed one is gone when the action is done."""
    late = Pod(namespace="bank", name="late", ports=(Port(number=80),), node=1)

    added = opened.cluster.apply(AddPod(pod=late))

    assert isinstance(added, AddPod)
    assert (1, {}) == (added.pod.node, dict(added.pod.labels))
    address = added.pod.addresses[V4]
    until(reaches(opened.cluster, A, late.ref, address), "the new pod is not reached", 20)
    before = opened.cluster.identities()
    opened.cluster.apply(RemovePod(pod=late.ref))
    assert {A, B, late.ref} == set(before)
    assert {r: before[r] for r in (A, B)} == opened.cluster.identities()
    with pytest.raises(ClusterError, match="there is no pod bank/late"):
        list(opened.cluster.stream(late.ref, "t end\n"))


def test_steps_must_not_let_pods_in_either(opened: Opened, kube_nft: Cluster) -> None:
    """A step whose labels a policy of somebody else's takes for its peer's is refused before anything is changed."""
    chosen = {"matchLabels": {"let": "in"}}
    peers = [{"namespaceSelector": {}, "podSelector": chosen}, {"namespaceSelector": chosen}]
    path = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
    body = {"metadata": {"generateName": "real-"}, "spec": {"podSelector": chosen, "ingress": [{"from": peers}]}}
    actions = (
        AddPod(pod=Pod(namespace="bank", name="late", labels={"let": "in"})),
        LabelPod(pod=A, labels={"let": "in"}),
        LabelNamespace(namespace="shop", labels={"let": "in"}),
    )
    with kube_nft.api() as api:
        made = api.post(path, {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", **body})
        name = made["metadata"]["name"]
        try:
            for action in actions:
                with pytest.raises(ClusterError, match=f"default/{name} of this cluster would let the pod "):
                    opened.cluster.apply(action)
        finally:
            api.delete(f"{path}/{name}")
    selector = f"prober/topology={_topology(opened)},let"
    assert [] == [*objects(kube_nft, "/api/v1/pods", selector), *objects(kube_nft, _NAMESPACES, selector)]
    assert {A, B} == set(opened.cluster.identities())


def test_replaced_pod_is_somebody_else(opened: Opened, kube_nft: Cluster) -> None:
    """A pod that is killed is gone: no other takes its place under its name, and its probes give no result."""
    (pod,) = [
        p
        for p in objects(kube_nft, "/api/v1/pods", f"prober/topology={_topology(opened)}")
        if p["metadata"]["name"].startswith("p2")
    ]
    with kube_nft.api() as api:
        api.delete(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}")

    until(lambda: set(opened.cluster.identities()) == {A}, "the pod is still there", 20)
    until(lambda: opened.sees(B, A) is Outcome.NO_RESULT, "the pod still answers", 20)


def test_service_is_ready_while_a_backend_is(opened: Opened, kube_nft: Cluster) -> None:
    """Readiness is the EndpointSlices' own: a Service whose only backend was relabelled has none any more."""
    service = ServiceRef("bank", "b")
    until(lambda: service in opened.cluster.ready(), "the Service has no backend", 20)

    opened.cluster.apply(LabelPod(pod=B, labels={"app": None}))
    until(lambda: service not in opened.cluster.ready(), "the Service keeps its backend", 20)
    assert Outcome.CONNECTED == opened.sees(B, B)


def test_evidence_and_command_are_there(opened: Opened) -> None:
    """What a person needs has the scenario's names; the command that reproduces has the cluster's."""
    opened.cluster.apply(ApplyPolicy(policy=FROM_SHOP))

    text = opened.cluster.evidence()
    command = opened.cluster.reproduce(A, "nc -v -4 -w 1 b.bank 81 </dev/null")

    assert "bank/from-shop: " in text
    assert "node/1 n1: healthy" in text
    assert "shop/p1-" in text
    assert f"pr-{_topology(opened)}" not in text
    assert command.startswith("kubectl --context ")
    assert f"exec -n pr-{_topology(opened)}-shop p1-{_topology(opened)}-a-" in command
    assert f"b.pr-{_topology(opened)}-bank 81" in command


def test_closing_removes_everything(kubernetes: Kubernetes, kube_nft: Cluster) -> None:
    """Pods are gone when it is closed, namespaces a little later, and nothing else was touched."""
    with kubernetes.make() as cluster:
        opened = Opened(cluster, cluster.open(TOPOLOGY))
        token = _topology(opened)
        assert 2 == len(objects(kube_nft, "/api/v1/namespaces", f"prober/topology={token}"))

    assert [] == objects(kube_nft, "/api/v1/pods", f"prober/topology={token}")
    left = objects(kube_nft, "/api/v1/namespaces", f"prober/topology={token}")
    assert all("deletionTimestamp" in n["metadata"] for n in left)
    cluster.close()


def test_another_object_of_the_name_is_left_alone(kube_nft: Cluster) -> None:
    """What is not the object that this run made is not deleted, whatever its name and labels are."""
    kubernetes = reach(kube_nft, run_id="twin")
    cluster = kubernetes.make()
    opened = Opened(cluster, cluster.open(Topology(namespaces=(Namespace(name="shop"),))))
    (made,) = objects(kube_nft, "/api/v1/namespaces", "prober/run=twin")
    name = made["metadata"]["name"]
    with kube_nft.api() as api:
        api.delete(f"/api/v1/namespaces/{name}")
        until(lambda: not objects(kube_nft, "/api/v1/namespaces", f"kubernetes.io/metadata.name={name}"), "its end", 30)
        labels = made["metadata"]["labels"]
        api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        cluster.close()
        found = api.get(f"/api/v1/namespaces/{name}")
        assert "deletionTimestamp" not in found["metadata"]
        api.delete(f"/api/v1/namespaces/{name}")
    assert opened.state.pods == {}
    kubernetes.connection.close()


@pytest.mark.parametrize("image", ["registry.invalid/nothing:1", "Not An Image"])
def test_image_that_cannot_be_had_is_told_within_seconds(image: str, kube_nft: Cluster) -> None:
    """The kubelet's own words, and everything is removed."""
    kubernetes = reach(kube_nft, image=image)
    begin = time.monotonic()
    with (
        pytest.raises(ClusterError, match=r"pod (shop|bank)/p.*(ErrImage|ImagePull|InvalidImageName).*: "),
        kubernetes.make() as cluster,
    ):
        cluster.open(TOPOLOGY)
    assert time.monotonic() - begin < 30
    kubernetes.close()


def test_two_topologies_stand_side_by_side(kubernetes: Kubernetes) -> None:
    """The same scenario twice at once: neither touches the other."""
    with kubernetes.make() as one, kubernetes.make() as other:
        first, second = Opened(one, one.open(TOPOLOGY)), Opened(other, other.open(TOPOLOGY))
        one.apply(
            ApplyPolicy(policy=NetworkPolicy(namespace="bank", name="deny", types=frozenset({Direction.INGRESS})))
        )
        until(lambda: first.sees(A, B) is Outcome.TIMED_OUT, "nothing is denied", 20)
        assert Outcome.CONNECTED == second.sees(A, B)
        one.close()
        assert {A, B} == set(other.identities())
