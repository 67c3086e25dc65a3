"""What a failed stage of the lab means on this machine, and its remedy; it reads facts and tries nothing."""

from __future__ import annotations

from prober.errors import ClusterError, LabUnavailableError


def unavailable(stage: str, code: int, text: str) -> ClusterError:
    """Return the error that tells a user why a stage failed."""
    if stage in ("unshare", "uid-map", "mount", "start"):
        return LabUnavailableError(f"{stage}: {text} ({code})", "run as root")
    return ClusterError(f"{stage}: {text}")
