"""Journals by hand: a scenario is told as if all went well, but for what a test says of single rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from typing import Any

from prober.expect import expectations, unprobeable
from prober.flows import parse_flow
from prober.journal import (
    Acted,
    Arrived,
    Attempt,
    Clock,
    Event,
    Opened,
    Phase,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    ScenarioEnded,
)
from prober.model import Action, AddPod, ClusterState, Flow, Lookup, Protocol
from prober.model.plain import plain_state
from prober.model.plan import planned
from prober.outcomes import Outcome, Verdict
from prober.result import CellResult, RunResult, StepResult
from prober.scenario import Scenario, Step, loads
from prober.scenario.story import placed
from prober.story import reopening
from prober.verdict import judge
from prober.vouching import Vouching, is_witness, with_witnesses

PATH = "told.scenario.yaml"
GOOD = {Verdict.ALLOWED: Outcome.CONNECTED, Verdict.DENIED: Outcome.TIMED_OUT, Verdict.UNKNOWN: Outcome.CONNECTED}

DENY_B = """\
summary: Nobody reaches b
namespaces: {shop: {}}
pods:
  shop/a: {}
  shop/b: {labels: {app: b}, ports: [80, 53/udp]}
  shop/c: {ports: [80]}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-b, namespace: shop}
      spec: {podSelector: {matchLabels: {app: b}}}
    expect: {denied: [any -> shop/b], allowed: [any -> shop/c]}
"""
WAY = "prober-witness/witness-1 -> prober-witness/witness-2:8080"
A_B, A_B_UDP, A_C = "shop/a -> shop/b:80", "shop/a -> shop/b:53/udp", "shop/a -> shop/c:80"
B_B, C_C = "shop/b -> shop/b:80", "shop/c -> shop/c:80"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What differs in one round: outcomes and arrivals by flow, who a pod was, flows without a line."""

    seen: Mapping[str, str] = field(default_factory=dict)
    pods: Mapping[str, list[str] | None] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    arrived: tuple[str, ...] = ()
    unready: tuple[str, ...] = ()  # Services whose backends are not ready


def told(**seen_by_letter: str) -> Told:
    """Return a round; `ab=REFUSED` was seen from shop/a to shop/b:80, `abu` is the same by UDP."""
    names = {"u": ":53/udp"}
    seen = {f"shop/{k[0]} -> shop/{k[1]}{names.get(k[2:], ':80')}": outcome for k, outcome in seen_by_letter.items()}
    return Told(seen=seen)


OK = Told()


class Journalist:
    """Writes one scenario's events, phase by phase, on a clock that ticks with each."""

    def __init__(self, text: str, *, hold: int = 1, only: str = "") -> None:
        settings = {"hold": str(hold)} | ({"only": only} if only else {})
        self.scenario: Scenario = loads({PATH: text}, PATH)
        self._ticks = count(100)
        self._rounds = 0
        self.first, self._plan = planned(with_witnesses(self.scenario.topology))
        self.state: ClusterState = self.first
        self.events: list[Event] = [
            RunStarted(
                run="r1",
                version="0",
                cluster="fake",
                at=self.now(),
                wall="2026-11-21T09:00:00+00:00",
                settings=settings,
                texts={PATH: text},
                scenarios=[PATH],
            ),
            Opened(scenario=PATH, at=self.now(), state=plain_state(self.first), nodes=2),
        ]

    def now(self) -> float:
        """Return the next second."""
        return float(next(self._ticks))

    def phase(self, step: int, kind: str, rounds: Sequence[Told], actions: Sequence[Action] = ()) -> None:
        """Tell one phase: its actions, then its rounds."""
        name = self.scenario.steps[step].name if kind == "step" else kind
        self.events.append(Phase(scenario=PATH, step=step, kind=kind, name=name, at=self.now()))
        for action in actions:
            done = placed(action, self._plan)
            pod = done.pod if isinstance(done, AddPod) else None
            self.events.append(
                Acted(
                    scenario=PATH,
                    step=step,
                    action=str(action),
                    begin=self.now(),
                    end=self.now(),
                    addresses={str(f): a for f, a in pod.addresses.items()} if pod else {},
                    node=pod.node if pod else None,
                )
            )
            self.state = self.state.after(done)
        which = self.scenario.steps[step] if kind == "step" else None
        for this in rounds:
            self._round(step, which, this)

    def _round(self, step: int, which: Step | None, this: Told) -> None:
        number, self._rounds = self._rounds, self._rounds + 1
        expected = expectations(self.scenario, which, self.state)
        flows = Vouching(self.state).round_of(tuple(f for f in expected if not unprobeable(f)))
        unknown = {*this.seen, *this.missing, *this.arrived} - {str(f) for f in flows}
        assert not unknown, f"{unknown} is no flow of this round; they are {sorted(map(str, flows))}"
        self.events.append(RoundStarted(scenario=PATH, step=step, round=number, at=self.now()))
        for source in dict.fromkeys(f.source for f in flows):
            at = self.now()
            self.events.append(Clock(scenario=PATH, round=number, source=str(source), uptime=at + 1000, at=at))
        for flow in sorted(flows, key=lambda f: not is_witness(f.source)):
            good = GOOD[expected[flow].verdict] if flow in expected else Outcome.CONNECTED
            if str(flow) not in this.missing:
                self.events.append(self._attempt(step, number, flow, this.seen.get(str(flow), good)))
        nonces = sorted(_nonce(number, parse_flow(f)) for f in this.arrived)
        if nonces:
            self.events.append(Arrived(scenario=PATH, nonces=nonces))
        pods = {str(r): [f"uid-{r}", "started", *p.addresses.values()] for r, p in self.state.pods.items()}
        for name, who in this.pods.items():
            pods.pop(name)
            if who is not None:
                pods[name] = who
        backed = [str(s.ref) for s in self.state.services.values() if self.state.backends(s)]
        ready = [s for s in backed if s not in this.unready]
        self.events.append(RoundEnded(scenario=PATH, step=step, round=number, at=self.now(), pods=pods, ready=ready))

    def _attempt(self, step: int, number: int, flow: Flow, outcome: str) -> Attempt:
        return Attempt(
            scenario=PATH,
            step=step,
            round=number,
            flow=str(flow),
            outcome=outcome,
            begin=self.now() + 1000,
            end=self.now() + 1000,
            exit=0,
            text=f"recorded as {outcome}",
            command=f"nc {flow}",
            nonce=_nonce(number, flow),
        )

    def end(self) -> None:
        """Tell the ends of scenario and run."""
        self.events += [ScenarioEnded(scenario=PATH, at=self.now()), RunEnded(at=self.now(), interrupted=False)]


