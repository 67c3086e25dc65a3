"""Which scenarios run on one topology, one after the other: those that ask for an equal one (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prober.model import AddPod, ClusterState, RemovePod, Topology
from prober.model.plain import plain_state
from prober.scenario import Scenario
from prober.vouching import with_witnesses

_PAYS = 3  # scenarios for which it pays to open a topology once more: on a cluster that takes as long as one of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One opened topology and the scenarios that run on it, in order."""

    topology: Topology
    scenarios: tuple[Scenario, ...]

    @property
    def cost(self) -> int:
        """Return how long it takes, in steps; each scenario has a control beside its own."""
        return _length(self.scenarios)


def shares(scenarios: Sequence[Scenario], jobs: int) -> tuple[Share, ...]:
    """Return the scenarios by their topologies, what takes longest first: a run ends sooner so.

    An equal topology is opened once more only where one alone would keep `jobs` waiting.
    """
    groups: dict[str, list[Scenario]] = {}
    topologies: dict[str, Topology] = {}
    for scenario in sorted(scenarios, key=_cost, reverse=True):
        topology = with_witnesses(scenario.topology)
        key = _key(topology)
        topologies.setdefault(key, topology)
        groups.setdefault(key, []).append(scenario)
    ordered = sorted(groups, key=lambda key: _length(groups[key]), reverse=True)
    found = [
        Share(topology=topologies[key], scenarios=part)
        for key, parts in zip(ordered, _parts([groups[key] for key in ordered], jobs), strict=True)
        for part in parts
    ]
    return tuple(sorted(found, key=lambda share: share.cost, reverse=True))


def keeps_pods(scenario: Scenario) -> bool:
    """Say whether no step adds or removes a pod: then its last control can be the next scenario's first."""
    return not any(isinstance(a, AddPod | RemovePod) for step in scenario.steps for a in step.actions)


def _cost(scenario: Scenario) -> int:
    return len(scenario.steps) + 1


def _length(scenarios: Iterable[Scenario]) -> int:
    return sum(map(_cost, scenarios))


def _parts(groups: Sequence[Sequence[Scenario]], jobs: int) -> Iterator[list[tuple[Scenario, ...]]]:
    """Yield each group in parts: all of them laid end to end and cut where a job has its fair share, if that pays."""
    fair = left = sum(map(_length, groups)) / jobs
    for group in groups:
        parts, rest = [], tuple(group)
        while len(rest) >= 2 * _PAYS and _length(rest) > left + _PAYS:
            fits = sum(total <= left for total in accumulate(map(_cost, rest)))
            if fits >= _PAYS or left == fair:
                at = min(max(fits, _PAYS), len(rest) - _PAYS)
                parts.append(rest[:at])
                rest = rest[at:]
            left = fair
        left -= _length(rest)
        if left <= 0:
            left += fair
        yield [*parts, rest]


def _key(topology: Topology) -> str:
    """Return what is the same for equal topologies, in whatever order their things were written."""
    plain = plain_state(ClusterState.of(topology))
    things = ("pods", "services", "externals", "nodes")  # of the families the first one is another thing
    return json.dumps(
        {**plain, **{k: sorted(json.dumps(x, sort_keys=True) for x in plain[k]) for k in things}}, sort_keys=True
    )
