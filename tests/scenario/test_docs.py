"""The reference page of the scenario file shows what is really read."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from prober.scenario import check, load, loads
from prober.scenario.reading import RULES
from tests.scenario.test_invalid import SCHEMA, as_json

PAGE = Path(__file__).parent.parent.parent / "docs" / "scenario-file.md"


def test_example_of_the_page_is_right() -> None:
    """The example loads, and the oracle agrees with it."""
    example, _ = _examples()

    assert () == check(loads({"page": example}, "page"))
    assert SCHEMA.is_valid(as_json(yaml.safe_load(example)))


def test_example_of_cases_is_right(tmp_path: Path) -> None:
    """It makes the cases that its text promises, and the oracle agrees with each."""
    _, example = _examples()
    (tmp_path / "page.scenario.yaml").write_text(example, encoding="utf-8")
    cases = load([tmp_path])

    assert {f"page#{peer}-{port}" for peer in ("pods-by-label", "nothing-of-z") for port in (80, 81)} == {
        c.name for c in cases
    }
    assert () == tuple(mistake for case in cases for mistake in check(case))
    assert SCHEMA.is_valid(as_json(yaml.safe_load(example)))


def test_rules_of_the_page_are_those_that_scenarios_may_name() -> None:
    """docs/semantics.md numbers its rules from 1 to the last that a scenario may name, none left out."""
    found = re.findall(r"(?m)^([0-9]+)\. ", (PAGE.parent / "semantics.md").read_text(encoding="utf-8"))

    assert [str(n) for n in range(1, RULES + 1)] == found


def _examples() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
