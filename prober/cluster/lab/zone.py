"""A cluster's Services as DNS records, as CoreDNS would have them; answering queries is the business of names.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from prober.cluster.lab.names import AAAA, PTR, SOA, SRV, A, encode_name, start_of_authority
from prober.model import Addresses, ClusterState, Family, Service, ServicePort

if TYPE_CHECKING:
    from prober.cluster.lab.names import Zone

_ORIGIN = "cluster.local"
_KINDS = {Family.IPV4: A, Family.IPV6: AAAA}


def zone_of(state: ClusterState) -> Zone:
    """Return every record of the cluster's zone and of its reverse zones."""
    zone: dict[str, dict[int, list[bytes]]] = defaultdict(dict)
    for origin in (_ORIGIN, "in-addr.arpa", "ip6.arpa"):
        zone[origin] = {SOA: [start_of_authority(origin)]}
    for name in state.namespaces:
        zone[f"{name}.svc.{_ORIGIN}"] = {}
    for service in state.services.values():
        host = f"{service.name}.{service.namespace}.svc.{_ORIGIN}"
        ends = _ends(state, service, host) if service.headless else [(host, service.addresses)]
        for name, addresses in ends:
            for family, address in addresses.items():
                packed = ip_address(address).packed
                _add(zone, host, _KINDS[family], packed)
                _add(zone, name, _KINDS[family], packed)
                _add(zone, ip_address(address).reverse_pointer, PTR, encode_name(name))
            for port in service.ports:
                if port.name:
                    target = _srv(port, name, state, service)
                    _add(zone, f"_{port.name}._{port.protocol.lower()}.{host}", SRV, target)
                    _add(zone, host, SRV, target)
    for name in list(zone):  # a name above another exists, even without records
        labels = name.split(".")
        for n in range(1, len(labels)):
            zone.setdefault(".".join(labels[n:]), {})
    return {name.lower(): {kind: tuple(data) for kind, data in records.items()} for name, records in zone.items()}


def resolv_conf(state: ClusterState, namespace: str) -> str:
    """Return the resolv.conf of a Kubernetes namespace's pods: the kubelet's, with a capped look-up."""
    search = f"search {namespace}.svc.{_ORIGIN} svc.{_ORIGIN} {_ORIGIN}\n"
    resolver = state.services[state.resolver].addresses.get(state.families[0]) if state.resolver else None
    return (f"nameserver {resolver}\n" if resolver else "") + search + "options ndots:5 timeout:1 attempts:1\n"


def _add(zone: dict[str, dict[int, list[bytes]]], name: str, kind: int, data: bytes) -> None:
    records = zone[name].setdefault(kind, [])
    if data not in records:
        records.append(data)


def _ends(state: ClusterState, service: Service, host: str) -> Sequence[tuple[str, Addresses]]:
    """Return a headless Service's backends, each with a name of its own made of its address."""
    backends = [pod.addresses for pod in state.backends(service)] or list(service.endpoints)
    return [
        (f"{address.replace('.', '-').replace(':', '-')}.{host}", {family: address})
        for addresses in backends
        for family, address in addresses.items()
    ]


def _srv(port: ServicePort, target: str, state: ClusterState, service: Service) -> bytes:
    number = port.port
    if service.headless:  # nobody translates: the record names the backends' own port
        named = (pod.port_named(str(port.target), port.protocol) for pod in state.backends(service))
        number = port.target if isinstance(port.target, int) else next((n for n in named if n), port.port)
    return (0).to_bytes(2, "big") + (100).to_bytes(2, "big") + number.to_bytes(2, "big") + encode_name(target)
