"""All formats tell the same: one result in, the same figures out of every one of them."""

from __future__ import annotations

import json as plain_json
import re
from collections import Counter
from collections.abc import Callable
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given, settings

from prober.outcomes import Status
from prober.report import html, json, junit, markdown, prometheus, text
from prober.result import RunResult
from tests.report.html.test_html import Reader
from tests.report.strategies import runs
from tests.report.test_markdown import table
from tests.report.test_prometheus import samples

Figures = tuple[str, Counter[str] | None]  # the proof line, and the cells by status where the format tells them


def of_html(result: RunResult) -> Figures:
    page = Reader(html.render(result)).text()
    reading = page[page.index("How to read this") :]
    cells = Counter({s: int(n) for s, n in re.findall(rf"\b({'|'.join(Status)}) ([0-9]+) ", reading)})
    assert {*Status} == {*cells}, "zeros are told too"
    return result.proof if result.proof in page else "", +cells


def of_json(result: RunResult) -> Figures:
    found = plain_json.loads(json.render(result))
    cells: Counter[str] = Counter()
    for scenario in found["scenarios"]:
        for step in scenario["steps"]:
            cells.update(c["status"] for c in step["cells"] if step["kind"] == "step" or c["status"] != "PASS")
    return found["proof"], cells


def of_junit(result: RunResult) -> Figures:
    root = fromstring(junit.render(result))  # noqa: S314 - our own text
    proofs = {p.get("value") for p in root.iter("property") if p.get("name") == "proof"}
    assert 1 >= len(proofs)
    return (proofs.pop() or "") if proofs else result.proof, None


def of_markdown(result: RunResult) -> Figures:
    page = markdown.render(result)
    (proof,) = (line.strip("*") for line in page.splitlines() if re.match(r"\*\*.*proved [0-9]", line))
    return proof, Counter({s: int(n) for s, n in table(page, "status").items() if int(n)})


def of_prometheus(result: RunResult) -> Figures:
    found = samples(prometheus.render(result))
    cells = Counter({dict(labels)["status"]: int(n) for (name, labels), n in found.items() if name == "prober_cells"})
    proved = {v: int(found["prober_proved_cells", (("verdict", v),)]) for v in ("denied", "allowed")}
    assert f"proved {proved['denied']} denial" in result.proof
    assert f"and {proved['allowed']} allow" in result.proof
    return result.proof, +cells


def of_text(result: RunResult) -> Figures:
    return text.render(result).splitlines()[1], None


@pytest.mark.parametrize("figures", [of_html, of_json, of_junit, of_markdown, of_prometheus, of_text])
@given(result=runs)
@settings(max_examples=40, deadline=None)
def test_every_format_tells_the_same(figures: Callable[[RunResult], Figures], result: RunResult) -> None:
    """The proof line, and where a format counts cells by status these counts, are the result's own."""
    proof, cells = figures(result)

    assert result.proof == proof
    assert cells in (None, Counter({s: n for s, n in result.counts.items() if n}))
    assert {*(cells or ())} <= {*Status}
