"""The matrix of all pods says what `judge` says of each pair, and counts it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.model import (
    ClusterState,
    Direction,
    Family,
    Flow,
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Operator,
    Pod,
    PodPeer,
    PodRef,
    PolicyPort,
    Port,
    Protocol,
    Requirement,
    Rule,
)
from prober.oracle import judge, matrix
from prober.oracle.classes import LabelClasses, grouped, members, union
from tests.oracle.build import (
    ALLOWED,
    DENIED,
    INDETERMINATE,
    SCTP,
    TCP,
    UDP,
    block,
    peer,
    pod,
    policy,
    port,
    rule,
    state,
)

NAMESPACES, KEYS, VALUES = ("n", "m"), ("a", "b"), ("", "x", "y")

_tags = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))


@st.composite
def _requirements(draw: st.DrawFn) -> Requirement:
    operator = draw(st.sampled_from(Operator))
    listed = operator in (Operator.IN, Operator.NOT_IN)
    values = draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=2)) if listed else []
    return Requirement(key=draw(st.sampled_from(KEYS)), operator=operator, values=tuple(values))


_selectors = st.builds(
    LabelSelector,
    match_labels=st.just({}) | st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=1),
    expressions=st.lists(_requirements(), max_size=1).map(tuple),
)
_optional = st.none() | _selectors
_pod_peers = st.builds(PodPeer, pods=_optional, namespaces=_optional).filter(lambda p: p != PodPeer())
_blocks = st.sampled_from(
    [
        block("0.0.0.0/0"),
        block("::/0"),
        block("10.0.0.0/30"),
        block("10.0.0.0/8", "10.0.0.4/30"),
        block("0.0.0.0/0", "10.0.0.2/32"),
        block("fd00::/124", "fd00::2/128"),
    ]
)
_ports = st.builds(PolicyPort, protocol=st.sampled_from([TCP, UDP]), port=st.sampled_from([None, 80, "p", "p", "q"]))
_spans = st.builds(PolicyPort, port=st.sampled_from([79, 80, 81]), end=st.sampled_from([81, 82]))
_rules = st.builds(
    Rule,
    peers=st.just(()) | st.lists(_pod_peers | _blocks | _blocks, min_size=1, max_size=2).map(tuple),
    ports=st.lists(_ports | _spans, max_size=2).map(tuple),
)
_policies = st.builds(
    NetworkPolicy,
    namespace=st.sampled_from(NAMESPACES),
    name=st.sampled_from(["p", "q", "r"]),
    pods=_selectors,
    types=st.frozensets(st.sampled_from(Direction), min_size=1),
    ingress=st.just(()) | st.lists(_rules, min_size=1, max_size=2).map(tuple),
    egress=st.just(()) | st.lists(_rules, min_size=1, max_size=2).map(tuple),
)
_declared = st.lists(
    st.builds(
        Port,
        number=st.sampled_from([80, 80, 81]),
        protocol=st.sampled_from([TCP, TCP, UDP]),
        name=st.sampled_from(["", "p", "p", "q"]),
    ),
    max_size=2,
).map(tuple)


@st.composite
def states(draw: st.DrawFn) -> ClusterState:
    """Draw a small state: pods of both families, one or none, on nodes, on their node's network, or not placed yet."""
    pods = []
    for i in range(draw(st.integers(1, 6))):
        every = {Family.IPV4: f"10.0.0.{i + 1}", Family.IPV6: f"fd00::{i + 1}"}
        families = draw(st.sampled_from([(), (Family.IPV4,), *[tuple(Family)] * 5]))
        pods.append(
            Pod(
                namespace=draw(st.sampled_from(NAMESPACES)),
                name=f"p{i}",
                labels=draw(_tags),
                ports=draw(_declared),
                node=draw(st.sampled_from([None, 1, 1, 2])),
                host_network=draw(st.sampled_from([False] * 9 + [True])),
                addresses={f: every[f] for f in families},
            )
        )
    return ClusterState(
        namespaces={n: Namespace(name=n, labels=draw(_tags)) for n in NAMESPACES},
        pods={p.ref: p for p in pods},
        policies={p.ref: p for p in draw(st.lists(_policies, min_size=1, max_size=4))},
    )


