"""The figures that several formats tell, counted once: times, their quantiles, engines and images (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil

from prober.evidence import EngineOnNode, Evidence
from prober.outcomes import Verdict
from prober.result import CellResult, RunResult

QUANTILES = (0.5, 0.9, 0.99, 1.0)


def times(result: RunResult, verdict: Verdict) -> list[float]:
    """Return how long each cell of the steps took until it agreed for good, in seconds, the quickest first."""
    cells = (c for s in result.scenarios for step in s.steps if step.kind == "step" for c in step.cells)
    return sorted(c.agreed_after for c in cells if c.expected is verdict and c.agreed_after is not None)


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
