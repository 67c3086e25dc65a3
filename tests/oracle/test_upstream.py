"""The truth tables that other suites expect, held against the oracle and against the naive evaluator."""

from __future__ import annotations

import re

import pytest

from tests.oracle.plants import ORACLE, SHARED, Plant
from tests.oracle.upstream import DATA, MISTAKES, SUITES, Case, cases, disagreements, parameters

_QUICK = (MISTAKES, *(suite for suite in SUITES if suite != "cyclonus"))  # the cases of cyclonus ask most


@pytest.mark.parametrize("case", parameters(*SUITES))
def test_whoever_reads_the_specification_comes_to_what_the_suite_expects(case: Case) -> None:
    """Oracle, matrix and naive evaluator rule each flow as the case does."""
    assert [] == disagreements(case)


@pytest.mark.parametrize("bug", [*SHARED, *ORACLE], ids=str)
def test_the_suites_find(bug: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the oracle, or in what oracle and lab share, contradicts what some case expects."""
    bug.plant(monkeypatch)
    assert any(disagreements(case) for suite in _QUICK for case in cases(suite))


def test_the_readme_counts_the_cases() -> None:
    """The table of sources names each suite with as many cases as it has."""
    told = re.findall(r"^\| `(\S+)` \|.*\| (\d+) \|", (DATA / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {suite: len(cases(suite)) for suite in SUITES} == {suite: int(count) for suite, count in told}
