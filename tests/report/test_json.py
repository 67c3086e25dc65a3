"""Tests of prober.report.json and of the schema that ships with it."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from prober import journal
from prober.errors import InputError
from prober.outcomes import Outcome, Status, Verdict
from prober.report import json as report
from prober.result import RunResult
from tests.report.build import cell, run, scenario, step
from tests.report.strategies import runs

RUN = run(
    scenario(step(cell("payments/api -> dns/db.payments/tcp", agreed_after=None), cell("a/b -> c/d:53/udp/ipv6")))
)
EVENTS = [journal.plain(journal.Skipped(scenario="a", reason="größe \u2028")), {"event": "Later", "x": [1, None]}]


def schema() -> dict[str, Any]:
    return json.loads(files("prober").joinpath("result.schema.json").read_text())  # type: ignore[no-any-return]


def document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(report.render(RUN, EVENTS)), **changes}


@given(runs)
@settings(max_examples=150, deadline=None)
def test_result_comes_back_equal(result: RunResult) -> None:
    """Whatever a run found, its report is read back as the same run, and its document fits the schema."""
    text = report.render(result)

    assert (result, ()) == report.read(text)
    jsonschema.validate(json.loads(text), schema())


def test_journal_comes_back_equal() -> None:
    """The journal inside is read back event by event, those of kinds not known here too."""
    assert (RUN, tuple(EVENTS)) == report.read(report.render(RUN, EVENTS))
    jsonschema.validate(document(), schema())


def test_journal_stands_one_event_per_line() -> None:
    """A journal can be read with line tools, and the document is ASCII, so that no terminal and no pipe can harm it."""
    text = report.render(RUN, EVENTS)

    assert EVENTS[1] in [json.loads(line.strip(" ,")) for line in text.splitlines() if '{"event"' in line]
    assert text.isascii()
    assert text.endswith("}\n")


def test_flow_stands_as_text_and_as_parts() -> None:
    """A flow is its canonical text and its parts, so that nobody has to parse it."""
    found = document()["scenarios"][0]["steps"][0]["cells"]

    assert {
        "text": "payments/api -> dns/db.payments/tcp",
        "source": "payments/api",
        "target": "dns/db.payments",
        "port": 53,
        "protocol": "TCP",
        "family": "ipv4",
    } == found[0]["flow"]
    assert ("a/b -> c/d:53/udp/ipv6", "ipv6") == (found[1]["flow"]["text"], found[1]["flow"]["family"])


def test_first_lines_and_statuses_are_in_the_document() -> None:
    """Readers of the file find the banner, the proof line and each status without computing them."""
    found = document()

    assert (RUN.banner, RUN.proof) == (found["banner"], found["proof"])
    assert ("PASS", "PASS") == (found["scenarios"][0]["status"], found["scenarios"][0]["steps"][0]["status"])


def test_schema_is_a_schema_and_knows_every_word() -> None:
    """The shipped schema is valid, and its closed sets are those of the code."""
    found = schema()
    jsonschema.Draft202012Validator.check_schema(found)

    cells = found["$defs"]["cell"]["properties"]
    assert report.SCHEMA == found["properties"]["schema"]["const"]
    assert [*Verdict] == cells["expected"]["enum"] == cells["observed"]["enum"]
    assert {*Status} == {*cells["status"]["enum"]}
    assert [*Outcome, None] == cells["outcome"]["enum"]
    readings = found["$defs"]["reading"]["properties"]
    assert ([*Outcome], [*Verdict]) == (readings["outcome"]["enum"], readings["verdict"]["enum"])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"schema": "prober/result/2"}, id="version"),
        pytest.param({"more": 1}, id="unknown-key"),
        pytest.param({"nodes": -1}, id="negative"),
        pytest.param({"scenarios": [{}]}, id="empty-scenario"),
    ],
)
def test_schema_refuses(change: dict[str, Any]) -> None:
    """The schema refuses what is not a result of this version."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document(**change), schema())


