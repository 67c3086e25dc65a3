"""Tests of one exec's socket: what a broken one says is lost, never the command's end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websocket import WebSocketConnectionClosedException, WebSocketTimeoutException

from prober.cluster.kube import shell
from prober.cluster.kube.asking import AwayError, GoneError, LostError
from prober.cluster.kube.connection import ApiError
from prober.errors import ClusterError

SUCCESS = b"\x03" + json.dumps({"status": "Success"}).encode()
EXIT_1 = b"\x03" + json.dumps({"status": "Failure", "reason": "NonZeroExitCode", "message": "exit code 1"}).encode()


class Socket:
    """Gives the messages in their order, then behaves like a closed socket."""

    def __init__(self, *messages: object) -> None:
        self.messages = list(messages)
        self.sent = b""
        self.closed = False

    def send_binary(self, data: bytes) -> None:
        assert data[0] == 0
        self.sent += data[1:]

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def recv(self) -> object:
        message = self.messages.pop(0) if self.messages else b""
        if isinstance(message, Exception):
            raise message
        return message

    def shutdown(self) -> None:
        self.closed = True


class Connection:
    """Hands out one socket, or an error."""

    def __init__(self, socket: Socket | ApiError) -> None:
        self.socket = socket

    def exec(self, *_: object) -> Socket:
        if isinstance(self.socket, ApiError):
            raise self.socket
        return self.socket


def said(socket: Socket | ApiError, text: str = "") -> list[str]:
    connection: Any = Connection(socket)
    return list(shell.lines_of(connection, "real", "p", "probe", ("sh",), text, 1))


def test_lines_come_whole_whatever_the_frames() -> None:
    """A frame may end within a line, and within a letter; stderr is no answer."""
    umlaut = "ü\n".encode()
    socket = Socket(
        b"\x01one\ntw", b"\x02noise\n", b"\x01o\n" + umlaut[:1], b"\x01" + umlaut[1:], "\x01three\n", SUCCESS
    )

    assert ["one", "two", "ü", "three"] == said(socket)
    assert socket.closed


def test_long_requests_go_in_pieces() -> None:
    """The API server has a bound on a message; the text arrives whole."""
    socket = Socket(SUCCESS)
    text = "x" * 50_000 + "\n"

    said(socket, text)

    assert text.encode() == socket.sent


def test_exit_status_is_no_evidence() -> None:
    """A command that failed has still come to its end."""
    assert ["one"] == said(Socket(b"\x01one\n", EXIT_1))


@pytest.mark.parametrize(
    "last",
    [
        b"",
        WebSocketConnectionClosedException("gone"),
        WebSocketTimeoutException("slow"),
        ConnectionResetError("reset"),
        b"\x03no json",
        b"\x03[]",
        b"\x03" + json.dumps({"status": "Failure", "message": "error executing command: killed"}).encode(),
    ],
    ids=["closed", "dropped", "stalled", "reset", "status-lost", "status-odd", "killed"],
)
def test_exec_without_its_own_end_is_lost(last: object) -> None:
    """Whatever breaks after some lines is worth another try."""
    socket = Socket(b"\x01one\n", last)

    with pytest.raises(LostError):
        said(socket)

    assert socket.closed


def test_line_without_its_end_is_lost() -> None:
    """Half a line, even of an exec that ended well, is no line."""
    with pytest.raises(LostError):
        said(Socket(b"\x01one\ntw", SUCCESS))


@pytest.mark.parametrize(
    ("kind", "fatal", "error"),
    [
        (AwayError, True, ApiError("exec", 0, "", "connection refused")),
        (AwayError, False, ApiError("exec", 429, "", "slow down")),
        (AwayError, False, ApiError("exec", 500, "", "error dialing backend")),
        (GoneError, None, ApiError("exec", 404, "NotFound", 'pods "p" not found')),
        (GoneError, None, ApiError("exec", 500, "", 'container not found ("probe")')),
        (ApiError, None, ApiError("exec", 403, "Forbidden", "pods/exec is forbidden")),
    ],
    ids=["unreached", "busy", "node-away", "no-pod", "no-container", "forbidden"],
)
def test_refused_exec_is_waited_for_given_up_or_told(
    kind: type[ClusterError], fatal: bool | None, error: ApiError
) -> None:
    """Only a server that is not reached is fatal in the end; a pod that is gone is nobody's error."""
    with pytest.raises(kind) as caught:
        said(error)

    if isinstance(caught.value, AwayError):
        assert fatal is caught.value.fatal


def test_container_that_ended_meanwhile_is_gone() -> None:
    """The server may say it only in the status."""
    status = {"status": "Failure", "message": 'container not found ("probe")'}

    with pytest.raises(GoneError):
        said(Socket(b"\x03" + json.dumps(status).encode()))
