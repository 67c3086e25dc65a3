"""Gives the tests in this folder their clusters, and a way into them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prober.cluster.kube import Kubernetes
from tests.cluster.kube.proving import reach
from tests.kube.cluster import Cluster
from tests.kube.fixtures import _own_cluster, kube_nft, kube_none, kube_steered, pytest_runtest_makereport

__all__ = ["_own_cluster", "kube_nft", "kube_none", "kube_steered", "pytest_runtest_makereport"]


@pytest.fixture(scope="module")
def kubernetes(kube_nft: Cluster) -> Iterator[Kubernetes]:
    """A way into the cluster that all workers share; what a module's tests leave is awaited until it is gone."""
    found = reach(kube_nft)
    yield found
    found.close()
