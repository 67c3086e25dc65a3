"""Tests of prober.comparison."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from prober.comparison import Change, compare
from prober.outcomes import Status
from prober.result import RunResult
from tests.report.build import cell, run, scenario, step
from tests.report.strategies import runs

FLOW = "a/b -> c/d:80"


def of(status: Status, name: str = "s", path: str = "") -> RunResult:
    found = scenario(step(cell(FLOW, status=status), cell("a/b -> c/e:80")), name=name)
    return run(found if not path else scenario(*found.steps, name=name, path=path))


@pytest.mark.parametrize(
    ("expected", "before", "after"),
    [
        (Change.WORSE, Status.PASS, Status.LEAK),
        (Change.WORSE, Status.PASS, Status.BREAK),
        (Change.WORSE, Status.PASS, Status.FLAKY),
        (Change.WORSE, Status.PASS, Status.UNKNOWN),
        (Change.WORSE, Status.PASS, Status.SKIPPED),
        (Change.WORSE, Status.PASS, Status.OBSERVED),
        (Change.WORSE, Status.BREAK, Status.LEAK),
        (Change.WORSE, Status.WAIVED, Status.LEAK),
        (Change.WORSE, Status.OBSERVED, Status.LEAK),
        (Change.FIXED, Status.LEAK, Status.PASS),
        (Change.FIXED, Status.WAIVED, Status.PASS),
        (Change.FIXED, Status.UNKNOWN, Status.PASS),
        (Change.WAIVED, Status.PASS, Status.WAIVED),
        (Change.WAIVED, Status.LEAK, Status.WAIVED),
        (Change.SAME, Status.LEAK, Status.LEAK),
        (Change.SAME, Status.OBSERVED, Status.PASS),
        (Change.SAME, Status.OBSERVED, Status.SKIPPED),
    ],
)
def test_change_of_a_cell(expected: Change, before: Status, after: Status) -> None:
    """What deviates now, or is not proved any more, is worse; what is waived is neither worse nor fixed."""
    found = compare(of(before), of(after))

    assert expected == next(d for d in found.differences if d.flow == FLOW).change
    assert (1 if expected is Change.WORSE else 0) == found.exit_code()


def test_new_and_gone_cells_are_told_and_are_no_change() -> None:
    """A cell that only one run asked is new or gone, and makes nothing worse."""
    one = run(scenario(step(cell("a/b -> c/d:80"), cell("a/b -> c/e:80"))))
    two = run(scenario(step(cell("a/b -> c/d:80"), cell("a/b -> c/f:80", observed="ALLOWED"))))
    found = compare(one, two)

    assert {Change.NEW: 1, Change.GONE: 1, Change.SAME: 1} == found.counts
    assert (["a/b -> c/f:80"], ["a/b -> c/e:80"]) == (
        [d.flow for d in found.of(Change.NEW)],
        [d.flow for d in found.of(Change.GONE)],
    )
    assert 0 == found.exit_code()


def test_nothing_in_common_is_no_comparison() -> None:
    """Two runs of which no cell is the same cannot be compared: exit code 3."""
    assert 3 == compare(of(Status.PASS), run(scenario(step(cell("x/y -> z/z:1")), name="other"))).exit_code()
    assert 3 == compare(run(), run()).exit_code()


def test_scenario_is_known_by_its_name_where_its_path_is_another() -> None:
    """A scenario that moved is the same one, if its name is unique."""
    before, after = of(Status.PASS, path="old/s.scenario.yaml"), of(Status.LEAK, path="new/s.scenario.yaml")

    assert {Change.WORSE: 1, Change.SAME: 1} == compare(before, after).counts


def test_steps_are_told_apart_by_their_place() -> None:
    """The same flow in two steps, and in the control, is three cells."""
    one = scenario(
        step(cell(FLOW, "ALLOWED"), kind="control", name="control"),
        step(cell(FLOW), name="deny"),
        step(cell(FLOW), name="deny"),
    )
    two = scenario(
        step(cell(FLOW, "ALLOWED"), kind="control", name="control"),
        step(cell(FLOW), name="deny"),
        step(cell(FLOW, observed="ALLOWED"), name="deny"),
    )
    found = compare(run(one), run(two))

    assert {Change.WORSE: 1, Change.SAME: 2} == found.counts
    assert ["step 2 'deny'"] == [d.step for d in found.of(Change.WORSE)]


@given(runs)
@settings(max_examples=40, deadline=None)
def test_run_beside_itself_has_not_changed(result: RunResult) -> None:
    """Whatever a run is, nothing of it is worse, fixed, new or gone beside itself."""
    found = compare(result, result)

    assert {*found.counts} <= {Change.SAME}
    assert found.exit_code() in (0, 3)


@given(runs, runs)
@settings(max_examples=40, deadline=None)
def test_what_one_way_is_new_is_gone_the_other_way(one: RunResult, two: RunResult) -> None:
    """Turning the order round swaps new and gone, and never leaves worse things unseen both ways."""
    there, back = compare(one, two).counts, compare(two, one).counts

    assert (there[Change.NEW], there[Change.GONE]) == (back[Change.GONE], back[Change.NEW])
    assert len(compare(one, two).differences) == len(compare(two, one).differences)
