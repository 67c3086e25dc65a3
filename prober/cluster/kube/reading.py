"""From the API's objects to the model: addresses, nodes, identities, Services and what is behind them (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from prober import manifest
from prober.cluster.base import Identity
from prober.cluster.kube.objects import CONTAINER
from prober.cluster.kube.target import KubeTarget
from prober.errors import InputError
from prober.model import Addresses, Family, NetworkPolicy, Node, NodeRef, Pod, Port, Protocol, Service, ServicePort

Object = Mapping[str, Any]


SERVICE_LABEL = "kubernetes.io/service-name"  # on every EndpointSlice


def addresses_of(texts: Iterable[str]) -> Addresses:
    """Return the first address of each family, in the order of the families' appearance."""
    found: dict[Family, str] = {}
    for text in filter(None, texts):
        address = ip_address(text.partition("%")[0])
        found.setdefault(Family.IPV4 if address.version == 4 else Family.IPV6, str(address))
    return found


def pod_addresses(pod: Object) -> Addresses:
    """Return a pod's addresses, the primary family first."""
    status = pod.get("status", {})
    listed = [entry.get("ip", "") for entry in status.get("podIPs") or ()]
    return addresses_of(listed or [status.get("podIP", "")])


def stem_of(pod: Object) -> str:
    """Return the name of a pod's controller; "" if it has none."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((str(o["name"]) for o in owners if o.get("controller")), "")


def started(pod: Object) -> str:
    """Return when the probe's container started, "" while it does not run."""
    for status in pod.get("status", {}).get("containerStatuses") or ():
        if status["name"] == CONTAINER and (running := status.get("state", {}).get("running")):
            return (
                f"{running.get('startedAt')} restarts={status.get('restartCount', 0)} {status.get('containerID', '')}"
            )
    return ""


def image_of(pod: Object) -> str:
    """Return what the probe's container runs, by the digest that the node's runtime says; "" if it does not."""
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return next((str(s.get("imageID") or "") for s in statuses if s["name"] == CONTAINER), "")


def runs(pod: Object) -> bool:
    """Say whether a pod's probe runs, has its address and is not about to end."""
    return (
        pod.get("status", {}).get("phase") == "Running"
        and not pod["metadata"].get("deletionTimestamp")
        and bool(started(pod))
        and bool(pod_addresses(pod))
    )


def identity_of(pod: Object) -> Identity | None:
    """Return who a pod is now; None if it does not run."""
    if not runs(pod):
        return None
    return Identity(uid=str(pod["metadata"]["uid"]), addresses=tuple(pod_addresses(pod).values()), started=started(pod))


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """The nodes on which probe pods can run, in the order of their numbers, and why the others are left out."""

    usable: tuple[Object, ...]
    left_out: Mapping[str, str]
    all: tuple[Object, ...]
    unseen: str = ""  # why there may be others, of which nothing is known

    def name(self, number: int) -> str:
        """Return the name of the node with a number, from 1."""
        return str(self.usable[number - 1]["metadata"]["name"])

    def number(self, name: str) -> int | None:
        names = [n["metadata"]["name"] for n in (*self.usable, *(o for o in self.all if o not in self.usable))]
        return names.index(name) + 1 if name in names else None

    def modelled(self, declared: Sequence[Node]) -> dict[NodeRef, Node]:
        """Return every node of the cluster; those that the scenario numbers come first and bring their ports."""
        ports = {n.number: n.ports for n in declared}
        found = {}
        for node in self.all:
            name = str(node["metadata"]["name"])
            number = self.number(name) or 0
            entries = node.get("status", {}).get("addresses") or ()
            inside = addresses_of(a["address"] for a in entries if a["type"] == "InternalIP")
            found[number] = Node(number=number, name=name, ports=ports.get(number, ()), addresses=inside)
        return {NodeRef(number): found[number] for number in sorted(found)}


def nodes_of(items: Sequence[Object], target: KubeTarget) -> Nodes:
    """Sort the cluster's nodes into usable ones and others."""
    ordered = sorted(items, key=lambda n: str(n["metadata"]["name"]))
    reasons = {str(n["metadata"]["name"]): _left_out(n, target) for n in ordered}
    return Nodes(
        usable=tuple(n for n in ordered if not reasons[n["metadata"]["name"]]),
        left_out={name: reason for name, reason in reasons.items() if reason},
        all=tuple(ordered),
    )


def _left_out(node: Object, target: KubeTarget) -> str:
    labels = node["metadata"].get("labels") or {}
    if (system := labels.get("kubernetes.io/os", "linux")) != "linux":
        return f"runs {system}"
    if labels.get("eks.amazonaws.com/compute-type") == "fargate" or labels.get("type") == "virtual-kubelet":
        return "is no machine of its own"
    if any(labels.get(k) != v for k, v in target.node_selector.items()):
        return "is not selected"
    conditions = {c["type"]: c for c in node.get("status", {}).get("conditions") or ()}
    if (ready := conditions.get("Ready", {})).get("status") != "True":
        return f"is not ready: {ready.get('message') or ready.get('reason') or 'no word from its kubelet'}"
    if node.get("spec", {}).get("unschedulable"):
        return "is cordoned"
    for taint in node.get("spec", {}).get("taints") or ():
        if taint["effect"] != "PreferNoSchedule" and not any(_tolerates(t, taint) for t in target.tolerations):
            return f"is tainted {taint['key']}={taint.get('value', '')}:{taint['effect']}"
    return ""


