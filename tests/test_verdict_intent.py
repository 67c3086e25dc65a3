"""The author against somebody's own policies: a finding beside cells that are judged by the specification."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from prober import runner
from prober.cluster.fake import FakeCluster
from prober.journal import Journal, plain
from prober.report import json as json_report
from prober.report import junit, text
from prober.result import RunResult
from prober.runner import Settings
from prober.scenario import Scenario, loads
from prober.verdict import judge
from tests.running import enforcing, ignoring, still

PATH = "--policies k8s/np.yaml --workloads 'the shop'"
SCENARIO = """\
summary: What is expected contradicts the policies
namespaces: {default: {}}
pods:
  default/api: {labels: {app: api}, ports: [8080]}
  default/db: {labels: {app: db}, ports: [5432]}
steps:
  - {name: policies, apply: ../k8s/np.yaml, expect: /abs/expectations.yaml}
"""
POLICY = """\

{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "db", "namespace": "default"},
 "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [

  {"from": [{"podSelector": {}}]}]}}
"""
TEXTS = {PATH: SCENARIO, "../k8s/np.yaml": POLICY, "/abs/expectations.yaml": "denied:\n- default/api -> default/db\n"}
FINDING = (
    "/abs/expectations.yaml:2: denied: expected denied, but default/api -> default/db:5432 is allowed; egress of "
    "default/api is open: no policy isolates it; ingress of default/db is isolated by default/db; allowed by "
    "default/db, rule 1; default/db, rule 1 is in ../k8s/np.yaml:5; correct the expectation or the policies"
)


def scenario() -> Scenario:
    """Return the scenario of two pods, a policy that allows what its author wants denied."""
    return loads(TEXTS, PATH)


def ran(patch: pytest.MonkeyPatch, says: object = enforcing) -> tuple[RunResult, Journal]:
    """Run it on a cluster in memory."""
    still(patch)
    log, one = Journal(), scenario()
    stop = threading.Event()
    cluster = FakeCluster(says)  # type: ignore[arg-type]
    runner.run([one], lambda: cluster, Settings(settle=2.0), log, lambda _: None, stop, run_id="r1", cluster_name="lab")
    return judge(log.events(), {PATH: one}), log


def test_contradiction_is_a_finding_and_the_cells_are_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding names flow, rule and the manifest's line; the cells pass by the oracle, and the exit code is 1."""
    result, _ = ran(monkeypatch)

    assert (FINDING,) == result.scenarios[0].intent
    assert {"PASS"} == {c.status for c in result.scenarios[0].cells}
    assert {"oracle"} == {c.by for c in result.scenarios[0].cells}
    assert 1 == result.exit_code() == result.exit_code(())
    assert result.proof.startswith("1 intent; proved 0 denials and 2 allows")


def test_enforcement_is_judged_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that isolates and is not enforced leaks, whatever its author expects."""
    monkeypatch.setitem(TEXTS, "../k8s/np.yaml", POLICY.replace('"ingress"', '"policyTypes": ["Egress"], "egress"'))
    monkeypatch.setitem(TEXTS, "../k8s/np.yaml", TEXTS["../k8s/np.yaml"].replace('"from"', '"to"'))
    monkeypatch.setitem(
        TEXTS, "../k8s/np.yaml", TEXTS["../k8s/np.yaml"].replace("{}}]", '{"matchLabels": {"a": "b"}}}]')
    )
    result, _ = ran(monkeypatch, ignoring)

    (leak,) = (c for c in result.scenarios[0].cells if c.status == "LEAK")
    assert "default/db -> default/api:8080" == str(leak.flow)
    assert "LEAK" == result.scenarios[0].status
    assert text.render(result).splitlines()[3].startswith("LEAK the shop")


def test_journal_alone_tells_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged again from the texts in the journal, the finding is the same; the json report keeps it too."""
    result, log = ran(monkeypatch)
    texts = log.events()[0].texts  # type: ignore[union-attr]

    assert result == judge(log.events(), {PATH: loads(texts, PATH)})
    page = json_report.render(result, [plain(e) for e in log.events()])
    assert result == json_report.read(page)[0]
    assert [FINDING] == json.loads(page)["scenarios"][0]["intent"]


def test_every_report_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As text it stands first under its scenario, to JUnit it is a failure; commands name the manifests by flags."""
    result, _ = ran(monkeypatch)
    lines = text.render(result, width=400).splitlines()

    assert lines[3].startswith(f"INTENT the shop ({PATH}): ")
    assert f"  intent: {FINDING}" == lines[4]
    assert '<failure message="/abs/expectations.yaml:2: ' in junit.render(result)
    cell = result.scenarios[0].steps[1].cells[0]
    assert f"prober explain {PATH} '{cell.flow}' --step 1" == text.explain_command(PATH, cell, 1)
    lab = replace(result, cluster="lab")
    assert f"prober run {PATH} --only '{cell.flow}' --settle 2s" == text.again_command(lab, PATH, cell)


def test_scenario_files_stay_strict() -> None:
    """What manifests may do, a scenario file may not: leave its directory, or declare a namespace of the cluster."""
    for text_, match in ((SCENARIO, "belongs to the cluster"), (SCENARIO.replace("default", "shop"), "leads out of")):
        with pytest.raises(Exception, match=match):
            loads({**TEXTS, "s.scenario.yaml": text_}, "s.scenario.yaml")


def test_name_is_that_of_the_manifests() -> None:
    """People call it by the last flag's file or directory."""
    names = {
        "--policies a --workloads b/c": "c",
        "--policies a --workloads -": "stdin",
        "--policies 'x y/all.yaml'": "all",
        "--policies .": ".",
    }
    for path, name in names.items():
        assert name == loads({**TEXTS, path: SCENARIO}, path).name
