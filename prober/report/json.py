"""A run as JSON, versioned and exact: what is written is read back equal, with the journal that it was judged from.

The shape is fixed by `result.schema.json`; docs/json-report.md explains it. `banner`, `proof`, the `status` of a step
or a scenario and the parts of a flow are for readers of the file: they follow from the rest and are not read back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from prober import evidence
from prober.flows import parse_flow
from prober.model import Flow
from prober.outcomes import Outcome, Status, Verdict
from prober.report.fields import Fields, mistake, shown
from prober.result import CellResult, ReadingResult, RunResult, ScenarioResult, StepResult, WaiverResult, WaiverState

SCHEMA = "prober/result/1"
_FAMILY = "prober/result/"

Event = Mapping[str, object]


def render(result: RunResult, journal: Sequence[Event] = ()) -> str:
    """Return the document; the journal comes last, one event per line."""
    head = json.dumps(_run(result), indent=2, allow_nan=False).removesuffix("\n}")
    events = ",\n    ".join(json.dumps(e, allow_nan=False) for e in journal)
    return f'{head},\n  "journal": [\n    {events}\n  ]\n}}\n'


def read(text: str, file: str = "the result") -> tuple[RunResult, tuple[Event, ...]]:
    """Return the run and its journal; InputError says what in `file` is no result of this version."""
    try:
        data = json.loads(text, parse_constant=_refused)
    except ValueError as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 0
        raise mistake(file, "", f"not JSON ({error})", "give it what `--report json=FILE` wrote", line) from None
    except RecursionError:
        raise mistake(file, "", "nested too deep", "give it what `--report json=FILE` wrote") from None
    fields = Fields(data, file)
    said = data.get("schema") if isinstance(data, dict) else None
    if said != SCHEMA:
        if isinstance(said, str) and said.startswith(_FAMILY):
            what = f"it is written as {shown(said)}, and this version of prober reads {SCHEMA}"
            raise mistake(file, "schema", what, "read it with the version that wrote it, named under `version`")
        raise mistake(file, "schema", "this is no result of prober", f"its `schema` must be {SCHEMA}")
    return _read_run(fields), tuple(event.data for event in fields.each("journal"))


def _refused(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _run(result: RunResult) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "banner": result.banner,
        "proof": result.proof,
        "run": result.run,
        "version": result.version,
        "cluster": result.cluster,
        "started": result.started,
        "seconds": result.seconds,
        "nodes": result.nodes,
        "settings": dict(result.settings),
        "interrupted": result.interrupted,
        "trouble": result.trouble,
        "evidence": evidence.plain(result.evidence),
        "remarks": list(result.remarks),
        "waivers": [_waiver(w) for w in result.waivers],
        "scenarios": [_scenario(s) for s in result.scenarios],
    }


def _waiver(waiver: WaiverResult) -> dict[str, Any]:
    return {f.name: getattr(waiver, f.name) for f in fields(waiver)}


def _scenario(scenario: ScenarioResult) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "path": scenario.path,
        "summary": scenario.summary,
        "tags": list(scenario.tags),
        "status": scenario.status,
        "skipped": scenario.skipped,
        "trouble": scenario.trouble,
        "remarks": list(scenario.remarks),
        "evidence": scenario.evidence,
        "seconds": scenario.seconds,
        "intent": list(scenario.intent),
        "took_over": scenario.took_over,
        "given_up": scenario.given_up,
        "steps": [_step(s) for s in scenario.steps],
    }


def _step(step: StepResult) -> dict[str, Any]:
    return {
        "name": step.name,
        "kind": step.kind,
        "status": step.status,
        "actions": list(step.actions),
        "witnessed": step.witnessed,
        "rounds": step.rounds,
        "seconds": step.seconds,
        "cells": [_cell(c) for c in step.cells],
    }


def _cell(cell: CellResult) -> dict[str, Any]:
    return {
        "flow": _flow(cell.flow),
        "expected": cell.expected,
        "by": cell.by,
        "observed": cell.observed,
        "outcome": cell.outcome,
        "status": cell.status,
        "reason": cell.reason,
        "judgement": cell.judgement,
        "attempts": cell.attempts,
        "agreed_after": cell.agreed_after,
        "command": cell.command,
        "again": cell.again,
        "waiver": cell.waiver,
        "readings": [_reading(r) for r in cell.readings],
    }


def _reading(reading: ReadingResult) -> dict[str, Any]:
    return {
        "round": reading.round,
        "after": reading.after,
        "seconds": reading.seconds,
        "outcome": reading.outcome,
        "verdict": reading.verdict,
        "doubt": reading.doubt,
        "text": reading.text,
    }


def _flow(flow: Flow) -> dict[str, Any]:
    return {
        "text": str(flow),
        "source": str(flow.source),
        "target": str(flow.target),
        "port": flow.port,
        "protocol": flow.protocol,
        "family": flow.family,
    }


def _read_run(fields: Fields) -> RunResult:
    settings = fields.inner("settings")
    return RunResult(
        run=fields.text("run"),
        version=fields.text("version"),
        cluster=fields.text("cluster"),
        started=fields.text("started"),
        seconds=fields.number("seconds"),
        nodes=fields.whole("nodes"),
        settings=tuple((key, settings.text(key)) for key in settings.data),
        scenarios=tuple(map(_read_scenario, fields.each("scenarios"))),
        interrupted=fields.flag("interrupted"),
        trouble=fields.text("trouble"),
        evidence=_read_evidence(fields) if "evidence" in fields.data else evidence.Evidence(),
        waivers=tuple(map(_read_waiver, fields.each("waivers"))) if "waivers" in fields.data else (),
        remarks=_read_remarks(fields),
    )


def _read_waiver(fields: Fields) -> WaiverResult:
    return WaiverResult(
        id=fields.text("id"),
        file=fields.text("file"),
        reason=fields.text("reason"),
        owner=fields.text("owner"),
        expires=fields.text("expires"),
        engine=fields.text("engine"),
        state=fields.word("state", WaiverState),
        cells=fields.whole("cells"),
    )


def _read_evidence(fields: Fields) -> evidence.Evidence:
    try:
        return evidence.read(fields.inner("evidence").data)
    except ValueError as error:
        place, _, what = str(error).partition(": ")
        raise fields.wrong(place, what) from None


def _read_remarks(fields: Fields) -> tuple[str, ...]:
    return fields.texts("remarks") if "remarks" in fields.data else ()  # versions before 0.2 did not write them


def _read_scenario(fields: Fields) -> ScenarioResult:
    return ScenarioResult(
        name=fields.text("name"),
        path=fields.text("path"),
        summary=fields.text("summary"),
        tags=fields.texts("tags"),
        steps=tuple(map(_read_step, fields.each("steps"))),
        skipped=fields.text("skipped"),
        trouble=fields.text("trouble"),
        remarks=_read_remarks(fields),
        evidence=fields.text("evidence"),
        seconds=fields.number("seconds"),
        intent=fields.texts("intent") if "intent" in fields.data else (),  # versions before 0.2 did not write it
        took_over=fields.text("took_over") if "took_over" in fields.data else "",  # neither was written before 0.2
        given_up=fields.text("given_up") if "given_up" in fields.data else "",
    )


def _read_step(fields: Fields) -> StepResult:
    return StepResult(
        name=fields.text("name"),
        kind=fields.text("kind"),
        actions=fields.texts("actions"),
        cells=tuple(map(_read_cell, fields.each("cells"))),
        witnessed=fields.flag("witnessed"),
        rounds=fields.whole("rounds"),
        seconds=fields.number("seconds"),
    )


def _read_cell(fields: Fields) -> CellResult:
    flow = fields.inner("flow")
    try:
        parsed = parse_flow(flow.text("text"))
    except ValueError as error:
        raise flow.wrong("text", str(error)) from None
    return CellResult(
        flow=parsed,
        expected=fields.word("expected", Verdict),
        by=fields.text("by"),
        observed=fields.word("observed", Verdict),
        outcome=None if fields.is_null("outcome") else fields.word("outcome", Outcome),
        status=fields.word("status", Status),
        reason=fields.text("reason"),
        judgement=fields.text("judgement"),
        attempts=fields.whole("attempts"),
        agreed_after=None if fields.is_null("agreed_after") else fields.number("agreed_after"),
        command=fields.text("command"),
        again=fields.text("again") if "again" in fields.data else "",  # versions before 0.2 did not write it
        waiver=fields.text("waiver") if "waiver" in fields.data else "",
        readings=tuple(map(_read_reading, fields.each("readings"))) if "readings" in fields.data else (),  # nor this
    )


def _read_reading(fields: Fields) -> ReadingResult:
    return ReadingResult(
        round=fields.whole("round"),
        after=None if fields.is_null("after") else fields.number("after"),
        seconds=fields.number("seconds"),
        outcome=fields.word("outcome", Outcome),
        verdict=fields.word("verdict", Verdict),
        doubt=fields.text("doubt"),
        text=fields.text("text"),
    )
