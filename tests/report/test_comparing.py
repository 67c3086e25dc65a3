"""Tests of prober.report.comparing and of prober.report.fleet."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from prober.comparison import compare
from prober.evidence import EngineOnNode, Evidence, Image
from prober.report import comparing, fleet
from prober.result import RunResult
from tests.report.build import cell, matrix, run, scenario, step
from tests.report.test_markdown import table
from tests.report.test_prometheus import samples

LEAK = "marketing/web -> payments/postgres:5432"


def engine(version: str) -> Evidence:
    image = Image(container="calico-node", image=f"c:{version}", digest=f"c@sha256:{version}")
    return Evidence(engines=(EngineOnNode(node="n1", engine="Calico", pod="k/c", ready=True, images=(image,)),))


BEFORE = run(scenario(step(cell(LEAK), cell("a/b -> c/d:80", observed="ALLOWED"))), evidence=engine("1"))
AFTER = replace(
    run(scenario(step(cell(LEAK, observed="ALLOWED"), cell("a/b -> c/d:80", agreed_after=2.0))), evidence=engine("2")),
    run="20261122-0",
)
FOUND = compare(BEFORE, AFTER)


def test_text_says_what_became_worse_first() -> None:
    """The verdict and the counts come first, then what differs in the clusters, then each cell with its reason."""
    lines = comparing.render(FOUND, "text").splitlines()

    assert "it became worse: 1 worse, 1 fixed, 0 waived, 0 new, 0 gone, 0 same" == lines[0]
    assert "  engines: Calico on 1 node: c@sha256:1 -> Calico on 1 node: c@sha256:2" in lines
    assert "  slowest time to enforce: 300 ms -> 2.0 s" in lines
    assert ["worse:", f"  PASS -> LEAK {LEAK} in step 1 'default deny' of default-deny"] == lines[-6:-4]
    assert ["fixed:", "  LEAK -> PASS a/b -> c/d:80 in step 1 'default deny' of default-deny"] == lines[-2:]


def test_formats_agree() -> None:
    """Text, Markdown and JSON tell the same counts and the same cells."""
    document = json.loads(comparing.render(FOUND, "json"))
    page = comparing.render(FOUND, "markdown")

    assert {"worse": "1", "fixed": "1", "waived": "0", "new": "0", "gone": "0", "same": "0"} == table(page, "change")
    assert {k: str(v) for k, v in document["counts"].items()} == table(page, "change")
    assert ("prober/comparison/1", 1) == (document["schema"], document["exit_code"])
    assert [("worse", "PASS", "LEAK", LEAK)] == [
        (c["change"], c["before"], c["after"], c["flow"]) for c in document["cells"] if c["change"] == "worse"
    ]
    assert f"`PASS -> LEAK {LEAK} in step 1 'default deny' of default-deny`" in page


def two() -> list[RunResult]:
    return [replace(BEFORE, cluster="kube: a"), replace(AFTER, cluster="kube: b")]


@pytest.mark.parametrize("form", ["text", "html", "markdown"])
def test_fleet_names_every_cluster_with_its_proof(form: str) -> None:
    """The page begins with the fleet's own line, then has each cluster with its proof, then each report."""
    good = replace(run(scenario(step(cell("a/b -> c/d:80")))), cluster="kube: fine")
    page = fleet.render([good, *two()], form)
    begin = "1 of 3 runs as expected; proved denials: 3, allows: 0"

    first = (
        page.splitlines()[0] if form != "html" else page.partition("<h1>")[2].replace('</h1>\n<p class="proof">', "; ")
    )
    assert begin in first
    places = [page.index(name) for name in ("kube: a", "kube: b", "kube: fine")]
    assert sorted(places) == places, "those with a problem come first"
    assert all(2 <= page.count(r.proof) for r in (good, *two()))


def test_fleet_for_prometheus_keeps_families_together() -> None:
    """Each family stands once, with a sample for every cluster."""
    text = fleet.render(two(), "prometheus")
    first = {name for name, _ in samples(fleet.render([two()[0]], "prometheus"))}
    lines = [line for line in text.splitlines() if line.startswith("prober_exit_code")]

    assert ['prober_exit_code{cluster="kube: a"} 1', 'prober_exit_code{cluster="kube: b"} 1'] == lines
    assert len(first) <= text.count("# TYPE") + 4
    assert 1 == text.count("# TYPE prober_cells gauge")


def test_fleet_is_bounded_as_a_single_report_is() -> None:
    """However many runs there are, the Markdown page fits into a comment."""
    assert 65_536 >= len(fleet.render(two() * 200, "markdown").encode())


def test_fleet_as_html_is_one_page_without_scripts() -> None:
    """The page loads and runs nothing, tells each failing cell with its commands, and takes markup for text."""
    hostile = scenario(step(cell(LEAK, observed="ALLOWED", reason="<script>alert(1)</script>")), name="<b>")
    page = fleet.render([*two(), run(hostile, cluster="kube: <i>")], "html")

    assert "script-src &#39;none&#39;" in page
    assert "default-src &#39;none&#39;" in page
    assert not re.findall(r"<script|<b>|<i>|https?://|src=|href=\"(?!#|data:,)", page.replace("style-src", ""))
    assert "ran in marketing/web: nc -w 1 10.244.0.2 5432" in page
    assert 3 == page.count("<section id=") == page.count('<a href="#run-')
    assert page.count("<details>") == page.count("</details>")


def test_fleet_as_html_leaves_out_what_a_single_report_has() -> None:
    """Of a run with very many failing cells the first hundred stand in the page, and how many more there are."""
    pods = [f"ns/pod-{i}" for i in range(15)]
    page = fleet.render([run(scenario(step(*matrix(pods, ["80"], leaks=pods)))), BEFORE], "html")

    assert "and 110 more: its own report has them all" in page
