"""What an ipBlock takes in: semantics 24 to 30."""

from __future__ import annotations

import pytest

from prober.model import External, Family, IPBlock, Peer
from prober.oracle import Ruling, Topic
from tests.oracle.build import (
    ALLOWED,
    DENIED,
    INDETERMINATE,
    TCP,
    addresses,
    block,
    judged,
    peer,
    pod,
    policy,
    rule,
    ruling,
    service,
    state,
    target_port,
)

X, Y = pod("a/x", "app=x", at="10.244.0.1 fd00:244::1"), pod("a/y", "app=y", at="10.244.0.2 fd00:244::2")
HOST = External(name="e", addresses=addresses("203.0.113.10 2001:db8::10"))


@pytest.mark.parametrize(
    ("expected", "blocks"),
    [
        pytest.param(ALLOWED, [block("10.244.0.0/24")], id="s24-a-pod's-address"),
        pytest.param(ALLOWED, [block("10.244.0.1/32")], id="s24-exactly-this-pod"),
        pytest.param(DENIED, [block("10.244.0.0/32")], id="s24-the-address-beside"),
        pytest.param(DENIED, [block("10.245.0.0/16")], id="s24-another-range"),
        pytest.param(ALLOWED, [block("0.0.0.0/0")], id="s24-everything"),
        pytest.param(DENIED, [block("10.0.0.0/8", "10.244.0.0/24")], id="s25-except"),
        pytest.param(ALLOWED, [block("10.0.0.0/8", "10.244.0.2/31")], id="s25-except-beside-it"),
        pytest.param(DENIED, [block("10.0.0.0/8", "10.1.0.0/16", "10.244.0.1/32")], id="s25-second-except"),
        pytest.param(
            ALLOWED,
            [block("10.0.0.0/8", "10.244.0.0/24"), block("10.244.0.1/32")],
            id="s25-except-is-no-deny-another-block-allows",
        ),
        pytest.param(
            ALLOWED, [block("10.0.0.0/8", "10.244.0.0/24"), peer("")], id="s25-except-is-no-deny-a-selector-allows"
        ),
        pytest.param(DENIED, [block("::/0")], id="s27-ipv6-block-holds-no-ipv4-address"),
        pytest.param(ALLOWED, [block("10.244.0.99/24")], id="s30-host-bits-are-masked"),
    ],
)
def test_s24_to_s30_blocks(expected: Ruling, blocks: list[Peer]) -> None:
    """A block takes in a/x's address or not, as source of ingress and as destination of egress."""
    rules = [rule(*blocks)]
    given = state(X, Y, policy("a/p", "app=y", ingress=rules, egress=rules))
    assert [expected, expected] == [ruling(given, "a/x -> a/y:80"), ruling(given, "a/y -> a/x:80")]


def test_s25_another_rule_or_policy_re_allows_what_except_left_out() -> None:
    """`except` takes from its own block only, so another rule and another policy each open it again."""
    left_out = rule(block("10.0.0.0/8", "10.244.0.0/24"))
    again = rule(block("10.244.0.1/32"))
    one = state(X, Y, policy("a/p", "app=y", ingress=[left_out, again]))
    two = state(X, Y, policy("a/p", "app=y", ingress=[left_out]), policy("a/q", "app=y", ingress=[again]))
    assert [ALLOWED, ALLOWED] == [ruling(s, "a/x -> a/y:80") for s in (one, two)]


@pytest.mark.parametrize(
    ("expected", "family", "cidr"),
    [
        pytest.param(ALLOWED, Family.IPV4, "0.0.0.0/0", id="s27-ipv4-by-ipv4"),
        pytest.param(DENIED, Family.IPV6, "0.0.0.0/0", id="s27-ipv6-by-ipv4"),
        pytest.param(DENIED, Family.IPV4, "::/0", id="s27-ipv4-by-ipv6"),
        pytest.param(ALLOWED, Family.IPV6, "::/0", id="s27-ipv6-by-ipv6"),
        pytest.param(ALLOWED, Family.IPV6, "fd00:244::/64", id="s27-ipv6-range"),
    ],
)
def test_s27_families_are_judged_apart(expected: Ruling, family: Family, cidr: str) -> None:
    """A pod of two families stays denied over the family that no block names."""
    given = state(X, Y, policy("a/p", "app=y", ingress=[rule(block(cidr))]))
    assert expected == ruling(given, "a/x -> a/y:80", TCP, family)


