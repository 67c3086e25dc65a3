"""A scenario's events put in order: its phases, their rounds, and who every pod was; it judges nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from prober import journal, manifest
from prober.errors import InputError
from prober.model import Action, AddPod, ClusterState, DeletePolicy, LabelNamespace, LabelPod, NetworkPolicy
from prober.model.plain import plain_state, read_addresses, read_state


@dataclass(slots=True, kw_only=True)
class Round:
    """One round: its attempts by flow, and who every pod was at its end (empty where it did not get that far)."""

    number: int
    attempts: dict[str, journal.Attempt] = field(default_factory=dict)
    pods: Mapping[str, list[str]] = field(default_factory=dict)
    ready: frozenset[str] = frozenset()  # Services with a ready backend, then
    ended: bool = False


@dataclass(slots=True, kw_only=True)
class PhaseStory:
    """A control, a step or the restore: its actions as done, and its rounds."""

    step: int
    kind: str
    name: str
    at: float
    acted: list[journal.Acted] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    again: Mapping[str, str] = field(default_factory=dict)  # by flow: how a person makes its attempt again
    complete: bool = False  # something came after it
    until: float = 0.0

    @property
    def acted_at(self) -> float:
        """Return when the cluster had accepted the last action; the phase's beginning where there was none."""
        return max((a.end for a in self.acted), default=self.at)

    def readable(self) -> list[Round]:
        """Return the rounds that came to their end."""
        return [r for r in self.rounds if r.ended]


@dataclass(slots=True, kw_only=True)
class Story:
    """All that happened to one scenario; of one on a shared topology also the control that it took over."""

    path: str
    state: ClusterState | None = None
    nodes: int = 0
    after: str = ""  # the path of the scenario that left it the topology; "": it was opened for this one
    given_up: str = ""  # why the next scenario did not get the topology; "": it did, or there was none
    phases: list[PhaseStory] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)  # its own, by number
    offsets: dict[str, float] = field(default_factory=dict)  # source -> harness clock minus its own
    arrived: set[str] = field(default_factory=set)
    skipped: str = ""
    remarks: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # how its events contradict each other: nothing is proved by them
    evidence: str = ""
    ended: bool = False
    begin: float = 0.0
    until: float = 0.0


def stories(events: Iterable[journal.Event]) -> dict[str, Story]:
    """Return the story of each scenario that a run's events tell of, by path; what does not fit in is a fault."""
    found: dict[str, Story] = {}
    for event in events:
        path = getattr(event, "scenario", "")
        if not path:
            continue
        story = found.setdefault(path, Story(path=path))
        story.until = max(story.until, getattr(event, "at", story.until))
        if misfit := _misfit(story, event):
            story.faults.append(misfit)
        elif isinstance(event, journal.TakenOver):
            story.after = event.after
            if event.control:
                _take_control(story, found.get(event.after))
        else:
            _add(story, event)
    return found


def tell(path: str, events: Iterable[journal.Event]) -> Story:
    """Return the story of one scenario from a run's events."""
    return stories(events).get(path) or Story(path=path)


def _take_control(story: Story, before: Story | None) -> None:
    """Make the last control of the scenario before the first one of this, where it can be."""
    if before is None or not before.ended or before.faults:
        story.faults.append(f"{story.after} has no control to leave to it")
    elif before.state != story.state:
        story.faults.append(f"it begins otherwise than {story.after} began, whose control it takes over")
    else:
        name = f"control, the last one of {story.after}"
        last = before.phases[-1]
        control = replace(last, step=0, kind="control", name=name, at=last.acted_at, acted=[], again={})
        story.phases.append(control)
        story.offsets.update(before.offsets)


def _add(story: Story, event: journal.Event) -> None:
    rounds = story.rounds
    match event:
        case journal.Skipped(reason=reason):
            story.skipped = reason
        case journal.Opened(state=state, nodes=nodes, at=at):
            story.nodes, story.begin = nodes, at
            try:
                story.state = read_opening(state)
            except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
                story.faults.append(f"its state cannot be read: {type(error).__name__}: {error}")
        case journal.Phase(step=step, kind=kind, name=name, at=at):
            _complete(story, at)
            story.phases.append(PhaseStory(step=step, kind=kind, name=name, at=at, until=at))
        case journal.Acted():
            story.phases[-1].acted.append(event)
        case journal.RoundStarted(round=number):
            rounds.append(Round(number=number))
            story.phases[-1].rounds.append(rounds[-1])
        case journal.RoundEnded(round=number, pods=pods, ready=ready):
            rounds[number].pods, rounds[number].ready, rounds[number].ended = pods, frozenset(ready), True
        case journal.Attempt(round=number, flow=flow):
            rounds[number].attempts[flow] = event
        case journal.Again(commands=commands):
            story.phases[-1].again = commands
        case journal.Clock(source=source, uptime=uptime, at=at):
            # of several readings the smallest difference had the least delay in it
            story.offsets[source] = min(at - uptime, story.offsets.get(source, at - uptime))
        case journal.Arrived(nonces=nonces):
            story.arrived.update(nonces)
        case journal.Remark(text=text):
            story.remarks.append(text)
        case journal.Trouble(text=text):
            story.trouble.append(text)
        case journal.Evidence(text=text):
            story.evidence = text
        case journal.Reset(why=why):
            story.given_up = why
        case journal.ScenarioEnded(at=at):
            _complete(story, at)
            story.ended = True


