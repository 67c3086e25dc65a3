"""What pytest shows of a scenario that was proved, or was not: its failure in words, its properties for a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prober.outcomes import SEVERITY, Status, Verdict
from prober.report.text import FAILURES, cell_line, told
from prober.result import RunResult, ScenarioResult
from prober.terminal import one_line


@dataclass(frozen=True, slots=True)
class Proved:
    """A run of one scenario, and its journal on disk."""

    result: RunResult
    journal: Path

    @property
    def scenario(self) -> ScenarioResult:
        return self.result.scenarios[0]


def failure(proved: Proved, fail_on: tuple[Status, ...], *, verbose: bool = False) -> str:
    """Return why a scenario is not proved, LEAK, BREAK, FLAKY or UNKNOWN first; "" where it is."""
    if not proved.result.exit_code(fail_on):
        return ""
    lines = [
        _headline(proved.result, proved.scenario),
        one_line(proved.result.banner),
        told(proved.result, proved.scenario, verbose=verbose),
        f"journal: {proved.journal} (`prober report` judges it again)",
    ]
    return "\n".join(lines)


def _headline(result: RunResult, scenario: ScenarioResult) -> str:
    failing = sorted((c for c in scenario.asserted if c.status in FAILURES), key=lambda c: SEVERITY.index(c.status))
    if failing:
        more = f" (and {len(failing) - 1} more cells)" if len(failing) > 1 else ""
        return one_line(cell_line(failing[0])) + more
    if scenario.intent:
        return one_line(f"INTENT {scenario.name}: {scenario.intent[0]}")
    why = scenario.trouble or result.trouble or "nothing was proved"
    return one_line(f"{Status.UNKNOWN} {scenario.name}: {why}")


def properties(proved: Proved) -> Iterator[tuple[str, str]]:
    """Yield what junit.xml says of a test beside its duration: plain texts, for xdist carries no enumeration."""
    scenario, counts = proved.scenario, proved.result.counts
    yield "prober.cluster", proved.result.cluster
    yield "prober.status", scenario.status.value
    yield "prober.denials", str(proved.result.proved(Verdict.DENIED))
    yield "prober.allows", str(proved.result.proved(Verdict.ALLOWED))
    yield from ((f"prober.{status}", str(counts[status])) for status in SEVERITY)
    steps = [s for s in scenario.steps if s.kind == "step"]
    for word, verdict in (("enforced", Verdict.DENIED), ("released", Verdict.ALLOWED)):
        if times := [t for s in steps if (t := s.slowest(verdict)) is not None]:
            yield f"prober.{word}_seconds", f"{max(times):.3f}"
    yield "prober.journal", str(proved.journal)
