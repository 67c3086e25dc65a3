"""Which ports and protocols a rule opens: semantics 31 to 38."""

from __future__ import annotations

import pytest

from prober.model import External, IPBlock, Node, PolicyPort, Protocol
from prober.oracle import Ruling, Topic
from tests.oracle.build import (
    ALLOWED,
    DENIED,
    INDETERMINATE,
    SCTP,
    TCP,
    UDP,
    addresses,
    block,
    judged,
    peer,
    pod,
    policy,
    port,
    rule,
    ruling,
    service,
    state,
    target_port,
)

X, Y = (
    pod("a/x", "app=x", at="10.244.0.1"),
    pod("a/y", "app=y", at="10.244.0.2", ports="http=80 http=81/UDP dns=53/UDP"),
)
EACH = [(80, TCP), (81, TCP), (80, UDP), (81, UDP), (80, SCTP)]


@pytest.mark.parametrize(
    ("expected", "ports"),
    [
        pytest.param(EACH, [], id="s31-no-ports-is-every-port-of-every-protocol"),
        pytest.param([(80, TCP), (81, TCP)], [port()], id="s31-an-empty-entry-is-all-of-TCP"),
        pytest.param([(80, UDP), (81, UDP)], [port(None, UDP)], id="s31-protocol-only"),
        pytest.param([(80, TCP)], [port(80)], id="s32-protocol-defaults-to-TCP"),
        pytest.param([(80, UDP)], [port(80, UDP)], id="s32-UDP-is-not-TCP"),
        pytest.param([(80, SCTP)], [port(80, SCTP)], id="s32-SCTP-is-not-TCP-but-isolates"),
        pytest.param([(80, TCP), (81, TCP)], [port(80, end=81)], id="s34-range-includes-its-end"),
        pytest.param([(80, TCP)], [port(79, end=80)], id="s34-range-ends-there"),
        pytest.param([(81, TCP)], [port(81, end=90)], id="s34-range-starts-there"),
        pytest.param([(80, TCP)], [port(80, end=80)], id="s34-range-of-one"),
        pytest.param([(80, UDP)], [port(1, UDP, end=80)], id="s34-range-of-one-protocol"),
        pytest.param([(80, TCP)], [port("http")], id="s35-name-and-protocol-TCP"),
        pytest.param([(81, UDP)], [port("http", UDP)], id="s35-name-and-protocol-UDP"),
        pytest.param([], [port("dns")], id="s35-name-of-another-protocol"),
        pytest.param([], [port("sql")], id="s35-name-that-the-pod-lacks"),
        pytest.param([(81, TCP)], [port(81)], id="s36-number-that-the-pod-does-not-declare"),
        pytest.param([(80, TCP), (81, UDP)], [port("http"), port(81, UDP)], id="s38-entries-are-ORed"),
        pytest.param([(80, TCP)], [port("http"), port(80)], id="s38-name-and-number-of-one-port"),
    ],
)
def test_s31_to_s38_ports(expected: list[tuple[int, Protocol]], ports: list[PolicyPort]) -> None:
    """Exactly these ports are open, on both sides, with peers by selector and with none."""
    for peers in ([], [peer("")]):
        into = state(X, Y, policy("a/p", "app=y", ingress=[rule(*peers, *ports)]))
        out = state(X, Y, policy("a/p", "app=x", egress=[rule(*peers, *ports)]))
        for given in (into, out):
            assert expected == [(n, p) for n, p in EACH if ruling(given, f"a/x -> a/y:{n}", p) is ALLOWED]


@pytest.mark.parametrize(
    ("expected", "number"),
    [
        pytest.param(ALLOWED, 8080, id="s33-the-target-port-counts"),
        pytest.param(DENIED, 80, id="s33-the-port-of-the-service-does-not"),
    ],
)
def test_s33_ports_are_those_after_translation(expected: Ruling, number: int) -> None:
    """Rules of both directions see the pod's port, not the Service's."""
    web = service("a/web", "app=y", target_port(80, 8080))
    out, into = (
        policy("a/out", "app=x", egress=[rule(port(number))]),
        policy("a/in", "app=y", ingress=[rule(port(number))]),
    )
    assert expected == ruling(state(X, Y, web, out), "a/x -> svc/a/web:80")
    assert expected == ruling(state(X, Y, web, into), "a/x -> svc/a/web:80")


def test_s33_s35_a_service_finds_its_port_by_name_on_each_backend() -> None:
    """A target by name is another number on another pod, and rules see that number."""
    pods = [pod("a/one", "app=db", ports="sql=5432"), pod("a/two", "app=db", ports="sql=5433")]
    db = service("a/db", "app=db", target_port(80, "sql"))
    out = policy("a/out", "app=x", egress=[rule(port(5432, end=5433))])
    found = judged(state(X, *pods, db, out), "a/x -> svc/a/db:80")
    assert ALLOWED == found.ruling
    assert ["a/one:5432/TCP", "a/two:5433/TCP"] == [leg.destination for leg in found.legs]


def test_s35_a_name_is_resolved_on_the_destination() -> None:
    """A peer's mistake: the number that the source gives to the name does not matter."""
    source = pod("a/s", "app=s", ports="sql=80")
    target = pod("a/t", "app=t", ports="sql=5432")
    for p in (policy("a/p", "app=s", egress=[rule(port("sql"))]), policy("a/p", "app=t", ingress=[rule(port("sql"))])):
        given = state(source, target, p)
        assert [ALLOWED, DENIED] == [ruling(given, f"a/s -> a/t:{n}") for n in (5432, 80)]


