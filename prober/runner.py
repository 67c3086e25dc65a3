"""The story of one run: topologies made, policies applied step by step, rounds sent until they agree: a journal.

It decides when enough has been seen; what it was worth is decided in `verdict`, afterwards, from the journal alone.
"""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from prober import __version__, canary, journal
from prober.cluster.base import Cluster
from prober.errors import ProberError
from prober.journal import Journal
from prober.model import Flow, Topology
from prober.observe import clock
from prober.phases import StoppedError
from prober.progress import Progress
from prober.scenario import Scenario
from prober.sharing import Share, shares
from prober.telling import CannotRunError, Settings, Stage, Telling

__all__ = ["Settings", "run"]


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
    3. For each topology, with witnesses on its nodes, every scenario that asks for an equal one and that this cluster
       can run (others are skipped, with the reason):
       a. open the topology, or take over the one that the scenario before has left, and settle manifests' addresses;
       b. control: every cell that any step asks must connect while there is no policy. Where the scenario before added
          and removed no pod, its last control has asked that too, and is this one's first;
       c. each step: carry out its actions, then send rounds until every cell agrees and holds, or `settle` ends;
       d. restore: delete the policies, put labels back; every cell must connect again;
       e. bring back pods. Where that, or d, cannot be proved, the next scenario gets a topology of its own.
    4. Close every topology beside the next one, whatever happened on it. Write down the end.
    """
    log.write(
        journal.RunStarted(
            run=run_id,
            version=__version__,
            cluster=cluster_name,
            at=clock(),
            wall=datetime.now(UTC).isoformat(timespec="seconds"),
            settings=settings.plain(),
            texts={p: t for s in (*canaries, *scenarios) for p, t in s.texts.items()} | {**settings.waivers},
            scenarios=[s.path for s in (*canaries, *scenarios)],
            facts=dict(facts or {}),
        )
    )
    for remark in remarks:
        log.write(journal.Remark(scenario="", text=remark))
    with (
        ThreadPoolExecutor(settings.workers, "stream") as streams,
        ThreadPoolExecutor(settings.jobs, "closer") as closers,
        ThreadPoolExecutor(settings.jobs, "topology") as jobs,
    ):
        topologies = _Topologies(make_cluster, settings, log, progress, stop, streams, closers)

        def run_all(these: Sequence[Scenario]) -> None:
            for future in [jobs.submit(topologies.run, share) for share in shares(these, settings.jobs)]:
                future.result()

        run_all(canaries)
        if not canaries or stop.is_set() or _proved(canaries, scenarios, log):
            run_all(scenarios)
    log.write(
        journal.RunEnded(at=clock(), interrupted=stop.is_set(), wall=datetime.now(UTC).isoformat(timespec="seconds"))
    )


def _proved(canaries: Sequence[Scenario], scenarios: Sequence[Scenario], log: Journal) -> bool:
    """Say whether the canaries are green; where they are not, write down why, and that nothing else is asked."""
    found = canary.judged(log.events(), canaries)
    if not found.green:
        log.write(journal.Trouble(scenario="", text=str(found)))
        for scenario in scenarios:
            log.write(journal.Skipped(scenario=scenario.path, reason=f"the canary is not green: {found.text}"))
    return found.green


class _Topologies:
    """Runs scenarios on the topologies that they share."""

    def __init__(
        self,
        make_cluster: Callable[[], Cluster],
        settings: Settings,
        log: Journal,
        progress: Callable[[Progress], None],
        stop: threading.Event,
        streams: Executor,
        closers: Executor,
    ) -> None:
        self._make_cluster = make_cluster
        self._settings = settings
        self._log = log
        self._progress = progress
        self._stop = stop
        self._streams = streams
        self._closers = closers

    def run(self, share: Share) -> None:
        """Run the scenarios of a share, on another topology after one that could not be brought back."""
        waiting = deque(share.scenarios)
        while waiting and not self._stop.is_set():
            self._on_one(share.topology, waiting)

    def _on_one(self, topology: Topology, waiting: deque[Scenario]) -> None:
        """Take scenarios from those that wait for as long as each leaves the topology as it found it."""
        path = waiting[0].path
        try:
            cluster = self._make_cluster()
        except Exception as error:
            self._fail(waiting.popleft(), error)
            return
        try:
            stage = Stage(cluster=cluster, topology=topology)
            now = self._able(cluster, topology, waiting)
            while now and not self._stop.is_set():
                path, heir = now.path, self._able(cluster, topology, waiting)
                self._tell(now, stage, heir)
                if heir and not stage.ready:
                    waiting.appendleft(heir)
                    break
                now = heir
        finally:
            self._closers.submit(self._close, cluster, path)

    def _able(self, cluster: Cluster, topology: Topology, waiting: deque[Scenario]) -> Scenario | None:
        """Take the first that this cluster can run; those before it are skipped, with the reason."""
        while waiting:
            scenario = waiting.popleft()
            try:
                reason = cluster.lacks(scenario.requires, topology)
            except Exception as error:
                self._fail(scenario, error)
                continue
            if not reason:
                return scenario
            self._skip(scenario, reason)
        return None

    def _tell(self, scenario: Scenario, stage: Stage, heir: Scenario | None) -> None:
        def tell(step: str, kind: str, number: int = 0, disagreeing: Collection[Flow] = ()) -> None:
            self._progress(
                Progress(
                    scenario=scenario.name,
                    step=step,
                    kind=kind,
                    round=number,
                    disagreeing=len(disagreeing),
                    first=str(next(iter(disagreeing), "")),
                )
            )

        words = (self._settings, self._log, self._stop, self._streams, tell)
        try:
            agreed = Telling(scenario, stage, *words, heir=heir).tell()
        except StoppedError:
            self._done(scenario, "interrupted")
        except CannotRunError as error:
            self._skip(scenario, str(error))
        except Exception as error:
            self._fail(scenario, error)
        else:
            self._done(scenario, "" if agreed else "does not agree")

    def _skip(self, scenario: Scenario, reason: str) -> None:
        self._log.write(journal.Skipped(scenario=scenario.path, reason=reason))
        self._done(scenario, f"skipped: {reason}")

    def _fail(self, scenario: Scenario, error: Exception) -> None:
        """Write down what stopped a scenario: it must not take the others' results along."""
        note = str(error)
        if not isinstance(error, ProberError):
            note = f"a defect of prober: {type(error).__name__}: {error}"
            text = "".join(traceback.format_exception(error))
            self._log.write(journal.Evidence(scenario=scenario.path, text=text))
        self._log.write(journal.Trouble(scenario=scenario.path, text=note))
        self._done(scenario, note)

    def _done(self, scenario: Scenario, note: str) -> None:
        self._progress(Progress(scenario=scenario.name, step="", kind="", round=0, done=True, note=note))

    def _close(self, cluster: Cluster, path: str) -> None:
        """Close a cluster whatever happened on it; what goes wrong in that is one more trouble and hides no other."""
        try:
            cluster.close()
        except Exception as error:
            self._log.write(journal.Trouble(scenario=path, text=f"clean-up: {error}"))
