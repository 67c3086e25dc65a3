"""Gives the tests of the library the command line, and a real cluster."""

from tests.cli.conftest import prober, state
from tests.kube.fixtures import kube_nft, pytest_runtest_makereport

__all__ = ["kube_nft", "prober", "pytest_runtest_makereport", "state"]
