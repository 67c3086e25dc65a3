"""The reference of the keys is what the schema says."""

from __future__ import annotations

from pathlib import Path

from prober.scenario.reference import page, schema

PAGE = Path(__file__).parent.parent.parent / "docs" / "scenario-keys.md"


def test_page_is_what_the_schema_says() -> None:
    """docs/scenario-keys.md is not edited; `python -m prober.scenario.reference > docs/scenario-keys.md` renews it."""
    assert page(schema()) == PAGE.read_text(encoding="utf-8")


def test_every_key_has_its_row_and_its_meaning() -> None:
    """No key of prober's own is left to be guessed: each has a description of its own or of its kind."""
    lines = page(schema()).splitlines()
    for name, one in {"": schema(), **schema()["$defs"]}.items():
        if name in ("", "pod", "service", "external", "node", "step"):
            for key in one["properties"]:
                (row,) = [r for r in _table(lines, name) if r.startswith(f"| `{key}`")]
                assert row.split("|")[3].strip(), f"{name}.{key} has no meaning"


def _table(lines: list[str], name: str) -> list[str]:
    begin = lines.index(f"## `{name}`" if name else "## The file") + 1
    end = next((i for i in range(begin, len(lines)) if lines[i].startswith("## ")), len(lines))
    return lines[begin:end]
