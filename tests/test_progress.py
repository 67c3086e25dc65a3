"""Tests of prober.progress and of what prober.terminal lets through."""

from __future__ import annotations

import io
import threading

import pytest

from prober.progress import Display, Progress
from prober.terminal import is_live, one_line, printable, wants_colour, width


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def at(
    scenario: str = "a",
    *,
    done: bool = False,
    note: str = "",
    disagreeing: int = 2,
) -> Progress:
    words = {"scenario": scenario, "step": "deny all", "kind": "step", "first": "x -> y:80"}
    return Progress(**words, round=3, disagreeing=disagreeing, done=done, note=note)


@pytest.mark.parametrize(
    ("expected", "progress"),
    [
        pytest.param("a: step 'deny all', round 3, 2 cells still to agree: x -> y:80, ...", at(), id="several"),
        pytest.param("a: step 'deny all', round 3, 1 cell still to agree: x -> y:80", at(disagreeing=1), id="one"),
        pytest.param("a: step 'deny all', round 3, holding", at(disagreeing=0, note="holding"), id="note"),
        pytest.param("a: PASS", at(done=True, note="PASS"), id="done"),
        pytest.param("a: all as expected", at(done=True), id="done-without-a-word"),
    ],
)
def test_progress_is_a_sentence(expected: str, progress: Progress) -> None:
    """A record of progress reads as where the scenario is."""
    assert expected == str(progress)


def test_plain_lines_for_finished_scenarios_only() -> None:
    """Where a line cannot be written over, there is one line for each finished scenario and no control character."""
    stream = io.StringIO()
    display = Display(stream, total=2)
    display(at("a"))
    display(at("a", done=True, note="PASS"))
    display(at("b", done=True, note="LEAK"))
    display.close()

    assert "[1/2] a: PASS\n[2/2] b: LEAK\n" == stream.getvalue()


def test_live_line_is_written_over_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal each line clears the one before, and closing clears the last."""
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    display = Display(stream, total=2, live=True)
    display(at("a"))
    display(at("a"))  # nothing new is not written again
    display(at("b"))
    display(at("a", done=True, note="PASS"))
    display.close()
    display(at("b"))

    shown = stream.getvalue().split("\r\x1b[K")
    assert [
        "",
        "[0/2] a: step 'deny all', round 3, 2 cells still to agree: x -> y:80, ...",
        "[0/2] b: step 'deny all', round 3, 2 cells still to agree: x -> y:80, ... (and 1 more)",
        "[1/2] a: PASS\n",
        "[1/2] b: step 'deny all', round 3, 2 cells still to agree: x -> y:80, ...",
        "",
    ] == shown


def test_live_line_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live line is shorter than the terminal, however long the names are."""
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    display = Display(stream, total=2, live=True)
    display(at("a"))
    display(at("x" * 300))

    assert 59 == max(map(len, stream.getvalue().split("\r\x1b[K")))


def test_progress_steers_no_terminal() -> None:
    """A name from a file reaches the terminal without its escape sequences and line ends."""
    stream = Terminal()
    display = Display(stream, total=1, live=False)
    display(at("a\x1b]0;x\x07\nb", done=True, note="PASS"))

    assert "[1/1] a\ufffd]0;x\ufffd b: PASS\n" == stream.getvalue()


def test_closed_stream_stops_the_display_and_not_the_run() -> None:
    """Progress that nobody reads any more raises nothing."""
    stream = io.StringIO()
    display = Display(stream, total=1)
    stream.close()

    display(at(done=True))
    display(at(done=True))
    display.close()


def test_display_takes_progress_from_many_threads() -> None:
    """Lines from several threads never mix, and every finished scenario is counted."""
    stream = io.StringIO()
    display = Display(stream, total=8)
    threads = [threading.Thread(target=display, args=(at(str(i), done=True, note="PASS"),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lines = stream.getvalue().splitlines()
    assert [f"[{i}/8]" for i in range(1, 9)] == [line.split()[0] for line in lines]


@pytest.mark.parametrize(
    ("colour", "live", "environ"),
    [
        pytest.param(True, True, {}, id="terminal"),
        pytest.param(False, True, {"NO_COLOR": "1"}, id="NO_COLOR"),
        pytest.param(True, True, {"NO_COLOR": ""}, id="NO_COLOR-empty"),
        pytest.param(False, False, {"TERM": "dumb"}, id="dumb"),
        pytest.param(True, False, {"CI": "true"}, id="CI"),
    ],
)
def test_environment_decides_on_colour_and_live_line(colour: bool, live: bool, environ: dict[str, str]) -> None:
    """NO_COLOR takes the colours, CI the live line, a dumb terminal both."""
    assert (colour, live) == (wants_colour(Terminal(), environ), is_live(Terminal(), environ))


def test_no_terminal_no_colour_no_live_line() -> None:
    """A file or a pipe gets plain text."""
    assert (False, False) == (wants_colour(io.StringIO(), {}), is_live(io.StringIO(), {}))


@pytest.mark.parametrize(
    ("expected", "columns"),
    [
        pytest.param(120, "120", id="said"),
        pytest.param(40, "3", id="too-narrow"),
        pytest.param(100, "x", id="nonsense"),
    ],
)
def test_width_is_what_columns_says(expected: int, columns: str) -> None:
    """COLUMNS decides where it is a sensible number; a stream without a terminal has the usual width."""
    assert expected == width(io.StringIO(), {"COLUMNS": columns})


def test_printable_keeps_lines_and_letters() -> None:
    """Letters of any language stay; what could steer a terminal does not."""
    assert "größe\n\t\ufffd\ufffd\ufffd\ufffd" == printable("größe\n\t\x1b\x9b\u202e\ud800")
    assert "a b" == one_line(" a\n\tb ")
