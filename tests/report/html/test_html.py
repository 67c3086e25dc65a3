"""Tests of prober.report.html: what stands in the page without a script, and that no value can be more than text."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings

from prober.evidence import Evidence, StoredPolicy
from prober.outcomes import Outcome, Status, Verdict
from prober.report.html import render
from prober.report.html.matrix import MARKS
from prober.result import LAB_BANNER, ReadingResult, RunResult
from tests.report.build import cell, matrix, run, scenario, step
from tests.report.strategies import runs

LEAKED = cell("marketing/web -> payments/postgres:5432", "DENIED", "ALLOWED", again="kubectl exec x")
BROKEN = cell("payments/api -> payments/postgres:5432", "ALLOWED", "DENIED")
DENIED = cell("marketing/web -> payments/api:8080")
CELLS = (LEAKED, DENIED, BROKEN, cell("payments/api -> marketing/web:80", "ALLOWED"))
HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\u202ex\"'`{{ 7*7 }}"
HARMLESS = "</script><img src=x onerror=alert(1)>\ufffd[31m\ufffdx\"'`{{ 7*7 }}"


class Reader(HTMLParser):
    """Reads a page as a browser without scripts does: its elements, and the text of each."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "line", "rect"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.within: list[tuple[str, str]] = []  # the element that was begun last, and a text
        self._last = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._last = tag

    def handle_data(self, data: str) -> None:
        if self._last not in ("script", "style"):
            self.texts.append(data)
        self.within.append((self._last, data))

    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted.items())]


def read(result: RunResult) -> Reader:
    return Reader(render(result))


def opened(page: str) -> Iterator[list[dict[str, Any]]]:
    """Yield what the cells of each step say when they are opened."""
    for packed in re.findall(r'<script type="text/plain" id="[^"]+-cells">([^<]*)</script>', page):
        yield json.loads(zlib.decompress(base64.b64decode(packed)))


def test_lab_says_first_what_it_is() -> None:
    """The first words of a page from the lab are that it says nothing about any cluster; of a cluster's, its name."""
    body = render(run()).split("<body>")[1]
    texts = [t.strip() for t in Reader(body).texts if t.strip()]
    assert ["To the findings", LAB_BANNER] == texts[:2]
    assert "cluster: kind-a" in read(run(cluster="kind-a")).text()


@pytest.mark.parametrize(
    ("words", "result"),
    [
        pytest.param("As expected", run(scenario(step(DENIED))), id="0"),
        pytest.param("Enforcement differs", run(scenario(step(LEAKED, DENIED))), id="1"),
        pytest.param("No proof", run(scenario(skipped="needs sctp")), id="3"),
        pytest.param("Interrupted", run(scenario(step(DENIED)), interrupted=True), id="130"),
    ],
)
def test_title_says_what_the_exit_code_says(words: str, result: RunResult) -> None:
    """The headline and the tab say how the run ended, and the proof line is there word for word."""
    page = render(result)
    assert f"<h1>{words}</h1>" in page
    assert f"<title>{words}: prober on lab, 2026-11-21T09:45:12Z</title>" in page
    assert result.proof in Reader(page).text()


def test_summary_says_what_where_when_and_by_what() -> None:
    """An auditor reads the cluster, the time, the version, the run and its settings before anything else."""
    text = read(run(scenario(step(DENIED)), cluster="kind-a", trouble="the API went away")).text()
    head = text[: text.index("Findings")]
    for said in (
        "cluster kind-a",
        "started 2026-11-21 09:45:12 UTC",
        "took 12.5 s",
        "prober version 0.1.0",
        "run 20261121-094512-3fa9",
        "settings timeout 1s, hold 1",
        "1 denials proved",
        "trouble: the API went away",
    ):
        assert said in head


def test_leaks_stand_before_breaks_before_scenarios() -> None:
    """Whatever order they were found in, leaks come first, then breaks, and both before everything else."""
    unknown = cell("a/b -> c/d:80", "DENIED", "UNKNOWN")
    text = read(run(scenario(step(unknown, BROKEN), name="one"), scenario(step(LEAKED), name="two"))).text()
    places = [text.index(word) for word in ("LEAK two,", "BREAK one,", "UNKNOWN one,", "Scenarios status")]
    assert sorted(places) == places


def test_finding_is_told_in_full_without_scripts() -> None:
    """A failing cell has its reason, its judgement, every attempt with time and text, and the commands to type."""
    reading = ReadingResult(
        round=3,
        after=0.25,
        seconds=0.02,
        outcome=Outcome.CONNECTED,
        verdict=Verdict.ALLOWED,
        doubt="",
        text="Connection to 10.0.0.1 succeeded!",
    )
    text = read(run(scenario(step(replace(LEAKED, readings=(reading,)))))).text()
    for said in (
        "LEAK default-deny, step 1: default deny after: apply payments/default-deny",
        str(LEAKED.flow),
        LEAKED.reason,
        "expected DENIED by oracle, observed ALLOWED (CONNECTED) in 4 attempts",
        "ingress of payments/postgres is isolated by payments/default-deny",
        "ran in marketing/web nc -w 1 10.244.0.2 5432",
        "again prober run scenarios/default-deny.scenario.yaml --only 'marketing/web -> payments/postgres:5432'",
        "--step 1",
        "3 250 ms 20 ms CONNECTED ALLOWED Connection to 10.0.0.1 succeeded!",
    ):
        assert said in text
    on_kube = read(run(scenario(step(LEAKED)), cluster="kind-a")).text()
    assert "again kubectl exec x" in on_kube


