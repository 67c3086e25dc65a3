"""What a judged run says: its proof line, its counts and its exit code."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from prober.outcomes import SEVERITY, Status, Verdict, worst
from prober.result import FAIL_ON, LAB_BANNER, CellResult, RunResult
from prober.scenario import OWN
from tests.report.build import cell, run, scenario, step

A_B = "shop/a -> shop/b:80"
PASS, LEAK, BREAK, FLAKY = Status.PASS, Status.LEAK, Status.BREAK, Status.FLAKY
UNKNOWN, SKIPPED, OBSERVED = Status.UNKNOWN, Status.SKIPPED, Status.OBSERVED


def of(*statuses: Status, kind: str = "step") -> RunResult:
    """Return a run whose one step has cells of these statuses."""
    return run(scenario(step(*(cell(A_B, status=s) for s in statuses), kind=kind)))


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ((PASS,), 0),
        ((PASS, OBSERVED, SKIPPED), 0),
        ((PASS, UNKNOWN), 3),
        ((PASS, LEAK), 1),
        ((PASS, BREAK), 1),
        ((PASS, FLAKY), 1),
        ((UNKNOWN, LEAK), 1),
        ((OBSERVED,), 3),
        ((SKIPPED,), 3),
        ((OBSERVED, SKIPPED), 3),
        ((), 3),
    ],
    ids=str,
)
def test_exit_code(statuses: tuple[Status, ...], code: int) -> None:
    """0 all as expected and something proved, 1 enforcement differs, 3 no proof; 1 outranks 3 outranks 0."""
    assert code == of(*statuses).exit_code()


def test_nothing_at_all_is_3() -> None:
    """A run without scenarios proves nothing."""
    assert 3 == run().exit_code()


@pytest.mark.parametrize("statuses", list(product(Status, repeat=2)), ids=lambda x: "-".join(x))
def test_0_is_only_for_what_is_proved(statuses: tuple[Status, Status]) -> None:
    """Rule 11: whatever two cells are, green means that one passed and that neither speaks against it."""
    green = of(*statuses).exit_code() == 0
    assert green == (PASS in statuses and not set(statuses) & {LEAK, BREAK, FLAKY, UNKNOWN})


@pytest.mark.parametrize(
    ("fail_on", "statuses", "code"),
    [
        ((LEAK,), (PASS, BREAK), 0),
        ((LEAK,), (PASS, LEAK), 1),
        ((BREAK,), (PASS, LEAK), 0),
        ((LEAK, BREAK), (PASS, UNKNOWN), 0),
        ((UNKNOWN,), (PASS, LEAK), 0),
        ((UNKNOWN,), (PASS, UNKNOWN), 3),
        ((LEAK,), (UNKNOWN,), 3),
        ((LEAK,), (BREAK,), 3),
    ],
)
def test_fail_on_narrows_but_never_makes_a_proof(
    fail_on: tuple[Status, ...], statuses: tuple[Status, ...], code: int
) -> None:
    """--fail-on says what counts; where nothing was proved it is 3 all the same."""
    assert code == of(*statuses).exit_code(fail_on)


@pytest.mark.parametrize("trouble", ["scenario", "run"])
def test_trouble_is_3(trouble: str) -> None:
    """What stopped a scenario or a run leaves no proof, whatever passed before; no --fail-on hides it."""
    it = of(PASS)
    told = (
        replace(it, trouble="no disk")
        if trouble == "run"
        else replace(it, scenarios=(replace(it.scenarios[0], trouble="gone"),))
    )
    assert 3 == told.exit_code()
    assert 3 == told.exit_code((LEAK,))


@pytest.mark.parametrize(
    ("statuses", "code"), [((PASS,), 130), ((UNKNOWN,), 130), ((), 130), ((LEAK,), 1), ((BREAK,), 1)]
)
def test_interrupted_is_130_unless_something_was_found(statuses: tuple[Status, ...], code: int) -> None:
    """130 outranks 3 and 0, a finding outranks 130."""
    assert code == replace(of(*statuses), interrupted=True).exit_code()


@pytest.mark.parametrize("kind", ["control", "restore"])
def test_controls_count_only_where_they_are_wrong(kind: str) -> None:
    """A control that is as it should be is no proof of anything; one that is not is a finding."""
    good, bad = of(PASS, kind=kind), of(BREAK, kind=kind)
    assert (3, 0) == (good.exit_code(), good.counts.total())
    assert (1, 1) == (bad.exit_code(), bad.counts[BREAK])
    assert bad.scenarios[0].status is BREAK


def test_own_scenarios_alone_prove_nothing_that_was_asked() -> None:
    """Rule 11: a green canary is no proof of the scenarios that were asked for."""
    canary = scenario(step(cell(A_B)), name="canary", path=f"{OWN}canary.scenario.yaml")
    assert 3 == run(canary, scenario(step(cell(A_B, status=SKIPPED)))).exit_code()
    assert 0 == run(canary, scenario(step(cell(A_B)))).exit_code()


def test_proof_line_counts_denials_and_allows_apart() -> None:
    """Rule 11: the first line of every report."""
    cells = [cell(A_B), cell(A_B), cell(A_B, "ALLOWED"), cell(A_B, "UNKNOWN"), cell(A_B, status=UNKNOWN)]
    told = run(scenario(step(*cells)), scenario(skipped="needs ipv6", name="other"), nodes=12).proof
    assert "1 UNKNOWN; proved 2 denials and 1 allow on 12 nodes; skipped 1; left open 1" == told
    assert "proved 1 denial and 0 allows on 1 node; skipped 0; left open 0" == replace(of(PASS), nodes=1).proof


def test_proof_line_begins_with_the_worst() -> None:
    """What is wrong comes before what is right, the worst first."""
    assert of(PASS, UNKNOWN, FLAKY, BREAK, LEAK, LEAK).proof.startswith("2 LEAK, 1 BREAK, 1 FLAKY, 1 UNKNOWN; proved 1")


def test_banner_says_what_was_proved_about() -> None:
    """A report from the lab begins so; another with the cluster's name."""
    assert LAB_BANNER == run(cluster="lab").banner
    assert (
        "lab --deny reject: proves the policies, says nothing about any cluster"
        == run(cluster="lab --deny reject").banner
    )
    lies = "lies on purpose, proves no policy, says nothing about any cluster"
    assert f"lab --fault flap --deny reject: {lies}" == run(cluster="lab --fault flap --deny reject").banner
    assert "cluster: kind-kind" == run(cluster="kind-kind").banner


