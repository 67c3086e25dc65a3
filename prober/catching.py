"""Whether scenarios notice a lab that lies: what each fault must lead to, and which scenarios it concerns at all."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from prober.cluster.lab import LabCluster
from prober.cluster.lab.faults import Fault, FaultKind, distorted
from prober.durations import show_duration
from prober.expect import expectations, unprobeable
from prober.journal import Journal
from prober.model import ClusterState, Flow
from prober.oracle import Ruling, Side, judge
from prober.outcomes import Status, Verdict
from prober.progress import ignored
from prober.result import ScenarioResult
from prober.runner import Settings, run
from prober.scenario import Scenario, planned_states
from prober.verdict import judge as judge_run

# Seconds: late within the time to settle (green, and measured), and beyond any; an outage that outlasts two rounds
_LASTING = {FaultKind.LATE: (1.0, 3600.0), FaultKind.OUTAGE: (2.5,)}
_IN_TIME_IF = 0.9  # of the delay must be seen: the clock that measures starts after the action
_BROKEN = (FaultKind.DEAD_LISTENER, FaultKind.LOST_ADDRESS, FaultKind.DEAD_LAB)
_BAD = (Status.LEAK, Status.BREAK, Status.FLAKY, Status.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """One scenario under one fault: what it gave, and whether that is what the fault must lead to."""

    scenario: str
    path: str
    said: str  # `12 LEAK, 2 UNKNOWN`, `enforced after 1.2 s`, `PASS`
    caught: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault: which scenarios were run under it, and which have nothing that it could change."""

    fault: Fault
    must: str  # what a scenario must give under it
    catches: tuple[Catch, ...] = ()
    unconcerned: tuple[str, ...] = ()  # names of scenarios

    @property
    def caught(self) -> bool:
        """Say whether at least one scenario noticed."""
        return any(c.caught for c in self.catches)

    @property
    def missed(self) -> tuple[Catch, ...]:
        """Return the scenarios that should have noticed and did not."""
        return tuple(c for c in self.catches if not c.caught)


def every_fault() -> tuple[Fault, ...]:
    """Return all faults of the lab; lateness twice, for it must be measured in time and found beyond it."""
    return tuple(Fault(kind=kind, delay=delay) for kind in FaultKind for delay in _LASTING.get(kind, (0.0,)))


def must(fault: Fault, settle: float) -> str:
    """Say what a scenario under a fault must give."""
    if _in_time(fault, settle):
        return f"stays green, and measures at least {show_duration(fault.delay)}"
    match fault.kind:
        case FaultKind.DEAD_LAB:
            return "trouble, and nothing green"
        case FaultKind.DEAD_LISTENER | FaultKind.LOST_ADDRESS:
            return "BREAK or UNKNOWN, no denial that counts"
        case FaultKind.OUTAGE:
            return "LEAK or UNKNOWN, no denial that counts"
        case _:
            return "LEAK"


def row(
    scenarios: Sequence[Scenario], fault: Fault, settings: Settings, stop: threading.Event, *, deny: str, every: bool
) -> Row:
    """Run scenarios under a fault until one notices, or (`every`) all that it concerns; the likeliest first."""
    concerned = {s.path: concerns(s, fault) for s in scenarios}
    likely = sorted((s for s in scenarios if concerned[s.path]), key=lambda s: (len(s.steps), -concerned[s.path]))
    catches: list[Catch] = []
    for scenario in likely:
        if stop.is_set() or (not every and any(c.caught for c in catches)):
            break
        if (catch := _ran(scenario, fault, settings, stop, deny)) is not None:
            catches.append(catch)
    nothing = tuple(s.name for s in scenarios if not concerned[s.path])
    return Row(fault=fault, must=must(fault, settings.settle), catches=tuple(catches), unconcerned=nothing)


def _ran(scenario: Scenario, fault: Fault, settings: Settings, stop: threading.Event, deny: str) -> Catch | None:
    log = Journal()
    name = f"lab --fault {fault}"
    run(
        [scenario],
        lambda: LabCluster(deny=deny, fault=str(fault)),
        settings,
        log,
        ignored,
        stop,
        run_id="faults",
        cluster_name=name,
    )
    (found,) = judge_run(log.events(), {scenario.path: scenario}).scenarios
    if found.skipped:
        return None
    caught, said = noticed(found, fault, settings.settle)
    return Catch(scenario=scenario.name, path=scenario.path, said=said, caught=caught, seconds=found.seconds)


def noticed(found: ScenarioResult, fault: Fault, settle: float) -> tuple[bool, str]:
    """Say whether a scenario's result is what the fault must lead to, and what the result is."""
    counts = Counter(c.status for c in found.asserted)
    said = ", ".join(f"{counts[s]} {s}" for s in _BAD if counts[s])
    if found.trouble:
        said = f"{said + ', ' if said else ''}trouble: {found.trouble}"
    if _in_time(fault, settle):
        slowest = max((s.slowest(Verdict.DENIED) or 0.0 for s in found.steps if s.kind == "step"), default=0.0)
        green = found.status is Status.PASS
        return green and slowest >= _IN_TIME_IF * fault.delay, said or f"PASS, enforced after {slowest:.1f} s"
    match fault.kind:
        case FaultKind.DEAD_LAB:
            caught = bool(found.trouble)
        case FaultKind.DEAD_LISTENER | FaultKind.LOST_ADDRESS:
            caught = bool(counts[Status.BREAK] or counts[Status.UNKNOWN])
        case FaultKind.OUTAGE:
            caught = bool(counts[Status.LEAK] or counts[Status.UNKNOWN])
        case _:
            caught = bool(counts[Status.LEAK])
    return caught, said or str(found.status)


def _in_time(fault: Fault, settle: float) -> bool:
    return fault.kind is FaultKind.LATE and fault.delay < settle


def concerns(scenario: Scenario, fault: Fault) -> int:
    """Count the cells by which a scenario could notice a fault: denied ones that it opens, or all if it breaks them."""
    found = 0
    for step, state in planned_states(scenario):
        if not state.policies:
            continue
        expected = {f: e for f, e in expectations(scenario, step, state).items() if not unprobeable(f)}
        if fault.kind in _BROKEN:
            victim = next((p.ref for p in state.probe_pods() if p.ports and not p.host_network), None)
            concerned = [f for f in expected if fault.kind is FaultKind.DEAD_LAB or f.target == victim]
        else:
            denied = [f for f, e in expected.items() if e.verdict is Verdict.DENIED]
            concerned = [f for f in denied if opens(state, f, fault)]
        found += len(concerned)
    return found


def opens(state: ClusterState, flow: Flow, fault: Fault) -> bool:
    """Say whether a flow that the policies deny would go through: by the oracle, told what each node then understands.

    What is late, or on and off, or stops all traffic instead of some, is open for a time.
    """
    if fault.kind in (FaultKind.LATE, FaultKind.FLAP, FaultKind.OUTAGE):
        return True
    denying = list(_denying(state, flow))
    return bool(denying) and not any(
        (side.direction, side.subject) == (other.direction, other.subject)
        for side in denying
        for other in _denying(_understood(state, fault, state.pods[side.subject].node or 1), flow)
    )


def _denying(state: ClusterState, flow: Flow) -> Iterator[Side]:
    return (side for side in judge(state, flow).sides if side.ruling is Ruling.DENIED)


def _understood(state: ClusterState, fault: Fault, node: int) -> ClusterState:
    return replace(state, policies={p.ref: p for p in distorted(tuple(state.policies.values()), fault, node)})
