"""Durations carry a unit."""

from __future__ import annotations

import pytest

from prober.durations import parse_duration, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("2s", 2.0), ("1.5s", 1.5), ("1m", 60.0), ("1h", 3600.0)]
)
def test_duration_with_unit_is_seconds(text: str, seconds: float) -> None:
    """A number and its unit are seconds."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "2", "-1s", "2 s", "s", "1e3s", "2sec", "٣s"])
def test_duration_without_unit_is_refused(text: str) -> None:
    """What has no unit, or is no number, is refused with the form to write."""
    with pytest.raises(ValueError, match="like 500ms, 2s or 1m"):
        parse_duration(text)


@pytest.mark.parametrize(("seconds", "text"), [(0.34, "340 ms"), (2.06, "2.1 s"), (65, "1 min 5 s")])
def test_duration_is_shown_for_people(seconds: float, text: str) -> None:
    """Seconds are shown in the unit that reads best."""
    assert text == show_duration(seconds)
