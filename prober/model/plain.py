"""A cluster's state as plain data for a journal, and back; policies are not in it: they come and go by actions."""

from __future__ import annotations

from typing import Any

from prober.model.names import Addresses, Family, Protocol, ServiceRef
from prober.model.state import ClusterState
from prober.model.things import External, Namespace, Node, Pod, Port, Service, ServicePort, Topology


def _addresses(addresses: Addresses) -> dict[str, str]:
    return {str(f): a for f, a in addresses.items()}


def read_addresses(data: dict[str, str]) -> Addresses:
    """Return addresses from their plain form."""
    return {Family(f): a for f, a in data.items()}


def _ports(ports: tuple[Port, ...]) -> list[list[Any]]:
    return [[p.number, str(p.protocol), p.name] for p in ports]


def _read_ports(data: list[list[Any]]) -> tuple[Port, ...]:
    return tuple(Port(number=n, protocol=Protocol(p), name=name) for n, p, name in data)


def plain_state(state: ClusterState) -> dict[str, Any]:
    """Return the state as plain data."""
    return {
        "families": [str(f) for f in state.families],
        "namespaces": {n.name: dict(n.labels) for n in state.namespaces.values()},
        "pods": [
            {
                "namespace": p.namespace,
                "name": p.name,
                "labels": dict(p.labels),
                "ports": _ports(p.ports),
                "node": p.node,
                "host_network": p.host_network,
                "system": p.system,
                "addresses": _addresses(p.addresses),
            }
            for p in state.pods.values()
        ],
        "services": [
            {
                "namespace": s.namespace,
                "name": s.name,
                "selector": dict(s.selector),
                "ports": [[p.port, p.target, str(p.protocol), p.name] for p in s.ports],
                "headless": s.headless,
                "endpoints": [_addresses(e) for e in s.endpoints],
                "addresses": _addresses(s.addresses),
            }
            for s in state.services.values()
        ],
        "externals": [
            {"name": e.name, "ports": _ports(e.ports), "addresses": _addresses(e.addresses)}
            for e in state.externals.values()
        ],
        "nodes": [
            {"number": n.number, "name": n.name, "ports": _ports(n.ports), "addresses": _addresses(n.addresses)}
            for n in state.nodes.values()
        ],
        "resolver": _ref(state.resolver),
        "api_server": _ref(state.api_server),
    }


def _ref(ref: ServiceRef | None) -> list[str] | None:
    return None if ref is None else [ref.namespace, ref.name]


def read_state(data: dict[str, Any]) -> ClusterState:
    """Return the state that `plain_state` wrote; KeyError, TypeError or ValueError for anything else."""
    pods = tuple(
        Pod(**{**p, "ports": _read_ports(p["ports"]), "addresses": read_addresses(p["addresses"])})
        for p in data["pods"]
    )
    services = tuple(
        Service(
            **{
                **s,
                "ports": tuple(
                    ServicePort(port=port, target=target, protocol=Protocol(proto), name=name)
                    for port, target, proto, name in s["ports"]
                ),
                "endpoints": tuple(read_addresses(e) for e in s["endpoints"]),
                "addresses": read_addresses(s["addresses"]),
            }
        )
        for s in data["services"]
    )
    externals = tuple(
        External(name=e["name"], ports=_read_ports(e["ports"]), addresses=read_addresses(e["addresses"]))
        for e in data["externals"]
    )
    nodes = tuple(
        Node(
            number=n["number"], name=n["name"], ports=_read_ports(n["ports"]), addresses=read_addresses(n["addresses"])
        )
        for n in data["nodes"]
    )
    topology = Topology(
        namespaces=tuple(Namespace(name=n, labels=labels) for n, labels in data["namespaces"].items()),
        pods=pods,
        services=services,
        externals=externals,
        nodes=nodes,
        families=tuple(Family(f) for f in data["families"]),
    )
    base = ClusterState.of(topology)
    return ClusterState(
        namespaces=base.namespaces,
        pods=base.pods,
        services=base.services,
        externals=base.externals,
        nodes=base.nodes,
        families=base.families,
        resolver=ServiceRef(*data["resolver"]) if data["resolver"] else None,
        api_server=ServiceRef(*data["api_server"]) if data["api_server"] else None,
    )
