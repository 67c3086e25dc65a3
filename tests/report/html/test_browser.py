"""The page in a real browser, at a desktop's and at a phone's width: quiet, quick to use, and asking for nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prober.result import RunResult
from tests.report.build import cell, run, scenario, step
from tests.report.html.conftest import NARROW, WIDE, Open, Served
from tests.report.html.test_html import HARMLESS, HOSTILE
from tests.telling import A_B, DENY_B, OK, journal, judged, told

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
SIZES = pytest.mark.parametrize("size", [pytest.param(WIDE, id="wide"), pytest.param(NARROW, id="narrow")])
LONG = "n" * 60


def leaking() -> RunResult:
    """Return a run of three scenarios: one leaks, one has a broken cell among long names, one was skipped."""
    (leaks,) = judged(journal(DENY_B, steps=[[told(ab="CONNECTED")] * 14])).scenarios
    broken = cell(f"{LONG}/{LONG} -> payments/db:5432", "ALLOWED", "DENIED", command=f"nc {LONG * 9}")
    others = (
        cell(f"payments/db -> {LONG}/{LONG}:443"),
        cell(f"payments/api -> dns/{LONG}.payments", "UNKNOWN", "ALLOWED"),
    )
    return run(
        replace(leaks, name="leaks"),
        scenario(step(broken, *others), name="breaks", evidence=f"{LONG * 9}\n" * 9),
        scenario(skipped="needs sctp", name="skipped"),
    )


IMAGE = """new Promise(done => {
    const image = new Image(); image.onload = () => done('sent'); image.onerror = () => done('refused');
    image.src = '/i';
})"""
STYLE = """new Promise(done => {
    const style = document.createElement('style'); style.textContent = '@import "/s"; body { background: url(/b) }';
    style.onload = () => done('sent'); style.onerror = () => done('refused'); document.head.append(style);
})"""
MARKUP = "(() => { try { document.body.innerHTML = '<img src=/x>'; return 'sent' } catch { return 'refused' } })()"
TRIES = ("fetch('/f').then(() => 'sent', () => 'refused')", IMAGE, STYLE, MARKUP)


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def show(page: Page, mark: str = "td.leak") -> None:
    """Open the first such cell."""
    page.locator(f".matrix {mark}").first.click()
    page.locator("#panel").wait_for()


@SIZES
def test_page_is_quiet_and_asks_for_nothing(size: tuple[int, int], opened: Open) -> None:
    """Whatever one does with it, the page says nothing on the console, never fails, and asks for its own file alone."""
    page, seen = opened(leaking(), size)
    show(page)
    page.keyboard.press("Escape")
    page.locator("#by-source").select_option("shop")
    page.locator(".view label", has_text="expected").click()
    page.locator("#by-source").select_option("")
    page.locator("a[data-square]").first.click()
    page.emulate_media(media="print")
    assert [] == seen.said
    assert [page.url.split("#")[0]] == seen.asked


def test_page_cannot_reach_even_its_own_server(chromium: Any, served: Callable[[RunResult], Served]) -> None:
    """One request brings the page, icon included; what a script then tries to load or to send never leaves."""
    there = served(leaking())
    page = chromium.new_page()
    page.goto(there.url)
    show(page)
    assert ["refused"] * len(TRIES) == [page.evaluate(attempt) for attempt in TRIES]
    page.evaluate("navigator.sendBeacon('/beacon')")  # what the browser answers here says nothing; the server does
    page.wait_for_load_state("networkidle")
    page.close()
    assert ["/"] == there.asked


@SIZES
def test_page_never_scrolls_sideways(size: tuple[int, int], opened: Open) -> None:
    """Matrices, commands and long names scroll or break within their own box, with a cell open and without."""
    page, _ = opened(leaking(), size)
    page.locator("details:not([open])").evaluate_all("all => all.forEach(one => { one.open = true })")
    assert 0 == overflow(page)
    for mark in ("td.leak", "td.break"):
        show(page, mark)
        assert 0 == overflow(page)


def test_filters_narrow_the_matrices_and_never_the_findings(opened: Open) -> None:
    """By scenario, source, target and status; how many cells are left is said, and every finding stays."""
    page, _ = opened(leaking())
    shown, findings = page.locator("#shown"), page.locator(".finding:visible")
    total, found = shown.inner_text(), findings.count()
    assert (2, "21 cells") == (found, total)  # six in each of three phases, and three

    page.locator("#by-scenario").select_option("breaks")
    assert ("3 of 21 cells", ["breaks"]) == (shown.inner_text(), titles(page))
    page.locator("#by-source").select_option("payments")
    assert "2 of 21 cells" == shown.inner_text()
    page.locator("#by-target").select_option("dns")
    assert ("1 of 21 cells", 1) == (shown.inner_text(), page.locator("#s1-0 td:visible:not(:empty, .corner)").count())
    page.locator("#by-scenario").select_option("")
    page.locator("#by-source").select_option("")
    page.locator("#by-target").select_option("")
    for status in ("BREAK", "PASS", "OBSERVED"):
        page.get_by_label(status, exact=True).uncheck()
    assert ("1 of 21 cells", ["leaks", "skipped"]) == (shown.inner_text(), titles(page))
    assert 5 == page.locator(".matrix:visible td.dim").count()
    assert found == findings.count()


DRAWN = """td => { const mark = getComputedStyle(td, '::after').content;
    return mark === 'none' ? td.textContent.trim() : JSON.parse(mark); }"""
FLOW_OF = """td => [td.parentElement.cells[0], td.closest('table').tHead.rows[0].cells[td.cellIndex]]
    .map(heading => heading.textContent.trim()).join(' -> ')"""
COLOURS = """[['body', 'backgroundColor'], ['body', 'color'], ['td.leak', 'backgroundColor']]
    .map(([selector, what]) => getComputedStyle(document.querySelector(selector))[what])"""


def titles(page: Page) -> list[str]:
    return [text.split(" ")[-1].split("\n")[-1] for text in page.locator(".scenario:visible > h3").all_inner_texts()]


def test_finding_leads_to_its_square_whatever_is_filtered(opened: Open) -> None:
    """The link of a finding clears the filters, opens the step and puts the focus on the square."""
    page, _ = opened(leaking())
    page.locator("#by-scenario").select_option("breaks")
    page.locator("#s0-1").evaluate("table => { table.closest('details').open = false }")
    page.locator(".finding a[data-square]").filter(has_text=A_B).click()
    assert "!L" == page.evaluate("document.activeElement.innerText.trim()")
    assert page.locator("#s0-1 td.leak").is_visible()


@SIZES
def test_cell_opens_by_keyboard(size: tuple[int, int], opened: Open) -> None:
    """Tab leads to a matrix once, arrows from square to square, Enter opens, Enter again goes in, Escape comes back."""
    page, _ = opened(leaking(), size)
    page.locator("#s0-1").evaluate("table => table.closest('details').querySelector('summary').focus()")
    page.keyboard.press("Tab")
    focus = "document.activeElement.getAttribute('aria-label')"
    assert "LEAK: expected denied, observed allowed" == page.evaluate(focus)  # where something is wrong it begins
    for key, label in (
        ("Control+End", "not asked"),
        ("ArrowUp", "allowed, as expected"),
        ("Home", "not asked"),
        ("ArrowUp", "LEAK: expected denied, observed allowed"),
        ("ArrowLeft", "LEAK: expected denied, observed allowed"),  # the edge
        ("ArrowRight", "denied, as expected"),
        ("Control+Home", "LEAK: expected denied, observed allowed"),
    ):
        page.keyboard.press(key)
        assert (key, label) == (key, page.evaluate(focus))
    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    panel.wait_for()
    assert A_B == panel.locator("h3").inner_text()
    assert f"LEAK {A_B}: connected 14 of 14; denied by shop/no-b" == page.locator("#heard").inner_text()
    assert 14 == panel.locator(".attempts tbody tr").count()
    assert "recorded as CONNECTED" in panel.inner_text()
    assert f"nc {A_B}" in panel.inner_text()
    page.keyboard.press("Enter")
    assert "panel" == page.evaluate("document.activeElement.id")
    page.keyboard.press("Escape")
    assert panel.is_hidden()
    assert "!L" == page.evaluate("document.activeElement.innerText.trim()")


def test_open_cell_follows_the_arrows(opened: Open) -> None:
    """While a cell is open, moving to another one opens that; a click opens, and the button closes."""
    page, _ = opened(leaking())
    show(page)
    before = page.locator("#panel-title").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => document.getElementById('panel-title').innerText !== before", arg=before)
    assert 1 == page.locator("[aria-selected=true]").count()
    page.get_by_role("button", name="Close the cell").click()
    assert page.locator("#panel").is_hidden()
    assert 0 == page.locator("[aria-selected=true]").count()


def test_every_cell_opens_to_itself(opened: Open) -> None:
    """A square opens to the flow of its row and its column."""
    page, _ = opened(judged(journal()))
    squares = page.locator("#s0-1 tbody td:not(:empty)")
    assert 6 == squares.count()
    for square in squares.all():
        square.click()
        flow = square.evaluate(FLOW_OF)
        page.wait_for_function("flow => document.getElementById('panel-title').innerText === flow", arg=flow)


SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])


@SCRIPTS
def test_views_show_what_was_expected_and_observed(scripts: bool, opened: Open) -> None:
    """One matrix is three pictures; the switch between them needs no script."""
    page, _ = opened(leaking(), java_script_enabled=scripts)
    square = page.locator("#s0-1 td.leak")
    seen: dict[str, str | bytes] = {}
    for view in ("difference", "expected", "observed"):
        page.locator(".view label", has_text=view).click()
        seen[view] = square.evaluate(DRAWN) if scripts else square.screenshot()
    if scripts:
        assert {"difference": "!L", "expected": "X", "observed": "."} == seen
    assert 3 == len({*seen.values()})


@SIZES
def test_page_is_complete_without_scripts(size: tuple[int, int], opened: Open) -> None:
    """Summary, findings with their attempts, and matrices are all there; what would do nothing is not."""
    page, _ = opened(leaking(), size, java_script_enabled=False)
    assert page.get_by_role("heading", name="Enforcement differs").is_visible()
    assert page.locator(".finding", has_text=A_B).is_visible()
    page.locator(".finding summary").first.click()
    assert page.locator(".finding td", has_text="recorded as CONNECTED").first.is_visible()
    assert page.locator("#s0-1 td.leak").is_visible()
    assert page.locator("#filters").is_hidden()
    assert page.locator("#panel").is_hidden()
    assert 0 == overflow_without_scripts(page, size)


def overflow_without_scripts(page: Page, size: tuple[int, int]) -> float:
    """Return by how much the body is wider than the window."""
    box = page.locator("body").bounding_box()
    return max(0, box["width"] - size[0]) if box else -1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@SIZES
def test_axe_finds_nothing(size: tuple[int, int], scheme: str, opened: Open) -> None:
    """No rule of axe-core is violated, contrast among them, by day and by night, with everything unfolded and open."""
    import axe_playwright_python

    everything = replace(leaking(), remarks=("a note",), trouble="some trouble", interrupted=True)
    flaky = cell("a/b -> c/d:80", "ALLOWED", "UNKNOWN", status="FLAKY")
    unknown, skipped = cell("a/b -> c/d:81", "DENIED", "UNKNOWN"), cell("a/b -> c/d:82", status="SKIPPED")
    more = scenario(step(flaky, unknown, skipped), name="others", intent=("the author says otherwise",), remarks=("a",))
    result = replace(everything, scenarios=(*everything.scenarios, more))
    page, _ = opened(result, size, color_scheme=scheme, bypass_csp=True)  # axe is a script that is not ours
    page.locator("details:not([open])").evaluate_all("all => all.forEach(one => { one.open = true })")
    show(page)
    page.evaluate((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => [n.html, n.failureSummary])]))"
    )
    assert [] == found
    passed = page.evaluate("axe.run().then(r => r.passes.map(p => p.id))")
    assert {"color-contrast", "aria-allowed-attr", "scrollable-region-focusable", "label"} <= {*passed}


def test_print_shows_what_matters(opened: Open) -> None:
    """On paper there are no tools; attempts of findings are unfolded; marks keep their colours, on white."""
    page, _ = opened(leaking(), color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator("#tools").is_hidden()
    assert page.locator(".finding .attempts").first.is_visible()
    assert page.locator("#s0-1 td.leak").is_visible()
    paper, ink, marked = page.evaluate(COLOURS)
    assert ("rgb(255, 255, 255)", "rgb(0, 0, 0)", "rgb(179, 33, 15)") == (paper, ink, marked)
    assert page.pdf().startswith(b"%PDF")


@SIZES
def test_hostile_values_do_nothing(size: tuple[int, int], opened: Open) -> None:
    """Markup, escapes and marks of direction in names and texts are read as text, in the page and in an opened cell."""
    bad = cell(A_B, "DENIED", "ALLOWED", reason=HOSTILE, judgement=HOSTILE, command=HOSTILE)
    page, seen = opened(run(scenario(step(bad, name=HOSTILE), name=HOSTILE, summary=HOSTILE), cluster=HOSTILE), size)
    show(page)
    assert HARMLESS in page.locator("#panel .reason").inner_text()
    assert HARMLESS in page.locator("#panel code").first.inner_text()
    assert HARMLESS in page.locator("header").inner_text()
    assert 0 == page.locator("img").count()
    assert [] == seen.said
    assert 1 == len(seen.asked)


def test_page_of_nothing_opens_too(opened: Open) -> None:
    """A run that came to nothing has a page, and it is quiet."""
    page, seen = opened(run(trouble="nobody answered"))
    assert page.get_by_role("heading", name="No proof").is_visible()
    assert [] == seen.said


def test_converging_cell_shows_each_attempt(opened: Open) -> None:
    """A cell that agreed late is told attempt by attempt, as it converged."""
    page, _ = opened(judged(journal(steps=[[told(ab="CONNECTED")] * 3 + [OK, OK]])))
    page.locator("#s0-1 tbody tr", has_text="shop/a").locator("td.x").first.click()
    page.locator("#panel").wait_for()
    means = page.locator("#panel .attempts tbody td:nth-child(5)").all_inner_texts()
    assert ["ALLOWED"] * 3 + ["DENIED"] * 2 in (means, ["ALLOWED"] * 3 + means[3:])
