"""The one place that turns a command line into a cluster: what makes it, what every output calls it, what ends it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prober.cli.places import new_run
from prober.cli.values import Place
from prober.cluster.base import Cluster
from prober.cluster.lab import LabCluster
from prober.errors import ClusterError, UsageError
from prober.evidence import Evidence
from prober.model import Family, Port, Protocol, Topology
from prober.scenario import Scenario

if TYPE_CHECKING:
    from prober.cluster.kube import Kubernetes, KubeTarget, OutsideHost
    from prober.cluster.kube.reading import Nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Where a command's scenarios run."""

    name: str  # stands first in every output
    run_id: str
    make: Callable[[], Cluster]
    close: Callable[[], None]  # after the last cluster that `make` made
    most: int = 0  # scenarios at once; 0: as many as are asked for
    canaries: tuple[Scenario, ...] = ()
    uncovered: tuple[str, ...] = ()  # nodes that no proof speaks of, and why
    survey: Callable[[], Evidence] = Evidence  # what is known of the place before the first scenario
    notes: tuple[str, ...] = ()  # what else every report must say: policies of other kinds

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return what every report says first."""
        return (*(f"not covered: {node}" for node in self.uncovered), *self.notes)


@contextmanager
def chosen(args: Namespace) -> Iterator[Backend]:
    """Give the backend that the flags choose; ClusterError where it cannot be used, UsageError for what is missing."""
    if args.cluster == "lab":
        require_lab()
        yield Backend(
            name=_lab_name(args),
            run_id=new_run(),
            make=lambda: LabCluster(deny=args.deny, fault=args.fault),
            close=lambda: None,
            survey=_survey_lab,
        )
    else:
        with connected(args) as (kubernetes, target):
            yield kube_backend(kubernetes, target, kubernetes.nodes())


@contextmanager
def connected(args: Namespace) -> Iterator[tuple[Kubernetes, KubeTarget]]:
    """Reach the cluster of the flags; no client library is imported before."""
    from prober.cluster.kube import connect

    target = kube_target(args)
    kubernetes = connect(target)
    try:
        yield kubernetes, target
    finally:
        kubernetes.connection.close()


def kube_target(args: Namespace) -> KubeTarget:
    """Return what the flags say about a cluster; what a command has no flag for stays as the cluster decides."""
    from prober.cluster.kube import DEFAULT_IMAGE, KubeTarget

    def said(flag: str) -> str:
        return getattr(args, flag, None) or ""

    return KubeTarget(
        context=args.context or "",
        kubeconfig=args.kubeconfig or "",
        image=said("image") or DEFAULT_IMAGE,
        pull_policy=said("image_pull_policy") or "IfNotPresent",
        pull_secret=said("image_pull_secret"),
        namespaces=getattr(args, "namespaces", None) or (),
        namespace_labels=dict(getattr(args, "namespace_label", ())),
        externals=externals(getattr(args, "external", ())),
        allow_host_network=getattr(args, "allow_host_network", False),
        allow_label_overlap=getattr(args, "allow_label_overlap", False),
        tolerations=tuple(getattr(args, "toleration", ())),
        node_selector=getattr(args, "nodes", None) or {},
        rate=getattr(args, "rate", None) or 0.0,
        max_pods=getattr(args, "max_pods", None) or 100,
        keep=getattr(args, "keep", False),
    )


def externals(places: Iterable[Place]) -> Mapping[str, OutsideHost]:
    """Return each host with its addresses and all its ports; UsageError for one in two places."""
    from prober.cluster.kube import OutsideHost

    addresses: dict[str, dict[Family, str]] = {}
    ports: dict[str, dict[Port, None]] = {}
    for place in places:
        family = Family.IPV6 if ":" in place.address else Family.IPV4
        known = addresses.setdefault(place.host, {}).setdefault(family, place.address)
        if known != place.address:
            raise UsageError(f"--external {place.host}: {known} and {place.address} are two hosts; name one of them")
        ports.setdefault(place.host, {})[Port(number=place.port, protocol=Protocol(place.protocol))] = None
    return {host: OutsideHost(addresses=addresses[host], ports=tuple(ports[host])) for host in addresses}


def kube_backend(kubernetes: Kubernetes, target: KubeTarget, nodes: Nodes) -> Backend:
    """Return a cluster as a backend; ClusterError where no probe pod could run."""
    from prober import canary
    from prober.cluster.kube.survey import survey

    if not nodes.usable:
        raise ClusterError(f"{kubernetes.name}: no node can run probe pods: {'; '.join(uncovered(nodes)) or 'none'}")
    return Backend(
        name=kubernetes.name,
        run_id=target.run_id,
        make=kubernetes.make,
        close=kubernetes.close,
        most=1 if target.namespaces else 0,
        canaries=canary.canaries(len(nodes.usable), max_pods=target.max_pods),
        uncovered=uncovered(nodes),
        survey=lambda: survey(kubernetes.connection, target, nodes),
        notes=kubernetes.remarks(),
    )


def uncovered(nodes: Nodes) -> tuple[str, ...]:
    """Return the nodes of which no proof speaks, each with the reason."""
    from prober.canary import covered

    beyond = [str(n["metadata"]["name"]) for n in nodes.usable[covered(len(nodes.usable)) :]]
    left_out = [f"{name} {reason}" for name, reason in nodes.left_out.items()]
    unseen = [f"any other node: {nodes.unseen}"] if nodes.unseen else []
    return (*left_out, *(f"{name} is one too many for a scenario" for name in beyond), *unseen)


def require_lab() -> None:
    """Open an empty lab: what this machine lacks is said once, before the run."""
    try:
        with LabCluster() as lab:
            lab.open(Topology())
    except ClusterError as error:
        raise ClusterError(f"the lab cannot run here: {error} (`prober doctor` tries every part)") from None


def _survey_lab() -> Evidence:
    from prober.cluster.lab.survey import survey

    return survey()


def _lab_name(args: Namespace) -> str:
    """Return the lab's name with what makes it another one: a report must say that its lab lied."""
    lies = f" --fault {args.fault}" if args.fault else ""
    return f"lab{lies}{' --deny reject' if args.deny == 'reject' else ''}"