@pytest.mark.parametrize(
    ("skipped", "trouble", "statuses", "status"),
    [
        ("", "", (PASS, OBSERVED), PASS),
        ("", "", (PASS, LEAK, UNKNOWN), LEAK),
        ("", "gone", (PASS,), UNKNOWN),
        ("", "gone", (LEAK,), LEAK),
        ("", "", (OBSERVED,), OBSERVED),
        ("", "", (), SKIPPED),
        ("needs ipv6", "", (), SKIPPED),
    ],
)
def test_scenario_is_as_bad_as_its_worst_cell(
    skipped: str, trouble: str, statuses: tuple[Status, ...], status: Status
) -> None:
    """One word for a scenario."""
    cells = (cell(A_B, status=s) for s in statuses)
    assert status == scenario(step(*cells), skipped=skipped, trouble=trouble).status


def test_severity_has_every_status_once() -> None:
    """Of two statuses one is always the worse, and none is forgotten."""
    assert sorted(Status) == sorted(SEVERITY)
    assert [LEAK, PASS, SKIPPED] == [worst([PASS, LEAK, UNKNOWN]), worst([OBSERVED, PASS]), worst([])]
    assert set(FAIL_ON) == {LEAK, BREAK, FLAKY, UNKNOWN}


def test_slowest_is_the_time_to_enforce_and_to_release() -> None:
    """A step takes as long as its slowest cell of a kind; without a time there is none."""

    def took(verdict: str, seconds: float | None) -> CellResult:
        return cell(A_B, verdict, agreed_after=seconds)

    it = step(took("DENIED", 0.5), took("DENIED", 2.0), took("DENIED", None), took("ALLOWED", 3.0))
    assert (2.0, 3.0) == (it.slowest(Verdict.DENIED), it.slowest(Verdict.ALLOWED))
    assert step(took("DENIED", None)).slowest(Verdict.DENIED) is None
    assert step().slowest(Verdict.DENIED) is None
