"""Removing what a topology made, and nothing else: by the run's label and the UID, awaited until it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prober.cluster.kube.connection import ApiError
from prober.cluster.kube.ground import Ground
from prober.cluster.kube.making import at_once
from prober.cluster.kube.waiting import await_gone
from prober.errors import ClusterError

Object = Mapping[str, Any]
_GONE_WITHIN = 90.0
_NAMESPACES = "/api/v1/namespaces"


def remove(ground: Ground) -> None:
    """Remove the topology's objects; ClusterError says what could not be removed, and how to."""
    if ground.target.namespaces:
        at_once(lambda path: ground.delete(path), list(ground.uids))
        return
    at_once(lambda name: _remove_namespace(ground, name), ground.namespaces)
    left = await_gone(ground.connection, _NAMESPACES, ground.marks.selector, ground.namespaces, _GONE_WITHIN)
    if left:
        raise ClusterError("; ".join(map(_why_left, left)))


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
