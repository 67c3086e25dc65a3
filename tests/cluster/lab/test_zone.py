"""Which records the Services of a cluster make, and what the pods' resolv.conf says."""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import ip_address

from prober.cluster.lab.names import AAAA, PTR, SOA, SRV, A, encode_name
from prober.cluster.lab.zone import resolv_conf, zone_of
from prober.model import (
    ClusterState,
    Family,
    LabelPod,
    Namespace,
    Pod,
    PodRef,
    Port,
    RemovePod,
    Service,
    ServicePort,
    ServiceRef,
    Topology,
)
from prober.model.plan import planned

_HTTP = ServicePort(port=8000, target="http", name="http")
_TOPOLOGY = Topology(
    namespaces=(Namespace(name="x"), Namespace(name="empty")),
    pods=tuple(
        Pod(namespace="x", name=n, labels={"app": "web"}, ports=(Port(number=80, name="http"),), node=1) for n in "ab"
    ),
    services=(
        Service(namespace="x", name="web", selector={"app": "web"}, ports=(_HTTP, ServicePort(port=9, target=9))),
        Service(namespace="x", name="each", selector={"app": "web"}, ports=(_HTTP,), headless=True),
        Service(namespace="x", name="none", selector={"app": "nobody"}, ports=(_HTTP,), headless=True),
    ),
)
_STATE, _ = planned(_TOPOLOGY)


def _packed(*addresses: str) -> tuple[bytes, ...]:
    return tuple(ip_address(a).packed for a in addresses)


def _srv(port: int, target: str) -> bytes:
    return struct.pack(">HHH", 0, 100, port) + encode_name(target)


def test_a_service_has_its_cluster_ips() -> None:
    """A and AAAA are the ClusterIPs, SRV the named port, PTR leads back."""
    zone = zone_of(_STATE)
    addresses = _STATE.services[ServiceRef("x", "web")].addresses
    v4, v6 = addresses[Family.IPV4], addresses[Family.IPV6]
    records = zone["web.x.svc.cluster.local"]
    assert (_packed(v4), _packed(v6)) == (records[A], records[AAAA])
    assert {SRV: (_srv(8000, "web.x.svc.cluster.local"),)} == zone["_http._tcp.web.x.svc.cluster.local"]
    for address in (v4, v6):
        assert {PTR: (encode_name("web.x.svc.cluster.local"),)} == zone[ip_address(address).reverse_pointer]


def test_a_headless_service_has_its_backends() -> None:
    """Every backend's address, a name for each, and SRV with the backends' own port."""
    zone = zone_of(_STATE)
    assert _packed("10.244.0.1", "10.244.0.2") == zone["each.x.svc.cluster.local"][A]
    one = "10-244-0-1.each.x.svc.cluster.local"
    assert {
        A: _packed("10.244.0.1"),
    } == zone[one]
    assert _srv(80, one) in zone["_http._tcp.each.x.svc.cluster.local"][SRV]
    assert {PTR: (encode_name(one),)} == zone["1.0.244.10.in-addr.arpa"]


def test_a_headless_service_without_backends_has_no_name() -> None:
    """As CoreDNS says it: NXDOMAIN."""
    assert "none.x.svc.cluster.local" not in zone_of(_STATE)


def test_labels_and_pods_change_the_records() -> None:
    """A pod that is selected no more, or gone, is in no record."""
    left = _STATE.after(LabelPod(pod=PodRef("x", "a"), labels={"app": None}))
    assert _packed("10.244.0.2") == zone_of(left)["each.x.svc.cluster.local"][A]
    gone = left.after(RemovePod(pod=PodRef("x", "b")))
    assert "each.x.svc.cluster.local" not in zone_of(gone)


def test_the_api_server_and_the_zones() -> None:
    """`kubernetes.default` is there; so is a namespace without Services, and each zone's SOA."""
    zone = zone_of(_STATE)
    assert _packed("10.96.0.1") == zone["kubernetes.default.svc.cluster.local"][A]
    assert {} == zone["empty.svc.cluster.local"]
    assert {} == zone["_tcp.web.x.svc.cluster.local"]
    assert [True, True, True] == [SOA in zone[origin] for origin in ("cluster.local", "in-addr.arpa", "ip6.arpa")]


def test_no_ipv6_record_without_ipv6() -> None:
    """A cluster of IPv4 alone has no AAAA: a client that asks for both would wait for the one that cannot be."""
    state, _ = planned(replace(_TOPOLOGY, families=(Family.IPV4,)))
    assert [] == [name for name, records in zone_of(state).items() if AAAA in records]


def test_resolv_conf() -> None:
    """The kubelet's search path, the DNS Service's ClusterIP of the primary family, and a capped look-up."""
    rest = "search x.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:1 attempts:1\n"
    assert f"nameserver 10.96.0.10\n{rest}" == resolv_conf(_STATE, "x")
    six, _ = planned(replace(_TOPOLOGY, families=(Family.IPV6, Family.IPV4)))
    assert f"nameserver fd00:10:96::a\n{rest}" == resolv_conf(six, "x")
    assert rest == resolv_conf(ClusterState(), "x")
