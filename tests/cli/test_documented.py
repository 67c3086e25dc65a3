"""The commands in docs/, run as they stand there: those that begin with `$ prober`, one page after the other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import Run

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("reports.md", "waivers.md")
FILES = re.compile(r"^ {4}# (\S+\.yaml)\n((?: {4}.*\n)+)", re.MULTILINE)
CALLED = re.compile(r"^ {4}\$ prober (.*?)(?: +# exit ([0-9]))?$", re.MULTILINE)


@pytest.mark.usefixtures("scenarios", "lab")
@pytest.mark.parametrize("page", PAGES)
def test_commands_of_the_page(page: str, prober: Run) -> None:
    """Each command does what the page says, with exit code 0 or the one that stands beside it."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, content in FILES.findall(text):
        Path(name).write_text(dedent(content), encoding="utf-8")
    calls = CALLED.findall(text)

    assert calls
    for command, code in calls:
        found, out, err = prober(*shlex.split(command))
        assert int(code or 0) == found, f"{command}\n{out}\n{err}"
