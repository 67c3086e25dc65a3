"""Which cells a run's waivers mean, what becomes of them, and what became of each waiver (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from prober.evidence import Evidence
from prober.expect import Expected
from prober.model import ClusterState, Flow
from prober.outcomes import Status
from prober.result import CellResult, WaiverResult, WaiverState
from prober.scenario import OWN
from prober.traits import traits_of
from prober.waivers import DEVIATIONS, NEVER, Waiver


@dataclass(slots=True, kw_only=True)
class Waiving:
    """The waivers of one run on its day, on its engines; it counts what they did."""

    waivers: Sequence[Waiver] = ()
    day: str = ""  # YYYY-MM-DD
    engines: Sequence[str] = ()
    _seen: dict[tuple[str, str], Counter[Status]] = field(default_factory=dict)  # file, id -> its cells, as they were

    @classmethod
    def of(cls, waivers: Sequence[Waiver], day: str, evidence: Evidence) -> Waiving:
        """Return the waivers for a run that began on a day, on a cluster of which this is known."""
        return cls(waivers=waivers, day=day, engines=[e.engine for e in evidence.engines])

    def settled(
        self, path: str, state: ClusterState, expected: Mapping[Flow, Expected], cells: Sequence[CellResult]
    ) -> tuple[CellResult, ...]:
        """Return a step's cells, those WAIVED that deviate as a waiver says.

        A control cannot be waived, for it is what the proof rests on; nor can the canary.
        """
        if not self.waivers or path.startswith(OWN):
            return tuple(cells)
        meant = [(w, self._flows(w, state)) for w in self.waivers if w.covers(path) and self._fits(w)]
        return tuple(self._cell(c, meant, expected[c.flow], state) for c in cells)

    def results(self) -> tuple[WaiverResult, ...]:
        """Return what became of each waiver."""
        return tuple(self._result(w) for w in self.waivers)

    def _flows(self, waiver: Waiver, state: ClusterState) -> frozenset[Flow] | None:
        """Return the flows that a waiver names; None where it names none, and its traits decide."""
        if not waiver.cells:
            return None
        return frozenset(flow for pattern in waiver.cells for flow in pattern.expand(state, tuple(state.families)))

    def _fits(self, waiver: Waiver) -> bool:
        wanted = waiver.engine.casefold()
        return not wanted or any(f"{e} ".casefold().startswith(f"{wanted} ") for e in self.engines)

    def _cell(
        self,
        cell: CellResult,
        meant: Sequence[tuple[Waiver, frozenset[Flow] | None]],
        wanted: Expected,
        state: ClusterState,
    ) -> CellResult:
        named = [w for w, flows in meant if flows is None or cell.flow in flows]
        if not named:
            return cell
        traits = traits_of(wanted.judgement, state) if any(w.traits for w in named) else frozenset()
        mine = [w for w in named if not w.traits or traits.intersection(w.traits)]
        for waiver in mine:
            self._seen.setdefault((waiver.file, waiver.id), Counter())[cell.status] += 1
        for waiver in mine:
            if cell.status in waiver.statuses and not waiver.expired(self.day):
                reason = f"{cell.status} waived by {waiver.id}: {cell.reason}"
                return replace(cell, status=Status.WAIVED, reason=reason, waiver=waiver.id)
        return cell

    def _result(self, waiver: Waiver) -> WaiverResult:
        seen = self._seen.get((waiver.file, waiver.id), Counter[Status]())
        deviating = sum(seen[s] for s in waiver.statuses)
        if not self._fits(waiver):
            state = WaiverState.OTHER_ENGINE
        elif waiver.expired(self.day):
            state = WaiverState.EXPIRED
        elif deviating:
            state = WaiverState.IN_FORCE
        elif not seen:
            state = WaiverState.UNMATCHED
        elif seen[Status.PASS] and not any(seen[s] for s in (Status.UNKNOWN, *DEVIATIONS)):
            state = WaiverState.IDLE
        else:
            state = WaiverState.UNKNOWN
        return WaiverResult(
            id=waiver.id,
            file=waiver.file,
            reason=waiver.reason,
            owner=waiver.owner,
            expires="" if waiver.expires == NEVER else waiver.expires,
            engine=waiver.engine,
            state=state,
            cells=deviating,
        )
