"""`prober doctor`: whether the lab can run on this machine, part by part, and what helps."""

from __future__ import annotations

from prober.cli.output import say
from prober.errors import ClusterError


def doctor() -> int:
    """Try every part of the lab once and say what came out."""
    from prober.cluster.lab.preflight import preflight

    checks = preflight()
    fine = all(check.ok for check in checks)
    lines = [f"lab: {'can run here' if fine else 'cannot run here'}"]
    for check in checks:
        lines.append(f"  {'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}")
        if check.remedy:
            lines.append(f"        remedy: {check.remedy}")
    say("\n".join(lines) + "\n")
    return 0 if fine else ClusterError.exit_code
