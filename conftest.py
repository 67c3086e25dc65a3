"""What all tests share: the lab's tests fail with the remedy where the lab cannot run; none is skipped in silence."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]
collect_ignore = ["tests/data"]  # scenario files that are wrong on purpose are no tests of their own


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes: the rest runs beside it on the other worker."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session", autouse=True)
def _lab_can_run(request: pytest.FixtureRequest) -> None:
    """Stop at once, with the reason and the remedy, where tests of the lab are asked for and it cannot run."""
    if any(item.get_closest_marker("lab") for item in request.session.items):
        from prober.cluster.lab.preflight import require
        from prober.errors import LabUnavailableError

        try:
            require()
        except LabUnavailableError as error:
            pytest.exit(f"the lab cannot run here: {error}", returncode=3)
