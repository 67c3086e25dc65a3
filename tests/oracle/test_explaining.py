"""The words of an explanation: each way to miss is named with what would have to change."""

from __future__ import annotations

import pytest

from prober.model import External, NetworkPolicy, Node, Rule
from prober.oracle import explain
from tests.oracle.build import (
    EGRESS,
    INGRESS,
    UDP,
    addresses,
    block,
    judged,
    needs,
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

API = pod("pay/api", "app=api", at="10.244.0.1")
DB = pod("pay/db", "app=postgres", ports="sql=5432 other=5433", at="10.244.0.2")
WEB = pod("mk/web", "app=web", at="10.244.0.3")
PG = service("pay/pg", "app=postgres", target_port(80, 5432), at="10.96.0.7")
PARTNER = External(name="partner", addresses=addresses("203.0.113.10"))
DENY = policy("pay/default-deny", ingress=[], egress=[])
TO_DB = "pay/api -> pay/db:5432"


def words(text: str, *policies: NetworkPolicy) -> list[str]:
    """Explain a flow, line by line."""
    given = state(API, DB, WEB, PG, PARTNER, *policies, namespaces={"mk": "team=mkt"})
    return explain(judged(given, text), given).splitlines()


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
            "but policies see its backend's, 10.244.0.2 (semantics 28)",
            "pay/api -> svc/pay/pg:80",
            [rule(block("10.96.0.0/16"))],
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
