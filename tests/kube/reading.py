"""Objects as the API server writes them -> the model, as far as an engine needs it."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable

from prober import manifest
from prober.model import (
    ClusterState,
    Family,
    Namespace,
    NetworkPolicy,
    Node,
    Pod,
    PodRef,
    Port,
    Protocol,
)
from tests.kube import addresses
from tests.kube.api import Json

_OVER = ("Succeeded", "Failed")  # phases of a pod whose address may be another's already


def state_of(pods: Iterable[Json], namespaces: Iterable[Json], policies: Iterable[Json], own: str) -> ClusterState:
    """Return what the cluster holds, with `own` as the only node: the one whose pods the rules are for."""
    node = Node(number=addresses.node_number(own), name=own)
    return ClusterState(
        namespaces={n.name: n for n in map(_namespace, namespaces)},
        pods=dict(_pods(pods)),
        policies={p.ref: p for p in map(policy, policies)},
        nodes={node.ref: node},
    )


def policy(thing: Json) -> NetworkPolicy:
    """Return a NetworkPolicy; InputError where prober cannot read what the API server has taken."""
    metadata = {k: v for k, v in thing["metadata"].items() if k in ("name", "namespace")}  # the rest is the server's
    whole = {"apiVersion": manifest.API_VERSION, "kind": manifest.KIND, **thing, "metadata": metadata}
    (found,) = manifest.load(json.dumps(whole), "the API server")
    return found.it


def _namespace(thing: Json) -> Namespace:
    return Namespace(name=thing["metadata"]["name"], labels=thing["metadata"].get("labels") or {})


def _pods(things: Iterable[Json]) -> Iterable[tuple[PodRef, Pod]]:
    for thing in things:
        meta, spec, status = thing["metadata"], thing["spec"], thing.get("status") or {}
        given = {_family(entry["ip"]): _canonical(entry["ip"]) for entry in status.get("podIPs") or ()}
        if status.get("phase") in _OVER or not given:
            continue
        pod = Pod(
            namespace=meta["namespace"],
            name=meta["name"],
            labels=meta.get("labels") or {},
            ports=tuple(_ports(spec)),
            node=addresses.node_number(spec["nodeName"]),
            host_network=bool(spec.get("hostNetwork")),
            addresses=given,
        )
        yield pod.ref, pod


def _ports(spec: Json) -> Iterable[Port]:
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        for port in container.get("ports") or ():
            yield Port(
                number=port["containerPort"],
                protocol=Protocol(port.get("protocol", "TCP")),
                name=port.get("name", ""),
            )


def _family(address: str) -> Family:
    return Family.IPV6 if ":" in address else Family.IPV4


def _canonical(address: str) -> str:
    return str(ipaddress.ip_address(address))
