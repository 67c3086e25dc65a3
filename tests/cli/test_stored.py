"""Tests of `prober report` and `prober clean`."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from prober import __version__
from prober.cli.places import KEPT, alive
from prober.cluster.fake import Says
from prober.report import json as json_report
from tests.cli.conftest import Run
from tests.cli.world import LEAKING, enforcing, leaking
from tests.report.build import cell, run, scenario, step

JOURNALS = "lab: it leaves nothing but journals, the past runs that `prober report` reads"
pytestmark = pytest.mark.usefixtures("scenarios")


@pytest.fixture
def leaked(prober: Run, lab: Callable[[Says], None], state: Path) -> Path:
    """Leave the report of a leak in leaked.json; return the path of its journal."""
    lab(leaking)
    assert 1 == prober("run", "s", "--settle", "300ms", "--quiet", "--report", "json=leaked.json")[0]
    (journal,) = state.glob("*.jsonl")
    return journal


def test_report_judges_the_journal_again(prober: Run, leaked: Path) -> None:
    """A stored report is judged again from the journal in it: whoever changes its results changes nothing."""
    stored = json.loads(Path("leaked.json").read_text())
    stored["scenarios"] = []
    Path("forged.json").write_text(json.dumps(stored))
    code, out, err = prober("report", "forged.json")

    assert (1, "") == (code, err)
    assert f"LEAK {LEAKING}: " in out


def test_report_of_a_report_is_equal(prober: Run, leaked: Path) -> None:
    """Judging again gives the same document."""
    code, out, _ = prober("report", "leaked.json", "--format", "json")

    assert (1, Path("leaked.json").read_text()) == (code, out)


def test_page_of_a_stored_run_is_that_of_the_run(prober: Run, lab: Callable[[Says], None]) -> None:
    """The HTML page that a run writes is, byte for byte, the one that its json report is rendered to later."""
    lab(leaking)
    reports = ("--report", "json=r.json", "--report", "html=r.html")
    assert 1 == prober("run", "s", "--settle", "300ms", "--quiet", *reports)[0]
    assert 1 == prober("report", "r.json", "--format", "html", "--output", "again.html")[0]

    page = Path("r.html").read_text()
    assert page == Path("again.html").read_text()
    assert f"<h4>{html.escape(LEAKING)}</h4>" in page


def test_report_takes_a_bare_journal(prober: Run, leaked: Path) -> None:
    """A journal is as good as a report, whatever its name."""
    by_name = prober("report", leaked, "--format", "json")
    copy = Path("copy.txt")
    copy.write_text(leaked.read_text())

    assert Path("leaked.json").read_text() == by_name[1] == prober("report", copy, "--format", "json")[1]


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_report_of_a_killed_run(kept: float, prober: Run, leaked: Path) -> None:
    """A journal that ends in the middle of a line is judged as far as it came, and is never green."""
    text = leaked.read_text()
    leaked.write_text(text[: int(len(text) * kept)])
    code, out, _ = prober("report", leaked)

    assert code in (1, 130)
    assert "interrupted: these are the results so far" in out


def test_report_writes_a_file(prober: Run, leaked: Path) -> None:
    """--output names a file, and stdout stays empty."""
    code, out, _ = prober("report", "leaked.json", "--format", "junit", "--output", "out.xml")

    assert (1, "") == (code, out)
    assert 'type="LEAK"' in Path("out.xml").read_text()


def test_report_without_a_journal_is_shown_as_it_is(prober: Run) -> None:
    """A report without a journal cannot be judged again, which is said."""
    Path("bare.json").write_text(json_report.render(run(scenario(step(cell("a/b -> c/d:80"))))))
    code, out, err = prober("report", "bare.json")

    assert (0, "proved 1 denial and 0 allows") == (code, out.splitlines()[1].split(" on ")[0])
    assert "prober: bare.json has no journal in it: its results are shown as they are stored\n" == err


def test_report_narrows_what_fails(prober: Run, leaked: Path) -> None:
    """--fail-on means the same as for a run."""
    assert 0 == prober("report", "leaked.json", "--fail-on", "break")[0]


def changed(**event: object) -> str:
    """Return a result whose journal begins with an event like this."""
    return json_report.render(run(), [event])


@pytest.mark.parametrize(
    ("message", "name", "text"),
    [
        pytest.param("r.json:1: not JSON", "r.json", "PASS\n", id="text"),
        pytest.param("r.jsonl: its first line is not how a journal begins", "r.jsonl", "x\ny\n", id="lines"),
        pytest.param("r.jsonl: the journal is empty", "r.jsonl", "", id="empty"),
        pytest.param("is written as 'prober/result/9'", "r.json", '{"schema": "prober/result/9"}', id="version"),
        pytest.param("not an event of a journal of this version", "r.json", changed(event="Later"), id="event"),
        pytest.param("not an event of a journal of this version", "r.jsonl", '{"event": "Later"}\n', id="line"),
        pytest.param(
            "lacks the beginning of its run",
            "r.jsonl",
            '{"event": "Trouble", "scenario": "", "text": "x", "n": 0}\n',
            id="no-beginning",
        ),
        pytest.param(
            "a scenario in it is none to this version",
            "r.json",
            changed(
                event="RunStarted", run="r", version=__version__, cluster="lab", at=0, wall="", settings={},
                texts={"a": "x: 1"}, scenarios=["a"],
            ),
            id="scenario",
        ),
    ],
)  # fmt: skip
def test_report_refuses(message: str, name: str, text: str, prober: Run) -> None:
    """What is no result of this version is one clear error with the file's name, exit 2."""
    Path(name).write_text(text)
    code, out, err = prober("report", name)

    assert (2, "") == (code, out)
    assert message in err
    assert err.startswith(name)


