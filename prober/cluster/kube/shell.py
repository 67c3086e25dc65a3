"""One command in one pod over one socket: its text goes in, its lines come out; its exit status is no evidence."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

from websocket import WebSocket, WebSocketException, WebSocketTimeoutException

from prober.cluster.kube.asking import AwayError, GoneError, LostError
from prober.cluster.kube.connection import AWAY, UNWILLING, ApiError, Connection
from prober.errors import ClusterError

GRACE = 20.0  # seconds beyond its own that an exec may take: a busy machine, a slow way through the API server
_PIECE = 16_384  # bytes of stdin in one message
_STDIN, _STDOUT, _STDERR, _STATUS = range(4)


def lines_of(
    connection: Connection, namespace: str, pod: str, container: str, command: Sequence[str], text: str, seconds: float
) -> Iterator[str]:
    """Yield what a command writes, line by line as it comes; LostError if it did not come to its own end."""
    try:
        socket = connection.exec(namespace, pod, container, command)
    except ApiError as error:
        raise _explained(error) from None
    pending = b""
    try:
        for chunk in _chunks(socket, text.encode(), time.monotonic() + seconds + GRACE):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                yield line.decode("utf-8", "replace")
    finally:
        socket.shutdown()  # type: ignore[no-untyped-call]
    if pending:
        raise LostError(f"{namespace}/{pod}: the last line was cut short")


def _chunks(socket: WebSocket, text: bytes, until: float) -> Iterator[bytes]:
    """Yield stdout as it comes, until the server says how the command ended."""
    try:
        for start in range(0, len(text), _PIECE):
            socket.send_binary(bytes([_STDIN]) + text[start : start + _PIECE])
        while (left := until - time.monotonic()) > 0:
            socket.settimeout(left)
            message = socket.recv()
            data = message.encode() if isinstance(message, str) else message
            if not data:
                raise LostError("the socket was closed before the command's end")
            match data[0]:
                case 1:  # stdout
                    yield data[1:]
                case 3:  # the status: nothing comes after it
                    _check(data[1:])
                    return
                case _:
                    pass
        raise LostError("no end within its time")
    except WebSocketTimeoutException:
        raise LostError("no end within its time") from None
    except (WebSocketException, OSError) as error:
        raise LostError(f"the socket broke: {error}") from None


def _check(status: bytes) -> None:
    """Raise where the status says that the command was not run, or was ended by somebody else."""
    try:
        found = json.loads(status)
        message, reason = str(found.get("message", "")), str(found.get("reason", ""))
        success = found.get("status") == "Success"
    except (ValueError, AttributeError):
        raise LostError("the status of the command is lost") from None
    if success or reason == "NonZeroExitCode":
        return
    if _is_gone(message):
        raise GoneError(message)
    raise LostError(message)


def _explained(error: ApiError) -> ClusterError:
    """Return what a refused exec means: repeat it, give the pod up, or give the run up."""
    if error.status == 404 or _is_gone(error.message):
        return GoneError(str(error))
    if not error.passing:
        return error
    unreached = error.status == 0
    return AwayError(str(error), patience=AWAY if unreached else UNWILLING, fatal=unreached)


def _is_gone(message: str) -> bool:
    return any(words in message for words in ("container not found", "not found in pod", "is not running", "NotFound"))
