"""The oracle and the naive evaluator against real packets, over random policies and labels in one lab.

    python -m tests.oracle.packets --flows 10000 --seed 1

Each random state is reached by actions as a scenario's steps are, and asked in one round: every pod to every pod,
to the nodes and to an external host, and back, on one port of one family. What the two readers of the specification
decide must be what nc sees; on a disagreement hypothesis looks for the simplest state that shows it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from prober.cluster.lab.cluster import LabCluster
from prober.model import (
    NAME_LABEL,
    ApplyPolicy,
    DeletePolicy,
    External,
    ExternalRef,
    Family,
    Flow,
    LabelNamespace,
    LabelPod,
    Namespace,
    Node,
    Pod,
    PodRef,
    PolicyRef,
    Port,
    Protocol,
    Service,
    ServicePort,
    ServiceRef,
    Source,
    Target,
    Topology,
)
from prober.model.plan import planned
from prober.oracle import Ruling, judge, matrix
from prober.outcomes import Outcome
from tests.cluster.lab.live import Live
from tests.oracle.worlds import Manifest, addresses_of, labels, loaded, named, raw, second_opinion, specs

TCP, UDP = Protocol.TCP, Protocol.UDP
NAMESPACES = ("x", "y", "z")
_SPARE = (Port(number=8080), Port(number=53, protocol=UDP, name="dns"))


def _pod(place: str, node: int, *ports: Port, host: bool = False) -> Pod:
    namespace, name = place.split("/")
    return Pod(namespace=namespace, name=name, node=node, ports=(*ports, *_SPARE), host_network=host)


WEB, ALT = Port(number=80, name="web"), Port(number=81, name="alt")
TOPOLOGY = Topology(
    namespaces=tuple(Namespace(name=n) for n in NAMESPACES),
    pods=(
        _pod("x/a", 1, WEB, ALT),
        _pod("x/b", 2, Port(number=81, name="web"), Port(number=80, name="alt")),  # the same names the other way round
        _pod("y/c", 1, WEB, Port(number=81)),
        _pod("y/d", 2, Port(number=80), Port(number=81)),
        _pod("z/e", 1, Port(number=80), ALT),
        Pod(namespace="z", name="h", node=2, ports=(Port(number=80), Port(number=81)), host_network=True),
    ),
    services=(
        Service(
            namespace="x",
            name="s",
            selector={"app": "a"},
            ports=(ServicePort(port=80, target="web"), ServicePort(port=81, target=8080)),
        ),
    ),
    externals=(External(name="e", ports=(Port(number=80), Port(number=81), Port(number=53, protocol=UDP))),),
    nodes=(Node(number=1, ports=(Port(number=80), Port(number=81))), Node(number=2)),
)
ASKED = tuple((n, p, f) for n, p in ((80, TCP), (81, TCP), (53, UDP)) for f in Family)
_SLOTS = tuple(PolicyRef(namespace, name) for namespace in ("x", "y", "z") for name in ("p", "q"))
TRIES = 3  # an attempt at an allowed flow may be late on a busy machine, and then another one is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A random state as a person reads it: who has which labels, which policies there are, and what is asked."""

    pods: Mapping[str, Mapping[str, str]]
    namespaces: Mapping[str, Mapping[str, str]]
    policies: tuple[Manifest, ...]
    asked: tuple[int, Protocol, Family]

    @property
    def key(self) -> str:
        """Return what two states share that are the same, whatever is asked of them."""
        return json.dumps([self.pods, self.namespaces, self.policies], sort_keys=True)


@st.composite
def drawings(draw: st.DrawFn) -> Drawn:
    """Draw labels for every pod and namespace, and one to three policies."""
    slots = draw(st.lists(st.sampled_from(_SLOTS), min_size=1, max_size=3, unique=True))
    addresses = addresses_of(planned(TOPOLOGY)[0])
    return Drawn(
        pods={str(p.ref): draw(labels) for p in TOPOLOGY.pods},
        namespaces={n: draw(labels) for n in NAMESPACES},
        policies=tuple(named(s.namespace, s.name, draw(specs(NAMESPACES, addresses))) for s in slots),
        asked=draw(st.sampled_from(ASKED)),
    )


@dataclass(slots=True)
class Tally:
    """What has been compared so far."""

    states: set[str] = field(default_factory=set)
    rulings: Counter[Ruling] = field(default_factory=Counter)
    repeated: int = 0  # attempts that were made again

    @property
    def flows(self) -> int:
        """Return how many flows were decided by the specification and asked by packets."""
        return self.rulings[Ruling.ALLOWED] + self.rulings[Ruling.DENIED]


