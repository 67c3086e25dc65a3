"""Making a topology: its namespaces, Services and pods, all at once, and awaiting them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from prober import probe
from prober.cluster.kube import objects
from prober.cluster.kube.ground import Ground, Standing
from prober.cluster.kube.naming import stem_for
from prober.cluster.kube.reading import image_of
from prober.cluster.kube.waiting import Awaited, await_pods
from prober.errors import ClusterError
from prober.model import Namespace, Pod, PodRef, Service, Topology

Object = Mapping[str, Any]
_AT_ONCE = 16  # requests under way: an API server's fair share for one client
T = TypeVar("T")
R = TypeVar("R")


def at_once(work: Callable[[T], R], each: Iterable[T]) -> list[R]:
    """Return what `work` gives for each, done side by side."""
    with ThreadPoolExecutor(_AT_ONCE, "making") as pool:
        return list(pool.map(work, each))


def make_namespaces(ground: Ground, topology: Topology) -> dict[str, Namespace]:
    """Make the namespaces; return them with the labels that they really have."""
    privileged = {p.namespace for p in topology.pods if p.host_network}

    def make(one: Namespace) -> Namespace:
        real = ground.naming.real[one.name]
        body = objects.namespace(one, real, ground.marks, ground.target, privileged=one.name in privileged)
        found = ground.create("/api/v1/namespaces", body)
        return Namespace(name=one.name, labels=dict(found["metadata"].get("labels") or {}))

    return {n.name: n for n in at_once(make, topology.namespaces)}


def make_services(ground: Ground, services: Sequence[Service]) -> list[Object]:
    """Make the Services; return them as they are stored."""

    def make(one: Service) -> Object:
        real = ground.naming.real[one.namespace]
        return ground.create(f"/api/v1/namespaces/{real}/services", objects.service(one, real, ground.marks))

    return at_once(make, services)


def start_pods(ground: Ground, pods: Sequence[Pod], *, away: Sequence[str] = ()) -> dict[PodRef, Object]:
    """Start pods, each on its node (those that name none take turns), and return them once they run.

    Where no node is known the scheduler puts them on any but those of `away`.
    """
    placed = []
    for pod in pods:
        ground.made += 1
        node = _node(ground, pod) if ground.nodes.usable else ""
        placed.append((pod, stem_for(ground.made, pod.name, ground.marks.topology), node))

    def make(one: tuple[Pod, str, str]) -> None:
        pod, stem, node = one
        real = ground.naming.real[pod.namespace]
        body = objects.job(pod, stem, real, node, probe.script(), ground.marks, ground.target, away=away)
        ground.create(f"/apis/batch/v1/namespaces/{real}/jobs", body)

    at_once(make, placed)
    found: dict[PodRef, Object] = {}
    for awaited in _awaited(ground, placed):
        try:
            running = await_pods(ground.connection, awaited, ground.marks.selector, ground.target.ready_within)
        except ClusterError as error:
            raise ground.told(error) from None
        found |= {pod.ref: running[stem] for pod, stem, _ in placed if stem in running}
    for pod, stem, _ in placed:
        meta = found[pod.ref]["metadata"]
        ground.pods[pod.ref] = Standing(
            namespace=meta["namespace"],
            stem=stem,
            name=meta["name"],
            uid=meta["uid"],
            hostname=stem,
            image=image_of(found[pod.ref]),
        )
    return found


def _node(ground: Ground, pod: Pod) -> str:
    usable = len(ground.nodes.usable)
    number = pod.node or (ground.made - 1) % min(2, usable) + 1
    # more only for a witness: what needs more nodes was refused
    return ground.nodes.name((number - 1) % usable + 1)


def _awaited(ground: Ground, placed: Sequence[tuple[Pod, str, str]]) -> list[Awaited]:
    """Return what to watch: one list of all pods, or each namespace's where only those may be read."""
    by_namespace: dict[str, dict[str, str]] = {}
    for pod, stem, _ in placed:
        by_namespace.setdefault(ground.naming.real[pod.namespace], {})[stem] = f"pod {pod.ref}"
    if ground.target.namespaces:
        return [
            Awaited(path=f"/api/v1/namespaces/{n}/pods", stems=stems, namespaces=(n,))
            for n, stems in by_namespace.items()
        ]
    every = {stem: name for stems in by_namespace.values() for stem, name in stems.items()}
    return [Awaited(path="/api/v1/pods", stems=every, namespaces=tuple(by_namespace))] if every else []
