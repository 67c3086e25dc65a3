"""Tests of what is read from the API's objects: identities, nodes, Services and what is behind them."""

from __future__ import annotations

from typing import Any

import pytest

from prober.cluster.base import Identity
from prober.cluster.kube import reading
from prober.cluster.kube.target import KubeTarget
from prober.model import Family, Node, NodeRef, Port, Protocol, ServicePort

TARGET = KubeTarget()
V4, V6 = Family.IPV4, Family.IPV6


def pod(**changes: Any) -> dict[str, Any]:
    """Return a running pod; `changes` go into its status, metadata's are named meta_NAME."""
    meta = {k.removeprefix("meta_"): v for k, v in changes.items() if k.startswith("meta_")}
    status = {k: v for k, v in changes.items() if not k.startswith("meta_")}
    running = {"startedAt": "2026-01-01T00:00:00Z"}
    return {
        "metadata": {"name": "p1-x", "namespace": "real", "uid": "u1", "labels": {"app": "api"}, **meta},
        "spec": {"nodeName": "n2"},
        "status": {
            "phase": "Running",
            "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::0:1"}],
            "containerStatuses": [
                {"name": "sidecar", "restartCount": 7, "state": {"running": {"startedAt": "long ago"}}},
                {"name": "probe", "restartCount": 0, "containerID": "c1", "state": {"running": running}},
            ],
            **status,
        },
    }


def node(name: str, *, labels: dict[str, str] | None = None, ready: str = "True", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": spec,
        "status": {
            "conditions": [{"type": "Ready", "status": ready, "message": "kubelet stopped posting"}],
            "addresses": [
                {"type": "Hostname", "address": name},
                {"type": "InternalIP", "address": "172.18.0.2"},
                {"type": "InternalIP", "address": "fd00:172::2"},
            ],
        },
    }


def test_identity_is_uid_addresses_and_the_probes_own_start() -> None:
    """A sidecar's restart is not the probe's."""
    expected = Identity(uid="u1", addresses=("10.0.0.1", "fd00::1"), started="2026-01-01T00:00:00Z restarts=0 c1")

    assert expected == reading.identity_of(pod())


