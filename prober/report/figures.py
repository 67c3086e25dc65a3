"""The figures that several formats tell, counted once: times, their quantiles, engines and images (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil

from prober.evidence import EngineOnNode, Evidence
from prober.model import Flow
from prober.outcomes import Verdict
from prober.result import CellResult, RunResult, ScenarioResult

QUANTILES = (0.5, 0.9, 0.99, 1.0)


def times(result: RunResult, verdict: Verdict) -> list[float]:
    """Return how long cells took until they agreed for good, in seconds, the quickest first.

    They are those that a step changed, and those that disagreed on the way: no other had anything to wait for.
    """
    return sorted(taken for scenario in result.scenarios for taken in _times(scenario, verdict))


def _times(scenario: ScenarioResult, verdict: Verdict) -> Iterator[float]:
    before: dict[Flow, Verdict] = {}
    for step in scenario.steps:
        for cell in step.cells if step.kind == "step" else ():
            if cell.expected is not verdict or cell.agreed_after is None:
                continue
            if before.get(cell.flow) is not verdict or any(r.verdict is not verdict for r in cell.readings):
                yield cell.agreed_after
        before = {c.flow: c.expected for c in step.cells}


def quantile(values: Sequence[float], q: float) -> float:
    """Return the smallest of some ordered values that at least the part `q` of them does not exceed."""
    return values[max(0, ceil(q * len(values)) - 1)]


def ended(result: RunResult) -> datetime | None:
    """Return when the run ended, or how far it came; None where no clock says."""
    for text, more in ((result.evidence.ended, 0.0), (result.started, result.seconds)):
        try:
            found = datetime.fromisoformat(text) + timedelta(seconds=more)
            return found if found.tzinfo else None
        except (ValueError, OverflowError):
            continue
    return None


def engines(evidence: Evidence) -> Iterator[str]:
    """Yield a line for each engine in each state: what it runs, and on how many nodes."""
    counted = Counter((e.engine, _digests(e), e.ready) for e in evidence.engines)
    for (engine, digests, ready), count in counted.items():
        where = f"{count} node{'' if count == 1 else 's'}"
        yield f"{engine} on {where}{'' if ready else ', not ready'}{f': {digests}' if digests else ''}"


def _digests(engine: EngineOnNode) -> str:
    return ", ".join(i.digest or i.image for i in engine.images)


def covered(evidence: Evidence) -> tuple[int, int]:
    """Return how many nodes are covered, and how many there are."""
    return sum(not n.why for n in evidence.nodes), len(evidence.nodes)


def failing_first(cells: Sequence[CellResult], order: Sequence[str]) -> list[CellResult]:
    """Return the cells whose status is in `order`, in that order."""
    return sorted((c for c in cells if c.status in order), key=lambda c: order.index(c.status))
