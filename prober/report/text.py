"""A run as text for a person: the proof first, then what failed and why, with what reproduces it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prober.durations import show_duration
from prober.outcomes import SEVERITY, Status, Verdict
from prober.report.tables import LEGEND, WAIVED_LEGEND, tables
from prober.result import CellResult, RunResult, ScenarioResult, StepResult
from prober.scenario import MANIFESTS, OWN
from prober.telling import Settings
from prober.terminal import coloured, many, one_line, printable

FAILURES = (Status.LEAK, Status.BREAK, Status.FLAKY, Status.UNKNOWN)
_COLOURS = {
    Status.WAIVED: "yellow",
    Status.LEAK: "red",
    Status.BREAK: "red",
    Status.FLAKY: "yellow",
    Status.UNKNOWN: "yellow",
}
_FULLY = 10  # failing cells of one status in one step that are told in full; of the rest only their first line
_ASIDE_SHOWN = 5
_PACE = ("timeout", "settle", "hold", "budget")  # settings that decide what a run sees, by their flags' names
_EVIDENCE_LINES = 12

Paint = Callable[[str, str], str]


def render(result: RunResult, *, colour: bool = False, width: int = 100, verbose: bool = False) -> str:
    """Return the report; `verbose` adds the tables of steps that passed, all open cells and all of the evidence."""
    paint: Paint = coloured if colour else _plain
    page = _Page(result, paint, width, verbose)
    return "\n".join(line.rstrip() for line in page.lines()) + "\n"


def head(result: RunResult) -> str:
    """Return the lines that every report begins with: what the run was on, what it proved, what troubled all of it."""
    trouble = f"{one_line(f'trouble: {result.trouble}')}\n" if result.trouble else ""
    return f"{one_line(result.banner)}\n{result.proof}\n{trouble}"


def top(result: RunResult) -> list[str]:
    """Return the lines that speak of the whole run."""
    return [*_Page(result, _plain, 0, False).top()]


def told(result: RunResult, scenario: ScenarioResult, *, width: int = 100, verbose: bool = False) -> str:
    """Return what the report says of one scenario."""
    page = _Page(result, _plain, width, verbose)
    return "\n".join(line.rstrip() for line in page.scenario(scenario))


def explain_command(path: str, cell: CellResult, number: int) -> str:
    """Return the command that explains what a cell of step `number` is expected to be."""
    if path.startswith(OWN):
        return "prober doctor --cluster kube"
    step = f" --step {number}" if number else ""
    return f"prober explain {_written(path)} {shlex.quote(str(cell.flow))}{step}"


def again_command(result: RunResult, path: str, cell: CellResult) -> str:
    """Return the command that probes this cell alone: in the same lab as patiently, or by kubectl while the pod is."""
    if not result.in_lab:
        return cell.again
    lab = result.cluster.removeprefix("lab")
    usual, pace = Settings().plain(), dict(result.settings)
    flags = [(name, pace[name]) for name in _PACE if pace.get(name, usual[name]) != usual[name]]
    flags += [("waivers", name) for name in pace.get("waivers", "").splitlines()]
    words = "".join(f" --{name} {shlex.quote(value)}" for name, value in flags)
    return f"prober run {_written(path)} --only {shlex.quote(str(cell.flow))}{lab}{words}"


def _written(path: str) -> str:
    """Return a scenario's path for a shell: a file, or the flags that name the manifests it is made of."""
    return path if path.startswith(MANIFESTS) else shlex.quote(path)


def cell_line(cell: CellResult) -> str:
    """Return what a failing cell's first line says in every report."""
    return f"{cell.status} {cell.flow}: {cell.reason}"


def numbered(steps: Sequence[StepResult]) -> Iterator[tuple[int, StepResult]]:
    """Yield the steps with the numbers that a scenario's author gives them: from 1, controls have 0."""
    number = 0
    for step in steps:
        number += step.kind == "step"
        yield (number if step.kind == "step" else 0), step


def _plain(text: str, _: str) -> str:
    return text


def _indented(text: str, by: int) -> Iterator[str]:
    return (" " * by + line for line in printable(text).splitlines())