def _tolerates(toleration: Mapping[str, str], taint: Object) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def service_addresses(service: Object) -> Addresses:
    """Return a Service's ClusterIPs; none for a headless one."""
    spec = service.get("spec", {})
    listed = spec.get("clusterIPs") or [spec.get("clusterIP", "")]
    return addresses_of(a for a in listed if a != "None")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """What is behind a Service of the cluster's own: pods by name with the ports that they serve, and other hosts."""

    pods: Mapping[tuple[str, str], tuple[Port, ...]]
    hosts: tuple[Addresses, ...]
    targets: Mapping[str, int]  # the Service port's name -> the port behind it


def backends_of(slices: Sequence[Object]) -> Backends:
    """Read the EndpointSlices of one Service; endpoints that are not ready count as absent."""
    pods: dict[tuple[str, str], tuple[Port, ...]] = {}
    hosts: dict[str, Addresses] = {}
    targets: dict[str, int] = {}
    for one in slices:
        ports = tuple(
            Port(number=p["port"], protocol=Protocol(p.get("protocol", "TCP")), name=p.get("name") or "")
            for p in one.get("ports") or ()
            if p.get("port")
        )
        targets.update({p.name: p.number for p in ports})
        for number, endpoint in enumerate(one.get("endpoints") or ()):
            if not _is_ready(endpoint):
                continue
            ref = endpoint.get("targetRef") or {}
            if ref.get("kind") == "Pod":
                known = pods.get((ref["namespace"], ref["name"]), ())
                pods[ref["namespace"], ref["name"]] = tuple(dict.fromkeys((*known, *ports)))
            else:
                place = endpoint.get("nodeName") or endpoint.get("hostname") or str(number)
                hosts[place] = {**hosts.get(place, {}), **addresses_of(endpoint["addresses"])}
    return Backends(pods=pods, hosts=tuple(hosts.values()), targets=targets)


def ready_services(slices: Sequence[Object]) -> frozenset[str]:
    """Return the names of the Services of which some EndpointSlice has an endpoint that is ready, and a port."""
    return frozenset(
        str(one["metadata"]["labels"][SERVICE_LABEL])
        for one in slices
        if one.get("ports") and any(map(_is_ready, one.get("endpoints") or ()))
    )


def _is_ready(endpoint: Object) -> bool:
    return (endpoint.get("conditions") or {}).get("ready") is not False  # absent means that nobody knows: take it


def own_service(service: Object, backends: Backends) -> Service:
    """Return a Service of the cluster's own, with numbers for its named target ports."""
    spec = service.get("spec", {})
    ports = []
    for port in spec.get("ports") or ():
        name = port.get("name") or ""
        target = backends.targets.get(name, port.get("targetPort", port["port"]))
        protocol = Protocol(port.get("protocol", "TCP"))
        ports.append(ServicePort(port=port["port"], target=target, protocol=protocol, name=name))
    return Service(
        namespace=service["metadata"]["namespace"],
        name=service["metadata"]["name"],
        selector=dict(spec.get("selector") or {}),
        ports=tuple(ports),
        endpoints=backends.hosts,
        addresses=service_addresses(service),
    )


def system_pod(pod: Object, ports: tuple[Port, ...], nodes: Nodes) -> Pod:
    """Return a pod of the cluster's own."""
    spec = pod.get("spec", {})
    return Pod(
        namespace=pod["metadata"]["namespace"],
        name=pod["metadata"]["name"],
        labels=dict(pod["metadata"].get("labels") or {}),
        ports=ports,
        node=nodes.number(str(spec.get("nodeName", ""))),
        host_network=bool(spec.get("hostNetwork")),
        system=True,
        addresses=pod_addresses(pod),
    )


def probe_pod(declared: Pod, pod: Object, nodes: Nodes) -> Pod:
    """Return a pod of the scenario as it stands: with its node, its addresses and the labels that it really has."""
    return replace(
        declared,
        labels=dict(pod["metadata"].get("labels") or {}),
        node=nodes.number(str(pod["spec"].get("nodeName", ""))),
        addresses=pod_addresses(pod),
    )


def policy_of(live: Object) -> NetworkPolicy | None:
    """Return a stored NetworkPolicy; None for one of a later version of the API: what it means is not known."""
    metadata = {k: v for k, v in live["metadata"].items() if k in ("name", "namespace")}  # the rest is the server's
    text = json.dumps({**live, "apiVersion": manifest.API_VERSION, "kind": manifest.KIND, "metadata": metadata})
    try:
        return manifest.load(text, "a live policy")[0].it
    except InputError:
        return None


def resolver_addresses(resolv_conf: str) -> tuple[str, ...]:
    """Return the name servers that a pod asks, in their order."""
    words = [line.split() for line in resolv_conf.splitlines()]
    return tuple(str(ip_address(w[1].partition("%")[0])) for w in words if len(w) > 1 and w[0] == "nameserver")
