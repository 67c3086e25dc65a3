"""Selectors and policies: what both the oracle and the lab build on, so it is tested hardest."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import (
    EVERYTHING,
    Direction,
    IPBlock,
    Labels,
    LabelSelector,
    NetworkPolicy,
    Operator,
    PodPeer,
    PolicyPort,
    Protocol,
    Requirement,
    Rule,
)

IN, NOT_IN, EXISTS, DOES_NOT_EXIST = Operator


def needs(key: str, operator: Operator, *values: str) -> Requirement:
    return Requirement(key=key, operator=operator, values=values)


@pytest.mark.parametrize(
    ("expected", "operator", "values", "labels"),
    [
        pytest.param(True, IN, ("db",), {"app": "db"}, id="s20-In-value-listed"),
        pytest.param(True, IN, ("web", "db"), {"app": "db"}, id="s20-In-second-value"),
        pytest.param(False, IN, ("db",), {"app": "web"}, id="s20-In-other-value"),
        pytest.param(False, IN, ("db",), {}, id="s20-In-absent-key"),
        pytest.param(False, IN, ("db",), {"App": "db"}, id="s20-In-key-of-other-case"),
        pytest.param(False, IN, ("db",), {"app": "DB"}, id="s20-In-value-of-other-case"),
        pytest.param(False, IN, ("db",), {"app": ""}, id="s20-In-empty-value-not-listed"),
        pytest.param(True, IN, ("",), {"app": ""}, id="s20-In-empty-value-listed"),
        pytest.param(False, IN, ("",), {}, id="s20-In-empty-value-listed-absent-key"),
        pytest.param(False, NOT_IN, ("db",), {"app": "db"}, id="s20-NotIn-value-listed"),
        pytest.param(False, NOT_IN, ("web", "db"), {"app": "db"}, id="s20-NotIn-second-value"),
        pytest.param(True, NOT_IN, ("db",), {"app": "web"}, id="s20-NotIn-other-value"),
        pytest.param(True, NOT_IN, ("db",), {}, id="s20-NotIn-absent-key-matches"),
        pytest.param(True, NOT_IN, ("db",), {"app": ""}, id="s20-NotIn-empty-value-not-listed"),
        pytest.param(False, NOT_IN, ("",), {"app": ""}, id="s20-NotIn-empty-value-listed"),
        pytest.param(True, NOT_IN, ("",), {}, id="s20-NotIn-empty-value-listed-absent-key"),
        pytest.param(True, EXISTS, (), {"app": "db"}, id="s20-Exists-with-value"),
        pytest.param(True, EXISTS, (), {"app": ""}, id="s20-Exists-with-empty-value"),
        pytest.param(False, EXISTS, (), {}, id="s20-Exists-absent-key"),
        pytest.param(False, EXISTS, (), {"apps": "db"}, id="s20-Exists-longer-key"),
        pytest.param(False, DOES_NOT_EXIST, (), {"app": "db"}, id="s20-DoesNotExist-with-value"),
        pytest.param(False, DOES_NOT_EXIST, (), {"app": ""}, id="s20-DoesNotExist-with-empty-value"),
        pytest.param(True, DOES_NOT_EXIST, (), {}, id="s20-DoesNotExist-absent-key-matches"),
    ],
)
def test_s20_operators(expected: bool, operator: Operator, values: tuple[str, ...], labels: Labels) -> None:
    """Every operator answers as the API server does, for a key that is present, empty or absent."""
    requirement = needs("app", operator, *values)
    assert expected == requirement.matches(labels)
    assert expected == LabelSelector(expressions=(requirement,)).matches(labels)


@pytest.mark.parametrize(
    ("expected", "wanted", "labels"),
    [
        pytest.param(True, {}, {}, id="s03-empty-selector-no-labels"),
        pytest.param(True, {}, {"app": "db"}, id="s03-empty-selector-any-labels"),
        pytest.param(True, {"app": "db"}, {"app": "db", "tier": "x"}, id="s20-more-labels-than-asked"),
        pytest.param(False, {"app": "db"}, {"app": "web"}, id="s20-other-value"),
        pytest.param(False, {"app": "db"}, {}, id="s20-absent-key"),
        pytest.param(True, {"app": ""}, {"app": ""}, id="s20-empty-value"),
        pytest.param(False, {"app": ""}, {}, id="s20-empty-value-needs-the-key"),
        pytest.param(False, {"app": ""}, {"app": "db"}, id="s20-empty-value-is-no-wildcard"),
        pytest.param(False, {"app": "db", "tier": "x"}, {"app": "db"}, id="s20-all-labels-are-needed"),
        pytest.param(True, {"app": "db", "tier": "x"}, {"tier": "x", "app": "db"}, id="s20-order-does-not-matter"),
    ],
)
def test_s20_match_labels(expected: bool, wanted: Labels, labels: Labels) -> None:
    """Each of matchLabels needs its key with exactly its value, and an empty selector takes everything."""
    assert expected == LabelSelector(match_labels=wanted).matches(labels)


@pytest.mark.parametrize(
    ("expected", "labels"),
    [
        pytest.param(True, {"app": "db", "tier": "x"}, id="both"),
        pytest.param(False, {"app": "db"}, id="labels-only"),
        pytest.param(False, {"tier": "x"}, id="expression-only"),
        pytest.param(False, {}, id="neither"),
    ],
)
def test_s20_labels_and_expressions_are_anded(expected: bool, labels: Labels) -> None:
    """The matchLabels and every one of matchExpressions must match."""
    selector = LabelSelector(match_labels={"app": "db"}, expressions=(needs("tier", EXISTS),))
    assert expected == selector.matches(labels)


def test_s20_expressions_are_anded() -> None:
    """Two expressions on one key both count."""
    selector = LabelSelector(expressions=(needs("app", IN, "a", "b"), needs("app", NOT_IN, "b")))
    assert [True, False, False] == [selector.matches({"app": v}) for v in "abc"]


_labels = st.dictionaries(st.sampled_from("ab"), st.sampled_from(["", "x", "y"]))


@given(labels=_labels, key=st.sampled_from("ab"), values=st.lists(st.sampled_from(["", "x", "y"]), min_size=1))
def test_s20_operators_are_opposites(labels: Labels, key: str, values: list[str]) -> None:
    """NotIn is the opposite of In and DoesNotExist that of Exists, whatever the labels are."""
    assert needs(key, NOT_IN, *values).matches(labels) is not needs(key, IN, *values).matches(labels)
    assert needs(key, DOES_NOT_EXIST).matches(labels) is not needs(key, EXISTS).matches(labels)


@given(labels=_labels, key=st.sampled_from("ab"), value=st.sampled_from(["", "x", "y"]))
def test_s20_match_labels_is_in_with_one_value(labels: Labels, key: str, value: str) -> None:
    """One of matchLabels is the same as In with that one value."""
    assert LabelSelector(match_labels={key: value}).matches(labels) is needs(key, IN, value).matches(labels)


@pytest.mark.parametrize(
    ("expected", "shown"),
    [
        ("{}", EVERYTHING),
        ("app=db,tier Exists", LabelSelector(match_labels={"app": "db"}, expressions=(needs("tier", EXISTS),))),
        ("app NotIn (a, b)", LabelSelector(expressions=(needs("app", NOT_IN, "a", "b"),))),
        ("namespaceSelector {} and podSelector {}", PodPeer(pods=EVERYTHING, namespaces=EVERYTHING)),
        ("podSelector {}", PodPeer(pods=EVERYTHING)),
        ("ipBlock 10.0.0.0/8", IPBlock(cidr=ip_network("10.0.0.0/8"))),
        (
            "ipBlock 10.0.0.0/8 except 10.1.0.0/16, 10.2.0.0/16",
            IPBlock(cidr=ip_network("10.0.0.0/8"), excepts=(ip_network("10.1.0.0/16"), ip_network("10.2.0.0/16"))),
        ),
        ("every port/UDP", PolicyPort(protocol=Protocol.UDP)),
        ("80/TCP", PolicyPort(port=80)),
        ("80-90/TCP", PolicyPort(port=80, end=90)),
        ("http/TCP", PolicyPort(port="http")),
    ],
)
def test_what_policies_are_shown_as(expected: str, shown: object) -> None:
    """Parts of policies are written as people write them."""
    assert expected == str(shown)


@pytest.mark.parametrize(
    ("expected", "types"),
    [
        pytest.param((1, 0), {Direction.INGRESS}, id="s09-egress-rules-ignored"),
        pytest.param((0, 1), {Direction.EGRESS}, id="s09-ingress-rules-ignored"),
        pytest.param((1, 1), {Direction.INGRESS, Direction.EGRESS}, id="both"),
    ],
)
def test_s09_rules_count_for_the_types_only(expected: tuple[int, int], types: set[Direction]) -> None:
    """Rules of a direction that policyTypes does not name do not count."""
    policy = NetworkPolicy(namespace="a", name="p", types=frozenset(types), ingress=(Rule(),), egress=(Rule(),))
    assert expected == (len(policy.rules(Direction.INGRESS)), len(policy.rules(Direction.EGRESS)))
