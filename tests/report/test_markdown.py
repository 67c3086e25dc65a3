"""Tests of prober.report.markdown, read by a CommonMark parser."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from prober.evidence import EngineOnNode, Evidence, Identified, Image
from prober.report.markdown import LIMIT, code, render
from prober.result import RunResult
from tests.report.build import cell, matrix, run, scenario, step
from tests.report.strategies import runs, texts

if TYPE_CHECKING:
    from markdown_it.token import Token

OUR_TAGS = re.compile(r"</?(?:details|summary|b|code)>|<br>|<code>[^<]*</code>")
LEAK = cell("marketing/web -> payments/postgres:5432", observed="ALLOWED")
LEAKING = run(scenario(step(LEAK, cell("a/b -> c/d:80"))), scenario(step(cell("a/b -> c/d:80")), name="fine"))


def tokens(text: str) -> list[Token]:
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        found += [token, *(token.children or ())]
    return found


def table(text: str, head: str) -> dict[str, str]:
    """Return the rows of the first table whose heading begins so: first column to second."""
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = takewhile(lambda line: line.startswith("|"), lines[begin + 2 :])
    return dict(row.strip("| ").split(" | ")[:2] for row in rows)


def test_remarks_are_told() -> None:
    """What no verdict says is read at once where it is the run's or a failing scenario's, and folded for the rest."""
    noted = [replace(s, remarks=(f"policies of others: {s.name}",)) for s in LEAKING.scenarios]
    text = render(replace(LEAKING, scenarios=tuple(noted), remarks=("not covered: n3 is cordoned",)))

    places = [
        text.index(f"note: `{word}`") for word in ("not covered: n3 is cordoned", "policies of others: default-deny")
    ]
    assert places == sorted(places)
    assert {"`fine`": "`policies of others: fine`"} == table(text, "scenario | note")


def test_failure_stands_before_what_is_fine() -> None:
    """The proof comes first, then what failed with its reason, then the rest, folded."""
    text = render(LEAKING)
    places = [text.index(word) for word in (LEAKING.proof, "### LEAK", "payments/postgres:5432", "`fine`")]

    assert text.startswith("## prober: enforcement differs\n")
    assert sorted(places) == places
    assert {"LEAK": "1", "PASS": "2"} == table(text, "status")


def test_failing_cell_opens_to_all_that_is_known() -> None:
    """A failing cell is one line, and behind it the judgement and the commands."""
    text = render(LEAKING)

    assert "<details><summary><b>LEAK</b> <code>marketing/web -&gt; payments/postgres:5432: connected 4 of 4" in text
    assert "ingress of payments/postgres is isolated by payments/default-deny" in text
    assert "ran in marketing/web: nc -w 1 10.244.0.2 5432" in text
    assert "again: prober run scenarios/default-deny.scenario.yaml --only" in text


@pytest.mark.parametrize(
    ("title", "result"),
    [
        pytest.param("as expected", run(scenario(step(cell("a/b -> c/d:80")))), id="green"),
        pytest.param("enforcement differs", LEAKING, id="leak"),
        pytest.param("no proof", run(scenario(skipped="needs sctp")), id="nothing"),
        pytest.param("interrupted", replace(run(scenario(step(cell("a/b -> c/d:80")))), interrupted=True), id="130"),
    ],
)
def test_title_says_what_the_exit_code_says(title: str, result: RunResult) -> None:
    """The heading is the exit code in words."""
    assert f"## prober: {title}" == render(result).splitlines()[0]


def test_evidence_has_a_short_form() -> None:
    """Cluster, engines by node and digest, and who ran it stand in a folded table."""
    engines = tuple(
        EngineOnNode(
            node=node,
            engine="Calico",
            pod=f"kube-system/{node}",
            ready=True,
            images=(Image(container="c", image="c:v3", digest="c@sha256:1"),),
        )
        for node in ("n1", "n2")
    )
    evidence = Evidence(cluster=Identified(uid="u-1"), engines=engines, unknown=("user: forbidden",))
    text = render(run(scenario(step(cell("a/b -> c/d:80"))), evidence=evidence))

    assert "| cluster UID | `u-1` |" in text
    assert "| engine | `Calico on 2 nodes: c@sha256:1` |" in text
    assert "| not known | `user: forbidden` |" in text


@pytest.mark.parametrize("limit", [2_000, 20_000, LIMIT])
def test_page_is_never_longer_than_the_limit(limit: int) -> None:
    """A run with thousands of leaks fits: what is left out is counted, the proof and the counts stay."""
    pods = [f"namespace-{i}/pod-{j}" for i in range(5) for j in range(8)]
    result = run(scenario(step(*matrix(pods, ["80"], leaks=pods)), evidence="größe " * 50_000))
    text = render(result, limit)

    assert len(text.encode()) <= limit
    assert result.proof in text
    assert {"LEAK": "1560"} == table(text, "status")
    assert re.search(r"_[0-9]+ more parts of this page are left out", text)


def test_page_that_fits_leaves_nothing_out() -> None:
    """Nothing is said of left out parts where there are none."""
    assert "left out" not in render(LEAKING)


@given(texts | texts.map(lambda t: f"`{t}``"))
@settings(deadline=None)
def test_code_is_one_span(text: str) -> None:
    """Whatever a text is, its code span is one span with all of it, and nothing else."""
    found = [t for t in tokens(f"x {code(text)} y") if t.type not in ("paragraph_open", "paragraph_close", "inline")]

    assert ["text", "code_inline", "text"] == [t.type for t in found]


@given(runs)
@settings(max_examples=100, deadline=None)
def test_nothing_foreign_is_markup(result: RunResult) -> None:
    """No name, reason or evidence becomes markup, a link or a mention: all HTML is of our own few tags."""
    hostile = "<img src=x onerror=y> @everyone [a](http://b) ![c](d) | e"
    result = replace(
        result, trouble=hostile, scenarios=(*result.scenarios, scenario(trouble=hostile, evidence=hostile))
    )
    found = tokens(render(result))

    assert {"link_open", "image"}.isdisjoint(t.type for t in found)
    for token in found:
        if token.type in ("html_inline", "html_block"):
            assert "" == re.sub(r"[^<>]", "", OUR_TAGS.sub("", token.content)), token.content
        elif token.type == "text":
            assert "@" not in token.content


def test_bar_in_a_name_does_not_end_a_column() -> None:
    """A bar within a table's code is escaped, as GitHub's tables ask for."""
    text = render(run(scenario(step(cell("a/b -> c/d:80")), name="a|b")))
    cells = [t.content for t in tokens(text) if t.type == "code_inline"]

    assert "a|b" in cells


def test_skip_has_its_reason() -> None:
    """A scenario that was not run says why."""
    assert "needs sctp" in render(run(scenario(skipped="needs sctp"), scenario(step(LEAK))))
