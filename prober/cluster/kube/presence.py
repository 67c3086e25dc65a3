"""Who is there now: the pods of a topology, and its Services that lead somewhere."""

from __future__ import annotations

from collections.abc import Mapping

from prober.cluster.base import Identity
from prober.cluster.kube import reading
from prober.cluster.kube.ground import Ground
from prober.cluster.kube.waiting import items
from prober.model import PodRef, ServiceRef


def identities(ground: Ground) -> Mapping[PodRef, Identity]:
    """Return who every pod is now; what does not run, or is about to end, is missing."""
    query = (("labelSelector", ground.marks.selector),)
    by_name = {
        (p["metadata"]["namespace"], p["metadata"]["name"]): p
        for path in ground.pod_lists
        for p in items(ground.connection, path, query)
    }
    found = {}
    for ref, standing in dict(ground.pods).items():
        pod = by_name.get((standing.namespace, standing.name))
        if pod is not None and (identity := reading.identity_of(pod)):
            found[ref] = identity
    return found


def ready(ground: Ground) -> frozenset[ServiceRef]:
    """Return the Services with a ready backend in their EndpointSlices."""
    names: dict[str, list[str]] = {}
    for ref in ground.services:
        names.setdefault(ref.namespace, []).append(ref.name)
    found: set[ServiceRef] = set()
    for namespace, services in names.items():
        path = f"/apis/discovery.k8s.io/v1/namespaces/{ground.naming.real[namespace]}/endpointslices"
        query = (("labelSelector", f"{reading.SERVICE_LABEL} in ({','.join(services)})"),)
        found |= {ServiceRef(namespace, s) for s in reading.ready_services(items(ground.connection, path, query))}
    return frozenset(found)
