"""The author against the oracle, settled before any packet: an expectation that the specification contradicts."""

from __future__ import annotations

from dataclasses import replace

from prober.errors import Mistake
from prober.model import ClusterState, Family, Flow, PodRef, Protocol
from prober.oracle import Matrix, Ruling, explain, grounds, judge, matrix
from prober.scenario.cells import expected
from prober.scenario.records import Expectation, Scenario, Step
from prober.scenario.story import planned_states


def check(scenario: Scenario) -> tuple[Mistake, ...]:
    """Return every expectation that the oracle contradicts, each with the rule that does."""
    return tuple(
        mistake
        for step, state in planned_states(scenario)
        for mistake in contradictions(step, state, scenario.families_in(state))
    )


def contradictions(
    step: Step, state: ClusterState, families: tuple[Family, ...], *, by_line: bool = False
) -> tuple[Mistake, ...]:
    """Return the expectations of one step that the oracle contradicts in a state: planned, or a real cluster's.

    What the specification leaves open contradicts nobody. `by_line` makes one of all that stand in one line: there a
    workload's name stands for each of its pods.
    """
    against: dict[Expectation, list[Flow]] = {}
    first: dict[tuple[str, int, str], Expectation] = {}
    pairs: dict[tuple[int, Protocol, Family], Matrix] = {}
    for flow, expectation in expected(step, state, families).items():
        if expectation.contradicted_by(_ruling(flow, state, pairs)):
            place = (expectation.file, expectation.line, expectation.ruling)
            told = first.setdefault(place, expectation) if by_line else expectation
            against.setdefault(told, []).append(flow)
    found = (_mistake(expectation, flows, state) for expectation, flows in against.items())
    return tuple(replace(m, key=m.key.partition("[")[0]) if by_line else m for m in found)


def _ruling(flow: Flow, state: ClusterState, pairs: dict[tuple[int, Protocol, Family], Matrix]) -> Ruling:
    """Judge a flow; between pods all flows of a port at once, for `any` may mean a million of them."""
    match flow:
        case Flow(source=PodRef() as source, target=PodRef() as target):
            asked = (flow.port, flow.protocol, flow.family)
            if asked not in pairs:
                pairs[asked] = matrix(state, *asked)
            return pairs[asked].ruling(source, target)
        case _:
            return judge(state, flow).ruling


def _mistake(expectation: Expectation, flows: list[Flow], state: ClusterState) -> Mistake:
    more = f" (one of {len(flows)} such flows of this line)" if len(flows) > 1 else ""
    judgement = judge(state, flows[0])
    reason = "; ".join(line.strip() for line in explain(judgement, state).splitlines())
    places = "".join(f"; {name} is in {at}" for name, at in grounds(judgement, state).items() if at)
    return Mistake(
        file=expectation.file,
        line=expectation.line,
        key=expectation.key,
        what=f"expected {expectation.ruling}, but {reason}{places}{more}",
        remedy="correct the expectation or the policies",
    )
