"""The lab's network: hosts are network namespaces on routed links to a node or to the fabric that joins the nodes.

It knows keys, addresses and links; what a pod, a policy or a Service is, it does not know.
"""

from __future__ import annotations

import os
import socket

from prober.cluster.lab.netlink import LOOPBACK, Netlink
from prober.cluster.lab.sandbox import NEWNET, Stage, here, setns, unshare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    PlainHost = tuple[str, str, tuple[str, ...]]  # key, node's key or "" (the fabric), addresses
    PlainNode = tuple[str, tuple[str, ...], tuple[tuple[str, int], ...]]  # key, addresses, blocks of its pods

_ETH0 = 1_000_000  # a fixed index far from those of tunnel devices that some kernels put into every namespace
_FIRST_LINK = 1000
_GATEWAYS = ("169.254.1.1", "fe80::1")  # nobody's: the neighbour entry leads to the node
_FABRIC = ("172.18.0.1", "fd00:172::1")  # where its ICMP errors come from


class Host:
    """A network namespace and its one link."""

    __slots__ = ("addresses", "index", "key", "links", "namespace", "netlink", "uplink")

    def __init__(self, key: str, addresses: Sequence[str], uplink: Host | None) -> None:
        self.key, self.addresses, self.uplink = key, tuple(addresses), uplink
        self.index = 0  # of the link's far end, at the uplink
        self.links = _FIRST_LINK
        self.namespace = here("net")
        self.netlink: Netlink | None = None  # kept open only where links end


class Fabric:
    """All hosts by their keys. Its methods leave the calling thread in whatever namespace they were last in."""

    def __init__(self) -> None:
        self._v6 = os.path.exists("/proc/sys/net/ipv6")  # noqa: PTH110
        self.hosts: dict[str, Host] = {}
        self._centre = Host("fabric", _FABRIC, None)
        with Stage("network"):
            self._prepare(router=True)
            netlink = _open(self._centre)
            netlink.up(LOOPBACK)
            for address in _FABRIC[: 2 if self._v6 else 1]:
                netlink.address(address, LOOPBACK)
            netlink.flush()

    def add_nodes(self, nodes: Iterable[PlainNode]) -> None:
        """Make nodes: routers, each with the blocks of addresses of its pods."""
        with Stage("network"):
            centre = _open(self._centre)
            for key, addresses, blocks in nodes:
                node = self._leaf(key, addresses, self._centre, router=True)
                for block, length in blocks:
                    centre.route(block, length, node.index, via=_of_family(block, addresses))
                    _open(node).unreachable(block, length)  # else packets for a pod that is gone would go in circles
                _open(node).flush()
            centre.flush()

    def add_hosts(self, hosts: Iterable[PlainHost]) -> None:
        """Make hosts on their nodes, or on the fabric."""
        with Stage("network"):
            uplinks = {""}
            for key, node, addresses in hosts:
                uplinks.add(node)
                self._leaf(key, addresses, self._uplink(node))
            for node in uplinks:
                _open(self._uplink(node)).flush()

    def remove(self, key: str) -> None:
        """Cut a host off; its namespace lives as long as something runs in it."""
        host = self.hosts.pop(key)
        netlink = _open(host.uplink or self._centre)
        netlink.delete_link(host.index)
        netlink.flush()
        os.close(host.namespace)

    def strip(self, key: str) -> None:
        """Take a host's addresses away."""
        host = self.hosts[key]
        self.enter(key)
        netlink = Netlink()
        for address in host.addresses:
            netlink.delete_address(address, _ETH0)
        netlink.flush()
        netlink.close()

    def held(self, key: str) -> list[str]:
        """Return which of a host's addresses are really there: those that a socket can be bound to."""
        host = self.hosts[key]
        self.enter(key)
        return [address for address in host.addresses if _can_bind(address)]

    def enter(self, key: str) -> None:
        """Move the calling thread into a host's network namespace."""
        setns(self.hosts[key].namespace)

    def _uplink(self, key: str) -> Host:
        return self.hosts[key] if key else self._centre

    def _leaf(self, key: str, addresses: Sequence[str], uplink: Host, *, router: bool = False) -> Host:
        unshare(NEWNET)
        self._prepare(router=router)
        host = Host(key, addresses, uplink)
        host.index, uplink.links = uplink.links, uplink.links + 1
        netlink = Netlink()
        netlink.up(LOOPBACK)
        netlink.veth("eth0", _ETH0, peer=f"link{host.index}", peer_index=host.index, peer_namespace=uplink.namespace)
        netlink.flush()
        above = _open(uplink)
        above.up(host.index)
        for address in host.addresses:
            gateway = _of_family(address, _GATEWAYS)
            netlink.address(address, _ETH0)
            netlink.neighbour(gateway, _ETH0)
            netlink.route("::" if ":" in address else "0.0.0.0", 0, _ETH0, via=gateway)  # noqa: S104  # a route
            above.route(address, 128 if ":" in address else 32, host.index)
            above.neighbour(address, host.index)
        netlink.flush()
        netlink.close()
        self.hosts[key] = host
        return host

    def _prepare(self, *, router: bool) -> None:
        """Set what a new namespace has from the kernel or, worse, from the host."""
        _sysctl("net/ipv4/icmp_ratemask", "0")  # the kernel would send 6 port-unreachables and then fall silent
        if self._v6:
            _sysctl("net/ipv6/conf/default/addr_gen_mode", "1")  # no link-local address, so no noise of its own
            _sysctl("net/ipv6/icmp/ratemask", "2")
        if router:
            for name in ("all", "default"):
                _sysctl(f"net/ipv4/conf/{name}/rp_filter", "0")
            _sysctl("net/ipv4/ip_forward", "1")
            if self._v6:
                _sysctl("net/ipv6/conf/all/forwarding", "1")


def _can_bind(address: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _open(host: Host) -> Netlink:
    """Return the host's own netlink socket; the calling thread stays where it is."""
    if host.netlink is None:
        was = here("net")
        setns(host.namespace)
        host.netlink = Netlink()
        setns(was)
        os.close(was)
    return host.netlink


def _of_family(like: str, addresses: Sequence[str]) -> str:
    return next(a for a in addresses if (":" in a) is (":" in like))


def _sysctl(name: str, value: str) -> None:
    descriptor = os.open(f"/proc/sys/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)
