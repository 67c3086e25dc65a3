"""The truth tables that other suites expect, held against the oracle and against the naive evaluator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from prober.model import ClusterState, Family, Flow, Namespace, Pod, PodRef, Port, Protocol
from prober.oracle import Ruling, judge, matrix
from tests.oracle.worlds import loaded, named, raw, second_opinion

DATA = Path(__file__).parents[1] / "data" / "upstream"
_PLACES = tuple(PodRef(namespace, name) for namespace in "xyz" for name in "abc")
_PORTS = (Port(number=80, name="serve-80-tcp"), Port(number=81, name="serve-81-tcp"))
Pairs = dict[tuple[PodRef, PodRef], bool]


def _tables() -> Iterator[Any]:
    for file in sorted(DATA.glob("*.yaml")):
        for case in yaml.safe_load(file.read_text(encoding="utf-8"))["cases"]:
            for asked in (key for key in case if "/" in key):
                yield pytest.param(case, asked, id=f"{file.stem}: {case['case']}: {asked}")


def _addresses() -> dict[PodRef, str]:
    return {ref: f"10.244.0.{i}" for i, ref in enumerate(_PLACES, 2)}


def _policies(case: dict[str, Any]) -> list[dict[str, Any]]:
    text = json.dumps(case["policies"])
    for ref, address in _addresses().items():
        text = text.replace(f"${{{ref}}}", address)
    written = [item for entry in json.loads(text) for item in entry.items()]
    return [named(namespace, f"p{i}", spec) for i, (namespace, spec) in enumerate(written)]


def _state(case: dict[str, Any], policies: list[dict[str, Any]]) -> ClusterState:
    labels = case.get("labels", {})
    pods = [
        Pod(
            namespace=ref.namespace,
            name=ref.name,
            labels=labels.get(str(ref), {"pod": ref.name}),
            ports=_PORTS,
            node=1,
            addresses={Family.IPV4: address},
        )
        for ref, address in _addresses().items()
    ]
    return ClusterState(
        namespaces={n: Namespace(name=n, labels=labels.get(n, {})) for n in "xyz"},
        pods={p.ref: p for p in pods},
        policies=loaded(policies).policies,
    )


def _expected(lines: list[str]) -> Pairs:
    table = {(a, b): True for a in _PLACES for b in _PLACES if a != b}
    for line in lines:
        sign, source, target = re.fullmatch(r"([-+]) (\S+) -> (\S+)", line).groups()  # type: ignore[union-attr]
        meant = [(a, b) for a, b in table if _is(source, a) and _is(target, b)]
        assert meant, line
        table.update(dict.fromkeys(meant, sign == "+"))
    return table


def _is(pattern: str, ref: PodRef) -> bool:
    return pattern in ("any", f"{ref.namespace}/any", str(ref))


@pytest.mark.parametrize(("case", "asked"), list(_tables()))
def test_truth_table(case: dict[str, Any], asked: str) -> None:
    """Whoever reads the specification comes to the table that the suite expects."""
    policies = _policies(case)
    state = _state(case, policies)
    world = raw(state, policies)
    number, protocol = asked.split("/")
    pairs = matrix(state, int(number), Protocol(protocol))
    for (source, target), allowed in _expected(case[asked]).items():
        flow = Flow(source=source, target=target, port=int(number), protocol=Protocol(protocol))
        expected = Ruling.ALLOWED if allowed else Ruling.DENIED
        assert [expected] * 3 == [
            judge(state, flow).ruling,
            pairs.ruling(source, target),
            second_opinion(world, state, flow),
        ], flow
