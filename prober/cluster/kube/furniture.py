"""What every cluster has, read from this one: the resolver that pods really ask, and the API server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from prober.cluster.kube import reading
from prober.cluster.kube.connection import ApiError, Connection, Query
from prober.cluster.kube.reading import Nodes
from prober.errors import ClusterError
from prober.model import API_SERVICE, DNS_NAMESPACE, Namespace, Pod, Protocol, Service, ServicePort, ServiceRef

Object = Mapping[str, Any]

_DNS_PORTS = tuple(ServicePort(port=53, target=53, protocol=p) for p in (Protocol.UDP, Protocol.TCP))


@dataclass(frozen=True, slots=True, kw_only=True)
class Furniture:
    """The cluster's own things that decide a flow."""

    resolver: ServiceRef | None = None
    api_server: ServiceRef | None = None
    services: tuple[Service, ...] = ()
    pods: tuple[Pod, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    unseen: tuple[str, ...] = ()  # what of it this account may not see, and what follows from that


def read_furniture(connection: Connection, said: Callable[..., str], nodes: Nodes) -> Furniture:
    """Return the cluster's own things, as one of our pods sees them; `said` runs a command there.

    Of what this account may not see nobody says what policies make of it: such cells are observed.
    """
    unseen: list[str] = []
    asked = reading.resolver_addresses(resolv_conf := said("cat", "/etc/resolv.conf"))
    if not asked:
        raise ClusterError(f"the pods' resolv.conf names no resolver: {resolv_conf.strip()!r}")
    try:
        resolver, pods = _resolver(connection, asked[0], nodes)
    except _HiddenError as error:
        address = reading.addresses_of(asked[:1])
        resolver = Service(namespace=DNS_NAMESPACE, name="resolver-unseen", ports=_DNS_PORTS, addresses=address)
        pods = ()
        unseen.append(f"look-ups and names are left open: {error}")
    try:
        api = _api_server(connection)
    except _HiddenError as error:
        host, port = said("/bin/sh", "-c", "echo $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT").split()
        ports = (ServicePort(port=int(port), target=int(port), name="https"),)
        address = reading.addresses_of((host,))
        api = Service(namespace=API_SERVICE.namespace, name=API_SERVICE.name, ports=ports, addresses=address)
        unseen.append(f"flows to the API server are left open: {error}")
    names = {s.namespace for s in (resolver, api)} | {p.namespace for p in pods} | {DNS_NAMESPACE}
    namespaces = tuple(_namespace(connection, name) for name in sorted(names))
    return Furniture(
        resolver=resolver.ref,
        api_server=api.ref,
        services=(resolver, api),
        pods=pods,
        namespaces=namespaces,
        unseen=tuple(unseen),
    )


class _HiddenError(ClusterError):
    """Something that this account may not see."""


def _seen(connection: Connection, path: str, query: Query = ()) -> Any:
    """Return what is at a path; _HiddenError where this account may not see it."""
    try:
        return connection.get(path, query)
    except ApiError as error:
        if error.status != 403:
            raise
        raise _HiddenError(str(error)) from None


def _namespace(connection: Connection, name: str) -> Namespace:
    try:
        found = _seen(connection, f"/api/v1/namespaces/{name}")
    except _HiddenError:  # its labels matter to its pods alone, and who may see those may see it
        return Namespace(name=name)
    return Namespace(name=name, labels=dict(found["metadata"].get("labels") or {}))


def _resolver(connection: Connection, asked: str, nodes: Nodes) -> tuple[Service, tuple[Pod, ...]]:
    """Return the Service at the address that stands in resolv.conf, and the pods behind it."""
    if ip_address(asked).is_link_local or _has_node_local_cache(connection):
        return _node_local(asked), ()
    for path in (f"/api/v1/namespaces/{DNS_NAMESPACE}/services", "/api/v1/services"):
        for one in _seen(connection, path)["items"]:
            if asked in reading.service_addresses(one).values():
                return _with_pods(connection, one, nodes)
    # a resolver outside of the cluster: policies see its address
    address = reading.addresses_of((asked,))
    return Service(namespace=DNS_NAMESPACE, name="resolver-outside", ports=_DNS_PORTS, endpoints=(address,)), ()


def _has_node_local_cache(connection: Connection) -> bool:
    """Say whether NodeLocal DNSCache runs: it takes over the Service's own address on every node, unseen."""
    path = f"/api/v1/namespaces/{DNS_NAMESPACE}/pods"
    return bool(_seen(connection, path, (("labelSelector", "k8s-app=node-local-dns"), ("limit", "1")))["items"])


def _node_local(asked: str) -> Service:
    """Return a cache on the node: no policy speaks of it clearly, so its cells are observed and not asserted."""
    ends = reading.addresses_of(("169.254.20.10", "fe80::a"))
    addresses = {} if ip_address(asked).is_link_local else reading.addresses_of((asked,))
    return Service(
        namespace=DNS_NAMESPACE, name="node-local-dns", ports=_DNS_PORTS, endpoints=(ends,), addresses=addresses
    )


def _with_pods(connection: Connection, service: Object, nodes: Nodes) -> tuple[Service, tuple[Pod, ...]]:
    namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
    backends = _backends(connection, namespace, name)
    pods = []
    for (pod_namespace, pod_name), ports in backends.pods.items():
        pod = _seen(connection, f"/api/v1/namespaces/{pod_namespace}/pods/{pod_name}")
        pods.append(reading.system_pod(pod, ports, nodes))
    return reading.own_service(service, backends), tuple(pods)


def _backends(connection: Connection, namespace: str, name: str) -> reading.Backends:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    query = (("labelSelector", f"{reading.SERVICE_LABEL}={name}"),)
    return reading.backends_of(_seen(connection, path, query)["items"])


def _api_server(connection: Connection) -> Service:
    path = f"/api/v1/namespaces/{API_SERVICE.namespace}/services/{API_SERVICE.name}"
    backends = _backends(connection, API_SERVICE.namespace, API_SERVICE.name)
    return reading.own_service(_seen(connection, path), backends)


def priority_class(connection: Connection) -> str:
    """Return the name of the class that preempts nobody (manifests/priority.yaml); "" where there is none."""
    try:
        connection.get("/apis/scheduling.k8s.io/v1/priorityclasses/prober")
    except ApiError as error:
        if error.status not in (403, 404):
            raise
        return ""
    return "prober"
