"""How a fault is named, and what it makes of policies."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from prober.cluster.lab.faults import LASTING, Fault, FaultKind, distorted, parse_fault
from prober.errors import UsageError
from prober.model import (
    EVERYTHING,
    Direction,
    IPBlock,
    LabelSelector,
    NetworkPolicy,
    PodPeer,
    PolicyPort,
    Rule,
)

BLOCK = IPBlock(cidr=ip_network("10.0.0.0/8"), excepts=(ip_network("10.1.0.0/16"),))
HERE = PodPeer(pods=LabelSelector(match_labels={"app": "a"}))
THERE = PodPeer(namespaces=LabelSelector(match_labels={"team": "red"}))
WEB = PolicyPort(port=80)


def _policy(*rules: Rule, types: frozenset[Direction] = frozenset(Direction)) -> NetworkPolicy:
    return NetworkPolicy(namespace="x", name="p", types=types, ingress=rules, egress=rules)


TRUE = _policy(Rule(peers=(HERE, BLOCK), ports=(WEB,)), Rule(peers=(THERE,)))


@pytest.mark.parametrize("kind", [k for k in FaultKind if k not in LASTING])
def test_every_kind_is_parsed_by_its_name(kind: FaultKind) -> None:
    """A fault is written as its kind."""
    assert Fault(kind=kind) == parse_fault(str(Fault(kind=kind)))


@pytest.mark.parametrize(("seconds", "text"), [(2.0, "late:2s"), (0.5, "late:500ms"), (60.0, " late:1m ")])
def test_a_fault_that_lasts_carries_its_delay(seconds: float, text: str) -> None:
    """The delay has a unit, and is kept in seconds."""
    assert Fault(kind=FaultKind.LATE, delay=seconds) == parse_fault(text)
    assert Fault(kind=FaultKind.OUTAGE, delay=seconds) == parse_fault(text.replace("late", "outage"))


def test_a_fault_is_shown_as_it_is_written() -> None:
    """What stands in a report can be given to --fault again."""
    assert "outage:2.5s" == str(parse_fault("outage:2500ms"))
    assert parse_fault("late:500ms") == parse_fault(str(parse_fault("late:500ms")))


@pytest.mark.parametrize(
    "text", ["", "ignore-everything", "Flap", "late", "late:", "late:2", "late:-1s", "flap:1s", "outage"]
)
def test_what_is_no_fault_is_refused(text: str) -> None:
    """A wrong name or a missing duration is a mistake on the command line, exit 2, that quotes what was given."""
    with pytest.raises(UsageError, match=repr(text)) as caught:
        parse_fault(text)
    assert caught.value.exit_code == 2


def test_the_refusal_names_every_fault() -> None:
    """Whoever mistypes a fault reads all of them."""
    with pytest.raises(UsageError) as caught:
        parse_fault("nonsense")
    assert [] == [k for k in FaultKind if k not in str(caught.value)]


@pytest.mark.parametrize(
    ("expected", "kind", "node"),
    [
        pytest.param((TRUE,), None, 1, id="no fault"),
        pytest.param((), FaultKind.IGNORE_ALL, 1, id="ignore-all"),
        pytest.param((TRUE,), FaultKind.ONE_NODE, 1, id="one-node: the first enforces"),
        pytest.param((), FaultKind.ONE_NODE, 2, id="one-node: the second does not"),
        pytest.param(
            (_policy(*TRUE.ingress, types=frozenset({Direction.EGRESS})),),
            FaultKind.IGNORE_INGRESS,
            1,
            id="ignore-ingress",
        ),
        pytest.param(
            (_policy(*TRUE.ingress, types=frozenset({Direction.INGRESS})),),
            FaultKind.IGNORE_EGRESS,
            1,
            id="ignore-egress",
        ),
        pytest.param(
            (_policy(Rule(peers=(HERE, IPBlock(cidr=BLOCK.cidr)), ports=(WEB,)), Rule(peers=(THERE,))),),
            FaultKind.IGNORE_EXCEPT,
            1,
            id="ignore-except",
        ),
        pytest.param(
            (_policy(Rule(peers=(HERE, BLOCK)), Rule(peers=(THERE,))),), FaultKind.IGNORE_PORTS, 1, id="ignore-ports"
        ),
        pytest.param(
            (
                _policy(
                    Rule(peers=(PodPeer(pods=HERE.pods, namespaces=EVERYTHING), BLOCK), ports=(WEB,)),
                    Rule(peers=(PodPeer(namespaces=EVERYTHING),)),
                ),
            ),
            FaultKind.IGNORE_NAMESPACES,
            1,
            id="ignore-namespaces",
        ),
        *(
            pytest.param((TRUE,), kind, 2, id=f"{kind} is not about rules")
            for kind in (
                FaultKind.LATE,
                FaultKind.FLAP,
                FaultKind.DEAD_LISTENER,
                FaultKind.LOST_ADDRESS,
                FaultKind.DEAD_LAB,
            )
        ),
    ],
)
def test_distorted(expected: tuple[NetworkPolicy, ...], kind: FaultKind | None, node: int) -> None:
    """Under a fault a node understands the policies so, and in no other way."""
    assert expected == distorted((TRUE,), None if kind is None else Fault(kind=kind), node)
