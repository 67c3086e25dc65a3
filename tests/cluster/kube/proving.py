"""Whole runs against a real cluster, and one topology opened there: what the tests of this folder begin with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from prober import probe
from prober.cluster.kube import Kubernetes, KubeTarget, connect
from prober.cluster.kube.cluster import KubeCluster
from prober.cluster.kube.reading import nodes_of
from prober.cluster.kube.waiting import items
from prober.journal import Journal
from prober.model import Family, PodRef
from prober.outcomes import Outcome
from prober.progress import Progress, ignored
from prober.result import RunResult
from prober.runner import Settings, run
from prober.scenario import Scenario, load, loads
from prober.verdict import judge
from tests.kube.cluster import Cluster
from tests.kube.presence import until

SEEDS = Path(__file__).parents[3] / "scenarios" / "seeds"
IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.56"  # the nodes have it by this name, and can pull nothing
# after an outage the controllers of Kubernetes take up to a minute until they make pods again
QUICK = Settings(jobs=2, settle=20, budget=300)

TWO = """
summary: b takes nothing
namespaces: {shop: {labels: {team: shop}}, bank: {}}
pods:
  shop/a: {labels: {app: a}, ports: [80, 53/udp], node: 1}
  bank/b: {labels: {app: b}, ports: [80, 53/udp], node: 2}
services:
  bank/b: {selector: {app: b}, ports: [80]}
steps:
  - name: nothing goes to b
    apply:
      - apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: deny, namespace: bank}
        spec: {podSelector: {}, policyTypes: [Ingress]}
    expect:
      denied: [any -> bank/any, "shop/a -> name/b.bank:80"]
      allowed: [bank/b -> shop/a]
"""


def target(cluster: Cluster, **changes: Any) -> KubeTarget:
    """Return how to use a test cluster."""
    settings = KubeTarget(kubeconfig=str(cluster.kubeconfig), image=IMAGE, ready_within=120)
    return replace(settings, **changes)


def reach(cluster: Cluster, **changes: Any) -> Kubernetes:
    """Connect to a test cluster once pods can run on both of its nodes; the caller closes it."""
    settings = target(cluster, **changes)
    kubernetes = connect(settings)
    path = "/api/v1/nodes"
    until(
        lambda: len(nodes_of(items(kubernetes.connection, path), settings).usable) == len(cluster.nodes),
        "nodes on which pods can run",
    )
    return kubernetes


def scenario(text: str = TWO, name: str = "two") -> Scenario:
    """Return a scenario from its text."""
    path = f"{name}.scenario.yaml"
    return loads({path: text}, path)


def seeds() -> tuple[Scenario, ...]:
    """Return the scenarios that ship with prober."""
    return load([SEEDS])


def proved(
    kubernetes: Kubernetes,
    scenarios: Sequence[Scenario],
    settings: Settings = QUICK,
    *,
    canaries: Sequence[Scenario] = (),
    progress: Callable[[Progress], None] = ignored,
    stop: threading.Event | None = None,
) -> RunResult:
    """Run scenarios and judge them."""
    log = Journal()
    run(
        scenarios,
        kubernetes.make,
        settings,
        log,
        progress,
        stop or threading.Event(),
        run_id="test",
        cluster_name=kubernetes.name,
        canaries=canaries,
    )
    return judge(log.events(), {s.path: s for s in (*canaries, *scenarios)})


def once(kind: str, do: Callable[[], object]) -> Callable[[Progress], None]:
    """Return a progress that does something as soon as a phase of that kind sends its first round."""
    done = threading.Event()

    def tell(progress: Progress) -> None:
        if progress.kind == kind and not done.is_set():
            done.set()
            do()

    return tell


def seen(cluster: KubeCluster, source: PodRef, address: str, port: int, name: str) -> Outcome:
    """Make one TCP attempt and return what it saw."""
    one = probe.Probe(cell=0, kind=probe.Kind.TCP, host=address, port=port, names=frozenset({name}))
    for line in cluster.stream(source, probe.request([one], "t0ken")):
        if isinstance(found := probe.read_line(line, "t0ken"), probe.Answer):
            return probe.outcome(one, found)
    return Outcome.NO_RESULT


def reaches(cluster: KubeCluster, source: PodRef, target_pod: PodRef, address: str) -> Callable[[], bool]:
    """Return whether a pod is reached on port 80, to be asked until it is."""
    return lambda: seen(cluster, source, address, 80, cluster.hostname(target_pod)) is Outcome.CONNECTED


V4 = Family.IPV4
