"""Proves scenarios for one pytest process on its own connection; a session's processes share one directory alone."""

from __future__ import annotations

import contextlib
import re
import threading
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import pytest

from prober import canary, evidence, journal, runner, verdict
from prober.cli.backend import Backend, chosen
from prober.cli.choosing import checked
from prober.cli.interrupt import Interrupts
from prober.cli.places import alive
from prober.cli.running import clean_command, settings, signed
from prober.errors import ClusterError, ProberError
from prober.journal import Event, Journal
from prober.outcomes import Status, worst
from prober.progress import ignored
from prober.pytest_plugin.telling import Proved, failure
from prober.result import ScenarioResult
from prober.scenario import Scenario

CANARY = "canary.jsonl"


class Prover:
    """What `prober_cluster` is: the cluster that scenarios are proved on, until `close`.

    `name` stands first in every output.
    """

    def __init__(self, args: Namespace, place: Path, worker: str) -> None:
        self._args = args
        self._place = place
        self._worker = worker
        self._settings = settings(args)
        self._stack = contextlib.ExitStack()
        self._number = 0
        self._backend = self._opened()
        self.name = self._backend.name
        self.fail_on: tuple[Status, ...] = tuple(map(Status, args.fail_on))

    def _opened(self) -> Backend:
        """Reach the cluster and wait for its canary; ProberError where nothing could be proved."""
        backend = self._stack.enter_context(chosen(self._args))
        try:
            self._facts = evidence.plain(signed(backend.survey(), self._args.typed))
            if backend.canaries:
                self._require_green(backend)
        except BaseException:
            self._stack.close()
            raise
        return backend

    def _require_green(self, backend: Backend) -> None:
        """Prove that every node enforces: once in a session, by whichever process comes first."""
        path = self._place / CANARY
        with alive(self._place / "canary.lock"):
            events = read(path)
            if not any(isinstance(e, journal.RunEnded) for e in events):  # nobody was here, or was killed on the way
                events = self._run(backend, (), path, backend.canaries)
        found = canary.judged(events, backend.canaries)
        if not found.green:
            result = verdict.judge(events, {s.path: s for s in backend.canaries})
            status = worst([s.status for s in result.scenarios])
            raise ClusterError(f"{status} canary: {found}\n{backend.name}\njournal: {path} (`prober report` tells all)")

    def prove(self, scenario: Scenario) -> Proved:
        """Run a scenario and judge it; KeyboardInterrupt if the user would not wait for its end."""
        path = self.new_file(scenario.name, ".jsonl")
        events = self._run(self._backend, (scenario,), path)
        return Proved(verdict.judge(events, {scenario.path: scenario}), path)

    def require(self, scenario: Scenario) -> ScenarioResult:
        """Prove a scenario and return its result; AssertionError where it is not proved, a skip where it cannot be."""
        __tracebackhide__ = True
        proved = self.prove(scenario)
        if proved.scenario.skipped:
            pytest.skip(proved.scenario.skipped)
        if told := failure(proved, self.fail_on):
            raise AssertionError(told)
        return proved.scenario

    def require_file(self, path: Path) -> ScenarioResult:
        """Do the same with a scenario file, or with `FILE#CASE`; mistakes in it fail the test."""
        __tracebackhide__ = True
        try:
            scenarios = checked([str(path)])
        except ProberError as error:
            wrong = str(error)
        else:
            if len(scenarios) == 1:
                return self.require(scenarios[0])
            wrong = f"{path}: it holds {len(scenarios)} cases; name one, like {scenarios[0].path}"
        pytest.fail(wrong)

    def new_file(self, name: str, suffix: str) -> Path:
        """Return a path in the session's directory that nobody else writes to."""
        self._number += 1
        short = re.sub(r"[^-\w.]+", "-", name)[:80].strip("-")
        return self._place / f"{self._worker}-{self._number}-{short}{suffix}"

    def _run(
        self, backend: Backend, scenarios: Sequence[Scenario], path: Path, canaries: Sequence[Scenario] = ()
    ) -> tuple[Event, ...]:
        stop = threading.Event()
        with Journal(path) as log, Interrupts() as interrupts:
            interrupts.watch(
                lambda: runner.run(
                    scenarios,
                    backend.make,
                    self._settings,
                    log,
                    ignored,
                    stop,
                    run_id=backend.run_id,
                    cluster_name=backend.name,
                    canaries=canaries,
                    facts=self._facts,
                    remarks=backend.remarks,
                ),
                stop,
            )
        if stop.is_set():
            raise KeyboardInterrupt
        return log.events()

    def close(self) -> tuple[list[str], list[str]]:
        """Leave the cluster; return what there is to say, and what is left there against our will."""
        said = []
        left = []
        with self._stack:
            try:
                self._backend.close()
            except ClusterError as error:
                left.append(f"clean-up: {error}")
        if self._args.cluster == "kube" and self._args.keep:
            said.append(f"pods and policies are left; remove them: {clean_command(self._args, self._backend.run_id)}")
        return said, left


def read(path: Path) -> tuple[Event, ...]:
    """Return the events of a journal that somebody may be writing; none where it is no journal."""
    try:
        return tuple(journal.read(path.read_text(encoding="utf-8").split("\n")))
    except (OSError, ProberError):
        return ()
