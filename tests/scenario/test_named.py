"""Tests of `cells: named`, and of scenarios with more than two nodes."""

from __future__ import annotations

from prober.model import NodeRef
from prober.model.plan import planned
from prober.scenario import Need, loads, matrix

PATH = "three.scenario.yaml"
TEXT = """\
summary: Three nodes, and two cells of many
cells: named
namespaces: {a: {}}
nodes: {3: {ports: [22]}}
pods:
  a/x: {node: 1, ports: [80]}
  a/y: {node: 2, ports: [80]}
  a/z: {node: 3, ports: [80]}
steps:
  - {name: first, expect: {allowed: [a/x -> a/z]}}
  - {name: second, expect: {allowed: [a/x -> node/3:22]}}
"""


def test_only_named_cells_are_asked() -> None:
    """With `cells: named` the cells are those that any step names, and no others; without it every pair's beside."""
    scenario = loads({PATH: TEXT}, PATH)
    state, _ = planned(scenario.topology)

    assert ["a/x -> a/z:80", "a/x -> node/3:22"] == [str(f) for f in matrix(scenario, state)]
    every = loads({PATH: TEXT.replace("cells: named", "cells: all")}, PATH)
    assert 7 == len(matrix(every, state))


def test_declared_nodes_are_there() -> None:
    """The highest number among `nodes` says how many there are; each has addresses, and pods go there."""
    scenario = loads({PATH: TEXT}, PATH)
    state, _ = planned(scenario.topology)

    assert [NodeRef(1), NodeRef(2), NodeRef(3)] == list(state.nodes)
    assert {1, 2, 3} == {p.node for p in state.probe_pods()}
    assert (Need.TWO_NODES,) == scenario.requires
