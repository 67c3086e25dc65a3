"""What every cluster has, read from this one: the resolver that pods really ask, and the API server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from prober.cluster.kube import reading
from prober.cluster.kube.connection import ApiError, Connection
from prober.cluster.kube.reading import Nodes
from prober.cluster.kube.waiting import items
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


def read_furniture(connection: Connection, resolv_conf: str, nodes: Nodes) -> Furniture:
    """Return the cluster's own things, as one of our pods sees them."""
    resolver, pods = _resolver(connection, resolv_conf, nodes)
    api = _api_server(connection)
    names = {s.namespace for s in (resolver, api)} | {p.namespace for p in pods} | {DNS_NAMESPACE}
    namespaces = tuple(_namespace(connection, name) for name in sorted(names))
    return Furniture(
        resolver=resolver.ref, api_server=api.ref, services=(resolver, api), pods=pods, namespaces=namespaces
    )


def _namespace(connection: Connection, name: str) -> Namespace:
    found = connection.get(f"/api/v1/namespaces/{name}")
    return Namespace(name=name, labels=dict(found["metadata"].get("labels") or {}))


def _resolver(connection: Connection, resolv_conf: str, nodes: Nodes) -> tuple[Service, tuple[Pod, ...]]:
    """Return the Service whose address stands in resolv.conf, and the pods behind it."""
    asked = reading.resolver_addresses(resolv_conf)
    if not asked:
        raise ClusterError(f"the pods' resolv.conf names no resolver: {resolv_conf.strip()!r}")
    if ip_address(asked[0]).is_link_local or _has_node_local_cache(connection):
        return _node_local(asked[0]), ()
    service, forbidden = _service_at(connection, asked[0])
    if service is not None:
        return _with_pods(connection, service, nodes)
    if forbidden:
        raise ClusterError(
            f"the pods ask the resolver {asked[0]}, which is no Service in {DNS_NAMESPACE}; allow this account to list "
            "services and endpointslices where it is, or in all namespaces"
        )
    # a resolver outside of the cluster: policies see its address
    address = reading.addresses_of(asked[:1])
    return Service(namespace=DNS_NAMESPACE, name="resolver-outside", ports=_DNS_PORTS, endpoints=(address,)), ()


def _service_at(connection: Connection, address: str) -> tuple[Object | None, bool]:
    """Return the Service with an address, and whether some Services may not be read."""
    for path in (f"/api/v1/namespaces/{DNS_NAMESPACE}/services", "/api/v1/services"):
        try:
            services = items(connection, path)
        except ApiError as error:
            if error.status != 403:
                raise
            return None, True
        for one in services:
            if address in reading.service_addresses(one).values():
                return one, False
    return None, False


def _has_node_local_cache(connection: Connection) -> bool:
    """Say whether NodeLocal DNSCache runs: it takes over the Service's own address on every node, unseen."""
    path = f"/api/v1/namespaces/{DNS_NAMESPACE}/pods"
    return bool(items(connection, path, (("labelSelector", "k8s-app=node-local-dns"), ("limit", "1"))))


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
        pod = connection.get(f"/api/v1/namespaces/{pod_namespace}/pods/{pod_name}")
        pods.append(reading.system_pod(pod, ports, nodes))
    return reading.own_service(service, backends), tuple(pods)


def _backends(connection: Connection, namespace: str, name: str) -> reading.Backends:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    return reading.backends_of(items(connection, path, (("labelSelector", f"{reading.SERVICE_LABEL}={name}"),)))


def _api_server(connection: Connection) -> Service:
    path = f"/api/v1/namespaces/{API_SERVICE.namespace}/services/{API_SERVICE.name}"
    backends = _backends(connection, API_SERVICE.namespace, API_SERVICE.name)
    return reading.own_service(connection.get(path), backends)


def priority_class(connection: Connection) -> str:
    """Return the name of the class that preempts nobody (manifests/priority.yaml); "" where there is none."""
    try:
        connection.get("/apis/scheduling.k8s.io/v1/priorityclasses/prober")
    except ApiError as error:
        if error.status not in (403, 404):
            raise
        return ""
    return "prober"
