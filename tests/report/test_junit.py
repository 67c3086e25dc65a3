"""Tests of prober.report.junit."""

from __future__ import annotations

from dataclasses import replace
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given, settings

from prober.outcomes import Status
from prober.report.junit import render
from prober.result import RunResult, ScenarioResult
from tests.report.build import cell, run, scenario, step
from tests.report.strategies import runs

LEAKED = cell("marketing/web -> payments/postgres:5432", "DENIED", "ALLOWED")
BROKEN = cell("payments/api -> payments/postgres:5432", "ALLOWED", "DENIED")
FLAKY = cell("payments/api -> payments/postgres:5432", "ALLOWED", status=Status.FLAKY)
UNKNOWN = cell("payments/api -> payments/postgres:5432", "ALLOWED", "UNKNOWN")
DENIED = cell("marketing/web -> payments/api:8080")
OPEN = cell("payments/api -> ext/partner:443", "UNKNOWN", "ALLOWED")


def parsed(result: RunResult) -> Element:
    return fromstring(render(result).encode())  # noqa: S314 - our own text


def suite(found: ScenarioResult) -> Element:
    root = parsed(run(found, scenario(step(DENIED))))
    return root[0]


def test_suite_for_each_scenario_and_case_for_each_step() -> None:
    """A scenario is a suite with its path, a step a case with its number, a control a case with its kind."""
    found = scenario(
        step(DENIED, name="control", kind="control"),
        step(DENIED, name="deny"),
        step(DENIED, name="allow", seconds=0.25),
        step(DENIED, name="restore", kind="restore"),
    )
    root = parsed(run(found, scenario(step(DENIED), name="other")))

    assert ["default-deny", "other"] == [s.get("name") for s in root]
    assert "scenarios/default-deny.scenario.yaml" == root[0].get("file")
    assert [("control", "2.100"), ("1 deny", "2.100"), ("2 allow", "0.250"), ("restore", "2.100")] == [
        (c.get("name"), c.get("time")) for c in root[0].iter("testcase")
    ]
    assert {"default-deny"} == {c.get("classname") for c in root[0].iter("testcase")}


@pytest.mark.parametrize(
    ("tag", "kind", "cells"),
    [
        pytest.param("failure", "LEAK", [DENIED, LEAKED], id="leak"),
        pytest.param("failure", "BREAK", [BROKEN], id="break"),
        pytest.param("failure", "FLAKY", [FLAKY], id="flaky"),
        pytest.param("error", "UNKNOWN", [UNKNOWN, DENIED], id="unknown"),
        pytest.param("failure", "LEAK", [UNKNOWN, BROKEN, LEAKED, FLAKY], id="worst"),
        pytest.param("skipped", None, [OPEN], id="open"),
        pytest.param("skipped", None, [], id="no-cells"),
    ],
)
def test_worst_cell_decides(tag: str, kind: str | None, cells: list[object]) -> None:
    """LEAK, BREAK and FLAKY are failures, UNKNOWN is an error, nothing asserted is skipped; the worst one decides."""
    (case,) = suite(scenario(step(*cells))).iter("testcase")  # type: ignore[arg-type]
    (found,) = case

    assert (tag, kind) == (found.tag, found.get("type"))


def test_failure_names_the_first_cell_and_tells_all() -> None:
    """The message is the worst cell's line and counts the others; the text has each with reason and reproduction."""
    (failure,) = suite(scenario(step(BROKEN, LEAKED))).iter("failure")

    assert (
        "LEAK marketing/web -> payments/postgres:5432: connected 4 of 4; denied by payments/default-deny"
        " (and 1 more cells)"
    ) == failure.get("message")
    assert """\
LEAK marketing/web -> payments/postgres:5432: connected 4 of 4; denied by payments/default-deny
  marketing/web -> payments/postgres:5432 is denied
  ingress of payments/postgres is isolated by payments/default-deny
  ran in marketing/web: nc -w 1 10.244.0.2 5432
  again: prober run scenarios/default-deny.scenario.yaml --only 'marketing/web -> payments/postgres:5432'
BREAK payments/api -> payments/postgres:5432: timed out 4 of 4; no policy isolates it""" == "\n".join(
        (failure.text or "").splitlines()[:6]
    )


