"""The library in the lab: its covering part is green, and red where nothing is enforced; `.ci/run` runs all of it."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run
from tests.scenarios.test_library import LIBRARY, OURS

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("name", OURS)
def test_folder_is_green(name: str, prober: Run) -> None:
    """Every scenario of a folder that is tagged `smoke` is proved with real packets."""
    code, out, err = prober("run", LIBRARY / name, "--tag", "smoke", "--quiet", "--hold", "1", "--report", "json=-")

    assert 0 == code, err
    assert {"PASS"} == {s["status"] for s in json.loads(out)["scenarios"]}


@pytest.mark.parametrize("name", OURS)
def test_no_scenario_is_green_where_nothing_is_enforced(name: str, prober: Run) -> None:
    """A lab that ignores every policy leaves no scenario of a folder's covering part green."""
    lie = ("--fault", "ignore-all", "--settle", "1s")
    code, out, err = prober("run", LIBRARY / name, "--tag", "smoke", "--quiet", *lie, "--report", "json=-")

    assert 1 == code, err
    assert {"LEAK"} == {s["status"] for s in json.loads(out)["scenarios"]}
