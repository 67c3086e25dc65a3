"""Tests of the command line against real clusters: green, nobody enforces, one node does not, interrupted, killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from prober.canary import NOBODY
from prober.cluster.kube import connection, shell
from tests.cli.conftest import Run
from tests.kube.cluster import Cluster
from tests.kube.leftovers import left
from tests.kube.presence import until

pytestmark = pytest.mark.kube

SEEDS = Path(__file__).parents[2] / "scenarios" / "seeds"
IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.56"  # the nodes have it by this name, and can pull nothing


def there(cluster: Cluster, *, pods: bool = True) -> list[str]:
    image = ["--image", IMAGE] if pods else []
    return ["--cluster", "kube", "--kubeconfig", str(cluster.kubeconfig), *image]


def test_seeds_are_green(prober: Run, kube_nft: Cluster) -> None:
    """Where policies are enforced the canary and the scenarios are proved, and nothing is left behind."""
    seeds = [SEEDS / f"{name}.scenario.yaml" for name in ("test-enforcement", "default-deny-all", "both-sides")]
    code, out, err = prober("run", *seeds, *there(kube_nft), "--report", "json=-")

    assert 0 == code, out + err
    result = json.loads(out)
    assert ["PASS"] * 4 == [s["status"] for s in result["scenarios"]]
    assert result["cluster"].startswith(f"kube: {kube_nft.context}, https://")
    assert [] == left(kube_nft, {result["run"]})


def test_nobody_enforces(prober: Run, kube_none: Cluster) -> None:
    """Where nobody enforces the run ends at the canary, within its time to settle and 15 s, and says so."""
    begin = time.monotonic()
    code, out, _ = prober("run", SEEDS, *there(kube_none), "--settle", "3s")

    assert (1, True) == (code, time.monotonic() - begin < 3 + 15)
    assert f"trouble: {NOBODY}; " in out
    again = re.search(
        r"again: kubectl --context \S+ --kubeconfig \S+ exec -n (pr-\S+) (\S+) -c probe -- sh -c 'nc ", out
    )
    assert again is not None


@pytest.mark.parametrize("node", ["n1", "n2"])
def test_node_that_does_not_enforce_is_named(node: str, prober: Run, kube_steered: Cluster) -> None:
    """A node whose agent ignores egress is named, whichever it is, and the other one covers for nothing."""
    kube_steered.enforce(fault="ignore-egress", nodes=(node,))
    code, out, _ = prober("doctor", *there(kube_steered), "--settle", "2s")

    assert 1 == code, out
    assert f"trouble: node {node} does not enforce egress; " in out
    assert "  ok    nodes that can run probe pods: n1, n2" in out.splitlines()


def test_policies_of_others_must_not_let_probe_pods_in(prober: Run, kube_steered: Cluster) -> None:
    """Where a live policy would take a probe pod for its peer the scenario is not begun, unless that is allowed."""
    peer = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "postgres"}}}
    policy = {"metadata": {"name": "real"}, "spec": {"podSelector": {}, "ingress": [{"from": [peer]}]}}
    path = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
    run = ("run", SEEDS / "test-enforcement.scenario.yaml", *there(kube_steered))
    with kube_steered.api() as api:
        api.post(path, {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", **policy})
        try:
            refused, allowed = prober(*run), prober(*run, "--allow-label-overlap")
        finally:
            api.delete(f"{path}/real")

    assert (3, True) == (
        refused[0],
        "default/real of this cluster would let the pod payments/postgres in" in refused[1],
    )
    assert 0 == allowed[0], allowed[1]


@contextmanager
def under_way(cluster: Cluster, state: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a run and wait until it has sent its first packet; give the process and the run's id."""
    argv = [sys.executable, "-m", "prober", "run", str(SEEDS / "rollout.scenario.yaml"), *there(cluster)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            until(lambda: any('"Attempt"' in p.read_text() for p in state.glob("*.jsonl")), "a packet", 60)
            (journal,) = state.glob("*.jsonl")
            yield process, journal.stem.rpartition("-")[2]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_interrupted_run_reports_and_leaves_nothing(number: signal.Signals, kube_nft: Cluster, state: Path) -> None:
    """A run that is interrupted is judged as far as it came, and removes what it made."""
    with under_way(kube_nft, state) as (process, run):
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    assert 130 == process.returncode, out + err
    assert "interrupted: these are the results so far" in out
    assert [] == left(kube_nft, {run})


def test_killed_run_is_cleaned_up(prober: Run, kube_nft: Cluster, state: Path) -> None:
    """What kill -9 leaves is found by the run's id, told by --dry-run, and removed."""
    with under_way(kube_nft, state) as (process, run):
        assert 2 == prober("clean", *there(kube_nft, pods=False), "--run", run)[0]
        process.kill()
        process.communicate(timeout=30)

    assert left(kube_nft, {run})
    code, out, _ = prober("clean", *there(kube_nft, pods=False), "--run", run, "--dry-run")
    assert (0, True, True) == (code, "would remove what 1 of 1 runs have left" in out, bool(left(kube_nft, {run})))
    code, out, err = prober("clean", *there(kube_nft, pods=False), "--run", run)
    assert (0, True, []) == (code, f"  removed run {run} of " in out, left(kube_nft, {run})), out + err


def test_api_server_that_hangs_for_good(
    prober: Run, kube_steered: Cluster, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API server that takes connections and says no more: exit 3, and the reports hold what was seen before."""
    for module in (connection, shell):
        monkeypatch.setattr(module, "AWAY", 3.0)
    for name in ("_CONNECT", "_READ"):
        monkeypatch.setattr(connection, name, 2.0)
    monkeypatch.setattr(shell, "GRACE", 2.0)

    def hang() -> None:
        until(lambda: any('"kind": "step"' in p.read_text() for p in state.glob("*.jsonl")), "a step", 60)
        kube_steered.api_server.pause()

    report = tmp_path / "report.json"
    hanging = threading.Thread(target=hang)
    hanging.start()
    seed = SEEDS / "test-enforcement.scenario.yaml"
    try:
        code, out, _ = prober("run", seed, *there(kube_steered), "--report", f"json={report}", "--report", "text=-")
    finally:
        hanging.join()
        kube_steered.api_server.resume()

    assert 3 == code
    assert "is not reached" in out
    result = json.loads(report.read_text())
    assert result["journal"]
    assert {"PASS"} == {c["status"] for s in result["scenarios"] for t in s["steps"][:1] for c in t["cells"]}
    assert 3 == prober("report", report)[0]
    assert 0 == prober("clean", *there(kube_steered, pods=False), "--run", result["run"])[0]


def test_several_contexts_are_asked_for(prober: Run, kube_nft: Cluster, tmp_path: Path) -> None:
    """With more than one context the one is asked for; with it the run goes there, and its name is told."""
    config = yaml.safe_load(kube_nft.kubeconfig.read_text())
    config["contexts"].append({**config["contexts"][0], "name": "other"})
    file = tmp_path / "config"
    file.write_text(json.dumps(config))
    where = ("clean", "--expired", "--dry-run", "--cluster", "kube", "--kubeconfig", file)

    code, out, err = prober(*where)
    assert (2, "") == (code, out)
    assert "--context" in err
    assert (0, "kube: other, ") == ((found := prober(*where, "--context", "other"))[0], found[1][:13])
