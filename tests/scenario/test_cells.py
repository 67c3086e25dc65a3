"""Which cells a scenario asks about, and which line of an `expect` decides each of them."""

from __future__ import annotations

import pytest

from prober.model import Family
from prober.scenario import Scenario, expected, matrix, planned_states
from tests.scenario.written import TOPOLOGY, mistakes, scenario

PODS = [
    "a/web -> a/db:5432",
    "a/db -> a/web:80",
    "a/db -> a/web:5353/udp",
    "b/client -> a/web:80",
    "b/client -> a/web:5353/udp",
    "b/client -> a/db:5432",
]


def cells(found: Scenario) -> list[list[str]]:
    return [[str(f) for f in matrix(found, state)] for _, state in planned_states(found)]


def said(found: Scenario) -> dict[str, str]:
    """Return what the last step expects, cell by cell."""
    *_, (step, state) = planned_states(found)
    return {str(f): e.ruling for f, e in expected(step, state, found.families_in(state)).items()}


def test_matrix_is_every_pod_to_every_declared_port() -> None:
    """Without a word of the author, in the primary family; no pod to itself, none of the cluster's own."""
    assert [PODS] == cells(scenario("remove: b/client\nadd: {b/client: {}}"))


def test_matrix_in_both_families() -> None:
    """`families` asks for each cell once in every family."""
    (found,) = cells(scenario("expect: {allowed: any -> any}", topology=TOPOLOGY + "families: [ipv6, ipv4]\n"))

    assert sorted([*PODS, *(f"{p}/ipv6" for p in PODS)]) == sorted(found)


def test_matrix_has_what_any_step_names() -> None:
    """Services, names, look-ups and own addresses are cells of every step in which both ends are there, each once."""
    found = scenario(
        "expect: {allowed: any -> any}",
        "expect: {allowed: [b/client -> svc/a/db:1, b/client -> name/db.a:1, b/client -> a/db, a/web -> a/web:80]}",
        "remove: b/client\nexpect: {allowed: [a/web -> ext/partner, a/web -> dns/db.a, a/db -> a/web:80/ipv6]}",
    )
    named = ["b/client -> svc/a/db:1", "b/client -> name/db.a:1"]
    others = [
        "a/web -> a/web:80",
        *("a/web -> ext/partner:443", "a/web -> dns/db.a", "a/web -> dns/db.a/tcp", "a/db -> a/web:80/ipv6"),
    ]

    assert [PODS + named + others, PODS + named + others, PODS[:3] + others] == cells(found)


def test_pods_that_come_and_go_are_cells_while_they_are_there() -> None:
    """The matrix is that of a state."""
    first, second = cells(scenario("remove: [a/web, a/db]", "add: {b/new: {ports: [7]}}"))

    assert ([], ["b/client -> b/new:7"]) == (first, second)


def test_named_line_beats_any() -> None:
    """A line with both ends named decides over one with `any`, wherever it stands and with or without a port."""
    found = scenario(
        "expect: {allowed: [b/client -> a/web], denied: [any -> any/tcp, b/client -> a/db:sql]}",
    )

    assert {
        "a/web -> a/db:5432": "denied",
        "a/db -> a/web:80": "denied",
        "b/client -> a/web:80": "allowed",
        "b/client -> a/web:5353/udp": "allowed",
        "b/client -> a/db:5432": "denied",
    } == said(found)


def test_cells_nobody_wrote_down_are_not_expected() -> None:
    """What no line names is left to the oracle."""
    assert {"b/client -> a/db:5432": "denied"} == said(scenario("expect: {denied: b/client -> a/db}"))
    assert {} == said(scenario("remove: a/web"))


def test_line_without_family_means_the_scenarios_families() -> None:
    """A line that names a family means that one alone."""
    topology = TOPOLOGY + "families: [ipv4, ipv6]\n"
    found = scenario("expect: {denied: b/client -> a/db, allowed: b/client -> a/web:80/ipv6}", topology=topology)

    assert {
        "b/client -> a/db:5432": "denied",
        "b/client -> a/db:5432/ipv6": "denied",
        "b/client -> a/web:80/ipv6": "allowed",
    } == said(found)


@pytest.mark.parametrize(
    ("allowed", "denied", "conflict"),
    [
        ("any -> a/web", "b/any -> any", True),
        ("b/client -> a/web", "b/client -> a/web:80", True),
        ("b/client -> a/db:5432", "b/client -> a/db:sql", True),
        ("any -> a/db", "b/client -> a/db", False),
        ("b/client -> a/web:80", "b/client -> a/web:5353/udp", False),
        ("b/client -> a/web:80/ipv4", "b/client -> a/web:80/ipv6", False),
        ("b/client -> a/web:80/ipv4", "b/client -> a/web:80", True),
        ("b/client -> a/db:5432", "b/client -> svc/a/db:1", False),
    ],
)
def test_same_flow_in_both_lists(allowed: str, denied: str, conflict: bool) -> None:
    """Two lines of one rank must not contradict each other on any cell."""
    step = f"expect:\n  allowed: [{allowed}]\n  denied: [{denied}]"
    if conflict:
        (mistake,) = mistakes(step)
        assert mistake.startswith("steps[0].expect.denied[0]: `b/client -> a/")
    else:
        assert scenario(step)


def test_matrix_in_the_primary_family_of_a_cluster() -> None:
    """Where a cluster's primary family is IPv6, lines without a family mean that one."""
    found = scenario("expect: {denied: b/client -> a/db}")
    ((step, state),) = planned_states(found)
    other = type(state)(pods=state.pods, families=(Family.IPV6,))

    assert (Family.IPV6,) == found.families_in(other)
    assert {Family.IPV6} == {f.family for f in matrix(found, other)}
    assert ["b/client -> a/db:5432/ipv6"] == [str(f) for f in expected(step, other, found.families_in(other))]
