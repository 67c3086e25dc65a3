"""Kubernetes objects as plain data: where the API keeps each kind, and the few that the cluster's own tests make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.kube.api import Api, ApiError, Json
from tests.kube.images import AGNHOST

_PATHS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Service": "/api/v1/namespaces/{}/services",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Namespace": "/api/v1/namespaces",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}


def path(thing: Json) -> str:
    """Return where the API keeps an object."""
    return f"{_folder(thing)}/{thing['metadata']['name']}"


def create(api: Api, thing: Json) -> Json:
    """Create an object, or return the one that is there."""
    try:
        return api.get(path(thing))
    except ApiError as error:
        if error.status != 404:
            raise
    return api.post(_folder(thing), thing)


def ready(thing: Json, since: str = "") -> bool:
    """Say whether a node or a pod is Ready, and was so at a moment of ISO 8601 or after it."""
    return any(
        c["type"] == "Ready" and c["status"] == "True" and (c.get("lastHeartbeatTime") or "") >= since
        for c in thing["status"].get("conditions") or ()
    )


def namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def listener(namespace: str, name: str, node: str, port: int, *, app: str = "") -> Json:
    """Return a pod on a node that takes connections of both families on a port."""
    container = {
        "name": "listener",
        "image": AGNHOST,
        "command": ["/bin/sh", "-c", f"exec nc -6lk {port}"],
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": app or name}},
        "spec": {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [container]},
    }


def policy(namespace: str, name: str, spec: Mapping[str, Json]) -> Json:
    """Return a NetworkPolicy."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"namespace": namespace, "name": name},
        "spec": dict(spec),
    }


def container_id(pod: Json) -> str:
    """Return what containerd calls a pod's first container."""
    statuses: Sequence[Mapping[str, str]] = pod["status"]["containerStatuses"]
    return statuses[0]["containerID"].removeprefix("containerd://")


def _folder(thing: Json) -> str:
    return _PATHS[thing["kind"]].format(thing["metadata"].get("namespace", "default"))
