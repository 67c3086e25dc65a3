"""Tests of `prober run` with real packets: green, lying, interrupted and dead labs."""

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

from tests.cli.conftest import Run
from tests.cli.world import LEAKING
from tests.cluster.lab.processes import alive, below, until

pytestmark = pytest.mark.lab
DENY = "s/deny.scenario.yaml"


def test_green(prober: Run, scenarios: Path) -> None:
    """With real packets both scenarios are proved, and the time to enforce is measured."""
    code, out, _ = prober("run", scenarios)

    assert 0 == code
    assert "proved 1 denial and 3 allows on 2 nodes; skipped 0; left open 0" == out.splitlines()[1]
    assert "slowest to enforce: " in out


def test_rejecting_lab_is_green(prober: Run, scenarios: Path) -> None:
    """A lab that rejects instead of dropping is as good."""
    assert 0 == prober("run", DENY, "--deny", "reject", "--quiet")[0]


def test_lying_lab_is_found(prober: Run, scenarios: Path) -> None:
    """A lab that ignores policies is exit 1, with the cell, its reason and the rules in force."""
    code, out, _ = prober("run", DENY, "--fault", "ignore-all", "--settle", "1s")

    assert 1 == code
    assert f"LEAK {LEAKING}: connected" in out
    assert "denied by payments/default-deny" in out
    assert "ran in marketing/web: nc " in out
    assert "evidence:" in out


@pytest.mark.parametrize(("code", "settle"), [(0, "10s"), (1, "1s")])
def test_late_lab_is_measured(code: int, settle: str, prober: Run, scenarios: Path) -> None:
    """A lab that enforces 2 s late is green within --settle, with 2 s as its time to enforce, and red beyond it."""
    found, _, _ = prober("run", DENY, "--fault", "late:2s", "--settle", settle, "--quiet", "--report", "json=out.json")

    assert code == found
    (cell,) = (
        c
        for s in json.loads(Path("out.json").read_text())["scenarios"][0]["steps"]
        for c in s["cells"]
        if s["kind"] == "step" and c["flow"]["text"] == LEAKING
    )
    if code == 0:
        assert 1.5 < cell["agreed_after"] < 4
    else:
        assert "LEAK" == cell["status"]


def test_outage_is_no_denial(prober: Run, scenarios: Path) -> None:
    """Nothing enforces, and after each change nothing gets through for a while: own addresses live, both controls
    connect, and every round of a step that allows nothing may fall into the outage.
    """
    code, out, _ = prober("run", DENY, "--only", LEAKING, "--fault", "outage:2500ms", "--settle", "4s")

    assert 1 == code
    assert f"LEAK {LEAKING}: connected" in out


@contextmanager
def under_way(*argv: str) -> Iterator[subprocess.Popen[str]]:
    """Start a run that never agrees, and wait until it has sent its first packet."""
    with subprocess.Popen(
        [sys.executable, "-m", "prober", "run", DENY, "--fault", "ignore-all", "--settle", "60s", *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        try:
            state = Path(os.environ["XDG_STATE_HOME"]) / "prober"
            assert until(lambda: any(LEAKING in p.read_text() for p in state.glob("*.jsonl")), 30), "nothing was probed"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_interrupted_run_reports_and_leaves_nothing(number: signal.Signals, scenarios: Path) -> None:
    """A run interrupted in the middle of a leak is judged as far as it came, never PASS, and no process is left."""
    with under_way("--report", "json=out.json") as process:
        lab = below(process.pid)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

        assert process.returncode in (1, 130)
        assert "interrupted: these are the results so far" in out
        assert "PASS deny" not in out
        assert json.loads(Path("out.json").read_text())["interrupted"]
        assert "Traceback" not in err
        assert lab
        assert until(lambda: not alive(lab))


def test_killed_run_leaves_its_journal_and_no_process(scenarios: Path, prober: Run, state: Path) -> None:
    """After kill -9 no process of the lab is left, and the journal is judged as far as it came."""
    with under_way() as process:
        lab = below(process.pid)
        process.kill()
        process.communicate(timeout=30)
        assert lab
        assert until(lambda: not alive(lab))

    (journal,) = state.glob("*.jsonl")
    code, out, _ = prober("report", journal)
    assert code in (1, 130)
    assert "interrupted: these are the results so far" in out
    assert "PASS deny" not in out


def test_dead_lab_is_exit_3(prober: Run, scenarios: Path) -> None:
    """A lab that dies in the middle is no proof: exit 3, the reason, and never a PASS."""
    code, out, _ = prober("run", DENY, "--fault", "dead-lab", "--settle", "3s")

    assert 3 == code
    assert "UNKNOWN deny" in out
    assert "trouble: " in out


@pytest.mark.parametrize("fault", ["dead-listener", "lost-address"])
def test_broken_pod_is_no_proof(fault: str, prober: Run, scenarios: Path) -> None:
    """A target that is dead proves no denial: exit 1 or 3, never a PASS of its cells."""
    code, out, _ = prober("run", DENY, "--fault", fault, "--settle", "2s")

    assert code in (1, 3)
    assert "PASS deny" not in out


@pytest.mark.parametrize(("code", "closed"), [(3, ">&-"), (0, "2>&-"), (3, ">&- 2>&-"), (0, "<&-")])
def test_run_without_a_stream(code: int, closed: str, scenarios: Path) -> None:
    """A run that is started with a stream closed still proves and writes its reports; without stdout it is exit 3."""
    command = f"exec {sys.executable} -m prober run {DENY} --report json=out.json {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)

    assert (code, "") == (done.returncode, json.loads(Path("out.json").read_text())["trouble"])
    assert "defect" not in done.stderr
