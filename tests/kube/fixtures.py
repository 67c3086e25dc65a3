"""The clusters that tests ask for: one of each engine for all pytest workers, and one that a worker may steer."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest

from tests.kube.cluster import Cluster
from tests.kube.leftovers import left
from tests.kube.settings import Engine, Settings


def _run() -> str:
    """Return what all workers of this pytest run have in common, and no other run has."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", f"pid{os.getpid()}")[:12]


@pytest.fixture(scope="session")
def kube_none() -> Iterator[Cluster]:
    """A cluster on which nobody enforces policies; other workers use it too."""
    with Cluster(Settings(engine=Engine.NONE), name=f"{_run()}-none") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kube_nft() -> Iterator[Cluster]:
    """A cluster that drops what policies deny; other workers use it too, so nothing of it may be changed."""
    with Cluster(Settings(engine=Engine.NFT), name=f"{_run()}-nft") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _own_cluster() -> Iterator[Cluster]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "own")
    with Cluster(Settings(engine=Engine.NFT), name=f"{_run()}-{worker}") as cluster:
        yield cluster


@pytest.fixture
def kube_steered(_own_cluster: Cluster) -> Iterator[Cluster]:
    """A cluster of this worker alone, which enforces by drop at the start of each test; a test may do what it likes."""
    yield _own_cluster
    ended = _own_cluster.recover()
    assert dict.fromkeys(ended, -9) == ended, "a daemon ended of itself"
    assert [] == left(_own_cluster), "the next test would meet what this one left"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the daemons said last where a test that uses a cluster fails."""
    report = yield
    if report.when == "call" and report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Cluster):
                report.sections.append((f"cluster {value.name}", value.logs()))
    return report