def test_passed_step_has_nothing_below_it() -> None:
    """A case that passed is empty; an unwitnessed step says that it proves nothing."""
    passed, idle = suite(scenario(step(DENIED), step(DENIED, witnessed=False))).iter("testcase")

    assert [] == list(passed)
    assert ["it changes no verdict: it proves nothing"] == [e.text for e in idle]


def test_remarks_are_properties() -> None:
    """What no verdict says stands with every suite: the run's and the scenario's own."""
    result = run(scenario(step(DENIED), remarks=("others count",)), remarks=("not covered: n3 is cordoned",))
    notes = [p.get("value") for p in parsed(result).iter("property") if p.get("name") == "note"]

    assert ["not covered: n3 is cordoned", "others count"] == notes


def test_skip_and_trouble_have_their_reasons() -> None:
    """A skipped scenario is a skipped case, one that something stopped an error with the evidence."""
    skipped = suite(scenario(skipped="needs sctp")).find("testcase/skipped")
    error = suite(scenario(step(DENIED), trouble="the lab died", evidence="its last words")).find(
        "testcase[@name='the scenario']/error"
    )

    assert skipped is not None
    assert error is not None
    assert "needs sctp" == skipped.get("message")
    assert ("trouble", "the lab died", "its last words") == (error.get("type"), error.get("message"), error.text)


@pytest.mark.parametrize(
    ("message", "result"),
    [
        pytest.param("out of disk", run(scenario(step(DENIED)), trouble="out of disk"), id="trouble"),
        pytest.param("interrupted: these", run(scenario(step(DENIED)), interrupted=True), id="interrupted"),
        pytest.param("nothing was proved", run(scenario(skipped="needs sctp")), id="all-skipped"),
        pytest.param("nothing was proved", run(), id="nothing"),
    ],
)
def test_run_without_proof_is_an_error(message: str, result: RunResult) -> None:
    """Trouble, interruption and a run that proved nothing are an error of a suite of their own: never all green."""
    error = parsed(result).find("testsuite[@name='prober']/testcase/error")

    assert error is not None
    assert message in (error.get("message") or "")


def test_good_run_has_no_suite_of_its_own() -> None:
    """A run that proved something and came to its end has scenarios only."""
    assert ["default-deny"] == [s.get("name") for s in parsed(run(scenario(step(DENIED))))]


def test_counts_add_up() -> None:
    """Tests, failures, errors and skips are counted per suite and in all."""
    root = parsed(run(scenario(step(LEAKED), step(UNKNOWN), step(DENIED)), scenario(skipped="why")))

    keys = ("tests", "failures", "errors", "skipped")
    assert [["3", "1", "1", "0"], ["1", "0", "0", "1"]] == [[s.get(k) for k in keys] for s in root]
    assert ["4", "1", "1", "1"] == [root.get(k) for k in keys]


def test_properties_say_what_was_proved_where() -> None:
    """Every suite carries cluster, version, run and the proof line."""
    result = run(scenario(step(DENIED)))

    assert {"cluster": "lab", "version": "0.1.0", "run": result.run, "proof": result.proof} == {
        p.get("name"): p.get("value") for p in parsed(result).iter("property")
    }


@given(runs)
@settings(max_examples=100, deadline=None)
def test_document_is_valid_xml_whatever_is_in_it(result: RunResult) -> None:
    """No name, reason or evidence makes a document that does not parse."""
    assert len(result.scenarios) <= len(parsed(result))


def test_hostile_text_arrives_as_text() -> None:
    """Markup is text, what XML cannot hold is replaced, and letters stay."""
    hostile = replace(LEAKED, reason="<b>&\x00\x1b\ud800größe]]>")
    (failure,) = suite(scenario(step(hostile))).iter("failure")

    assert "<b>&\ufffd\ufffd\ufffdgröße]]>" in (failure.get("message") or "")


def test_waived_step_is_skipped_and_never_passed() -> None:
    """What is waived is neither a failure nor a success: the case is skipped, with the waived cells in it."""
    waived = replace(LEAKED, status=Status.WAIVED, reason="LEAK waived by known: connected 4 of 4")
    (skipped,) = suite(scenario(step(waived, DENIED))).iter("skipped")

    assert "WAIVED marketing/web -> payments/postgres:5432: LEAK waived by known" in (skipped.get("message") or "")
