"""Which scenarios show which rule: of those that claim it, the ones in which breaking the rule changes an assertion.

python -m tests.rules.coverage > docs/rules.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from prober.errors import InputError
from prober.expect import expectations, unprobeable
from prober.model import ApplyPolicy, Flow, NetworkPolicy, PolicyRef
from prober.model.plan import planned
from prober.outcomes import Verdict
from prober.scenario import Scenario, load, loads
from prober.scenario.story import placed
from tests.rules.broken import MISREAD, MUTANTS, UNSEEN
from tests.rules.mutants import Cell, Reader

ROOT = Path(__file__).parents[2]
SHOWN = 3  # scenarios that the page names for a rule


@cache
def library() -> tuple[Scenario, ...]:
    """Return every scenario of the library, in the order of their names."""
    return tuple(sorted(load([ROOT / "scenarios"]), key=lambda s: s.name))


def cells(scenario: Scenario) -> Iterator[Cell]:
    """Yield the asserted cells of every step."""
    state, plan = planned(scenario.topology)
    first = state
    past: dict[PolicyRef, NetworkPolicy] = {}
    for step in scenario.steps:
        for action in step.actions:
            done = placed(action, plan)
            state = state.after(done)
            if isinstance(done, ApplyPolicy):
                past[done.policy.ref] = done.policy
        for flow, expected in expectations(scenario, step, state).items():
            if expected.verdict is not Verdict.UNKNOWN and not unprobeable(flow):
                yield Cell(flow=flow, state=state, first=first, past=dict(past))


def contradicts(scenario: Scenario, reader: Reader) -> bool:
    """Say whether a reader that is wrong about a rule would contradict the scenario."""
    return any(reader(cell) is not cell.truth for cell in cells(scenario))


def asserted(scenario: Scenario) -> list[tuple[Flow, str]]:
    """Return what a scenario's texts assert, step by step, as they are read just now; nothing if they cannot be."""
    try:
        return [(cell.flow, cell.truth) for cell in cells(loads(scenario.texts, scenario.path))]
    except InputError:
        return []


def showing(rule: int, most: int = SHOWN) -> dict[str, list[str]]:
    """Return for every way to get a rule wrong the first scenarios that show it, among those that claim the rule."""
    claiming = [s for s in library() if rule in s.rules]
    found: dict[str, list[str]] = {}
    for name, reader in MUTANTS.get(rule, {}).items():
        held = (s.name for s in claiming if contradicts(s, reader))
        found[name] = [n for n, _ in zip(held, range(most), strict=False)]
    for name, plant in MISREAD.get(rule, {}).items():
        found[name] = []
        for scenario in claiming:
            right = asserted(scenario)
            with pytest.MonkeyPatch.context() as patch:
                plant(patch)
                if asserted(scenario) != right:
                    found[name].append(scenario.name)
            if len(found[name]) == most:
                break
    return found


def sentences() -> dict[int, str]:
    """Return the rules as docs/semantics.md has them, by number."""
    text = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    return {int(n): said for n, said in re.findall(r"(?m)^([0-9]+)\. (.*)$", text)}


def page() -> str:
    """Return docs/rules.md."""
    lines = [
        "# Which scenario shows which rule",
        "",
        "Made from the library: `python -m tests.rules.coverage > docs/rules.md`. Numbers are those of",
        "[semantics.md](semantics.md).",
        "",
        "A scenario says by `rules` which it exercises; that is not believed. Each rule is got wrong on purpose, in",
        "one or several ways, and a scenario *shows* it if whoever reads it so would contradict what it asserts. Named",
        f"are the first {SHOWN}; a test fails where nobody shows a rule in one of these ways.",
        "",
        "| rule | got wrong | shown by |",
        "|---|---|---|",
    ]
    for rule in sentences():
        if rule in UNSEEN:
            lines.append(f"| {rule} | | not seen by packets: {UNSEEN[rule]} |")
        for how, names in showing(rule).items() if rule not in UNSEEN else ():
            lines.append(f"| {rule} | {how} | {', '.join(names)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
