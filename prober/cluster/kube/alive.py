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
_EVERY = 15.0


def leases(namespace: str) -> str:
    """Return the path of a namespace's Leases."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


def lease(namespace: str, marks: Marks) -> dict[str, Any]:
    """Return the Lease of a topology."""
    spec = {"holderIdentity": socket.gethostname(), "leaseDurationSeconds": DURATION, "renewTime": _now()}
    metadata = marks.metadata(f"prober-{marks.topology}", namespace)
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
    """Renews one topology's Lease from a thread of its own until it is stopped."""

    def __init__(self, ground: Ground) -> None:
        namespace = ground.namespaces[0]
        self._ground = ground
        self._path = f"{leases(namespace)}/prober-{ground.marks.topology}"
        ground.create(leases(namespace), lease(namespace, ground.marks))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stopped.wait(_EVERY):
            change = {"spec": {"renewTime": _now()}}
            # the next one may arrive; a run that cannot reach the API server ends of itself
            with contextlib.suppress(ClusterError):
                self._ground.connection.send(
                    "PATCH", self._path, change, kind="application/merge-patch+json", patience=HURRIED
                )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
