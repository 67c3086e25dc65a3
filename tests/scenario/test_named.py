"""Tests of `cells`, of expectations in a file of their own, and of scenarios with more than two nodes."""

from __future__ import annotations

import pytest

from prober.errors import InputError
from prober.model import ExternalRef, Family, NodeRef
from prober.model.plan import planned
from prober.scenario import Need, Scenario, loads, matrix

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


def cells(scenario: Scenario) -> list[str]:
    """Return what a scenario asks before its first step."""
    return [str(f) for f in matrix(scenario, planned(scenario.topology)[0])]


def test_only_named_cells_are_asked() -> None:
    """With `cells: named` the cells are those that any step names, and no others; without it every pair's beside."""
    named = ["a/x -> a/z:80", "a/x -> node/3:22"]

    assert named == cells(loads({PATH: TEXT}, PATH))
    assert 7 == len(cells(loads({PATH: TEXT.replace("cells: named", "cells: all")}, PATH)))


def test_listed_cells_are_asked() -> None:
    """With a list of flows these are asked beside what steps name, and nobody expects anything of them."""
    scenario = loads({PATH: TEXT.replace("cells: named", "cells: [any -> a/y, a/y -> dns/x]")}, PATH)

    listed = ["a/x -> a/y:80", "a/z -> a/y:80", "a/y -> dns/x", "a/y -> dns/x/tcp"]
    assert [*listed, "a/x -> a/z:80", "a/x -> node/3:22"] == cells(scenario)


def test_expectations_stand_in_a_file() -> None:
    """`expect` may name a file: its lines are the step's, with the file's own line numbers."""
    text = TEXT.replace("{allowed: [a/x -> a/z]}", "flows.yaml")
    scenario = loads({PATH: text, "flows.yaml": "# of first\nallowed: [a/x -> a/z]\ndenied: a/z -> a/x\n"}, PATH)

    found = [(str(e.pattern), e.ruling, e.file, e.line) for e in scenario.steps[0].expect]
    assert [("a/x -> a/z", "allowed", "flows.yaml", 2), ("a/z -> a/x", "denied", "flows.yaml", 3)] == found
    with pytest.raises(InputError, match=r"flows\.yaml:1: `flows\.yaml` is text, where a mapping is expected"):
        loads({PATH: text, "flows.yaml": "flows.yaml"}, PATH)


def test_external_host_is_where_its_author_says() -> None:
    """An address that is written is the host's in the lab; who names none gets one of the lab's own."""
    hosts = "external: {bank: {ports: [443], address: [192.0.2.7, 2001:DB8::7]}, any-other: {ports: [443]}}\nnodes:"
    state, _ = planned(loads({PATH: TEXT.replace("nodes:", hosts)}, PATH).topology)

    assert {Family.IPV4: "192.0.2.7", Family.IPV6: "2001:db8::7"} == state.externals[ExternalRef("bank")].addresses
    assert "203.0.113.11" == state.externals[ExternalRef("any-other")].addresses[Family.IPV4]


def test_declared_nodes_are_there() -> None:
    """The highest number among `nodes` says how many there are; each has addresses, and pods go there."""
    scenario = loads({PATH: TEXT}, PATH)
    state, _ = planned(scenario.topology)

    assert [NodeRef(1), NodeRef(2), NodeRef(3)] == list(state.nodes)
    assert {1, 2, 3} == {p.node for p in state.probe_pods()}
    assert (Need.TWO_NODES,) == scenario.requires