def damaged(path: str, value: Any) -> str:
    """Return the document with one value replaced; `...` takes its key away."""
    found: Any = document()
    *way, last = path.split(".")
    at = found
    for key in way:
        at = at[int(key)] if key.isdecimal() else at[key]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return json.dumps(found)


CELL = "scenarios.0.steps.0.cells.1"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        pytest.param("f.json:1: not JSON", "", id="empty"),
        pytest.param("f.json:2: not JSON", '{"schema":\n', id="cut"),
        pytest.param("f.json: not JSON (NaN is no number)", damaged("seconds", float("nan")), id="nan"),
        pytest.param("f.json: nested too deep", "[" * 100_000, id="deep"),
        pytest.param("f.json: an object is expected, not [1]", "[1]", id="list"),
        pytest.param("f.json: schema: this is no result of prober", '{"a": 1}', id="other-json"),
        pytest.param("f.json: schema: this is no result of prober", damaged("schema", "cyclonus"), id="other-schema"),
        pytest.param(
            "it is written as 'prober/result/2', and this version of prober reads prober/result/1",
            damaged("schema", "prober/result/2"),
            id="later-version",
        ),
        pytest.param("f.json: run: a text is expected, and it is missing", damaged("run", ...), id="missing"),
        pytest.param("f.json: settings.a: a text is expected, not 1", damaged("settings", {"a": 1}), id="setting"),
        pytest.param("f.json: nodes: a whole number is expected, not 1.5", damaged("nodes", 1.5), id="whole"),
        pytest.param("f.json: nodes: a whole number is expected, not True", damaged("nodes", True), id="bool"),
        pytest.param("f.json: seconds: a number is expected, not '1'", damaged("seconds", "1"), id="number"),
        pytest.param("interrupted: true or false is expected", damaged("interrupted", 0), id="flag"),
        pytest.param("scenarios: a list is expected, not None", damaged("scenarios", None), id="no-list"),
        pytest.param("scenarios[0].tags: a list of texts", damaged("scenarios.0.tags", [1]), id="tags"),
        pytest.param("scenarios[0].steps[0]: an object", damaged("scenarios.0.steps", [7]), id="no-object"),
        pytest.param("cells[1].flow.text: there is no `->`", damaged(f"{CELL}.flow.text", "nonsense"), id="flow"),
        pytest.param("cells[1].status: 'FINE' is none of PASS,", damaged(f"{CELL}.status", "FINE"), id="status"),
        pytest.param("cells[1].outcome: a text is expected, not 3", damaged(f"{CELL}.outcome", 3), id="outcome"),
        pytest.param("cells[1].agreed_after: a number", damaged(f"{CELL}.agreed_after", "x"), id="agreed"),
        pytest.param("f.json: evidence.by: it is missing", damaged("evidence.by", ...), id="evidence"),
        pytest.param("evidence.clocks[0]: an object is", damaged("evidence.clocks", [1]), id="clocks"),
        pytest.param("evidence.cluster.uid: str is expected", damaged("evidence.cluster.uid", None), id="uid"),
        pytest.param("evidence.tools: an object is expected, of", damaged("evidence.tools", {"a": 1}), id="tools"),
        pytest.param("journal[0]: an object is expected", damaged("journal", ["x"]), id="journal"),
        pytest.param("not '" + "x" * 59 + "...", damaged("nodes", "x" * 100_000), id="long"),
    ],
)
def test_damaged_file_is_one_clear_mistake(message: str, text: str) -> None:
    """A file that is no result says what is wrong and where, in one line, whatever is in it."""
    with pytest.raises(InputError) as caught:
        report.read(text, "f.json")

    assert message in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())
    assert str(caught.value).startswith("f.json")


def test_every_key_is_in_the_docs() -> None:
    """docs/json-report.md names each key of the schema."""
    text = (Path(__file__).parents[2] / "docs" / "json-report.md").read_text(encoding="utf-8")
    found = schema()
    keys = {*found["properties"], *(k for d in found["$defs"].values() for k in d["properties"])} - {"event"}

    assert set() == {key for key in keys if not re.search(rf"\b{key}\b", text)}
