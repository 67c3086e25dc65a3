"""A scenario's events put in order, and what cannot have come next."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

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
    ScenarioEnded,
    Skipped,
    Trouble,
)
from prober.model import (
    AddPod,
    ApplyPolicy,
    ClusterState,
    Direction,
    LabelNamespace,
    LabelPod,
    Namespace,
    NetworkPolicy,
    Pod,
    PodRef,
    RemovePod,
    Topology,
)
from prober.story import Story, advance, plain_opening, read_opening, reopened, reopening, tell
from tests.telling import A_B, OK, PATH, Told, changed, journal, told


def test_story_has_phases_rounds_and_attempts() -> None:
    """Every event has its place."""
    story = tell(PATH, journal(control=[OK, OK], steps=[[OK, told(ab="REFUSED")]]))
    assert [("control", 0), ("step", 0), ("restore", 1)] == [(p.kind, p.step) for p in story.phases]
    assert [[0, 1], [2, 3], [4]] == [[r.number for r in p.rounds] for p in story.phases]
    assert "REFUSED" == story.phases[1].rounds[1].attempts[A_B].outcome
    assert ["apply shop/no-b"] == [a.action for a in story.phases[1].acted]
    assert all(p.complete for p in story.phases)
    assert story.ended
    assert ([], [], "", "") == (story.faults, story.trouble, story.skipped, story.evidence)


def test_story_of_another_scenario_is_empty() -> None:
    """Scenarios in one journal do not mix."""
    story = tell("other", journal())
    assert (None, [], False) == (story.state, story.phases, story.ended)


def test_every_beginning_is_without_fault() -> None:
    """A run may die at any event: what came before is a story without contradictions."""
    events = journal(control=[OK, OK], steps=[[OK, Told(arrived=("shop/a -> shop/b:53/udp",))]])
    for end in range(len(events) + 1):
        assert [] == tell(PATH, events[:end]).faults


def test_phase_is_complete_once_something_came_after_it() -> None:
    """A phase that was cut short is not complete, and its last round counts only if it ended."""
    events = journal()
    last = max(i for i, e in enumerate(events) if isinstance(e, RoundEnded))
    cut = tell(PATH, events[:last])
    assert [True, True, False] == [p.complete for p in cut.phases]
    assert [] == cut.phases[-1].readable()
    assert 1 == len(cut.phases[-1].rounds)


def test_acting_ends_with_the_last_action() -> None:
    """The time to enforce begins when the cluster has accepted the last action; without one, with the phase."""
    story = tell(PATH, journal())
    control, step, _ = story.phases
    assert control.at == control.acted_at
    assert max(a.end for a in step.acted) == step.acted_at


def test_least_delayed_clock_reading_counts() -> None:
    """Of several readings of a source's clock the smallest difference is nearest to the truth."""
    events = journal(control=[OK, OK, OK])
    clocks = [e for e in events if isinstance(e, Clock) and e.source == "shop/a"]
    assert -1000.0 == tell(PATH, events).offsets["shop/a"]
    slow = changed(events, Clock, events_of(events, Clock).index(clocks[1]), at=clocks[1].at + 5)
    assert -1000.0 == tell(PATH, slow).offsets["shop/a"]
    quick = changed(events, Clock, events_of(events, Clock).index(clocks[1]), at=clocks[1].at - 5)
    assert -1005.0 == tell(PATH, quick).offsets["shop/a"]


def events_of(events: tuple[Event, ...], kind: type[Event]) -> list[Event]:
    """Return the events of a kind."""
    return [e for e in events if isinstance(e, kind)]


def story_of(*more: Event, events: tuple[Event, ...] = ()) -> Story:
    """Return the story of a journal with more events before its scenario's end."""
    events = events or journal()
    return tell(PATH, (*events[:-2], *more, *events[-2:]))


ATTEMPT = next(e for e in journal() if isinstance(e, Attempt))
MISFITS: dict[str, Event] = {
    "opened-again": next(e for e in journal() if isinstance(e, Opened)),
    "skipped": Skipped(scenario=PATH, reason="x"),
    "another-control": Phase(scenario=PATH, step=0, kind="control", name="c", at=1),
    "another-step": Phase(scenario=PATH, step=2, kind="step", name="s", at=1),
    "another-restore": Phase(scenario=PATH, step=2, kind="restore", name="r", at=1),
    "an-action-after-rounds": Acted(scenario=PATH, step=1, action="x", begin=1, end=1, addresses={}, node=None),
    "a-round-of-another-step": RoundStarted(scenario=PATH, step=0, round=4, at=1),
    "a-round-too-far": RoundStarted(scenario=PATH, step=1, round=5, at=1),
    "a-round-again": RoundStarted(scenario=PATH, step=1, round=0, at=1),
    "end-of-no-round": RoundEnded(scenario=PATH, step=1, round=4, at=1, pods={}),
    "end-of-an-ended-round": RoundEnded(scenario=PATH, step=1, round=3, at=1, pods={}),
    "attempt-after-its-round": replace(ATTEMPT, round=3),
    "attempt-of-no-round": replace(ATTEMPT, round=4),
    "attempt-of-a-round-below-none": replace(ATTEMPT, round=-1),
    "clock-of-no-round": Clock(scenario=PATH, round=4, source="shop/a", uptime=1, at=1),
}


