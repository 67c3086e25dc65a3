"""Whole runs on a cluster in memory, on a clock that moves only when somebody waits: quick, and the same every time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from prober import observe, phases, runner, telling
from prober.cluster import fake
from prober.cluster.fake import Asked, FakeCluster, Says, forgotten
from prober.journal import Event, Journal
from prober.model import (
    API_SERVICE,
    ApiServerRef,
    ClusterState,
    Flow,
    HostName,
    Lookup,
    NodeRef,
    PodRef,
    Protocol,
    ServiceRef,
    Target,
)
from prober.oracle import Ruling, judge
from prober.oracle.judgement import Role
from prober.progress import Progress, ignored
from prober.result import RunResult
from prober.runner import Settings
from prober.scenario import Scenario, loads
from prober.verdict import judge as judge_run

if TYPE_CHECKING:
    import pytest

DROPPED = "nc: connect to {host} port {port} (tcp) timed out: Operation now in progress"
NAMELESS = 'nc: getaddrinfo for host "{host}" port {port}: Temporary failure in name resolution'
OPENED = "Connection to {host} {port} port [tcp/*] succeeded!\n{name}"
UNANSWERED = ";; communications error to 10.96.0.10#53: timed out\n;; no servers could be reached"
ANSWERED = ";; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 7\n;; flags: qr rd ra"


class Time:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Inline(Executor):
    """Runs at once what is submitted."""

    def __init__(self, *_: object) -> None: ...

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def still(patch: pytest.MonkeyPatch) -> Time:
    """Let runs go on a clock of their own and in one thread; return the clock."""
    time = Time()

    class Waiting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if not self.is_set():
                time.now += timeout or 0.0
            return self.is_set()

    for module in (observe, phases, runner, telling):
        patch.setattr(module, "clock", time)
    patch.setattr(fake, "time", SimpleNamespace(monotonic=time))
    patch.setattr(phases, "threading", SimpleNamespace(Event=Waiting))
    patch.setattr(runner, "ThreadPoolExecutor", Inline)
    return time


def enforcing(state: ClusterState, asked: Asked) -> str:
    """Say what nc or dig would say on a cluster that does what the oracle says."""
    source, kind = asked.source, asked.kind
    words = {"host": asked.host, "port": asked.port}
    if kind in ("dns", "dns-tcp"):
        protocol = Protocol.UDP if kind == "dns" else Protocol.TCP
        flow = Flow(source=source, target=Lookup(asked.host), port=53, protocol=protocol, family=asked.family)
        return UNANSWERED if judge(state, flow).ruling is Ruling.DENIED else ANSWERED
    protocol = Protocol.UDP if kind == "udp" else Protocol.TCP
    target = aimed(state, asked)
    judged = judge(state, Flow(source=source, target=target, port=asked.port, protocol=protocol, family=asked.family))
    if any(leg.role is Role.LOOKUP and leg.ruling is Ruling.DENIED for leg in judged.legs):
        return NAMELESS.format(**words)
    denied = judged.ruling is Ruling.DENIED
    if kind == "udp":
        return "" if denied else f"{asked.nonce} {_name(state, target, source)}\n"
    return DROPPED.format(**words) if denied else OPENED.format(name=_name(state, target, source), **words)


def aimed(state: ClusterState, asked: Asked) -> Target:
    """Return what a probe knocks at."""
    for service in state.services.values():
        if service.addresses.get(asked.family) == asked.host:
            return ApiServerRef() if service.ref == API_SERVICE else service.ref
    for things in (state.pods, state.externals, state.nodes):
        for ref, thing in things.items():
            if thing.addresses.get(asked.family) == asked.host:
                found: Target = ref
                return found
    return HostName(asked.host)


def _name(state: ClusterState, target: Target, source: object) -> str:
    hostname = FakeCluster(enforcing).hostname
    match target:
        case PodRef():
            return hostname(target)
        case ServiceRef():
            return hostname(state.backends(state.services[target])[0].ref)
        case HostName(name) if isinstance(source, PodRef) and (ref := state.service_named(name, source)):
            return hostname(state.backends(state.services[ref])[0].ref)
        case NodeRef():
            return ""
        case _:
            return ""


def ignoring(state: ClusterState, asked: Asked) -> str:
    """Say what nc would say on a cluster that never heard of policies."""
    return enforcing(forgotten(state), asked)


def late(time: Time, seconds: float) -> Says:
    """Enforce every change so many seconds after it was made."""
    known: list[tuple[float, ClusterState]] = []

    def says(state: ClusterState, asked: Asked) -> str:
        if not known or known[-1][1] is not state:
            known.append((time() + (seconds if known else 0.0), state))
        return enforcing(next(s for since, s in reversed(known) if since <= time()), asked)

    return says


def flapping(time: Time, on: float, off: float) -> Says:
    """Enforce for `on` seconds, then for `off` seconds nothing."""

    def says(state: ClusterState, asked: Asked) -> str:
        return (enforcing if (time() - 1000) % (on + off) < on else ignoring)(state, asked)

    return says


def ran(
    texts: Sequence[str],
    clusters: Says | Sequence[FakeCluster] = enforcing,
    *,
    stop: threading.Event | None = None,
    log: Journal | None = None,
    progress: Callable[[Progress], None] = ignored,
    remarks: Sequence[str] = (),
    **settings: Any,
) -> tuple[RunResult, tuple[Event, ...]]:
    """Run scenarios named s0, s1, ... and judge them; `clusters` are taken in the order of asking."""
    scenarios = [loaded(text, i) for i, text in enumerate(texts)]
    waiting = [FakeCluster(clusters) for _ in texts] if callable(clusters) else list(clusters)
    log = log or Journal()
    runner.run(
        scenarios,
        lambda: waiting.pop(0),
        Settings(**{"settle": 5.0, **settings}),
        log,
        progress,
        stop or threading.Event(),
        run_id="r1",
        cluster_name="fake",
        remarks=remarks,
    )
    return judge_run(log.events(), {s.path: s for s in scenarios}), log.events()


def loaded(text: str, number: int = 0) -> Scenario:
    """Return a scenario by its text."""
    path = f"s{number}.scenario.yaml"
    return loads({path: text}, path)
