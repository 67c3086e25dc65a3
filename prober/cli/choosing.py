"""Which scenarios a command is about: read, checked against the oracle, and picked by tags and flows."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prober.errors import InputError, UsageError
from prober.scenario import Scenario, check, load, load_all, matrix, planned_states, remarks
from prober.waivers import PROFILE, all_of, profile
from prober.yamltext import decoded

if TYPE_CHECKING:
    from prober.flows import FlowPattern
    from prober.workloads import Manifests


def named(args: Namespace) -> tuple[tuple[Scenario, ...], Manifests | None]:
    """Return the scenarios that the command line names, or the one that somebody's manifests make, and these.

    Everything is checked that needs no packet; every mistake is raised at once. For one PATH alone, which `explain`
    has, what contradicts the oracle is none: that is what somebody wants to have explained.
    """
    if not (args.policies or args.workloads):
        return (checked(args.PATH) if isinstance(args.PATH, list) else load([Path(args.PATH)])), None
    from prober.workloads import Request, read

    manifests = read(
        Request(
            policies=tuple(args.policies),
            workloads=tuple(args.workloads),
            expect=args.expect or "",
            namespace=args.default_namespace,
            lab=getattr(args, "cluster", "lab") == "lab",
            stdin=_stdin,
        )
    )
    return (manifests.scenario,), manifests


def _stdin(most: int) -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- is stdin, and nothing comes from there; pipe manifests into it: helm template ... | prober")
    try:
        return sys.stdin.buffer.read(most)
    except OSError as error:
        raise UsageError(f"stdin cannot be read: {error.strerror}") from None


def checked(paths: Sequence[str]) -> tuple[Scenario, ...]:
    """Return the scenarios of files and directories, or raise every mistake in all of them."""
    scenarios, mistakes = load_all([Path(p) for p in paths])
    notes: dict[str, None] = {}  # a label that no pod has is often why the oracle contradicts somebody
    for scenario in scenarios:
        if contradicted := check(scenario):
            mistakes += contradicted
            notes.update(dict.fromkeys(remarks(scenario)))
    if mistakes:
        raise InputError(tuple(sorted(mistakes, key=lambda m: (m.file, m.line))), tuple(notes))
    return scenarios


def tagged(scenarios: Sequence[Scenario], tags: Sequence[str]) -> tuple[Scenario, ...]:
    """Return those with one of the tags (if any is asked for) and with none of the `!tags`; UsageError for none."""
    wanted = {t for t in tags if not t.startswith("!")}
    unwanted = {t.removeprefix("!") for t in tags} - wanted
    found = tuple(s for s in scenarios if (not wanted or wanted & {*s.tags}) and not unwanted & {*s.tags})
    if not found:
        known = ", ".join(sorted({t for s in scenarios for t in s.tags})) or "none at all"
        asked = " ".join(f"--tag {t}" for t in tags)
        raise UsageError(f"{asked} leaves none of {len(scenarios)} scenarios; their tags are {known}")
    return found


def asked(scenarios: Sequence[Scenario], only: FlowPattern | None) -> tuple[Scenario, ...]:
    """Return those that have a cell which `only` means; UsageError for none."""
    if only is None:
        return tuple(scenarios)
    found = tuple(s for s in scenarios if _has(s, only))
    if not found:
        where = scenarios[0].path if len(scenarios) == 1 else f"{len(scenarios)} scenarios"
        cells = "cells go to the ports that pods declare, and to what expectations name"
        raise UsageError(f"--only '{only}' matches no cell of {where}; {cells}")
    return found


def _has(scenario: Scenario, only: FlowPattern) -> bool:
    return any(
        not {*only.expand(state, state.families)}.isdisjoint(matrix(scenario, state))
        for _, state in planned_states(scenario)
    )


def waivers_of(names: Sequence[str]) -> dict[str, str]:
    """Return the text of each waiver file and shipped profile, all of them read once; UsageError, InputError."""
    found = {}
    for name in names:
        if name.startswith(PROFILE):
            found[name] = profile(name.removeprefix(PROFILE))
            continue
        try:
            found[name] = decoded(Path(name).read_bytes(), name)
        except OSError as error:
            raise UsageError(f"--waivers {name}: {error.strerror}; name a file, or {PROFILE}NAME") from None
    all_of([*found.items()])
    return found