def test_long_row_of_attempts_is_shown_from_both_ends() -> None:
    """Of a hundred attempts a finding shows the first and the last, says how many are between, and loses none."""
    readings = tuple(
        ReadingResult(
            round=n, after=n, seconds=1, outcome=Outcome.CONNECTED, verdict=Verdict.ALLOWED, doubt="", text=f"try {n};"
        )
        for n in range(100)
    )
    page = render(run(scenario(step(replace(LEAKED, readings=readings)))))
    text = Reader(page).text()
    assert [True, True, False, False, True, True] == [f"try {n};" in text for n in (0, 5, 6, 93, 94, 99)]
    assert "88 more, which the cell in the matrix shows" in text
    assert 100 == len(next(opened(page))[0]["attempts"])


def test_many_findings_are_told_shortly() -> None:
    """Of many failing cells ten are told in full, further ones in a line, and how many are left is said."""
    pods = [f"a/p{i}" for i in range(20)]
    page = read(run(scenario(step(*matrix(pods, ["80"], leaks=pods)))))
    assert 10 == page.text().count("Show it in its matrix")
    assert "370 more LEAK in this step" in page.text()
    assert "and 170 more; the matrix and the json report have them all" in page.text()


def test_matrix_is_a_table_with_headings() -> None:
    """A step is a table: sources down, targets across, each heading of its scope, and marks as real text."""
    page = read(run(scenario(step(*CELLS))))
    squares = re.findall(r'<td class=(?:"(\w+ e\w o\w)"|(\w))>([^<]+)', render(run(scenario(step(*CELLS)))))
    assert [("", "x", "X"), ("leak ex oa", "", "!L"), ("", "a", "."), ("break ea ox", "", "!B")] == [
        (several, one, mark.strip()) for several, one, mark in squares
    ]
    heads = [a for a in page.all("th", scope="col") if "data-group" in a]
    assert ["marketing", "payments", "payments"] == sorted(str(a["data-group"]) for a in heads)
    assert ["marketing", "payments"] == [a["data-group"] for a in page.all("th", scope="row") if "data-group" in a]


def test_each_status_has_a_mark_and_a_meaning_of_its_own() -> None:
    """No two statuses look alike to somebody who sees no colours, nor does one look like a pass."""
    assert {*Status} - {Status.PASS} == {*MARKS}
    assert len(MARKS) + 2 == len({*MARKS.values(), ".", "X"})
    text = read(run(scenario(step(*(cell(f"a/b -> c/d:{i}", status=s) for i, s in enumerate(Status, 1)))))).text()
    legend = text[text.index("How to read this") :]
    assert all(f"{status} 1 " in legend for status in Status)


def test_control_is_closed_until_something_is_wrong_with_it() -> None:
    """Steps are open at first, a control only where it failed."""
    good = step(DENIED, kind="control", name="control")
    bad = step(BROKEN, kind="restore", name="restore")
    page = read(run(scenario(good, step(DENIED), bad)))
    assert [False, True, True] == [
        "open" in a for a in page.all("details") if (a.get("class") or "").startswith("step ")
    ]


def test_scenario_says_why_it_was_not_proved() -> None:
    """A skip's reason, trouble, the cluster's words, and a step that proves nothing are all in the page."""
    text = read(
        run(
            scenario(skipped="needs sctp"),
            scenario(step(DENIED, witnessed=False), trouble="the lab died", evidence="its last words"),
            scenario(step(DENIED), intent=("payments/api -> a/b:80: the author expects it denied",)),
            scenario(step(DENIED), remarks=("policies of others were there",)),
            remarks=("node n3 is not covered",),
        )
    ).text()
    for said in (
        "skipped: needs sctp",
        "trouble: the lab died",
        "its last words",
        "this step changes no verdict: it proves nothing",
        "INTENT default-deny: the policies contradict what their author expects",
        "the author expects it denied",
        "note: policies of others were there",
        "note: node n3 is not covered",
    ):
        assert said in text


