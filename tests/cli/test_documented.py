"""The commands in docs/, run as they stand there: those that begin with `$ prober`, one page after the other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Run

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("reports.md",)
CALLED = re.compile(r"^ {4}\$ prober (.*?)(?: +# exit ([0-9]))?$", re.MULTILINE)


@pytest.mark.usefixtures("scenarios", "lab")
@pytest.mark.parametrize("page", PAGES)
def test_commands_of_the_page(page: str, prober: Run) -> None:
    """Each command does what the page says, with exit code 0 or the one that stands beside it."""
    calls = CALLED.findall((DOCS / page).read_text(encoding="utf-8"))

    assert calls
    for command, code in calls:
        found, out, err = prober(*shlex.split(command))
        assert int(code or 0) == found, f"{command}\n{out}\n{err}"
