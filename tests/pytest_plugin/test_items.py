"""Tests of scenarios as tests, on a lab in memory: green, each kind of red, skipped, selected again, and reported."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.world import LEAKING
from tests.pytest_plugin.conftest import Session

SCTP = """\
summary: What nc cannot speak
namespaces: {shop: {}}
pods:
  shop/a: {ports: [80/sctp]}
  shop/b: {}
steps:
  - {name: nothing happens, expect: {allowed: [shop/b -> shop/a]}}
"""
WAIVERS = f"""\
waivers:
  - id: known
    cells: ["{LEAKING}"]
    reason: the plugin of this cluster is being replaced
    owner: network
    expires: 2999-12-31
"""


def test_green(quick: Session) -> None:
    """What is proved passes, and the session's end says on what and how much."""
    found = quick("s")

    found.assert_outcomes(passed=2)
    found.stdout.fnmatch_lines(
        [
            "*= prober =*",
            "lab: proves the policies, says nothing about any cluster",
            "proved 1 denial and 3 allows on 2 nodes; skipped 0; left open 0",
        ]
    )


def test_leak(quick: Session) -> None:
    """A leak's first line says so; then come the matrix, the reason, the command that makes it again, the evidence."""
    found = quick("s", "--prober-fault", "ignore-all", "-k", "deny")

    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(
        [
            "*_ deny _*",
            f"LEAK {LEAKING}: connected * of *; denied by payments/default-deny",
            "lab --fault ignore-all: lies on purpose, proves no policy, says nothing about any cluster",
            "*step 1 'default deny': 1 LEAK*",
            "*difference*",
            "*marketing/web * !",
            "*ran in marketing/web: nc *",
            f"*again: prober run s/deny.scenario.yaml --only '{LEAKING}' --fault ignore-all --settle 1s --hold 0",
            "*evidence:",
            "*a fake has no evidence",
            "journal: *deny.jsonl (`prober report` judges it again)",
            "1 LEAK; proved 0 denials and 1 allow on 2 nodes; skipped 0; left open 0",
            "FAILED s/deny.scenario.yaml::deny - Failed: LEAK *",
        ]
    )
    assert "Traceback" not in found.stdout.str()
    assert "proving.py" not in found.stdout.str()


@pytest.mark.parametrize(
    ("says", "first"),
    [
        ("broken", "BREAK payments/postgres -> marketing/web:80: timed out * of *"),
        ("mute", "UNKNOWN *"),
    ],
)
def test_other_failures(says: str, first: str, quick: Session, pytester: pytest.Pytester) -> None:
    """What breaks and what proves nothing fail too, and say which they are."""
    found = quick("s/deny.scenario.yaml", says=says)

    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*_ deny _*", first])


def test_narrowed(quick: Session) -> None:
    """`--prober-fail-on` says of what kind a failure must be, as `prober run --fail-on` does."""
    found = quick("s/deny.scenario.yaml", "--prober-fault", "ignore-all", "--prober-fail-on", "break")

    found.assert_outcomes(passed=1)


def test_waived(quick: Session, pytester: pytest.Pytester) -> None:
    """A known deviation does not fail a test that proves something else, and the session's end names it."""
    (pytester.path / "waivers.yaml").write_text(WAIVERS)
    found = quick("s/deny.scenario.yaml", "--prober-fault", "ignore-all", "--prober-waivers", "waivers.yaml")

    found.assert_outcomes(passed=1)
    found.stdout.fnmatch_lines(
        ["*proved 0 denials and 1 allow on 2 nodes; waived 1; *", "waiver known (network) waives *"]
    )


def test_skipped(quick: Session, pytester: pytest.Pytester) -> None:
    """What the cluster lacks skips a scenario, with the reason and the file; the others are proved."""
    (pytester.path / "s" / "sctp.scenario.yaml").write_text(SCTP)
    found = quick("s", "-rs")

    found.assert_outcomes(passed=2, skipped=1)
    found.stdout.fnmatch_lines(["SKIPPED [[]1[]] s/sctp.scenario.yaml:1: needs sctp, and nc speaks none"])


