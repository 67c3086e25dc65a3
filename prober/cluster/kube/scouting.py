"""The cluster's nodes; where an account may not list them, those on which the scheduler puts two pods kept apart."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prober.cluster.kube import closing, given
from prober.cluster.kube.alive import Heartbeat
from prober.cluster.kube.connection import ApiError, Connection
from prober.cluster.kube.ground import Ground
from prober.cluster.kube.making import start_pods
from prober.cluster.kube.naming import Naming
from prober.cluster.kube.objects import Marks
from prober.cluster.kube.reading import Nodes, nodes_of
from prober.cluster.kube.target import KubeTarget
from prober.cluster.kube.waiting import items
from prober.errors import ClusterError
from prober.model import Pod

Object = Mapping[str, Any]

_SCOUTS = 2  # no scenario needs more nodes
_LATE = "was not usable when the run began, so no canary proved it"


class NodeList:
    """The nodes, read anew each time they are asked for; scouted once for a run that may not list them.

    Nodes that were not usable the first time stay left out: the canary is made for those of the first time.
    """

    def __init__(self, connection: Connection, target: KubeTarget, started: str) -> None:
        self._connection = connection
        self._target = target
        self._started = started
        self._lock = threading.Lock()
        self._scouted: Nodes | None = None
        self._first: frozenset[str] | None = None  # UIDs, for a name can be another machine's later

    def read(self) -> Nodes:
        """Return the nodes; ClusterError where they can be neither listed nor scouted."""
        with self._lock:
            if self._scouted is None:
                try:
                    return self._known(nodes_of(items(self._connection, "/api/v1/nodes"), self._target))
                except ApiError as error:
                    if error.status != 403 or not self._target.namespaces:
                        raise
                self._scouted = _scouted(self._connection, self._target, self._started)
            return self._scouted

    def _known(self, nodes: Nodes) -> Nodes:
        if self._first is None:
            self._first = frozenset(_uid(n) for n in nodes.usable)
        late = {n["metadata"]["name"]: _LATE for n in nodes.usable if _uid(n) not in self._first}
        usable = tuple(n for n in nodes.usable if n["metadata"]["name"] not in late)
        return replace(nodes, usable=usable, left_out={**nodes.left_out, **late})


def _uid(node: Object) -> str:
    return str(node["metadata"]["uid"])


def _scouted(connection: Connection, target: KubeTarget, started: str) -> Nodes:
    token = f"{target.run_id}-{secrets.token_hex(2)}"
    ground = Ground(
        connection=connection,
        target=target,
        naming=Naming({"scouts": target.namespaces[0]}),
        marks=Marks(run=target.run_id, topology=token, started=started),
        nodes=nodes_of((), target),
    )
    given.refuse_taken(ground)
    found: list[Object] = []
    why = f"this account may not list them, and {_SCOUTS} are enough"
    heartbeat = Heartbeat(ground)
    try:
        given.refuse_company(ground)
        for number in range(_SCOUTS):
            scout = Pod(namespace="scouts", name=f"scout-{number + 1}")
            names = [str(n["metadata"]["name"]) for n in found]
            try:
                pod = start_pods(ground, (scout,), away=names)[scout.ref]
            except ClusterError as error:
                if not found:
                    raise
                why = f"this account may not list them, and a second was not to be had: {error}"
                break
            found.append(_node(pod))
    finally:
        heartbeat.stop()
        closing.remove(ground)
    return Nodes(usable=tuple(found), left_out={}, all=tuple(found), unseen=why)


def _node(pod: Object) -> Object:
    """Return what a pod tells of its node, as the node's own object would."""
    status = pod["status"]
    addresses = [entry["ip"] for entry in status.get("hostIPs") or ({"ip": status.get("hostIP", "")},)]
    inside = [{"type": "InternalIP", "address": a} for a in addresses if a]
    return {"metadata": {"name": pod["spec"]["nodeName"]}, "status": {"addresses": inside}}