class _Page:
    """One report on its way; holds what every part of it asks for."""

    def __init__(self, result: RunResult, paint: Paint, width: int, verbose: bool) -> None:
        self._result = result
        self._paint = paint
        self._width = width
        self._verbose = verbose

    def top(self) -> Iterator[str]:
        banner, proof, *trouble = head(self._result).splitlines()
        yield self._paint(banner, "bold")
        yield self._paint(proof, "bold")
        yield from trouble
        for remark in self._result.remarks:
            yield one_line(f"note: {remark}")
        if self._result.interrupted:
            yield self._paint("interrupted: these are the results so far", "yellow")
        for waiver in self._result.waivers:
            if waiver.notable or self._verbose:
                yield one_line(str(waiver))

    def lines(self) -> Iterator[str]:
        yield from self.top()
        long = True
        for scenario in self._result.scenarios:
            before, long = long, self._verbose or scenario.status in FAILURES
            if before or long:
                yield ""
            yield from self.scenario(scenario)
        yield ""
        yield from self._summary()

    def _status(self, status: Status) -> str:
        return self._paint(status, _COLOURS.get(status, "green" if status is Status.PASS else "faint"))

    def scenario(self, scenario: ScenarioResult) -> Iterator[str]:
        only_intent = scenario.intent and scenario.status is Status.PASS
        word = self._paint("INTENT", "red") if only_intent else self._status(scenario.status)
        yield f"{word} {_scenario_line(scenario)}"
        for finding in scenario.intent:
            yield from _indented(f"intent: {finding}", 2)
        if scenario.trouble:
            yield from _indented(f"trouble: {scenario.trouble}", 2)
        for remark in scenario.remarks:
            yield from _indented(f"note: {remark}", 2)
        if self._verbose and scenario.took_over:
            yield from _indented(f"on the topology that {scenario.took_over} left", 2)
        if self._verbose and scenario.given_up:
            yield from _indented(f"its topology was given up: {scenario.given_up}", 2)
        shown = False
        for number, step in numbered(scenario.steps):
            failing = [c for c in step.cells if c.status in FAILURES]
            if failing or self._verbose:
                shown = True
                yield from self._step(scenario, number, step, failing)
            if step.kind == "step" and not step.witnessed:
                yield f"  note: step '{one_line(step.name)}' changes no verdict: it proves nothing"
            yield from self._aside(step)
        if shown:
            legend = LEGEND + (WAIVED_LEGEND if self._result.counts[Status.WAIVED] else "")
            yield f"  {self._paint(legend, 'faint')}"
        if scenario.evidence and (self._verbose or scenario.status in FAILURES):
            yield from self._evidence(scenario.evidence)

    def _step(
        self, scenario: ScenarioResult, number: int, step: StepResult, failing: Sequence[CellResult]
    ) -> Iterator[str]:
        name = f"step {number} '{one_line(step.name)}'" if number else one_line(step.name)
        yield f"  {name}: {counted(step.cells)} in {many(step.rounds, 'round')}, {show_duration(step.seconds)}"
        if step.actions:
            yield from _indented(f"after: {', '.join(step.actions)}", 4)
        yield ""
        for line in tables(step.cells, self._width - 4):
            yield "    " + line.replace("!", self._paint("!", "red"))
        yield ""
        for status in SEVERITY:
            theirs = [c for c in failing if c.status is status]
            for i, cell in enumerate(theirs):
                yield from self._cell(scenario, number, cell, fully=self._verbose or i < _FULLY)
        if failing:
            yield ""

    def _cell(self, scenario: ScenarioResult, number: int, cell: CellResult, *, fully: bool) -> Iterator[str]:
        line = one_line(cell_line(cell)).removeprefix(cell.status)
        yield f"    {self._status(cell.status)}{line}"
        if not fully:
            return
        by = "" if cell.by == "oracle" else f" by {one_line(cell.by)}"
        seen = f" ({cell.outcome})" if cell.outcome else ""
        yield (
            f"      expected {cell.expected}{by}, observed {cell.observed}{seen} in {many(cell.attempts, 'attempt')}"
        )
        yield from _indented(cell.judgement, 6)
        if cell.command:
            yield from _indented(f"ran in {cell.flow.source}: {cell.command}", 6)
        if again := again_command(self._result, scenario.path, cell):
            yield from _indented(f"again: {again}", 6)
        yield f"      next: {one_line(explain_command(scenario.path, cell, number))}"

    def _aside(self, step: StepResult) -> Iterator[str]:
        """Tell the cells that are neither proved nor failures."""
        for word, status in (("waived", Status.WAIVED), ("left open", Status.OBSERVED)):
            cells = [c for c in step.cells if c.status is status]
            shown = len(cells) if self._verbose else _ASIDE_SHOWN
            for cell in cells[:shown]:
                yield from _indented(f"{word}: {cell.flow}: {cell.reason}", 2)
            if len(cells) > shown:
                yield f"  {word}: {len(cells) - shown} more cells (--verbose lists them)"

    def _evidence(self, evidence: str) -> Iterator[str]:
        lines = printable(evidence).splitlines()
        shown = len(lines) if self._verbose else _EVIDENCE_LINES
        yield "  evidence:"
        yield from (f"    {line}" for line in lines[:shown])
        if len(lines) > shown:
            yield f"    ... {len(lines) - shown} more lines (--verbose shows them, the json report has them)"

    def _summary(self) -> Iterator[str]:
        scenarios = self._result.scenarios
        found = Counter(s.status for s in scenarios)
        each = ", ".join(f"{found[s]} {s}" for s in SEVERITY if found[s])
        said = ", ".join(f"{name} {value}" for name, value in self._result.settings)
        yield one_line(f"run {self._result.run} of prober {self._result.version} on {self._result.cluster}: {said}")
        opened = sum(bool(s.steps) and not s.took_over for s in scenarios)
        shared = f" on {many(opened, 'topology')}" if any(s.took_over for s in scenarios) else ""
        took = show_duration(self._result.seconds)
        yield f"{many(len(scenarios), 'scenario')}{shared}{': ' if each else ''}{each}; {took}"
        for word, verdict in (("enforce", Verdict.DENIED), ("release", Verdict.ALLOWED)):
            times = [
                (taken, f"step '{step.name}' of {scenario.name}")
                for scenario in scenarios
                for step in scenario.steps
                if step.kind == "step" and (taken := step.slowest(verdict)) is not None
            ]
            if times:
                taken, where = max(times)
                yield one_line(f"slowest to {word}: {show_duration(taken)}, {where}")


