"""What the page shows, in its order: findings first, then the scenarios with their matrices, all as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from prober.durations import show_duration
from prober.outcomes import SEVERITY, Status, Verdict
from prober.report.html.details import Attempt, Detail, detail, packed
from prober.report.html.evidence import Facts, Table, facts, moment, tables
from prober.report.html.matrix import MARKS, Matrix, matrix_of
from prober.report.html.times import Spread, spreads
from prober.report.text import FAILURES, cell_line, counted, numbered
from prober.result import CellResult, RunResult, ScenarioResult, StepResult
from prober.terminal import many

_FULLY = 10  # findings of one status in one step that are told in full
_SHORTLY = 200  # further ones with their first line; the matrix and the json report have them all
_ENDS = 6  # attempts of a finding that are shown from either end of a long row
_EVIDENCE = 60_000  # characters of a scenario's evidence
_WORDS = {
    0: ("good", "As expected"),
    1: ("bad", "Enforcement differs"),
    3: ("open", "No proof"),
    130: ("open", "Interrupted"),
}

_MEANINGS = {
    Status.LEAK: "should be denied, and got through",
    Status.BREAK: "should be allowed, and did not get through",
    Status.FLAKY: "allowed, but not reliably",
    Status.UNKNOWN: "nothing proved either way",
    Status.WAIVED: "deviates as a waiver says: no failure, and no proof",
    Status.PASS: "as expected, and proved",
    Status.OBSERVED: "the specification leaves it open: seen, not judged",
    Status.SKIPPED: "not probed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One failing cell: its details, and where its square is."""

    detail: Detail
    step: StepPart
    square: int
    first: tuple[Attempt, ...]
    left_out: int
    last: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one step found of one status; `short` are the lines of those that are not told in full, `more` the rest."""

    status: Status
    step: StepPart
    scenario: str
    told: tuple[Finding, ...]
    short: tuple[tuple[str, int], ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPart:
    """One step with its matrix; `key` is its name in the page."""

    key: str
    number: int
    result: StepResult
    matrix: Matrix
    cells: str  # packed, in the order of the squares

    @property
    def name(self) -> str:
        return f"step {self.number}: {self.result.name}" if self.number else self.result.kind

    @property
    def line(self) -> str:
        step = self.result
        parts = [f"{counted(step.cells)} in {many(step.rounds, 'round')}, {show_duration(step.seconds)}"]
        for word, verdict in (("enforced", Verdict.DENIED), ("released", Verdict.ALLOWED)):
            if self.number and (taken := step.slowest(verdict)) is not None:
                parts.append(f"{word} in {show_duration(taken)}")
        return "; ".join(parts)

    @property
    def opened(self) -> bool:
        """Say whether it is open at first: controls are looked at when something is wrong with them."""
        return bool(self.number) or self.result.status in FAILURES


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioPart:
    """One scenario with its steps."""

    key: str
    result: ScenarioResult
    steps: tuple[StepPart, ...]

    @property
    def figures(self) -> tuple[str, ...]:
        """Return what `Page.heads` names."""
        cells = tuple(self.result.asserted)
        found = Counter(c.status for c in cells)
        denials = sum(c.status is Status.PASS and c.expected is Verdict.DENIED for c in cells)
        counts = (denials, found[Status.PASS] - denials, found[Status.OBSERVED], sum(found[s] for s in FAILURES))
        times = (self._slowest(Verdict.DENIED), self._slowest(Verdict.ALLOWED), show_duration(self.result.seconds))
        return (*map(str, counts), *times)

    def _slowest(self, verdict: Verdict) -> str:
        taken = [t for s in self.result.steps if s.kind == "step" and (t := s.slowest(verdict)) is not None]
        return show_duration(max(taken)) if taken else ""

    @property
    def evidence(self) -> str:
        text = self.result.evidence
        return text if len(text) <= _EVIDENCE else f"{text[:_EVIDENCE]}\n... (the json report has all of it)"


@dataclass(frozen=True, kw_only=True)
class Page:
    """The whole page."""

    result: RunResult
    scenarios: tuple[ScenarioPart, ...]
    marks = MARKS
    statuses = SEVERITY
    words = _MEANINGS
    heads = ("denials", "allows", "left open", "wrong", "enforced in", "released in", "took")

    @property
    def lab(self) -> bool:
        return self.result.in_lab

    @property
    def verdict(self) -> tuple[str, str]:
        """Return what the exit code says: a class of the style sheet, and words."""
        return _WORDS[self.result.exit_code()]

    @cached_property
    def counts(self) -> tuple[tuple[str, str, int], ...]:
        """Return what was found: a class, a word and a number, what is wrong first."""
        found = self.result.counts
        wrong = [(s.lower(), str(s), found[s]) for s in FAILURES]
        if intent := sum(len(s.intent) for s in self.result.scenarios):
            wrong.append(("intent", "intent", intent))
        proved = [
            ("x", "denials proved", self.result.proved(Verdict.DENIED)),
            ("a", "allows proved", self.result.proved(Verdict.ALLOWED)),
        ]
        skipped = sum(bool(s.skipped) for s in self.result.scenarios)
        if waived := found[Status.WAIVED]:
            proved.append(("waived", "waived", waived))
        rest = [("observed", "left open", found[Status.OBSERVED]), ("skipped", "scenarios skipped", skipped)]
        return (*wrong, *proved, *rest)

    @property
    def facts(self) -> Facts:
        """Return what the run was: where, when, by what."""
        result = self.result
        statuses = Counter(s.status for s in result.scenarios)
        each = ", ".join(f"{statuses[s]} {s}" for s in SEVERITY if statuses[s])
        return (
            ("cluster", result.cluster),
            ("nodes", str(result.nodes)),
            ("started", moment(result.started)),
            ("took", show_duration(result.seconds)),
            ("prober", f"version {result.version}"),
            ("run", result.run),
            ("scenarios", f"{len(result.scenarios)}{': ' if each else ''}{each}"),
            ("settings", ", ".join(f"{name} {value}" for name, value in result.settings)),
            *(("waiver", str(waiver)) for waiver in result.waivers if waiver.notable),
        )

    @property
    def evidence(self) -> tuple[Facts, tuple[Table, ...]]:
        return facts(self.result), tables(self.result)

    @property
    def spreads(self) -> tuple[Spread, ...]:
        return spreads(self.result)

    @property
    def namespaces(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the groups of all sources and of all targets, for the filters."""
        sources, targets = set(), set()
        for step in self.steps:
            sources |= {line.place.group for line, _ in step.matrix.rows}
            targets |= {line.place.group or line.label for line in step.matrix.columns}
        return tuple(sorted(sources)), tuple(sorted(targets))

    @property
    def seen(self) -> tuple[Status, ...]:
        """Return the statuses that some cell has, the worst first."""
        found = {c.status for step in self.steps for c in step.result.cells}
        return tuple(s for s in SEVERITY if s in found)

    @property
    def steps(self) -> Iterator[StepPart]:
        return (step for scenario in self.scenarios for step in scenario.steps)

    @property
    def findings(self) -> Iterator[Findings]:
        """Yield what failed, LEAK before BREAK before all else, over all scenarios."""
        for status in (s for s in SEVERITY if s in FAILURES):
            for scenario in self.scenarios:
                for step in scenario.steps:
                    if found := [(i, c) for i, c in enumerate(step.matrix.order) if c.status is status]:
                        yield self._findings(status, scenario, step, found)

    def _findings(
        self, status: Status, scenario: ScenarioPart, step: StepPart, found: list[tuple[int, CellResult]]
    ) -> Findings:
        rest = found[_FULLY:]
        return Findings(
            status=status,
            step=step,
            scenario=scenario.result.name,
            told=tuple(self._finding(scenario, step, i, c) for i, c in found[:_FULLY]),
            short=tuple((cell_line(c), i) for i, c in rest[:_SHORTLY]),
            more=max(0, len(rest) - _SHORTLY),
        )

    def _finding(self, scenario: ScenarioPart, step: StepPart, square: int, cell: CellResult) -> Finding:
        told = detail(self.result, scenario.result, step.number, cell)
        long = len(told.attempts) > 2 * _ENDS
        return Finding(
            detail=told,
            step=step,
            square=square,
            first=told.attempts[:_ENDS] if long else told.attempts,
            left_out=len(told.attempts) - 2 * _ENDS if long else 0,
            last=told.attempts[-_ENDS:] if long else (),
        )


def page(result: RunResult) -> Page:
    """Return what the page of a run shows."""
    return Page(result=result, scenarios=tuple(_scenario(result, i, s) for i, s in enumerate(result.scenarios)))


def _scenario(result: RunResult, i: int, scenario: ScenarioResult) -> ScenarioPart:
    steps = []
    for j, (number, step) in enumerate(numbered(scenario.steps)):
        matrix = matrix_of(step.cells)
        cells = packed([detail(result, scenario, number, c) for c in matrix.order])
        steps.append(StepPart(key=f"s{i}-{j}", number=number, result=step, matrix=matrix, cells=cells))
    return ScenarioPart(key=f"s{i}", result=scenario, steps=tuple(steps))
