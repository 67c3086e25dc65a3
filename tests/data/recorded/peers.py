"""The peers that record.sh talks to: TCP and UDP servers that say a name or misbehave, and a small DNS server.

Runs in the destination's network namespace and prints `ready` once everything listens.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable

NAME = b"server-1"
RESOLVER = "10.0.2.53"
LIAR = b"nc: connect to 10.0.2.2 port 83 (tcp) timed out: Operation now in progress\n"
ADDRESSES = {
    "one.test": ["10.0.2.2"],
    "two.test": ["10.0.2.3", "10.0.2.2"],
    "gone.test": ["10.0.2.3", "10.0.2.4"],
}
CODES = {"servfail.test": 2, "refused.test": 5}


def _silent(it: socket.socket) -> None:
    time.sleep(30)


def _reset(it: socket.socket) -> None:
    it.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _endless(it: socket.socket) -> None:
    for _ in range(1000):
        it.sendall(b"abcdefghij\n" * 1000)


TCP: dict[int, Callable[[socket.socket], None]] = {
    80: lambda it: it.sendall(NAME + b"\n"),
    81: _silent,
    82: lambda it: None,
    83: lambda it: it.sendall(LIAR),
    84: _endless,
    85: lambda it: it.sendall(b"server-2\n"),
    86: _reset,
}
UDP: dict[int, Callable[[bytes], bytes | None]] = {
    90: lambda got: got.strip() + b" " + NAME + b"\n",
    91: lambda got: None,
    92: lambda got: b"other " + NAME + b"\n",
    93: lambda got: b"nc: timed out\n",
    94: lambda got: b"",
    95: lambda got: b"\n",
    96: lambda got: got.strip() + b" server-2\n",
}


def _tcp(address: str, port: int, say: Callable[[socket.socket], None]) -> None:
    server = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    while True:
        connection, _ = server.accept()
        threading.Thread(target=_serve, args=(connection, say), daemon=True).start()


def _serve(connection: socket.socket, say: Callable[[socket.socket], None]) -> None:
    with connection:
        try:
            say(connection)
        except OSError:
            return  # it has heard enough


def _udp(address: str, port: int, say: Callable[[bytes], bytes | None]) -> None:
    server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, port))
    while True:
        got, peer = server.recvfrom(65535)
        answer = say(got)
        if answer is not None:
            server.sendto(answer, peer)


def _dns(query: bytes, *, tcp: bool = False) -> bytes | None:
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    question, kind = query[12 : at + 5], struct.unpack("!H", query[at + 1 : at + 3])[0]
    name = ".".join(labels).lower()
    number = query[:2]
    flags = 0x8180
    found = [] if kind != 1 else ADDRESSES.get(name, [])
    if name == "silent.test":
        return None
    if name == "wrongid.test":
        number = bytes([number[0] ^ 0xFF, number[1]])
    if name == "truncated.test" and not tcp:
        flags |= 0x0200
    known = name in ADDRESSES or name in {"truncated.test", "empty.test", "wrongid.test"}
    flags |= CODES.get(name, 0 if known else 3)
    answers = [b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 5, 4) + socket.inet_aton(a) for a in found]
    return number + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0) + question + b"".join(answers)


def _dns_tcp(it: socket.socket) -> None:
    query = it.recv(65535)[2:]
    if b"\x03eof" in query:
        return
    if b"\x05reset" in query:
        _reset(it)
        return
    answer = _dns(query, tcp=True)
    if answer is None:
        time.sleep(30)
        return
    it.sendall(struct.pack("!H", len(answer)) + answer)


def main() -> None:
    """Serve until killed."""
    jobs: list[tuple[Callable[..., None], tuple[object, ...]]] = []
    for address in ("10.0.2.2", "fd00:2::2"):
        jobs += [(_tcp, (address, port, say)) for port, say in TCP.items()]
        jobs += [(_udp, (address, port, answer)) for port, answer in UDP.items()]
    jobs += [(_udp, (RESOLVER, 53, _dns)), (_tcp, (RESOLVER, 53, _dns_tcp))]
    for target, args in jobs:
        threading.Thread(target=target, args=args, daemon=True).start()
    time.sleep(0.5)
    print("ready", flush=True)
    time.sleep(3600)


if __name__ == "__main__":
    main()
