"""Rounds sent until every cell agrees and holds, or until there is no more time (proof rule 6)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor

from prober.agreeing import Agreeing
from prober.cluster.base import Cluster
from prober.errors import ProberError
from prober.expect import Expected, unprobeable
from prober.journal import Attempt, Event, Journal
from prober.model import ClusterState, Flow
from prober.observe import Observer, RoundInFlight, clock
from prober.outcomes import Outcome, Verdict
from prober.vouching import Vouching

SOONEST = 0.25  # seconds from a round that disagrees to the next: how finely the time to enforce is measured
GLANCE = 0.5  # seconds between looks at the stop signal while nothing arrives


class StoppedError(ProberError):
    """The user interrupted the run."""


class OutOfTimeError(ProberError):
    """The scenario used up its budget."""


class Phases:
    """Converges one scenario's phases, one after the other."""

    def __init__(
        self,
        cluster: Cluster,
        journal: Journal,
        scenario: str,
        *,
        timeout: int,
        settle: float,
        until: float,
        executor: Executor,
        stop: threading.Event,
        arrived: set[str],
        progress: Callable[[int, Collection[Flow]], None],
    ) -> None:
        self._wake = threading.Event()
        self._observer = Observer(
            cluster, journal, scenario, timeout=timeout, executor=executor, on_seen=self._wake.set, arrived=arrived
        )
        self._timeout = timeout
        self._settle = settle
        self._until = until
        self._stop = stop
        self._progress = progress

    def converge(self, step: int, state: ClusterState, expected: Mapping[Flow, Expected], needed: int) -> bool:
        """Send rounds until `needed` in a row agree; False where they did not within the time to settle."""
        wanted = {f: e.verdict for f, e in expected.items() if not unprobeable(f)}
        vouching = Vouching(state)
        flows = vouching.round_of(tuple(wanted))
        if not flows:
            return True
        cells = Agreeing(wanted, vouching)
        deadline = clock() + self._settle
        rounds: list[RoundInFlight] = []
        bad = -1  # the last round that disagrees
        while True:
            self._wake.clear()
            for this in rounds:
                if not this.done and all(s.done() for s in this.streams):
                    self._observer.finish(step, this)
            for i, this in enumerate(rounds[bad + 1 :], start=bad + 1):
                if cells.disagreeing(this):
                    bad = i
            good = rounds[bad + 1 :]
            under_way = any(not r.done for r in rounds)
            if len(good) >= needed and not under_way:
                return True
            due = self._due(rounds, good, Verdict.DENIED in wanted.values())
            # a round may take longer than the time to settle: what was asked within it is no last word. After it, only
            # what has agreed is held on to; a round that may yet disagree is not
            late = bool(rounds) and rounds[-1].asked >= deadline and not (good and good[0].done)
            if late and not under_way:
                return False
            self._check(rounds, cells)
            # a round whose streams still wait would meet the next one's: two samples of one moment hold nothing
            queued = bool(rounds) and rounds[-1].unbegun > 0
            if len(good) < needed and not late and not queued:
                if clock() >= due:
                    rounds.append(self._observer.start(step, flows, state))
                    continue
                self._wake.wait(max(0.0, min(GLANCE, due - clock())))
            else:
                self._wake.wait(GLANCE)

    def _due(self, rounds: list[RoundInFlight], good: list[RoundInFlight], denials: bool) -> float:
        """Return when the next round may start: where denials are held a timeout after the last, so that flapping
        shows; else about as soon as the last round's connections took, so that a busy machine is not made busier.
        """
        if not rounds:
            return clock()
        last = rounds[-1]
        if good and denials:
            return last.at + self._timeout
        return last.at + min(self._timeout, max(SOONEST, 2 * (last.last_connected - last.at)))

    def _check(self, rounds: list[RoundInFlight], cells: Agreeing) -> None:
        if self._observer.trouble:
            raise self._observer.trouble
        if self._stop.is_set():
            raise StoppedError("interrupted")
        if clock() > self._until:
            raise OutOfTimeError("its time is used up (--budget); what was seen so far is judged")
        if rounds:
            self._progress(rounds[-1].number, cells.disagreeing(rounds[-1]))


def disagreeing(
    events: Iterable[Event], scenario: str, step: int, expected: Mapping[Flow, Expected]
) -> dict[Flow, str]:
    """Return the flows of which some attempt in a step was not as expected, each with the last such command."""
    flows = {str(f): f for f, e in expected.items() if e.verdict is not Verdict.UNKNOWN}
    found = {}
    for event in events:
        if isinstance(event, Attempt) and (event.scenario, event.step) == (scenario, step) and event.flow in flows:
            flow = flows[event.flow]
            if (event.outcome == Outcome.CONNECTED) != (expected[flow].verdict is Verdict.ALLOWED):
                found[flow] = event.command
    return found
