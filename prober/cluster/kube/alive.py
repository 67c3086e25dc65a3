"""A sign of life: a Lease in each open topology, renewed while prober runs, so that nobody cleans up under its feet."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from prober.cluster.kube.connection import HURRIED
from prober.cluster.kube.ground import Ground
from prober.cluster.kube.objects import Marks
from prober.errors import ClusterError

Object = Mapping[str, Any]

DURATION = 60  # seconds without renewal after which a run counts as dead
GIVEN_LEASE = "prober"  # in each namespace that was made before: one name, so that one topology at a time has it
_EVERY = 15.0


def leases(namespace: str) -> str:
    """Return the path of a namespace's Leases."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


def lease(name: str, namespace: str, marks: Marks) -> dict[str, Any]:
    """Return a Lease of a topology."""
    spec = {"holderIdentity": socket.gethostname(), "leaseDurationSeconds": DURATION, "renewTime": _now()}
    metadata = marks.metadata(name, namespace)
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def is_alive(found: Object, now: datetime) -> bool:
    """Say whether a Lease was renewed of late."""
    spec = found.get("spec", {})
    try:
        renewed = datetime.fromisoformat(str(spec["renewTime"]))
        return now < renewed + timedelta(seconds=int(spec["leaseDurationSeconds"]))
    except (KeyError, ValueError, TypeError):
        return False


class Heartbeat:
    """Renews one topology's Leases from a thread of its own until it is stopped: one, or each given namespace's."""

    def __init__(self, ground: Ground) -> None:
        given = bool(ground.target.namespaces)
        name = GIVEN_LEASE if given else f"prober-{ground.marks.topology}"
        self._ground = ground
        self._paths = []
        for namespace in ground.namespaces if given else ground.namespaces[:1]:
            ground.create(leases(namespace), lease(name, namespace, ground.marks))
            self._paths.append(f"{leases(namespace)}/{name}")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stopped.wait(_EVERY):
            change = {"spec": {"renewTime": _now()}}
            for path in self._paths:
                # the next one may arrive; a run that cannot reach the API server ends of itself
                with contextlib.suppress(ClusterError):
                    self._ground.connection.send(
                        "PATCH", path, change, kind="application/merge-patch+json", patience=HURRIED
                    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
