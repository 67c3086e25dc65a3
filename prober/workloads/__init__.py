"""Somebody's own manifests as a scenario: workloads, Services and policies as they are in a repository."""

from prober.workloads.making import Manifests, Request, read
from prober.workloads.remarks import Remark
from prober.workloads.sorting import Listed
from prober.workloads.sources import STDIN

__all__ = ["STDIN", "Listed", "Manifests", "Remark", "Request", "read"]
