"""Debian's Chromium, started so that it asks nothing of any network by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def browser() -> Iterator[Browser]:
    """Yield a headless browser with an empty profile of its own, and end it."""
    from playwright.sync_api import sync_playwright  # only who asks for a browser needs it

    path = shutil.which("chromium")
    if path is None:
        raise FileNotFoundError("there is no chromium here; `bash .ci/html` installs Debian's")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield found
        finally:
            found.close()
