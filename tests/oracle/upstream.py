"""Reads what other suites expect of clusters and policies; tests/data/upstream/README.md says how a case is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from prober.model import (
    ClusterState,
    External,
    ExternalRef,
    Family,
    Flow,
    NetworkPolicy,
    Node,
    NodeRef,
    Pod,
    PodRef,
    Protocol,
    Service,
    ServicePort,
    ServiceRef,
    Source,
    Target,
)
from prober.oracle import Matrix, Ruling, judge, matrix
from tests.oracle.build import addresses, pod, service, state, target_port
from tests.oracle.worlds import Manifest, loaded, named, raw, second_opinion

MISTAKES = "mistakes-of-peers"
DATA = Path(__file__).parents[1] / "data" / "upstream"
SUITES = tuple(sorted(file.stem for file in DATA.glob("*.yaml") if file.stem != MISTAKES))
_SIGNS = {"+": Ruling.ALLOWED, "-": Ruling.DENIED, "?": Ruling.INDETERMINATE}
_CLUSTER = ("pods", "namespaces", "services", "externals", "nodes")
_WORDS = ("case", "why", "policies", "flows", *_CLUSTER)
_LINE = re.compile(r"(?P<sign>[-+?]) (?P<sources>\S+(?: \S+)*) -> (?P<targets>[^:]+)(?::(?P<how>\S+))?")
_TABLE = re.compile(r"\d+/(TCP|UDP|SCTP)( \d+/(TCP|UDP|SCTP))*")

Rulings = dict[Flow, Ruling]


@dataclass(frozen=True, slots=True)
class Case:
    """One case as it is written, over what its file says of the cluster."""

    name: str
    given: Mapping[str, Any]

    def manifests(self) -> list[Manifest]:
        """Return the policies as Kubernetes objects."""
        written = [item for entry in self.given["policies"] for item in entry.items()]
        return [named(namespace, f"p{i}", self._addressed(spec)) for i, (namespace, spec) in enumerate(written)]

    def state(self) -> ClusterState:
        """Return the cluster with the policies, read from their YAML."""
        given = self.given
        things: list[Pod | NetworkPolicy | Service | External | Node] = [
            *(pod(ref, **{"at": self._addresses()[ref], **p}) for ref, p in given["pods"].items()),
            *(External(name=n, addresses=addresses(at)) for n, at in given["externals"].items()),
            *(Node(number=n, name=f"n{n}", addresses=addresses(at)) for n, at in given["nodes"].items()),
            *(
                service(ref, s["selects"], *(_leads(n, str(to)) for n, to in s["ports"].items()), at=s["at"])
                for ref, s in given["services"].items()
            ),
            *loaded(self.manifests()).policies.values(),
        ]
        return state(*things, namespaces=given["namespaces"])

    def expected(self) -> Rulings:
        """Return every flow of which the case says something; of a later line rather than of an earlier one."""
        found: Rulings = {}
        everybody = [PodRef(*ref.split("/")) for ref in self.given["pods"]]
        for asked in (key for key in self.given if _TABLE.fullmatch(key)):
            for how in asked.split():
                pairs = {(a, b): Ruling.ALLOWED for a in everybody for b in everybody if a != b}
                found |= {_flow(a, b, how): ruling for (a, b), ruling in pairs.items()}
                for line in self.given[asked]:
                    found |= {_flow(a, b, how): ruling for a, b, _, ruling in self._meant(line) if (a, b) in pairs}
        for line in self.given.get("flows", ()):
            found |= {_flow(a, b, how): ruling for a, b, how, ruling in self._meant(line)}
        assert found, self.name
        return found

    def _meant(self, line: str) -> Iterator[tuple[Source, Target, str, Ruling]]:
        read = _LINE.fullmatch(line)
        assert read, line
        sources, targets = (
            [end for word in read[side].split() for end in self._ends(word)] for side in ("sources", "targets")
        )
        assert sources, line
        assert targets, line
        for source, target in product(sources, targets):
            if source != target or len(sources) == len(targets) == 1:
                yield source, target, read["how"] or "", _SIGNS[read["sign"]]  # type: ignore[misc]

    def _ends(self, word: str) -> list[Source | Target]:
        match word.split("/"):
            case ["any"]:
                return [PodRef(*ref.split("/")) for ref in self.given["pods"]]
            case [namespace, "any"]:
                return [PodRef(*ref.split("/")) for ref in self.given["pods"] if ref.startswith(f"{namespace}/")]
            case ["ext", name]:
                return [ExternalRef(name)]
            case ["node", number]:
                return [NodeRef(int(number))]
            case ["svc", namespace, name]:
                return [ServiceRef(namespace, name)]
        assert word in self.given["pods"], word
        return [PodRef(*word.split("/"))]

    def _addresses(self) -> dict[str, str]:
        """Return the addresses of all pods; those that nobody wrote down are given out in turn."""
        pods = self.given["pods"].items()
        return {ref: p.get("at", f"10.244.0.{i}") for i, (ref, p) in enumerate(pods, start=2)}

    def _addressed(self, spec: Any) -> Any:
        """Put in the addresses that `${x/a}` stands for."""
        match spec:
            case dict():
                return {key: self._addressed(value) for key, value in spec.items()}
            case list():
                return [self._addressed(value) for value in spec]
            case str():
                return re.sub(r"\$\{(\S+?)\}", lambda found: self._addresses()[found[1]], spec)
        return spec


def _leads(number: int, to: str) -> ServicePort:
    """Read where a Service's port leads: `8080`, `53/UDP` or `http`."""
    target, _, protocol = to.partition("/")
    return target_port(number, int(target) if target.isdecimal() else target, Protocol(protocol or "TCP"))


