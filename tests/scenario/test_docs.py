"""The reference page of the scenario file shows what is really read."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from prober.scenario import check, loads
from tests.scenario.test_invalid import SCHEMA, as_json

PAGE = Path(__file__).parent.parent.parent / "docs" / "scenario-file.md"


def test_example_of_the_page_is_right() -> None:
    """The example loads, and the oracle agrees with it."""
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

    assert () == check(loads({"page": example}, "page"))
    assert SCHEMA.is_valid(as_json(yaml.safe_load(example)))
