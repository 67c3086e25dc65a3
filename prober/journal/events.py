"""What can happen in a run, as records and as plain data for JSON; nothing here is judged.

Times (`at`, `begin`, `end`) are seconds of the harness's own steady clock, except in Attempt: there they are the
source's clock (/proc/uptime), which a Clock event of the same source ties to the harness's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any, get_args, get_origin, get_type_hints

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
    facts: dict[str, Any] = field(default_factory=dict)  # about cluster, machine and user, as evidence.py writes them


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
    images: dict[str, str] = field(default_factory=dict)  # pod -> what its probe runs, by digest


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """A scenario begins on the topology that `after` left; `control`: whose last control is its first one too."""

    scenario: str
    at: float
    after: str
    control: bool


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
    image: str = ""  # what an added pod's probe runs, by digest
    stored: dict[str, Any] = field(default_factory=dict)  # an applied policy as the cluster stored it


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStarted:
    """A round of attempts began; `round` counts from 0 within the scenario."""

    scenario: str
    step: int
    round: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEnded:
    """All attempts of a round are in: `pods` says who every pod was then (uid, container start, addresses), `ready`
    which Services had a backend that was ready.
    """

    scenario: str
    step: int
    round: int
    at: float
    pods: dict[str, list[str]]
    ready: list[str] = field(default_factory=list)


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
class Again:
    """How a person makes the attempts again that did not agree in a step: a shell command for each flow."""

    scenario: str
    step: int
    commands: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Datagrams with these nonces reached a listener, whatever became of the answer."""

    scenario: str
    nonces: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What a reader of the results must know and no verdict says; of the whole run where `scenario` is empty."""

    scenario: str
    text: str


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
class Reset:
    """After a scenario its topology got back the pods that it was opened with, or was given up: `why`, else ""."""

    scenario: str
    begin: float
    end: float
    actions: list[str]
    why: str


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
    wall: str = ""  # ISO 8601, UTC


Event = (
    RunStarted | Skipped | Opened | TakenOver | Phase | Acted | RoundStarted | RoundEnded | Clock | Attempt | Again
    | Arrived | Remark | Trouble | Evidence | Reset | ScenarioEnded | RunEnded
)  # fmt: skip

_KINDS: Mapping[str, type[Event]] = {k.__name__: k for k in Event.__args__}
_TYPES: Mapping[str, Mapping[str, Any]] = {name: get_type_hints(kind) for name, kind in _KINDS.items()}


def plain(event: Event) -> dict[str, Any]:
    """Return the event as plain data for JSON."""
    return {"event": type(event).__name__, **{f.name: getattr(event, f.name) for f in fields(event)}}


def from_plain(data: Mapping[str, Any]) -> Event:
    """Return the event that `plain` wrote; ProberError for anything else."""
    try:
        values = dict(data)
        name = values.pop("event")
        event = _KINDS[name](**values)
        wrong = next((k for k, kind in _TYPES[name].items() if not _fits(getattr(event, k), kind)), None)
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign(data, str(error)) from None
    if wrong is not None:
        raise _foreign(data, f"{wrong} is {values[wrong]!r}"[:200])
    return event


def _foreign(data: object, why: str) -> ProberError:
    return ProberError(f"not an event of a journal of this version: {str(data)[:200]} ({why})")


def _fits(value: object, kind: Any) -> bool:
    match get_origin(kind), get_args(kind):
        case None, ():
            if kind is float:
                return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
            return kind is Any or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool)))
        case origin, (_, inner) if origin is dict:
            return isinstance(value, dict) and all(_fits(v, inner) for v in value.values())
        case origin, (inner,) if origin is list:
            return isinstance(value, list) and all(_fits(v, inner) for v in value)
        case _, kinds:  # a union
            return any(_fits(value, k) for k in kinds)
