"""Two runs beside each other: what became worse, what was mended, what is new or gone (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prober.outcomes import SEVERITY, Status
from prober.result import CellResult, RunResult, ScenarioResult

_PROVABLE = (Status.LEAK, Status.BREAK, Status.FLAKY, Status.UNKNOWN, Status.WAIVED, Status.PASS)


class Change(StrEnum):
    """What became of a cell from one run to the other."""

    WORSE = "worse"  # it deviates now, or is not proved any more
    FIXED = "fixed"
    WAIVED = "waived"  # it deviates, and a waiver says so: neither worse nor fixed
    NEW = "new"  # only the later run asked it
    GONE = "gone"  # only the earlier run asked it
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One cell in both runs; `before` or `after` is None where that run did not ask it."""

    scenario: str  # its name
    step: str
    flow: str
    before: Status | None
    after: Status | None
    reason: str  # the later run's, or the earlier one's where the cell is gone

    @property
    def change(self) -> Change:
        before, after = self.before, self.after
        if before is None or after is None:
            return Change.NEW if before is None else Change.GONE
        if after is before:
            return Change.SAME
        if after is Status.WAIVED:
            return Change.WAIVED
        if after not in _PROVABLE:  # skipped, or left open by now: what was proved is not any more
            return Change.WORSE if before is Status.PASS else Change.SAME
        if before not in _PROVABLE:
            return Change.SAME if after is Status.PASS else Change.WORSE
        return Change.WORSE if SEVERITY.index(after) < SEVERITY.index(before) else Change.FIXED


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All cells of both runs, in the order of the later one, those that are gone last."""

    before: RunResult
    after: RunResult
    differences: tuple[Difference, ...]

    @property
    def counts(self) -> Counter[Change]:
        return Counter(d.change for d in self.differences)

    def of(self, change: Change) -> tuple[Difference, ...]:
        """Return the cells with which this happened, the worst first."""
        found = [d for d in self.differences if d.change is change]
        return tuple(sorted(found, key=lambda d: SEVERITY.index(d.after or d.before or Status.SKIPPED)))

    def exit_code(self) -> int:
        """Return 1 if anything became worse, 3 if there was nothing to compare, else 0."""
        counts = self.counts
        if counts[Change.WORSE]:
            return 1
        return 0 if len(self.differences) > counts[Change.NEW] + counts[Change.GONE] else 3


Place = tuple[str, str, int, str, str]  # scenario, kind and number and name of the step, flow


def compare(before: RunResult, after: RunResult) -> Comparison:
    """Put two runs beside each other; a scenario is the same by its path, or by its name where that is unique."""
    renamed = _renamed(before, after)
    old = {p: c for s in before.scenarios for p, c in _cells(s, s.path)}
    new = {p: c for s in after.scenarios for p, c in _cells(s, renamed.get(s.path, s.path))}
    names = {renamed.get(s.path, s.path): s.name for s in (*before.scenarios, *after.scenarios)}
    places = [*new, *(p for p in old if p not in new)]
    return Comparison(
        before=before,
        after=after,
        differences=tuple(_difference(names[p[0]], p, old.get(p), new.get(p)) for p in places),
    )


def _difference(name: str, place: Place, before: CellResult | None, after: CellResult | None) -> Difference:
    _, kind, number, step, flow = place
    last = after or before
    return Difference(
        scenario=name,
        step=f"step {number} '{step}'" if kind == "step" else kind,
        flow=flow,
        before=before.status if before else None,
        after=after.status if after else None,
        reason=last.reason if last else "",
    )


def _renamed(before: RunResult, after: RunResult) -> Mapping[str, str]:
    """Return for scenarios whose path only the later run knows the earlier one's, where the name tells it."""
    paths = {s.path for s in before.scenarios}
    lost = [s for s in before.scenarios if s.path not in {a.path for a in after.scenarios}]
    known = Counter(s.name for s in lost)
    by_name = {s.name: s.path for s in lost if known[s.name] == 1}
    found = [s for s in after.scenarios if s.path not in paths]
    counted = Counter(s.name for s in found)
    return {s.path: by_name[s.name] for s in found if counted[s.name] == 1 and s.name in by_name}


def _cells(scenario: ScenarioResult, path: str) -> Iterator[tuple[Place, CellResult]]:
    number = 0
    for step in scenario.steps:
        number += step.kind == "step"
        for cell in step.cells:
            yield (path, step.kind, number if step.kind == "step" else 0, step.name, str(cell.flow)), cell
