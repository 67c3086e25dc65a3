"""How flows are written."""

from __future__ import annotations

import pytest

from prober.model import (
    ApiServerRef,
    ExternalRef,
    Family,
    Flow,
    HostName,
    Lookup,
    NodeRef,
    PodRef,
    Protocol,
    ServiceRef,
    Target,
)

A_X = PodRef("a", "x")


@pytest.mark.parametrize(
    ("expected", "target", "protocol", "family"),
    [
        ("a/x -> b/y:80", PodRef("b", "y"), Protocol.TCP, Family.IPV4),
        ("a/x -> b/y:80/udp/ipv6", PodRef("b", "y"), Protocol.UDP, Family.IPV6),
        ("a/x -> svc/b/y:80", ServiceRef("b", "y"), Protocol.TCP, Family.IPV4),
        ("a/x -> name/y.b:80", HostName("y.b"), Protocol.TCP, Family.IPV4),
        ("a/x -> ext/partner:80", ExternalRef("partner"), Protocol.TCP, Family.IPV4),
        ("a/x -> node/2:80/sctp", NodeRef(2), Protocol.SCTP, Family.IPV4),
        ("a/x -> apiserver", ApiServerRef(), Protocol.TCP, Family.IPV4),
        ("a/x -> dns/y.b", Lookup("y.b"), Protocol.UDP, Family.IPV4),
        ("a/x -> dns/y.b/tcp/ipv6", Lookup("y.b"), Protocol.TCP, Family.IPV6),
    ],
)
def test_what_flows_are_shown_as(expected: str, target: Target, protocol: Protocol, family: Family) -> None:
    """A flow is shown as scenario files write it."""
    assert expected == str(Flow(source=A_X, target=target, port=80, protocol=protocol, family=family))
