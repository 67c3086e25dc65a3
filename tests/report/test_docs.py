"""The commands in docs/json-report.md, run as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from prober.evidence import EngineOnNode, Evidence, Image, StoredPolicy, digest
from prober.outcomes import Outcome, Verdict
from prober.report import json as report
from prober.result import ReadingResult
from tests.report.build import cell, run, scenario, step

TEXT = (Path(__file__).parents[2] / "docs" / "json-report.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4}(jq (?:.*\|\n {6})?.*)$", TEXT, re.MULTILINE)
STORED = {
    "metadata": {"uid": "7", "namespace": "x-payments", "name": "default-deny"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "note": "größe"},
}
REFUSED = ReadingResult(
    round=0, after=0.1, seconds=0.2, outcome=Outcome.REFUSED, verdict=Verdict.DENIED, doubt="", text="nc: refused"
)
RUN = run(
    scenario(step(cell("a/b -> c/d:80", observed="ALLOWED"), cell("a/b -> c/e:80", readings=(REFUSED,)))),
    evidence=Evidence(
        engines=(
            EngineOnNode(
                node="n1",
                engine="Calico",
                pod="kube-system/calico-node-1",
                ready=True,
                images=(Image(container="calico-node", image="c:v3", digest="c@sha256:1"),),
            ),
        ),
        policies=(StoredPolicy(scenario="s", step=1, policy="payments/deny", sha256=digest(STORED), stored=STORED),),
    ),
)

pytestmark = pytest.mark.skipif(not shutil.which("jq"), reason="needs jq")


def said(command: str, file: Path) -> str:
    done = subprocess.run(["sh", "-c", command.replace("FILE", str(file))], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "r.json"
    found.write_text(report.render(RUN))
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_command_answers(command: str, file: Path) -> None:
    """Every jq command of the page runs and finds something."""
    assert said(command, file).strip()


def test_hash_is_made_again_by_the_command_of_the_page(file: Path) -> None:
    """An auditor with jq and sha256sum gets the hash that the report tells."""
    (command,) = (c for c in COMMANDS if "sha256sum" in c)

    assert digest(STORED) == said(command, file).split()[0]