@pytest.mark.parametrize(
    ("expected", "text", "cidr"),
    [
        pytest.param(ALLOWED, "a/x -> ext/e:443", "203.0.113.0/24", id="to-external"),
        pytest.param(DENIED, "a/x -> ext/e:443", "198.51.100.0/24", id="to-external-elsewhere"),
        pytest.param(ALLOWED, "ext/e -> a/x:80", "203.0.113.0/24", id="from-external"),
        pytest.param(DENIED, "ext/e -> a/x:80", "198.51.100.0/24", id="from-external-elsewhere"),
    ],
)
def test_s24_external_hosts(expected: Ruling, text: str, cidr: str) -> None:
    """External hosts are taken in by their addresses, and have no policies of their own."""
    rules = [rule(block(cidr))]
    found = judged(state(X, HOST, policy("a/p", ingress=rules, egress=rules)), text)
    assert (expected, 1) == (found.ruling, len(found.sides))


def test_external_to_external_is_nobodys_policy() -> None:
    """Where neither end is a pod no policy can deny."""
    assert ALLOWED == ruling(state(HOST, X, policy("a/p", ingress=[], egress=[])), "ext/e -> ext/e:80")


@pytest.mark.parametrize(
    ("expected", "cidr"),
    [
        pytest.param(INDETERMINATE, "10.96.0.0/16", id="s28-the-address-of-the-service"),
        pytest.param(ALLOWED, "10.244.0.2/32", id="s28-the-address-of-the-backend"),
        pytest.param(ALLOWED, "10.0.0.0/8", id="s28-both"),
        pytest.param(DENIED, "10.96.0.8/32", id="s28-the-address-of-another-service"),
    ],
)
def test_s28_policies_see_the_backend(expected: Ruling, cidr: str) -> None:
    """The backend's address counts; whether the Service's own does too is open: translation may come after policies."""
    given = state(
        X,
        Y,
        service("a/y", "app=y", target_port(80, 8080), at="10.96.0.7"),
        policy("a/p", "app=x", egress=[rule(block(cidr))]),
    )
    assert expected == ruling(given, "a/x -> svc/a/y:80")


def test_s29_an_external_client_of_a_service_is_left_open() -> None:
    """On the way through a Service its address may become a node's."""
    given = state(Y, HOST, service("a/y", "app=y", target_port(80, 8080), at="10.96.0.7"))
    found = judged(given, "ext/e -> svc/a/y:80")
    assert (INDETERMINATE, [(Topic.SOURCE_NAT, 29)]) == (found.ruling, [(d.topic, d.rule) for d in found.doubts])


@pytest.mark.parametrize(
    ("expected", "blocks"),
    [
        pytest.param(INDETERMINATE, [block("10.0.0.0/8")], id="may-hold-it"),
        pytest.param(ALLOWED, [block("0.0.0.0/0")], id="holds-every-address"),
        pytest.param(INDETERMINATE, [block("0.0.0.0/0", "10.0.0.0/8")], id="except-may-hold-it"),
        pytest.param(DENIED, [block("::/0")], id="other-family"),
        pytest.param(ALLOWED, [block("10.0.0.0/8"), peer("")], id="a-selector-decides"),
        pytest.param(DENIED, [peer("app=z")], id="no-block-asked"),
    ],
)
def test_addresses_that_are_not_known_yet(expected: Ruling, blocks: list[Peer]) -> None:
    """Before a cluster has given addresses, a block decides only if it holds all addresses or none."""
    given = state(pod("a/x"), pod("a/y", "app=y"), policy("a/p", "app=y", ingress=[rule(*blocks)]))
    found = judged(given, "a/x -> a/y:80")
    assert expected == found.ruling
    assert ([Topic.ADDRESS] if expected is INDETERMINATE else []) == [d.topic for d in found.doubts]


@pytest.mark.parametrize("text", ["a/x -> a/old:80", "a/old -> a/x:80", "a/old -> a/old:80"])
def test_a_pod_without_the_family_is_left_open(text: str) -> None:
    """Who has an IPv4 address only can neither ask nor be asked over IPv6, whatever policies say."""
    given = state(X, pod("a/old", at="10.244.0.3"), policy("a/p", ingress=[], egress=[]))
    found = judged(given, text, TCP, Family.IPV6)
    assert (INDETERMINATE, [Topic.FAMILY]) == (found.ruling, [d.topic for d in found.doubts])
    assert "a/old has no ipv6 address" == found.doubts[0].text


def test_a_doubt_about_a_block_does_not_hide_a_denial_elsewhere() -> None:
    """One side that denies is enough, whatever is open on the other."""
    doubtful = policy("a/p", "app=y", ingress=[rule(block("10.0.0.0/8"))])
    given = state(pod("a/x", "app=x"), pod("a/y", "app=y"), doubtful, policy("a/q", "app=x", egress=[]))
    found = judged(given, "a/x -> a/y:80")
    assert (DENIED, ()) == (found.ruling, found.doubts)
    assert [DENIED, INDETERMINATE] == [s.ruling for s in found.sides]


def test_blocks_are_read_with_their_host_bits_masked() -> None:
    """Semantics 30: 10.0.0.5/8 is 10.0.0.0/8."""
    assert IPBlock(cidr=block("10.0.0.0/8").cidr) == block("10.0.0.5/8")
