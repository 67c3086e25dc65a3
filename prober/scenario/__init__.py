"""Scenario files: what they say, every mistake with its line and key, and which cells they ask about."""

from prober.scenario.cells import expected, matrix
from prober.scenario.intent import check, contradictions
from prober.scenario.load import load, load_all, loads, resolved
from prober.scenario.records import CASE, MANIFESTS, OWN, SUFFIX, Expectation, Need, Said, Scenario, Step
from prober.scenario.remarks import remarks
from prober.scenario.story import planned_states

__all__ = [
    "CASE",
    "MANIFESTS",
    "OWN",
    "SUFFIX",
    "Expectation",
    "Need",
    "Said",
    "Scenario",
    "Step",
    "check",
    "contradictions",
    "expected",
    "load",
    "load_all",
    "loads",
    "matrix",
    "planned_states",
    "remarks",
    "resolved",
]
