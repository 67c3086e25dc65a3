"""What the tests of the command line share: a state directory of their own, scenarios, and a lab in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prober.cli import backend, main
from prober.cluster.fake import Says
from tests.cli.world import FakeLab, written
from tests.kube.fixtures import _own_cluster, kube_nft, kube_none, kube_steered

__all__ = ["Run", "_own_cluster", "kube_nft", "kube_none", "kube_steered", "lab", "prober", "scenarios", "state"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep journals out of the user's own directory; return where they go."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path / "state" / "prober"


@pytest.fixture
def scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the scenarios and stand beside them; return their directory's name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s").mkdir()
    return written(Path("s"))


@pytest.fixture
def prober(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command line: exit code, stdout, stderr.

    Without rounds of holding, unless they are asked for: each costs a second.
    """

    def run(*argv: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        quick = ["--hold", "0"] if argv[:1] == ("run",) and "--hold" not in argv else []
        code = main([*map(str, argv), *quick])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Callable[[Says], None]:
    """Put a lab in memory where the lab is; return a function that changes what it says."""
    monkeypatch.setattr(backend, "LabCluster", FakeLab)
    return lambda says: monkeypatch.setattr(FakeLab, "says", staticmethod(says))
