"""Which scenarios share a topology, and how many topologies that makes."""

from __future__ import annotations

import pytest

from prober.scenario import Scenario
from prober.sharing import keeps_pods, shares
from prober.vouching import with_witnesses
from tests.running import loaded
from tests.telling import DENY_B

STEP = "  - {name: again, delete: shop/no-b}\n"
OTHER = DENY_B.replace("{shop: {}}", "{shop: {labels: {team: t}}}")


def named(*texts: str) -> list[Scenario]:
    return [loaded(text, i) for i, text in enumerate(texts)]


def told(scenarios: list[Scenario], jobs: int = 1) -> list[list[str]]:
    """Return the names of the scenarios by topology."""
    return [[s.name for s in share.scenarios] for share in shares(scenarios, jobs)]


def test_equal_topologies_are_one() -> None:
    """Scenarios whose topologies are equal share one, which has the witnesses in it; another has its own."""
    found = shares(named(DENY_B, OTHER, DENY_B), 1)
    assert [["s0", "s2"], ["s1"]] == [[s.name for s in share.scenarios] for share in found]
    assert [with_witnesses(s.scenarios[0].topology) for s in found] == [s.topology for s in found]


def test_order_of_writing_makes_no_difference() -> None:
    """Pods that are written in another order make an equal topology."""
    lines = DENY_B.splitlines(keepends=True)
    assert lines[3].startswith("  shop/a")
    assert [["s0", "s1"]] == told(named(DENY_B, "".join([*lines[:3], lines[5], lines[4], lines[3], *lines[6:]])))


@pytest.mark.parametrize(
    ("this", "that"),
    [
        ("{shop: {}}", "{shop: {}, bank: {}}"),
        ("{shop: {}}", "{shop: {labels: {team: t}}}"),
        ("shop/a: {}", "shop/a: {labels: {x: y}}"),
        ("shop/a: {}", "shop/a: {node: 2}"),
        ("[80, 53/udp]", "[80, 54/udp]"),
        ("pods:", "services: {shop/s: {selector: {app: b}, ports: [80]}}\npods:"),
        ("pods:", "external: {p: {ports: [443]}}\npods:"),
        ("pods:", "nodes: {2: {ports: [30080]}}\npods:"),
    ],
)
def test_whatever_differs_makes_another_topology(this: str, that: str) -> None:
    """Namespaces, labels, pods, places, ports, Services, hosts, nodes: each of them counts."""
    other = DENY_B.replace(this, that)
    assert other != DENY_B
    assert [["s0"], ["s1"]] == told(named(DENY_B, other))


def test_what_takes_longest_goes_first() -> None:
    """Topologies and the scenarios on them are in the order of their steps: a run ends sooner so."""
    assert [["s1", "s0"], ["s2"]] == told(named(DENY_B, DENY_B + STEP, OTHER))
    assert [["s1"], ["s0"]] == told(named(DENY_B, OTHER + STEP))


@pytest.mark.parametrize(
    ("scenarios", "jobs", "parts"),
    [(1, 4, [1]), (5, 4, [5]), (6, 1, [6]), (6, 2, [3, 3]), (6, 4, [3, 3]), (13, 4, [4, 3, 3, 3]), (20, 2, [10, 10])],
)
def test_one_topology_keeps_nobody_waiting(scenarios: int, jobs: int, parts: list[int]) -> None:
    """Where one topology would keep --jobs waiting it is opened more than once, for at least three scenarios each."""
    found = told(named(*[DENY_B] * scenarios), jobs)
    assert parts == [len(part) for part in found]
    assert scenarios == len({name for part in found for name in part})


@pytest.mark.parametrize(("one", "other", "parts"), [(6, 6, [6, 6]), (7, 6, [7, 6]), (29, 12, [20, 12, 9])])
def test_no_topology_is_opened_more_often_than_it_pays(one: int, other: int, parts: list[int]) -> None:
    """Two topologies that take about as long are opened once each; what is too long for one job is cut once."""
    assert parts == [len(part) for part in told(named(*[DENY_B] * one, *[OTHER] * other), 2)]


@pytest.mark.parametrize(("step", "keeps"), [("add: {shop/d: {}}", False), ("remove: shop/c", False), (STEP, True)])
def test_pods_that_come_or_go_leave_no_control(step: str, *, keeps: bool) -> None:
    """The last control of a scenario that adds or removes pods cannot be another's first."""
    line = step if step == STEP else f"  - {{name: s, {step}}}\n"
    assert keeps == keeps_pods(loaded(DENY_B + line))
