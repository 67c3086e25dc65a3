"""How long cells took to agree, as a distribution: figures and the bars of a histogram."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

from prober.durations import show_duration
from prober.outcomes import Verdict
from prober.report.figures import quantile, times
from prober.result import RunResult

_BARS = 24  # at most
_SLOTS = 12  # at least: a few wide blocks are no picture
_SHORTEST = 0.001  # of a bar, seconds: pods tell their time no finer than that
_WIDTH, _HEIGHT = 480, 96  # of the drawing; it scales
_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: where it is drawn, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The distribution of one kind of change; `name` says of which."""

    name: str
    count: int
    figures: tuple[tuple[str, str], ...]
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    width: int = _WIDTH
    height: int = _HEIGHT


def spreads(result: RunResult) -> tuple[Spread, ...]:
    """Return the times to enforce and to release, those of them that the run has measured."""
    wanted = (("Time to enforce", Verdict.DENIED), ("Time to release", Verdict.ALLOWED))
    found = ((name, times(result, verdict)) for name, verdict in wanted)
    return tuple(_spread(name, taken) for name, taken in found if taken)


def _spread(name: str, taken: list[float]) -> Spread:
    width = _bin(taken[-1])
    counts = [0] * max(_SLOTS, floor(taken[-1] / width) + 1)
    for one in taken:
        counts[floor(one / width)] += 1
    across = _WIDTH / len(counts)
    bars = tuple(
        Bar(
            x=round(i * across + 1, 2),
            y=round(_HEIGHT - _tall(count, max(counts)), 2),
            width=round(max(across - 2, 1), 2),
            height=round(_tall(count, max(counts)), 2),
            title=f"{count} in {show_duration(i * width)} to {show_duration((i + 1) * width)}",
        )
        for i, count in enumerate(counts)
        if count
    )
    every = max(1, ceil(len(counts) / 4))
    ticks = tuple((round(i * across, 2), show_duration(i * width)) for i in range(0, len(counts), every))
    figures = (
        ("cells", str(len(taken))),
        ("median", show_duration(quantile(taken, 0.5))),
        ("99 %", show_duration(quantile(taken, 0.99))),
        ("slowest", show_duration(taken[-1])),
    )
    return Spread(name=name, count=len(taken), figures=figures, bars=bars, ticks=ticks)


def _tall(count: int, most: int) -> float:
    return max(3.0, _HEIGHT * count / most)  # a single slow cell must be seen


def _bin(slowest: float) -> float:
    """Return the width of a bar: 1, 2 or 5 of a power of ten, so that there are at most `_BARS`."""
    least = max(slowest / (_BARS - 1), _SHORTEST)
    power: float = 10.0 ** floor(log10(least))
    return next(n * power for n in _STEPS if n * power >= least * (1 - 1e-9))
