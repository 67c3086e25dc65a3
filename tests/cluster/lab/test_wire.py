"""That a value and its descriptors arrive whole, and that a broken end is noticed."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from prober.cluster.lab.wire import receive, send


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection."""
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="nothing"),
        pytest.param(
            ("change", {"hosts": [("pod/x/a", "node/1", ("10.0.0.1",))], "zone": {"n": {1: (b"\0\1",)}}}), id="an-order"
        ),
        pytest.param("x" * 5_000_000, id="more-than-a-buffer"),
        pytest.param(("ok", -1, 2.5, True, b"\xff"), id="every-plain-type"),
    ],
)
def test_a_value_arrives(ends: tuple[socket.socket, socket.socket], value: Any) -> None:
    """What is sent is what is received, whatever its size."""
    sender = threading.Thread(target=send, args=(ends[0], value))
    sender.start()
    received = receive(ends[1])
    sender.join()
    assert (value, []) == received


def test_descriptors_arrive(ends: tuple[socket.socket, socket.socket]) -> None:
    """The receiver gets copies of its own, which no program that it starts inherits."""
    read, write = os.pipe()
    send(ends[0], "take", (read,))
    os.close(read)
    _, (copy,) = receive(ends[1])
    os.write(write, b"hello")
    assert (b"hello", False) == (os.read(copy, 5), os.get_inheritable(copy))
    os.close(copy)
    os.close(write)


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"", id="at-once"),
        pytest.param(b"\x09", id="in-the-length"),
        pytest.param(b"\x09" + 7 * b"\0" + b"abc", id="in-the-value"),
    ],
)
def test_an_end_that_is_gone(ends: tuple[socket.socket, socket.socket], part: bytes) -> None:
    """A connection that ends anywhere is an EOFError, never a value."""
    ends[0].sendall(part)
    ends[0].close()
    with pytest.raises(EOFError):
        receive(ends[1])
