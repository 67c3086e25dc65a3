"""A real cluster behind the seam: one topology in namespaces of its own, made, changed, asked and removed again."""

from __future__ import annotations

import secrets
import shlex
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from threading import Lock
from types import TracebackType
from typing import Any, Self

from prober.cluster.base import Identity
from prober.cluster.kube import changes, closing, evidence, fitting, given, making, others, presence, reading
from prober.cluster.kube.alive import Heartbeat
from prober.cluster.kube.asking import Asking, asked_until_answered
from prober.cluster.kube.connection import Connection
from prober.cluster.kube.furniture import Furniture, read_furniture
from prober.cluster.kube.ground import Ground, Standing
from prober.cluster.kube.naming import Naming, namespaces_for
from prober.cluster.kube.objects import CONTAINER, PROBE_COMMAND, Marks
from prober.cluster.kube.others import OtherKinds
from prober.cluster.kube.overlap import refuse_overlap
from prober.cluster.kube.scouting import NodeList
from prober.cluster.kube.shell import lines_of
from prober.cluster.kube.target import KubeTarget
from prober.errors import ClusterError
from prober.model import (
    Action,
    ClusterState,
    External,
    Family,
    Namespace,
    Pod,
    PodRef,
    PolicyRef,
    Service,
    ServiceRef,
    Source,
    Topology,
)

_BEARABLE = 256  # attempts that a node bears at once: each is a process in a pod there


