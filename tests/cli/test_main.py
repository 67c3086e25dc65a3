"""Tests of prober.cli as a process: what it imports, what it writes where, how signals end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from prober import __version__
from tests.cli.conftest import Run

HEAVY = ("yaml", "tabulate", "kubernetes", "tenacity", "prober.model", "prober.oracle", "prober.runner")

# A run whose scenarios agree at once, but whose last round never ends unless it is told to stop
SLOW = """
import sys, threading, time
from prober import cli
from prober.cli import backend
from tests.cli.world import FakeLab, enforcing

real = FakeLab.stream
waiting = threading.Event()

def stream(self, source, request):
    if any("deny" in str(a) for a in self.actions):
        if not waiting.is_set():
            waiting.set()
            print("waiting", file=sys.stderr, flush=True)
        {wait}
    yield from real(self, source, request)

FakeLab.stream = stream
backend.LabCluster = FakeLab
sys.exit(cli.main(sys.argv[1:]))
"""


@contextmanager
def started(argv: Sequence[str], **words: str) -> Iterator[subprocess.Popen[str]]:
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root, **words},
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # a test that failed leaves nothing behind


def run(*argv: str, **words: str) -> tuple[int, str, str]:
    with started(argv, **words) as process:
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err


def test_version(prober: Run) -> None:
    """--version says the version."""
    assert (0, f"prober {__version__}\n", "") == prober("--version")


def test_module_is_the_command() -> None:
    """`python -m prober` answers as `prober`."""
    assert (0, f"prober {__version__}\n", "") == run("-m", "prober", "--version")


def test_help_imports_nothing_heavy() -> None:
    """`prober --help` needs none of the heavy libraries and little of prober, so that it answers at once."""
    code = textwrap.dedent("""
        import sys
        from prober.cli import main
        assert main(["--help"]) == 0
        print("imported:", *sorted(sys.modules), file=sys.stderr)
    """)
    _, out, err = run("-c", code)

    assert "usage: prober" in out
    assert [] == [name for name in err.split() if name in HEAVY]
    assert "imported:" in err


def test_help_is_quick() -> None:
    """`prober --help` uses little of a processor: well under the 0.3 s that it may take."""
    began = os.times()
    run("-m", "prober", "--help")
    ended = os.times()
    spent = ended.children_user - began.children_user + ended.children_system - began.children_system

    assert spent < 0.3


def test_wrong_use_is_one_line_on_stderr(prober: Run) -> None:
    """An error begins with the program's name, says where to read on, and exits 2."""
    assert (2, "", "prober: the following arguments are required: PATH (see `prober run --help`)\n") == prober("run")


def test_unexpected_exception_is_a_defect(
    prober: Run, monkeypatch: pytest.MonkeyPatch, scenarios: Path, state: Path
) -> None:
    """An exception in any command is one line and exit 3; the traceback is in a file."""

    def broken(_: object) -> None:
        raise AssertionError("x" * 1000)

    monkeypatch.setattr("prober.cli.looking.named", broken)
    code, out, err = prober("validate", "s")

    assert (3, "") == (code, out)
    assert err.startswith("prober: a defect of prober: AssertionError: xxx")
    assert len(err) < 500 + len(str(state))
    assert "in broken" in (state / "defect.txt").read_text()


def test_interrupt_outside_of_a_run(prober: Run, monkeypatch: pytest.MonkeyPatch, scenarios: Path) -> None:
    """Ctrl-C in any command is exit 130 without a traceback."""

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("prober.cli.looking.named", interrupted)

    assert (130, "", "prober: interrupted\n") == prober("validate", "s")


def test_reader_who_leaves_gets_no_complaint(scenarios: Path) -> None:
    """A pipe whose reader is gone is exit 3, without a word and without a traceback."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "prober", "plan", "s"], stdout=gone, stderr=subprocess.PIPE, text=True, check=False
        )

    assert (3, "") == (done.returncode, done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_stdout_is_one_line(scenarios: Path) -> None:
    """A disk that is full under stdout is exit 3 and one line."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "prober", "validate", "s"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (3, "prober: stdout: No space left on device\n") == (done.returncode, done.stderr)


def test_closed_stdout_is_one_line(scenarios: Path) -> None:
    """A command that is started without a stdout says so."""
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m prober validate s >&-"], stderr=subprocess.PIPE, text=True, check=False
    )

    assert (3, "prober: stdout: it is closed\n") == (done.returncode, done.stderr)


def test_narrow_encoding_harms_no_output(scenarios: Path) -> None:
    """A terminal that cannot show a letter gets its number, never an exception."""
    file = scenarios / "deny.scenario.yaml"
    file.write_text(file.read_text().replace("Default deny in payments", "Größe"), encoding="utf-8")
    code, out, err = run("-m", "prober", "plan", "s", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert (0, "") == (code, err)
    assert "Gr\\xf6\\xdfe" in out


def interrupted(wait: str, times: int, number: signal.Signals, *argv: str) -> tuple[int, str, str]:
    """Start a run that waits, send it a signal once or twice, and return its end."""
    with started(["-c", SLOW.format(wait=wait), "run", "s", "--hold", "0", "--jobs", "1", *argv]) as process:
        assert process.stderr is not None
        seen = ""
        for word in ("waiting", "stopping")[:times]:
            while word not in seen:
                line = process.stderr.readline()
                assert line, f"it ended before {word}: {seen}"
                seen += line
            process.send_signal(number)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, seen + err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_signal_ends_a_run_with_its_results_so_far(number: signal.Signals, scenarios: Path) -> None:
    """One signal ends a run in order: reports are written with the results so far, exit 130, and nothing is a PASS."""
    code, out, err = interrupted("time.sleep(0.3)", 1, number, "--report", "json=out.json")

    assert 130 == code
    assert "prober: stopping; what was seen so far is judged (once more: at once)" in err
    assert "interrupted: these are the results so far" in out
    assert "PASS deny" not in out
    assert Path("out.json").stat().st_size > 0
    assert "prober: the journal is " in err
    assert "Traceback" not in err


def test_second_signal_ends_a_run_at_once(scenarios: Path) -> None:
    """A second signal does not wait for pods that never answer; what was seen is reported all the same."""
    began = time.monotonic()
    code, out, err = interrupted("time.sleep(300)", 2, signal.SIGINT, "--report", "json=out.json")

    assert 130 == code
    assert time.monotonic() - began < 30
    assert "the run was cut short" in out
    assert "PASS deny" not in out
    assert Path("out.json").stat().st_size > 0
    assert "Traceback" not in err
