"""Gives the tests in this folder their clusters."""

from tests.kube.fixtures import _own_cluster, kube_nft, kube_none, kube_steered, pytest_runtest_makereport

__all__ = ["_own_cluster", "kube_nft", "kube_none", "kube_steered", "pytest_runtest_makereport"]
