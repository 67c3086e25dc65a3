"""Who is isolated, and by what: semantics 1 to 14 and 47."""

from __future__ import annotations

import pytest

from prober.model import AddPod, ApplyPolicy, DeletePolicy, LabelPod, NetworkPolicy, PodRef, PolicyRef
from prober.oracle import Ruling
from tests.oracle.build import (
    ALLOWED,
    DENIED,
    EGRESS,
    INGRESS,
    TCP,
    UDP,
    judged,
    needs,
    peer,
    pod,
    policy,
    port,
    rule,
    ruling,
    selector,
    state,
)

PODS = (pod("a/x", "app=x"), pod("a/y", "app=y"), pod("b/x", "app=x"))
DENY_IN = policy("a/deny-in", ingress=[])
DENY_OUT = policy("a/deny-out", egress=[])


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        pytest.param(ALLOWED, "a/x -> a/y:80", id="within-a-namespace"),
        pytest.param(ALLOWED, "b/x -> a/y:80", id="between-namespaces"),
    ],
)
def test_s01_s47_without_policies_all_is_allowed(expected: Ruling, text: str) -> None:
    """A pod that no policy selects is open in both directions."""
    assert expected == ruling(state(*PODS), text)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        pytest.param(DENIED, "a/y -> a/x:80", id="into-the-selected-pod"),
        pytest.param(ALLOWED, "a/x -> a/y:80", id="into-the-other-pod"),
    ],
)
def test_s01_only_selected_pods_are_isolated(expected: Ruling, text: str) -> None:
    """A policy isolates the pods that it selects and no others."""
    assert expected == ruling(state(*PODS, policy("a/p", "app=x", ingress=[])), text)


@pytest.mark.parametrize(
    ("expected", "deny", "text"),
    [
        pytest.param(DENIED, DENY_IN, "b/x -> a/y:80", id="ingress-policy-isolates-ingress"),
        pytest.param(ALLOWED, DENY_IN, "a/y -> b/x:80", id="ingress-policy-leaves-egress-open"),
        pytest.param(DENIED, DENY_OUT, "a/y -> b/x:80", id="egress-policy-isolates-egress"),
        pytest.param(ALLOWED, DENY_OUT, "b/x -> a/y:80", id="egress-policy-leaves-ingress-open"),
    ],
)
def test_s02_isolation_is_per_direction(expected: Ruling, deny: NetworkPolicy, text: str) -> None:
    """A policy of one direction leaves the other open."""
    assert expected == ruling(state(*PODS, deny), text)


def test_s03_an_empty_pod_selector_takes_all_pods_of_the_namespace() -> None:
    """Pods without any label are selected too."""
    given = state(*PODS, pod("a/bare"), DENY_IN)
    assert [DENIED, DENIED, DENIED] == [ruling(given, f"b/x -> a/{n}:80") for n in ("x", "y", "bare")]


def test_s04_a_policy_acts_in_its_own_namespace_only() -> None:
    """Labels alone never bring a policy to a pod of another namespace."""
    given = state(*PODS, policy("b/p", "app=x", ingress=[]))
    assert ALLOWED == ruling(given, "a/y -> a/x:80")
    assert DENIED == ruling(given, "a/y -> b/x:80")


def test_s05_policies_add_up() -> None:
    """A rule of any policy is enough, whatever others deny and in whichever order they come."""
    allow = policy("a/allow", "app=y", ingress=[rule(peer("app=x"))])
    for policies in ((DENY_IN, allow), (allow, DENY_IN)):
        given = state(*PODS, *policies)
        assert [ALLOWED, DENIED] == [ruling(given, "a/x -> a/y:80"), ruling(given, "b/x -> a/y:80")]


OPEN_IN = policy("a/y-in", "app=y", ingress=[rule(peer("app=x"))])
OPEN_OUT = policy("a/x-out", "app=x", egress=[rule(peer("app=y"))])


@pytest.mark.parametrize(
    ("expected", "policies"),
    [
        pytest.param(ALLOWED, (OPEN_IN, OPEN_OUT), id="both-open"),
        pytest.param(DENIED, (OPEN_IN,), id="egress-closed"),
        pytest.param(DENIED, (OPEN_OUT,), id="ingress-closed"),
        pytest.param(DENIED, (), id="both-closed"),
    ],
)
def test_s06_both_sides_must_be_open(expected: Ruling, policies: tuple[NetworkPolicy, ...]) -> None:
    """A flow needs the egress side of its source and the ingress side of its destination; neither overrides."""
    assert expected == ruling(state(*PODS, DENY_IN, DENY_OUT, *policies), "a/x -> a/y:80")


def test_s07_replies_need_no_rule() -> None:
    """A connection is judged, not its packets: the source's ingress and the target's egress do not matter."""
    given = state(*PODS, policy("a/x", "app=x", ingress=[]), policy("a/y", "app=y", egress=[]))
    assert ALLOWED == ruling(given, "a/x -> a/y:80")


def test_s08_ingress_alone_is_what_a_bare_policy_means() -> None:
    """`{podSelector: {}}`, once its policyTypes are defaulted, denies all ingress and no egress."""
    given = state(*PODS, policy("a/bare", types=[INGRESS]))
    assert [DENIED, ALLOWED] == [ruling(given, "b/x -> a/x:80"), ruling(given, "a/x -> b/x:80")]


