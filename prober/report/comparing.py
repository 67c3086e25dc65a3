"""A comparison of two runs as text, Markdown or JSON: what became worse first."""

from __future__ import annotations

import json
from collections.abc import Iterator

from prober.comparison import Change, Comparison, Difference
from prober.durations import show_duration
from prober.outcomes import Verdict
from prober.report.figures import covered, engines, quantile, times
from prober.report.markdown import LIMIT, bounded, code, in_table, table
from prober.result import RunResult
from prober.terminal import one_line

SCHEMA = "prober/comparison/1"
FORMATS = ("text", "json", "markdown")
_TITLES = {0: "nothing became worse", 1: "it became worse", 3: "nothing to compare"}
_TOLD = (Change.WORSE, Change.FIXED, Change.WAIVED, Change.NEW, Change.GONE)
_SHOWN = 50  # cells of one change in a text; the json report has all


def render(comparison: Comparison, form: str) -> str:
    """Return the comparison as a format of FORMATS."""
    match form:
        case "json":
            return json.dumps(_document(comparison), indent=2) + "\n"
        case "markdown":
            return bounded(_blocks(comparison), LIMIT)
        case _:
            return "".join(f"{line}\n" for line in _lines(comparison))


def _about(result: RunResult) -> str:
    return f"{result.cluster}, run {result.run} of {result.started}"


def _counted(comparison: Comparison) -> str:
    counts = comparison.counts
    return ", ".join(f"{counts[c]} {c}" for c in (*_TOLD, Change.SAME))


def _facts(result: RunResult) -> dict[str, str]:
    """Return what a person looks at first where two runs differ."""
    found = result.evidence
    spread = {
        f"{quantity} {word}": show_duration(quantile(taken, q))
        for word, verdict in (("to enforce", Verdict.DENIED), ("to release", Verdict.ALLOWED))
        for quantity, q in (("median time", 0.5), ("slowest time", 1.0))
        if (taken := times(result, verdict))
    }
    return {
        "cluster": result.cluster,
        "cluster UID": found.cluster.uid,
        "server version": found.cluster.version,
        "engines": "; ".join(sorted(engines(found))),
        "probe image": "; ".join(i.digest for i in found.images),
        "nodes covered": "{} of {}".format(*covered(found)) if found.nodes else "",
        "prober": result.version,
        "denials proved": str(result.proved(Verdict.DENIED)),
        "allows proved": str(result.proved(Verdict.ALLOWED)),
        **spread,
    }


def _differing(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Return what of the facts is not the same in both runs."""
    before, after = _facts(comparison.before), _facts(comparison.after)
    names = [*before, *(n for n in after if n not in before)]
    rows = [(n, before.get(n, ""), after.get(n, "")) for n in names]
    return [row for row in rows if row[1] != row[2]]


def _said(difference: Difference) -> str:
    before, after = difference.before or "not asked", difference.after or "not asked"
    return f"{before} -> {after} {difference.flow} in {difference.step} of {difference.scenario}"


def _lines(comparison: Comparison) -> Iterator[str]:
    yield one_line(f"{_TITLES[comparison.exit_code()]}: {_counted(comparison)}")
    yield one_line(f"before: {_about(comparison.before)}")
    yield one_line(f"after:  {_about(comparison.after)}")
    for name, before, after in _differing(comparison):
        yield "  " + one_line(f"{name}: {before or 'not known'} -> {after or 'not known'}")
    for change in _TOLD:
        found = comparison.of(change)
        if found:
            yield ""
            yield f"{change}:"
        for difference in found[:_SHOWN]:
            yield f"  {one_line(_said(difference))}"
            if change in (Change.WORSE, Change.WAIVED):
                yield f"    {one_line(difference.reason)}"
        if len(found) > _SHOWN:
            yield f"  and {len(found) - _SHOWN} more (the json format has all)"


def _blocks(comparison: Comparison) -> Iterator[str]:
    yield f"## prober compare: {_TITLES[comparison.exit_code()]}"
    yield f"before {code(_about(comparison.before))}<br>\nafter {code(_about(comparison.after))}"
    counts = comparison.counts
    yield table(("change", "cells"), [(c, str(counts[c])) for c in (*_TOLD, Change.SAME)])
    if differing := _differing(comparison):
        yield table(("", "before", "after"), [(n, in_table(b or "-"), in_table(a or "-")) for n, b, a in differing])
    for change in _TOLD:
        if found := comparison.of(change):
            yield f"### {change}"
        for difference in found:
            yield f"- {code(_said(difference))}<br>{code(difference.reason)}"


def _document(comparison: Comparison) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "exit_code": comparison.exit_code(),
        "before": _facts(comparison.before) | {"run": comparison.before.run, "started": comparison.before.started},
        "after": _facts(comparison.after) | {"run": comparison.after.run, "started": comparison.after.started},
        "counts": {change: comparison.counts[change] for change in Change},
        "cells": [
            {
                "change": d.change,
                "scenario": d.scenario,
                "step": d.step,
                "flow": d.flow,
                "before": d.before,
                "after": d.after,
                "reason": d.reason,
            }
            for d in comparison.differences
            if d.change is not Change.SAME
        ],
    }
