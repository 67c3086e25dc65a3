"""Removing what a topology made, and nothing else: by the run's label and the UID, awaited until it is gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from prober.cluster.kube.connection import ApiError, Connection
from prober.cluster.kube.ground import Ground, Standing
from prober.cluster.kube.making import at_once
from prober.cluster.kube.objects import RUN_LABEL
from prober.cluster.kube.waiting import await_gone, items
from prober.errors import ClusterError

Object = Mapping[str, Any]
_GONE_WITHIN = 90.0
_PODS_GONE_WITHIN = 10.0  # then their namespace takes them along, in its own time
_NAMESPACES = "/api/v1/namespaces"


def remove(ground: Ground) -> None:
    """Remove the topology's objects; its namespaces, empty by then, take 5 s more to go: see `await_removed`."""
    try:
        _remove(ground)
    except ClusterError as error:
        where = f" --namespaces {','.join(ground.target.namespaces)}" if ground.target.namespaces else ""
        command = f"prober clean --cluster kube{where} --run {ground.marks.run}"
        raise ClusterError(f"{error}; when the cluster answers again, `{command}` removes the rest") from None


def _remove(ground: Ground) -> None:
    # pods first: a namespace that still holds one when it is deleted takes 5 to 15 s longer
    jobs = [path for path in ground.uids if "/jobs/" in path]
    at_once(ground.delete, jobs)
    at_once(ground.delete, [_record(ground, standing) for standing in ground.pods.values()])
    names = [standing.name for standing in ground.pods.values()]
    given = bool(ground.target.namespaces)
    if given:  # those that never ran stay there too until their Jobs take them along
        query = (("labelSelector", ground.marks.selector),)
        names += [p["metadata"]["name"] for path in ground.pod_lists for p in items(ground.connection, path, query)]
    within = _GONE_WITHIN if given else _PODS_GONE_WITHIN
    left = [
        p
        for path in ground.pod_lists
        for p in await_gone(ground.connection, path, ground.marks.selector, names, within)
    ]
    if given:
        leases = [path for path in ground.uids if "/leases/" in path]
        at_once(ground.delete, [path for path in ground.uids if path not in (*jobs, *leases)])
        at_once(ground.delete, leases)  # last: whoever comes next must find nothing of ours in force
        if left:
            raise ClusterError(f"pod {left[0]['metadata']['name']} is not gone after {within:g} s")
        return
    at_once(lambda name: _remove_namespace(ground, name), ground.namespaces)


def await_removed(connection: Connection, run: str, namespaces: Collection[str]) -> None:
    """Wait until a run's namespaces are gone; ClusterError says which is not, why, and where to look."""
    if namespaces and (left := await_gone(connection, _NAMESPACES, f"{RUN_LABEL}={run}", namespaces, _GONE_WITHIN)):
        raise ClusterError("; ".join(map(_why_left, left)))


def _record(ground: Ground, standing: Standing) -> str:
    path = f"{_NAMESPACES}/{standing.namespace}/pods/{standing.name}"
    ground.uids[path] = standing.uid
    return path


def _remove_namespace(ground: Ground, name: str) -> None:
    path = f"{_NAMESPACES}/{name}"
    if path not in ground.uids:  # asked for, but the answer never came
        try:
            found = ground.connection.get(path)
        except ApiError as error:
            if error.status == 404:
                return
            raise ground.told(error) from None
        if not ground.is_ours(found):
            return
        ground.uids[path] = str(found["metadata"]["uid"])
    ground.delete(path)


def _why_left(namespace: Object) -> str:
    conditions = namespace.get("status", {}).get("conditions") or ()
    why = next((c["message"] for c in conditions if c["status"] == "True" and c.get("message")), "no reason is given")
    name = namespace["metadata"]["name"]
    return f"namespace {name} is not gone after {_GONE_WITHIN:g} s: {why}; see `kubectl get namespace {name} -o yaml`"
