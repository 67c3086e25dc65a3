"""Tests of pytest against a real cluster: workers side by side, one canary, interrupted, and a worker killed."""

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

from tests.cluster.lab.processes import children
from tests.kube.cluster import Cluster
from tests.kube.fixtures import _own_cluster, kube_nft, kube_none, kube_steered
from tests.kube.leftovers import left
from tests.kube.presence import until
from tests.pytest_plugin.conftest import ROOT, Session, loaded

__all__ = ["_own_cluster", "kube_nft", "kube_none", "kube_steered"]

pytestmark = pytest.mark.kube

SEEDS = ROOT / "scenarios" / "seeds"
IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.56"  # the nodes have it by this name, and can pull nothing
IN_PYTHON = """
def test_denied(prober_topology):
    prober_topology.pod("shop/a", ports=[80]).pod("shop/b", ports=[80], node=2)
    prober_topology.apply({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": "shop"},
        "spec": {"podSelector": {}},
    })
    prober_topology.assert_denied("any -> shop/any")
"""


def there(cluster: Cluster) -> list[str]:
    return ["--cluster", "kube", "--prober-kubeconfig", str(cluster.kubeconfig), "--prober-image", IMAGE]


def runs(base: Path) -> set[str]:
    """Return the ids of a session's runs, one of each worker."""
    return {json.loads(f.read_text().partition("\n")[0])["run"] for f in (base / "prober").glob("*.jsonl")}


def test_two_workers_are_green(session: Session, pytester: pytest.Pytester, kube_nft: Cluster) -> None:
    """Scenario files and tests in Python are proved by two workers side by side, after one canary; nothing is left."""
    (pytester.path / "test_denied.py").write_text(IN_PYTHON)
    seeds = [SEEDS / f"{name}.scenario.yaml" for name in ("test-enforcement", "default-deny-all")]
    report = ["--prober-report", "json=out.json", "--basetemp", "base"]
    found = session(*seeds, "test_denied.py", "-n", "2", *there(kube_nft), *report, within=300)

    found.assert_outcomes(passed=3)
    result = json.loads((pytester.path / "out.json").read_text())
    assert ["PASS"] * 4 == [s["status"] for s in result["scenarios"]]
    assert 1 == sum(s["path"].startswith("prober:/canary") for s in result["scenarios"])
    assert result["cluster"].startswith(f"kube: {kube_nft.context}, https://")
    assert 2 == len(runs(Path("base")))
    assert [] == left(kube_nft, runs(Path("base")))


def test_nobody_enforces(session: Session, kube_none: Cluster) -> None:
    """Where nobody enforces every test is an error that says so."""
    seeds = [SEEDS / f"{name}.scenario.yaml" for name in ("test-enforcement", "default-deny-all")]
    found = session(*seeds, "-n", "2", *there(kube_none), "--prober-settle", "3s", within=300)

    found.assert_outcomes(errors=2)
    found.stdout.fnmatch_lines(["LEAK canary: nobody enforces network policies on this cluster; *"])


@contextmanager
def under_way(cluster: Cluster, base: Path, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """Start a session of two workers and wait until one of them has begun a step of the long scenario."""
    fixed = ["-p", "no:cacheprovider", "--basetemp", str(base), "-n", "2", str(SEEDS / "rollout.scenario.yaml")]
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *loaded(), *fixed, *there(cluster), *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            until(
                lambda: any('"Attempt"' in f.read_text() for f in base.glob("prober/*rollout.jsonl")), "a packet", 120
            )
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("everybody", [True, False], ids=["the-group", "the-controller"])
def test_interrupted_session_leaves_nothing(
    everybody: bool, session: Session, pytester: pytest.Pytester, kube_nft: Cluster
) -> None:
    """After Ctrl-C, and after a SIGINT to pytest's own process alone, what the workers made is removed."""
    base = pytester.path / "base"
    with under_way(kube_nft, base) as process:
        assert left(kube_nft, runs(base))
        (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=90)

    assert pytest.ExitCode.INTERRUPTED == process.returncode, out
    assert [] == left(kube_nft, runs(base))


def test_killed_worker_is_cleaned_up(session: Session, pytester: pytest.Pytester, kube_nft: Cluster) -> None:
    """What a killed worker leaves is labelled, and the command that the session's end names removes it."""
    base = pytester.path / "base"
    with under_way(kube_nft, base, "--max-worker-restart", "0") as process:
        (run,) = runs(base)  # of the worker that has the test; the other one has none
        for worker in children(process.pid):
            os.kill(worker, signal.SIGKILL)
        out, _ = process.communicate(timeout=120)

    assert process.returncode
    assert left(kube_nft, {run})
    said = [line for line in out.splitlines() if line.startswith(f"run {run} was killed; ")]
    command = said[0].partition("remove what it left: ")[2]
    words = [sys.executable, "-m", *command.split()]
    until(lambda: 0 == subprocess.run(words, capture_output=True, check=False).returncode, "it to count as dead", 120)
    assert [] == left(kube_nft, {run})
