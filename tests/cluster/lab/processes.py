"""What runs on this machine, as /proc says: for tests that nothing is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def below(process: int) -> frozenset[tuple[int, str]]:
    """Return every descendant of a process: its number and its start, so that a number used again is another."""
    found: set[tuple[int, str]] = set()
    for child in children(process):
        found |= {(child, _start(child)), *below(child)}
    return frozenset(found)


def children(process: int) -> list[int]:
    """Return the children of a process, of whichever of its threads."""
    try:
        return [int(c) for task in Path(f"/proc/{process}/task").glob("*/children") for c in task.read_text().split()]
    except OSError:
        return []


def alive(processes: frozenset[tuple[int, str]]) -> frozenset[tuple[int, str]]:
    """Return those that still run; a zombie does not."""
    return frozenset(p for p in processes if p[1] and _start(p[0]) == p[1])


def until(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    """Wait until the condition holds; False if it never did."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def _start(process: int) -> str:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
