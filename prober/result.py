"""What a judged run says: records that every report renders, the proof line and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from prober.evidence import Evidence
from prober.model import Flow
from prober.outcomes import Outcome, Status, Verdict, worst
from prober.scenario import OWN
from prober.waivers import PROFILE

LAB_BANNER = "lab: proves the policies, says nothing about any cluster"
_LIES = "lies on purpose, proves no policy, says nothing about any cluster"
FAIL_ON = (Status.LEAK, Status.BREAK, Status.FLAKY, Status.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingResult:
    """One attempt at a cell: when it began, what nc or dig saw and wrote, and what that means."""

    round: int  # counts from 0 within the scenario
    after: float | None  # seconds from the step's last action; None where the pod's clock could not be tied to ours
    seconds: float  # how long it took
    outcome: Outcome
    verdict: Verdict
    doubt: str  # why it proves nothing, or why it means something else than it says; "" where it is plain
    text: str  # as nc or dig wrote it


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """One cell of one step: what was expected, what was seen, what it is worth, and why."""

    flow: Flow
    expected: Verdict  # UNKNOWN where the specification leaves it open
    by: str  # who expects it: "author", "oracle"
    observed: Verdict
    outcome: Outcome | None  # of the deciding attempt; None where none was made
    status: Status
    reason: str  # one line: `connected 4 of 4; denied by payments/default-deny`
    judgement: str  # the oracle's explanation
    attempts: int
    agreed_after: float | None  # seconds from the step's last action to the attempt from which it agreed for good
    command: str  # what the deciding attempt ran, as typed in the source pod
    again: str = ""  # the shell command that makes it again, from outside of the pod; "" where nothing disagreed
    waiver: str = ""  # the id of the waiver by which it is WAIVED
    readings: tuple[ReadingResult, ...] = ()  # every attempt in order; empty where a stored result has none


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step: its actions and its cells. The control before and the restore after are steps too, by `kind`."""

    name: str
    kind: str  # "control", "step", "restore"
    actions: tuple[str, ...]
    cells: tuple[CellResult, ...]
    witnessed: bool  # some cell changed its verdict with this step; a step that changes none proves nothing
    rounds: int
    seconds: float

    @property
    def status(self) -> Status:
        return worst([c.status for c in self.cells])

    def slowest(self, verdict: Verdict) -> float | None:
        """Return the time to enforce (DENIED) or to release (ALLOWED): the slowest cell's, in seconds."""
        times = [c.agreed_after for c in self.cells if c.expected is verdict and c.agreed_after is not None]
        return max(times, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """One scenario as far as it came."""

    name: str
    path: str
    summary: str
    tags: tuple[str, ...]
    steps: tuple[StepResult, ...]
    skipped: str  # why nothing of it was run; "" if it was
    trouble: str  # what stopped it; "" if nothing did
    remarks: tuple[str, ...] = ()  # what a reader must know and no verdict says, like policies of others
    evidence: str  # the cluster's own, collected when it failed
    seconds: float
    intent: tuple[str, ...] = ()  # what the author expects of somebody's own policies and they contradict: findings
    took_over: str = ""  # the path of the scenario whose topology it ran on next; "": one was opened for it
    given_up: str = ""  # why the next scenario could not have its topology; "": it could, or there was none

    @property
    def cells(self) -> Iterator[CellResult]:
        return (c for s in self.steps for c in s.cells)

    @property
    def asserted(self) -> Iterator[CellResult]:
        """Yield the cells that count: those of steps, and what the control and the restore found wrong."""
        for step in self.steps:
            yield from (c for c in step.cells if step.kind == "step" or c.status is not Status.PASS)

    @property
    def status(self) -> Status:
        if self.skipped:
            return Status.SKIPPED
        found = [c.status for c in self.asserted]
        return worst([*found, Status.UNKNOWN] if self.trouble else found)


class WaiverState(StrEnum):
    """What became of a waiver in a run."""

    IN_FORCE = "in force"
    IDLE = "idle"  # its cells do not deviate any more
    EXPIRED = "expired"
    UNMATCHED = "unmatched"  # no cell of the run is meant
    UNKNOWN = "unknown"  # its cells are not proved either way
    OTHER_ENGINE = "other engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverResult:
    """A known deviation, and what became of it; `cells` deviate as it says, whether it still holds or not."""

    id: str
    file: str
    reason: str
    owner: str
    expires: str  # YYYY-MM-DD; "" where it never does
    engine: str
    state: WaiverState
    cells: int

    @property
    def notable(self) -> bool:
        """Say whether a person must see it: what of a shipped profile was not needed here is no news."""
        return not self.file.startswith(PROFILE) or self.state in (WaiverState.IN_FORCE, WaiverState.EXPIRED)

    def __str__(self) -> str:
        name, many = f"waiver {self.id} ({self.owner})", _count(self.cells, "cell")
        match self.state:
            case WaiverState.IN_FORCE:
                until = f" until {self.expires}" if self.expires else ""
                return f"{name} waives {many}{until}: {self.reason}"
            case WaiverState.EXPIRED if self.cells:
                return (
                    f"{name} expired on {self.expires}: {many} counted as what they are; mend it, or renew the waiver"
                )
            case WaiverState.EXPIRED | WaiverState.IDLE:
                when = f"expired on {self.expires}, and " if self.state is WaiverState.EXPIRED else ""
                return f"{name} {when}waives nothing, its cells agree: remove it"
            case WaiverState.UNMATCHED:
                return f"{name} means no cell of this run"
            case WaiverState.UNKNOWN:
                return f"{name} was not needed, and its cells are not proved either"
            case WaiverState.OTHER_ENGINE:
                return f"{name} is for {self.engine}, which was not seen here"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A whole run."""

    run: str
    version: str
    cluster: str  # its name and context: the first word of every output
    started: str  # ISO 8601, UTC
    seconds: float
    nodes: int
    settings: tuple[tuple[str, str], ...]  # the options that decided the run, in order
    scenarios: tuple[ScenarioResult, ...]
    interrupted: bool
    trouble: str  # what stopped the whole run; "" if nothing did
    evidence: Evidence = field(default_factory=Evidence)  # what an auditor asks: which cluster, who, which policies
    waivers: tuple[WaiverResult, ...] = ()
    remarks: tuple[str, ...] = ()  # what a reader must know and no verdict says, like nodes that are not covered

    @property
    def banner(self) -> str:
        """Return what stands first in every report: where it ran, and in a lab how that one differs from the usual."""
        if not self.in_lab:
            return f"cluster: {self.cluster}"
        says = _LIES if "--fault" in self.cluster else LAB_BANNER.partition(": ")[2]
        return f"{self.cluster}: {says}"

    @property
    def in_lab(self) -> bool:
        return self.cluster.startswith("lab")

    @property
    def counts(self) -> Counter[Status]:
        return Counter(c.status for s in self.scenarios for c in s.asserted)

    def proved(self, verdict: Verdict) -> int:
        return sum(c.status is Status.PASS and c.expected is verdict for s in self.scenarios for c in s.asserted)

    @property
    def proof(self) -> str:
        """Return the line that every report begins with (proof rule 11)."""
        counts = self.counts
        skipped = sum(bool(s.skipped) for s in self.scenarios)
        intent = sum(len(s.intent) for s in self.scenarios)
        found = {s: counts[s] for s in (Status.LEAK, Status.BREAK, Status.FLAKY, Status.UNKNOWN)} | {"intent": intent}
        bad = ", ".join(f"{number} {word}" for word, number in found.items() if number)
        denials, allows = self.proved(Verdict.DENIED), self.proved(Verdict.ALLOWED)
        waived = f"; waived {counts[Status.WAIVED]}" if counts[Status.WAIVED] else ""
        return (
            f"{bad + '; ' if bad else ''}proved {_count(denials, 'denial')} and {_count(allows, 'allow')}"
            f" on {_count(self.nodes, 'node')}{waived}; skipped {skipped}; left open {counts[Status.OBSERVED]}"
        )

    def exit_code(self, fail_on: tuple[Status, ...] = FAIL_ON) -> int:
        """Return 0, 1, 3 or 130: 1 outranks 130 outranks 3 outranks 0; UNKNOWN is 3 (no proof), never 1."""
        counts = self.counts
        broken = any(counts[s] for s in (Status.LEAK, Status.BREAK, Status.FLAKY) if s in fail_on)
        if broken or any(s.intent for s in self.scenarios):
            return 1
        if self.interrupted:
            return 130
        asked = [s for s in self.scenarios if not s.path.startswith(OWN)] or self.scenarios
        nothing = not any(c.status is Status.PASS for s in asked for c in s.asserted)
        stopped = bool(self.trouble) or any(s.trouble for s in self.scenarios)
        unknown = bool(counts[Status.UNKNOWN]) and Status.UNKNOWN in fail_on
        return 3 if nothing or stopped or unknown else 0


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
