"""Time and memory of the oracle for all pods to all pods on one port: `python -m tests.bench.bench_oracle`."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from ipaddress import IPv4Address, ip_network

from prober.model import (
    ClusterState,
    Direction,
    Family,
    Flow,
    IPBlock,
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Operator,
    Pod,
    PodPeer,
    PodRef,
    PolicyPort,
    PolicyRef,
    Port,
    Requirement,
    Rule,
)
from prober.oracle import judge, matrix

SIZES = (100, 300, 1_000)
REPEATS = 5
PORT = 8080
_FIRST = IPv4Address("10.244.0.1")


def crowd(size: int) -> ClusterState:
    """Return `size` pods in namespaces of 50, each pod with one label of its own, and as many policies."""
    spaces = max(1, size // 50)
    pods = [
        Pod(
            namespace=f"ns{i % spaces}",
            name=f"pod{i}",
            labels={"app": f"app{i % 20}", "pod": f"pod{i}", "tier": ("front", "back")[i % 2]},
            ports=(Port(number=PORT if i % 3 else 9090, name="http"),),
            node=i % 10 + 1,
            addresses={Family.IPV4: str(_FIRST + i)},
        )
        for i in range(size)
    ]
    namespaces = {f"ns{n}": Namespace(name=f"ns{n}", labels={"team": f"team{n % 7}"}) for n in range(spaces)}
    policies = [_policy(i, spaces) for i in range(size)]
    return ClusterState(namespaces=namespaces, pods={p.ref: p for p in pods}, policies={p.ref: p for p in policies})


def _policy(i: int, spaces: int) -> NetworkPolicy:
    namespace, name = f"ns{i % spaces}", f"policy{i}"
    app = LabelSelector(match_labels={"app": f"app{i % 20}"})
    other = LabelSelector(match_labels={"app": f"app{(i + 7) % 20}"})
    ingress = frozenset({Direction.INGRESS})
    match i % 5:
        case 0:  # deny a whole namespace, both ways
            return NetworkPolicy(namespace=namespace, name=name, types=frozenset(Direction))
        case 1:  # one app of every namespace, by the name of a port
            rule = Rule(peers=(PodPeer(pods=other, namespaces=LabelSelector()),), ports=(PolicyPort(port="http"),))
            return NetworkPolicy(namespace=namespace, name=name, pods=app, types=ingress, ingress=(rule,))
        case 2:  # egress to teams, and to a range of addresses with a hole
            teams = Requirement(key="team", operator=Operator.NOT_IN, values=(f"team{i % 7}",))
            block = IPBlock(
                cidr=ip_network("10.244.0.0/16"), excepts=(ip_network(f"10.244.{i % 4}.{i * 16 % 256}/28"),)
            )
            rule = Rule(
                peers=(PodPeer(namespaces=LabelSelector(expressions=(teams,))), block), ports=(PolicyPort(port=PORT),)
            )
            return NetworkPolicy(
                namespace=namespace, name=name, pods=app, types=frozenset({Direction.EGRESS}), egress=(rule,)
            )
        case 3:  # all of the namespace from a tier
            back = Requirement(key="tier", operator=Operator.IN, values=("back",))
            rule = Rule(peers=(PodPeer(pods=LabelSelector(expressions=(back,))),))
            return NetworkPolicy(namespace=namespace, name=name, types=ingress, ingress=(rule,))
        case _:  # one address, a block of its own in every policy
            rule = Rule(peers=(IPBlock(cidr=ip_network(f"{_FIRST + i}/32")),))
            return NetworkPolicy(namespace=namespace, name=name, pods=app, types=ingress, ingress=(rule,))


def same_policies(size: int) -> ClusterState:
    """Return the worst case: one namespace, where every policy selects every pod."""
    state = crowd(size)
    rule = Rule(peers=(PodPeer(pods=LabelSelector(match_labels={"tier": "back"})),))
    policies = (
        NetworkPolicy(namespace="ns0", name=f"p{i}", types=frozenset(Direction), ingress=(rule,), egress=(rule,))
        for i in range(size)
    )
    pods = (
        Pod(namespace="ns0", name=p.name, labels=p.labels, ports=p.ports, node=p.node, addresses=p.addresses)
        for p in state.pods.values()
    )
    return ClusterState(
        namespaces=state.namespaces,
        pods={p.ref: p for p in pods},
        policies={PolicyRef(p.namespace, p.name): p for p in policies},
    )


def _median(state: ClusterState) -> float:
    taken = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        matrix(state, PORT)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def _peak(state: ClusterState) -> float:
    tracemalloc.start()
    matrix(state, PORT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    """Print medians, growth against the size before, and peak memory; then what one judgement costs."""
    for title, make in (("mixed policies", crowd), ("every policy selects every pod", same_policies)):
        print(f"{title}\n{'pods = policies':>16} {'pairs':>10} {'median s':>9} {'growth':>7} {'peak MB':>8}")
        before = 0.0
        for size in SIZES:
            state = make(size)
            median = _median(state)
            growth = f"{median / before:.1f}x" if before else "-"
            print(f"{size:>16,} {size * size:>10,} {median:>9.3f} {growth:>7} {_peak(state):>8.1f}")
            before = median
    state = crowd(SIZES[-1])
    spaces = len(state.namespaces)
    flows = [
        Flow(source=PodRef("ns0", "pod0"), target=PodRef(f"ns{i % spaces}", f"pod{i}"), port=PORT) for i in range(200)
    ]
    begin = time.perf_counter()
    for flow in flows:
        judge(state, flow)
    each = (time.perf_counter() - begin) / len(flows)
    print(f"one judgement among {SIZES[-1]:,} policies: {each * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
