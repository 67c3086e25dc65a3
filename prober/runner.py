"""The story of one run: topologies made, policies applied step by step, rounds sent until they agree: a journal.

It decides when enough has been seen; what it was worth is decided in `verdict`, afterwards, from the journal alone.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prober import __version__, canary, journal
from prober.aside import Aside
from prober.cells import with_witnesses
from prober.cluster.base import Cluster
from prober.errors import ProberError
from prober.expect import expectations
from prober.flows import FlowPattern
from prober.journal import Journal
from prober.model import Action, AddPod, ApplyPolicy, ClusterState
from prober.observe import clock
from prober.phases import Phases, StoppedError, disagreeing
from prober.progress import Progress
from prober.scenario import Scenario, Step
from prober.story import plain_opening, reopening


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides how a run goes; all durations in seconds."""

    timeout: int = 1  # of one attempt: nc takes whole seconds
    settle: float = 30.0
    hold: int = 1
    budget: float = 120.0  # for one scenario
    jobs: int = 2
    workers: int = 64
    only: FlowPattern | None = None

    def plain(self) -> dict[str, str]:
        """Return the settings as the journal and the reports name them."""
        only = {"only": str(self.only)} if self.only else {}
        return {
            "timeout": f"{self.timeout}s",
            "settle": f"{self.settle:g}s",
            "hold": str(self.hold),
            "budget": f"{self.budget:g}s",
            "jobs": str(self.jobs),
            **only,
        }


