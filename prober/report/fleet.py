"""Several runs as one page: a line for each cluster first, then each run's own report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prober.outcomes import Verdict
from prober.report import html, markdown, prometheus, text
from prober.report.markdown import LIMIT, bounded, code, in_table, table
from prober.result import RunResult
from prober.terminal import one_line

FORMATS = ("text", "html", "markdown", "prometheus")
_WORDS = {0: "as expected", 1: "differs", 3: "no proof", 130: "interrupted"}


def render(results: Sequence[RunResult], form: str) -> str:
    """Return the runs as a page of a format of FORMATS, or as the `head` of one; those with a problem come first."""
    ordered = sorted(results, key=lambda r: (1, 130, 3, 0).index(r.exit_code()))
    match form:
        case "html":
            return html.render_fleet(ordered, *_total(results).split("; "))
        case "markdown":
            return bounded(_blocks(ordered), LIMIT)
        case "prometheus":
            return prometheus.render_all(results)
        case "head":
            return "".join(f"{line}\n" for line in _head(ordered))
        case _:
            return "".join(f"{line}\n" for line in (*_head(ordered), *_lines(ordered)))


def _total(results: Sequence[RunResult]) -> str:
    """Return the fleet's own proof line."""
    fine = sum(r.exit_code() == 0 for r in results)
    denials = sum(r.proved(Verdict.DENIED) for r in results)
    allows = sum(r.proved(Verdict.ALLOWED) for r in results)
    return f"{fine} of {len(results)} runs as expected; proved denials: {denials}, allows: {allows}"


def _head(results: Sequence[RunResult]) -> Iterator[str]:
    yield f"fleet: {_total(results)}"
    for result in results:
        yield "  " + one_line(f"{_WORDS[result.exit_code()]}: {result.cluster}: {result.proof} ({result.started})")


def _lines(results: Sequence[RunResult]) -> Iterator[str]:
    for result in results:
        yield ""
        yield "=" * 20
        yield from text.render(result).splitlines()


def _blocks(results: Sequence[RunResult]) -> Iterator[str]:
    yield f"## prober: {_total(results)}"
    rows = [(_WORDS[r.exit_code()], in_table(r.cluster), in_table(r.proof), in_table(r.started)) for r in results]
    yield table(("", "cluster", "proof", "began"), rows)
    for result in results:
        yield f"# {code(result.cluster)}"
        yield from markdown.blocks(result)
