"""Tests of sessions that do not come to their end: interrupted, and a worker killed; with real packets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.world import LEAKING
from tests.cluster.lab.processes import alive, below, children, until
from tests.pytest_plugin.conftest import Session, loaded

pytestmark = pytest.mark.lab


@contextmanager
def under_way(pytester: pytest.Pytester, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """Start a session whose leak never ends, and wait until it has sent a packet there."""
    base = pytester.path / "base"
    fixed = [
        "-p",
        "no:cacheprovider",
        "--basetemp",
        str(base),
        "--prober-fault",
        "ignore-all",
        "--prober-settle",
        "60s",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *loaded(), *fixed, *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert until(lambda: any(_probes(p) for p in (base / "prober").glob("*.jsonl")), 60), "nothing was probed"
            yield process
        finally:
            process.kill()


def _probes(journal: Path) -> bool:
    return '"kind": "step"' in (text := journal.read_text()) and LEAKING in text


@pytest.mark.parametrize("workers", ["0", "2"])
def test_interrupted_session_leaves_nothing(workers: str, session: Session, pytester: pytest.Pytester) -> None:
    """After Ctrl-C the session ends in order, with what was seen so far, and no process is left."""
    with under_way(pytester, "s", "-n", workers) as process:
        there = below(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=60)

        assert pytest.ExitCode.INTERRUPTED == process.returncode, out
        assert "interrupted: these are the results so far" in out.splitlines()
        assert there
        assert until(lambda: not alive(there))


def test_terminated_session_leaves_nothing(session: Session, pytester: pytest.Pytester) -> None:
    """SIGTERM, as CI servers send it, is an interruption too."""
    with under_way(pytester, "s/deny.scenario.yaml") as process:
        there = below(process.pid)
        process.terminate()
        out, _ = process.communicate(timeout=60)

        assert pytest.ExitCode.INTERRUPTED == process.returncode, out
        assert until(lambda: not alive(there))


def test_killed_worker_leaves_nothing(session: Session, pytester: pytest.Pytester) -> None:
    """A worker killed in the middle fails its test, which is judged as far as it came; its lab ends with it."""
    with under_way(pytester, "s", "-n", "2", "--prober-report", "json=out.json") as process:
        worker = next(w for w in children(process.pid) if len(below(w)) > 1 and _holds(w, "deny.jsonl"))
        there = below(worker)
        os.kill(worker, signal.SIGKILL)
        out, _ = process.communicate(timeout=120)

        assert until(lambda: not alive(there))
    assert pytest.ExitCode.TESTS_FAILED == process.returncode, out
    assert "crashed while running 's/deny.scenario.yaml::deny'" in out
    found = {s["name"]: s for s in json.loads((pytester.path / "out.json").read_text())["scenarios"]}
    assert ("UNKNOWN", "not run to its end") == (found["deny"]["status"], found["deny"]["trouble"])
    assert "PASS" == found["idle"]["status"]


def _holds(process: int, file: str) -> bool:
    def leads(descriptor: Path) -> bool:
        try:
            return descriptor.readlink().name.endswith(file)
        except OSError:  # closed while we looked
            return False

    return any(map(leads, Path(f"/proc/{process}/fd").iterdir()))
