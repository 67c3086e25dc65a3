"""That nothing survives: a harness that is killed, or that forks, takes the whole lab with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.lab.processes import alive, below, until

pytestmark = pytest.mark.lab

# The harness says when the lab is there and a script runs in it, and then waits for its end
_HARNESS = """
import os, sys, threading
import prober.probe
prober.probe.script = lambda: 'eval "$(cat)"\\n'
from prober.cluster.lab import LabCluster
from tests.cluster.lab.conftest import TOPOLOGY, A
cluster = LabCluster()
cluster.open(TOPOLOGY)
stream = cluster.stream(A, "sleep 600 & nc -l 9999 & echo ready; wait")
next(stream)
{also}
print("ready", flush=True)
threading.Event().wait()
"""
_FORK = "if not os.fork(): threading.Event().wait(120); os._exit(0)"  # holds a copy of the control socket


def _harness(also: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", _HARNESS.format(also=also)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("also", "death"),
    [
        pytest.param("", signal.SIGKILL, id="killed"),
        pytest.param("", signal.SIGTERM, id="terminated"),
        pytest.param(_FORK, signal.SIGKILL, id="killed-after-a-fork"),
    ],
)
def test_no_process_is_left(also: str, death: signal.Signals) -> None:
    """Listeners, shells, nc and both processes of the lab end with the harness, however it ends."""
    with _harness(also) as harness:
        assert harness.stdout is not None
        assert "ready\n" == harness.stdout.readline()
        forked = {p for p in below(harness.pid) if _command(p[0]) == _command(harness.pid)}
        lab = below(harness.pid) - forked
        assert (bool(also), True) == (bool(forked), len(lab) >= 5)
        harness.send_signal(death)
        gone = until(lambda: not alive(lab))
        for process, _ in forked:
            os.kill(process, signal.SIGKILL)
        assert gone


def test_no_process_is_left_of_a_lab_whose_outer_process_is_killed() -> None:
    """The inner one, process 1 of its namespace, dies with the outer one, and everything with it."""
    with _harness() as harness:
        assert harness.stdout is not None
        assert "ready\n" == harness.stdout.readline()
        lab = below(harness.pid)
        outer = min(process for process, _ in lab)
        os.kill(outer, signal.SIGKILL)
        gone = until(lambda: not alive(lab))
        harness.kill()
        assert gone


def _command(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()
