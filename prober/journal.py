"""What happened in a run, as JSON lines flushed as they come; nothing here is judged.

Times (`at`, `begin`, `end`) are seconds of the harness's own steady clock, except in Attempt: there they are the
source's clock (/proc/uptime), which a Clock event of the same source ties to the harness's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any, Self

from prober.errors import ProberError


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run began."""

    run: str
    version: str
    cluster: str
    at: float
    wall: str  # ISO 8601, UTC
    settings: dict[str, str]
    texts: dict[str, str]  # every scenario file and manifest, path -> text: the run can be judged without the disk
    scenarios: list[str]  # paths, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A scenario was not run."""

    scenario: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A scenario's topology stands: its state with addresses, as `model.plain` writes it."""

    scenario: str
    at: float
    state: dict[str, Any]
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A control, a step or the restore began; `step` counts from 0 within the scenario, controls included."""

    scenario: str
    step: int
    kind: str  # "control", "step", "restore"
    name: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """An action was carried out: `end` is when the cluster had accepted it. An added pod brings its addresses."""

    scenario: str
    step: int
    action: str
    begin: float
    end: float
    addresses: dict[str, str]
    node: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStarted:
    """A round of attempts began; `round` counts from 0 within the scenario."""

    scenario: str
    step: int
    round: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEnded:
    """All attempts of a round are in; `pods` says who every pod was then: uid, container start, addresses."""

    scenario: str
    step: int
    round: int
    at: float
    pods: dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """`source` read `uptime` on its clock when the harness read `at` on its own."""

    scenario: str
    round: int
    source: str
    uptime: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at one flow, with what it wrote."""

    scenario: str
    step: int
    round: int
    flow: str
    outcome: str
    begin: float
    end: float
    exit: int
    text: str
    command: str
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Datagrams with these nonces reached a listener, whatever became of the answer."""

    scenario: str
    nonces: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something stopped the scenario, or the whole run where `scenario` is empty."""

    scenario: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the cluster had to say when a scenario failed."""

    scenario: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioEnded:
    """A scenario came to its end; without this event it was cut short."""

    scenario: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """The run came to its end."""

    at: float
    interrupted: bool


Event = (
    RunStarted
    | Skipped
    | Opened
    | Phase
    | Acted
    | RoundStarted
    | RoundEnded
    | Clock
    | Attempt
    | Arrived
    | Trouble
    | Evidence
    | ScenarioEnded
    | RunEnded
)

_KINDS: Mapping[str, type[Event]] = {k.__name__: k for k in Event.__args__}


def plain(event: Event) -> dict[str, Any]:
    """Return the event as plain data for JSON."""
    return {"event": type(event).__name__, **{f.name: getattr(event, f.name) for f in fields(event)}}


def from_plain(data: Mapping[str, Any]) -> Event:
    """Return the event that `plain` wrote; ProberError for anything else."""
    try:
        values = dict(data)
        return _KINDS[values.pop("event")](**values)
    except (KeyError, TypeError) as error:
        raise ProberError(f"not an event of a journal of this version: {str(data)[:200]} ({error})") from None


class Journal:
    """Collects events and, given a path, writes each at once; safe from several threads."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._file: IO[str] | None = path.open("w", encoding="utf-8") if path else None
        self.path = path
        self.lost = ""  # why the file is incomplete; the events in memory are not

    def write(self, event: Event) -> None:
        """Record an event. A disk that takes no more is noted in `lost` and never stops the run."""
        with self._lock:
            self._events.append(event)
            if self._file is None:
                return
            try:
                self._file.write(json.dumps(plain(event), ensure_ascii=False) + "\n")
                self._file.flush()
            except OSError as error:
                self.lost = f"{self.path}: {error.strerror}"
                self._file = None

    def events(self) -> tuple[Event, ...]:
        """Return all events so far."""
        with self._lock:
            return tuple(self._events)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events of a journal's lines; a last line that a crash cut short is left out."""
    pending: str | None = None
    for line in lines:
        if pending is not None:
            yield from_plain(json.loads(pending))
        pending = line
    if pending is not None and pending.strip():
        try:
            data = json.loads(pending)
        except ValueError:
            return
        yield from_plain(data)
