"""How long the lab takes: `python -m tests.bench.bench_lab [PODS ...]`, medians; nothing else should run meanwhile."""

from __future__ import annotations

import os
import sys
import time
from itertools import pairwise
from statistics import median

from tabulate import tabulate

from prober import probe
from prober.cluster.lab.cluster import LabCluster
from prober.model import (
    ApplyPolicy,
    Direction,
    Family,
    LabelPod,
    Namespace,
    NetworkPolicy,
    Pod,
    Port,
    Protocol,
    Topology,
)

_SIZES = (10, 100, 300, 1000)
_PORTS = (Port(number=80), Port(number=81, protocol=Protocol.UDP))
_NAMESPACES = ("x", "y", "z")
_POLICIES = tuple(NetworkPolicy(namespace=n, name="p", types=frozenset({Direction.INGRESS})) for n in _NAMESPACES)


def _topology(count: int) -> Topology:
    return Topology(
        namespaces=tuple(Namespace(name=n) for n in _NAMESPACES),
        pods=tuple(
            Pod(namespace=_NAMESPACES[n % 3], name=f"p{n}", labels={"n": str(n)}, ports=_PORTS) for n in range(count)
        ),
    )


def _once(count: int) -> tuple[float, ...]:
    """Return seconds: open, apply a policy, label a pod, identities, one stream of 20 probes, close."""
    cluster, topology = LabCluster(), _topology(count)
    times = [time.perf_counter()]
    state = cluster.open(topology)
    times.append(time.perf_counter())
    for policy in _POLICIES:
        cluster.apply(ApplyPolicy(policy=policy))
    times.append(time.perf_counter())
    pods = tuple(state.probe_pods())
    cluster.apply(LabelPod(pod=pods[0].ref, labels={"n": "-"}))
    times.append(time.perf_counter())
    cluster.identities()
    times.append(time.perf_counter())
    own = pods[0].addresses[Family.IPV4]
    probes = [probe.Probe(cell=n, kind=probe.Kind.TCP, host=own, port=80) for n in range(20)]
    assert len(list(cluster.stream(pods[0].ref, probe.request(probes, "t")))) == 22
    times.append(time.perf_counter())
    cluster.close()
    times.append(time.perf_counter())
    spent = [later - earlier for earlier, later in pairwise(times)]
    spent[1] /= len(_POLICIES)
    return tuple(spent)


def main() -> None:
    """Print a line for each size."""
    rows = []
    for count in [int(n) for n in sys.argv[1:]] or _SIZES:
        runs = [_once(count) for _ in range(max(3, 30 // count))]
        rows.append((count, *(median(column) * 1000 for column in zip(*runs, strict=True))))
    columns = ("pods", "open ms", "policy ms", "label ms", "identities ms", "20 probes ms", "close ms")
    print(f"load {os.getloadavg()[0]:.1f}")
    print(tabulate(rows, columns, floatfmt=".0f"))


if __name__ == "__main__":
    main()
