"""tests/data/invalid holds one fault per file, and the file's name is the fault; MESSAGES.txt says what is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import prober
from prober.document import documents
from prober.errors import InputError
from prober.scenario import SUFFIX, load

DATA = Path(__file__).parent.parent / "data"
INVALID = DATA / "invalid"
SCENARIOS = Path(__file__).parent.parent.parent / "scenarios"
MESSAGES = {line.split(SUFFIX)[0]: line for line in (INVALID / "MESSAGES.txt").read_text(encoding="utf-8").splitlines()}
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((Path(prober.__file__).parent / "scenario.schema.json").read_text(encoding="utf-8"))
)

# What a schema cannot know: other parts of the file, other files, and how a number or a boolean was written.
BEYOND_SCHEMA = set((INVALID / "BEYOND_SCHEMA.txt").read_text(encoding="utf-8").split())


def as_json(value: Any) -> Any:
    """Return YAML's data as JSON has it: keys are text."""
    match value:
        case dict():
            return {str(k): as_json(v) for k, v in value.items()}
        case list():
            return [as_json(v) for v in value]
        case _:
            return value


@pytest.mark.parametrize("fault", sorted(p.name.removesuffix(SUFFIX) for p in INVALID.glob(f"*{SUFFIX}")))
def test_fault_is_one_mistake(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file has exactly one mistake, shown with its file, line, key and remedy."""
    monkeypatch.chdir(INVALID)
    with pytest.raises(InputError) as caught:
        load([Path(f"{fault}{SUFFIX}")])

    assert [MESSAGES[fault]] == [str(m) for m in caught.value.mistakes]
    assert caught.value.mistakes[0].remedy


def test_every_message_has_its_file() -> None:
    """The table speaks of no file that is gone."""
    assert {p.name.removesuffix(SUFFIX) for p in INVALID.glob(f"*{SUFFIX}")} == set(MESSAGES)


@pytest.mark.parametrize("fault", sorted(set(MESSAGES) - BEYOND_SCHEMA))
def test_schema_rejects_the_fault(fault: str) -> None:
    """An editor shows the fault too, wherever a schema can express it and the file is YAML at all."""
    content = (INVALID / f"{fault}{SUFFIX}").read_bytes()
    try:
        documents(content.decode(), fault)
    except (InputError, UnicodeDecodeError):
        return

    assert not SCHEMA.is_valid(as_json(yaml.safe_load(content)) if b"\n---" not in content else [])


@pytest.mark.parametrize("fault", sorted(BEYOND_SCHEMA))
def test_schema_cannot_know_the_fault(fault: str) -> None:
    """The list of what is beyond the schema holds nothing that the schema rejects after all."""
    assert SCHEMA.is_valid(as_json(yaml.safe_load((INVALID / f"{fault}{SUFFIX}").read_bytes())))


@pytest.mark.parametrize(
    "path", sorted([*(DATA / "valid").rglob(f"*{SUFFIX}"), *SCENARIOS.rglob(f"*{SUFFIX}")]), ids=lambda p: p.name
)
def test_schema_takes_valid_scenarios(path: Path) -> None:
    """What prober reads without a mistake, the schema takes too."""
    assert load([path])
    assert [] == [e.message for e in SCHEMA.iter_errors(as_json(yaml.safe_load(path.read_bytes())))]


def test_schema_is_a_schema() -> None:
    """The schema is valid JSON Schema 2020-12, and completes: every key has a description."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA.schema)
    keys: dict[str, Any] = SCHEMA.schema["properties"]  # type: ignore[index]

    assert [] == [k for k, v in keys.items() if "description" not in v and "$ref" not in v]
