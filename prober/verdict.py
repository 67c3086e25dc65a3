"""From what happened to what it is worth: the only place where a status is made, and pure (proof rules 1 to 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from prober import journal
from prober.assess import DENIALS, Assessment, Reading, assess
from prober.cells import lookup_leg, vouchers
from prober.expect import Expected, expectations, unprobeable
from prober.flows import FlowPattern, parse_pattern
from prober.model import ClusterState, Flow, HostName, PodRef, Protocol
from prober.oracle import Judgement, Ruling, explain
from prober.oracle.judgement import Role
from prober.outcomes import Outcome, Status, Verdict
from prober.result import CellResult, RunResult, ScenarioResult, StepResult
from prober.scenario import Scenario
from prober.story import PhaseStory, Round, Story, advance, reopened, tell


def judge(events: Sequence[journal.Event], scenarios: Mapping[str, Scenario]) -> RunResult:
    """Judge a run as far as it came; `scenarios` by path, as the journal's texts say them."""
    started = next(e for e in events if isinstance(e, journal.RunStarted))
    ended = next((e for e in events if isinstance(e, journal.RunEnded)), None)
    settings = _settings(started.settings)
    by_scenario: dict[str, list[journal.Event]] = {path: [] for path in started.scenarios}
    for event in events:
        if (path := getattr(event, "scenario", "")) in by_scenario:
            by_scenario[path].append(event)
    stories = {path: tell(path, found) for path, found in by_scenario.items()}
    trouble = "; ".join(e.text for e in events if isinstance(e, journal.Trouble) and not e.scenario)
    last = max((getattr(e, "at", started.at) for e in events), default=started.at)
    return RunResult(
        run=started.run,
        version=started.version,
        cluster=started.cluster,
        started=started.wall,
        seconds=last - started.at,
        nodes=max((s.nodes for s in stories.values()), default=0),
        settings=tuple(started.settings.items()),
        scenarios=tuple(judge_scenario(scenarios[p], stories[p], settings) for p in started.scenarios),
        interrupted=ended.interrupted if ended else True,
        trouble=trouble or ("" if ended else "the run was cut short"),
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a run's settings decides a verdict."""

    hold: int = 1
    only: FlowPattern | None = None


def _settings(settings: Mapping[str, str]) -> Terms:
    only = settings.get("only")
    return Terms(hold=int(settings.get("hold", "1")), only=parse_pattern(only) if only else None)


def judge_scenario(scenario: Scenario, story: Story, terms: Terms) -> ScenarioResult:
    """Judge one scenario from its story."""
    steps: tuple[StepResult, ...] = ()
    trouble = "; ".join(story.trouble)
    if story.state is not None:
        steps = _Bench(scenario.resolved(story.state), story, story.state, terms).steps()
    if not story.skipped and not trouble and (not story.phases or not story.phases[-1].complete):
        trouble = "not run to its end"
    return ScenarioResult(
        name=scenario.name,
        path=scenario.path,
        summary=scenario.summary,
        tags=scenario.tags,
        steps=steps,
        skipped=story.skipped,
        trouble="" if story.skipped else trouble,
        evidence=story.evidence,
        seconds=max(0.0, story.until - story.begin),
    )


@dataclass(frozen=True, slots=True)
class _Phase:
    """A phase with what should be in it."""

    told: PhaseStory
    state: ClusterState
    expected: dict[Flow, Expected]


class _Bench:
    """Where one scenario is judged: every phase's state and expectations, and the controls that cells had."""

    def __init__(self, scenario: Scenario, story: Story, first: ClusterState, terms: Terms) -> None:
        self._story = story
        self._hold = terms.hold
        self._phases: list[_Phase] = []
        state = first
        for told in story.phases:
            step = None
            if told.kind == "step":
                step = scenario.steps[told.step]
                state = advance(state, step.actions, told.acted)
            elif told.kind == "restore":
                state = reopened(state, first)
            self._phases.append(_Phase(told, state, expectations(scenario, step, state, terms.only)))
        self._before = self._control(next((p for p in self._phases if p.told.kind == "control"), None))
        self._after = self._control(next((p for p in self._phases if p.told.kind == "restore"), None))

    def _control(self, phase: _Phase | None) -> dict[str, Round]:
        """Return for each flow the last round of a control in which it connected."""
        found = {}
        for round_ in phase.told.readable() if phase else ():
            for flow, attempt in round_.attempts.items():
                if attempt.outcome == Outcome.CONNECTED:
                    found[flow] = round_
        return found

    def steps(self) -> tuple[StepResult, ...]:
        """Judge every phase in order."""
        results = []
        previous: dict[Flow, Expected] = {}
        for phase in self._phases:
            cells = tuple(self._cell(phase, flow, wanted) for flow, wanted in phase.expected.items())
            results.append(
                StepResult(
                    name=phase.told.name,
                    kind=phase.told.kind,
                    actions=tuple(a.action for a in phase.told.acted),
                    cells=cells,
                    witnessed=phase.told.kind != "step" or _changes(previous, phase.expected),
                    rounds=len(phase.told.readable()),
                    seconds=max(0.0, phase.told.until - phase.told.at),
                )
            )
            previous = phase.expected
        return tuple(results)

    def _cell(self, phase: _Phase, flow: Flow, wanted: Expected) -> CellResult:
        readings = [self._reading(phase, flow, wanted, r) for r in phase.told.readable() if str(flow) in r.attempts]
        needed = 1 + self._hold if phase.told.kind == "step" else 1
        found = assess(wanted.verdict, readings, needed=needed, complete=phase.told.complete)
        if why := unprobeable(flow):
            found = replace(found, status=Status.SKIPPED, reason=why)
        elif wanted.verdict is Verdict.UNKNOWN:
            found = replace(found, status=Status.OBSERVED if readings else Status.SKIPPED, reason=_observed(readings))
        elif found.status is Status.PASS and wanted.verdict is Verdict.DENIED:
            found = self._proved(phase, flow, found)
        attempt = self._attempt(phase, flow, found.deciding)
        agreed = None if found.agreed_from is None else max(0.0, found.agreed_from - phase.told.acted_at)
        return CellResult(
            flow=flow,
            expected=wanted.verdict,
            by=wanted.by,
            observed=found.observed,
            outcome=found.deciding.outcome if found.deciding else None,
            status=found.status,
            reason=f"{found.reason}; {_because(wanted)}",
            judgement=explain(wanted.judgement, phase.state),
            attempts=len(readings),
            agreed_after=agreed,
            command=attempt.command if attempt else "",
        )

    @staticmethod
    def _attempt(phase: _Phase, flow: Flow, deciding: Reading | None) -> journal.Attempt | None:
        if deciding is None:
            return None
        return next(r.attempts[str(flow)] for r in phase.told.rounds if r.number == deciding.round)

    def _proved(self, phase: _Phase, flow: Flow, found: Assessment) -> Assessment:
        """Take a denial's PASS back unless the cell connected in every control that it can have (proof rule 1)."""
        needed = [kind for kind in ("control", "restore") if self._can_have(phase, flow, kind)]
        deciding = next(r for r in phase.told.rounds if found.deciding and r.number == found.deciding.round)
        doubt = "" if needed else "it never had a control"
        for kind in needed:
            doubt = doubt or self._unlike(phase, flow, deciding, kind)
        return replace(found, status=Status.UNKNOWN, reason=f"{found.reason}; but {doubt}") if doubt else found

    def _can_have(self, phase: _Phase, flow: Flow, kind: str) -> bool:
        """Say whether a control asks this very cell: not the earlier for a pod that a step adds, not the later for one
        that a step removes. A control that never ran counts as one that failed.
        """
        control = next((p for p in self._phases if p.told.kind == kind), None)
        if control is None:
            return True
        if flow not in control.expected or control.expected[flow].verdict is not Verdict.ALLOWED:
            return False
        here = self._phases.index(phase)
        between = self._phases[: here + 1] if kind == "control" else self._phases[here + 1 :]
        changed = {a.action for p in between for a in p.told.acted}
        word = "add" if kind == "control" else "remove"
        return not any(f"{word} pod {ref}" in changed for ref in (flow.source, flow.target))

    def _unlike(self, phase: _Phase, flow: Flow, round_: Round, kind: str) -> str:
        """Say how a control of `kind` fails to be one for this round: the cell must connect, with the same pods."""
        when = "before any policy" if kind == "control" else "after the last policy"
        control = (self._before if kind == "control" else self._after).get(str(flow))
        if control is None:
            return f"it did not connect {when}"
        pods = {x for f in (flow, *vouchers(flow, phase.state)) for x in (f.source, f.target) if isinstance(x, PodRef)}
        for ref in sorted(pods):
            then, now = control.pods.get(str(ref)), round_.pods.get(str(ref))
            if then is None or then != now:
                return f"{ref} is not who it was {when}"
        return ""

    def _reading(self, phase: _Phase, flow: Flow, wanted: Expected, round_: Round) -> Reading:
        attempt = round_.attempts[str(flow)]
        outcome = Outcome(attempt.outcome)
        verdict, doubt = self._verdict(phase, flow, wanted.judgement, round_, attempt)
        offset = self._story.offsets.get(str(flow.source), 0.0)
        return Reading(round=round_.number, outcome=outcome, verdict=verdict, begin=attempt.begin + offset, doubt=doubt)

    def _verdict(
        self, phase: _Phase, flow: Flow, judgement: Judgement, round_: Round, attempt: journal.Attempt
    ) -> tuple[Verdict, str]:
        """Say what one attempt means, and why where it means nothing."""
        outcome = Outcome(attempt.outcome)
        if outcome is Outcome.CONNECTED:
            return Verdict.ALLOWED, ""
        if flow.protocol is Protocol.UDP and outcome in DENIALS and attempt.nonce in self._story.arrived:
            return Verdict.ALLOWED, "the datagram arrived, its answer did not"
        if outcome is Outcome.NO_NAME:
            return self._nameless(phase, flow, judgement, round_)
        if outcome not in DENIALS:
            return Verdict.UNKNOWN, _DOUBTS[outcome] + (f": {attempt.text.strip()[:200]!r}" if attempt.text else "")
        doubt = self._doubt(phase, flow, round_)
        return (Verdict.UNKNOWN, doubt) if doubt else (Verdict.DENIED, "")

    def _nameless(self, phase: _Phase, flow: Flow, judgement: Judgement, round_: Round) -> tuple[Verdict, str]:
        """A name that was not found is a denial only where its look-up is denied, and proved so (proof rule 4)."""
        lookups = [leg for leg in judgement.legs if leg.role is Role.LOOKUP]
        if not isinstance(flow.target, HostName) or not any(leg.ruling is Ruling.DENIED for leg in lookups):
            return Verdict.UNKNOWN, "the name was not found, though its look-up is not denied"
        leg = lookup_leg(flow)
        seen = round_.attempts.get(str(leg))
        if seen is None or Outcome(seen.outcome) not in DENIALS:
            return Verdict.UNKNOWN, "the name was not found, but a look-up of it beside was not denied"
        doubt = self._doubt(phase, leg, round_) or self._doubt(phase, flow, round_)
        return (Verdict.UNKNOWN, doubt) if doubt else (Verdict.DENIED, "")

    def _doubt(self, phase: _Phase, flow: Flow, round_: Round) -> str:
        """Say why a denial in this round proves nothing; "" where the target was alive and everybody who they were."""
        vouching = vouchers(flow, phase.state)
        if not vouching:
            return f"nothing can vouch for {flow.target}"
        for voucher in vouching:
            seen = round_.attempts.get(str(voucher))
            if seen is None or seen.outcome != Outcome.CONNECTED:
                what = "its own address" if voucher.source == voucher.target else "it from the witness"
                return f"{voucher.target} was not seen alive: {what} gave {seen.outcome if seen else 'no answer'}"
        kind = "control" if self._can_have(phase, flow, "control") else "restore"
        return self._unlike(phase, flow, round_, kind)


_DOUBTS = {
    Outcome.WRONG_PEER: "somebody else answered",
    Outcome.SILENT: "connected, but no name came back",
    Outcome.NO_RESULT: "no result",
}


def _changes(previous: dict[Flow, Expected], now: dict[Flow, Expected]) -> bool:
    """Say whether a step changes what should be: for some cell, or by a new cell that is denied at once."""
    return any(
        previous[f].verdict is not e.verdict if f in previous else e.verdict is Verdict.DENIED for f, e in now.items()
    )


def _observed(readings: Sequence[Reading]) -> str:
    return f"seen: {readings[-1].outcome}" if readings else "not probed"


def _because(wanted: Expected) -> str:
    """Return in a few words why the cell is expected as it is."""
    judgement = wanted.judgement
    match wanted.verdict:
        case Verdict.DENIED:
            by = dict.fromkeys(str(p) for s in judgement.sides if s.ruling is Ruling.DENIED for p in s.isolating)
            return f"denied by {', '.join(by) or wanted.by}"
        case Verdict.ALLOWED:
            by = dict.fromkeys(str(r) for s in judgement.sides for r in s.allowing)
            return f"allowed by {' and '.join(by)}" if by else "no policy isolates it"
        case _:
            return f"open: {'; '.join(str(d) for d in judgement.doubts)}"
