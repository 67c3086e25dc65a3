"""From what happened to what it is worth: the only place where a status is made, and pure (proof rules 1 to 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from prober import evidence, journal
from prober.assess import Assessment, Reading, assess
from prober.attribution import idle_nodes
from prober.errors import InputError, ProberError
from prober.evidence import Evidence
from prober.expect import Expected, expectations, unprobeable
from prober.flows import FlowPattern, parse_pattern
from prober.model import ClusterState, Flow
from prober.oracle import Ruling, explain
from prober.outcomes import Status, Verdict
from prober.proofs import Chapter, Proofs
from prober.result import CellResult, ReadingResult, RunResult, ScenarioResult, StepResult
from prober.scenario import Scenario, contradictions, resolved
from prober.story import PhaseStory, Story, advance, carried_out, reopened, stories, with_added
from prober.waivers import all_of
from prober.waiving import Waiving


def judge(events: Sequence[journal.Event], scenarios: Mapping[str, Scenario]) -> RunResult:
    """Judge a run as far as it came; `scenarios` by path, as the journal's texts say them. It never raises."""
    started = next((e for e in events if isinstance(e, journal.RunStarted)), _NOTHING)
    ended = next((e for e in events if isinstance(e, journal.RunEnded)), None)
    troubles = [e.text for e in events if isinstance(e, journal.Trouble) and not e.scenario]
    troubles += _faults(events, started)
    if ended is None and not troubles:
        troubles.append("the run was cut short")
    known = evidence.collected(events)
    terms = _terms(started, known, troubles)
    told = stories(events)
    found = {path: told.get(path) or Story(path=path) for path in started.scenarios}
    troubles += [f"{path} cannot be read" for path in found if path not in scenarios]
    last = max((getattr(e, "at", started.at) for e in events), default=started.at)
    return RunResult(
        run=started.run,
        version=started.version,
        cluster=started.cluster,
        started=started.wall,
        seconds=last - started.at,
        nodes=max((s.nodes for s in found.values()), default=0),
        settings=tuple(started.settings.items()),
        scenarios=tuple(
            judge_scenario(scenarios[path], story, terms) for path, story in found.items() if path in scenarios
        ),
        interrupted=ended.interrupted if ended else True,
        trouble="; ".join(troubles),
        evidence=known,
        waivers=terms.waiving.results(),
        remarks=tuple(e.text for e in events if isinstance(e, journal.Remark) and not e.scenario),
    )


_NOTHING = journal.RunStarted(run="", version="", cluster="", at=0.0, wall="", settings={}, texts={}, scenarios=[])


def _faults(events: Sequence[journal.Event], started: journal.RunStarted) -> list[str]:
    """Say how a run's events cannot be one run's."""
    found = []
    if not events or events[0] is not started:
        found.append("the journal lacks the beginning of its run")
    if sum(isinstance(e, journal.RunStarted) for e in events) > 1:
        found.append("the journal is of several runs")
    if any(isinstance(e, journal.RunEnded) for e in events[:-1]):
        found.append("the journal goes on after the end of its run")
    if strangers := {getattr(e, "scenario", "") for e in events} - {"", *started.scenarios}:
        found.append(f"the journal tells of {min(strangers)}, which was not asked for")
    return found


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a run's settings decides a verdict."""

    hold: int = 1
    only: FlowPattern | None = None
    waiving: Waiving = field(default_factory=Waiving)


def _terms(started: journal.RunStarted, known: Evidence, troubles: list[str]) -> Terms:
    settings, texts = started.settings, started.texts
    only = settings.get("only")
    try:
        named = [name for name in settings.get("waivers", "").split("\n") if name]
        waivers = all_of([(name, texts[name]) for name in named])
        return Terms(
            hold=max(0, int(settings.get("hold", "1"))),
            only=parse_pattern(only) if only else None,
            waiving=Waiving.of(waivers, started.wall[:10], known),
        )
    except (InputError, LookupError, ValueError) as error:
        troubles.append(f"its settings cannot be read: {error}")
        return Terms()


