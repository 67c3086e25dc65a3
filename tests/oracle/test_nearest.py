"""Which rule comes nearest to a flow that none allows, and each way that it misses."""

from __future__ import annotations

import pytest

from prober.model import Rule
from tests.oracle.build import (
    UDP,
    block,
    needs,
    peer,
    policy,
    port,
    rule,
    selector,
)
from tests.oracle.payments import DENY, TO_DB, words


def missed(text: str, *rules: Rule) -> str:
    """Return what is said of the nearest rule of egress, for flows that such rules do not allow."""
    out = policy("pay/out", "app=api", egress=rules)
    (line,) = (line for line in words(text, out) if "the nearest is " in line)
    return line.partition("the nearest is pay/out, ")[2]


@pytest.mark.parametrize(
    ("expected", "text", "rules"),
    [
        pytest.param(
            "rule 1: its podSelector app=postgresql misses pay/db (app=postgres)",
            TO_DB,
            [rule(peer("app=postgresql"))],
            id="label-value",
        ),
        pytest.param(
            "rule 1: its podSelector app=postgres,tier=db misses pay/db (no label tier)",
            TO_DB,
            [rule(peer("app=postgres tier=db"))],
            id="label-absent",
        ),
        pytest.param(
            "rule 1: its podSelector app NotIn (postgres) misses pay/db (app=postgres)",
            TO_DB,
            [rule(peer(selector("", needs("app", "NotIn", "postgres"))))],
            id="expression",
        ),
        pytest.param(
            "rule 1: its namespaceSelector team=web misses namespace mk (team=mkt)",
            "pay/api -> mk/web:80",
            [rule(peer("app=web", "team=web"))],
            id="namespace",
        ),
        pytest.param(
            "rule 1: it has only a podSelector: it looks in its own namespace pay, not in mk",
            "pay/api -> mk/web:80",
            [rule(peer("app=web"))],
            id="only-a-podSelector",
        ),
        pytest.param(
            "rule 1: its namespaceSelector team=web misses namespace mk (team=mkt), "
            "and its podSelector app=db misses mk/web (app=web)",
            "pay/api -> mk/web:80",
            [rule(peer("app=db", "team=web"))],
            id="namespace-and-pod",
        ),
        pytest.param(
            "rule 1: it allows 5433/TCP, not 5432/TCP", TO_DB, [rule(peer("app=postgres"), port(5433))], id="port"
        ),
        pytest.param(
            "rule 1: it allows 80/TCP, 90-99/TCP, not 5432/TCP", TO_DB, [rule(port(80), port(90, end=99))], id="ports"
        ),
        pytest.param("rule 1: it allows 5432/UDP, not 5432/TCP", TO_DB, [rule(port(5432, UDP))], id="protocol"),
        pytest.param(
            "rule 1: it names port 'db', which is not declared for TCP on pay/db",
            TO_DB,
            [rule(port("db"))],
            id="port-name",
        ),
        pytest.param(
            "rule 1: it names port 'other', which is 5433 on pay/db",
            TO_DB,
            [rule(port("other"))],
            id="port-name-number",
        ),
        pytest.param(
            "rule 1: it allows 80/TCP, the port of svc/pay/pg; policies see its target port 5432/TCP (semantics 33)",
            "pay/api -> svc/pay/pg:80",
            [rule(port(80))],
            id="port-of-the-service",
        ),
        pytest.param(
            "rule 1: 10.244.0.2 falls into its except 10.244.0.0/24",
            TO_DB,
            [rule(block("10.0.0.0/8", "10.1.0.0/16", "10.244.0.0/24"))],
            id="except",
        ),
        pytest.param(
            "rule 1: its ipBlock 10.9.0.0/16 does not hold 10.244.0.2", TO_DB, [rule(block("10.9.0.0/16"))], id="cidr"
        ),
        pytest.param("rule 1: its ipBlock ::/0 holds no ipv4 address", TO_DB, [rule(block("::/0"))], id="family"),
        pytest.param(
            "rule 1: its ipBlock 10.96.0.0/16 holds the address of svc/pay/pg, "
            "but policies see its backend's, 10.244.0.2 (semantics 28), and it allows 81/TCP, not 5432/TCP",
            "pay/api -> svc/pay/pg:80",
            [rule(block("10.96.0.0/16"), port(81))],
            id="address-of-the-service",
        ),
        pytest.param(
            "rule 1: it takes pods only (podSelector {}), and ext/partner is none",
            "pay/api -> ext/partner:443",
            [rule(peer(""))],
            id="no-pod",
        ),
        pytest.param(
            "rule 1: its podSelector app=x misses pay/db (app=postgres), and it allows 80/TCP, not 5432/TCP",
            TO_DB,
            [rule(peer("app=x"), port(80))],
            id="peers-and-ports",
        ),
        pytest.param(
            "rule 2: it allows 80/TCP, not 5432/TCP",
            TO_DB,
            [rule(peer("app=x"), port(80)), rule(peer("app=postgres"), port(80)), rule(peer("app=x", "a=b"), port(80))],
            id="the-rule-that-fails-in-one-part",
        ),
        pytest.param(
            "rule 1: its podSelector app=x,a=b,c=d misses pay/db (app=postgres, no label a, no label c)",
            TO_DB,
            [rule(peer("app=x a=b c=d")), rule(peer("app=x"), port(80))],
            id="one-part-that-fails-by-more-is-nearer-than-two",
        ),
        pytest.param(
            "rule 2: its podSelector app=x misses pay/db (app=postgres)",
            TO_DB,
            [rule(peer("app=x a=b")), rule(peer("app=x"))],
            id="the-rule-that-fails-by-less",
        ),
        pytest.param(
            "rule 1: its podSelector app=x misses pay/db (app=postgres)",
            TO_DB,
            [rule(block("192.0.2.0/24"), peer("app=y a=b"), peer("app=x"))],
            id="the-peer-that-fails-by-less",
        ),
    ],
)
def test_what_the_nearest_rule_misses(expected: str, text: str, rules: list[Rule]) -> None:
    """The rule that fails least is shown with each part that fails, and what stands there instead."""
    assert expected == missed(text, *rules)


