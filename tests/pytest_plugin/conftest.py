"""What the tests of the plugin share: pytest as a process of its own, on the lab or on a lab in memory."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.cli.world import written

ROOT = Path(__file__).parents[2]
IN_MEMORY = """
from prober.cli import backend
from tests.cli.world import FakeLab, {says}

FakeLab.says = staticmethod({says})
backend.LabCluster = FakeLab
"""

Session = Callable[..., pytest.RunResult]


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Return a function that runs pytest beside two scenarios, in a process of its own."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    (pytester.path / "s").mkdir()
    written(pytester.path / "s")

    def run(*argv: str | Path, within: float = 120) -> pytest.RunResult:
        return pytester.runpytest_subprocess(*loaded(), "-p", "no:cacheprovider", *map(str, argv), timeout=within)

    return run


@pytest.fixture
def quick(session: Session, pytester: pytest.Pytester) -> Session:
    """Return a function that does the same on a lab in memory, which enforces, or says what it is told to."""

    def run(*argv: str | Path, says: str = "enforcing") -> pytest.RunResult:
        pytester.makeconftest(IN_MEMORY.format(says=says))
        return session("--prober-hold", "0", "--prober-settle", "1s", *argv)

    return run


def loaded() -> tuple[str, ...]:
    """Return what loads the plugin where this package was installed before it had its entry point."""
    known = entry_points(group="pytest11")
    return () if any(e.value == "prober.pytest_plugin" for e in known) else ("-p", "prober.pytest_plugin")
