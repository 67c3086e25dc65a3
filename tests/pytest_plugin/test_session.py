"""Tests of prober.pytest_plugin.session: what a process of a session may take of the cluster."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from prober.errors import ClusterError
from prober.pytest_plugin import proving
from prober.pytest_plugin.session import ready
from tests.pytest_plugin.test_options import Given


class Process(Given):
    """The configuration of one of so many processes, on a directory of the session's."""

    def __init__(self, place: Path, processes: int, **values: Any) -> None:
        super().__init__(**values)
        self.stash = pytest.Stash()
        self.invocation_params = SimpleNamespace(args=("s",))
        own = place / "popen-gw0" if processes else place
        self._tmp_path_factory = SimpleNamespace(getbasetemp=lambda: own)
        if processes:
            self.workerinput = {"workercount": processes, "workerid": "gw0", "mainargv": ["pytest", "s", "-n", "4"]}


def reached(config: Process, patch: pytest.MonkeyPatch) -> Any:
    """Return what a prover of this process was made with."""
    made: list[Any] = []

    def make(*words: object) -> SimpleNamespace:
        made.append(words)
        return SimpleNamespace()

    patch.setattr(proving, "Prover", make)
    ready(cast("pytest.Config", config))
    ready(cast("pytest.Config", config))
    (words,) = made  # once
    return words


def test_workers_share_what_the_cluster_bears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--prober-rate` and `--prober-workers` are the session's: each of four workers takes a quarter."""
    given = {"cluster": "kube", "rate": "10", "workers": "64"}
    alone, _, name = reached(Process(tmp_path, 0, **given), monkeypatch)
    assert (10, 64, "main", "pytest s") == (alone.rate, alone.workers, name, alone.typed)

    one, place, name = reached(Process(tmp_path, 4, **given), monkeypatch)
    assert (2.5, 16, "gw0", "pytest s -n 4") == (one.rate, one.workers, name, one.typed)
    assert tmp_path / "prober" == place
    assert 1 == reached(Process(tmp_path, 4, workers="2"), monkeypatch)[0].workers


def test_cluster_that_is_not_there_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test fails with the reason; only the first one waits for it."""
    asked = []

    def refuse(*words: object) -> None:
        asked.append(words)
        raise ClusterError("nobody answers at 192.0.2.1")

    monkeypatch.setattr(proving, "Prover", refuse)
    config = cast("pytest.Config", Process(tmp_path, 0))
    for _ in range(2):
        with pytest.raises(pytest.fail.Exception, match=r"nobody answers at 192\.0\.2\.1"):
            ready(config)
    assert 1 == len(asked)