@settings(max_examples=250, deadline=None)
@given(
    given_state=states(),
    number=st.sampled_from([80, 80, 81]),
    protocol=st.sampled_from([TCP, TCP, UDP]),
    family=st.sampled_from([Family.IPV4, Family.IPV4, Family.IPV6]),
)
def test_matrix_and_judge_agree(given_state: ClusterState, number: int, protocol: Protocol, family: Family) -> None:
    """Whatever the state, every pair has the ruling that judging it alone gives, and the counts add them up."""
    table = matrix(given_state, number, protocol, family)
    pods = list(given_state.pods)
    alone = {
        (s, t): judge(given_state, Flow(source=s, target=t, port=number, protocol=protocol, family=family)).ruling
        for s in pods
        for t in pods
    }
    assert alone == {(s, t): table.ruling(s, t) for s in pods for t in pods}
    others = [r for (s, t), r in alone.items() if s != t]
    assert {r: others.count(r) for r in (ALLOWED, DENIED, INDETERMINATE)} == table.counts()


@settings(max_examples=200, deadline=None)
@given(everyone=st.lists(_tags, max_size=8), selector=_selectors)
def test_label_classes_select_whom_the_selector_matches(
    everyone: list[dict[str, str]], selector: LabelSelector
) -> None:
    """A selector takes the same pods class by class as one by one, absent keys and empty values included."""
    expected = [i for i, labels in enumerate(everyone) if selector.matches(labels)]
    assert expected == list(members(LabelClasses(everyone).selected(selector)))


def test_peers_mistake_not_in_takes_the_absent_key() -> None:
    """A matrix selects by NotIn, as the specification says and two peers do not."""
    refuse = LabelSelector(expressions=(Requirement(key="app", operator=Operator.NOT_IN, values=("web",)),))
    classes = LabelClasses([{"app": "web"}, {"app": "db"}, {}])
    assert [1, 2] == list(members(classes.selected(refuse)))


def test_a_matrix_is_of_one_port_protocol_and_family() -> None:
    """What is open on one port, protocol or family may be closed on another."""
    pods = [pod(f"a/{n}", ports="http=80", at=f"10.0.0.{i} fd00::{i}") for i, n in enumerate("xy", 1)]
    given_state = state(*pods, policy("a/p", ingress=[rule(block("10.0.0.0/8"), port("http"))]))
    x, y = PodRef("a", "x"), PodRef("a", "y")
    assert [ALLOWED, DENIED, DENIED, DENIED] == [
        matrix(given_state, 80).ruling(x, y),
        matrix(given_state, 81).ruling(x, y),
        matrix(given_state, 80, SCTP).ruling(x, y),
        matrix(given_state, 80, TCP, Family.IPV6).ruling(x, y),
    ]


def test_rows_are_sources_and_bits_are_targets() -> None:
    """Row i says whom pod i may reach, bit k that this is pod k; its own bit is always set."""
    pods = [pod("a/x", "app=x"), pod("a/y", "app=y"), pod("a/z", "app=z")]
    table = matrix(state(*pods, policy("a/p", "app=z", ingress=[rule(peer("app=x"))])), 80)
    assert (PodRef("a", "x"), PodRef("a", "y"), PodRef("a", "z")) == table.pods
    assert (0b111, 0b011, 0b111) == table.allowed
    assert (0, 0, 0) == table.indeterminate
    assert {ALLOWED: 5, DENIED: 1, INDETERMINATE: 0} == table.counts()


def test_a_pod_that_is_not_there_is_an_error() -> None:
    """A matrix answers for its own pods only."""
    with pytest.raises(KeyError):
        matrix(state(pod("a/x")), 80).ruling(PodRef("a", "x"), PodRef("a", "none"))


def test_no_pods_no_pairs() -> None:
    """An empty state has an empty matrix."""
    assert {ALLOWED: 0, DENIED: 0, INDETERMINATE: 0} == matrix(state(), 80).counts()


def test_bit_sets() -> None:
    """Members, unions and groups of bits."""
    assert [[], [0], [1, 3]] == [list(members(bits)) for bits in (0, 0b1, 0b1010)]
    assert 0b111 == union([0b001, 0b110, 0b010])
    assert {"a": 0b101, "b": 0b010} == grouped(["a", "b", "a"], lambda letter: letter)
