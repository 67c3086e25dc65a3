"""What one cell is worth in one phase, from its readings in order: the arithmetic of convergence, hold and flapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from prober.outcomes import Outcome, Status, Verdict

DENIALS = (Outcome.TIMED_OUT, Outcome.REFUSED, Outcome.UNREACHABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One attempt, read with what vouches for it."""

    round: int
    outcome: Outcome
    verdict: Verdict
    begin: float | None  # on the harness's clock; None where the source's could not be tied to it
    doubt: str = ""  # why a denial proves nothing here; why anything else is UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A status with its reason, the reading that decides it, and since when the cell agreed."""

    status: Status
    reason: str
    observed: Verdict
    deciding: Reading | None
    agreed_from: float | None  # on the harness's clock


def streak(expected: Verdict, readings: Sequence[Reading]) -> int:
    """Return how many of the last readings agree without a break."""
    count = 0
    for reading in reversed(readings):
        if reading.verdict is not expected:
            break
        count += 1
    return count


def settled_at(expected: Verdict, readings: Sequence[Reading], needed: int) -> int | None:
    """Return the index of the first of `needed` agreeing readings in a row; None if there is no such row."""
    run = 0
    for i, reading in enumerate(readings):
        run = run + 1 if reading.verdict is expected else 0
        if run == needed:
            return i - needed + 1
    return None


def assess(expected: Verdict, readings: Sequence[Reading], *, needed: int, complete: bool) -> Assessment:
    """Judge one cell of one phase: `needed` agreeing readings in a row settle it; `complete`: it was not cut short."""
    if not readings:
        return Assessment(
            status=Status.UNKNOWN, reason="no attempt", observed=Verdict.UNKNOWN, deciding=None, agreed_from=None
        )
    judge_cell = _denied if expected is Verdict.DENIED else _allowed
    status, reason, deciding = judge_cell(readings, needed, complete)
    agreed = streak(expected, readings)
    return Assessment(
        status=status,
        reason=reason,
        observed=deciding.verdict,
        deciding=deciding,
        agreed_from=readings[-agreed].begin if agreed else None,
    )


def _denied(readings: Sequence[Reading], needed: int, complete: bool) -> tuple[Status, str, Reading]:
    total, last = len(readings), readings[-1]
    opened = [r for r in readings if r.verdict is Verdict.ALLOWED]
    settled = settled_at(Verdict.DENIED, readings, needed)
    if settled is not None:
        later = readings[settled + needed :]
        reopened = [r for r in later if r.verdict is Verdict.ALLOWED]
        if reopened:
            return Status.LEAK, f"opened again after it was denied: {said(opened)} of {total}", reopened[0]
        quiet = [r for r in later if r.outcome in (Outcome.SILENT, Outcome.WRONG_PEER)]
        if quiet:
            return Status.UNKNOWN, f"possible leak: {quiet[0].doubt}", quiet[0]
        if last.verdict is Verdict.DENIED:
            denials = [r for r in readings if r.verdict is Verdict.DENIED]
            return Status.PASS, f"{said(denials)} of {total}", last
        return Status.UNKNOWN, f"denied, but the last attempt proves nothing: {last.doubt}", last
    if not complete:
        return Status.UNKNOWN, "cut short before it settled", last
    recent = [r for r in readings[-needed:] if r.verdict is not Verdict.UNKNOWN]
    if recent and recent[-1].verdict is Verdict.ALLOWED:
        return Status.LEAK, f"{said(opened)} of {total}", opened[-1]
    if last.verdict is Verdict.UNKNOWN:
        return Status.UNKNOWN, _unknown(last), last
    if len(opened) > 1 and any(r.verdict is Verdict.DENIED for r in readings[: readings.index(opened[-1])]):
        return Status.LEAK, f"opens and closes: {said(opened)} of {total}", opened[-1]
    return Status.UNKNOWN, f"denied only in the last {streak(Verdict.DENIED, readings)} of {total}: not held", last


def _allowed(readings: Sequence[Reading], needed: int, complete: bool) -> tuple[Status, str, Reading]:
    total, last = len(readings), readings[-1]
    failed = [r for r in readings if r.verdict is not Verdict.ALLOWED]
    settled = settled_at(Verdict.ALLOWED, readings, needed)
    if settled is not None:
        later = readings[settled + needed :]
        # what connects at first may do so only because nothing is enforced yet
        closed = readings[-max(2, needed) :]
        if len(later) >= len(closed) and all(r.verdict is Verdict.DENIED for r in closed):
            return Status.BREAK, f"closed after it had connected: {said(failed)} of {total}", last
        for one, two in pairwise(later):
            if one.verdict is not Verdict.ALLOWED and two.verdict is not Verdict.ALLOWED:
                # what tells nothing is no failure, and no proof either
                blind = next((r for r in (one, two) if r.verdict is Verdict.UNKNOWN), None)
                what = f"failed twice in a row after it had connected: {said([one, two])} of {total}"
                return (Status.UNKNOWN, f"{what}; {blind.doubt}", two) if blind else (Status.FLAKY, what, two)
        lost = sum(r.verdict is not Verdict.ALLOWED for r in later)
        note = f"; {lost} lost after it had settled" if lost else ""
        good = next(r for r in reversed(readings) if r.verdict is Verdict.ALLOWED)
        return Status.PASS, f"connected {total - len(failed)} of {total}{note}", good
    if not complete:
        return Status.UNKNOWN, "cut short before it settled", last
    if last.verdict is Verdict.DENIED:
        return Status.BREAK, f"{said([r for r in failed if r.verdict is Verdict.DENIED])} of {total}", last
    if last.verdict is Verdict.UNKNOWN:
        return Status.UNKNOWN, last.doubt, last
    return Status.FLAKY, f"connected {total - len(failed)} of {total}, never {needed} times in a row", last


def _unknown(reading: Reading) -> str:
    suspicious = reading.outcome in (Outcome.SILENT, Outcome.WRONG_PEER)
    return f"possible leak: {reading.doubt}" if suspicious else reading.doubt


_WORDS = {
    Outcome.CONNECTED: "connected",
    Outcome.TIMED_OUT: "timed out",
    Outcome.REFUSED: "refused",
    Outcome.UNREACHABLE: "unreachable",
    Outcome.NO_NAME: "no name",
    Outcome.WRONG_PEER: "somebody else answered",
    Outcome.SILENT: "connected without a name",
    Outcome.NO_RESULT: "no result",
}


def said(readings: Sequence[Reading]) -> str:
    """Return outcomes with their counts: `timed out 3, refused 1`."""
    counts: dict[Outcome, int] = {}
    for reading in readings:
        counts[reading.outcome] = counts.get(reading.outcome, 0) + 1
    return ", ".join(f"{_WORDS[o]} {n}" for o, n in counts.items())
