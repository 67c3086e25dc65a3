"""How long a matrix takes on a real cluster, and beside it one exec per probe: `python -m tests.bench.bench_kube [N]`.

Nine pods with TCP and UDP on two ports each are 324 cells. The test cluster (engine nft, two nodes) shares this machine
with everything else: its load is printed, and timings lie under load. Nothing is asserted.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from prober.cells import probe
from prober.cluster.kube import Kubernetes, KubeTarget, connect
from prober.cluster.kube.cluster import KubeCluster
from prober.expect import expectations
from prober.journal import Event, Journal, Opened, Phase, RoundEnded, RoundStarted, RunEnded, RunStarted, ScenarioEnded
from prober.model import Flow
from prober.probe import request
from prober.progress import ignored
from prober.runner import Settings, run
from prober.scenario import Scenario, loads
from prober.verdict import judge
from prober.vouching import Vouching, with_witnesses
from tests.bench.matrices import matrix_of
from tests.kube.cluster import Cluster
from tests.kube.settings import Engine
from tests.kube.settings import Settings as Wanted

_IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.56"
_THREADS = 15  # of the runner that makes one exec per probe: as many as the Kubernetes suites use
_TIMEOUT = 1


def _scenarios() -> tuple[Scenario, Scenario]:
    """Return the same scenario twice: the second runs on the first one's topology."""
    one, other = (loads({path: matrix_of(9)}, path) for path in ("nine.scenario.yaml", "again.scenario.yaml"))
    return one, other


def _events(kubernetes: Kubernetes, scenarios: Sequence[Scenario]) -> tuple[Event, ...]:
    log = Journal()
    settings = Settings(timeout=_TIMEOUT, jobs=1, budget=300)
    stop = threading.Event()
    run(scenarios, kubernetes.make, settings, log, ignored, stop, run_id="bench", cluster_name=kubernetes.name)
    print(f"  {judge(log.events(), {s.path: s for s in scenarios}).proof}")
    return log.events()


def _spans(events: Sequence[Event], path: str) -> Iterator[tuple[str, float]]:
    """Yield what took how long for one scenario: its parts, and each round by its phase."""
    mine = [e for e in events if getattr(e, "scenario", "") == path]
    (begin,) = (e.at for e in events if isinstance(e, RunStarted))
    opened = next(e.at for e in mine if isinstance(e, Opened))
    ended = next(e.at for e in mine if isinstance(e, ScenarioEnded))
    shared = not any(isinstance(e, Phase) and e.kind == "control" for e in mine)
    if shared:
        yield "scenario on a shared topology", ended - opened
    else:
        yield "pods", opened - begin
        yield "whole scenario, pods included", ended - begin
    kind, since = "", 0.0
    for event in mine:
        match event:
            case Phase():
                kind = event.kind
            case RoundStarted(at=at):
                since = at
            case RoundEnded(at=at):
                yield ("round with denials" if kind == "step" else "round of a control"), at - since


def _one_exec_each(cluster: KubeCluster, scenario: Scenario) -> tuple[int, float]:
    """Return how many probes a round has, and how long they take with an exec for each."""
    state = cluster.open(with_witnesses(scenario.topology))
    for action in scenario.steps[0].actions:
        state = state.after(cluster.apply(action))
    expected = expectations(scenario, scenario.steps[0], state)
    flows = Vouching(state).round_of(tuple(expected))

    def attempt(flow: Flow) -> None:
        sent = probe(flow, state, cell=0, timeout=_TIMEOUT, nonce="n0nce", hostname=cluster.hostname, echoes=False)
        list(cluster.stream(flow.source, request([sent], "t0ken")))

    begin = time.monotonic()
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(attempt, flows))
    return len(flows), time.monotonic() - begin


def main() -> None:
    """Print medians of what a scenario is made of, then the same probes with an exec for each, and the ratio."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    found: dict[str, list[float]] = {}
    with Cluster(Wanted(engine=Engine.NFT)) as cluster:
        kubernetes = connect(KubeTarget(kubeconfig=str(cluster.kubeconfig), image=_IMAGE, ready_within=120))
        for _ in range(runs):
            print(f"load {os.getloadavg()[0]:.1f}")
            events = _events(kubernetes, _scenarios())
            for scenario in _scenarios():
                for what, seconds in _spans(events, scenario.path):
                    found.setdefault(what, []).append(seconds)
            last = max(e.at for e in events if isinstance(e, ScenarioEnded))
            found.setdefault("removal", []).append(next(e.at for e in events if isinstance(e, RunEnded)) - last)
        with kubernetes.make() as topology:
            probes, naive = _one_exec_each(topology, _scenarios()[0])
        kubernetes.close()
    for what, times in found.items():
        print(f"{what}: median {median(times):.2f} s of {len(times)} ({min(times):.2f} to {max(times):.2f})")
    ratio = naive / median(found["round with denials"])
    print(f"one exec per probe, {_THREADS} threads: {naive:.2f} s for {probes} probes, {ratio:.1f} times a round")


if __name__ == "__main__":
    main()
