"""A step's matrix as it is drawn: every square with its mark as expected, as observed, and as their difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prober.outcomes import Status, Verdict
from prober.report.tables import Place, View, axes, column_of, mark, row_of
from prober.result import CellResult

# what is not as it should be has a mark of its own: colours alone tell a colour-blind reader, or a print, nothing
MARKS = {
    Status.LEAK: "!L",
    Status.BREAK: "!B",
    Status.FLAKY: "!F",
    Status.UNKNOWN: "?",
    Status.WAIVED: "w",
    Status.OBSERVED: "o",
    Status.SKIPPED: "-",
}
_KINDS = {Verdict.ALLOWED: "a", Verdict.DENIED: "x", Verdict.UNKNOWN: "q"}
_SMALL, _MIDDLE = 10, 40  # columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One cell's place in the matrix: its mark, and the style sheet's words for each view; those have marks too."""

    kind: str
    mark: str
    expected: str
    observed: str

    @property
    def agrees(self) -> bool:
        """Say whether all three views show the same."""
        return self.kind == self.expected == self.observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A heading of a row or of a column; `begins` a namespace."""

    place: Place
    begins: bool

    @property
    def label(self) -> str:
        return self.place.label + self.place.port


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A step's cells by row and column; `order` is that of the squares, row by row, the empty ones left out."""

    columns: tuple[Line, ...]
    rows: tuple[tuple[Line, tuple[Square | None, ...]], ...]
    order: tuple[CellResult, ...]

    @property
    def size(self) -> str:
        """Return the style sheet's word for how wide it is."""
        across = len(self.columns)
        return "small" if across <= _SMALL else "middle" if across <= _MIDDLE else "large"


def matrix_of(cells: Sequence[CellResult]) -> Matrix:
    """Return the matrix of a step's cells."""
    rows, columns = axes(cells)
    at = {(row_of(c.flow), column_of(c.flow)): c for c in cells}
    return Matrix(
        columns=tuple(_lines(columns)),
        rows=tuple(
            (line, tuple(_square(at[line.place, c]) if (line.place, c) in at else None for c in columns))
            for line in _lines(rows)
        ),
        order=tuple(at[r, c] for r in rows for c in columns if (r, c) in at),
    )


def _lines(places: Sequence[Place]) -> Iterator[Line]:
    before = None
    for place in places:
        yield Line(place=place, begins=before is not None and place.group != before)
        before = place.group


def _square(cell: CellResult) -> Square:
    passed = cell.status is Status.PASS
    return Square(
        kind=_KINDS[cell.expected] if passed else cell.status.lower(),
        mark=mark(cell, View.EXPECTED) if passed else MARKS[cell.status],
        expected=_KINDS[cell.expected],
        observed=_KINDS[cell.observed],
    )