@pytest.mark.parametrize(
    ("message", "argv"),
    [
        pytest.param("gone: No such file or directory; give it a json report", ["gone"], id="missing"),
        pytest.param("s: Is a directory; give it a json report", ["s"], id="directory"),
        pytest.param("there is no directory nowhere", ["leaked.json", "--output", "nowhere/x"], id="output"),
    ],
)
def test_report_needs_a_file(message: str, argv: list[str], prober: Run) -> None:
    """A file that cannot be read or written is wrong use."""
    code, _, err = prober("report", *argv)

    assert (2, True) == (code, message in err)


def test_report_refuses_bytes(prober: Run) -> None:
    """A file that is no text is refused by name."""
    Path("r.json").write_bytes(b"\xff\xfe")

    assert "r.json: it is not UTF-8" in prober("report", "r.json")[2]


def remains(state: Path, *runs: str) -> None:
    state.mkdir(parents=True)
    for name in runs:
        (state / f"{name}.jsonl").write_text("")
    (state / "notes.jsonl").write_text("not ours")


OLD, NEW = "20260101-000000-aaaa", "20260102-000000-bbbb"


def test_clean_removes_journals_and_nothing_else(prober: Run, state: Path) -> None:
    """--expired removes the journals of runs that are over, and no other file."""
    remains(state, OLD, NEW)
    code, out, _ = prober("clean", "--expired")

    assert 0 == code
    assert f"{JOURNALS}; removed 2 of 2 in {state}" == out.splitlines()[0]
    assert ["notes.jsonl"] == [p.name for p in state.iterdir()]


def test_clean_dry_run_removes_nothing(prober: Run, state: Path) -> None:
    """--dry-run says what would go, and leaves it."""
    remains(state, OLD, NEW)
    code, out, _ = prober("clean", "--run", OLD, "--dry-run")

    assert (0, [f"  would remove {state}/{OLD}.jsonl"]) == (code, out.splitlines()[1:])
    assert 3 == len(list(state.iterdir()))


def test_clean_leaves_a_run_that_lives(prober: Run, state: Path) -> None:
    """A run that still lives is left by --expired and refused by --run."""
    remains(state, OLD, NEW)
    with alive(state / f"{NEW}.jsonl"):
        code, _, err = prober("clean", "--run", NEW)
        assert (2, f"prober: --run {NEW}: it still lives; end it first\n") == (code, err)
        assert "removed 1 of 2" in prober("clean", "--expired")[1]
    assert (state / f"{NEW}.jsonl").exists()


