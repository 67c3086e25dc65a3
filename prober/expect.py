"""What every cell of a step should be: the oracle's ruling, or the author's word where the specification is open."""

from __future__ import annotations

from dataclasses import dataclass

from prober.flows import FlowPattern
from prober.model import ClusterState, Flow, Protocol
from prober.oracle import Judgement, Ruling, judge
from prober.outcomes import Verdict
from prober.scenario import OWN, Expectation, Scenario, Step, expected, matrix

_VERDICTS = {
    Ruling.ALLOWED: Verdict.ALLOWED,
    Ruling.DENIED: Verdict.DENIED,
    Ruling.INDETERMINATE: Verdict.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a cell should be, who says so, and the oracle's judgement."""

    verdict: Verdict  # UNKNOWN: nobody says, the cell is observed and not asserted
    by: str  # "author" where the author alone decides, "author and oracle", "oracle"
    judgement: Judgement
    conflict: str = ""  # how the author contradicts the oracle, once the real addresses are known (proof rule 8)


def expectations(
    scenario: Scenario, step: Step | None, state: ClusterState, only: FlowPattern | None = None
) -> dict[Flow, Expected]:
    """Return what every cell should be in `state`, after `step`'s actions; None: a control, which nobody wrote down.

    `only` leaves the cells that it means; of a scenario of prober's own it leaves all.
    """
    written = expected(step, state, scenario.families_in(state)) if step else {}
    wanted = matrix(scenario, state)
    if only is not None and not scenario.path.startswith(OWN):
        meant = frozenset(only.expand(state, tuple(state.families)))
        wanted = tuple(f for f in wanted if f in meant)
    own = scenario.of_manifests
    return {flow: _expected(flow, written.get(flow), state, of_manifests=own) for flow in wanted}


def _expected(flow: Flow, author: Expectation | None, state: ClusterState, *, of_manifests: bool) -> Expected:
    judgement = judge(state, flow)
    verdict, by, conflict = _VERDICTS[judgement.ruling], "oracle", ""
    if author is not None:
        said = Verdict(author.ruling.upper())
        if verdict is Verdict.UNKNOWN:
            verdict, by = (said, "author") if author.named else (verdict, by)
        elif verdict is said:
            by = "author and oracle"
        elif not of_manifests:  # over somebody's own policies it is a finding, beside the cell (proof rule 8)
            conflict = (
                f"{author.file}:{author.line} expects it {author.ruling}, the policies make it {judgement.ruling}"
            )
            verdict = Verdict.UNKNOWN
    return Expected(verdict=verdict, by=by, judgement=judgement, conflict=conflict)


def unprobeable(flow: Flow) -> str:
    """Say why no probe can be sent for a flow; "" if one can."""
    return "nc speaks no SCTP" if flow.protocol is Protocol.SCTP else ""
