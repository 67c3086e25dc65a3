"""Journals that a crash cut short, that were damaged, or that contradict themselves: never green, no exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.journal import (
    Acted,
    Arrived,
    Attempt,
    Clock,
    Event,
    Evidence,
    Opened,
    Phase,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    ScenarioEnded,
    Skipped,
    from_plain,
    plain,
)
from prober.model import DeletePolicy
from prober.outcomes import Outcome, Status, Verdict
from prober.result import RunResult
from tests.telling import (
    A_B,
    A_B_UDP,
    A_C,
    B_B,
    DENY_B,
    OK,
    PATH,
    WAY,
    Journalist,
    Told,
    cell,
    changed,
    journal,
    judged,
    phase,
    replaced,
    told,
    without,
)

PASS = Status.PASS


BAD_JOURNALS = {
    "two-runs": lambda e: (*e, *e),
    "begun-twice": lambda e: (e[0], *e),
    "opened-twice": lambda e: (*e[:2], *e[1:]),
    "a-phase-twice": lambda e: (*e[:3], *e[2:]),
    "no-opening": lambda e: without(e, Opened),
    "no-control-line": lambda e: without(e, Phase),
    "no-step-line": lambda e: without(e, Phase, 1),
    "no-restore-line": lambda e: without(e, Phase, 2),
    "no-action": lambda e: without(e, Acted),
    "other-action": lambda e: changed(e, Acted, action="apply shop/other"),
    "no-round-start": lambda e: without(e, RoundStarted, 1),
    "no-round-end": lambda e: without(e, RoundEnded, 1),
    "a-round-ended-twice": lambda e: (*e[:-2], [x for x in e if isinstance(x, RoundEnded)][-1], *e[-2:]),
    "attempt-missing": lambda e: tuple(x for x in e if not (isinstance(x, Attempt) and x.flow == A_B and x.round == 1)),
    "attempt-twice": lambda e: twice(e, "TIMED_OUT"),
    "attempt-twice-otherwise": lambda e: twice(e, "CONNECTED"),
    "attempt-of-another-round": lambda e: changed(e, Attempt, 9, round=77),
    "negative-round": lambda e: changed(e, RoundStarted, round=-1),
    "negative-attempt-round": lambda e: changed(e, Attempt, 9, round=-1),
    "clock-of-no-round": lambda e: changed(e, Clock, round=99),
    "step-out-of-range": lambda e: changed(e, Phase, 1, step=5),
    "negative-step": lambda e: changed(e, Phase, 1, step=-1),
    "restored-too-early": lambda e: changed(e, Phase, 2, step=7),
    "unknown-kind": lambda e: changed(e, Phase, 1, kind="rest"),
    "restore-before-the-step": lambda e: reordered(e),
    "steps-after-the-end": lambda e: (*e[:-2], e[-2], *[x for x in e if isinstance(x, Acted)], e[-1]),
    "skipped-and-run": lambda e: (*e[:-2], Skipped(scenario=PATH, reason="x"), *e[-2:]),
    "state-of-nothing": lambda e: changed(e, Opened, state={}),
    "state-of-nonsense": lambda e: changed(e, Opened, state=dict.fromkeys(e[1].state, 7)),
    "of-another-scenario": lambda e: (*e[:-2], Evidence(scenario="other", text="x"), *e[-2:]),
    "family-of-nonsense": lambda e: changed(e, Acted, addresses={"ipv5": "1"}, action="add pod shop/x"),
    "hold-of-nonsense": lambda e: changed(e, RunStarted, settings={"hold": "long"}),
    "only-of-nonsense": lambda e: changed(e, RunStarted, settings={"only": "->"}),
    "no-end-of-scenario": lambda e: without(e, ScenarioEnded),
    "no-end-of-run": lambda e: without(e, RunEnded),
    "more-after-the-end": lambda e: (*e, Evidence(scenario=PATH, text="x")),
}


def twice(events: Sequence[Event], outcome: str) -> tuple[Event, ...]:
    """Return events in which one attempt has a second line."""
    at, found = next((i, e) for i, e in enumerate(events) if isinstance(e, Attempt) and e.flow == A_B and e.round == 1)
    return (*events[: at + 1], replace(found, outcome=outcome), *events[at + 1 :])


def reordered(events: Sequence[Event]) -> tuple[Event, ...]:
    """Return events with the restore told before the step."""
    step, restore = (i for i, e in enumerate(events) if isinstance(e, Phase) and e.kind != "control")
    return (*events[:step], *events[restore:-2], *events[step:restore], *events[-2:])


@pytest.mark.parametrize("spoil", BAD_JOURNALS.values(), ids=BAD_JOURNALS)
def test_journal_that_contradicts_itself_proves_nothing(spoil: Any) -> None:
    """Lines missing, doubled, out of order or of nonsense: never an exception, never green, and no denial passes."""
    spoilt = spoil(journal())
    result = judged(spoilt)
    assert result.exit_code() in (1, 3, 130)
    assert result.trouble or result.scenarios[0].trouble
    if result.scenarios[0].trouble.startswith("its journal contradicts itself"):
        assert PASS not in {c.status for c in result.scenarios[0].cells}


def test_address_of_nonsense_cannot_be_judged() -> None:
    """An address that is none meets the oracle: the scenario is trouble, the run is judged."""
    text = DENY_B.replace("}}\n    expect", "}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}\n    expect")
    events = journal(text)
    assert 0 == judged(events, text).exit_code()
    state = next(e for e in events if isinstance(e, Opened)).state
    pods = [{**p, "addresses": {"ipv4": "nowhere"}} for p in state["pods"]]
    result = judged(changed(events, Opened, state={**state, "pods": pods}), text)
    assert (3, ()) == (result.exit_code(), result.scenarios[0].steps)
    assert "cannot be judged" in result.scenarios[0].trouble


def test_voucher_without_a_line_vouches_for_nothing() -> None:
    """A target of which no own-address line is there was not seen alive."""
    found = cell(judged(journal(steps=[[Told(missing=(B_B,))] * 2])))
    assert (Status.UNKNOWN, Verdict.UNKNOWN) == (found.status, found.observed)
    assert "its own address gave no answer" in found.reason


def test_restore_before_the_last_step_is_none() -> None:
    """A journal that leaves a step out contradicts its scenario: the later control was not the last."""
    text = DENY_B + "  - {name: again, expect: {denied: [any -> shop/b]}}\n"
    it = Journalist(text)
    it.phase(0, "control", [OK])
    it.phase(0, "step", [OK, OK], it.scenario.steps[0].actions)
    it.phase(1, "restore", [OK], [DeletePolicy(policy=ref) for ref in it.state.policies])
    it.end()
    result = judged(it.events, text)
    assert "its journal contradicts itself: it was restored before its last step" == result.scenarios[0].trouble
    assert 3 == result.exit_code()
    assert PASS not in {c.status for c in result.scenarios[0].cells}


def test_round_that_did_not_end_counts_for_nothing_and_against_nothing() -> None:
    """Killed in a step's second round a run has seen one; killed in the restore's second round it has its control."""
    events = journal(restore=[OK, OK])
    ends = [i for i, e in enumerate(events) if isinstance(e, RoundEnded)]
    in_step, in_restore = judged(events[: ends[2]]), judged(events[: ends[4]])
    assert Status.UNKNOWN is cell(in_step, A_C).status
    assert [1, 1] == [cell(in_step, A_C).attempts, phase(in_step, "step").rounds]
    assert PASS is cell(in_restore).status


# --- properties: whatever is lost of a journal, nothing more is proved by the rest

RUNS = {
    "green": journal(),
    "slow": journal(control=[told(ab="TIMED_OUT"), OK], steps=[[told(ab="CONNECTED"), OK, OK]], restore=[OK, OK]),
    "leak": journal(steps=[[told(ab="CONNECTED")] * 4]),
    "flapping": journal(steps=[[OK, OK, told(ab="CONNECTED"), OK, OK]]),
    "arrived": journal(steps=[[OK, Told(arrived=(A_B_UDP,)), OK, OK]]),
    "no-control": journal(control=[told(ab="TIMED_OUT")]),
    "not-released": journal(restore=[told(ab="TIMED_OUT"), told(ab="TIMED_OUT")]),
    "dead": journal(steps=[[OK, told(ab="REFUSED", bb="REFUSED")]]),
    "replaced": journal(steps=[[OK, replaced("shop/b")]]),
    "possible-leak": journal(steps=[[OK, OK, told(ab="SILENT"), OK]]),
}


def proved(result: RunResult) -> set[tuple[str, str]]:
    """Return the denials that passed, by step and flow."""
    cells = [(s.name, c) for sc in result.scenarios for s in sc.steps for c in s.cells]
    return {(name, str(c.flow)) for name, c in cells if c.status is PASS and c.expected is Verdict.DENIED}


def passed(result: RunResult) -> set[tuple[str, str]]:
    """Return all cells that passed, by step and flow."""
    return {(s.name, str(c.flow)) for sc in result.scenarios for s in sc.steps for c in s.cells if c.status is PASS}


@pytest.mark.parametrize("events", RUNS.values(), ids=RUNS)
def test_run_killed_at_any_event_proves_no_denial_more(events: tuple[Event, ...]) -> None:
    """After every single event: 3, 130 or (with a finding) 1, and no denial that the whole journal does not prove."""
    whole = judged(events)
    for end in range(len(events)):
        cut = judged(events[:end])
        assert cut.exit_code() in ((3, 130, 1) if whole.exit_code() == 1 else (3, 130))
        assert proved(cut) <= proved(whole)
        asserted = {c.status for s in cut.scenarios for step in s.steps for c in step.cells if step.kind == "step"}
        if not any(isinstance(e, Phase) and e.kind == "restore" for e in events[:end]):
            assert not proved(cut)
        assert cut.trouble or asserted


def test_green_run_killed_at_any_event_passes_no_cell_more() -> None:
    """Of a green run no beginning passes a cell that the whole run does not."""
    for name in ("green", "slow"):
        whole = passed(judged(RUNS[name]))
        for end in range(len(RUNS[name])):
            assert passed(judged(RUNS[name][:end])) <= whole


@pytest.mark.parametrize("name", ["flapping", "replaced", "not-released"])
def test_any_single_event_lost_or_doubled_proves_no_denial_more(name: str) -> None:
    """One line less, or one twice: no denial that the whole journal does not prove, and no exception.

    Arrivals apart: nothing but the numbers of a journal's lines shows that one is missing.
    """
    events = RUNS[name]
    whole = proved(judged(events))
    for i, event in enumerate(events):
        if not isinstance(event, Arrived):
            assert proved(judged((*events[:i], *events[i + 1 :]))) <= whole
        assert proved(judged((*events[: i + 1], *events[i:]))) <= whole


_PICKED = st.integers(0, 10_000)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(RUNS)),
    st.lists(st.tuples(st.sampled_from(["drop", "double", "swap", "move"]), _PICKED, _PICKED), min_size=1, max_size=6),
)
def test_shuffled_journal_never_raises_and_proves_no_denial_more(name: str, edits: list[tuple[str, int, int]]) -> None:
    """Whatever is dropped, doubled, swapped or moved: no exception, and nothing proved that was not."""
    events = list(RUNS[name])
    whole = proved(judged(events))
    for kind, a, b in edits:
        one, other = a % len(events), b % len(events)
        match kind:
            case "drop" if not isinstance(events[one], Arrived):
                del events[one]
            case "double":
                events.insert(other, events[one])
            case "swap":
                events[one], events[other] = events[other], events[one]
            case "move" if not isinstance(events[one], Arrived):
                events.insert(other, events.pop(one))
    assert proved(judged(events)) <= whole


_JUNK: dict[type[Any], st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    str: st.sampled_from(["", PATH, "control", "restore", A_B, "CONNECTED", "TIMED_OUT", "no", "-", "\n"]),
    int: st.integers(-3, 5),
    float: st.floats(allow_nan=False, allow_infinity=False),
    dict: st.dictionaries(st.sampled_from(["shop/a", "ipv4", "pods"]), st.lists(st.text(max_size=3), max_size=2)),
    list: st.lists(st.text(max_size=3), max_size=2),
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_field_of_any_event_may_be_anything_of_its_type(data: st.DataObject) -> None:
    """What `from_plain` takes, `judge` takes: whatever stands in a field, the run is judged and nothing raises."""
    events = list(RUNS[data.draw(st.sampled_from(sorted(RUNS)))])
    at = data.draw(st.integers(0, len(events) - 1))
    fields = {k: v for k, v in plain(events[at]).items() if k != "event" and v is not None}
    field = data.draw(st.sampled_from(sorted(fields)))
    value = data.draw(next(junk for kind, junk in _JUNK.items() if isinstance(fields[field], kind)))
    try:
        events[at] = from_plain({**plain(events[at]), field: value})
    except Exception:
        return
    judged(events)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_PICKED, st.sampled_from([*Outcome, "LATER"])), max_size=8), st.integers(0, 2))
def test_whatever_was_seen_a_denial_that_passes_has_all_its_evidence(seen: list[tuple[int, str]], hold: int) -> None:
    """Outcomes at random all over a run: what passes has its controls, living target, way and row of denials."""
    events = list(journal(hold=hold, control=[OK, OK], steps=[[OK] * 4], restore=[OK, OK]))
    attempts = [i for i, e in enumerate(events) if isinstance(e, Attempt)]
    for pick, outcome in seen:
        at = attempts[pick % len(attempts)]
        attempt = events[at]
        assert isinstance(attempt, Attempt)
        events[at] = replace(attempt, outcome=str(outcome))
    by_flow: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, Attempt):
            by_flow.setdefault(event.flow, []).append(event.outcome)
    denials = {"TIMED_OUT", "REFUSED", "UNREACHABLE"}
    for _, flow in proved(judged(events)):
        own = f"{flow.split(' -> ')[1].rsplit(':', 1)[0]} -> {flow.split(' -> ')[1]}"
        first, row, last = by_flow[flow][:2], by_flow[flow][2:6], by_flow[flow][6:]
        alive, way = by_flow[own][2:6], by_flow[WAY][2:6]
        assert "CONNECTED" in first
        assert "CONNECTED" in last
        good = "".join(
            "D" if o in denials and a == w == "CONNECTED" else "x" for o, a, w in zip(row, alive, way, strict=True)
        )
        assert "D" * (hold + 1) in good
        assert good.endswith("D")
        assert "CONNECTED" not in row[good.index("D" * (hold + 1)) :]
