"""`prober faults`: which scenarios notice which lies, and what its exit code says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prober.catching import every_fault
from prober.report import catches
from tests.cli.conftest import Run

SEEDS = Path(__file__).parents[2] / "scenarios" / "seeds"
BLIND = """\
summary: A policy that allows everything notices no lie about denials
namespaces: {shop: {}}
pods:
  shop/a: {ports: [80]}
  shop/b: {ports: [80]}
steps:
  - name: all is open
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: open, namespace: shop}
      spec: {podSelector: {}, ingress: [{}]}
"""


@pytest.fixture
def blind(tmp_path: Path) -> Path:
    """Return a scenario that notices little."""
    path = tmp_path / "blind.scenario.yaml"
    path.write_text(BLIND)
    return path


def test_a_wrong_fault_is_wrong_use(prober: Run, blind: Path) -> None:
    """A fault that the lab does not have is exit 2, before anything is sent."""
    code, _, err = prober("faults", blind, "--fault", "ignore-nothing")
    assert (2, True) == (code, "no such fault" in err)


@pytest.mark.lab
def test_the_seeds_notice_every_fault(prober: Run) -> None:
    """For every fault of the lab at least one scenario of the library does not stay as it was."""
    code, out, _ = prober("faults", SEEDS, "--format", "json", "--quiet")
    found = json.loads(out)
    assert [str(f) for f in every_fault()] == [f["fault"] for f in found["faults"] if f["caught"]]
    assert (0, catches.SCHEMA, True) == (code, found["schema"], found["caught"])


@pytest.mark.lab
def test_what_nobody_notices_is_exit_1(prober: Run, blind: Path) -> None:
    """A scenario without denials cannot notice that nothing is enforced; a dead listener it does notice."""
    code, out, err = prober("faults", blind, "--fault", "ignore-all", "--fault", "dead-listener", "--all")
    assert (1, True) == (code, "1 of 2 faults noticed" in out)
    assert {"prober: ignore-all: NOT noticed", "prober: dead-listener: noticed"} == set(err.splitlines())
    assert "MISSED  ignore-all     must give: LEAK; no scenario has a cell that it could change" in out
    assert f"{'blind'} {' .'} {' X'}" in out
