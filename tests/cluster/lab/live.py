"""A lab for tests: flows as short lines of text, probed with the project's own script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from prober.cells import probe
from prober.cluster.lab.cluster import LabCluster
from prober.model import (
    Action,
    ApiServerRef,
    ApplyPolicy,
    ClusterState,
    DeletePolicy,
    ExternalRef,
    Family,
    Flow,
    NetworkPolicy,
    NodeRef,
    PodRef,
    Protocol,
    ServiceRef,
    Source,
    Target,
    Topology,
)
from prober.outcomes import Outcome
from prober.probe import Answer, Probe, outcome, read_line, request

_TOKEN = "t"  # noqa: S105 - marks lines, hides nothing


def flows(text: str) -> dict[Flow, bool]:
    """Read lines into flows and whether each connects: `x/a: + x/b x/c:81 - ext:443 svc/x/web:8000/udp x/b:80/ipv6`.

    A port left out is 80. Targets are pods, `node/N`, `ext`, `svc/NAMESPACE/NAME` and `api`.
    """
    found: dict[Flow, bool] = {}
    for line in text.strip().splitlines():
        source, _, targets = line.strip().partition(": ")
        connects = True
        for word in targets.split():
            if word in "+-":
                connects = word == "+"
            else:
                found[_flow(source, word)] = connects
    return found


def _flow(source: str, word: str) -> Flow:
    name, _, rest = word.partition(":")
    port, *extra = rest.split("/") if rest else ("80",)
    return Flow(
        source=ExternalRef("ext") if source == "ext" else PodRef(*source.split("/")),
        target=_target(name),
        port=int(port),
        protocol=Protocol.UDP if "udp" in extra else Protocol.TCP,
        family=Family.IPV6 if "ipv6" in extra else Family.IPV4,
    )


def _target(name: str) -> Target:
    match name.split("/"):
        case ["ext"]:
            return ExternalRef("ext")
        case ["api"]:
            return ApiServerRef()
        case ["node", number]:
            return NodeRef(int(number))
        case ["svc", namespace, service]:
            return ServiceRef(namespace, service)
        case _:
            return PodRef(*name.split("/"))


class Live:
    """An open lab and the state that it is in."""

    def __init__(self, cluster: LabCluster, topology: Topology) -> None:
        self.cluster = cluster
        self.state: ClusterState = cluster.open(topology)

    @contextmanager
    def under(self, *policies: NetworkPolicy) -> Iterator[None]:
        """Put policies in force, and delete them again."""
        for policy in policies:
            self.apply(ApplyPolicy(policy=policy))
        try:
            yield
        finally:
            for policy in policies:
                self.apply(DeletePolicy(policy=policy.ref))

    def ask(self, wanted: Iterable[Flow]) -> dict[Flow, Outcome]:
        """Return what one attempt at each flow saw, all at the same time."""
        by_source: dict[Source, list[Flow]] = {}
        for flow in wanted:
            by_source.setdefault(flow.source, []).append(flow)
        with ThreadPoolExecutor(max_workers=len(by_source) or 1) as executor:
            parts = executor.map(lambda item: self._stream(*item), by_source.items())
            return {flow: outcome(*seen) for part in parts for flow, seen in part.items()}

    def apply(self, action: Action) -> None:
        """Carry out an action, on the cluster and on the state."""
        self.state = self.state.after(self.cluster.apply(action))

    def said(self, flow: Flow) -> str:
        """Return the name that answered one attempt at a flow."""
        (text,) = (answer.text for _, answer in self._stream(flow.source, [flow]).values())
        return text.strip().splitlines()[-1]

    def _stream(self, source: Source, wanted: list[Flow]) -> dict[Flow, tuple[Probe, Answer]]:
        probes = [
            probe(flow, self.state, cell=i, timeout=1, nonce=f"n{i}", hostname=self.cluster.hostname)
            for i, flow in enumerate(wanted)
        ]
        seen = {}
        for text in self.cluster.stream(source, request(probes, _TOKEN)):
            line = read_line(text, _TOKEN)
            if isinstance(line, Answer):
                seen[wanted[line.cell]] = probes[line.cell], line
        return seen
