"""One topology's ground in a cluster: its names, its marks, its nodes, and who stands for each of its pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prober.cluster.kube.connection import ApiError, Connection
from prober.cluster.kube.naming import Naming
from prober.cluster.kube.objects import Marks
from prober.cluster.kube.reading import Nodes
from prober.cluster.kube.target import KubeTarget
from prober.errors import ClusterError
from prober.model import ClusterState, PodRef, PolicyRef, ServiceRef

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The object that is a pod of the scenario."""

    namespace: str
    stem: str  # its controller's name, and its hostname
    name: str
    uid: str
    hostname: str
    image: str = ""  # by digest


@dataclass(slots=True, kw_only=True)
class Ground:
    """What a topology has in the cluster so far; `uids` are of objects that this run made, by path."""

    connection: Connection
    target: KubeTarget
    naming: Naming
    marks: Marks
    nodes: Nodes
    declared: ClusterState = field(default_factory=ClusterState)  # what the scenario has asked for by now
    pods: dict[PodRef, Standing] = field(default_factory=dict)
    services: tuple[ServiceRef, ...] = ()
    policies: dict[PolicyRef, str] = field(default_factory=dict)  # uid
    stored: dict[PolicyRef, Object] = field(default_factory=dict)  # the same policies as the API server has them
    uids: dict[str, str] = field(default_factory=dict)
    made: int = 0  # pods so far: each has a number of its own in its name

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Return the cluster's names of the namespaces."""
        return tuple(dict.fromkeys(self.naming.real.values()))

    @property
    def pod_lists(self) -> tuple[str, ...]:
        """Return the paths under which all pods are listed: one, but where only some namespaces may be read."""
        if not self.target.namespaces:
            return ("/api/v1/pods",)
        return tuple(f"/api/v1/namespaces/{n}/pods" for n in self.namespaces)

    def create(self, collection: str, body: Object) -> Object:
        """Create an object and remember its UID; one that a lost answer made counts, somebody else's does not."""
        path = f"{collection}/{body['metadata']['name']}"
        try:
            found: Object = self.connection.send("POST", collection, body)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise self.told(error) from None
            found = self.connection.get(path)
            if not self.is_ours(found):
                raise ClusterError(f"{path} is there already, and this run did not make it") from None
        self.uids[path] = str(found["metadata"]["uid"])
        return found

    def delete(self, path: str, *, propagation: str = "Background") -> bool:
        """Delete an object that this run made, and no other of its name; False if it is gone already."""
        body = {"preconditions": {"uid": self.uids[path]}, "propagationPolicy": propagation}
        try:
            self.connection.send("DELETE", path, body)
        except ApiError as error:
            if error.status == 404 or error.reason == "Conflict":  # gone, or another object by now
                return False
            raise self.told(error) from None
        return True

    def is_ours(self, found: Object) -> bool:
        labels = found["metadata"].get("labels") or {}
        return all(labels.get(k) == v for k, v in self.marks.labels.items())

    def told(self, error: ClusterError) -> ClusterError:
        """Return an error of the cluster with the scenario's names in it."""
        return ClusterError(self.naming.restored(str(error)))
