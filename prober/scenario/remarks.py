"""What a reader would ask about a scenario's policies: selectors that take no pod at any time; never a status."""

from __future__ import annotations

from prober.model.plan import planned
from prober.oracle.empty import empties
from prober.scenario.records import Scenario
from prober.scenario.story import planned_states


def remarks(scenario: Scenario) -> tuple[str, ...]:
    """Return the remarks, each with its file and line; none on policies that a step calls `empty`.

    Those on somebody's own manifests are made where more is known of them, in `workloads`.
    """
    if scenario.of_manifests:
        return ()
    first, _ = planned(scenario.topology)
    states = [first, *(state for _, state in planned_states(scenario))]
    meant = {ref for step in scenario.steps for ref in step.empty}
    return tuple(dict.fromkeys(f"{found.at}: {found}" for found in empties(states) if found.policy not in meant))
