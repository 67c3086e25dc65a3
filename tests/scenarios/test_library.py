"""The library under scenarios/: right without a packet, complete, and documented."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import jsonschema
import pytest
import yaml

from prober.scenario import SUFFIX, Scenario, check, load, matrix, planned_states
from prober.scenario.reference import schema
from tests.scenario.test_invalid import as_json

LIBRARY = Path(__file__).parents[2] / "scenarios"
FOLDERS = sorted(p.name for p in LIBRARY.iterdir() if any(p.glob(f"*{SUFFIX}")))
OURS = [name for name in FOLDERS if name != "seeds"]  # the seeds came first, and stay as they are
UPSTREAM = (Path(__file__).parents[1] / "data" / "e2e-netpol-v1.34.4.txt").read_text(encoding="utf-8").splitlines()


@cache
def folder(name: str) -> tuple[Scenario, ...]:
    return load([LIBRARY / name])


@pytest.mark.parametrize("name", FOLDERS)
def test_oracle_agrees_with_the_authors(name: str) -> None:
    """Every file of a folder is read without a mistake, and no expectation contradicts the specification."""
    assert () == tuple(mistake for scenario in folder(name) for mistake in check(scenario))


@pytest.mark.parametrize("name", OURS)
def test_every_scenario_says_what_it_is(name: str) -> None:
    """Each has its folder among its tags, a short summary without a full stop, and rules that it exercises."""
    for scenario in folder(name):
        assert name in scenario.tags, scenario.path
        assert re.fullmatch(r"[^.]{10,140}[^.]", scenario.summary), scenario.path
        assert scenario.rules, scenario.path


@pytest.mark.parametrize("name", OURS)
def test_every_step_is_expected_and_explained(name: str) -> None:
    """An author has written what each step should lead to, and why; between them the steps deny and allow."""
    for scenario in folder(name):
        assert [] == [s.name for s in scenario.steps if not s.expect or not s.because], scenario.path
        assert matrix(scenario, next(planned_states(scenario))[1]), scenario.path


def test_whole_library_has_one_name_each() -> None:
    """The library is read as one, as `prober run scenarios` does, and no two scenarios have the same summary."""
    found = load([LIBRARY])
    summaries = [s.summary for s in found]

    assert [] == sorted({s for s in summaries if summaries.count(s) > 1})


def test_shared_topologies_fit_the_schema() -> None:
    """An editor that is told `scenario.schema.json#/$defs/topology` takes every topology's file."""
    whole = schema()
    for path in LIBRARY.rglob("*.topology.yaml"):
        found = as_json(yaml.safe_load(path.read_bytes()))
        jsonschema.validate(found, {**whole["$defs"]["topology"], "$defs": whole["$defs"]})


def test_smoke_covers_every_rule() -> None:
    """What CI asks of a real cluster, the scenarios tagged `smoke`, exercises each rule that any scenario does."""
    found = [scenario for name in OURS for scenario in folder(name)]

    assert {rule for s in found for rule in s.rules} == {rule for s in found if "smoke" in s.tags for rule in s.rules}


def test_kubernetes_suite_is_complete() -> None:
    """Each case of the e2e suite is one file, whose first line says which it is."""
    named = [path.read_text(encoding="utf-8").splitlines()[0] for path in (LIBRARY / "e2e").glob("*.scenario.yaml")]

    assert 48 == len(UPSTREAM)
    assert sorted(f"# Kubernetes e2e, {line}" for line in UPSTREAM) == sorted(named)


def test_readme_lists_the_folders() -> None:
    """Every folder has a row in scenarios/README.md, and every row a folder; their counts are right."""
    page = (LIBRARY / "README.md").read_text(encoding="utf-8")

    assert {name: len(folder(name)) for name in FOLDERS} == {
        name: int(count) for name, count in re.findall(r"(?m)^\| `([-a-z0-9]+)/` \| +([0-9]+) \|", page)
    }