@pytest.mark.parametrize(
    "changes",
    [
        {"phase": "Pending"},
        {"phase": "Failed"},
        {"podIPs": []},
        {"containerStatuses": []},
        {"containerStatuses": [{"name": "probe", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]},
        {"containerStatuses": [{"name": "sidecar", "state": {"running": {"startedAt": "x"}}}]},
        {"meta_deletionTimestamp": "2026-01-01T00:00:00Z"},
    ],
    ids=["pending", "failed", "no-address", "no-container", "waits", "only-a-sidecar", "about-to-end"],
)
def test_pod_that_does_not_run_is_nobody(changes: dict[str, Any]) -> None:
    """What does not run, has no address or is about to end proves nothing."""
    assert reading.identity_of(pod(**changes)) is None


def test_addresses_keep_the_clusters_order() -> None:
    """The first family is the primary one; addresses are canonical, zones are no part of them."""
    assert [(V6, "fd00::1"), (V4, "10.0.0.1")] == list(reading.addresses_of(["fd00:0::1%eth0", "10.0.0.1", ""]).items())


@pytest.mark.parametrize(
    ("reason", "one"),
    [
        ("", node("n")),
        ("", node("n", labels={"kubernetes.io/os": "linux"}, taints=[{"key": "a", "effect": "PreferNoSchedule"}])),
        ("runs windows", node("n", labels={"kubernetes.io/os": "windows"})),
        ("is no machine of its own", node("n", labels={"eks.amazonaws.com/compute-type": "fargate"})),
        ("is cordoned", node("n", unschedulable=True)),
        ("is not ready: kubelet stopped posting", node("n", ready="Unknown")),
        ("is tainted a=b:NoSchedule", node("n", taints=[{"key": "a", "value": "b", "effect": "NoSchedule"}])),
        ("is tainted a=:NoExecute", node("n", taints=[{"key": "a", "effect": "NoExecute"}])),
    ],
)
def test_nodes_that_cannot_be_covered_say_why(reason: str, one: dict[str, Any]) -> None:
    """A node without probe pods is named with its reason; it is not proved, and not forgotten."""
    found = reading.nodes_of([one], TARGET)

    assert ({"n": reason} if reason else {}) == found.left_out
    assert (0 if reason else 1) == len(found.usable)


@pytest.mark.parametrize(
    ("usable", "toleration"),
    [
        (1, {"operator": "Exists"}),
        (1, {"key": "a", "operator": "Exists"}),
        (1, {"key": "a", "value": "b"}),
        (1, {"key": "a", "value": "b", "effect": "NoSchedule"}),
        (0, {"key": "a", "value": "c"}),
        (0, {"key": "b", "operator": "Exists"}),
        (0, {"key": "a", "value": "b", "effect": "NoExecute"}),
    ],
)
def test_tolerations_open_tainted_nodes(usable: int, toleration: dict[str, str]) -> None:
    """A toleration is read as the scheduler reads it."""
    tainted = node("n", taints=[{"key": "a", "value": "b", "effect": "NoSchedule"}])

    assert usable == len(reading.nodes_of([tainted], KubeTarget(tolerations=(toleration,))).usable)


def test_selected_nodes_alone_are_usable() -> None:
    """--nodes leaves the others out, with the reason."""
    nodes = [node("a", labels={"pool": "x"}), node("b")]

    found = reading.nodes_of(nodes, KubeTarget(node_selector={"pool": "x"}))

    assert {"b": "is not selected"} == found.left_out


def test_usable_nodes_have_the_scenarios_numbers() -> None:
    """The scenario's node 1 is the first that can run pods; the others come after, and none is left out."""
    nodes = reading.nodes_of([node("c"), node("a", unschedulable=True), node("b")], TARGET)
    addresses = {V4: "172.18.0.2", V6: "fd00:172::2"}
    declared = (Node(number=1, ports=(Port(number=22),)), Node(number=2))

    assert {
        NodeRef(1): Node(number=1, name="b", ports=(Port(number=22),), addresses=addresses),
        NodeRef(2): Node(number=2, name="c", addresses=addresses),
        NodeRef(3): Node(number=3, name="a", addresses=addresses),
    } == nodes.modelled(declared)
    assert ["b", "c"] == [nodes.name(1), nodes.name(2)]
    assert nodes.number("nobody") is None


def endpoint(address: str, **more: Any) -> dict[str, Any]:
    return {"addresses": [address], **more}


def of_pod(name: str) -> dict[str, Any]:
    return {"targetRef": {"kind": "Pod", "namespace": "kube-system", "name": name}}


DNS_PORTS = [{"name": "dns", "port": 5353, "protocol": "UDP"}, {"name": "dns-tcp", "port": 5353, "protocol": "TCP"}]


def test_backends_are_ready_pods_with_their_real_ports() -> None:
    """A resolver may listen on 5353 (OpenShift): the slice says so; an endpoint that is not ready is none."""
    unready = endpoint("10.0.0.3", conditions={"ready": False}, **of_pod("gone"))
    slices = [
        {"ports": DNS_PORTS, "endpoints": [endpoint("10.0.0.2", conditions={"ready": True}, **of_pod("dns")), unready]},
        {"ports": DNS_PORTS, "endpoints": [endpoint("fd00::2", **of_pod("dns"))]},
    ]
    ports = (
        Port(number=5353, protocol=Protocol.UDP, name="dns"),
        Port(number=5353, protocol=Protocol.TCP, name="dns-tcp"),
    )

    found = reading.backends_of(slices)

    assert {("kube-system", "dns"): ports} == found.pods
    assert () == found.hosts


def test_backends_that_are_no_pods_are_hosts() -> None:
    """The API server's endpoints are addresses; those of one node in two families belong together."""
    slices = [
        {"ports": [{"name": "https", "port": 6443}], "endpoints": [endpoint("172.18.0.2", nodeName="n1")]},
        {"ports": [{"name": "https", "port": 6443}], "endpoints": [endpoint("fd00:172::2", nodeName="n1")]},
        {"ports": [{"name": "https", "port": 6443}], "endpoints": [endpoint("172.18.0.9", nodeName="n2")]},
    ]

    assert ({V4: "172.18.0.2", V6: "fd00:172::2"}, {V4: "172.18.0.9"}) == reading.backends_of(slices).hosts


@pytest.mark.parametrize(
    ("ready", "conditions", "ports"),
    [(True, {"ready": True}, DNS_PORTS), (True, {}, DNS_PORTS), (False, {"ready": False}, DNS_PORTS), (False, {}, [])],
)
def test_service_is_ready_by_one_endpoint(ready: bool, conditions: dict[str, bool], ports: list[Any]) -> None:
    """One slice with a ready endpoint and a port is enough; an endpoint that says nothing is taken for ready."""
    labels = {"labels": {reading.SERVICE_LABEL: "web"}}
    away = {"metadata": labels, "ports": DNS_PORTS, "endpoints": [endpoint("10.0.0.1", conditions={"ready": False})]}
    one = {"metadata": labels, "ports": ports, "endpoints": [endpoint("10.0.0.2", conditions=conditions)]}

    assert frozenset(["web"] if ready else []) == reading.ready_services([away, one])


def test_own_services_lead_to_real_ports() -> None:
    """A named target port becomes the number behind it."""
    service = {
        "metadata": {"namespace": "openshift-dns", "name": "dns-default"},
        "spec": {
            "clusterIPs": ["172.30.0.10", "fd02::a"],
            "selector": {"dns": "default"},
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": "dns"}],
        },
    }
    backends = reading.backends_of([{"ports": DNS_PORTS, "endpoints": []}])

    found = reading.own_service(service, backends)

    assert (ServicePort(port=53, target=5353, protocol=Protocol.UDP, name="dns"),) == found.ports
    assert {V4: "172.30.0.10", V6: "fd02::a"} == found.addresses


def test_headless_service_has_no_address() -> None:
    """`None` is no address."""
    assert {} == reading.service_addresses({"spec": {"clusterIP": "None", "clusterIPs": ["None"]}})


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (("10.96.0.10",), "search x.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5 timeout:1\n"),
        (("169.254.20.10", "fd00::a"), "nameserver 169.254.20.10\nnameserver fd00::a%eth0\n"),
        ((), "# nameserver 1.1.1.1\nnameserver\n"),
    ],
)
def test_resolver_is_what_the_pod_asks(found: tuple[str, ...], text: str) -> None:
    """The name servers stand in resolv.conf, in their order; nothing is assumed."""
    assert found == reading.resolver_addresses(text)


def test_policies_of_others_are_read_with_whatever_metadata_they_have() -> None:
    """What the server and controllers write beside a policy (a generateName, ...) does not make it unreadable."""
    metadata = {"name": "p-x7k2p", "generateName": "p-", "namespace": "shop", "uid": "u", "aLaterField": {}}
    policy = reading.policy_of({"metadata": metadata, "spec": {"podSelector": {}}})
    assert policy is not None
    assert "shop/p-x7k2p" == str(policy.ref)
    assert reading.policy_of({"metadata": metadata, "spec": {"podSelector": {}, "aLaterField": {}}}) is None
