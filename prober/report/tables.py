"""Truth tables: a step's cells as marks, sources down and targets across, never wider than the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from prober.model import (
    ApiServerRef,
    ExternalRef,
    Family,
    Flow,
    HostName,
    Lookup,
    NodeRef,
    PodRef,
    Protocol,
    ServiceRef,
)
from prober.outcomes import Status, Verdict
from prober.result import CellResult

LEGEND = ". allowed   X denied   ? unknown   ! expected and observed differ"
WAIVED_LEGEND = "   w they differ, waived"
_MARKS = {Verdict.ALLOWED: ".", Verdict.DENIED: "X", Verdict.UNKNOWN: "?"}
_DIFFERS = (Status.LEAK, Status.BREAK, Status.FLAKY)
_MOST_ROWS = 24  # three tables of more rows than that are no picture any more
_GAP = 4
_ANY = "any"


class View(StrEnum):
    """What a table shows."""

    EXPECTED = "expected"
    OBSERVED = "observed"
    DIFFERENCE = "difference"


def mark(cell: CellResult, view: View) -> str:
    """Return a cell's mark; a difference is a proven one, what is not proven is unknown."""
    match view:
        case View.EXPECTED:
            return _MARKS[cell.expected]
        case View.OBSERVED:
            return _MARKS[cell.observed]
        case View.DIFFERENCE:
            if cell.status in _DIFFERS:
                return "!"
            if cell.status is Status.WAIVED:
                return "w"
            return _MARKS[cell.expected] if cell.status is Status.PASS else "?"


@dataclass(frozen=True, slots=True)
class Place:
    """A row or a column: the namespace (or what stands for one), the name in it, and a column's port."""

    group: str
    name: str
    port: str = ""

    @property
    def label(self) -> str:
        return f"{self.group}/{self.name}" if self.group else self.name


def row_of(flow: Flow) -> Place:
    """Return the row that a flow is in: its source."""
    match flow.source:
        case PodRef(namespace, name):
            return Place(namespace, name)
        case ExternalRef(name):
            return Place("ext", name)


def column_of(flow: Flow) -> Place:
    """Return the column that a flow is in: its target with the port."""
    protocol = "" if flow.protocol is Protocol.TCP else f"/{flow.protocol.lower()}"
    family = "" if flow.family is Family.IPV4 else f"/{flow.family}"
    port = f":{flow.port}{protocol}{family}"
    match flow.target:
        case PodRef(namespace, name):
            return Place(namespace, name, port)
        case ServiceRef(namespace, name):
            return Place(f"svc/{namespace}", name, port)
        case HostName(name):
            return Place("name", name, port)
        case ExternalRef(name):
            return Place("ext", name, port)
        case NodeRef(number):
            return Place("node", str(number), port)
        case Lookup(name):
            return Place("dns", name, f"/{flow.protocol.lower()}{family}")
        case ApiServerRef():
            return Place("", "apiserver", family)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which groups of columns and of rows are shown as one."""

    columns: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()

    def row(self, flow: Flow) -> Place:
        place = row_of(flow)
        return Place(place.group, _ANY) if place.group in self.rows else place

    def column(self, flow: Flow) -> Place:
        place = column_of(flow)
        return Place(place.group, _ANY) if place.group in self.columns else place


def axes(cells: Sequence[CellResult]) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Return the rows and the columns of a table of these cells in full, those of a namespace together."""
    return _rows(dict.fromkeys(row_of(c.flow) for c in cells)), _columns(cells, _Layout())


def tables(cells: Sequence[CellResult], width: int, views: Sequence[View] = tuple(View)) -> list[str]:
    """Return the lines of one table for each view, as many side by side as the page is wide enough for."""
    if not cells:
        return []
    layout = _fitting(cells, width)
    blocks = [[str(view), *_drawn(_Grid.of(cells, layout, view), width)] for view in views]
    lines = _packed(blocks, width)
    if layout.columns or layout.rows:
        lines += ["", f"ns/{_ANY} stands for all pods of a namespace on all their ports; numbers say how many of each"]
    return lines


def _fitting(cells: Sequence[CellResult], width: int) -> _Layout:
    """Return the most detailed layout that fits: namespaces without a difference are collapsed first."""
    rows, columns = {row_of(c.flow): None for c in cells}, {column_of(c.flow): None for c in cells}
    differing = [c for c in cells if c.status in _DIFFERS]
    busy_rows = frozenset(row_of(c.flow).group for c in differing)
    busy_columns = frozenset(column_of(c.flow).group for c in differing)
    row_groups, column_groups = _several(rows), _several(columns)
    few_rows: frozenset[str] = frozenset()
    for few_rows in (frozenset(), row_groups - busy_rows, row_groups):
        if len({_Layout(rows=few_rows).row(c.flow) for c in cells}) <= _MOST_ROWS:
            break
    for few_columns in (frozenset(), column_groups - busy_columns, column_groups):
        layout = _Layout(few_columns - {""}, few_rows)
        if all(_Grid.of(cells, layout, view).width <= width for view in View):
            break
    return layout


