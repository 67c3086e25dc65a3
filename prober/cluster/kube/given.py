"""Namespaces that somebody else made (`--namespaces`): taken in order and as they are, if nobody else is there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prober.cluster.kube.alive import GIVEN_LEASE, is_alive, leases
from prober.cluster.kube.connection import ApiError, Connection
from prober.cluster.kube.ground import Ground
from prober.cluster.kube.objects import RUN_LABEL
from prober.cluster.kube.waiting import items
from prober.errors import ClusterError
from prober.model import Namespace, Topology

Object = Mapping[str, Any]


def assigned(topology: Topology, names: Sequence[str]) -> dict[str, str]:
    """Return the given namespace of each of the scenario's; ClusterError where they are too few."""
    if why := too_few(topology, names):
        raise ClusterError(why)
    return {one.name: real for one, real in zip(topology.namespaces, names, strict=False)}


def too_few(topology: Topology, names: Sequence[str]) -> str:
    """Say how many namespaces are missing; "" if none is."""
    if len(topology.namespaces) <= len(names):
        return ""
    wanted = ", ".join(n.name for n in topology.namespaces)
    return f"needs {len(topology.namespaces)} namespaces ({wanted}), and --namespaces names {len(names)}"


def lacking(connection: Connection, needs: Collection[str], topology: Topology, names: Sequence[str]) -> str:
    """Say why a scenario cannot use these namespaces; "" if it can. ClusterError for one that is not there."""
    if why := too_few(topology, names):
        return why
    if "namespace-labels" in needs:
        return "needs to label its namespaces, and those of --namespaces stay as they are"
    if any(p.host_network for p in topology.pods):
        return "needs pods in their node's network, which have no place in the namespaces of others"
    return next(
        (
            why
            for one, real in zip(topology.namespaces, names, strict=False)
            if (why := _unlabelled(connection, one, real))
        ),
        "",
    )


def _unlabelled(connection: Connection, one: Namespace, real: str) -> str:
    try:
        found = connection.get(f"/api/v1/namespaces/{real}")["metadata"].get("labels") or {}
    except ApiError as error:
        if error.status == 404:
            raise ClusterError(f"--namespaces: there is no namespace {real}") from None
        if error.status == 403:
            return f"needs to know the labels of namespace {real}, which this account may not get"
        raise
    wanted = {k: v for k, v in one.labels.items() if k != "kubernetes.io/metadata.name"}
    missing = [f"{k}={v}" for k, v in wanted.items() if found.get(k) != v]
    return f"needs the label {missing[0]} on namespace {real}, which stands for {one.name}" if missing else ""


def refuse_taken(ground: Ground) -> None:
    """Raise ClusterError where another run uses one of the namespaces, or has left something there."""
    for name in ground.namespaces:
        for lease in items(ground.connection, leases(name)):
            run = (lease["metadata"].get("labels") or {}).get(RUN_LABEL)
            if lease["metadata"]["name"] != GIVEN_LEASE or not run or ground.is_ours(lease):
                continue
            if is_alive(lease, datetime.now(UTC)):
                raise ClusterError(f"namespace {name} is in use by run {run}: wait for its end, or give another")
            where = ",".join(ground.target.namespaces)
            raise ClusterError(
                f"run {run} has left things in namespace {name}: "
                f"`prober clean --cluster kube --namespaces {where} --run {run}`"
            )


def refuse_company(ground: Ground) -> None:
    """Raise ClusterError where somebody else's pods are in the namespaces: policies of scenarios would hit them."""
    for name in ground.namespaces:
        for pod in items(ground.connection, f"/api/v1/namespaces/{name}/pods"):
            if pod.get("status", {}).get("phase") in ("Succeeded", "Failed") or ground.is_ours(pod):
                continue
            who = f"namespace {name} has a pod that is not this run's, {pod['metadata']['name']}"
            raise ClusterError(f"{who}: policies of scenarios would hit it; give namespaces without pods")
