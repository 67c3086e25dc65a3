"""What happens to probe scripts: many at once, left alone, in a pod that goes, in a lab that dies."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prober.cluster.lab import LabCluster
from prober.errors import ClusterError
from prober.model import ExternalRef, PodRef, RemovePod
from tests.cluster.lab.conftest import TOPOLOGY, A, B, C, Shell
from tests.cluster.lab.processes import alive, below, children, until

pytestmark = pytest.mark.lab


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_lines_come_as_they_are_written(shell_lab: LabCluster) -> None:
    """The first line is there long before the script ends."""
    stream = shell_lab.stream(A, "echo first; exec sleep 600")
    assert "first" == next(stream)
    stream.close()  # type: ignore[attr-defined]  # an Iterator in the Protocol, a generator here


def test_a_script_that_fails_is_no_error(shell: Shell) -> None:
    """What it wrote is what it saw; an exit status is no evidence."""
    assert ["one", "two"] == shell(A, "printf 'one\ntwo'; exit 3")


def test_a_large_request_and_a_large_answer(shell: Shell) -> None:
    """Neither is limited by a pipe's 64 kB, and nobody waits for the other."""
    assert [300_000, 200_000] == [
        len(shell(A, f"text={'x' * 300_000}; echo $text")[0]),
        len(shell(A, "seq 200000")),
    ]


def test_many_streams_at_once(shell_lab: LabCluster) -> None:
    """Streams of several threads do not mix, and leave no descriptor and no process behind."""
    before = _descriptors(), below(os.getpid())
    with ThreadPoolExecutor(max_workers=24) as executor:
        found = list(executor.map(lambda n: list(shell_lab.stream((A, B, C)[n % 3], f"seq {n} {n + 40}")), range(96)))
    assert [[str(n + k) for k in range(41)] for n in range(96)] == found
    assert before == (_descriptors(), below(os.getpid()))


def test_an_abandoned_stream_ends_its_script(shell_lab: LabCluster) -> None:
    """Closing the iterator kills the script and what it started, and leaves no descriptor."""
    before = _descriptors(), below(os.getpid())
    stream = shell_lab.stream(A, "sleep 600 & sleep 600 & echo ready; wait")
    assert "ready" == next(stream)
    started = below(os.getpid()) - before[1]
    assert 3 == len(started)
    stream.close()  # type: ignore[attr-defined]  # as above
    assert until(lambda: not alive(started))
    assert before[0] == _descriptors()


def test_what_a_script_leaves_running_ends_with_it(shell_lab: LabCluster) -> None:
    """A script that ended has no probes left: none can speak later."""
    before = below(os.getpid())
    assert ["gone"] == list(shell_lab.stream(A, "sleep 600 > /dev/null < /dev/null & echo gone"))
    assert until(lambda: not alive(below(os.getpid()) - before))


def test_a_pod_that_goes_ends_its_scripts(shell_lab: LabCluster) -> None:
    """As on a cluster: the stream ends, without an error."""
    stream = shell_lab.stream(B, "echo ready; exec sleep 600")
    assert "ready" == next(stream)
    shell_lab.apply(RemovePod(pod=B))
    assert [] == list(stream)
    with pytest.raises(ClusterError, match="there is no pod/x/b"):
        list(shell_lab.stream(B, "echo"))


@pytest.mark.parametrize(
    "source", [pytest.param(PodRef("x", "z"), id="pod"), pytest.param(ExternalRef("z"), id="host")]
)
def test_an_unknown_source(shell_lab: LabCluster, source: PodRef | ExternalRef) -> None:
    """It is named; the lab goes on, and no descriptor stays open."""
    before = _descriptors()
    with pytest.raises(ClusterError, match=r"there is no .*z"):
        list(shell_lab.stream(source, "echo"))
    assert (before, ["on"]) == (_descriptors(), list(shell_lab.stream(A, "echo on")))


def test_a_lab_that_dies_is_told_to_everyone(shell_lab: LabCluster) -> None:
    """A stream in the middle ends with an error that says how the lab died, and so does all that follows."""
    (outer,) = children(os.getpid())
    (inner,) = children(outer)
    before = below(os.getpid())
    stream = shell_lab.stream(A, "echo ready; exec sleep 600")
    assert "ready" == next(stream)
    os.kill(inner, signal.SIGKILL)
    with pytest.raises(ClusterError, match="the lab's process ended with status 247 in the middle of the run"):
        list(stream)
    with pytest.raises(ClusterError, match="the lab's process"):
        shell_lab.identities()
    assert until(lambda: not alive(before))


def test_closing_ends_streams_of_other_threads(shell_lab: LabCluster) -> None:
    """A thread that reads gets an error, not silence."""
    stream = shell_lab.stream(A, "echo ready; exec sleep 600")
    assert "ready" == next(stream)
    with ThreadPoolExecutor(max_workers=1) as executor:
        reading = executor.submit(list, stream)
        shell_lab.close()
        with pytest.raises(ClusterError, match="the lab"):
            reading.result(timeout=10)


def test_a_fork_of_the_harness_cannot_close_the_lab(shell_lab: LabCluster) -> None:
    """Some programs fork and clean up in the child what is the parent's."""
    child = os.fork()
    if not child:
        shell_lab.close()
        os._exit(0)
    assert 0 == os.waitpid(child, 0)[1]
    assert ["here"] == list(shell_lab.stream(A, "echo here"))


def test_labs_beside_each_other() -> None:
    """Several labs have the same addresses and know nothing of each other."""
    before = _descriptors(), below(os.getpid())
    with LabCluster() as one, LabCluster() as other:
        states = [lab.open(TOPOLOGY) for lab in (one, other)]
        address = next(iter(states[0].pods[C].addresses.values()))
        assert states[0] == states[1]
        for lab in (one, other):
            line = next(lab.stream(A, f"t 0 tcp 4 1 {address} 80 -\nt end\n"))
            assert line.endswith(lab.hostname(C))
    assert before == (_descriptors(), below(os.getpid()))
