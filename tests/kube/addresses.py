"""Who has which address: a switch, the nodes on it, their pods, the Services; as lines for `ip -batch`."""

from __future__ import annotations

from collections.abc import Iterator

EXTERNAL = "203.0.113.10"  # in the switch's namespace: stands for the internet (TEST-NET-3)
SWITCH = "172.30.0.254"
API_PORT = 6443
DNS = "10.96.0.10"
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
PODS = "10.244.0.0/16"


def node_name(number: int) -> str:
    """Return the name of a node, from 1."""
    return f"n{number}"


def node_number(name: str) -> int:
    """Return the number of the node of that name."""
    return int(name.removeprefix("n"))


def node(number: int) -> str:
    """Return a node's address; the API server has that of node 1."""
    return f"172.30.0.{number}"


def pods(number: int) -> str:
    """Return the block of a node's pods."""
    return f"10.244.{number}.0/24"


def of_switch() -> Iterator[str]:
    """Yield what makes the switch, before there is any node. It has no link to the host and no default route."""
    yield "link set lo up"
    yield "link add br0 type bridge"
    yield "link set br0 up"
    yield f"address add {SWITCH}/24 dev br0"
    yield f"address add {EXTERNAL}/32 dev lo"


def of_cable(number: int, process: int) -> Iterator[str]:
    """Yield what plugs a node, whose namespace that process is in, into the switch."""
    yield f"link add eth0 netns {process} type veth peer name sw{number}"
    yield f"link set sw{number} master br0 up"
    yield f"route add {pods(number)} via {node(number)}"


def of_node(number: int, count: int) -> Iterator[str]:
    """Yield what a plugged node does in its own namespace."""
    yield "link set lo up"
    yield f"address add {node(number)}/24 dev eth0"
    yield "link set eth0 up"
    yield f"route add default via {SWITCH}"
    for other in range(1, count + 1):
        if other != number:
            yield f"route add {pods(other)} via {node(other)}"
