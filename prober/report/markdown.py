"""A run as Markdown for a comment or a job summary: failures first, never longer than what a forge takes.

Whatever files and pods said stands in code, where nothing of it is markup, a mention or a link.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from prober.durations import show_duration
from prober.outcomes import SEVERITY, Status, Verdict
from prober.report.figures import covered, engines, failing_first, quantile, times
from prober.report.text import FAILURES, again_command, cell_line, numbered
from prober.result import CellResult, RunResult, ScenarioResult
from prober.terminal import one_line, printable

LIMIT = 65_536  # what GitHub takes for a comment, in characters; counted in bytes here, which are never fewer
_LAST = 300  # kept for the line that says what was left out
_TITLES = {0: "as expected", 1: "enforcement differs", 3: "no proof", 130: "interrupted"}


def render(result: RunResult, limit: int = LIMIT) -> str:
    """Return the page, bounded."""
    return bounded(blocks(result), limit)


def bounded(blocks: Iterable[str], limit: int) -> str:
    """Return the parts as one page; what does not fit is left out from its end, and its last line counts it."""
    kept: list[str] = []
    left, lost = limit - _LAST, 0
    for block in blocks:
        size = len(f"{block}\n\n".encode("utf-8", "backslashreplace"))
        if lost or size > left:
            lost += 1
            continue
        left -= size
        kept.append(block)
    if lost:
        kept.append(
            f"_{lost} more parts of this page are left out: it may have {limit} bytes. The json report has all._"
        )
    return "\n\n".join(kept) + "\n"


def code(text: str) -> str:
    """Return the text as a code span: no character of it is markup."""
    text = one_line(text) or " "
    ticks = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def in_table(text: str) -> str:
    """Return a code span for a table, whose cells end at a bar even within code."""
    return code(text).replace("|", "\\|")


def _fenced(lines: Iterable[str]) -> str:
    text = printable("\n".join(lines))
    fence = "`" * max(3, max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence}text\n{text}\n{fence}"


def _details(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def blocks(result: RunResult) -> Iterator[str]:
    """Yield the page's parts, the most important first."""
    yield f"## prober: {_TITLES[result.exit_code()]}"
    yield f"{code(result.banner)}<br>\n**{result.proof}**"
    if result.trouble:
        yield f"trouble: {code(result.trouble)}"
    yield from (f"note: {code(remark)}" for remark in result.remarks)
    if result.interrupted:
        yield "interrupted: these are the results so far"
    yield table(("status", "cells"), [(s, str(n)) for s in SEVERITY if (n := result.counts[s])] or [("none", "0")])
    ordered = sorted(result.scenarios, key=lambda s: SEVERITY.index(s.status))
    failing = [s for s in ordered if s.status in FAILURES or s.intent]
    for scenario in failing:
        yield from _failing(result, scenario)
    if notable := [w for w in result.waivers if w.notable]:
        yield "### waivers"
        rows = [(in_table(w.id), w.state, str(w.cells), in_table(str(w))) for w in notable]
        yield table(("waiver", "state", "cells", ""), rows)
    if found := _times(result):
        yield found
    rest = [s for s in ordered if s not in failing]
    if noted := [(in_table(s.name), in_table(remark)) for s in rest for remark in s.remarks]:
        yield _details("notes", table(("scenario", "note"), noted))
    if rest:
        yield _details(f"{len(rest)} other scenario{'' if len(rest) == 1 else 's'}", _listed(rest))
    yield _details("evidence", _evidence(result))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what is foreign in it went through `in_table`."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _failing(result: RunResult, scenario: ScenarioResult) -> Iterator[str]:
    yield f"### {scenario.status} {code(scenario.name)}"
    if scenario.trouble:
        yield f"trouble: {code(scenario.trouble)}"
    yield from (f"note: {code(remark)}" for remark in scenario.remarks)
    for finding in scenario.intent:
        yield f"**intent** {code(finding)}"
    for number, step in numbered(scenario.steps):
        cells = failing_first(step.cells, FAILURES)
        if cells:
            yield f"{f'step {number}' if number else step.kind} {code(step.name)}:"
        for cell in cells:
            line = html.escape(one_line(f"{cell.flow}: {cell.reason}"))
            body = _fenced(_told(result, scenario, cell))
            yield _details(f"<b>{cell.status}</b> <code>{line}</code>", body)
    if scenario.evidence:
        lines = scenario.evidence.splitlines()
        yield _details("the cluster's evidence", _fenced([*lines[:100], *(["..."] if len(lines) > 100 else [])]))


def _told(result: RunResult, scenario: ScenarioResult, cell: CellResult) -> Iterator[str]:
    yield cell_line(cell)
    yield f"expected {cell.expected}, observed {cell.observed} in {cell.attempts} attempts"
    yield from cell.judgement.splitlines()
    if cell.command:
        yield f"ran in {cell.flow.source}: {cell.command}"
    if again := again_command(result, scenario.path, cell):
        yield f"again: {again}"


def _times(result: RunResult) -> str:
    rows = []
    for word, verdict in (("to enforce", Verdict.DENIED), ("to release", Verdict.ALLOWED)):
        if found := times(result, verdict):
            shown = [show_duration(quantile(found, q)) for q in (0.5, 0.99, 1.0)]
            rows.append((word, str(len(found)), *shown))
    return table(("time", "cells", "median", "99 %", "slowest"), rows) if rows else ""


def _listed(scenarios: Sequence[ScenarioResult]) -> str:
    rows = []
    for scenario in scenarios:
        passed = [c for c in scenario.asserted if c.status is Status.PASS]
        denials = sum(c.expected is Verdict.DENIED for c in passed)
        note = in_table(scenario.skipped) if scenario.skipped else f"{denials} denials, {len(passed) - denials} allows"
        rows.append((scenario.status, in_table(scenario.name), note, show_duration(scenario.seconds)))
    return table(("status", "scenario", "proved", "took"), rows)


def _evidence(result: RunResult) -> str:
    found = result.evidence
    nodes = "{} of {}".format(*covered(found))
    said = [
        ("run", f"{result.run} of prober {result.version}"),
        ("began", found.started or result.started),
        ("ended", found.ended),
        ("cluster UID", found.cluster.uid),
        ("server version", found.cluster.version),
        *(("engine", line) for line in engines(found)),
        *(("probe image", image.digest) for image in found.images),
        ("nodes covered", nodes if found.nodes else ""),
        ("policies applied", str(len(found.policies))),
        ("run by", f"{found.by.user} on {found.by.host}" if found.by.user or found.by.host else ""),
        ("command", found.by.command),
        *(("not known", text) for text in found.unknown),
    ]
    return table(("", ""), [(what, in_table(value)) for what, value in said if value])