def judge_scenario(scenario: Scenario, story: Story, terms: Terms) -> ScenarioResult:
    """Judge one scenario from its story."""
    steps: tuple[StepResult, ...] = ()
    faults = list(story.faults)
    intent: list[str] = []
    remarks = list(story.remarks)
    if story.state is not None:
        try:
            steps = _steps(resolved(scenario, story.state), story, story.state, terms, faults, intent, remarks)
        except (ProberError, LookupError, TypeError, ValueError, AttributeError) as error:
            faults.append(f"it cannot be judged: {type(error).__name__}: {error}")
    if faults:
        steps = tuple(replace(s, cells=tuple(_unproved(c, faults[0]) for c in s.cells)) for s in steps)
    troubles = list(story.trouble)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        troubles.append(f"its journal contradicts itself: {faults[0]}{more}")
    if not troubles and not story.skipped and not story.ended:
        troubles.append("not run to its end")
    return ScenarioResult(
        name=scenario.name,
        path=scenario.path,
        summary=scenario.summary,
        tags=scenario.tags,
        steps=steps,
        skipped="" if troubles else story.skipped,
        trouble="; ".join(troubles),
        remarks=tuple(remarks),
        evidence=story.evidence,
        seconds=max(0.0, story.until - story.begin),
        intent=tuple(intent),
        took_over=story.after,
        given_up=story.given_up,
    )


def _unproved(cell: CellResult, fault: str) -> CellResult:
    if cell.status is not Status.PASS:
        return cell
    return replace(cell, status=Status.UNKNOWN, reason=f"{cell.reason}; but the journal contradicts itself: {fault}")


def _steps(
    scenario: Scenario,
    story: Story,
    first: ClusterState,
    terms: Terms,
    faults: list[str],
    intent: list[str],
    remarks: list[str],
) -> tuple[StepResult, ...]:
    """Judge every phase in order; what a journal should have and has not goes to `faults`.

    What the author expects of somebody's own policies, and they contradict, goes to `intent`; to `remarks` which nodes
    denied nothing.
    """
    chapters: list[Chapter] = []
    state = known = first
    for told in story.phases:
        step = None
        if told.kind == "step":
            step = scenario.steps[told.step]
            before, known = known, with_added(known, carried_out(step.actions, told.acted))
            if known is not before:
                scenario = resolved(scenario, known)
                step = scenario.steps[told.step]
            state = advance(state, step.actions, told.acted)
            if scenario.of_manifests:
                intent += map(str, contradictions(step, state, scenario.families_in(state), by_line=True))
            if told.rounds and [str(a) for a in step.actions] != [a.action for a in told.acted]:
                faults.append(f"not every action of `{told.name}` was carried out before its rounds")
        elif told.kind == "restore":
            state = reopened(state, first)
            if told.step != len(scenario.steps):
                faults.append("it was restored before its last step")
        chapters.append(Chapter(told, state, expectations(scenario, step, state, terms.only)))
    proofs = Proofs(story, chapters)
    results = []
    previous: dict[Flow, Expected] = {}
    for chapter in chapters:
        told = chapter.told
        faults += _gaps(chapter)
        cells = tuple(_cell(proofs, chapter, f, e, terms) for f, e in chapter.expected.items())
        if told.kind == "step":
            cells = terms.waiving.settled(scenario.path, chapter.state, chapter.expected, cells)
            rulings = [(chapter.expected[c.flow].judgement, c.status) for c in cells]
            remarks += [
                f"step '{told.name}': node {node} let through all {count} that only it could deny, while other nodes "
                "denied theirs: look at the network plugin's agent there"
                for node, count in idle_nodes(chapter.state, rulings).items()
            ]
        results.append(
            StepResult(
                name=told.name,
                kind=told.kind,
                actions=tuple(a.action for a in told.acted),
                cells=cells,
                witnessed=told.kind != "step" or _changes(previous, chapter.expected),
                rounds=len(told.readable()),
                seconds=max(0.0, told.until - told.at),
            )
        )
        previous = chapter.expected
    return tuple(results)


