"""What somebody's manifests amount to: what of them is represented, who reaches whom, and which rule says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from prober.model import ClusterState, Direction, Flow, PodRef
from prober.oracle import Judgement, Ruling, grounds, judge
from prober.report.tables import View, mark
from prober.result import RunResult
from prober.scenario import contradictions, matrix
from prober.terminal import many, one_line
from prober.workloads import Manifests

LEGEND = ". allowed   X denied   ? not proved   ! expected and observed differ   ~ not the same for all its pods"
_MARKS = {Ruling.ALLOWED: ".", Ruling.DENIED: "X", Ruling.INDETERMINATE: "?"}
_LISTED = 20
_NAMED = 6


def intent(manifests: Manifests) -> tuple[str, ...]:
    """Return where the policies contradict what is expected of them, with the lab's addresses."""
    (step,) = manifests.scenario.steps
    families = manifests.scenario.families_in(manifests.state)
    return tuple(str(m) for m in contradictions(step, manifests.state, families, by_line=True))


def overview(manifests: Manifests, *, verbose: bool = False, noted: bool = False) -> str:
    """Return what was read, what of it is not represented, and what there is to remark; without these if `noted`."""
    topology = manifests.scenario.topology
    counted = [
        many(len(manifests.state.policies), "policy"),
        f"{many(len(manifests.workloads), 'workload')} as {many(len(topology.pods), 'pod')}",
        *([many(len(topology.services), "Service")] if topology.services else []),
        f"in {many(len(topology.namespaces), 'namespace')}",
    ]
    lines = [f"manifests: {', '.join(counted)}; read from {many(manifests.files, 'file')}"]
    if manifests.single:
        lines.append(
            "  one pod of each workload: with two there would be too many cells; --only 'shop/any -> any' asks fewer"
        )
    if manifests.passed:
        lines.append(f"  no say here: {', '.join(f'{n} {kind}' for kind, n in manifests.passed.most_common())}")
    for title, members in () if noted else (("not represented", manifests.listed), ("remarks", manifests.remarks)):
        shown = len(members) if verbose else _LISTED
        lines += [f"{title}:"] * bool(members) + [f"  {one_line(str(m))}" for m in members[:shown]]
        if len(members) > shown:
            lines.append(f"  and {len(members) - shown} more (--verbose lists them)")
    return "\n".join(lines) + "\n"


def notes(manifests: Manifests) -> tuple[str, ...]:
    """Return what every report says of manifests: what of them is not represented, and what there is to remark."""
    return (*(f"not represented: {one}" for one in manifests.listed), *map(str, manifests.remarks))


def reach(manifests: Manifests, result: RunResult | None, *, width: int = 100, verbose: bool = False) -> str:
    """Return who reaches whom as a matrix and, target by target, why; the marks are those of a run if there is one."""
    table = _table(manifests, result)
    reasons = _reasons(table, manifests.state, verbose=verbose)
    ranks = _ranks(manifests)
    return "\n".join([*_matrix(table, ranks, width), "", *reasons, "", "isolated by:", *_isolated(manifests)]) + "\n"


@dataclass(slots=True)
class _Cell:
    """All flows between two workloads on one port: how they are marked, and one judgement of each kind."""

    marks: set[str] = field(default_factory=set)
    judgement: Judgement | None = None

    @property
    def mark(self) -> str:
        if "!" in self.marks:
            return "!"
        return next(iter(self.marks)) if len(self.marks) == 1 else "~"


_Table = dict[str, dict[str, _Cell]]  # by target, then by source


def _table(manifests: Manifests, result: RunResult | None) -> _Table:
    owners = {ref: first for first, refs in manifests.members.items() for ref in refs}
    table: _Table = {}
    for flow, shown in _shown(manifests, result):
        source, target = (
            str(owners.get(end, end)) if isinstance(end, PodRef) else str(end) for end in (flow.source, flow.target)
        )
        column = str(flow).partition(" -> ")[2].replace(str(flow.target), target, 1)
        cell = table.setdefault(column, {}).setdefault(source, _Cell())
        cell.marks.add(shown)
        cell.judgement = cell.judgement or judge(manifests.state, flow)
    ranks = _ranks(manifests)
    return dict(sorted(table.items(), key=lambda column: ranks.get(column[0].partition(":")[0], len(ranks))))


