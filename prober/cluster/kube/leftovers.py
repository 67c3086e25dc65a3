"""What runs left behind: found by their label alone, removed by the UID under which it was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prober.cluster.kube.alive import is_alive
from prober.cluster.kube.connection import ApiError, Connection
from prober.cluster.kube.objects import RUN_LABEL, STARTED_ANNOTATION
from prober.cluster.kube.waiting import items
from prober.errors import ClusterError

Object = Mapping[str, Any]

# What a run creates: its namespaces, which take all in them along, and, in namespaces of others, each of these
_KINDS = {
    "namespace": ("/api/v1/namespaces", "/api/v1/namespaces/{name}"),
    "job": ("/apis/batch/v1/jobs", "/apis/batch/v1/namespaces/{namespace}/jobs/{name}"),
    "service": ("/api/v1/services", "/api/v1/namespaces/{namespace}/services/{name}"),
    "networkpolicy": (
        "/apis/networking.k8s.io/v1/networkpolicies",
        "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/{name}",
    ),
    "lease": (
        "/apis/coordination.k8s.io/v1/leases",
        "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One object that a run made."""

    kind: str
    path: str
    uid: str

    def __str__(self) -> str:
        return f"{self.kind} {self.path.rsplit('/', 1)[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftRun:
    """A run of which objects are there, whether it still lives, and what to remove to be rid of it."""

    run: str
    started: str  # ISO 8601; "" if no object says so
    alive: bool
    objects: tuple[Leftover, ...]


def find(connection: Connection, run: str = "", namespaces: Sequence[str] = ()) -> tuple[LeftRun, ...]:
    """Return what is left of one run, or of every run, the oldest first; in these namespaces, or anywhere."""
    selector = (("labelSelector", f"{RUN_LABEL}={run}" if run else RUN_LABEL),)
    found = {
        kind: [o for path in _paths(*paths, namespaces) for o in _listed(connection, path, selector)]
        for kind, paths in _KINDS.items()
    }
    return grouped(found, datetime.now(UTC))


def _paths(everywhere: str, one: str, namespaces: Sequence[str]) -> list[str]:
    """Return where a kind is listed; namespaces that somebody else made are nobody's leftovers."""
    if not namespaces:
        return [everywhere]
    return [one.removesuffix("/{name}").format(namespace=n) for n in namespaces if "{namespace}" in one]


def grouped(found: Mapping[str, Sequence[Object]], now: datetime) -> tuple[LeftRun, ...]:
    """Sort labelled objects by their runs; what is in a namespace of the run goes with it."""
    own = {o["metadata"]["name"] for o in found.get("namespace", ())}
    objects: dict[str, list[Leftover]] = {}
    started: dict[str, str] = {}
    alive = {_run(o) for o in found.get("lease", ()) if is_alive(o, now)}
    for kind, (_, path) in _KINDS.items():
        for one in found.get(kind, ()):
            meta, run = one["metadata"], _run(one)
            if not run:
                continue  # a server that ignored the selector must not make us delete what nobody labelled
            told = str((meta.get("annotations") or {}).get(STARTED_ANNOTATION, ""))
            started[run] = min(filter(None, (started.get(run, ""), told)), default="")
            listed = objects.setdefault(run, [])
            if meta.get("namespace") not in own:
                place = path.format(namespace=meta.get("namespace"), name=meta["name"])
                listed.append(Leftover(kind=kind, path=place, uid=str(meta["uid"])))
    runs = (
        LeftRun(run=run, started=started[run], alive=run in alive, objects=tuple(those))
        for run, those in objects.items()
    )
    return tuple(sorted(runs, key=lambda r: (r.started, r.run)))


def remove(connection: Connection, left: LeftRun) -> None:
    """Remove what a dead run left; ClusterError for one that lives, and for what could not be removed."""
    if left.alive:
        raise ClusterError(f"run {left.run} still lives: its Lease was renewed less than a minute ago")
    failed = [why for one in left.objects if (why := _removed(connection, one))]
    if failed:
        raise ClusterError("; ".join(failed))


def _removed(connection: Connection, one: Leftover) -> str:
    body = {"preconditions": {"uid": one.uid}, "propagationPolicy": "Background"}
    try:
        connection.send("DELETE", one.path, body)
    except ApiError as error:
        return "" if error.status == 404 or error.reason == "Conflict" else f"{one}: {error.message}"
    return ""


def _run(one: Object) -> str:
    return str((one["metadata"].get("labels") or {}).get(RUN_LABEL, ""))


def _listed(connection: Connection, path: str, selector: Iterable[tuple[str, str]]) -> list[Object]:
    """Return a list, nothing where it may not be read: an account with Roles alone cleans what it can see."""
    try:
        return items(connection, path, tuple(selector))
    except ApiError as error:
        if error.status != 403:
            raise
        return []