def test_page_carries_every_cell() -> None:
    """Each cell of each step is packed in the order of its squares, and opens to what is known of it."""
    cells = (LEAKED, DENIED, replace(BROKEN, agreed_after=1.5), CELLS[-1])
    (found,) = opened(render(run(scenario(step(*cells)))))
    assert {str(c.flow) for c in cells} == {c["flow"] for c in found}
    broken = next(c for c in found if c["status"] == "BREAK")
    assert "observed DENIED (TIMED_OUT) in 4 attempts, agreed for good after 1.5 s" in broken["said"]
    assert ["ran in payments/api", "again", "the rules behind it"] == [what for what, _ in broken["commands"]]
    marks = re.findall(r'<td class="?(\w+)[^>]*>[.X!]', render(run(scenario(step(*cells)))))
    assert [c["status"].lower() for c in found] == ["pass" if m in "ax" else m for m in marks]


def test_nothing_is_loaded_and_only_our_own_script_runs() -> None:
    """The policy allows this very script and style sheet by their hashes and nothing else, and nothing refers out."""
    page = render(run(scenario(step(LEAKED))))
    (policy,) = [
        a["content"] or "" for a in Reader(page).all("meta") if a.get("http-equiv") == "Content-Security-Policy"
    ]
    for word, tag in (("script-src", r"<script>(.*?)</script>"), ("style-src", r"<style>(.*?)</style>")):
        (text,) = re.findall(tag, page, re.DOTALL)
        hashed = base64.b64encode(sha256(text.encode()).digest()).decode()
        assert f"{word} 'sha256-{hashed}'" in policy
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "://" not in page
    refers = [
        v for t, a in Reader(page).elements for k, v in a.items() if k in ("src", "href", "action", "style") and v
    ]
    assert all(v.startswith("#") or v == "data:," for v in refers)
    assert not any(k.startswith("on") for _, a in Reader(page).elements for k in a)


def test_hostile_values_are_shown_as_text() -> None:
    """Names and outcomes that are markup, escapes of a terminal or turn the direction of writing are harmless text."""
    reading = ReadingResult(
        round=0, after=None, seconds=0, outcome=Outcome.SILENT, verdict=Verdict.UNKNOWN, doubt=HOSTILE, text=HOSTILE
    )
    bad = replace(LEAKED, by=HOSTILE, reason=HOSTILE, judgement=HOSTILE, command=HOSTILE, readings=(reading,))
    page = render(
        run(
            scenario(
                step(bad, name=HOSTILE, actions=(HOSTILE,)),
                name=HOSTILE,
                path=HOSTILE,
                summary=HOSTILE,
                tags=(HOSTILE,),
                trouble=HOSTILE,
                evidence=HOSTILE,
                intent=(HOSTILE,),
                remarks=(HOSTILE,),
            ),
            remarks=(HOSTILE,),
            cluster=HOSTILE,
            trouble=HOSTILE,
            version=HOSTILE,
            run=HOSTILE,
            started=HOSTILE,
            settings=((HOSTILE, HOSTILE),),
        )
    )
    found = Reader(page)
    assert [] == found.all("img")
    assert 2 == len(found.all("script"))  # the step's cells, and ours
    assert found.text().count(HARMLESS) > 15
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page)
    (cells,) = opened(page)
    assert (HARMLESS, HARMLESS) == (cells[0]["reason"], cells[0]["attempts"][0]["text"])


@given(runs)
@settings(max_examples=60, deadline=None)
def test_page_has_our_elements_alone_whatever_was_seen(result: RunResult) -> None:
    """No run, whatever is in it, brings an element, a handler or a reference into the page that is not ours."""
    page = render(result)
    page.encode("utf-8")
    found = Reader(page)
    steps = [s for sc in result.scenarios for s in sc.steps if s.cells]
    assert 1 + len(steps) == len(found.all("script"))
    assert len(steps) == len([a for a in found.all("table") if (a.get("class") or "").startswith("matrix")])
    assert {"html", "head", "body", "header", "main", "footer", "aside"} <= {t for t, _ in found.elements}
    assert not {"img", "iframe", "object", "embed", "base", "video", "audio"} & {t for t, _ in found.elements}
    assert sum(len(s.cells) for s in steps) >= sum(len(cells) for cells in opened(page))


def test_only_our_own_files_are_markup() -> None:
    """Nothing but the template engine makes markup of values: the template trusts none, the script sets no HTML."""
    here = files("prober.report.html")
    template, script = (here.joinpath(name).read_text() for name in ("page.html.jinja", "script.js"))
    assert not re.search(r"\|\s*safe|autoescape", template)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(|fetch|XMLHttp", script)


@pytest.mark.parametrize(
    ("cluster", "words"), [("lab --fault flap", "the lab was given"), ("kind-a", "the API stored")]
)
def test_policies_are_those_of_where_it_ran(cluster: str, words: str) -> None:
    """The lab has no API that could store a policy: the table's heading says who had it from whom."""
    policy = StoredPolicy(scenario="s", step=1, policy="a/p", sha256="0" * 64, stored={})
    result = replace(run(scenario(step(DENIED))), cluster=cluster, evidence=Evidence(policies=(policy,)))

    assert [words] == [w for w in ("the lab was given", "the API stored") if f"Policies as {w} them" in render(result)]