def _several(places: Iterable[Place]) -> frozenset[str]:
    """Return the groups that have several members: one alone would not become shorter."""
    sizes = Counter(p.group for p in places)
    return frozenset(group for group, size in sizes.items() if size > 1)


@dataclass(frozen=True, slots=True)
class _Grid:
    """One table before it is drawn: what stands in each row, column by column."""

    columns: tuple[Place, ...]
    rows: Mapping[Place, tuple[str, ...]]

    @classmethod
    def of(cls, cells: Sequence[CellResult], layout: _Layout, view: View) -> _Grid:
        marks: dict[Place, dict[Place, Counter[str]]] = {}
        for cell in cells:
            row = marks.setdefault(layout.row(cell.flow), {})
            row.setdefault(layout.column(cell.flow), Counter())[mark(cell, view)] += 1
        columns = _columns(cells, layout)
        return cls(columns, {p: tuple(_said(marks[p].get(c, Counter())) for c in columns) for p in _rows(marks)})

    @property
    def body(self) -> list[list[str]]:
        headings = _headings(self.columns)
        rows = [[place.label, *marks] for place, marks in self.rows.items()]
        return [*headings, ["-" * max(map(len, column)) for column in zip(*headings, *rows, strict=True)], *rows]

    @property
    def width(self) -> int:
        return sum(max(map(len, column)) + 2 for column in zip(*self.body, strict=True)) - 2

    def bands(self, width: int) -> Iterator[_Grid]:
        """Yield the grid in as many bands of columns as it takes to fit."""
        begin = 0
        for end in range(1, len(self.columns) + 1):
            if end == len(self.columns) or self._part(begin, end + 1).width > width:
                yield self._part(begin, end)
                begin = end

    def _part(self, begin: int, end: int) -> _Grid:
        return _Grid(self.columns[begin:end], {place: marks[begin:end] for place, marks in self.rows.items()})


def _drawn(grid: _Grid, width: int) -> list[str]:
    from tabulate import tabulate

    lines: list[str] = []
    for band in grid.bands(width) if grid.width > width else (grid,):
        drawn = tabulate(band.body, tablefmt="plain", disable_numparse=True).splitlines()
        lines += [""] * bool(lines) + [line.rstrip() for line in drawn]
    return lines


def _rows(places: Iterable[Place]) -> tuple[Place, ...]:
    """Return the rows with those of a namespace together."""
    found = tuple(places)
    groups = {p.group: i for i, p in reversed([*enumerate(found)])}
    return tuple(sorted(found, key=lambda p: groups[p.group]))


def _columns(cells: Sequence[CellResult], layout: _Layout) -> tuple[Place, ...]:
    """Return the columns: those of sources in the order of the rows, so that the diagonal is the empty one."""
    order = {label: i for i, label in enumerate(dict.fromkeys(row_of(c.flow).label for c in cells))}
    found = dict.fromkeys(column_of(c.flow) for c in cells)
    every = (p.group for p in (*(row_of(c.flow) for c in cells), *found))
    groups = {group: i for i, group in enumerate(dict.fromkeys(every))}
    ranked = sorted(found, key=lambda c: (groups[c.group], order.get(c.label, len(order))))
    return tuple(dict.fromkeys(Place(c.group, _ANY) if c.group in layout.columns else c for c in ranked))


def _headings(columns: Sequence[Place]) -> list[list[str]]:
    """Return the heading's lines: namespaces, names, ports; what the column before has said is not said again."""
    groups, names, ports = [""], [""], [""]
    before = Place("", "")
    for place in columns:
        same = place.group == before.group
        groups.append("" if same or not place.group else f"{place.group}/")
        names.append("" if same and place.name == before.name else place.name)
        ports.append(place.port)
        before = place
    lines = [line for line in (groups, names, ports) if any(line)]
    lines[-1][0] = "from"
    return lines


def _said(marks: Counter[str]) -> str:
    """Return the one mark of a cell, or how many of each where a collapsed one has several."""
    if len(marks) <= 1:
        return "".join(marks)
    return " ".join(f"{marks[m]}{m}" for m in "!w?X." if marks[m])


def _width(lines: Sequence[str]) -> int:
    return max(map(len, lines), default=0)


def _packed(blocks: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the blocks side by side, as many in a row as the page is wide enough for."""
    rows: list[list[Sequence[str]]] = []
    for block in blocks:
        taken = sum(_width(b) + _GAP for b in rows[-1]) if rows else width
        if taken + _width(block) > width:
            rows.append([])
        rows[-1].append(block)
    return [line for i, row in enumerate(rows) for line in ([""] * bool(i) + _row(row))]


def _row(blocks: Sequence[Sequence[str]]) -> list[str]:
    widths = [_width(block) for block in blocks]
    lines: Iterator[tuple[str, ...]] = zip_longest(*blocks, fillvalue="")
    return [(" " * _GAP).join(part.ljust(w) for part, w in zip(line, widths, strict=True)).rstrip() for line in lines]
