"""Tests of scenarios/sample-app, the example of --policies and --workloads, with real packets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
FLAGS = ("--policies", "scenarios/sample-app/policies", "--workloads", "scenarios/sample-app")
PATIENCE = ("--timeout", "3s", "--settle", "120s", "--budget", "300s")  # other tests keep the machine busy


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand where the page does."""
    monkeypatch.chdir(ROOT)


def test_page_and_readme_say_what_validate_says(prober: Run) -> None:
    """What docs/workloads.md shows of the matrix and of the manifests is what comes out."""
    code, out, _ = prober("validate", *FLAGS)
    shown = (ROOT / "docs" / "workloads.md").read_text(encoding="utf-8")

    assert 0 == code
    lines = [line.strip() for line in out.splitlines()]
    said = [line[4:].strip() for line in shown.splitlines() if line.startswith("    ")]
    rows = [line for line in said if line.startswith("manifests: ") or re.fullmatch(r"[a-z]+/[a-z]+(?: +[.X])+", line)]
    assert 5 == len(rows)
    assert [] == [line for line in rows if line not in lines]
    assert "remarks:" not in lines
    assert 653 == 548 + 105 == int(lines[0].split(", ")[2].split()[0])


def test_every_workload_is_in_it(prober: Run) -> None:
    """Ten workloads at least, over three namespaces, and each of them is among the rows."""
    out = prober("validate", *FLAGS)[1]
    rows = {line.split()[2] for line in out.splitlines() if line.startswith("  ingress of ")}

    assert 13 == len(rows)
    assert {"shop", "data", "monitoring", "edge"} == {row.split("/")[0] for row in rows}


@pytest.mark.lab
def test_sample_app_is_green(prober: Run) -> None:
    """All that the policies say is proved, and all that is expected agrees with it."""
    code, out, _ = prober("run", *FLAGS, *PATIENCE)

    assert 0 == code
    assert "proved 548 denials and 105 allows on 2 nodes; skipped 0; left open 0" == out.splitlines()[1]


@pytest.mark.lab
@pytest.mark.parametrize(
    ("fault", "flow"),
    [
        ("ignore-except", "shop/payment -> ext/provider-internal:443"),
        ("ignore-ports", "edge/gateway -> shop/frontend:9090"),
        ("ignore-egress", "shop/payment -> ext/internet:443"),
        ("ignore-ingress", "ext/internet -> data/postgres:5432"),
    ],
)
def test_lies_are_found(fault: str, flow: str, prober: Run) -> None:
    """A lab that lies about one thing leaks where the sample has it."""
    code, out, _ = prober("run", *FLAGS, "--fault", fault, "--settle", "4s", "--timeout", "3s", "--only", flow)

    assert 1 == code
    assert f"LEAK {flow}: connected" in out
