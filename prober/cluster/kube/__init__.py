"""A cluster behind a kubeconfig or an in-cluster account; no client is imported before `connect`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from prober.cluster.kube.target import DEFAULT_IMAGE, KubeTarget, OutsideHost, new_run_id

if TYPE_CHECKING:
    from prober.cluster.kube.cluster import KubeCluster
    from prober.cluster.kube.connection import Connection
    from prober.cluster.kube.leftovers import LeftRun
    from prober.cluster.kube.reading import Nodes

__all__ = ["DEFAULT_IMAGE", "KubeTarget", "Kubernetes", "OutsideHost", "connect", "new_run_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """A cluster that answers: its name for every output, and what makes a KubeCluster for each topology.

    `close` waits until the namespaces of all closed KubeClusters are gone, and says by ClusterError which are not.
    """

    name: str
    make: Callable[[], KubeCluster]
    leftovers: Callable[[str], tuple[LeftRun, ...]]  # of one run, "" for every run's
    clean: Callable[[LeftRun], None]
    nodes: Callable[[], Nodes]
    remarks: Callable[[], tuple[str, ...]]  # what may change verdicts everywhere in the cluster, and is not judged
    close: Callable[[], None]
    connection: Connection


def connect(target: KubeTarget) -> Kubernetes:
    """Reach the cluster; UsageError if the kubeconfig says no, ClusterError if the server does not answer at once."""
    from prober.cluster.kube.closing import await_removed
    from prober.cluster.kube.cluster import KubeCluster
    from prober.cluster.kube.connection import HURRIED, Connection
    from prober.cluster.kube.furniture import priority_class
    from prober.cluster.kube.leftovers import find, remove
    from prober.cluster.kube.others import OtherKinds
    from prober.cluster.kube.scouting import NodeList

    connection = Connection(target)
    version = connection.get("/version", patience=HURRIED)
    name = f"kube: {connection.context}, {connection.server}, Kubernetes {version.get('gitVersion', 'of no version')}"
    target = replace(target, priority_class=target.priority_class or priority_class(connection))
    started = datetime.now(UTC)
    leaving: set[str] = set()
    turn = Lock()
    kinds = OtherKinds(connection)
    nodes = NodeList(connection, target, started.isoformat(timespec="seconds"))

    def close() -> None:
        try:
            await_removed(connection, target.run_id, leaving)
        finally:
            connection.close()

    return Kubernetes(
        name=name,
        make=lambda: KubeCluster(
            connection, target, name=name, started=started, leaving=leaving, kinds=kinds, nodes=nodes, turn=turn
        ),
        leftovers=lambda run: find(connection, run, target.namespaces),
        clean=lambda left: remove(connection, left),
        nodes=nodes.read,
        remarks=kinds.everywhere,
        close=close,
        connection=connection,
    )
