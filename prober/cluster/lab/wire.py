"""Messages between the harness and the lab: one plain value, with descriptors beside it, over a private socket pair.

Marshal, not JSON or pickle: both ends are the same interpreter started by the same user, it is the fastest of the
three, and it needs no import (the lab's start is counted in milliseconds).
"""

from __future__ import annotations

import marshal
import socket
import struct

TYPE_CHECKING = False  # typing itself is not imported: see above
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_LENGTH = struct.Struct("=Q")
_DESCRIPTOR = struct.Struct("=i")
_MOST_DESCRIPTORS = 4


def send(sock: socket.socket, message: Any, descriptors: Sequence[int] = ()) -> None:
    """Send one value; the receiver gets copies of the descriptors."""
    body = marshal.dumps(message)
    socket.send_fds(sock, [_LENGTH.pack(len(body))], list(descriptors))
    sock.sendall(body)


def receive(sock: socket.socket) -> tuple[Any, list[int]]:
    """Return the next value and its descriptors (close-on-exec); EOFError when the other end is gone."""
    # not socket.recv_fds: it forgets its flags, and every program started later would inherit the descriptors
    room = socket.CMSG_SPACE(_MOST_DESCRIPTORS * _DESCRIPTOR.size)
    head, beside, _, _ = sock.recvmsg(_LENGTH.size, room, socket.MSG_CMSG_CLOEXEC)
    if not head:
        raise EOFError
    descriptors = [descriptor for _, _, data in beside for (descriptor,) in _DESCRIPTOR.iter_unpack(data)]
    head += _exactly(sock, _LENGTH.size - len(head))
    return marshal.loads(_exactly(sock, _LENGTH.unpack(head)[0])), descriptors  # noqa: S302  # our own child wrote it


def _exactly(sock: socket.socket, count: int) -> bytes:
    body = bytearray(count)
    view = memoryview(body)
    while view:
        got = sock.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]
    return bytes(body)
