"""Who has which addresses: a switch, the nodes on it, their pods, the Services; as lines for `ip -batch`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Pair(NamedTuple):
    """An address, or a block, of each family; IPv4 is the cluster's primary family."""

    ipv4: str
    ipv6: str


# in the switch's namespace: stands for the internet (TEST-NET-3, and documentation addresses of IPv6)
EXTERNAL = Pair("203.0.113.10", "2001:db8:203::10")
SWITCH = Pair("172.30.0.254", "fd00:172:30::254")
API_PORT = 6443
DNS = Pair("10.96.0.10", "fd00:10:96::a")
SERVICES = Pair("10.96.0.0/16", "fd00:10:96::/112")
API_SERVICE = "10.96.0.1"  # of the primary family alone, as Kubernetes makes it
PODS = Pair("10.244.0.0/16", "fd00:10:244::/48")
_LENGTHS = Pair("/24", "/64")  # of the switch's network


def node_name(number: int) -> str:
    """Return the name of a node, from 1."""
    return f"n{number}"


def node_number(name: str) -> int:
    """Return the number of the node of that name."""
    return int(name.removeprefix("n"))


def node(number: int) -> Pair:
    """Return a node's addresses; the API server has the IPv4 address of node 1."""
    return Pair(f"172.30.0.{number}", f"fd00:172:30::{number}")


def pods(number: int) -> Pair:
    """Return the blocks of a node's pods."""
    return Pair(f"10.244.{number}.0/24", f"fd00:10:244:{number}::/64")


def of_switch() -> Iterator[str]:
    """Yield what makes the switch, before there is any node. It has no link to the host and no default route."""
    yield "link set lo up"
    yield "link add br0 type bridge"
    yield "link set br0 up"
    for address, length in zip(SWITCH, _LENGTHS, strict=True):
        yield f"address add {address}{length} dev br0"
    for address in EXTERNAL:
        yield f"address add {address} dev lo"


def of_cable(number: int, process: int) -> Iterator[str]:
    """Yield what plugs a node, whose namespace that process is in, into the switch."""
    yield f"link add eth0 netns {process} type veth peer name sw{number}"
    yield f"link set sw{number} master br0 up"
    for block, gateway in zip(pods(number), node(number), strict=True):
        yield f"route add {block} via {gateway}"


def of_node(number: int, count: int) -> Iterator[str]:
    """Yield what a plugged node does in its own namespace."""
    yield "link set lo up"
    for address, length in zip(node(number), _LENGTHS, strict=True):
        yield f"address add {address}{length} dev eth0"
    yield "link set eth0 up"
    for gateway in SWITCH:
        yield f"route add default via {gateway}"
    for other in range(1, count + 1):
        if other != number:
            for block, gateway in zip(pods(other), node(other), strict=True):
                yield f"route add {block} via {gateway}"
