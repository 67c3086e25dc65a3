"""How quick the page of a 100-pod run is: `python -m tests.bench.bench_html [PODS]` prints figures, asserts nothing.

Every pod asks every other before any policy, under a default deny in one of three namespaces, and after it; the page is
judged from a journal of these 29,700 cells, as a run would write it, and opened in Debian's Chromium a few times.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from prober.report.html import render
from prober.result import RunResult
from tests.bench.matrices import matrix_of
from tests.report.html.browser import browser
from tests.telling import journal, judged

OPENED = 5
SIZES = (100, 30)


def big(pods: int) -> RunResult:
    """Return the run of a scenario in which one of three namespaces is closed."""
    text = matrix_of(pods, ports="80")
    return judged(journal(text), text)


def main() -> None:
    """Print size, the time to render, and from navigation to the first frame with everything laid out."""
    for pods in [int(a) for a in sys.argv[1:]] or SIZES:
        result = big(pods)
        begin = time.perf_counter()
        text = render(result)
        rendered = time.perf_counter() - begin
        with tempfile.TemporaryDirectory() as folder, browser() as chromium:
            path = Path(folder) / "report.html"
            path.write_text(text, encoding="utf-8")
            opened, shown = [], []
            for _ in range(OPENED):
                page = chromium.new_page(viewport={"width": 1440, "height": 900})
                begin = time.perf_counter()
                page.goto(path.as_uri())
                page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
                opened.append(time.perf_counter() - begin)
                begin = time.perf_counter()
                page.locator("table.matrix td.x").nth(pods // 2).click()
                page.locator("#panel").wait_for()
                shown.append(time.perf_counter() - begin)
                page.close()
        cells = sum(1 for _ in result.scenarios[0].cells)
        print(
            f"{pods} pods, {cells:,} cells: {len(text.encode()) / 1e6:.2f} MB, rendered in {rendered:.2f} s, opened in "
            f"{statistics.median(opened):.2f} s (worst {max(opened):.2f}), a cell in {statistics.median(shown):.2f} s"
        )


if __name__ == "__main__":
    main()
