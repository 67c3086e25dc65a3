"""The oracle against packets over random states; and that this, with the naive evaluator, finds planted bugs."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from prober.model import ClusterState, Family, Protocol
from tests.oracle.packets import Comparison, compare
from tests.oracle.plants import LAB, ORACLE, SHARED, Plant
from tests.oracle.test_three_ways import ASKED, clusters, disagreements
from tests.oracle.worlds import Manifest


class FoundError(Exception):
    """Two readers of the specification disagree."""


def _ask_the_naive_one(examples: int) -> None:
    """Raise FoundError at the first of that many drawn clusters on which it disagrees."""

    @seed(1)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(clusters(), st.sampled_from(ASKED), st.sampled_from(Family))
    def each(drawn: tuple[ClusterState, tuple[Manifest, ...]], asked: tuple[int, Protocol], family: Family) -> None:
        if disagreements(drawn, asked, family):
            raise FoundError

    each()


@pytest.mark.parametrize("bug", [*SHARED, *ORACLE], ids=str)
def test_the_naive_evaluator_finds(bug: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the oracle, or in what oracle and lab share, makes it disagree with the naive evaluator."""
    bug.plant(monkeypatch)
    with pytest.raises(FoundError):
        _ask_the_naive_one(1500)


@pytest.mark.lab
def test_oracle_and_packets_agree() -> None:
    """Over random states every flow that the specification decides goes as it says."""
    with Comparison() as comparison:
        compare(comparison, 25, number=7)
        assert comparison.tally.flows > 500


@pytest.mark.lab
@pytest.mark.parametrize("bug", [*LAB, *ORACLE[:1]], ids=str)
def test_packets_find(bug: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the lab's compiler, or in the oracle, makes packets and oracle disagree."""
    bug.plant(monkeypatch)
    with Comparison() as comparison, pytest.raises(AssertionError, match="the packets say"):
        compare(comparison, 400, number=1, shrink=False)


@pytest.mark.lab
def test_what_oracle_and_lab_share_is_found_by_the_naive_evaluator_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong selector is wrong for both, so packets and oracle agree; the naive evaluator does not."""
    SHARED[0].plant(monkeypatch)
    with Comparison() as comparison:
        with pytest.raises(AssertionError) as caught:
            compare(comparison, 400, number=1, shrink=False)
        assert "naive" in str(caught.value)
        assert "the packets say" not in str(caught.value)
