"""The few rtnetlink messages that the lab needs: links, addresses, routes and neighbours of one network namespace."""

from __future__ import annotations

import os
import socket
import struct

_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_NEWLINK, _DELLINK, _NEWADDR, _DELADDR, _NEWROUTE, _NEWNEIGH = 16, 17, 20, 21, 24, 28
_ERROR = 2
_REQUEST, _ACK, _CREATE = 1, 4, 0x400 | 0x200  # NLM_F_CREATE | NLM_F_EXCL
_IFF_UP = 1
_IFA_F_NODAD = 2
_NUD_PERMANENT = 0x80
_TABLE_MAIN, _PROTO_BOOT, _UNICAST, _UNREACHABLE, _RTNH_ONLINK = 254, 3, 1, 7, 4
_SCOPE_UNIVERSE, _SCOPE_LINK = 0, 253
_HEADER = struct.Struct("=IHHII")
_AT_ONCE = 100_000  # bytes of one send: an unprivileged socket takes some 200 kB

LOOPBACK = 1  # the index of `lo` in every network namespace
# One address for every interface: links are point to point, neighbours are permanent, and nothing is ever asked.
MAC = bytes.fromhex("0e0000000001")


class Netlink:
    """A socket in the network namespace in which it was made; requests are queued until `flush`."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)  # errors do not repeat the request
        self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self._socket.bind((0, 0))
        self._queue: list[tuple[int, int, bytes, str]] = []
        self._size = 0

    def close(self) -> None:
        self._socket.close()

    def up(self, index: int) -> None:
        self._add(_NEWLINK, 0, _link(index, _IFF_UP), f"set link {index} up")

    def veth(self, name: str, index: int, *, peer: str, peer_index: int, peer_namespace: int) -> None:
        """Make a pair, this end up; the other end appears in the namespace of that descriptor."""
        other = _link(peer_index) + _attribute(3, peer) + _attribute(1, MAC) + _attribute(28, peer_namespace)
        info = _attribute(18, _attribute(1, "veth") + _attribute(2, _attribute(1, other)))
        body = _link(index, _IFF_UP) + _attribute(3, name) + _attribute(1, MAC) + info
        self._add(_NEWLINK, _CREATE, body, f"make veth {peer}")

    def delete_link(self, index: int) -> None:
        self._add(_DELLINK, 0, _link(index), f"delete link {index}")

    def address(self, address: str, index: int) -> None:
        """Add an address for this host alone (/32 or /128), usable at once."""
        self._add(_NEWADDR, _CREATE, _address(address, index), f"add address {address}")

    def delete_address(self, address: str, index: int) -> None:
        self._add(_DELADDR, 0, _address(address, index), f"delete address {address}")

    def route(self, destination: str, length: int, index: int, *, via: str | None = None) -> None:
        """Add a route; a gateway is reachable over the link, whatever its address (onlink)."""
        family, packed = _packed(destination)
        scope = _SCOPE_LINK if via is None and family == socket.AF_INET else _SCOPE_UNIVERSE
        flags = 0 if via is None else _RTNH_ONLINK
        body = struct.pack("=8BI", family, length, 0, 0, _TABLE_MAIN, _PROTO_BOOT, scope, _UNICAST, flags)
        if length:
            body += _attribute(1, packed)
        if via is not None:
            body += _attribute(5, _packed(via)[1])
        self._add(_NEWROUTE, _CREATE, body + _attribute(4, index), f"add route {destination}/{length}")

    def unreachable(self, destination: str, length: int) -> None:
        """Let a block be unreachable where no longer route says otherwise."""
        family, packed = _packed(destination)
        body = struct.pack("=8BI", family, length, 0, 0, _TABLE_MAIN, _PROTO_BOOT, 0, _UNREACHABLE, 0)
        self._add(_NEWROUTE, _CREATE, body + _attribute(1, packed), f"add unreachable {destination}/{length}")

    def neighbour(self, address: str, index: int) -> None:
        """Add a permanent neighbour: no ARP, and not counted in the neighbour table that all of the host shares."""
        family, packed = _packed(address)
        body = struct.pack("=BxHiHBB", family, 0, index, _NUD_PERMANENT, 0, 0)
        self._add(_NEWNEIGH, _CREATE, body + _attribute(1, packed) + _attribute(2, MAC), f"add neighbour {address}")

    def flush(self) -> None:
        """Send what is queued; OSError names the first request that failed."""
        if not self._queue:
            return
        queue, self._queue, self._size = self._queue, [], 0
        last = len(queue) - 1
        # Only the last is acknowledged: errors of the others come unasked, and before it.
        self._socket.send(
            b"".join(
                _HEADER.pack(16 + len(body), kind, flags | _REQUEST | (_ACK if n == last else 0), n, 0) + body
                for n, (kind, flags, body, _) in enumerate(queue)
            )
        )
        failed: OSError | None = None
        while True:
            for number, code in _errors(self._socket.recv(1 << 17)):
                if code and failed is None:
                    failed = OSError(code, f"{queue[number][3]}: {os.strerror(code)}")
                if number == last:
                    if failed is not None:
                        raise failed
                    return

    def _add(self, kind: int, flags: int, body: bytes, what: str) -> None:
        self._queue.append((kind, flags, body, what))
        self._size += 16 + len(body)
        if self._size > _AT_ONCE:
            self.flush()


def _errors(answer: bytes) -> list[tuple[int, int]]:
    """Return sequence number and errno of every acknowledgement in what the kernel sent."""
    found = []
    offset = 0
    while offset < len(answer):
        length, kind, _, number, _ = _HEADER.unpack_from(answer, offset)
        if kind == _ERROR:
            found.append((number, -struct.unpack_from("=i", answer, offset + 16)[0]))
        offset += (length + 3) & ~3
    return found


def _attribute(kind: int, value: bytes | str | int) -> bytes:
    if isinstance(value, str):
        value = value.encode() + b"\0"
    elif isinstance(value, int):
        value = struct.pack("=I", value)
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _packed(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


def _link(index: int, flags: int = 0) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, flags, flags)


def _address(address: str, index: int) -> bytes:
    family, packed = _packed(address)
    head = struct.pack("=BBBBI", family, 8 * len(packed), _IFA_F_NODAD, 0, index)
    return head + _attribute(2, packed) + _attribute(1, packed)