class KubeCluster:
    """One topology on a cluster behind a kubeconfig; several may be open at once on one Connection.

    `leaving` collects the namespaces that were deleted and not awaited: that is done once, when the run ends. `turn` is
    held by the one that is open in namespaces that somebody else made.
    """

    at_once = 10_000  # its pods share the work; `--workers` bounds the execs
    echoes_nonce = False  # agnhost answers a datagram with its name alone

    def __init__(
        self,
        connection: Connection,
        target: KubeTarget,
        *,
        name: str,
        started: datetime,
        leaving: set[str],
        kinds: OtherKinds,
        nodes: NodeList,
        turn: Lock,
    ) -> None:
        self.name = name
        self.at_once = _BEARABLE
        self.lasts = float(target.lifetime)
        self._leaving = leaving
        self._connection = connection
        self._target = target
        self._started = started.isoformat(timespec="seconds")
        self._kinds = kinds
        self._nodes = nodes
        self._turn = turn
        self._has_turn = False
        self._unseen: tuple[str, ...] = ()  # what this account may not see of what decides verdicts
        self._counted: frozenset[PolicyRef] = frozenset()  # policies of others that are part of the state
        self._opened: Ground | None = None
        self._heartbeat: Heartbeat | None = None
        self._lost: deque[str] = deque(maxlen=50)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self, topology: Topology) -> ClusterState:
        """Make the topology and wait until all of it runs; the state has the scenario's names, labels as stored."""
        if self._opened is not None:
            raise ClusterError("this cluster is open already")
        nodes = self._nodes.read()
        fitting.refuse(topology, nodes, self._target)
        token = f"{self._target.run_id}-{secrets.token_hex(2)}"
        before = self._target.namespaces
        if before:  # the topology before is closed in its own time
            self._has_turn = self._turn.acquire()
        ground = Ground(
            connection=self._connection,
            target=self._target,
            naming=Naming(
                given.assigned(topology, before)
                if before
                else namespaces_for((n.name for n in topology.namespaces), token)
            ),
            marks=Marks(run=self._target.run_id, topology=token, started=self._started),
            nodes=nodes,
            declared=ClusterState.of(topology),
        )
        self._opened = ground
        self.at_once = _BEARABLE * len(nodes.usable)
        if before:  # they may have more labels than the scenario asks for
            ground.declared = replace(ground.declared, namespaces={n.name: n for n in self._namespaces(ground)})
        self._unseen = refuse_overlap(ground, ground.declared)
        self._settle_in(ground, topology)
        stored = making.make_services(ground, topology.services)
        ground.services = tuple(s.ref for s in topology.services)
        found = making.start_pods(ground, topology.pods)
        pods = tuple(reading.probe_pod(p, found[p.ref], nodes) for p in topology.pods)
        for pod in (p for p in pods if p.host_network):  # such a pod has its node's name
            standing = ground.pods[pod.ref]
            hostname = self._said(standing, "cat", "/proc/sys/kernel/hostname").strip()
            ground.pods[pod.ref] = replace(standing, hostname=hostname)
        furniture = self._furniture(ground)
        services = tuple(
            replace(s, addresses=reading.service_addresses(o)) for s, o in zip(topology.services, stored, strict=True)
        )
        policies = tuple(others.found_in(ground)[0])
        self._counted = frozenset(p.ref for p in policies)
        state = ClusterState.of(
            Topology(
                namespaces=(*self._namespaces(ground), *furniture.namespaces),
                pods=(*pods, *furniture.pods),
                services=(*services, *furniture.services),
                externals=tuple(self._external(e) for e in topology.externals),
                nodes=tuple(nodes.modelled(topology.nodes).values()),
                families=_families(pods, furniture.services, topology.families),
            ),
            policies,
        )
        return replace(state, resolver=furniture.resolver, api_server=furniture.api_server)

    def _settle_in(self, ground: Ground, topology: Topology) -> None:
        """Make the namespaces, or take those that were made before; show that somebody lives there."""
        if self._target.namespaces:
            given.refuse_taken(ground)
        else:
            making.make_namespaces(ground, topology)
        if ground.namespaces:
            self._heartbeat = Heartbeat(ground)
        if self._target.namespaces:
            given.refuse_company(ground)

    def apply(self, action: Action) -> Action:
        """Carry out one action; when this returns the API server has stored what was meant."""
        return changes.carry_out(self._ground(), action)

    def stream(self, source: Source, request: str) -> Iterator[str]:
        """Run the probe script in the source; what gets lost on the way is asked again, and at last left out."""
        ground = self._ground()
        standing = self._standing(ground, source)
        asking = Asking("\n".join(ground.naming.request(line) for line in request.splitlines()))

        def run(text: str) -> Iterator[str]:
            seconds = asking.seconds()
            return lines_of(
                self._connection, standing.namespace, standing.name, CONTAINER, PROBE_COMMAND, text, seconds
            )

        def on_lost(error: ClusterError) -> None:
            self._lost.append(f"{source}: {error}")

        for line in asked_until_answered(asking, run, on_lost):
            yield ground.naming.restored(line)

    def hostname(self, pod: PodRef) -> str:
        """Return the name with which a pod answers; for one that was removed, a name that nobody has."""
        standing = self._ground().pods.get(pod)
        return standing.hostname if standing else f"no-{pod.namespace}-{pod.name}"

    def identities(self) -> Mapping[PodRef, Identity]:
        """Return who every pod is now; what does not run, or is about to end, is missing."""
        return presence.identities(self._ground())

    def images(self) -> Mapping[PodRef, str]:
        """Return the digest of every pod's image, as its node's runtime says it."""
        return {ref: standing.image for ref, standing in self._ground().pods.items()}

    def stored(self, policy: PolicyRef) -> Mapping[str, Any]:
        """Return a policy's object as the API server answered when it was last written."""
        return self._ground().stored[policy]

    def ready(self) -> frozenset[ServiceRef]:
        """Return the Services with a ready backend in their EndpointSlices."""
        return presence.ready(self._ground())

    def arrivals(self) -> frozenset[str] | None:
        """Say that nobody knows: agnhost logs who asked, not what."""
        return None

    def lacks(self, needs: Collection[str], topology: Topology) -> str:
        """Say why a scenario cannot run here; "" if it can."""
        before = self._target.namespaces
        if before and (why := given.lacking(self._connection, needs, topology, before)):
            return why
        return fitting.lacking(needs, topology, self._nodes.read(), self._target)

    def remarks(self) -> tuple[str, ...]:
        """Say which policies of others are in the topology's namespaces now."""
        return (*self._unseen, *others.remarks(self._ground(), self._kinds, self._counted))

    def evidence(self) -> str:
        """Return nodes, pods, warnings and policies as the cluster has them now."""
        return evidence.collected(self._ground(), list(self._lost))

    def reproduce(self, source: Source, command: str) -> str:
        """Return the `kubectl exec` that runs a probe's command; the run's own pods are gone after it (but --keep)."""
        standing = self._ground().pods.get(source) if isinstance(source, PodRef) else None
        if standing is None:
            return f"# from {source}: {command}"
        context = (
            "" if self._connection.context == "in-cluster" else f" --context {shlex.quote(self._connection.context)}"
        )
        if self._target.kubeconfig:
            context += f" --kubeconfig {shlex.quote(self._target.kubeconfig)}"
        return (
            f"kubectl{context} exec -n {standing.namespace} {standing.name} -c {CONTAINER} -- "
            f"sh -c {shlex.quote(self._ground().naming.command(command))}"
        )

    def close(self) -> None:
        """Remove everything that this object made; its namespaces, empty by then, join those that are leaving."""
        try:
            self._close()
        finally:
            if self._has_turn:
                self._has_turn = False
                self._turn.release()

    def _close(self) -> None:
        ground, self._opened = self._opened, None
        heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            heartbeat.stop()
        if ground is not None and not self._target.keep:
            closing.remove(ground)
            if not self._target.namespaces:
                self._leaving.update(ground.namespaces)

    def _ground(self) -> Ground:
        if self._opened is None:
            raise ClusterError("the cluster is not open")
        return self._opened

    def _standing(self, ground: Ground, source: Source) -> Standing:
        if not isinstance(source, PodRef):
            raise ClusterError(f"{source}: nothing can be sent from there")
        if source not in ground.pods:
            raise ClusterError(f"there is no pod {source}")
        return ground.pods[source]

    def _furniture(self, ground: Ground) -> Furniture:
        if not ground.pods:
            return Furniture()
        asked = next(iter(ground.pods.values()))
        found = read_furniture(self._connection, lambda *command: self._said(asked, *command), ground.nodes)
        self._unseen += found.unseen
        return found

    def _said(self, standing: Standing, *command: str) -> str:
        return "\n".join(lines_of(self._connection, standing.namespace, standing.name, CONTAINER, command, "", 5))

    def _namespaces(self, ground: Ground) -> list[Namespace]:
        """Return the namespaces with the labels that they have by now: controllers add some of their own."""

        def read(name: str) -> Namespace:
            found = self._connection.get(f"/api/v1/namespaces/{ground.naming.real[name]}")
            return Namespace(name=name, labels=dict(found["metadata"].get("labels") or {}))

        return making.at_once(read, ground.naming.real)

    def _external(self, external: External) -> External:
        host = self._target.externals.get(external.name)
        return replace(external, addresses=host.addresses) if host else external


def _families(pods: tuple[Pod, ...], services: tuple[Service, ...], wanted: tuple[Family, ...]) -> tuple[Family, ...]:
    """Return the families that every pod has, the primary one first."""
    holders = [p.addresses for p in pods if not p.host_network] or [p.addresses for p in pods]
    holders = holders or [s.addresses for s in services if s.addresses]
    if not holders:
        return wanted
    return tuple(f for f in holders[0] if all(f in addresses for addresses in holders))
