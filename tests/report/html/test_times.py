"""Tests of prober.report.html.times."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.report.html.times import spreads
from tests.report.build import cell, run, scenario, step

TIMES = st.lists(st.floats(min_value=0, max_value=1e6, allow_nan=False), min_size=1, max_size=60)


def enforced(times: list[float]) -> tuple[int, list[int], dict[str, str]]:
    """Return the number of slots in the drawing, what the bars stand for, and the figures."""
    (found,) = spreads(run(scenario(step(*(cell(f"a/b -> c/d:{n}", agreed_after=t) for n, t in enumerate(times, 1))))))
    return len(found.bars), [int(b.title.split()[0]) for b in found.bars], dict(found.figures)


def test_figures_of_a_distribution() -> None:
    """Number, median, 99 % and the slowest, with units."""
    _, _, figures = enforced([n / 10 for n in range(1, 11)])
    assert {"cells": "10", "median": "500 ms", "99 %": "1.0 s", "slowest": "1.0 s"} == figures


@given(TIMES)
@settings(deadline=None)
def test_every_time_is_in_one_bar(times: list[float]) -> None:
    """The bars hold every time once, are few enough to be seen, and stay within the drawing."""
    (found,) = spreads(run(scenario(step(*(cell(f"a/b -> c/d:{n}", agreed_after=t) for n, t in enumerate(times, 1))))))
    assert len(times) == sum(int(b.title.split()[0]) for b in found.bars)
    assert 25 >= len(found.bars)
    assert all(0 <= b.x and b.x + b.width <= found.width and 0 <= b.y and b.height <= found.height for b in found.bars)
    assert all(0 <= x < found.width for x, _ in found.ticks)
    assert 6 >= len(found.ticks)


def test_only_what_had_to_change_is_timed() -> None:
    """A cell that a step leaves denied, and that never disagreed, had nothing to wait for and is not in the picture."""
    before, kept, new = cell("a/b -> c/d:80"), cell("a/b -> c/d:80", agreed_after=9.0), cell("a/b -> c/d:81")
    (found,) = spreads(run(scenario(step(before), step(kept, new))))
    assert {"cells": "2", "median": "300 ms", "99 %": "300 ms", "slowest": "300 ms"} == dict(found.figures)


def test_both_directions_are_apart() -> None:
    """Times to enforce and to release are two distributions; where nothing was measured there is none."""
    both = run(scenario(step(cell("a/b -> c/d:80"), cell("a/b -> c/d:81", "ALLOWED"))))
    assert ["Time to enforce", "Time to release"] == [s.name for s in spreads(both)]
    assert () == spreads(run(scenario(skipped="why")))


@pytest.mark.parametrize(("slowest", "bars"), [(0.0, 1), (0.004, 1), (30.0, 1)])
def test_one_time_is_one_bar(slowest: float, bars: int) -> None:
    """Even no time at all can be drawn."""
    assert (bars, [1]) == enforced([slowest])[:2]
