"""Attempts in parallel, one stream per source pod, into the journal as they come; nothing is judged here."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from prober.cells import probe
from prober.cluster.base import Cluster
from prober.errors import ClusterError
from prober.journal import Arrived, Attempt, Clock, Journal, RoundEnded, RoundStarted
from prober.model import ClusterState, Flow, Source
from prober.outcomes import Outcome
from prober.probe import AT_ONCE, Answer, ClockLine, Probe, command, outcome, read_line, request
from prober.vouching import is_witness

clock = time.monotonic


@dataclass(slots=True, kw_only=True)
class RoundInFlight:
    """A round under way: what has been seen so far; `done` once every stream has ended and identities are read."""

    number: int
    asked: float
    at: float  # when it was asked for; then when its last stream began
    ahead: int = 0  # streams of witnesses that have not ended
    unbegun: int = 0  # streams that wait for a worker or for slots
    answers: list[tuple[Flow, Outcome]] = field(default_factory=list)  # in the order in which they came
    last_connected: float = 0.0
    streams: list[Future[None]] = field(default_factory=list)
    ready: frozenset[str] = frozenset()  # Services with a ready backend at its end
    done: bool = False


class Slots:
    """Bounds how many attempts are under way at once: a machine that is kept too busy denies by being late."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._free = number
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, wanted: int) -> Iterator[None]:
        """Wait for that many slots, or for all of them where more are wanted than there are."""
        wanted = min(wanted, self._number)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()


class Observer:
    """Makes the rounds of one scenario on one cluster; `on_seen` is called, from any thread, after each attempt.

    `arrived` are the nonces of which the journal knows already; it grows with each round.
    """

    def __init__(
        self,
        cluster: Cluster,
        journal: Journal,
        scenario: str,
        *,
        timeout: int,
        executor: Executor,
        on_seen: Callable[[], None],
        arrived: set[str],
    ) -> None:
        self._arrived = arrived
        self._cluster = cluster
        self._journal = journal
        self._scenario = scenario
        self._timeout = timeout
        self._executor = executor
        self._on_seen = on_seen
        self._slots = Slots(cluster.at_once)
        self._rounds = 0
        self._lock = threading.RLock()
        self._went_ahead = threading.Condition(self._lock)
        self.trouble: ClusterError | None = None  # the first stream's that failed

    def start(self, step: int, flows: Sequence[Flow], state: ClusterState) -> RoundInFlight:
        """Begin one attempt at each flow, each source's in one stream; the others' once the witnesses have answered.

        So a way is known to be open before silence on it is taken for a denial: later, an outage may be over.
        """
        now = clock()
        this = RoundInFlight(number=self._rounds, asked=now, at=now)
        self._rounds += 1
        self._journal.write(RoundStarted(scenario=self._scenario, step=step, round=this.number, at=this.at))
        by_source: dict[Source, list[Flow]] = {}
        for flow in flows:
            by_source.setdefault(flow.source, []).append(flow)
        this.unbegun = len(by_source)
        this.ahead = sum(map(is_witness, by_source))
        for source, theirs in sorted(by_source.items(), key=lambda one: not is_witness(one[0])):
            stream = self._executor.submit(self._stream, step, this, source, theirs, state)
            stream.add_done_callback(lambda _: self._on_seen())
            this.streams.append(stream)
        return this

    def finish(self, step: int, this: RoundInFlight) -> None:
        """Wait for a round's streams, then record who the pods are, so that a replaced one shows, and what is ready."""
        for stream in this.streams:
            stream.result()  # raises what is no trouble of the cluster's: a defect must not look like no answer
        pods = {str(ref): [who.uid, who.started, *who.addresses] for ref, who in self._cluster.identities().items()}
        arrived = (self._cluster.arrivals() or frozenset()) - self._arrived
        if arrived:
            self._arrived |= arrived
            self._journal.write(Arrived(scenario=self._scenario, nonces=sorted(arrived)))
        this.ready = frozenset(map(str, self._cluster.ready()))
        ended = RoundEnded(scenario=self._scenario, step=step, round=this.number, at=clock(), pods=pods)
        self._journal.write(replace(ended, ready=sorted(this.ready)))
        this.done = True

    def _stream(
        self, step: int, this: RoundInFlight, source: Source, flows: Sequence[Flow], state: ClusterState
    ) -> None:
        if not is_witness(source):
            with self._lock:
                self._went_ahead.wait_for(lambda: this.ahead == 0)
        try:
            with self._slots.taken(min(len(flows), AT_ONCE)):
                with self._lock:
                    this.unbegun -= 1
                    this.at = clock()
                self._on_seen()
                self._stream_now(step, this, source, flows, state)
        finally:
            if is_witness(source):
                with self._lock:
                    this.ahead -= 1
                    self._went_ahead.notify_all()

    def _stream_now(
        self, step: int, this: RoundInFlight, source: Source, flows: Sequence[Flow], state: ClusterState
    ) -> None:
        token = secrets.token_hex(4)  # never in a nonce: whom it reaches could write lines of this stream
        probes = [
            probe(
                f,
                state,
                cell=i,
                timeout=self._timeout,
                nonce=secrets.token_hex(6),
                hostname=self._cluster.hostname,
                echoes=self._cluster.echoes_nonce,
            )
            for i, f in enumerate(flows)
        ]
        open_cells = dict(enumerate(flows))
        why = "its line did not arrive"
        try:
            for text in self._cluster.stream(source, request(probes, token)):
                match read_line(text, token):
                    case ClockLine(uptime=uptime):
                        self._journal.write(
                            Clock(
                                scenario=self._scenario,
                                round=this.number,
                                source=str(source),
                                uptime=uptime,
                                at=clock(),
                            )
                        )
                    case Answer(cell=cell) as answer if cell in open_cells:
                        self._record(step, this, open_cells.pop(cell), probes[cell], answer)
                    case _:
                        pass
        except ClusterError as error:
            why = str(error)
            with self._lock:
                self.trouble = self.trouble or error
        for cell, flow in open_cells.items():
            self._record(
                step, this, flow, probes[cell], Answer(cell=cell, exit=-1, begin=0, end=0, text=why), lost=True
            )

    def _record(
        self, step: int, this: RoundInFlight, flow: Flow, sent: Probe, answer: Answer, *, lost: bool = False
    ) -> None:
        seen = Outcome.NO_RESULT if lost else outcome(sent, answer)
        self._journal.write(
            Attempt(
                scenario=self._scenario,
                step=step,
                round=this.number,
                flow=str(flow),
                outcome=seen,
                begin=answer.begin,
                end=answer.end,
                exit=answer.exit,
                text=answer.text,
                command=command(sent),
                nonce=sent.nonce,
            )
        )
        with self._lock:
            this.answers.append((flow, seen))
            if seen is Outcome.CONNECTED:
                this.last_connected = clock()
        self._on_seen()
