"""Namespaces, pods and Services, and what a usual cluster brings."""

from __future__ import annotations

import pytest

from prober.model import (
    Namespace,
    Pod,
    Port,
    Protocol,
    Service,
    ServicePort,
    Topology,
    furnished,
)


def test_s21_a_namespace_always_carries_its_name() -> None:
    """kubernetes.io/metadata.name is set by the API server, and nobody can give it another value."""
    wrong = {"kubernetes.io/metadata.name": "other", "team": "x"}
    assert {"kubernetes.io/metadata.name": "pay", "team": "x"} == Namespace(name="pay", labels=wrong).labels


POD = Pod(
    namespace="a",
    name="x",
    ports=(
        Port(number=53, protocol=Protocol.UDP, name="dns"),
        Port(number=54, protocol=Protocol.TCP, name="dns"),
        Port(number=80),
    ),
)


@pytest.mark.parametrize(
    ("expected", "name", "protocol"),
    [
        pytest.param(53, "dns", Protocol.UDP, id="s35-by-protocol-udp"),
        pytest.param(54, "dns", Protocol.TCP, id="s35-by-protocol-tcp"),
        pytest.param(None, "dns", Protocol.SCTP, id="s35-name-of-other-protocol"),
        pytest.param(None, "http", Protocol.TCP, id="s35-no-such-name"),
    ],
)
def test_s35_port_named(expected: int | None, name: str, protocol: Protocol) -> None:
    """A port's name counts together with its protocol."""
    assert expected == POD.port_named(name, protocol)


def test_listens() -> None:
    """A pod listens where number and protocol are declared together."""
    asked = [(80, Protocol.TCP), (80, Protocol.UDP), (53, Protocol.UDP), (53, Protocol.TCP)]
    assert [True, False, True, False] == [POD.listens(n, p) for n, p in asked]


def test_service_port_needs_number_and_protocol() -> None:
    """A Service may have one number for two protocols."""
    tcp, udp = ServicePort(port=53, target=5353), ServicePort(port=53, target="dns", protocol=Protocol.UDP)
    service = Service(namespace="a", name="dns", ports=(tcp, udp))
    asked = [(53, Protocol.TCP), (53, Protocol.UDP), (53, Protocol.SCTP), (54, Protocol.TCP)]
    assert [tcp, udp, None, None] == [service.port(n, p) for n, p in asked]


def test_furnished_adds_what_a_cluster_brings_once() -> None:
    """kube-system is not made twice, and the DNS pod is no probe pod."""
    full = furnished(Topology(namespaces=(Namespace(name="kube-system", labels={"a": "b"}),)))
    assert ["kube-system", "default"] == [n.name for n in full.namespaces]
    assert "b" == full.namespaces[0].labels["a"]
    assert [True] == [p.system for p in full.pods]
