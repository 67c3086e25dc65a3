"""Which cells of a round disagree: at once where nothing can mend it, at the round's end where something is missing."""

from __future__ import annotations

import pytest

from prober.agreeing import Agreeing
from prober.expect import expectations
from prober.flows import parse_flow
from prober.model import Flow
from prober.model.plan import planned
from prober.observe import RoundInFlight
from prober.outcomes import Outcome
from prober.vouching import Vouching, with_witnesses
from tests.running import loaded
from tests.telling import A_B, A_C, B_B, DENY_B, WAY

CONNECTED, TIMED_OUT = Outcome.CONNECTED, Outcome.TIMED_OUT


@pytest.fixture
def cells() -> Agreeing:
    """The cells of a step in which nobody reaches b, and c is open."""
    scenario = loaded(DENY_B)
    state, _ = planned(with_witnesses(scenario.topology))
    for action in scenario.steps[0].actions:
        state = state.after(action)
    wanted = {f: e.verdict for f, e in expectations(scenario, None, state).items() if str(f) in (A_B, A_C)}
    return Agreeing(wanted, Vouching(state))


def answered(*answers: tuple[str, Outcome], done: bool = False) -> RoundInFlight:
    found: list[tuple[Flow, Outcome]] = [(parse_flow(flow), outcome) for flow, outcome in answers]
    return RoundInFlight(number=0, asked=0.0, at=0.0, answers=found, done=done)


@pytest.mark.parametrize(
    ("bad", "answers"),
    [
        pytest.param([], [], id="nothing yet"),
        pytest.param([A_B], [(A_B, CONNECTED)], id="denied cell that opens"),
        pytest.param([A_C], [(A_C, TIMED_OUT)], id="allowed cell that is shut"),
        pytest.param([], [(A_B, TIMED_OUT), (A_C, CONNECTED)], id="as they should be, so far"),
        pytest.param([A_B], [(B_B, TIMED_OUT)], id="target that is dead"),
        pytest.param([A_B], [(WAY, TIMED_OUT)], id="way that is shut"),
    ],
)
def test_what_nothing_can_mend_disagrees_at_once(
    cells: Agreeing, bad: list[str], answers: list[tuple[str, Outcome]]
) -> None:
    """The next round need not wait for the rest of one that cannot agree any more."""
    assert bad == [str(f) for f in cells.disagreeing(answered(*answers))]


ALL = ((A_B, TIMED_OUT), (A_C, CONNECTED), (B_B, CONNECTED), (WAY, CONNECTED))


@pytest.mark.parametrize(
    ("bad", "missing"), [([A_B], A_B), ([A_C], A_C), ([A_B], B_B), ([A_B], WAY), ([], "")], ids=str
)
def test_what_never_came_disagrees_at_the_end(cells: Agreeing, bad: list[str], missing: str) -> None:
    """An answer that is missing, be it a voucher's, is no agreement."""
    some = [a for a in ALL if a[0] != missing]
    assert [] == [*cells.disagreeing(answered(*some))]
    assert bad == [str(f) for f in cells.disagreeing(answered(*some, done=True))]


def test_answers_count_as_they_come(cells: Agreeing) -> None:
    """Asked again while a round is under way, only what is new is looked at, and nothing is forgotten."""
    this = answered()
    found = []
    for flow, outcome in ((A_B, CONNECTED), (B_B, TIMED_OUT), (A_C, TIMED_OUT)):
        this.answers.append((parse_flow(flow), outcome))
        found.append([str(f) for f in cells.disagreeing(this)])
    assert [[A_B], [A_B], [A_B, A_C]] == found