class Comparison:
    """One open lab, taken from one random state to the next; `check` asks it."""

    def __init__(self, *, deny: str = "reject") -> None:
        self._cluster = LabCluster(deny=deny)
        self.tally = Tally()

    def __enter__(self) -> Self:
        self._live = Live(self._cluster, TOPOLOGY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cluster.close()

    def check(self, drawn: Drawn) -> None:
        """Take the lab to a state and ask it; AssertionError with the flows on which anybody disagrees."""
        self._reach(drawn)
        state = self._live.state
        world = raw(state, drawn.policies)
        number, protocol, family = drawn.asked
        pairs = matrix(state, number, protocol, family)
        expected: dict[Flow, Ruling] = {}
        wrong: list[str] = []
        for flow in self._flows(drawn):
            said = {"oracle": judge(state, flow).ruling, "naive": second_opinion(world, state, flow)}
            if isinstance(flow.source, PodRef) and isinstance(flow.target, PodRef):
                said["matrix"] = pairs.ruling(flow.source, flow.target)
            if len(set(said.values())) > 1:
                wrong.append(f"{flow}: {said}")
            expected[flow] = said["oracle"]
        decided = {f: r for f, r in expected.items() if r is not Ruling.INDETERMINATE}
        wrong += [f"{f}: the packets say {o}, the oracle {decided[f]}" for f, o in self._unlike(decided).items()]
        assert not wrong, "\n".join(wrong)
        self.tally.states.add(drawn.key)
        self.tally.rulings.update(expected.values())

    def _unlike(self, decided: Mapping[Flow, Ruling]) -> dict[Flow, Outcome]:
        """Return what packets saw of the flows that were not as decided, however often they were asked."""
        left: dict[Flow, Outcome] = {}
        flows: Sequence[Flow] = tuple(decided)
        for _ in range(TRIES):
            left = {f: o for f, o in self._live.ask(flows).items() if not _fits(decided[f], o)}
            if not left:
                break
            flows = tuple(left)
            self.tally.repeated += len(left)
        return left

    def _flows(self, drawn: Drawn) -> list[Flow]:
        number, protocol, family = drawn.asked
        pods = tuple(p.ref for p in TOPOLOGY.pods if p.listens(number, protocol))
        targets: list[Target] = [*pods, ExternalRef("e")]
        if protocol is TCP:
            state = self._live.state
            targets += [ref for ref, node in state.nodes.items() if any(p.number == number for p in node.ports)]
            if state.backends(state.services[ServiceRef("x", "s")]):
                targets.append(ServiceRef("x", "s"))
        sources: tuple[Source, ...] = (*(p.ref for p in TOPOLOGY.pods), ExternalRef("e"))
        return [
            Flow(source=a, target=b, port=number, protocol=protocol, family=family)
            for a in sources
            for b in targets
            if isinstance(a, PodRef) or isinstance(b, PodRef)
        ]

    def _reach(self, drawn: Drawn) -> None:
        """Carry out the actions that lead to a state; labels first, so that no policy meets a pod that is not there."""
        state = self._live.state
        for pod in TOPOLOGY.pods:
            if changes := _changes(state.pods[pod.ref].labels, drawn.pods[str(pod.ref)]):
                self._live.apply(LabelPod(pod=pod.ref, labels=changes))
        for name in NAMESPACES:
            old = {k: v for k, v in state.namespaces[name].labels.items() if k != NAME_LABEL}
            if changes := _changes(old, drawn.namespaces[name]):
                self._live.apply(LabelNamespace(namespace=name, labels=changes))
        wanted = loaded(drawn.policies).policies
        for ref in state.policies:
            if ref not in wanted:
                self._live.apply(DeletePolicy(policy=ref))
        for ref, policy in wanted.items():
            if state.policies.get(ref) != policy:
                self._live.apply(ApplyPolicy(policy=policy))


def _changes(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str | None]:
    return {k: new.get(k) for k in {**old, **new} if old.get(k) != new.get(k)}


def _fits(ruling: Ruling, seen: Outcome) -> bool:
    """Say whether an outcome is what a ruling means; that a denied target lives, its flow to itself shows."""
    if ruling is Ruling.ALLOWED:
        return seen is Outcome.CONNECTED
    return seen in (Outcome.REFUSED, Outcome.TIMED_OUT)


def compare(comparison: Comparison, examples: int, number: int, *, shrink: bool = True) -> None:
    """Check that many random states, drawn by a seed; AssertionError with the simplest one that shows a fault."""
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(drawings())
    def each(drawn: Drawn) -> None:
        comparison.check(drawn)

    each()


def main(argv: Sequence[str] | None = None) -> int:
    """Compare until there are enough flows and states; say how long it took."""
    parser = argparse.ArgumentParser(description="the oracle against real packets, over random states")
    parser.add_argument("--flows", type=int, default=10_000)
    parser.add_argument("--states", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--deny", choices=("reject", "drop"), default="reject")
    args = parser.parse_args(argv)
    begin, turn = time.monotonic(), 0
    with Comparison(deny=args.deny) as comparison:
        tally = comparison.tally
        while tally.flows < args.flows or len(tally.states) < args.states:
            compare(comparison, 50, args.seed * 1000 + turn)
            turn += 1
            print(f"{tally.flows} flows over {len(tally.states)} states", file=sys.stderr)
        said = tally.rulings
    print(
        f"seed {args.seed}, {args.deny}: {tally.flows} flows ({said[Ruling.ALLOWED]} allowed, {said[Ruling.DENIED]} "
        f"denied) over {len(tally.states)} states agree in {time.monotonic() - begin:.0f} s; "
        f"{said[Ruling.INDETERMINATE]} left open, {tally.repeated} asked again"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