def _ranks(manifests: Manifests) -> dict[str, int]:
    """Return the workloads' order: that of rows and of columns, so that the diagonal is theirs."""
    return {str(ref): i for i, ref in enumerate(manifests.members)}


def _shown(manifests: Manifests, result: RunResult | None) -> Iterator[tuple[Flow, str]]:
    """Yield each flow with its mark: what was proved of it, or what the specification says where nothing was sent."""
    if result is None:
        for flow in matrix(manifests.scenario, manifests.state):
            yield flow, _MARKS[judge(manifests.state, flow).ruling]
        return
    for scenario in result.scenarios:
        if scenario.path == manifests.scenario.path:
            for step in scenario.steps:
                yield from ((c.flow, mark(c, View.DIFFERENCE)) for c in step.cells if step.kind == "step")


def _matrix(table: _Table, ranks: dict[str, int], width: int) -> Iterator[str]:
    """Yield sources down and numbered targets across, in bands that fit; the numbers are explained below."""
    found = dict.fromkeys(source for cells in table.values() for source in cells)
    sources = sorted(found, key=lambda source: ranks.get(source, len(ranks)))
    label = max((len(s) for s in sources), default=0)
    each = len(str(len(table))) + 2
    most = max(1, (width - label) // each)
    yield f"matrix: {LEGEND}"
    columns = list(enumerate(table.values(), 1))
    for begin, end in pairwise([*range(0, len(columns), most), len(columns)]):
        band = columns[begin:end]
        yield ""
        yield " " * label + "".join(str(n).rjust(each) for n, _ in band)
        for source in sources:
            marks = (cells[source].mark if source in cells else "" for _, cells in band)
            yield (source.ljust(label) + "".join(m.rjust(each) for m in marks)).rstrip()


def _reasons(table: _Table, state: ClusterState, *, verbose: bool) -> Iterator[str]:
    """Yield each target with who may reach it, by which rules, and who may not, by which side."""
    for number, (target, cells) in enumerate(table.items(), 1):
        yield f"{number:>3}  {target}"
        groups: dict[str, list[str]] = {}
        for source, cell in cells.items():
            if cell.judgement:
                groups.setdefault(_why(cell.judgement, state), []).append(source)
        for why, sources in sorted(groups.items()):
            shown = len(sources) if verbose else _NAMED
            more = f" and {len(sources) - shown} more" if len(sources) > shown else ""
            yield f"       {why.partition(': ')[0]}: {', '.join(sources[:shown])}{more}{_tail(why)}"


def _tail(why: str) -> str:
    return f"; {why.partition(': ')[2]}" if ": " in why else ""


def _why(judgement: Judgement, state: ClusterState) -> str:
    """Return `RULING by what: where`; the policies that isolate stand below, once for each workload."""
    match judgement.ruling:
        case Ruling.INDETERMINATE:
            return f"left open: {'; '.join(map(str, judgement.doubts))}"
        case Ruling.ALLOWED:
            found = " and ".join(f"{name} ({at})" if at else name for name, at in grounds(judgement, state).items())
            exempt = next((s.exempt for s in judgement.sides if s.exempt), "")
            return f"allowed: by {found}" if found else f"allowed: {exempt or 'no policy isolates either end'}"
        case _:
            sides = dict.fromkeys(s.direction.lower() for s in judgement.sides if s.ruling is Ruling.DENIED)
            return f"denied by {' and '.join(sorted(sides))}"


def _isolated(manifests: Manifests) -> Iterator[str]:
    """Yield for each workload the policies that isolate it; whatever no rule of theirs allows is denied."""
    policies = manifests.state.policies.values()
    for ref in manifests.members:
        pod = manifests.state.pods[ref]
        for direction in Direction:
            by = [
                p
                for p in policies
                if p.namespace == pod.namespace and direction in p.types and p.pods.matches(pod.labels)
            ]
            said = ", ".join(f"{p.ref} ({p.at})" for p in by) or "nobody: everything is allowed"
            yield f"  {direction.lower()} of {ref}: {said}"