def _misfit(story: Story, event: journal.Event) -> str:
    """Say how an event cannot have come next in an honest journal, of which any beginning is one too; "" if it can."""
    rounds, now = story.rounds, story.phases[-1] if story.phases else None
    what = f"{type(event).__name__} does not come next"
    match event:
        case journal.Remark() | journal.Trouble() | journal.Evidence() | journal.Arrived():
            return ""
        case journal.Reset():
            return "" if story.ended and not story.given_up else what
        case _ if story.ended or story.skipped:
            return f"{what}: it is over"
        case journal.Skipped() | journal.Opened():
            return what if story.state or now else ""
        case journal.TakenOver():
            return "" if story.state and not now and not story.after else what
        case journal.Phase(step=step, kind=kind):
            return "" if story.state and _follows(kind, step, now) else f"{kind} {step} does not come next"
        case journal.ScenarioEnded():
            return "" if now and now.kind == "restore" else what
        case journal.Acted(step=step):
            return "" if now and now.step == step and not now.rounds else what
        case journal.RoundStarted(round=number, step=step):
            return "" if now and now.step == step and number == len(rounds) else f"round {number} does not come next"
        case journal.Again(step=step):
            return "" if now and now.step == step and now.rounds else what
        case journal.Clock(round=number):
            return "" if 0 <= number < len(rounds) else f"there is no round {number}"
        case journal.RoundEnded(round=number) | journal.Attempt(round=number) if not _under_way(rounds, number):
            return f"round {number} is not under way"
        case journal.Attempt(round=number, flow=flow) if flow in rounds[number].attempts:
            return f"two lines for one attempt at {flow}"
        case journal.RoundEnded() | journal.Attempt():
            return ""
        case _:
            return what


def _under_way(rounds: list[Round], number: int) -> bool:
    return 0 <= number < len(rounds) and not rounds[number].ended


def _follows(kind: str, step: int, now: PhaseStory | None) -> bool:
    """Say whether a phase is the next: the control, the steps from 0, the restore with the number after the last's."""
    if now is None or now.kind == "restore":
        return now is None and (kind, step) == ("control", 0)
    return step == (0 if now.kind == "control" else now.step + 1) and kind in ("step", "restore")


def _complete(story: Story, at: float) -> None:
    if story.phases and not story.phases[-1].complete:
        story.phases[-1].complete = True
        story.phases[-1].until = at
        if any(not r.ended for r in story.phases[-1].rounds):
            story.faults.append(f"a round of `{story.phases[-1].name}` never ended")


def plain_opening(state: ClusterState) -> dict[str, Any]:
    """Return the state in which a topology stands as a journal holds it: with the policies that were there before."""
    return {**plain_state(state), "policies": [manifest.dump(p) for p in state.policies.values()]}


def read_opening(data: Mapping[str, Any]) -> ClusterState:
    """Return the state that `plain_opening` wrote; as `read_state`, and InputError for a policy that is none."""
    policies = [_read_policy(p) for p in data.get("policies", ())]
    return replace(read_state(dict(data)), policies={p.ref: p for p in policies})


def _read_policy(data: object) -> NetworkPolicy:
    return manifest.load(json.dumps(data), "the journal")[0].it


def carried_out(actions: Iterable[Action], acted: Iterable[journal.Acted]) -> Iterator[Action]:
    """Yield those of `actions` that were carried out, added pods with the addresses that they got."""
    done = {a.action: a for a in acted}
    for action in actions:
        record = done.get(str(action))
        if record is None:
            continue
        if isinstance(action, AddPod):
            pod = replace(action.pod, addresses=read_addresses(record.addresses), node=record.node)
            action = AddPod(pod=pod)
        yield action


def advance(state: ClusterState, actions: Iterable[Action], acted: Iterable[journal.Acted]) -> ClusterState:
    """Return the state after those of `actions` that were carried out."""
    for action in carried_out(actions, acted):
        state = state.after(action)
    return state


def with_added(state: ClusterState, actions: Iterable[Action]) -> ClusterState:
    """Return the state with the pods that `actions` add: what a scenario's manifests are to know of addresses."""
    added = {a.pod.ref: a.pod for a in actions if isinstance(a, AddPod)}
    return replace(state, pods={**state.pods, **added}) if added else state


def reopened(state: ClusterState, first: ClusterState) -> ClusterState:
    """Return `state` as the restore leaves it: first policies and labels; pods that were added are still there."""
    pods = {ref: replace(p, labels=first.pods[ref].labels) if ref in first.pods else p for ref, p in state.pods.items()}
    return replace(state, policies=first.policies, namespaces=first.namespaces, pods=pods)


def reopening(state: ClusterState, first: ClusterState) -> tuple[Action, ...]:
    """Return what leads from `state` to `reopened(state, first)`."""
    actions: list[Action] = [DeletePolicy(policy=ref) for ref in state.policies if ref not in first.policies]
    for name, ns in state.namespaces.items():
        if name in first.namespaces and (changes := _back(ns.labels, first.namespaces[name].labels)):
            actions.append(LabelNamespace(namespace=name, labels=changes))
    for ref, pod in state.pods.items():
        if ref in first.pods and (changes := _back(pod.labels, first.pods[ref].labels)):
            actions.append(LabelPod(pod=ref, labels=changes))
    return tuple(actions)


def _back(now: Mapping[str, str], then: Mapping[str, str]) -> dict[str, str | None]:
    gone: dict[str, str | None] = {k: None for k in now if k not in then}
    return gone | {k: v for k, v in then.items() if now.get(k) != v}
