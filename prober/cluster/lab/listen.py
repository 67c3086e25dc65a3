"""Listeners of all hosts in one thread: they say their name, echo a nonce or answer DNS to whoever reaches them."""

from __future__ import annotations

import _thread
import contextlib
import os
import select
import socket
import struct
import traceback
from collections import deque

from prober.cluster.lab.names import respond

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from prober.cluster.lab.names import Zone

NAME, ECHO, NAME_SCTP, DNS, DNS_STREAM = "tcp", "udp", "sctp", "dns", "dns-tcp"  # kinds of listeners
_SOCKETS = {
    NAME: (socket.SOCK_STREAM, 0),
    ECHO: (socket.SOCK_DGRAM, 0),
    NAME_SCTP: (socket.SOCK_STREAM, 132),
    DNS: (socket.SOCK_DGRAM, 0),
    DNS_STREAM: (socket.SOCK_STREAM, 0),
}
_BACKLOG = 4096
_MOST_CONVERSATIONS = 256  # DNS over TCP: a client that a policy cut off never says goodbye
_LONGEST_NONCE = 256
_AT_ONCE = 64  # so that a flood at one listener starves no other


class _Listener:
    __slots__ = ("answer", "kind", "owner", "socket")

    def __init__(self, kind: str, owner: str, answer: str, sock: socket.socket) -> None:
        self.kind, self.owner, self.answer, self.socket = kind, owner, answer.encode(), sock


class Listeners:
    """All listeners; `serve` runs in its own thread, everything else is called from the thread that changes the lab."""

    def __init__(self) -> None:
        self.zone: Zone = {}
        self._arrived: deque[str] = deque()
        self._epoll = select.epoll()
        self._open: dict[int, _Listener] = {}
        self._conversations: dict[int, tuple[socket.socket, bytes]] = {}

    def add(self, kind: str, owner: str, address: str, port: int, answer: str) -> None:
        """Listen in the calling thread's network namespace."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        style, protocol = _SOCKETS[kind]
        sock = socket.socket(family, style | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            if style == socket.SOCK_STREAM:
                sock.listen(_BACKLOG)
        except OSError as error:
            sock.close()
            raise OSError(error.errno, f"{owner} cannot listen on {address} port {port}/{kind}: {error}") from error
        self._open[sock.fileno()] = _Listener(kind, owner, answer, sock)
        self._epoll.register(sock, select.EPOLLIN)

    def close(self, owners: Iterable[str]) -> None:
        """Close the listeners of these owners."""
        gone = frozenset(owners)
        for descriptor, listener in list(self._open.items()):
            if listener.owner in gone:
                del self._open[descriptor]
                self._epoll.unregister(descriptor)
                listener.socket.close()

    def arrivals(self) -> list[str]:
        """Return what datagrams brought since the last call."""
        found = []
        while self._arrived:
            found.append(self._arrived.popleft())
        return found

    def described(self) -> list[str]:
        """Return a line for each listener."""
        return sorted(f"{one.owner} {one.kind} {_place(one.socket)}" for one in list(self._open.values()))

    def start(self) -> None:
        """Serve in a thread from now on."""
        _thread.start_new_thread(self._serve, ())

    def _serve(self) -> None:
        try:
            while True:
                for descriptor, _ in self._epoll.poll():
                    if descriptor in self._conversations:
                        self._converse(descriptor)
                    elif (listener := self._open.get(descriptor)) is not None:
                        self._attend(listener)
        except BaseException:  # a lab without listeners proves nothing: say so and end
            traceback.print_exc()
            os._exit(1)

    def _attend(self, listener: _Listener) -> None:
        """Serve those who wait at one listener; epoll tells again of those who still do."""
        # OSError: nobody waits any more, the caller is gone, or the other thread has closed the listener meanwhile
        with contextlib.suppress(OSError):
            for _ in range(_AT_ONCE):
                if listener.kind in (ECHO, DNS):
                    self._datagram(listener)
                else:
                    self._caller(listener)

    def _caller(self, listener: _Listener) -> None:
        sock, _ = listener.socket.accept()
        if listener.kind == DNS_STREAM:
            sock.setblocking(False)
            if len(self._conversations) >= _MOST_CONVERSATIONS:
                self._hang_up(next(iter(self._conversations)))
            self._conversations[sock.fileno()] = sock, b""
            self._epoll.register(sock, select.EPOLLIN)
            return
        with sock:
            sock.send(listener.answer + b"\n")

    def _datagram(self, listener: _Listener) -> None:
        message, sender = listener.socket.recvfrom(65535)
        if listener.kind == DNS:
            answer = respond(message, self.zone, stream=False)
            if answer is not None:
                listener.socket.sendto(answer, sender)
            return
        nonce = message.strip()[:_LONGEST_NONCE]
        self._arrived.append(nonce.decode("ascii", "replace"))  # before the answer: it may be dropped on its way
        listener.socket.sendto(nonce + b" " + listener.answer + b"\n", sender)

    def _converse(self, descriptor: int) -> None:
        sock, heard = self._conversations[descriptor]
        try:
            more = sock.recv(65536)
            heard += more
            while len(heard) >= 2 and len(heard) >= 2 + (length := int.from_bytes(heard[:2], "big")):
                answer = respond(heard[2 : 2 + length], self.zone, stream=True)
                heard = heard[2 + length :]
                if answer is not None:
                    sock.send(struct.pack(">H", len(answer)) + answer)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if more:
            self._conversations[descriptor] = sock, heard
        else:
            self._hang_up(descriptor)

    def _hang_up(self, descriptor: int) -> None:
        sock, _ = self._conversations.pop(descriptor)
        self._epoll.unregister(descriptor)
        sock.close()


def _place(sock: socket.socket) -> str:
    try:
        address, port, *_ = sock.getsockname()
    except OSError:
        return "closed"
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