@pytest.mark.parametrize("event", MISFITS.values(), ids=MISFITS)
def test_event_that_cannot_come_next_is_a_fault_and_left_out(event: Event) -> None:
    """What an honest run never writes is a fault, and changes nothing of what was told before."""
    story, spoilt = story_of(), story_of(event)
    assert ([], 1) == (story.faults, len(spoilt.faults))
    assert story.phases == spoilt.phases
    assert story.offsets == spoilt.offsets


def test_nothing_but_words_comes_after_the_end() -> None:
    """After a scenario's end there may be trouble in cleaning up, and nothing else."""
    events = journal()
    told_after = tell(PATH, (*events, Trouble(scenario=PATH, text="x"), Evidence(scenario=PATH, text="y")))
    assert ([], ["x"], "y") == (told_after.faults, told_after.trouble, told_after.evidence)
    late = tell(PATH, (*events, ScenarioEnded(scenario=PATH, at=1)))
    assert 1 == len(late.faults)


def test_scenario_cannot_end_before_its_restore() -> None:
    """An end without the later control is a fault."""
    events = journal()
    restore = max(i for i, e in enumerate(events) if isinstance(e, Phase))
    assert 1 == len(tell(PATH, (*events[:restore], *events[-2:])).faults)


def test_round_that_never_ended_is_a_fault_once_the_phase_is_over() -> None:
    """An honest run waits for its rounds."""
    events = journal()
    gone = events_of(events, RoundEnded)[1]
    assert ["a round of `deny` never ended"] == tell(PATH, tuple(e for e in events if e is not gone)).faults


def test_arrivals_of_all_rounds_are_one_set() -> None:
    """A nonce is drawn once, so arrivals need no round."""
    story = story_of(Arrived(scenario=PATH, nonces=["n1"]), Arrived(scenario=PATH, nonces=["n2", "n1"]))
    assert {"n1", "n2"} == story.arrived


STATE = ClusterState.of(
    Topology(
        namespaces=(Namespace(name="shop", labels={"team": "a"}),),
        pods=(
            Pod(namespace="shop", name="a", labels={"app": "a", "old": ""}),
            Pod(namespace="shop", name="b"),
        ),
    )
)
OTHERS = NetworkPolicy(namespace="shop", name="injected", types=frozenset({Direction.INGRESS}))
APPLIED = ApplyPolicy(policy=replace(OTHERS, name="ours"))
A, B, C = PodRef("shop", "a"), PodRef("shop", "b"), PodRef("shop", "c")
CHANGES = (
    LabelPod(pod=A, labels={"app": "x", "new": "1", "old": None}),
    LabelNamespace(namespace="shop", labels={"team": None, "stage": ""}),
    AddPod(pod=Pod(namespace="shop", name="c", labels={"app": "c"})),
    LabelPod(pod=C, labels={"app": "d"}),
    RemovePod(pod=B),
)


def acted(*actions: object) -> list[Acted]:
    """Return actions as carried out."""
    return [
        Acted(
            scenario=PATH, step=0, action=str(a), begin=0, end=1, addresses={"ipv4": "10.0.0.9"}, node=2
        )
        for a in actions
    ]  # fmt: skip


def test_state_advances_by_what_was_carried_out() -> None:
    """An action without its record did not happen; an added pod has the address and the node that it got."""
    after = advance(STATE, CHANGES, acted(*CHANGES))
    assert {"app": "x", "new": "1"} == after.pods[A].labels
    assert ({"ipv4": "10.0.0.9"}, 2) == (after.pods[C].addresses, after.pods[C].node)
    assert B not in after.pods
    assert STATE == advance(STATE, CHANGES, [])
    assert B in advance(STATE, CHANGES, acted(*CHANGES[:-1])).pods


def test_restore_puts_labels_back_and_leaves_pods() -> None:
    """The restore is the first state's labels and no policies, on the pods that are there then."""
    after = advance(STATE, CHANGES, acted(*CHANGES))
    closed = reopened(after, STATE)
    assert STATE.pods[A].labels == closed.pods[A].labels
    assert STATE.namespaces == closed.namespaces
    assert {"app": "d"} == closed.pods[C].labels
    assert B not in closed.pods
    assert {} == closed.policies


def test_reopening_leads_there() -> None:
    """The actions of a restore lead exactly to the state that it is judged by; policies of others stay."""
    first = replace(STATE, policies={OTHERS.ref: OTHERS})
    state = advance(first, (*CHANGES, APPLIED), acted(*CHANGES, APPLIED))
    wanted = reopened(state, first)
    for action in reopening(state, first):
        state = state.after(action)
    assert wanted == state
    assert [OTHERS.ref] == list(wanted.policies)
    assert () == reopening(first, first)


def test_policies_that_were_there_are_part_of_the_first_state() -> None:
    """A topology's policies of others come back from a journal; a journal without any has none."""
    first = replace(STATE, policies={OTHERS.ref: OTHERS})
    written = json.loads(json.dumps(plain_opening(first)))
    assert first == read_opening(written)
    assert {} == read_opening({k: v for k, v in written.items() if k != "policies"}).policies
    story = tell(PATH, changed(journal(), Opened, state={**written, "policies": [{"kind": "Other"}]}))
    assert story.state is None


def test_state_that_cannot_be_read_is_a_fault() -> None:
    """A state of another version is told, not raised."""
    states: tuple[dict[str, object], ...] = ({}, {"pods": 1}, {"families": []})
    for state in states:
        story = tell(PATH, changed(journal(), Opened, state=state))
        assert story.state is None
        assert any("its state cannot be read" in f for f in story.faults)
