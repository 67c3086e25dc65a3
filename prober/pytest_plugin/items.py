"""Scenario files as pytest collects them: a file is a collector, each of its cases a test."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from prober.cli.choosing import checked
from prober.document import document
from prober.errors import InputError, Mistake, ProberError
from prober.pytest_plugin.session import ready
from prober.pytest_plugin.telling import failure, properties
from prober.scenario import CASE, Scenario

# a tag is a marker, and under these names pytest does something of its own: an xfail would turn a leak green
MEANINGFUL = ("filterwarnings", "parametrize", "skip", "skipif", "tryfirst", "trylast", "usefixtures", "xfail")


class ScenarioFile(pytest.File):
    """One scenario file; its mistakes are errors of the collection."""

    def collect(self) -> Iterator[pytest.Item]:
        path = _shown(self.path, self.config.invocation_params.dir)
        try:
            scenarios = checked([path])
            _require_plain_tags(scenarios, path)
        except ProberError as error:
            raise self.CollectError(str(error)) from None
        for scenario in scenarios:
            yield ScenarioItem.from_parent(self, name=scenario.name.rpartition(CASE)[2], scenario=scenario)


class ScenarioItem(pytest.Item):
    """One scenario, proved from its first control to its last."""

    def __init__(self, *, scenario: Scenario, **words: Any) -> None:
        super().__init__(**words)
        self.scenario = scenario
        for tag in scenario.tags:
            self.config.addinivalue_line("markers", f"{tag}: scenarios with this tag")
            self.add_marker(tag)

    def setup(self) -> None:
        """Reach the cluster; on a real one, wait for its canary."""
        ready(self.config)

    def runtest(self) -> None:
        prover = ready(self.config)
        proved = prover.prove(self.scenario)
        self.user_properties += properties(proved)
        if proved.scenario.skipped:
            raise pytest.skip.Exception(proved.scenario.skipped, _use_item_location=True)
        if told := failure(proved, prover.fail_on, verbose=self.config.get_verbosity() > 0):
            pytest.fail(told, pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name


def _shown(path: Path, here: Path) -> str:
    """Return a path as a person would type it here."""
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)


def _require_plain_tags(scenarios: Sequence[Scenario], file: str) -> None:
    for scenario in scenarios:
        if wrong := next((tag for tag in scenario.tags if tag in MEANINGFUL), ""):
            at = document(scenario.texts[file], file).entries().get("tags")
            what = f"to pytest the marker `{wrong}` is an order"
            line = at.line if at else 0  # a case's own are said with the file
            raise InputError((Mistake(file=file, line=line, key="tags", what=what, remedy="choose another tag"),))