def _nonce(number: int, flow: Flow) -> str:
    return f"{number}:{flow}" if flow.protocol is Protocol.UDP and not isinstance(flow.target, Lookup) else "-"


def journal(
    text: str = DENY_B,
    *,
    control: Sequence[Told] = (OK,),
    steps: Sequence[Sequence[Told]] = (),
    restore: Sequence[Told] = (OK,),
    hold: int = 1,
    only: str = "",
) -> tuple[Event, ...]:
    """Return the journal of a scenario whose rounds went well but for what is said of them."""
    it = Journalist(text, hold=hold, only=only)
    it.phase(0, "control", control)
    for i, step in enumerate(it.scenario.steps):
        rounds = steps[i] if i < len(steps) else (OK,) * (hold + 1)
        it.phase(i, "step", rounds, step.actions)
    it.phase(len(it.scenario.steps), "restore", restore, reopening(it.state, it.first))
    it.end()
    return tuple(it.events)


def judged(events: Sequence[Event], text: str = DENY_B) -> RunResult:
    """Judge a journal of one scenario."""
    return judge(tuple(events), {PATH: _loaded(text)})


@cache
def _loaded(text: str) -> Scenario:
    return loads({PATH: text}, PATH)


def phase(result: RunResult, name: str) -> StepResult:
    """Return a step by its name, or the control or the restore."""
    return next(s for s in result.scenarios[0].steps if name in (s.name, s.kind))


def cell(result: RunResult, flow: str = A_B, name: str = "step") -> CellResult:
    """Return one cell of a phase."""
    return next(c for c in phase(result, name).cells if str(c.flow) == flow)


def verdict_of(flow: str = A_B, text: str = DENY_B, *, name: str = "step", **rounds: object) -> CellResult:
    """Judge a journal and return one of its cells."""
    return cell(judged(journal(text, **rounds), text), flow, name)  # type: ignore[arg-type]


def replaced(*pods: str) -> Told:
    """Return a round in which these pods are no longer who they were."""
    return Told(pods={p: ["uid-other", "started"] for p in pods})


def without(events: Sequence[Event], kind: type[Event], at: int = 0) -> tuple[Event, ...]:
    """Return events without the `at`th of a kind."""
    gone = [e for e in events if isinstance(e, kind)][at]
    return tuple(e for e in events if e is not gone)


def without_phase(events: Sequence[Event], kind: str) -> tuple[Event, ...]:
    """Return events without a whole phase, as if nobody had thought of it."""
    kept: list[Event] = []
    inside = False
    for event in events:
        if isinstance(event, Phase):
            inside = event.kind == kind
        elif isinstance(event, ScenarioEnded):
            inside = False
        if not inside:
            kept.append(event)
    return tuple(kept)


def changed(events: Sequence[Event], what: type[Event], at: int = 0, /, **fields: Any) -> tuple[Event, ...]:
    """Return events with fields of the `at`th of a kind changed."""
    old = [e for e in events if isinstance(e, what)][at]
    return tuple(replace(e, **fields) if e is old else e for e in events)
