"""Tests of the door to the API server, against a small server on loopback that says what it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from prober.cluster.kube import connection as door
from prober.cluster.kube.connection import ApiError, Connection
from prober.cluster.kube.target import KubeTarget
from prober.errors import UsageError

Answer = tuple[int, Any]


class Server:
    """Gives its answers in their order, the last one for ever; remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                server.asked.append((self.command, self.path, body))
                server.headers.append({k.lower(): v for k, v in self.headers.items()})
                status, found = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                data = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def kubeconfig(path: Path, *addresses: str, current: str = "c0", token: str = "t0ken") -> Path:  # noqa: S107
    names = [(f"c{i}", address) for i, address in enumerate(addresses)]
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": n, "cluster": {"server": a}} for n, a in names],
                "users": [{"name": "u", "user": {"token": token}}],
                "contexts": [{"name": n, "context": {"cluster": n, "user": "u"}} for n, _ in names],
                "current-context": current,
            }
        )
    )
    return path


@pytest.fixture
def server() -> Iterator[Server]:
    """A server for one test."""
    one = Server()
    yield one
    one.close()


@pytest.fixture
def connection(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection to that server."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    one = Connection(KubeTarget(kubeconfig=str(kubeconfig(tmp_path / "config", server.address)), run_id="k3"))
    yield one
    one.close()


def test_requests_say_who_asks(server: Server, connection: Connection) -> None:
    """The account's token and the run's id go with every request; a query is encoded."""
    server.answers = [(200, {"items": []})]

    assert {"items": []} == connection.get("/api/v1/pods", (("labelSelector", "a=b,c"),))
    assert [("GET", "/api/v1/pods?labelSelector=a%3Db%2Cc", None)] == server.asked
    assert "Bearer t0ken" == server.headers[0]["authorization"]
    assert "(run k3)" in server.headers[0]["user-agent"]


def test_body_is_sent_as_its_kind(server: Server, connection: Connection) -> None:
    """A patch is a merge patch, and a deletion carries its preconditions."""
    server.answers = [(200, {})]

    connection.send("PATCH", "/x", {"a": 1}, kind="application/merge-patch+json")
    connection.send("DELETE", "/x", {"preconditions": {"uid": "u"}})

    assert [{"a": 1}, {"preconditions": {"uid": "u"}}] == [body for _, _, body in server.asked]
    assert ["application/merge-patch+json", "application/json"] == [h["content-type"] for h in server.headers]


@pytest.mark.parametrize("trouble", [(503, b"no json"), (500, {"message": "etcd"}), (429, {}), (200, b"no json")])
def test_passing_trouble_is_asked_again(trouble: Answer, server: Server, connection: Connection) -> None:
    """What may be over in a moment is asked again, and the answer counts."""
    server.answers = [trouble, trouble, (200, {"a": 1})]

    assert {"a": 1} == connection.get("/x")
    assert 3 == len(server.asked)


@pytest.mark.parametrize(
    ("status", "reason"), [(403, "Forbidden"), (404, "NotFound"), (409, "Conflict"), (422, "Invalid")]
)
def test_refusal_is_told_at_once_in_the_servers_words(
    status: int, reason: str, server: Server, connection: Connection
) -> None:
    """What will not pass is not asked again."""
    server.answers = [(status, {"kind": "Status", "reason": reason, "message": "pods is forbidden: no"})]

    with pytest.raises(ApiError, match="GET /x: pods is forbidden: no") as caught:
        connection.get("/x")

    assert (status, reason, 1) == (caught.value.status, caught.value.reason, len(server.asked))


def test_patience_has_an_end(server: Server, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stays unwilling is told within its time, with its last words."""
    monkeypatch.setattr(door, "UNWILLING", 0.2)
    server.answers = [(500, {"message": "failed calling webhook"})]

    with pytest.raises(ApiError, match="failed calling webhook"):
        connection.get("/x")

    assert len(server.asked) > 1


def test_server_out_of_reach_is_waited_for(tmp_path: Path) -> None:
    """An outage within the patience is no error; beyond it, it is, with the address."""
    server = Server()
    server.answers = [(200, {"a": 1})]
    connection = Connection(KubeTarget(kubeconfig=str(kubeconfig(tmp_path / "config", server.address))))
    try:
        assert {"a": 1} == connection.get("/x")
        server.close()
        with pytest.raises(ApiError, match=f"{server.address} is not reached") as caught:
            connection.get("/x", patience=0.1)
        assert (0, True) == (caught.value.status, caught.value.passing)
    finally:
        connection.close()


def events(*found: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(e).encode() + b"\n" for e in found)


def test_watch_yields_what_happens(server: Server, connection: Connection) -> None:
    """Each event is a line; the watch goes on from the version that was listed."""
    added = {"type": "ADDED", "object": {"metadata": {"name": "a" * 100_000}}}
    server.answers = [(200, events(added, added))]

    assert [added, added] == list(connection.watch("/x", (), "7", 1.0))
    assert "/x?watch=1&resourceVersion=7&allowWatchBookmarks=true" == server.asked[0][1]


def test_watch_that_lost_its_place_says_so(server: Server, connection: Connection) -> None:
    """410 Gone is an event of its own: whoever watches lists again."""
    gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
    server.answers = [(200, events(gone))]

    with pytest.raises(ApiError, match="too old") as caught:
        list(connection.watch("/x", (), "7", 1.0))

    assert 410 == caught.value.status


def test_watch_ends_where_half_an_event_is_lost(server: Server, connection: Connection) -> None:
    """What does not come whole is no event."""
    added = {"type": "ADDED", "object": {"metadata": {"name": "a"}}}
    server.answers = [(200, events(added) + b'{"type": "DEL')]

    assert [added] == list(connection.watch("/x", (), "7", 1.0))


def test_execs_keep_their_pace(server: Server, tmp_path: Path) -> None:
    """--rate is a bound on how many execs begin in a second."""
    server.answers = [(403, {"message": "no"})]
    target = KubeTarget(kubeconfig=str(kubeconfig(tmp_path / "config", server.address)), rate=50)
    connection = Connection(target)
    begin = time.monotonic()
    for _ in range(4):
        with pytest.raises(ApiError, match="no"):
            connection.exec("real", "p", "probe", ("sh", "-c", "a b"))
    connection.close()

    assert time.monotonic() - begin >= 3 / 50
    assert "/api/v1/namespaces/real/pods/p/exec?command=sh&command=-c&command=a+b&container=probe" in server.asked[0][1]


def test_refused_exec_has_the_servers_words(server: Server, connection: Connection) -> None:
    """Why an exec may not begin stands in the body of the refused upgrade."""
    server.answers = [(403, {"kind": "Status", "message": 'cannot create resource "pods/exec"'})]

    with pytest.raises(ApiError, match='cannot create resource "pods/exec"') as caught:
        connection.exec("real", "p", "probe", ("sh",))

    assert (403, False) == (caught.value.status, caught.value.passing)


@pytest.mark.parametrize(
    ("words", "context"),
    [
        ("several contexts; give --context, one of c0, c1", ""),
        ("there is no context c9; the kubeconfig has c0, c1", "c9"),
    ],
)
def test_context_is_never_guessed(words: str, context: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among several clusters the user says which: the current one may be production."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    path = kubeconfig(tmp_path / "config", "http://127.0.0.1:1", "http://127.0.0.1:2")

    with pytest.raises(UsageError, match=words):
        Connection(KubeTarget(kubeconfig=str(path), context=context))


def test_named_context_is_used(tmp_path: Path) -> None:
    """--context decides, whatever the current context is."""
    path = kubeconfig(tmp_path / "config", "http://127.0.0.1:1", "http://127.0.0.1:2")
    connection = Connection(KubeTarget(kubeconfig=str(path), context="c1"))
    connection.close()

    assert ("c1", "http://127.0.0.1:2") == (connection.context, connection.server)


@pytest.mark.parametrize("text", ["", "no: kubeconfig", "{"])
def test_kubeconfig_that_is_none_is_wrong_use(text: str, tmp_path: Path) -> None:
    """A file that cannot be used is told as such, with what to do."""
    path = tmp_path / "config"
    path.write_text(text)

    with pytest.raises(UsageError):
        Connection(KubeTarget(kubeconfig=str(path)))


@pytest.mark.parametrize(
    ("named", "environment", "said"),
    [
        ("/none/a", "/none/b", "/none/a (--kubeconfig)"),
        ("", "/none/b:/none/c", "/none/b:/none/c (KUBECONFIG)"),
        ("", "", "~/.kube/config (neither --kubeconfig nor KUBECONFIG is given)"),
    ],
)
def test_kubeconfig_that_is_not_there_is_wrong_use(
    named: str, environment: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is one that does not exist: where it was looked for, and what helps."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", environment)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError) as caught:
        Connection(KubeTarget(kubeconfig=named))

    remedy = "give one by --kubeconfig FILE; --cluster lab needs none"
    assert f"no cluster: there is no kubeconfig {said}; {remedy}" == str(caught.value)
