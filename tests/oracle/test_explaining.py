"""The words of an explanation: each way to miss is named with what would have to change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prober.model import NetworkPolicy, Node, Rule
from prober.oracle import explain
from tests.oracle.build import (
    EGRESS,
    INGRESS,
    UDP,
    addresses,
    judged,
    peer,
    pod,
    policy,
    port,
    rule,
    selector,
    service,
    state,
    target_port,
)
from tests.oracle.payments import API, DB, DENY, PG, TO_DB, words


def test_nothing_isolates() -> None:
    """An open flow says that no policy isolates it, on either side."""
    assert [
        f"{TO_DB} is allowed",
        "egress of pay/api is open: no policy isolates it",
        "ingress of pay/db is open: no policy isolates it",
    ] == words(TO_DB)


def test_who_isolates_and_which_rule_allows() -> None:
    """An allowed side names every policy that isolates and every rule that allows."""
    both = policy("pay/db-in", "app=postgres", ingress=[rule(port(80)), rule(peer("app=api")), rule()])
    assert [
        f"{TO_DB} is allowed",
        "egress of pay/api is open: no policy isolates it",
        "ingress of pay/db is isolated by pay/deny-in, pay/db-in; allowed by pay/db-in, rule 2 and pay/db-in, rule 3",
    ] == words(TO_DB, policy("pay/deny-in", ingress=[]), both)


def test_no_rule_at_all() -> None:
    """Where no rule could come near, that is said, and what opens the other side is named."""
    into = policy("pay/api-to-db", "app=postgres", ingress=[rule(peer("app=api"))])
    assert [
        f"{TO_DB} is denied",
        (
            "egress of pay/api is isolated by pay/default-deny; no policy of pay has a rule for egress; "
            "pay/api-to-db opens ingress of pay/db only: egress of pay/api needs a rule too"
        ),
        "ingress of pay/db is isolated by pay/default-deny, pay/api-to-db; allowed by pay/api-to-db, rule 1",
    ] == words(TO_DB, DENY, into)


def test_the_other_side_is_hinted_at_for_ingress_too() -> None:
    """An egress rule does not open the ingress of its destination."""
    out = policy("pay/out", "app=api", egress=[rule(peer("app=postgres"))])
    hint = "pay/out opens egress of pay/api only: ingress of pay/db needs a rule too"
    assert words(TO_DB, DENY, out)[2].endswith(hint)


@pytest.mark.parametrize(
    ("expected", "out"),
    [
        pytest.param(True, rule(peer("app=x"), port(80)), id="two-parts-fail"),
        pytest.param(False, rule(peer("app=x")), id="one-part-fails"),
    ],
)
def test_the_other_side_is_hinted_at_unless_a_rule_was_meant(expected: bool, out: Rule) -> None:
    """A rule that fails in one part only says enough; the hint names a policy once, however many rules allow."""
    into = policy("pay/in", "app=postgres", ingress=[rule(peer("app=api")), rule()])
    hint = "pay/in opens ingress of pay/db only: egress of pay/api needs a rule too"
    assert int(expected) == words(TO_DB, into, policy("pay/out", "app=api", egress=[out]))[1].count(hint)


@pytest.mark.parametrize(
    ("expected", "text", "ignored"),
    [
        pytest.param(
            "pay/p has a rule that would allow it, but its policyTypes lack Egress",
            TO_DB,
            policy("pay/p", egress=[rule()], types=[INGRESS]),
            id="egress",
        ),
        pytest.param(
            "pay/p has a rule that would allow it, but its policyTypes lack Ingress",
            "mk/web -> pay/db:5432",
            policy("pay/p", ingress=[rule()], types=[EGRESS]),
            id="ingress",
        ),
    ],
)
def test_s09_rules_that_do_not_count(expected: str, text: str, ignored: NetworkPolicy) -> None:
    """A rule that only lacks its policyType is pointed at."""
    assert any(expected in line for line in words(text, DENY, ignored))
    elsewhere = replace(ignored, pods=selector("app=none"))
    assert not any(expected in line for line in words(text, DENY, elsewhere))


def test_a_service_shows_the_way_taken() -> None:
    """A flow through a Service says to which pod and port it went."""
    assert "connection by svc/pay/pg to pay/db:5432/TCP is allowed:" == words("pay/api -> svc/pay/pg:80")[1]


def test_a_name_shows_both_legs() -> None:
    """A look-up and a connection are told apart, so that one can see which died."""
    dns = service("kube-system/dns", "k=dns", target_port(53, 53, UDP))
    out = policy("pay/out", "app=api", egress=[rule(peer("app=postgres"))])
    given = state(API, DB, PG, pod("kube-system/dns", "k=dns"), dns, out, resolver=dns.ref)
    lines = explain(judged(given, "pay/api -> name/pg:80"), given).splitlines()
    assert [
        "look-up by svc/kube-system/dns to kube-system/dns:53/UDP is denied:",
        "connection by svc/pay/pg to pay/db:5432/TCP is allowed:",
    ] == [line for line in lines if line.endswith(":")]


@pytest.mark.parametrize(
    ("expected", "text", "policies"),
    [
        pytest.param(
            "allowed: a pod can always reach its own address (semantics 23)", "pay/db -> pay/db:1", [DENY], id="self"
        ),
        pytest.param(
            "left open: pay/db reaches itself through svc/pay/pg (semantics 23)",
            "pay/db -> svc/pay/pg:80",
            [],
            id="hairpin",
        ),
        pytest.param(
            "left open: svc/pay/pg has no backend on port 81/TCP", "pay/api -> svc/pay/pg:81", [], id="no-backend"
        ),
        pytest.param(
            "egress of pay/api is isolated by pay/default-deny, pay/out; left open: pay/out, rule 1 may allow it: "
            "port 'x' is a name, and ext/partner is no pod that could declare it (semantics 35)",
            "pay/api -> ext/partner:443",
            [DENY, policy("pay/out", egress=[rule(port("x"))])],
            id="rule-in-doubt",
        ),
        pytest.param("no policy can isolate either end", "ext/partner -> ext/partner:1", [], id="nobody's"),
    ],
)
def test_what_policies_do_not_decide(expected: str, text: str, policies: list[NetworkPolicy]) -> None:
    """Exemptions and open questions are said with the number that they rest on."""
    assert expected in words(text, *policies)


def test_s40_the_own_node() -> None:
    """A side that the own node may always enter says so."""
    host = pod("h/host", at="172.18.0.2", host=True)
    node = Node(number=1, addresses=addresses("172.18.0.2"))
    given = state(API, host, node, policy("pay/p", ingress=[], egress=[]))
    isolated = "of pay/api is isolated by pay/p;"
    assert f"ingress {isolated} allowed: it comes from the pod's own node (semantics 40)" in explain(
        judged(given, "h/host -> pay/api:80"), given
    )
    assert f"egress {isolated} left open: node/1 is the node of pay/api" in explain(
        judged(given, "pay/api -> node/1:80"), given
    )
