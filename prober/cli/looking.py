"""`prober validate` and `prober explain`: what scenarios say, and what should happen, without a packet."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from prober import oracle
from prober.cli.choosing import named, tagged
from prober.cli.output import say
from prober.errors import UsageError
from prober.flows import AnyPod, FlowPattern, parse_flow, parse_pattern
from prober.model import ClusterState, ExternalRef, Flow, PodRef
from prober.model.plan import planned
from prober.report.manifests import intent, overview, reach
from prober.scenario import Scenario, Step, check, expected, matrix, planned_states, remarks
from prober.terminal import many, one_line, printable, width


def validate(args: Namespace) -> int:
    """Check scenarios and count what they ask."""
    named_ones, manifests = named(args)
    scenarios = tagged(named_ones, args.tag)
    steps = sum(len(s.steps) for s in scenarios)
    cells = sum(len(matrix(s, state)) for s in scenarios for _, state in planned_states(s))
    said = f"lab: {many(len(scenarios), 'scenario')}, {many(steps, 'step')}, {many(cells, 'cell')}: no mistake\n"
    said += "".join(f"note: {one_line(text)}\n" for text in dict.fromkeys(t for s in scenarios for t in remarks(s)))
    if manifests is None:
        say(said)
        return 0
    found = intent(manifests)
    said += "".join(f"intent: {one_line(finding)}\n" for finding in found)
    say(f"{said}\n{overview(manifests, verbose=True)}\n{reach(manifests, None, width=width(sys.stdout))}")
    return 1 if found else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """A state of a scenario, and how a person calls it."""

    number: int  # of the step before it; 0 before the first
    name: str
    state: ClusterState
    step: Step | None = None


def explain(args: Namespace) -> int:
    """Say what the oracle says of a flow, or of all flows of a pattern, in every step."""
    try:
        pattern = parse_pattern(args.FLOW)
    except ValueError as error:
        raise UsageError(f"{args.FLOW!r}: {error}") from None
    scenarios, _ = named(args)
    said = [block for scenario in scenarios for block in _explained(scenario, pattern, args)]
    if not said:
        raise UsageError(_unknown(scenarios, pattern, args))
    say("lab: addresses are those that the lab would give\n" + "".join(said))
    return 0


def _explained(scenario: Scenario, pattern: FlowPattern, args: Namespace) -> Iterator[str]:
    shown = False
    for moment in _moments(scenario):
        if args.step not in (None, moment.number):
            continue
        flows = pattern.expand(moment.state, scenario.families_in(moment.state)) or _single(args.FLOW, moment.state)
        for flow in flows:
            if not shown:
                yield f"\n{one_line(f'{scenario.name} ({scenario.path})')}\n"
                yield from (f"  note: {one_line(text)}\n" for text in _notes(scenario))
                shown = True
            judgement = oracle.judge(moment.state, flow)
            text = oracle.explain(judgement, moment.state)
            lines = "".join(f"    {line}\n" for line in printable(text).splitlines())
            yield f"  {one_line(moment.name)}: {judgement.ruling}\n{lines}"
            yield _said(flow, moment, scenario, judgement.ruling)


def _notes(scenario: Scenario) -> Iterator[str]:
    yield from remarks(scenario)
    if wrong := check(scenario):
        lines = ", ".join(dict.fromkeys(f"{m.file}:{m.line}" for m in wrong))
        yield f"what is expected in {lines} contradicts the specification; `prober validate` says how"


def _said(flow: Flow, moment: _Moment, scenario: Scenario, ruling: oracle.Ruling) -> str:
    """Return what the author expects of a flow, where, why, and whether the specification contradicts it."""
    if moment.step is None:
        return ""
    said = expected(moment.step, moment.state, scenario.families_in(moment.state)).get(flow)
    if said is None:
        return ""
    because = f": {moment.step.because}" if moment.step.because else ""
    wrong = ""
    if said.contradicted_by(ruling):
        wrong = f"; that is wrong, it is {ruling}: correct the expectation or the policies"
    return f"    {one_line(f'its author expects it {said.ruling} ({said.file}:{said.line}){because}{wrong}')}\n"


def _moments(scenario: Scenario) -> Iterator[_Moment]:
    state, _ = planned(scenario.topology)
    yield _Moment(number=0, name="before the first step", state=state)
    for number, (step, after) in enumerate(planned_states(scenario), 1):
        yield _Moment(number=number, name=f"after step {number} '{step.name}'", state=after, step=step)


def _single(text: str, state: ClusterState) -> tuple[Flow, ...]:
    """Return a flow to a port that nobody declares, if both its ends are there: policies speak of it all the same."""
    try:
        flow = parse_flow(text)
    except ValueError:
        return ()
    return (flow,) if _there(flow.source, state) and _there(flow.target, state) else ()


def _there(end: object, state: ClusterState) -> bool:
    match end:
        case PodRef() as ref:
            return ref in state.pods
        case ExternalRef() as ref:
            return ref in state.externals
        case AnyPod():
            return False
        case _:
            return True


def _unknown(scenarios: tuple[Scenario, ...], pattern: FlowPattern, args: Namespace) -> str:
    path = scenarios[0].path if len(scenarios) == 1 else args.PATH
    steps = max(len(s.steps) for s in scenarios)
    if args.step is not None and args.step > steps:
        return f"--step {args.step}: {path} has {many(steps, 'step')}; 0 is before the first"
    pods = dict.fromkeys(str(p.ref) for s in scenarios for m in _moments(s) for p in m.state.probe_pods())
    listed = ", ".join([*pods][:20]) + (f" and {len(pods) - 20} more" if len(pods) > 20 else "")
    return f"`{pattern}` is no flow of {path}; its pods are {listed}, and an end that is no pod must be declared"