def run(
    scenarios: Sequence[Scenario],
    make_cluster: Callable[[], Cluster],
    settings: Settings,
    log: Journal,
    progress: Callable[[Progress], None],
    stop: threading.Event,
    *,
    run_id: str,
    cluster_name: str,
    canaries: Sequence[Scenario] = (),
    remarks: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Run scenarios, `settings.jobs` at once, into the journal; trouble is written there, never raised.

    1. Write down what is to be run, with the text of every file: enough to judge by; and `facts`, `remarks`.
    2. The canaries first, if there are any: where they are not green nobody's proof would count, and the run ends.
    3. For each scenario that this cluster can run (others are skipped, with the reason):
       a. open its topology, with witnesses on its nodes, and settle its manifests' addresses;
       b. control: every cell that any step asks must connect while there is no policy;
       c. each step: carry out its actions, then send rounds until every cell agrees and holds, or `settle` ends;
       d. restore: delete the policies, put labels back; every cell must connect again;
       e. close the cluster, whatever happened. Its evidence was collected where cells first did not agree.
    4. Write down the end.
    """
    log.write(
        journal.RunStarted(
            run=run_id,
            version=__version__,
            cluster=cluster_name,
            at=clock(),
            wall=_now(),
            settings=settings.plain(),
            texts={path: text for s in (*canaries, *scenarios) for path, text in s.texts.items()},
            scenarios=[s.path for s in (*canaries, *scenarios)],
            facts=dict(facts or {}),
        )
    )
    for remark in remarks:
        log.write(journal.Remark(scenario="", text=remark))
    with (
        ThreadPoolExecutor(settings.workers, "stream") as streams,
        ThreadPoolExecutor(settings.jobs, "scenario") as jobs,
    ):

        def run_all(these: Sequence[Scenario]) -> None:
            longest_first = sorted(these, key=lambda s: -len(s.steps))
            words = (make_cluster, settings, log, progress, stop, streams)
            for future in [jobs.submit(_run_scenario, s, *words) for s in longest_first]:
                future.result()

        run_all(canaries)
        if not canaries or stop.is_set() or _proved(canaries, scenarios, log):
            run_all(scenarios)
    log.write(journal.RunEnded(at=clock(), interrupted=stop.is_set(), wall=_now()))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _proved(canaries: Sequence[Scenario], scenarios: Sequence[Scenario], log: Journal) -> bool:
    """Say whether the canaries are green; where they are not, write down why, and that nothing else is asked."""
    found = canary.judged(log.events(), canaries)
    if not found.green:
        log.write(journal.Trouble(scenario="", text=str(found)))
        for scenario in scenarios:
            log.write(journal.Skipped(scenario=scenario.path, reason=f"the canary is not green: {found.text}"))
    return found.green


def _run_scenario(
    scenario: Scenario,
    make_cluster: Callable[[], Cluster],
    settings: Settings,
    log: Journal,
    progress: Callable[[Progress], None],
    stop: threading.Event,
    streams: Executor,
) -> None:
    path = scenario.path

    def tell(
        step: str, kind: str, number: int = 0, disagreeing: int = 0, *, done: bool = False, note: str = ""
    ) -> None:
        progress(
            Progress(
                scenario=scenario.name,
                step=step,
                kind=kind,
                round=number,
                disagreeing=disagreeing,
                done=done,
                note=note,
            )
        )

    if stop.is_set():
        return
    note = ""
    try:
        with _closing(make_cluster(), path, log) as cluster:
            if reason := cluster.lacks(scenario.requires, scenario.topology):
                note = f"skipped: {reason}"
                log.write(journal.Skipped(scenario=path, reason=reason))
                return
            agreed = _Telling(scenario, cluster, settings, log, stop, streams, tell).tell()
            log.write(journal.ScenarioEnded(scenario=path, at=clock()))
            note = "" if agreed else "does not agree"
    except StoppedError:
        note = "interrupted"
    except ProberError as error:
        note = str(error)
        log.write(journal.Trouble(scenario=path, text=note))
    except Exception as error:  # a defect must not take the other scenarios' results along
        note = f"a defect of prober: {type(error).__name__}: {error}"
        log.write(journal.Trouble(scenario=path, text=note))
        log.write(journal.Evidence(scenario=path, text=traceback.format_exc()))
    finally:
        tell("", "", done=True, note=note)


@contextlib.contextmanager
def _closing(cluster: Cluster, path: str, log: Journal) -> Iterator[Cluster]:
    """Close the cluster whatever happened; what goes wrong in that is one more trouble and hides no other."""
    try:
        yield cluster
    finally:
        try:
            cluster.close()
        except Exception as error:
            log.write(journal.Trouble(scenario=path, text=f"clean-up: {error}"))


class _Telling:
    """One scenario on one cluster, from open to restore."""

    def __init__(
        self,
        scenario: Scenario,
        cluster: Cluster,
        settings: Settings,
        log: Journal,
        stop: threading.Event,
        streams: Executor,
        tell: Callable[..., None],
    ) -> None:
        self._scenario = scenario
        self._cluster = cluster
        self._settings = settings
        self._log = log
        self._stop = stop
        self._streams = streams
        self._tell = tell
        self._aside = Aside(cluster, log, scenario.path)

    def tell(self) -> bool:
        """Run the whole of it; False if any cell did not agree in time."""
        until = clock() + self._settings.budget
        self._tell("open", "open")
        first = self._cluster.open(with_witnesses(self._scenario.topology))
        scenario = self._scenario.resolved(first)
        self._log.write(
            journal.Opened(
                scenario=scenario.path,
                at=clock(),
                state=plain_opening(first),
                nodes=len({p.node for p in first.pods.values()}),
                images={str(ref): image for ref, image in self._cluster.images().items()},
            )
        )
        self._aside.remark()
        phases = Phases(
            self._cluster,
            self._log,
            scenario.path,
            timeout=self._settings.timeout,
            settle=self._settings.settle,
            until=until,
            executor=self._streams,
            stop=self._stop,
            progress=lambda number, disagreeing: self._tell(self._name, self._kind, number, disagreeing),
        )
        agreed = self._phase(phases, 0, "control", "control", None, first, ())[0]
        state = first
        for i, step in enumerate(scenario.steps):
            fine, state = self._phase(phases, i, "step", step.name, step, state, step.actions)
            agreed = agreed and fine
        closing = reopening(state, first)
        fine, state = self._phase(phases, len(scenario.steps), "restore", "restore", None, state, closing)
        return agreed and fine

    def _phase(
        self,
        phases: Phases,
        number: int,
        kind: str,
        name: str,
        step: Step | None,
        state: ClusterState,
        actions: Sequence[Action],
    ) -> tuple[bool, ClusterState]:
        """Carry out the actions and converge; return whether it did, and the state that it led to."""
        self._name, self._kind = name, kind
        path = self._scenario.path
        self._log.write(journal.Phase(scenario=path, step=number, kind=kind, name=name, at=clock()))
        for action in actions:
            begin = clock()
            done = self._cluster.apply(action)
            pod = done.pod if isinstance(done, AddPod) else None
            self._log.write(
                journal.Acted(
                    scenario=path,
                    step=number,
                    action=str(action),
                    begin=begin,
                    end=clock(),
                    addresses={str(f): a for f, a in pod.addresses.items()} if pod else {},
                    node=pod.node if pod else None,
                    image=self._cluster.images().get(pod.ref, "") if pod else "",
                    stored=dict(self._cluster.stored(action.policy.ref)) if isinstance(action, ApplyPolicy) else {},
                )
            )
            state = state.after(done)
        expected = expectations(self._scenario, step, state, self._settings.only)
        if conflict := next((f"{flow}: {e.conflict}" for flow, e in expected.items() if e.conflict), ""):
            raise ProberError(conflict)  # the addresses that the cluster gave make another ruling
        needed = 1 + self._settings.hold if kind == "step" else 1
        agreed = phases.converge(number, state, expected, needed)
        if not agreed:
            odd = disagreeing(self._log.events(), path, number, expected)
            commands = {str(f): self._cluster.reproduce(f.source, command) for f, command in odd.items()}
            self._log.write(journal.Again(scenario=path, step=number, commands=commands))
            self._aside.remark()
            self._aside.collect(f"after {kind} '{name}'")
        return agreed, state
