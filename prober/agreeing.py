"""Which cells of a round disagree with what they should be, worked out as answers come in: each is looked at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from prober.assess import DENIALS
from prober.cells import lookup_leg, service_of
from prober.model import Flow, HostName
from prober.observe import RoundInFlight
from prober.outcomes import Outcome, Verdict
from prober.vouching import Vouching


@dataclass(slots=True)
class _Tally:
    """What is known of one round so far."""

    seen: dict[Flow, Outcome] = field(default_factory=dict)
    bad: dict[Flow, None] = field(default_factory=dict)  # in the order in which it showed
    complete: bool = False


class Agreeing:
    """What each cell of a phase should be, and which cells of its rounds are not so."""

    def __init__(self, wanted: Mapping[Flow, Verdict], vouching: Vouching) -> None:
        self._wanted = wanted
        self._vouching = vouching
        self._relying: dict[Flow, list[Flow]] = {}  # by voucher: the denials that count with it alone
        for flow, verdict in wanted.items():
            if verdict is Verdict.DENIED:
                for voucher in vouching.of(flow):
                    self._relying.setdefault(voucher, []).append(flow)
        self._tallies: dict[int, _Tally] = {}

    def disagreeing(self, this: RoundInFlight) -> Collection[Flow]:
        """Return the cells that disagree so far: those that cannot agree any more, and at the round's end the rest."""
        tally = self._tallies.setdefault(this.number, _Tally())
        done = this.done  # before its answers are read: none comes after that
        for flow, outcome in this.answers[len(tally.seen) :]:
            tally.seen[flow] = outcome
            tally.bad.update(dict.fromkeys(self._spoilt(flow, outcome)))
        if done and not tally.complete:
            tally.complete = True
            tally.bad = {f: None for f, v in self._wanted.items() if not self._agrees(f, v, tally.seen, this)}
        return tally.bad.keys()

    def _spoilt(self, flow: Flow, outcome: Outcome) -> list[Flow]:
        """Return the cells that cannot agree any more once a flow had this outcome."""
        if outcome is Outcome.CONNECTED:
            return [flow] if self._wanted.get(flow) is Verdict.DENIED else []
        return [*([flow] if self._wanted.get(flow) is Verdict.ALLOWED else []), *self._relying.get(flow, ())]

    def _agrees(self, flow: Flow, wanted: Verdict, seen: Mapping[Flow, Outcome], this: RoundInFlight) -> bool:
        """Say whether a cell agrees in a round that has ended."""
        outcome = seen.get(flow)
        match wanted:
            case Verdict.ALLOWED:
                return outcome is Outcome.CONNECTED
            case Verdict.UNKNOWN:
                return True
            case Verdict.DENIED:
                denied = outcome in DENIALS or (
                    outcome is Outcome.NO_NAME
                    and isinstance(flow.target, HostName)
                    and seen.get(lookup_leg(flow)) in DENIALS
                )
                alive = all(seen.get(v) is Outcome.CONNECTED for v in self._vouching.of(flow))
                return denied and alive and self._is_ready(flow, this)

    def _is_ready(self, flow: Flow, this: RoundInFlight) -> bool:
        """Say whether the Service of a flow, if it has one, had a ready backend at a round's end."""
        service = service_of(flow, self._vouching.state)
        return service is None or str(service) in this.ready