def _scenario_line(scenario: ScenarioResult) -> str:
    name = one_line(f"{scenario.name} ({scenario.path})")
    if scenario.skipped:
        return f"{name}: {one_line(scenario.skipped)}"
    steps = [s for s in scenario.steps if s.kind == "step"]
    parts = [f"{counted(list(scenario.asserted))} in {many(len(steps), 'step')}"]
    for word, verdict in (("enforced", Verdict.DENIED), ("released", Verdict.ALLOWED)):
        taken = max((t for s in steps if (t := s.slowest(verdict)) is not None), default=None)
        if taken is not None:
            parts.append(f"{word} in {show_duration(taken)}")
    return f"{name}: {'; '.join(parts)}; took {show_duration(scenario.seconds)}"


def counted(cells: Sequence[CellResult]) -> str:
    """Return `2 LEAK, 20 denials and 12 allows proved, 3 left open`."""
    found = Counter(c.status for c in cells)
    denials = sum(c.status is Status.PASS and c.expected is Verdict.DENIED for c in cells)
    parts = [f"{found[s]} {s}" for s in FAILURES if found[s]]
    proved = {"denial": denials, "allow": found[Status.PASS] - denials}
    said = " and ".join(many(number, word) for word, number in proved.items() if number)
    parts.append(f"{said or 'nothing'} proved")
    if found[Status.WAIVED]:
        parts.append(f"{found[Status.WAIVED]} waived")
    if found[Status.OBSERVED]:
        parts.append(f"{found[Status.OBSERVED]} left open")
    return ", ".join(parts)
