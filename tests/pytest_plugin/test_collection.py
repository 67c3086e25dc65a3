"""Tests of how pytest collects scenario files: ids, markers, mistakes; and that nothing happens where there is none."""

from __future__ import annotations

import pytest

from prober import pytest_plugin, scenario
from tests.pytest_plugin.conftest import Session

LIGHT = """
import sys

def test_nothing_heavy_is_imported():
    assert "prober.pytest_plugin" in sys.modules
    heavy = ["prober.scenario", "prober.oracle", "prober.runner", "prober.report", "prober.cluster", "yaml"]
    assert [] == [name for name in heavy if name in sys.modules]
"""


def test_files_are_tests(session: Session) -> None:
    """A scenario file is one test, `PATH::NAME`; only files of that name are taken."""
    found = session("--collect-only", "-q", "s")

    found.stdout.fnmatch_lines(["s/deny.scenario.yaml::deny", "s/idle.scenario.yaml::idle", "2 tests collected*"])
    assert scenario.SUFFIX == pytest_plugin.SUFFIX


def test_cases_are_tests(session: Session, pytester: pytest.Pytester) -> None:
    """A file with several cases has a test for each, by the case's name."""
    above, _, step = (pytester.path / "s" / "idle.scenario.yaml").read_text().partition("steps:\n  - ")
    cases = "".join(f"  {name}: {{summary: {name}, steps: [{step.strip()}]}}\n" for name in ("one", "two"))
    (pytester.path / "s" / "several.scenario.yaml").write_text(f"{above}cases:\n{cases}")
    found = session("--collect-only", "-q", "s/several.scenario.yaml")

    assert ["one", "two"] == [line.partition("::")[2] for line in found.outlines if "::" in line], found.stdout.str()


@pytest.mark.parametrize(
    ("ids", "argv"),
    [
        (["s/deny.scenario.yaml::deny"], ["-k", "deny"]),
        (["s/deny.scenario.yaml::deny"], ["-m", "default-deny and smoke"]),
        (["s/idle.scenario.yaml::idle"], ["-m", "not smoke"]),
        (["s/idle.scenario.yaml::idle"], ["s/idle.scenario.yaml::idle"]),
    ],
)
def test_tests_are_selected(ids: list[str], argv: list[str], session: Session) -> None:
    """By -k, by tags, by id; the tags are registered, so that --strict-markers and -W error are content."""
    found = session(
        "--collect-only", "-q", "--strict-markers", "-W", "error", *argv, *([] if "::" in argv[0] else ["s"])
    )

    assert ids == [line for line in found.outlines if "::" in line], found.stderr.str()


def test_mistakes_are_errors_of_the_collection(session: Session, pytester: pytest.Pytester) -> None:
    """A faulty file, one against the oracle, a tag that pytest obeys: place and remedy, no traceback, no run."""
    good = (pytester.path / "s" / "deny.scenario.yaml").read_text()
    changes = {
        "typo": ("namespaces:", "namespace:"),
        "against": ("denied: [marketing/web -> payments/postgres], allowed", "denied"),
        "order": ("smoke]", "xfail]"),
    }
    for name, (old, new) in changes.items():
        (pytester.path / "s" / f"{name}.scenario.yaml").write_text(good.replace(old, new))
    found = session("s")

    text = found.stdout.str()
    found.assert_outcomes(errors=3)
    assert "s/typo.scenario.yaml:3: namespace: unknown key; did you mean `namespaces`?" in text
    assert "s/order.scenario.yaml:2: tags: to pytest the marker `xfail` is an order; choose another tag" in text
    assert "s/against.scenario.yaml:14: steps[0].expect.denied[0]: expected denied, but payments/postgres" in text
    assert "Traceback" not in text


def test_mistakes_are_errors_under_xdist(session: Session, pytester: pytest.Pytester) -> None:
    """All workers find the same mistake, which is told once, and the session is red."""
    (pytester.path / "s" / "typo.scenario.yaml").write_text("summmary: x")
    found = session("s/typo.scenario.yaml", "-n", "2")

    assert found.ret
    found.assert_outcomes(errors=1)


def test_nothing_is_done_without_scenarios(session: Session, pytester: pytest.Pytester) -> None:
    """Where no scenario is collected nothing heavy is imported, nothing is said, and no directory is made."""
    pytester.makepyfile(LIGHT)
    found = session("test_nothing_is_done_without_scenarios.py", "--basetemp", pytester.path / "base")

    found.assert_outcomes(passed=1)
    assert " prober " not in found.stdout.str()
    assert not (pytester.path / "base" / "prober").exists()


def test_wrong_option_is_told_before_anything_runs(session: Session) -> None:
    """A wrong option is pytest's exit 4 with one line."""
    found = session("s", "--prober-settle", "3")

    assert 4 == found.ret
    assert "ERROR: argument --prober-settle: '3' is not a duration: write" in found.stderr.str()
