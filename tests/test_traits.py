"""Tests of prober.traits."""

from __future__ import annotations

import pytest

from prober.model import ClusterState, Node
from prober.outcomes import Trait
from prober.traits import traits_of
from tests.oracle.build import (
    addresses,
    block,
    judged,
    peer,
    pod,
    policy,
    port,
    rule,
    service,
    state,
    target_port,
)

A, B = pod("a/a", "app=a", ports="web=8080", at="10.0.0.1"), pod("a/b", "app=b", ports="web=8080", at="10.0.0.2")
HOST = pod("a/h", "app=h", ports="=8080", at="172.18.0.2", host=True)
WEB = service("a/web", "app=b", target_port(80, 8080), at="10.96.0.7")
PLAIN = service("a/plain", "app=b", target_port(8080, 8080), at="10.96.0.8")
DNS = service("kube-system/dns", "k=dns", target_port(53, 53), at="10.96.0.10")
NODE = Node(number=2, addresses=addresses("172.18.0.3"))
EVERYWHERE = block("0.0.0.0/0")


def to_b(*rules: object) -> ClusterState:
    return state(A, B, WEB, PLAIN, policy("a/in", "app=b", ingress=rules))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expected", "flow", "given"),
    [
        pytest.param({Trait.IPBLOCK_POD}, "a/a -> a/b:8080", to_b(rule(EVERYWHERE)), id="ipblock-pod"),
        pytest.param(
            set(), "a/a -> a/b:8080", to_b(rule(EVERYWHERE), rule(peer("app=a"))), id="another-rule-allows-it-too"
        ),
        pytest.param(set(), "a/a -> a/b:8080", to_b(rule(EVERYWHERE, peer("app=a"))), id="another-peer-of-the-rule"),
        pytest.param(set(), "a/a -> a/b:8080", to_b(rule()), id="rule-for-everybody"),
        pytest.param(set(), "a/a -> a/b:8080", to_b(), id="denied"),
        pytest.param(set(), "a/a -> a/b:8080", state(A, B), id="no-policy"),
        pytest.param(
            {Trait.IPBLOCK_NODE},
            "a/a -> node/2:22",
            state(A, NODE, policy("a/out", "app=a", egress=[rule(block("172.18.0.0/16"))])),
            id="ipblock-node",
        ),
        pytest.param({Trait.END_PORT}, "a/a -> a/b:8080", to_b(rule(port(8000, end=9000))), id="end-port"),
        pytest.param(set(), "a/a -> a/b:8080", to_b(rule(port(8080, end=8080))), id="range-of-one"),
        pytest.param(set(), "a/a -> a/b:8080", to_b(rule(port(8000, end=9000), port(8080))), id="or-its-number"),
        pytest.param({Trait.NAMED_PORT}, "a/a -> a/b:8080", to_b(rule(port("web"))), id="named-port"),
        pytest.param({Trait.SERVICE_PORT}, "a/a -> svc/a/web:80", to_b(rule()), id="service-port"),
        pytest.param(set(), "a/a -> svc/a/plain:8080", to_b(rule()), id="the-same-port"),
        pytest.param(
            {Trait.HAIRPIN},
            "a/b -> svc/a/plain:8080",
            state(A, B, PLAIN, policy("a/in", "app=b", ingress=[])),
            id="hairpin",
        ),
        pytest.param(
            {Trait.HOST_NETWORK},
            "a/h -> a/b:8080",
            state(HOST, B, policy("a/out", "app=h", egress=[])),
            id="host-network",
        ),
        pytest.param(
            {Trait.OWN_NODE},
            "a/a -> node/1:22",
            state(A, Node(number=1, addresses=addresses("172.18.0.2")), policy("a/out", "app=a", egress=[])),
            id="own-node",
        ),
    ],
)
def test_traits(expected: set[Trait], flow: str, given: ClusterState) -> None:
    """A trait is true where all that allows a cell has it, or where the oracle doubts for that reason."""
    assert expected == traits_of(judged(given, flow), given)


def test_look_up_beside_a_connection_is_no_service_port() -> None:
    """A name's look-up goes to port 53 whatever port the connection goes to."""
    dns = pod("kube-system/dns-1", "k=dns", ports="=53/UDP", at="10.0.0.9")
    given = state(A, B, PLAIN, DNS, dns, resolver=DNS.ref)

    assert frozenset() == traits_of(judged(given, "a/a -> name/plain.a:8080"), given)
