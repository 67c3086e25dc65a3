"""What a change of policies does to what is under way: connections, and probes that run while rules are swapped."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from prober.cluster.lab import LabCluster
from prober.model import (
    Action,
    ApplyPolicy,
    DeletePolicy,
    Direction,
    Family,
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Operator,
    Pod,
    PodPeer,
    PodRef,
    Port,
    Requirement,
    Rule,
    Topology,
)
from tests.cluster.lab.conftest import A, C, Shell

pytestmark = pytest.mark.lab

_DENY = NetworkPolicy(namespace="y", name="deny", types=frozenset({Direction.INGRESS}))


def test_a_connection_outlives_the_policy_that_would_deny_it(shell_lab: LabCluster, shell: Shell) -> None:
    """Replies and what follows on an old connection pass (semantics 7); a new connection does not."""
    server = shell_lab.stream(C, "echo listening; nc -l 9000")
    assert "listening" == next(server)
    address = "10.244.8.1"
    client = shell_lab.stream(
        A,
        f"cd /run/prober; mkfifo go; (echo old; read word < go; echo $word) | nc -N -w 5 {address} 9000",
    )
    reading = threading.Thread(target=list, args=(client,))
    reading.start()
    assert "old" == next(server)
    shell_lab.apply(ApplyPolicy(policy=_DENY))
    assert [f"nc: connect to {address} port 80 (tcp) timed out: Operation now in progress"] == shell(
        A, f"nc -v -w 1 {address} 80 2>&1 < /dev/null"
    )
    shell(C, "echo still > /run/prober/go")
    assert ["still"] == list(server)
    reading.join()


def _crowd(kept: str) -> Iterator[Action]:
    """Yield changes that rewrite every rule again and again, and never what the flows of the test are allowed."""
    for n in range(6):
        for policy in range(4):
            peers = (
                PodPeer(pods=LabelSelector(match_labels={"app": f"{n}"})),
                PodPeer(pods=LabelSelector(match_labels={"app": kept})),
            )
            yield ApplyPolicy(
                policy=NetworkPolicy(
                    namespace="z",
                    name=f"p{policy}",
                    pods=LabelSelector(expressions=(Requirement(key="app", operator=Operator.EXISTS),)),
                    types=frozenset({Direction.INGRESS}),
                    ingress=(Rule(peers=peers),),
                )
            )
        if n % 3 == 2:
            yield DeletePolicy(policy=NetworkPolicy(namespace="z", name="p3", types=frozenset()).ref)


def test_a_swap_of_rules_lets_nothing_through_and_stops_nothing() -> None:
    """While rules are replaced, what both generations allow connects each time, and what both deny never does."""
    pods = tuple(
        Pod(namespace="z", name=n, node=node, labels={"app": n}, ports=(Port(number=80),))
        for n, node in (("in", 1), ("out", 1), ("near", 1), ("far", 2))
    )
    with LabCluster(deny="reject") as cluster:
        state = cluster.open(Topology(namespaces=(Namespace(name="z"),), pods=pods))
        actions = _crowd("in")
        cluster.apply(next(actions))
        done = threading.Event()
        seen: Counter[tuple[str, bool]] = Counter()

        def probe(source: str) -> None:
            """Probe both targets in both families until the last change is done."""
            addresses = [state.pods[PodRef("z", to)].addresses for to in ("near", "far")]
            request = "".join(
                f"t {n} tcp {family[-1]} 5 {address} 80 -\n"
                for n, (family, address) in enumerate((f, a[f]) for a in addresses for f in Family)
            )
            while not done.is_set():
                for line in cluster.stream(PodRef("z", source), request + "t end\n"):
                    if " end " not in line:
                        seen[source, "succeeded" in line] += 1

        threads = [threading.Thread(target=probe, args=(source,)) for source in ("in", "out")]
        for thread in threads:
            thread.start()
        for action in actions:
            cluster.apply(action)
        done.set()
        for thread in threads:
            thread.join()
    assert {("in", True), ("out", False)} == set(seen)
    assert min(seen.values()) > 20