@pytest.mark.parametrize("run", ["20260103-000000-cccc", "../../etc/passwd", "notes"])
def test_clean_knows_only_runs(run: str, prober: Run, state: Path) -> None:
    """A run that has left nothing is refused, and so is every name that is none of a run."""
    remains(state, OLD)
    code, _, err = prober("clean", "--run", run)

    assert (2, True) == (code, f"the latest are {OLD}" in err)
    assert 2 == len(list(state.iterdir()))


def test_clean_where_nothing_is(prober: Run, state: Path) -> None:
    """Where no run ever was there is nothing to remove."""
    assert (0, f"{JOURNALS}; removed 0 of 0 in {state}\n", "") == prober("clean", "--expired")


def test_run_keeps_the_newest_journals(prober: Run, state: Path, lab: Callable[[Says], None]) -> None:
    """A run removes the oldest journals beyond the number that is kept, but none of a run that lives."""
    remains(state, *(f"20260101-0000{i:02}-aaaa" for i in range(KEPT + 3)))
    with alive(state / "20260101-000000-aaaa.jsonl"):
        prober("run", "s", "--quiet", "--tag", "idle")

    left = sorted(p.stem for p in state.glob("2*.jsonl"))
    assert ("20260101-000000-aaaa", KEPT + 1) == (left[0], len(left))


def test_compare_says_what_became_worse(prober: Run, leaked: Path, lab: Callable[[Says], None]) -> None:
    """From a good run to a leaking one it became worse (exit 1); the other way round it is fixed (exit 0)."""
    lab(enforcing)
    assert 0 == prober("run", "s", "--quiet", "--report", "json=good.json")[0]
    code, out, _ = prober("compare", "good.json", "leaked.json")

    assert 1 == code
    assert out.startswith("it became worse: 1 worse, 0 fixed,")
    assert f"PASS -> LEAK {LEAKING}" in out
    assert 0 == prober("compare", "leaked.json", "good.json", "--format", "json", "--output", "c.json")[0]
    assert 1 == json.loads(Path("c.json").read_text())["counts"]["fixed"]


def test_quiet_report_is_its_head(prober: Run, leaked: Path) -> None:
    """--quiet leaves a run's banner and proof, of several runs a line for each; other formats stay whole."""
    _, whole, _ = prober("report", leaked)
    _, both, _ = prober("report", leaked, leaked)

    assert (1, "".join(whole.splitlines(keepends=True)[:2]), "") == prober("report", leaked, "--quiet")
    assert (1, "".join(both.splitlines(keepends=True)[:3]), "") == prober("report", leaked, leaked, "--quiet")
    assert prober("report", leaked, "--format", "junit") == prober("report", leaked, "--format", "junit", "--quiet")


def test_several_reports_are_one_page(prober: Run, leaked: Path) -> None:
    """Several results are one page with each cluster in it, and the worst exit code; what is of one run says so."""
    Path("good.json").write_text(json_report.render(run(scenario(step(cell("a/b -> c/d:80"))), cluster="kube: fine")))
    code, out, _ = prober("report", "good.json", "leaked.json")

    assert 1 == code
    assert out.startswith("fleet: 1 of 2 runs as expected")
    assert "  as expected: kube: fine: " in out
    code, _, err = prober("report", "good.json", "leaked.json", "--format", "junit")
    assert 2 == code
    assert "--format junit is of one run; several go into text, html, markdown, prometheus" in err


def test_redacted_report_tells_no_name_and_keeps_the_figures(prober: Run, leaked: Path) -> None:
    """--redact leaves no namespace, pod or user in a report, nor the journal, and what was found stays found."""
    code, out, _ = prober("report", "leaked.json", "--redact")
    clear = prober("report", "leaked.json")[1]

    assert 1 == code
    assert clear.splitlines()[1] == out.splitlines()[1]
    assert ("marketing" in clear, "marketing" in out, "postgres" in out) == (True, False, False)
    assert 1 == prober("report", "leaked.json", "--redact", "--format", "json", "--output", "redacted.json")[0]
    assert [] == json.loads(Path("redacted.json").read_text())["journal"]
    code, again, err = prober("report", "redacted.json")
    assert (1, out) == (code, again)
    assert "has no journal in it" in err
