"""Whether an attempt's denial counts: who vouched for its target, who the pods were, what controls it had (rules 1-4).

It reads attempts; what a row of readings is worth is decided in `assess`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from prober import journal
from prober.assess import DENIALS, Reading
from prober.cells import lookup_leg, service_of
from prober.expect import Expected
from prober.model import ClusterState, Flow, HostName, PodRef, Protocol
from prober.oracle import Ruling
from prober.oracle.judgement import Role
from prober.outcomes import Outcome, Verdict
from prober.story import PhaseStory, Round, Story
from prober.vouching import Vouching, is_witness

_NO_NONCE = "-"


@dataclass(frozen=True)
class Chapter:
    """A phase as it was told, with the state after its actions and what should be in it."""

    told: PhaseStory
    state: ClusterState
    expected: dict[Flow, Expected]

    @cached_property
    def vouching(self) -> Vouching:
        """Who vouches for what in it."""
        return Vouching(self.state)


class Proofs:
    """One scenario's chapters, and the controls that its cells had."""

    def __init__(self, story: Story, chapters: Sequence[Chapter]) -> None:
        self._story = story
        self._chapters = chapters
        self._controls = {c.told.kind: c for c in chapters if c.told.kind != "step"}
        self._connected = {kind: _connected(c) for kind, c in self._controls.items()}
        self._places: dict[int, dict[str, int]] = {}  # by round: when each flow's answer came in

    def reading(self, chapter: Chapter, flow: Flow, wanted: Expected, round_: Round) -> Reading:
        """Return what one attempt at a cell means."""
        attempt = round_.attempts[str(flow)]
        verdict, doubt = self._meaning(chapter, flow, wanted, round_, attempt)
        offset = self._story.offsets.get(str(flow.source))
        begin = None if offset is None else attempt.begin + offset
        return Reading(round=round_.number, outcome=seen(attempt), verdict=verdict, begin=begin, doubt=doubt)

    def unproved(self, chapter: Chapter, flow: Flow, round_: Round) -> str:
        """Say why a denial in a round proves nothing; "" if the cell connected in every control that it can have."""
        needed = [kind for kind in ("control", "restore") if self._can_have(chapter, flow, kind)]
        if not needed:
            return "it never had a control"
        return next(filter(None, (self._unlike(chapter, flow, round_, kind) for kind in needed)), "")

    def _meaning(
        self, chapter: Chapter, flow: Flow, wanted: Expected, round_: Round, attempt: journal.Attempt
    ) -> tuple[Verdict, str]:
        """Say what one attempt means, and why where it means nothing."""
        outcome = seen(attempt)
        if outcome is Outcome.CONNECTED:
            return Verdict.ALLOWED, ""
        if outcome is Outcome.NO_NAME:
            return self._nameless(chapter, flow, wanted, round_)
        if outcome not in DENIALS:
            return Verdict.UNKNOWN, _DOUBTS[outcome] + (f": {attempt.text.strip()[:200]!r}" if attempt.text else "")
        arrived = attempt.nonce != _NO_NONCE and attempt.nonce in self._story.arrived
        # only against a denial: a flow whose answers are dropped is not allowed either (semantics 7)
        if arrived and flow.protocol is Protocol.UDP and wanted.verdict is Verdict.DENIED:
            return Verdict.ALLOWED, "the datagram arrived, its answer did not"
        doubt = self._doubt(chapter, flow, round_)
        return (Verdict.UNKNOWN, doubt) if doubt else (Verdict.DENIED, "")

    def _nameless(self, chapter: Chapter, flow: Flow, wanted: Expected, round_: Round) -> tuple[Verdict, str]:
        """A name that was not found is a denial only where its look-up is denied, and proved so (proof rule 4)."""
        lookups = [leg for leg in wanted.judgement.legs if leg.role is Role.LOOKUP]
        if not isinstance(flow.target, HostName) or not any(leg.ruling is Ruling.DENIED for leg in lookups):
            return Verdict.UNKNOWN, "the name was not found, though its look-up is not denied"
        leg = lookup_leg(flow)
        beside = round_.attempts.get(str(leg))
        if beside is None or seen(beside) not in DENIALS:
            return Verdict.UNKNOWN, "the name was not found, but a look-up of it beside was not denied"
        doubt = self._doubt(chapter, leg, round_) or self._doubt(chapter, flow, round_)
        return (Verdict.UNKNOWN, doubt) if doubt else (Verdict.DENIED, "")

    def _doubt(self, chapter: Chapter, flow: Flow, round_: Round) -> str:
        """Say why a denial in this round proves nothing; "" where the target was alive and everybody who they were."""
        vouching = chapter.vouching.of(flow)
        if not vouching:
            return f"nothing can vouch for {flow.target}"
        for voucher in vouching:
            attempt = round_.attempts.get(str(voucher))
            if attempt is None or seen(attempt) is not Outcome.CONNECTED:
                return f"{_not_alive(voucher)} gave {attempt.outcome if attempt else 'no answer'}"
            if is_witness(voucher.source) and not self._before(voucher, flow, round_):
                return f"{voucher} was not asked before it"  # an outage may have ended in between
        service = service_of(flow, chapter.state)
        if service and str(service) not in round_.ready:  # without one, kube-proxy itself refuses
            return f"{service} had no ready backend then"
        kind = "control" if self._can_have(chapter, flow, "control") else "restore"
        return self._unlike(chapter, flow, round_, kind)

    def _before(self, voucher: Flow, flow: Flow, round_: Round) -> bool:
        """Say whether one answer of a round came in before another: what asks later is begun after that."""
        if round_.number not in self._places:
            self._places[round_.number] = {name: i for i, name in enumerate(round_.attempts)}
        places = self._places[round_.number]
        return places[str(voucher)] < places[str(flow)]

    def _can_have(self, chapter: Chapter, flow: Flow, kind: str) -> bool:
        """Say whether a control asks this very cell: not the earlier for a pod that a step adds, not the later for one
        that a step removes; between them a pod that is added is another. One that never ran counts as one that failed.
        """
        control = self._controls.get(kind)
        if control is None:
            return True
        if flow not in control.expected or not control.vouching.of(flow):  # nobody is there to be reached
            return False
        here = self._chapters.index(chapter)
        between = self._chapters[: here + 1] if kind == "control" else self._chapters[here + 1 :]
        done = {a.action for c in between for a in c.told.acted}
        return not any(f"add pod {ref}" in done for ref in (flow.source, flow.target))

    def _unlike(self, chapter: Chapter, flow: Flow, round_: Round, kind: str) -> str:
        """Say how a control of `kind` fails to be one for this round: the cell must connect, with the same pods."""
        when = "before any policy" if kind == "control" else "after the last policy"
        control = self._connected.get(kind, {}).get(str(flow))
        if control is None:
            return f"it did not connect {when}"
        flows = (flow, *chapter.vouching.of(flow))
        for ref in sorted({x for f in flows for x in (f.source, f.target) if isinstance(x, PodRef)}):
            then, now = control.pods.get(str(ref)), round_.pods.get(str(ref))
            if then is None or then != now:
                return f"{ref} is not who it was {when}"
        return ""


def _not_alive(voucher: Flow) -> str:
    """Say what was not seen alive where a voucher did not connect, and what was asked."""
    if is_witness(voucher.target):
        return f"the way there was not seen alive: {voucher}"
    what = "its own address" if voucher.source == voucher.target else f"it from {voucher.source}"
    return f"{voucher.target} was not seen alive: {what}"


def seen(attempt: journal.Attempt) -> Outcome:
    """Return an attempt's outcome; a word that is not known tells nothing."""
    return Outcome(attempt.outcome) if attempt.outcome in tuple(Outcome) else Outcome.NO_RESULT


def _connected(chapter: Chapter) -> dict[str, Round]:
    """Return for each flow the last round of a control in which it connected."""
    return {
        flow: round_
        for round_ in chapter.told.readable()
        for flow, attempt in round_.attempts.items()
        if seen(attempt) is Outcome.CONNECTED
    }


_DOUBTS = {
    Outcome.WRONG_PEER: "somebody else answered",
    Outcome.SILENT: "connected, but no name came back",
    Outcome.NO_RESULT: "no result",
}