@pytest.mark.parametrize("workers", ["0", "2"])
def test_nothing_proved_is_red(workers: str, quick: Session, pytester: pytest.Pytester) -> None:
    """Where every scenario was skipped no test failed, and the session is red all the same."""
    (pytester.path / "s" / "sctp.scenario.yaml").write_text(SCTP)
    found = quick("s/sctp.scenario.yaml", "-n", workers)

    found.assert_outcomes(skipped=1)
    assert pytest.ExitCode.TESTS_FAILED == found.ret
    assert "nothing was proved" in found.outlines


def test_failed_ones_again(quick: Session) -> None:
    """`--lf` runs what failed, and nothing else."""
    quick("s", "-p", "cacheprovider", "--prober-fault", "ignore-all").assert_outcomes(passed=1, failed=1)
    found = quick("s", "-p", "cacheprovider", "--lf", "-v")

    found.assert_outcomes(passed=1)
    assert "s/deny.scenario.yaml::deny PASSED" in found.stdout.str()


def test_properties(quick: Session, pytester: pytest.Pytester) -> None:
    """junit.xml has each test's duration, its statuses counted, and how long it took to enforce; from workers too."""
    quick("s", "-n", "2", "--junitxml=out.xml", "--prober-fault", "ignore-all")
    cases = {c.get("name"): c for c in ET.fromstring((pytester.path / "out.xml").read_text()).iter("testcase")}  # noqa: S314 - our own text
    deny = {p.get("name"): p.get("value") for p in cases["deny"].iter("property")}

    assert ("lab --fault ignore-all", "LEAK", "1", "0") == tuple(
        deny[f"prober.{name}"] for name in ("cluster", "status", "LEAK", "BREAK")
    )
    assert float(cases["idle"].get("time") or 0) > 0
    idle = {p.get("name"): p.get("value") for p in cases["idle"].iter("property")}
    assert ("PASS", "0", "2") == tuple(idle[f"prober.{name}"] for name in ("status", "denials", "allows"))
    assert float(idle["prober.released_seconds"] or -1) >= 0
    assert (cases["deny"].find("failure").get("message") or "").startswith(f"Failed: LEAK {LEAKING}")  # type: ignore[union-attr]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_reports_of_all_workers_are_one(workers: str, quick: Session, pytester: pytest.Pytester) -> None:
    """`--prober-report` writes what all workers proved as one run, which `prober report` judges to the same result."""
    found = quick("s", "-n", workers, "--prober-report", "json=out.json", "--prober-report", "text=-")
    written = json.loads(Path("out.json").read_text())

    assert ["s/deny.scenario.yaml", "s/idle.scenario.yaml"] == [s["path"] for s in written["scenarios"]]
    assert {"PASS"} == {s["status"] for s in written["scenarios"]}
    assert ("", False) == (written["trouble"], written["interrupted"])
    assert "proved 1 denial and 3 allows on 2 nodes; skipped 0; left open 0" == written["proof"]
    assert any(line.startswith("PASS deny (s/deny.scenario.yaml): ") for line in found.outlines)
    assert "json report: out.json" in found.outlines
    again = pytester.run(sys.executable, "-m", "prober", "report", "out.json", "--format", "json")
    assert (0, written) == (again.ret, json.loads(again.stdout.str()))


def test_report_that_cannot_be_written_is_red(quick: Session, pytester: pytest.Pytester) -> None:
    """A report that is lost on the way is said, and the session is red."""
    (pytester.path / "test_unwritable.py").write_text("import shutil\ndef test_removes():\n    shutil.rmtree('gone')\n")
    (pytester.path / "gone").mkdir()
    found = quick("s", "test_unwritable.py", "--prober-report", "json=gone/out.json")

    assert pytest.ExitCode.TESTS_FAILED == found.ret
    assert "report gone/out.json: No such file or directory" in found.outlines
