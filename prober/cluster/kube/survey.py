"""What an auditor asks about a cluster, read before the first scenario: what it is, who asks, what enforces there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from prober.cluster.kube import engines
from prober.cluster.kube.connection import ApiError, Connection
from prober.cluster.kube.objects import RUN_LABEL
from prober.cluster.kube.reading import Nodes
from prober.cluster.kube.target import KubeTarget
from prober.cluster.kube.waiting import items
from prober.errors import ClusterError
from prober.evidence import Author, ClockOffset, EngineOnNode, Evidence, Identified, NamespaceFacts, NodeFacts

Object = Mapping[str, Any]
T = TypeVar("T")

_UID_FROM = "/api/v1/namespaces/kube-system"
_WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_OTHERS = "the run made namespaces of its own"
_NO_ENGINE = (
    "engines: no DaemonSet of a known engine runs here; one that is part of the nodes' own programs (k3s) is not seen"
)


def survey(connection: Connection, target: KubeTarget, nodes: Nodes) -> Evidence:
    """Return what can be had; what cannot is named in `unknown`, and no reason not to run."""
    unknown: list[str] = []

    def take(what: str, read: Callable[[], T], default: T) -> T:
        try:
            return read()
        except ClusterError as error:
            unknown.append(f"{what}: {error}")
            return default

    version = take("version", lambda: str(connection.get("/version").get("gitVersion", "")), "")
    uid = take("cluster UID", lambda: str(connection.get(_UID_FROM)["metadata"]["uid"]), "")
    nobody: tuple[str, tuple[str, ...]] = ("", ())
    user, groups = take("user", lambda: _who(connection), nobody)
    running = tuple(_engines(connection, unknown))
    if not running:
        unknown.append(_NO_ENGINE)
    return Evidence(
        cluster=Identified(uid=uid, server=connection.server, context=connection.context, version=version),
        by=Author(user=user, groups=groups),
        nodes=tuple(_node(n, nodes) for n in nodes.all),
        namespaces=take("namespaces", lambda: _namespaces(connection, target), ()),
        engines=running,
        clocks=take("the API server's clock", lambda: (_clock(connection),), ()),
        unknown=tuple(unknown),
    )


def _who(connection: Connection) -> tuple[str, tuple[str, ...]]:
    """Return the user and the groups as the API server sees them; servers from 1.28 on tell everybody about himself."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    found = connection.send("POST", _WHO, body).get("status", {}).get("userInfo", {})
    return str(found.get("username", "")), tuple(map(str, found.get("groups") or ()))


def _engines(connection: Connection, unknown: list[str]) -> Iterator[EngineOnNode]:
    for namespace in engines.NAMESPACES:
        try:
            yield from engines.found_in(items(connection, f"/api/v1/namespaces/{namespace}/pods"))
        except ApiError as error:
            unknown.append(f"engines in {namespace}: {error}")


def _node(node: Object, nodes: Nodes) -> NodeFacts:
    name = str(node["metadata"]["name"])
    info = node.get("status", {}).get("nodeInfo") or {}
    return NodeFacts(
        name=name,
        number=nodes.number(name),
        why=nodes.left_out.get(name, ""),
        kernel=str(info.get("kernelVersion", "")),
        system=str(info.get("osImage", "")),
        kubelet=str(info.get("kubeletVersion", "")),
        runtime=str(info.get("containerRuntimeVersion", "")),
    )


def _namespaces(connection: Connection, target: KubeTarget) -> tuple[NamespaceFacts, ...]:
    found = []
    for one in items(connection, "/api/v1/namespaces"):
        name = str(one["metadata"]["name"])
        if RUN_LABEL not in (one["metadata"].get("labels") or {}):
            found.append(NamespaceFacts(name=name, why="" if name in target.namespaces else _OTHERS))
    return tuple(found)


def _clock(connection: Connection) -> ClockOffset:
    """Return how far the API server's clock is behind this machine's; its answers tell the time in whole seconds."""
    before = datetime.now(UTC)
    said = connection.date()
    after = datetime.now(UTC)
    middle = before + (after - before) / 2
    offset = (middle - said).total_seconds() - 0.5
    return ClockOffset(scenario="", source="API server", offset=offset, spread=1 + (after - before).total_seconds())