def test_s35_one_name_is_another_number_on_each_pod() -> None:
    """A policy over two pods opens on each the number that this pod gives to the name, and none where it has none."""
    pods = [pod("a/one", "app=db", ports="sql=5432"), pod("a/two", "app=db", ports="sql=5433"), pod("a/no", "app=db")]
    given = state(X, *pods, policy("a/p", "app=db", ingress=[rule(port("sql"))]))
    opened = [
        (p, n) for p in ("one", "two", "no") for n in (5432, 5433) if ruling(given, f"a/x -> a/{p}:{n}") is ALLOWED
    ]
    assert [("one", 5432), ("two", 5433)] == opened


HOST, NODE = External(name="e", addresses=addresses("203.0.113.10")), Node(number=2, addresses=addresses("172.18.0.3"))
ANY = block("0.0.0.0/0")


@pytest.mark.parametrize("peers", [[ANY], []], ids=["ipBlock", "everyone"])
def test_s35_ingress_resolves_the_name_whoever_comes(peers: list[IPBlock]) -> None:
    """The destination is the policy's own pod, so a name works beside an ipBlock and for external sources."""
    given = state(X, Y, HOST, policy("a/p", "app=y", ingress=[rule(*peers, port("http"))]))
    texts = ["a/x -> a/y:80", "ext/e -> a/y:80", "a/x -> a/y:81", "ext/e -> a/y:81"]
    assert [ALLOWED, ALLOWED, DENIED, DENIED] == [ruling(given, t) for t in texts]


@pytest.mark.parametrize(
    ("expected", "parts", "text", "protocol"),
    [
        pytest.param(
            INDETERMINATE, (ANY, port("http")), "a/x -> a/y:80", TCP, id="s35b-block-over-a-pod-with-the-name"
        ),
        pytest.param(DENIED, (ANY, port("http")), "a/x -> a/y:81", TCP, id="s35b-pod-with-the-name-on-another-number"),
        pytest.param(DENIED, (ANY, port("sql")), "a/x -> a/y:80", TCP, id="s35b-pod-without-the-name"),
        pytest.param(DENIED, (ANY, port("dns")), "a/x -> a/y:53", TCP, id="s35b-pod-with-the-name-for-UDP"),
        pytest.param(INDETERMINATE, (ANY, port("http")), "a/x -> ext/e:80", TCP, id="s35b-external-by-block"),
        pytest.param(INDETERMINATE, (port("http"),), "a/x -> ext/e:80", TCP, id="s35b-external-as-everyone"),
        pytest.param(INDETERMINATE, (ANY, port("http")), "a/x -> node/2:80", TCP, id="s35b-node-by-block"),
        pytest.param(DENIED, (ANY, port("http")), "a/x -> ext/e:80", UDP, id="s35b-external-other-protocol"),
        pytest.param(DENIED, (block("10.0.0.0/8"), port("http")), "a/x -> ext/e:80", TCP, id="s35b-external-outside"),
        pytest.param(ALLOWED, (ANY, port("http"), port(80)), "a/x -> ext/e:80", TCP, id="s35b-a-number-decides"),
        pytest.param(ALLOWED, (ANY, peer(""), port("http")), "a/x -> a/y:80", TCP, id="s35b-a-selector-decides"),
        pytest.param(DENIED, (peer(""), port("http")), "a/x -> ext/e:80", TCP, id="s35b-no-selector-takes-an-external"),
    ],
)
def test_s35b_names_toward_addresses(
    expected: Ruling, parts: tuple[PolicyPort, ...], text: str, protocol: Protocol
) -> None:
    """Egress by name toward an ipBlock, or to who is no pod, is left open wherever it could match (k8s#99256)."""
    given = state(X, Y, HOST, NODE, policy("a/p", "app=x", egress=[rule(*parts)]))
    found = judged(given, text, protocol)
    assert expected == found.ruling
    assert ([(Topic.NAMED_PORT, 35)] if expected is INDETERMINATE else []) == [(d.topic, d.rule) for d in found.doubts]
    open_rules = [[str(ref) for ref, _ in s.maybe] for s in found.sides if s.ruling is INDETERMINATE]
    assert ([["a/p, rule 1"]] if expected is INDETERMINATE else []) == open_rules


def test_s32_an_sctp_policy_isolates_for_tcp() -> None:
    """A policy that opens SCTP only denies TCP and UDP."""
    given = state(X, Y, policy("a/p", "app=y", ingress=[rule(port(None, SCTP))]))
    assert [ALLOWED, DENIED, DENIED] == [ruling(given, "a/x -> a/y:80", p) for p in (SCTP, TCP, UDP)]


def test_a_rule_that_allows_settles_what_another_leaves_open() -> None:
    """One rule that surely matches is enough, before or after one that may."""
    for rules in ([rule(ANY, port("http")), rule(port(80))], [rule(port(80)), rule(ANY, port("http"))]):
        found = judged(state(X, Y, policy("a/p", "app=x", egress=rules)), "a/x -> a/y:80")
        assert (ALLOWED, ()) == (found.ruling, found.doubts)
        assert (1, 1) == (len(found.sides[0].allowing), len(found.sides[0].maybe))
