"""A run as JUnit XML, as CI servers read it: a suite for each scenario, a case for each of its steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from prober.outcomes import SEVERITY, Status, Verdict
from prober.report.text import FAILURES, again_command, cell_line, numbered
from prober.result import CellResult, RunResult, ScenarioResult, StepResult

# what XML 1.0 cannot hold, even escaped; and carriage returns and tabs, which attributes lose
_NOT_XML = re.compile("[^\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(result: RunResult) -> str:
    """Return the document; what is unknown is an error, what is wrong a failure."""
    root = Element("testsuites", name=_text(result.banner), time=f"{result.seconds:.3f}")
    for scenario in result.scenarios:
        root.append(_suite(result, scenario))
    if why := _why(result):
        suite = SubElement(root, "testsuite", name="prober")
        case = SubElement(suite, "testcase", classname="prober", name="the run", time=f"{result.seconds:.3f}")
        _add(case, "error", "interrupted" if result.interrupted else "trouble", "; ".join(why))
        _count(suite)
    _count(root)
    indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def _why(result: RunResult) -> list[str]:
    """Return what is wrong with the run as a whole, whatever its steps say: nothing proven is not green (rule 11)."""
    why = [result.trouble] if result.trouble else []
    if result.interrupted:
        why.append("interrupted: these are the results so far")
    if not result.proved(Verdict.DENIED) and not result.proved(Verdict.ALLOWED):
        why.append("nothing was proved")
    return why


def _suite(result: RunResult, scenario: ScenarioResult) -> Element:
    suite = Element(
        "testsuite",
        name=_text(scenario.name),
        timestamp=_text(result.started),
        time=f"{scenario.seconds:.3f}",
        file=_text(scenario.path),
    )
    properties = SubElement(suite, "properties")
    known = {"cluster": result.cluster, "version": result.version, "run": result.run, "proof": result.proof}
    for name, value in known.items():
        SubElement(properties, "property", name=name, value=_text(value))
    for remark in (*result.remarks, *scenario.remarks):
        SubElement(properties, "property", name="note", value=_text(remark))
    for number, step in numbered(scenario.steps):
        name = f"{number} {step.name}" if number else step.kind
        _judge(_case(suite, scenario, name, step.seconds), result, scenario, step)
    for finding in scenario.intent:
        _add(_case(suite, scenario, "intent", 0), "failure", "intent", finding)
    if scenario.skipped:
        _add(_case(suite, scenario, "the scenario", 0), "skipped", "", scenario.skipped)
    elif scenario.trouble:
        _add(_case(suite, scenario, "the scenario", 0), "error", "trouble", scenario.trouble, scenario.evidence)
    elif scenario.evidence:
        SubElement(suite, "system-out").text = _text(scenario.evidence)
    _count(suite)
    return suite


def _case(suite: Element, scenario: ScenarioResult, name: str, seconds: float) -> Element:
    return SubElement(suite, "testcase", classname=_text(scenario.name), name=_text(name), time=f"{seconds:.3f}")


def _judge(case: Element, result: RunResult, scenario: ScenarioResult, step: StepResult) -> None:
    """Add what the step found: one element, of the worst status, with all failing cells in it."""
    failing = sorted((c for c in step.cells if c.status in FAILURES), key=lambda c: SEVERITY.index(c.status))
    if failing:
        worst = failing[0].status
        more = f" (and {len(failing) - 1} more cells)" if len(failing) > 1 else ""
        kind = "error" if worst is Status.UNKNOWN else "failure"
        _add(case, kind, worst, cell_line(failing[0]) + more, _told(result, scenario, failing))
    elif step.status is Status.WAIVED:
        waived = [c for c in step.cells if c.status is Status.WAIVED]
        more = f" (and {len(waived) - 1} more cells)" if len(waived) > 1 else ""
        _add(case, "skipped", "", cell_line(waived[0]) + more, _told(result, scenario, waived))
    elif step.status is not Status.PASS:
        _add(case, "skipped", "", "nothing was asserted" if step.cells else "it has no cells")
    if step.kind == "step" and not step.witnessed:
        SubElement(case, "system-out").text = "it changes no verdict: it proves nothing"


def _told(result: RunResult, scenario: ScenarioResult, cells: Sequence[CellResult]) -> str:
    lines = []
    for cell in cells:
        lines += [cell_line(cell), *(f"  {line}" for line in cell.judgement.splitlines())]
        if cell.command:
            lines.append(f"  ran in {cell.flow.source}: {cell.command}")
        if again := again_command(result, scenario.path, cell):
            lines.append(f"  again: {again}")
    return "\n".join(lines)


def _add(case: Element, tag: str, kind: str, message: str, text: str = "") -> None:
    found = SubElement(case, tag, {"message": _text(message)} | ({"type": kind} if kind else {}))
    found.text = _text(text) or None


def _count(element: Element) -> None:
    """Write how many cases there are below, and how many of them failed."""
    counted = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    for attribute, tag in counted.items():
        element.set(attribute, str(sum(1 for _ in element.iter(tag))))


def _text(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
