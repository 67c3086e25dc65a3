"""A cell in words: what the page says where a cell is opened, as plain texts, and packed for a whole step."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prober.durations import show_duration
from prober.report.text import again_command, explain_command
from prober.result import CellResult, ReadingResult, RunResult, ScenarioResult
from prober.terminal import many, printable

_LONGEST = 4_000  # characters of one attempt's text; nc and dig write a line or two


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt, each value as it is shown."""

    round: str
    after: str
    took: str
    outcome: str
    means: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One cell; `commands` are pairs of what a command is for and the command."""

    flow: str
    status: str
    reason: str
    said: str
    judgement: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]
    attempts: tuple[Attempt, ...]


def detail(result: RunResult, scenario: ScenarioResult, number: int, cell: CellResult) -> Detail:
    """Return a cell of step `number` (0: a control) in words."""
    seen = f" ({cell.outcome})" if cell.outcome else ""
    agreed = "" if cell.agreed_after is None else f", agreed for good after {show_duration(cell.agreed_after)}"
    commands = (
        (f"ran in {cell.flow.source}", cell.command),
        ("again", again_command(result, scenario.path, cell)),
        ("the rules behind it", explain_command(scenario.path, cell, number)),
    )
    return Detail(
        flow=str(cell.flow),
        status=cell.status,
        reason=cell.reason,
        said=f"expected {cell.expected} by {cell.by}, observed {cell.observed}{seen}"
        f" in {many(cell.attempts, 'attempt')}{agreed}",
        judgement=tuple(cell.judgement.splitlines()),
        commands=tuple((what, command) for what, command in commands if command),
        attempts=tuple(map(_attempt, cell.readings)),
    )


def _attempt(reading: ReadingResult) -> Attempt:
    text = reading.text if len(reading.text) <= _LONGEST else f"{reading.text[:_LONGEST]}... (the json report has all)"
    return Attempt(
        round=str(reading.round),
        after="-" if reading.after is None else show_duration(reading.after),
        took=show_duration(reading.seconds),
        outcome=reading.outcome,
        means=f"{reading.verdict}: {reading.doubt}" if reading.doubt else reading.verdict,
        text=text,
    )


def packed(details: Sequence[Detail]) -> str:
    """Return a step's cells as base64 of deflated JSON: a matrix of 10,000 says the same thing often, and is opened
    cell by cell; letters and digits cannot end the element that they stand in.
    """
    said = json.dumps([_harmless(d) for d in details], separators=(",", ":"))
    return base64.b64encode(zlib.compress(said.encode("ascii"))).decode("ascii")


def _harmless(value: Detail | Attempt | tuple[Any, ...] | str) -> Any:
    """Return plain data whose every text is without what could turn the direction of writing."""
    match value:
        case str():
            return printable(value)
        case tuple():
            return [_harmless(inner) for inner in value]
        case _:
            return {name: _harmless(getattr(value, name)) for name in value.__slots__}
