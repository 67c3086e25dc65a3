"""Durations as people write them: `500ms`, `2s`, `1m`; a number without a unit is refused."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_FORM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")


def parse_duration(text: str) -> float:
    """Return seconds; ValueError says how to write it."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write a number with its unit, like 500ms, 2s or 1m")
    return float(match[1]) * _UNITS[match[2]]


def show_duration(seconds: float) -> str:
    """Return seconds as a person reads them: `340 ms`, `2.1 s`, `1 min 5 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