def test_the_nearest_rule_of_ingress() -> None:
    """For ingress the peers are compared with the source, and the ports with the subject."""
    into = policy("pay/in", "app=postgres", ingress=[rule(peer("app=api", "team=x"), port("sqll"))])
    assert (
        "ingress of pay/db is isolated by pay/in; no rule allows mk/web on 5432/TCP; the nearest is pay/in, rule 1: "
        "its namespaceSelector team=x misses namespace mk (team=mkt), "
        "and its podSelector app=api misses mk/web (app=web), "
        "and it names port 'sqll', which is not declared for TCP on pay/db"
    ) == words("mk/web -> pay/db:5432", into)[2]


def test_a_policy_that_misses_its_subject() -> None:
    """A rule that fits in a policy that does not select the pod is the nearest there is."""
    wrong = policy("pay/out", "app=apii", egress=[rule(peer("app=postgres"))])
    assert (
        "egress of pay/api is isolated by pay/default-deny; no rule allows pay/db:5432/TCP; the nearest is "
        "pay/out, rule 1: the policy's own podSelector app=apii misses pay/api (app=api)"
    ) == words(TO_DB, DENY, wrong)[1]


def test_policies_of_other_namespaces_are_never_near() -> None:
    """A rule that fits is of no use in a namespace where the subject is not (semantics 4)."""
    elsewhere = policy("mk/out", "app=api", egress=[rule(peer("app=postgres", ""))])
    assert "no policy of pay has a rule for egress" in words(TO_DB, policy("pay/shut", egress=[]), elsewhere)[1]


def test_the_address_of_the_service_is_no_matter_of_ingress() -> None:
    """An ipBlock of ingress is compared with the source, whatever Service it came through."""
    into = policy("pay/in", "app=postgres", ingress=[rule(block("10.96.0.0/16"))])
    found = words("mk/web -> svc/pay/pg:80", into)[3]
    assert found.endswith("the nearest is pay/in, rule 1: its ipBlock 10.96.0.0/16 does not hold 10.244.0.3")
