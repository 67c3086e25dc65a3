"""The only door to the API server: authenticated requests, repeated while it is away, watches, and exec's sockets.

Of the `kubernetes` client this uses what reads a kubeconfig and makes TLS right (its configuration and its pool): the
rest of it is neither safe in threads (`stream` swaps a method while it runs) nor patient. One Connection serves all.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential, wait_random
from websocket import WebSocket, WebSocketBadStatusException, WebSocketException

from prober import __version__
from prober.cluster.kube.login import configure, proxy_options, tls_options
from prober.cluster.kube.target import KubeTarget
from prober.errors import ClusterError

AWAY = 60.0  # seconds for which an API server may be out of reach: an upgrade of a single control plane takes that
UNWILLING = 15.0  # seconds for which it may answer 429 or 5xx: a webhook that fails must be told within seconds
HURRIED = 5.0  # the same at the start, where a wrong address is likelier than an outage
_CONNECT = 5.0
_READ = 30.0
_CHANNELS = "v4.channel.k8s.io"  # v5 can close stdin; nothing here needs it, and older servers lack it

Query = Sequence[tuple[str, str]]


class ApiError(ClusterError):
    """The API server refused, or (status 0) was not reached."""

    def __init__(self, what: str, status: int, reason: str, message: str) -> None:
        super().__init__(f"{what}: {message or reason or status}")
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def passing(self) -> bool:
        """Say whether the same request may succeed a little later."""
        return self.status in (0, 429) or self.status >= 500


class Connection:
    """One cluster's API server, for any number of threads."""

    def __init__(self, target: KubeTarget) -> None:
        self._settings = Configuration()
        self.context = configure(target, self._settings)
        self._settings.connection_pool_maxsize = 64
        self._rest = RESTClientObject(self._settings)
        self._login = threading.Lock()
        self._agent = f"prober/{__version__} (run {target.run_id})"
        self._pace = _Pace(target.rate)

    @property
    def server(self) -> str:
        return str(self._settings.host)

    def close(self) -> None:
        self._rest.pool_manager.clear()

    def get(self, path: str, query: Query = (), *, patience: float = AWAY) -> Any:
        """Return an object or a list."""
        return self.send("GET", path, query=query, patience=patience)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Query = (),
        kind: str = "application/json",
        patience: float = AWAY,
    ) -> Any:
        """Send a request, again while the server is away; return what it answers, or raise ApiError."""

        def once() -> Any:
            response = self._open(method, path, query, body, kind, urllib3.Timeout(connect=_CONNECT, read=_READ))
            return _content(f"{method} {path}", response)

        return _patiently(patience)(once)

    def date(self) -> datetime:
        """Return the API server's clock, which it tells in whole seconds with every answer."""
        response = self._open("GET", "/version", (), None, "", urllib3.Timeout(connect=_CONNECT, read=_READ))
        _content("GET /version", response)
        try:
            return parsedate_to_datetime(response.headers.get("date", ""))
        except ValueError:
            raise ApiError("GET /version", 0, "", "the answer has no date") from None

    def watch(self, path: str, query: Query, version: str, silence: float) -> Iterator[Mapping[str, Any]]:
        """Yield the events after `version`; ends after `silence` seconds without one; ApiError 410 if lost."""
        asked = (*query, ("watch", "1"), ("resourceVersion", version), ("allowWatchBookmarks", "true"))
        timeout = urllib3.Timeout(connect=_CONNECT, read=silence)
        response = self._open("GET", path, asked, None, "", timeout)
        if response.status != 200:
            _content(f"watch {path}", response)
        pending = b""
        try:
            for chunk in response.stream(None):
                *lines, pending = (pending + chunk).split(b"\n")
                for line in filter(None, lines):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        status = event["object"]
                        code = int(status.get("code") or 410)
                        raise ApiError(f"watch {path}", code, status.get("reason", ""), status.get("message", ""))
                    yield event
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            return  # silence, or the server went away: whoever watches lists again
        finally:
            response.close()

    def exec(self, namespace: str, pod: str, container: str, command: Sequence[str]) -> WebSocket:
        """Return the socket of a command in a pod, stdin open; the first byte of every message is its channel."""
        self._pace.wait()
        query = [("command", c) for c in command] + [("container", container)]
        query += [(stream, "true") for stream in ("stdin", "stdout", "stderr")]
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
        url = urlsplit(self.server)
        scheme = "wss" if url.scheme == "https" else "ws"
        address = f"{scheme}://{url.netloc}{url.path.rstrip('/')}{path}?{urlencode(query)}"
        header = [f"{k}: {v}" for k, v in self._headers("").items()] + [f"sec-websocket-protocol: {_CHANNELS}"]
        socket = WebSocket(sslopt=tls_options(self._settings), skip_utf8_validation=True)
        try:
            socket.connect(  # type: ignore[no-untyped-call]
                address, header=header, timeout=_CONNECT * 2, **proxy_options(self._settings)
            )
        except WebSocketBadStatusException as error:
            raise _refused(f"exec {namespace}/{pod}", error) from None
        except (WebSocketException, OSError) as error:
            raise ApiError(f"exec {namespace}/{pod}", 0, "", str(error) or type(error).__name__) from None
        return socket

    def _open(
        self, method: str, path: str, query: Query, body: object, kind: str, timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        url = self.server.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers(kind if data else ""), "accept": "application/json"}
        try:
            return self._rest.pool_manager.request(
                method, url, body=data, headers=headers, timeout=timeout, retries=False, preload_content=False
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(f"{method} {path}", 0, "", f"{self.server} is not reached: {error}") from None

    def _headers(self, kind: str) -> dict[str, str]:
        with self._login:  # renews tokens in place
            login = self._settings.auth_settings()
        headers = {"user-agent": self._agent}
        if kind:
            headers["content-type"] = kind
        if token := login.get("BearerToken"):
            headers[str(token["key"])] = str(token["value"])
        return headers


class _Pace:
    """At most so many execs a second."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            due = max(now, self._next)
            self._next = due + self._gap
        if due > now:
            time.sleep(due - now)


def _patiently(patience: float) -> Retrying:
    def stop(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        limit = min(patience, AWAY if isinstance(error, ApiError) and error.status in (0, 429) else UNWILLING)
        return (state.seconds_since_start or 0.0) >= limit

    return Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, ApiError) and e.passing),
        stop=stop,
        wait=wait_exponential(multiplier=0.1, max=2.0) + wait_random(0, 0.1),
        reraise=True,
    )


def _content(what: str, response: urllib3.BaseHTTPResponse) -> Any:
    try:
        text = response.data
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ApiError(what, 0, "", f"the answer broke off: {error}") from None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not 200 <= response.status <= 299:
        status = found if isinstance(found, dict) else {}
        message = str(status.get("message") or text[:300].decode("utf-8", "replace"))
        raise ApiError(what, response.status, str(status.get("reason") or ""), message)
    if found is None:
        raise ApiError(what, 0, "", "the answer is no JSON")
    return found


def _refused(what: str, error: WebSocketBadStatusException) -> ApiError:
    """Return why an exec was not even begun; the server's words are in the body, if anywhere."""
    body = error.resp_body or b""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    try:
        status = json.loads(text)
    except ValueError:
        status = {}
    message = str(status.get("message") or text[:300] or error) if isinstance(status, dict) else text[:300]
    return ApiError(what, int(error.status_code), "", message)
