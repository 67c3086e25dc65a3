"""The pytest plugin: `*.scenario.yaml` are tests, and tests in Python get fixtures that prove policies.

It is loaded into every pytest where prober is installed: nothing heavy is imported before a scenario is there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from prober.pytest_plugin import options
from prober.pytest_plugin.session import CONCLUSION, conclude, leave, ready

if TYPE_CHECKING:
    from prober.pytest_plugin.proving import Prover
    from prober.pytest_plugin.topology import TopologyUnderTest
    from prober.result import ScenarioResult

SUFFIX = ".scenario.yaml"  # as prober.scenario has it, which is not imported for nothing


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flags of `prober run`."""
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse wrong options before anything is collected."""
    options.check(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take scenario files."""
    if not file_path.name.endswith(SUFFIX):
        return None
    from prober.pytest_plugin.items import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail a test that passed without having asserted what it set up: it proved nothing."""
    found = yield
    topology = cast("TopologyUnderTest | None", pyfuncitem.funcargs.get("prober_topology"))
    if topology is not None:
        topology.require_asserted()
    return found


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Leave the cluster; once all of xdist's workers have left it too, say what was proved."""
    leave(session.config)
    yield
    conclude(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say on which cluster what was proved."""
    if lines := config.stash.get(CONCLUSION, ()):
        terminalreporter.section("prober")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def prober_cluster(pytestconfig: pytest.Config) -> Prover:
    """The cluster of `--cluster`, reached, and proved to enforce at all where it is a real one."""
    return ready(pytestconfig)


@pytest.fixture
def prober_topology(prober_cluster: Prover, request: pytest.FixtureRequest) -> TopologyUnderTest:
    """An empty topology to put pods and policies into; each assertion on it is a proof."""
    from prober.pytest_plugin.topology import TopologyUnderTest

    return TopologyUnderTest(prober_cluster, name=request.node.name, beside=request.path.parent)


@pytest.fixture
def prober_scenario(prober_cluster: Prover, request: pytest.FixtureRequest) -> Callable[[str | Path], ScenarioResult]:
    """A function that proves a scenario file, named as seen from the test's directory, and returns its result."""

    def prove(file: str | Path) -> ScenarioResult:
        __tracebackhide__ = True
        return prober_cluster.require_file(request.path.parent / file)

    return prove
