"""The browser of this folder's tests, which are run only where -m names them, and the pages that it opens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prober.report.html import render
from prober.result import RunResult
from tests.report.html.browser import browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDE, NARROW = (1440, 900), (390, 844)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests of the browser to those who ask for them: nobody needs Chromium to work on the rest."""
    if "browser" in (config.option.markexpr or ""):
        return
    left = [item for item in items if item.get_closest_marker("browser")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Give one browser to all tests; each opens pages of its own in it."""
    with browser() as found:
        yield found


@dataclass
class Seen:
    """What a page did that nobody may do: spoke on the console, failed, asked for something, opened a dialog."""

    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


Open = Callable[..., "tuple[Page, Seen]"]


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open a run's page at a size, in a context of its own, and note all that it does."""
    contexts = []

    def open_page(result: RunResult, size: tuple[int, int] = WIDE, **options: Any) -> tuple[Page, Seen]:
        path = tmp_path / "report.html"
        path.write_text(render(result), encoding="utf-8")
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        page, seen = context.new_page(), Seen()
        page.on("console", lambda message: seen.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.said.append(str(error)))
        page.on("dialog", lambda dialog: seen.said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: seen.asked.append(request.url))
        page.goto(path.as_uri())
        return page, seen

    yield open_page
    for context in contexts:
        context.close()


@dataclass
class Served:
    """A page on loopback, and what was asked of its server."""

    url: str
    asked: list[str]


@pytest.fixture
def served() -> Iterator[Callable[[RunResult], Served]]:
    """Serve a run's page on loopback, noting every request."""
    servers: list[ThreadingHTTPServer] = []

    def serve(result: RunResult) -> Served:
        asked: list[str] = []
        handler = partial(_Handler, render(result).encode("utf-8"), asked)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return Served(url=f"http://127.0.0.1:{server.server_address[1]}/", asked=asked)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, body: bytes, asked: list[str], *arguments: Any) -> None:
        self._body, self._asked = body, asked
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self._body)))
        self.end_headers()
        self.wfile.write(self._body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""