def _flow(source: Source, target: Target, how: str) -> Flow:
    """Read `80`, `53/UDP` or `80/TCP/ipv6` into a flow."""
    number, protocol, family = (*how.split("/"), "", "")[:3]
    return Flow(
        source=source,
        target=target,
        port=int(number),
        protocol=Protocol(protocol or "TCP"),
        family=Family(family or "ipv4"),
    )


def cases(stem: str) -> list[Case]:
    """Return the cases of a file; what a case says of the cluster goes over what the file says."""
    written = yaml.safe_load((DATA / f"{stem}.yaml").read_text(encoding="utf-8"))
    found = []
    for case in written["cases"]:
        unknown = [key for key in case if key not in _WORDS and not _TABLE.fullmatch(key)]
        assert not unknown, f"{stem}: {case['case']}: {unknown}"
        cluster = {key: _over(written.get(key, {}), case.get(key, {})) for key in _CLUSTER}
        found.append(Case(case["case"], {**case, **cluster}))
    return found


def _over(things: Mapping[Any, Any], changes: Mapping[Any, Any]) -> dict[Any, Any]:
    """Lay changes over things: of a thing that is written with keys, over its keys; null takes it away."""
    found = {**things}
    for name, new in changes.items():
        found[name] = {**found[name], **new} if isinstance(new, dict) and name in found else new
    return {name: thing for name, thing in found.items() if thing is not None}


def parameters(*stems: str) -> list[Any]:
    """Return the cases of files as parameters of a test, by the files' names and their own."""
    return [pytest.param(case, id=f"{stem}: {case.name}") for stem in stems for case in cases(stem)]


def disagreements(case: Case) -> list[str]:
    """Return the flows on which the case, the oracle one by one, its matrix and the naive evaluator are not one."""
    given, manifests = case.state(), case.manifests()
    world = raw(given, manifests)
    matrices: dict[tuple[int, Protocol, Family], Matrix] = {}
    found = []
    for flow, expected in case.expected().items():
        said = {"oracle": judge(given, flow).ruling, "naive": second_opinion(world, given, flow)}
        if isinstance(flow.source, PodRef) and isinstance(flow.target, PodRef):
            how = (flow.port, flow.protocol, flow.family)
            pairs = matrices.setdefault(how, matrix(given, *how))
            said["matrix"] = pairs.ruling(flow.source, flow.target)
        if set(said.values()) != {expected}:
            found.append(f"{flow}: expected {expected}, but {said}")
    return found
