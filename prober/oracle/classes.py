"""Pods as bit sets, and label classes that select them: one test per value of a label, not one per pod."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import or_
from typing import TypeVar

from prober.model import Labels, LabelSelector, Requirement

Bits = int  # bit i stands for the i-th of those counted

T = TypeVar("T")
K = TypeVar("K")


def members(bits: Bits) -> Iterable[int]:
    """Return the numbers of the bits that are set."""
    return (i for i, digit in enumerate(reversed(f"{bits:b}")) if digit == "1")


def union(sets: Iterable[Bits]) -> Bits:
    """Return the bits that are set in any of the sets."""
    return reduce(or_, sets, 0)


def grouped(things: Iterable[T], by: Callable[[T], K]) -> dict[K, Bits]:
    """Return the bits of the things for each value of `by`."""
    found: dict[K, Bits] = {}
    for i, thing in enumerate(things):
        found[by(thing)] = found.get(by(thing), 0) | 1 << i
    return found


class LabelClasses:
    """Who carries which value of which label; whether a value fits is asked of the model, so it has one answer."""

    def __init__(self, everyone: Sequence[Labels]) -> None:
        self._all = (1 << len(everyone)) - 1
        self._carriers: dict[str, dict[str, Bits]] = {}
        for i, labels in enumerate(everyone):
            for key, value in labels.items():
                values = self._carriers.setdefault(key, {})
                values[value] = values.get(value, 0) | 1 << i
        self._tested: dict[Requirement, Bits] = {}

    def selected(self, selector: LabelSelector) -> Bits:
        """Return who a selector selects."""
        found = self._all
        for key, value in selector.match_labels.items():
            found &= self._carriers.get(key, {}).get(value, 0)
        for requirement in selector.expressions:
            if requirement not in self._tested:
                self._tested[requirement] = self._fitting(requirement)
            found &= self._tested[requirement]
        return found

    def _fitting(self, requirement: Requirement) -> Bits:
        key, values = requirement.key, self._carriers.get(requirement.key, {})
        found = union(bits for value, bits in values.items() if requirement.matches({key: value}))
        return found | (self._all & ~union(values.values()) if requirement.matches({}) else 0)
