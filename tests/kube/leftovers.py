"""What runs of prober have left on a test cluster: every test ends with nothing."""

from __future__ import annotations

from collections.abc import Collection

from tests.kube.cluster import Cluster


def left(cluster: Cluster, runs: Collection[str] | None = None) -> list[str]:
    """Return the namespaces of these runs, or of any, that are there and are not about to go."""
    with cluster.api() as api:
        found = [n["metadata"] for n in api.get("/api/v1/namespaces", {"labelSelector": "prober/run"})["items"]]
    return [
        m["name"] for m in found if "deletionTimestamp" not in m and (runs is None or m["labels"]["prober/run"] in runs)
    ]