def _gaps(chapter: Chapter) -> list[str]:
    """Say which attempts a phase's rounds should have and have not: a line that is lost may have shown a leak."""
    asked = chapter.vouching.round_of(tuple(f for f in chapter.expected if not unprobeable(f)))
    rounds = chapter.told.readable()
    return [
        f"round {r.number} has no line for {flow}" for r in rounds for flow in map(str, asked) if flow not in r.attempts
    ]


def _cell(proofs: Proofs, chapter: Chapter, flow: Flow, wanted: Expected, terms: Terms) -> CellResult:
    told = chapter.told
    why = unprobeable(flow)
    rounds = [r for r in told.readable() if str(flow) in r.attempts]
    readings = [proofs.reading(chapter, flow, wanted, r) for r in rounds]
    needed = 1 + terms.hold if told.kind == "step" else 1
    found = assess(wanted.verdict, readings, needed=needed, complete=told.complete)
    deciding = next((r for r in rounds if found.deciding and r.number == found.deciding.round), None)
    if why:
        found = replace(found, status=Status.SKIPPED, reason=why)
    elif wanted.conflict:
        found = replace(found, status=Status.UNKNOWN, reason=_observed(readings))
    elif wanted.verdict is Verdict.UNKNOWN:
        found = replace(found, status=Status.OBSERVED if readings else Status.SKIPPED, reason=_observed(readings))
    elif found.status is Status.PASS and wanted.verdict is Verdict.DENIED and deciding:
        found = _doubted(found, proofs.unproved(chapter, flow, deciding))
    agreed = None if found.agreed_from is None else max(0.0, found.agreed_from - told.acted_at)
    return CellResult(
        flow=flow,
        expected=wanted.verdict,
        by=wanted.by,
        observed=found.observed,
        outcome=found.deciding.outcome if found.deciding else None,
        status=found.status,
        reason=f"{found.reason}; {_because(wanted)}",
        judgement=explain(wanted.judgement, chapter.state),
        attempts=len(readings),
        agreed_after=agreed,
        command=deciding.attempts[str(flow)].command if deciding else "",
        again=told.again.get(str(flow), ""),
        readings=tuple(_told(told, r.attempts[str(flow)], x) for r, x in zip(rounds, readings, strict=True)),
    )


def _told(told: PhaseStory, attempt: journal.Attempt, reading: Reading) -> ReadingResult:
    return ReadingResult(
        round=reading.round,
        after=None if reading.begin is None else _milliseconds(reading.begin - told.acted_at),
        seconds=_milliseconds(attempt.end - attempt.begin),
        outcome=reading.outcome,
        verdict=reading.verdict,
        doubt=reading.doubt,
        text=attempt.text,
    )


def _milliseconds(seconds: float) -> float:
    """Return the seconds without the digits that no clock has said; two clocks may put an end before its beginning."""
    return round(max(0.0, seconds), 3)


def _doubted(found: Assessment, doubt: str) -> Assessment:
    """Take a denial's PASS back where something is in doubt (proof rule 1)."""
    return replace(found, status=Status.UNKNOWN, reason=f"{found.reason}; but {doubt}") if doubt else found


def _changes(previous: dict[Flow, Expected], now: dict[Flow, Expected]) -> bool:
    """Say whether a step changes what should be: for some cell, or by a new cell that is denied at once."""
    return any(
        previous[f].verdict is not e.verdict if f in previous else e.verdict is Verdict.DENIED for f, e in now.items()
    )


def _observed(readings: Sequence[Reading]) -> str:
    return f"seen: {readings[-1].outcome}" if readings else "not probed"


def _because(wanted: Expected) -> str:
    """Return in a few words why the cell is expected as it is."""
    if wanted.conflict:
        return wanted.conflict
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
