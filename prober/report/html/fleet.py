"""Several runs as one HTML page without scripts: a line for each cluster, then what each found, and its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from prober.outcomes import Status
from prober.report.html.page import Page, page
from prober.report.text import FAILURES, again_command, numbered
from prober.result import CellResult, RunResult, ScenarioResult

_TOLD = 100  # failing cells of one run; its own report has them all


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One failing cell: the line that opens, where it is, and what is below."""

    status: Status
    line: str
    where: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the fleet; `more` failing cells are left out."""

    page: Page
    told: tuple[Told, ...]
    more: int


def run_of(result: RunResult) -> Run:
    """Return what the page tells of one run."""
    told = _told(result)
    first = tuple(islice(told, _TOLD))
    return Run(page=page(result), told=first, more=sum(1 for _ in told))


def runs_of(results: Sequence[RunResult]) -> tuple[Run, ...]:
    """Return the runs in the order that is given."""
    return tuple(map(run_of, results))


def _told(result: RunResult) -> Iterator[Told]:
    for status in FAILURES:
        for scenario in result.scenarios:
            for number, step in numbered(scenario.steps):
                where = f"{scenario.name}, {f'step {number}' if number else step.kind} '{step.name}'"
                for cell in step.cells:
                    if cell.status is status:
                        yield _cell(result, scenario, cell, where)


def _cell(result: RunResult, scenario: ScenarioResult, cell: CellResult, where: str) -> Told:
    lines = [f"expected {cell.expected}, observed {cell.observed} in {cell.attempts} attempts", cell.judgement]
    lines += [f"ran in {cell.flow.source}: {cell.command}"] * bool(cell.command)
    again = again_command(result, scenario.path, cell)
    lines += [f"again: {again}"] * bool(again)
    return Told(status=cell.status, line=f"{cell.flow}: {cell.reason}", where=where, text="\n".join(lines))
