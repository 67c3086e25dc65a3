"""Tests of `prober doctor`."""

from __future__ import annotations

import pytest

from prober.cluster.lab import preflight
from prober.cluster.lab.preflight import Check
from tests.cli.conftest import Run

FINE = Check(name="programs", ok=True, detail="nft, nc, dig")
BAD = Check(name="sandbox", ok=False, detail="user namespaces are forbidden", remedy="run prober as root (sudo)")


@pytest.mark.parametrize(
    ("code", "out", "checks"),
    [
        pytest.param(0, "lab: can run here\n  ok    programs: nft, nc, dig\n", (FINE,), id="fine"),
        pytest.param(
            3,
            "lab: cannot run here\n  ok    programs: nft, nc, dig\n  FAIL  sandbox: user namespaces are forbidden\n"
            "        remedy: run prober as root (sudo)\n",
            (FINE, BAD),
            id="bad",
        ),
    ],
)
def test_doctor_tells_each_check(
    code: int, out: str, checks: tuple[Check, ...], prober: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check has its line, a failed one its remedy; exit 3 where the lab cannot run."""
    monkeypatch.setattr(preflight, "preflight", lambda: checks)

    assert (code, out, "") == prober("doctor")


@pytest.mark.lab
def test_doctor_tries_the_lab(prober: Run) -> None:
    """On a machine that can run the lab the doctor sends real packets and says so."""
    code, out, _ = prober("doctor")

    assert (0, "lab: can run here") == (code, out.splitlines()[0])
    assert "  ok    dropped probe: TIMED_OUT across nodes" in out.splitlines()
