"""Tests of the canary under pytest: once in a session, whoever comes first; red for everybody where it is."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.conftest import Session

CONFTEST = """
import os
from contextlib import contextmanager
from pathlib import Path

from prober import canary
from prober.cli.backend import Backend
from prober.errors import ClusterError
from prober.pytest_plugin import proving
from tests.cli.world import FakeLab, {says}

FakeLab.says = staticmethod({says})
OPENED = Path(__file__).with_name("opened")

class Watched(FakeLab):
    def open(self, topology):
        with OPENED.open("a") as file:
            print(topology.namespaces[0].name, os.getpid(), file=file)
        return super().open(topology)

def close():
    if {left!r}:
        raise ClusterError({left!r})

@contextmanager
def chosen(args):
    yield Backend(name="kube: fake", run_id=f"run{{os.getpid()}}", make=Watched, close=close,
                  canaries=canary.canaries(2), uncovered=("n9 is a Windows node",))

proving.chosen = chosen
"""


def opened(pytester: pytest.Pytester) -> list[str]:
    """Return the first namespace of each topology that was opened."""
    return sorted(line.split()[0] for line in (pytester.path / "opened").read_text().splitlines())


@pytest.mark.parametrize("workers", ["0", "3"])
def test_one_canary_a_session(workers: str, session: Session, pytester: pytest.Pytester) -> None:
    """However many workers there are, one of them proves the nodes, the others take its word."""
    pytester.makeconftest(CONFTEST.format(says="enforcing", left=""))
    found = session("s", "-n", workers, "--prober-hold", "0")

    found.assert_outcomes(passed=2)
    assert ["canary", "payments", "shop"] == opened(pytester)
    found.stdout.fnmatch_lines(["cluster: kube: fake", "proved 9 denials and 7 allows on 2 nodes*", "note: *n9 is a *"])
    assert 1 == sum("n9 is a Windows node" in line for line in found.outlines)


def test_red_canary_is_everybody_s_error(session: Session, pytester: pytest.Pytester) -> None:
    """Where nobody enforces no scenario is asked, and every test says so, without a traceback."""
    pytester.makeconftest(CONFTEST.format(says="leaking", left=""))
    found = session("s", "-n", "2", "--prober-settle", "1s")

    found.assert_outcomes(errors=2)
    found.stdout.fnmatch_lines(["LEAK canary: nobody enforces network policies on this cluster; *", "kube: fake"])
    assert ["canary"] == opened(pytester)
    assert "Traceback" not in found.stdout.str()


def test_what_stays_on_the_cluster_is_red(session: Session, pytester: pytest.Pytester) -> None:
    """What could not be removed at the end is told, and a session without a failed test is red for it."""
    pytester.makeconftest(CONFTEST.format(says="enforcing", left="namespace pr-1-shop is not gone"))
    found = session("s/idle.scenario.yaml", "--prober-hold", "0")

    found.assert_outcomes(passed=1)
    assert pytest.ExitCode.TESTS_FAILED == found.ret
    assert "clean-up: namespace pr-1-shop is not gone" in found.outlines