def test_s08_egress_rules_default_to_both_types() -> None:
    """A policy with egress rules only, once defaulted, denies all ingress as well."""
    given = state(*PODS, policy("a/p", egress=[rule()], types=[INGRESS, EGRESS]))
    assert [DENIED, ALLOWED] == [ruling(given, "b/x -> a/x:80"), ruling(given, "a/x -> b/x:80")]


def test_s09_egress_rules_do_not_count_for_type_ingress() -> None:
    """They neither isolate egress nor open another policy's isolation."""
    ignored = policy("a/p", egress=[rule()], types=[INGRESS])
    assert ALLOWED == ruling(state(*PODS, ignored), "a/x -> b/x:80")
    assert DENIED == ruling(state(*PODS, ignored, DENY_OUT), "a/x -> b/x:80")


def test_s09_ingress_rules_do_not_count_for_type_egress() -> None:
    """They neither isolate ingress nor open another policy's isolation."""
    ignored = policy("a/p", ingress=[rule()], types=[EGRESS])
    assert ALLOWED == ruling(state(*PODS, ignored), "b/x -> a/x:80")
    assert DENIED == ruling(state(*PODS, ignored, DENY_IN), "b/x -> a/x:80")


def test_s10_a_type_without_rules_denies_all() -> None:
    """Egress without egress rules denies all egress, Ingress without ingress rules all ingress, on every protocol."""
    given = state(*PODS, policy("a/p", types=[INGRESS, EGRESS]))
    assert {DENIED} == {ruling(given, t, p) for t in ("a/x -> b/x:80", "b/x -> a/x:80") for p in (TCP, UDP)}


def test_s11_an_empty_rule_allows_everything() -> None:
    """`ingress: [{}]` and `egress: [{}]` open that direction to all."""
    given = state(*PODS, DENY_IN, DENY_OUT, policy("a/all", ingress=[rule()], egress=[rule()]))
    assert {ALLOWED} == {ruling(given, t, p) for t in ("a/x -> b/x:80", "b/x -> a/x:80") for p in (TCP, UDP)}


def test_s12_the_same_policy_twice_changes_nothing() -> None:
    """Two policies that say the same allow what one of them allows."""
    twin = policy("a/y-in-again", "app=y", ingress=[rule(peer("app=x"))])
    once, twice = state(*PODS, OPEN_IN), state(*PODS, OPEN_IN, twin)
    texts = ["a/x -> a/y:80", "b/x -> a/y:80", "a/y -> a/x:80"]
    assert [ALLOWED, DENIED, ALLOWED] == [ruling(once, t) for t in texts]
    assert [ruling(once, t) for t in texts] == [ruling(twice, t) for t in texts]


def test_s13_a_policy_waits_for_its_pods() -> None:
    """A policy that selects nobody has no effect until a pod appears, or gets the label."""
    given = state(*PODS, policy("a/p", "role=db", ingress=[]))
    assert ALLOWED == ruling(given, "b/x -> a/y:80")
    assert DENIED == ruling(given.after(LabelPod(pod=PodRef("a", "y"), labels={"role": "db"})), "b/x -> a/y:80")
    assert DENIED == ruling(given.after(AddPod(pod=pod("a/new", "role=db"))), "b/x -> a/new:80")


def test_s13_a_policy_loses_its_pod() -> None:
    """A pod whose label is removed is isolated no more."""
    given = state(*PODS, policy("a/p", "app=y", ingress=[]))
    assert ALLOWED == ruling(given.after(LabelPod(pod=PodRef("a", "y"), labels={"app": None})), "b/x -> a/y:80")


def test_s46_deleting_the_last_policy_opens_again() -> None:
    """What isolates is what exists now: replaced and deleted policies have no effect."""
    given = state(*PODS, DENY_IN)
    opened = given.after(ApplyPolicy(policy=policy("a/deny-in", ingress=[rule()])))
    deleted = given.after(DeletePolicy(policy=PolicyRef("a", "deny-in")))
    assert [DENIED, ALLOWED, ALLOWED] == [ruling(s, "b/x -> a/y:80") for s in (given, opened, deleted)]


def test_what_a_judgement_records() -> None:
    """Both sides are kept: who isolates, which rules allow, by policy and number from 1."""
    allow = policy("a/allow", "app=y", ingress=[rule(peer("app=z")), rule(peer("app=x"), port(80)), rule(peer(""))])
    found = judged(state(*PODS, DENY_IN, DENY_OUT, allow), "a/x -> a/y:80")
    egress, ingress = found.sides
    assert DENIED == found.ruling
    assert (EGRESS, PodRef("a", "x"), DENIED) == (egress.direction, egress.subject, egress.ruling)
    assert ((DENY_OUT.ref,), ()) == (egress.isolating, egress.allowing)
    assert (INGRESS, PodRef("a", "y"), ALLOWED) == (ingress.direction, ingress.subject, ingress.ruling)
    assert (DENY_IN.ref, allow.ref) == ingress.isolating
    assert ((allow.ref, 2), (allow.ref, 3)) == ingress.allowing
    assert () == found.doubts


def test_the_subject_is_selected_by_expressions_too() -> None:
    """A peer's mistake: NotIn takes pods that lack the key, as subject of a policy as well."""
    given = state(*PODS, pod("a/bare"), policy("a/p", selector("", needs("app", "NotIn", "x")), ingress=[]))
    assert [ALLOWED, DENIED, DENIED] == [ruling(given, f"b/x -> a/{n}:80") for n in ("x", "y", "bare")]
