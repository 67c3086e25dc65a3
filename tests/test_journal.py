"""The journal: what is written is read back equal, and what is damaged is believed up to the damage."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import journal
from prober.errors import ProberError
from prober.journal import (
    Acted,
    Again,
    Arrived,
    Attempt,
    Clock,
    Event,
    Evidence,
    Journal,
    Opened,
    Phase,
    Remark,
    Reset,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    ScenarioEnded,
    Skipped,
    TakenOver,
    Trouble,
    from_plain,
    plain,
    read,
)

STARTED = RunStarted(
    run="r1",
    version="0.1",
    cluster="lab",
    at=1.5,
    wall="2026",
    settings={"hold": "1"},
    texts={"a": "b"},
    scenarios=["a"],
)
ATTEMPT = Attempt(
    scenario="a",
    step=0,
    round=1,
    flow="x/a -> x/b:80",
    outcome="CONNECTED",
    begin=1.0,
    end=2.0,
    exit=0,
    text="Connection\nb",
    command="nc",
    nonce="-",
)
EVENTS: tuple[Event, ...] = (
    STARTED,
    Skipped(scenario="a", reason="needs ipv6"),
    Opened(scenario="a", at=2.0, state={"pods": [{"name": "x"}], "resolver": None}, nodes=2),
    TakenOver(scenario="a", at=2.25, after="b", control=True),
    Phase(scenario="a", step=0, kind="control", name="control", at=2.5),
    Acted(scenario="a", step=0, action="add pod x/c", begin=2, end=3.0, addresses={"ipv4": "10.0.0.1"}, node=1),
    Acted(scenario="a", step=0, action="apply x/y", begin=2, end=3.0, addresses={}, node=None),
    RoundStarted(scenario="a", step=0, round=1, at=3.0),
    Clock(scenario="a", round=1, source="x/a", uptime=100.25, at=3.0),
    ATTEMPT,
    Again(scenario="a", step=0, commands={"x/a -> x/b:80": "kubectl exec"}),
    Arrived(scenario="a", nonces=["n1"]),
    RoundEnded(scenario="a", step=0, round=1, at=4.0, pods={"x/a": ["uid", "started", "10.0.0.1"]}),
    Remark(scenario="", text="not covered: n3 is cordoned"),
    Evidence(scenario="a", text="rules"),
    Trouble(scenario="", text="it broke"),
    ScenarioEnded(scenario="a", at=5.0),
    Reset(scenario="a", begin=5.0, end=5.5, actions=["remove pod x/c"], why=""),
    RunEnded(at=6.0, interrupted=False),
)


def written(path: Path, *events: Event) -> list[str]:
    """Return the lines of a journal of these events."""
    with Journal(path) as log:
        for event in events:
            log.write(event)
    return path.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    """A journal with every kind of event."""
    return written(tmp_path / "run.jsonl", *EVENTS)


def test_examples_are_of_every_kind() -> None:
    """A new event is tested with the others."""
    assert set(Event.__args__) == {type(e) for e in EVENTS}


def test_what_is_written_is_read_back_equal(lines: list[str]) -> None:
    """Reading is the inverse of writing, for every kind of event."""
    assert EVENTS == tuple(read(lines))
    assert EVENTS == tuple(from_plain(plain(e)) for e in EVENTS)


def test_events_are_in_the_file_at_once(tmp_path: Path) -> None:
    """A run that is killed leaves what it had seen: no event waits in a buffer."""
    path = tmp_path / "run.jsonl"
    with Journal(path) as log:
        for count, event in enumerate(EVENTS, 1):
            log.write(event)
            assert EVENTS[:count] == tuple(read(path.read_text(encoding="utf-8").splitlines()))


@given(st.text(st.characters()))
def test_no_text_can_hurt(text: str) -> None:
    """Line ends of any kind, lone surrogates and NULs in what nc wrote come back as they were, one line each."""
    event = Evidence(scenario="a", text=text)
    line = json.dumps({**plain(event), "n": 0})
    assert [line] == line.splitlines()
    assert (event,) == tuple(read([line]))


def test_lone_surrogate_does_not_stop_the_writer(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 reach the journal as surrogates, and the file too."""
    event = Evidence(scenario="a", text="\udcff\u2028\x85")
    assert (event,) == tuple(read(written(tmp_path / "run.jsonl", event)))


@pytest.mark.parametrize("cut", [1, 10, 50])
def test_last_line_that_was_cut_short_is_left_out(lines: list[str], cut: int) -> None:
    """A crash in the middle of a line costs that line and nothing else."""
    assert EVENTS[:-1] == tuple(read([*lines[:-1], lines[-1][:-cut]]))
    assert EVENTS[:-1] == tuple(read([*lines[:-1], lines[-1][:-cut], "\n", ""]))


def test_no_line_is_no_event() -> None:
    """An empty file, and one whose only line was cut short, hold nothing."""
    assert () == tuple(read([]))
    assert () == tuple(read(["", "\n"]))
    assert () == tuple(read(['{"event": "RunSta']))


DAMAGES = {
    "missing": lambda x: [*x[:6], *x[7:]],
    "doubled": lambda x: [*x[:7], *x[6:]],
    "swapped": lambda x: [*x[:6], x[7], x[6], *x[8:]],
    "cut": lambda x: [*x[:6], x[6][:-9], *x[7:]],
    "of-another-run": lambda x: [*x[:6], *x[:3]],
    "without-number": lambda x: [*x[:6], json.dumps(plain(EVENTS[6])), *x[7:]],
    "with-a-word": lambda x: [*x[:6], x[6].replace('"n": 6', '"n": "6"'), *x[7:]],
    "deep": lambda x: [*x[:6], "[" * 100_000, *x[7:]],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_journal_is_believed_up_to_the_damage(lines: list[str], damage: Any) -> None:
    """A line that is missing, doubled, moved or of another run ends what is believed, and a Trouble says where."""
    *believed, last = read(damage(lines))
    assert list(EVENTS[: len(believed)]) == believed
    assert len(believed) in (6, 7)
    assert isinstance(last, Trouble)
    assert "" == last.scenario
    assert f"up to line {len(believed)}" in last.text


@pytest.mark.parametrize(
    "first", ["hello", "{}", "[]", "12", '"ab"', '["ab"]', "null", '{"event": "Nothing", "n": 0}', "\x00", "{\n"]
)
def test_what_is_no_journal_is_refused(lines: list[str], first: str) -> None:
    """A file that does not begin as a journal does is no journal, whatever follows."""
    with pytest.raises(ProberError):
        list(read([first, *lines]))
    with pytest.raises(ProberError):
        list(read(lines[1:]))


@pytest.mark.parametrize(
    "changes",
    [
        {"begin": "soon"},
        {"begin": None},
        {"begin": True},
        {"begin": float("nan")},
        {"end": float("inf")},
        {"step": 1.0},
        {"step": "1"},
        {"step": False},
        {"flow": 7},
        {"text": ["x"]},
        {"more": 1},
        {"event": "Phase"},
        {"event": ["Attempt"]},
        {"event": None},
    ],
    ids=str,
)
def test_event_of_other_fields_or_types_is_refused(changes: dict[str, Any]) -> None:
    """What another version wrote, or a hand, is refused as a whole: the judge sees only what it knows."""
    with pytest.raises(ProberError, match="not an event of a journal of this version"):
        from_plain({**plain(ATTEMPT), **changes})
    with pytest.raises(ProberError, match="not an event of a journal of this version"):
        from_plain({k: v for k, v in plain(ATTEMPT).items() if k != "nonce"})


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        (EVENTS[10], {"pods": {"x/a": "uid"}}),
        (EVENTS[10], {"pods": {"x/a": [1]}}),
        (EVENTS[10], {"pods": []}),
        (EVENTS[9], {"nonces": "n1"}),
        (EVENTS[9], {"nonces": {"n1": 1}}),
        (EVENTS[4], {"addresses": {"ipv4": None}}),
        (EVENTS[4], {"node": "1"}),
        (EVENTS[14], {"interrupted": 0}),
        (STARTED, {"scenarios": [None]}),
        (STARTED, {"texts": {"a": 1}}),
    ],
)
def test_wrong_types_inside_are_refused(event: Event, changes: dict[str, Any]) -> None:
    """Types are looked at inside of lists and mappings too."""
    with pytest.raises(ProberError):
        from_plain({**plain(event), **changes})


def test_full_disk_does_not_stop_the_run() -> None:
    """A disk that takes no more is said in `lost`; the events in memory are all there."""
    with Journal(Path("/dev/full")) as log:
        for event in EVENTS:
            log.write(event)
        assert log.lost == "/dev/full: No space left on device"
        assert EVENTS == log.events()


def test_without_a_path_nothing_is_written() -> None:
    """A journal may live in memory alone."""
    log = Journal()
    log.write(STARTED)
    log.close()
    log.close()
    log.write(ATTEMPT)
    assert (STARTED, ATTEMPT) == log.events()
    assert not log.lost


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    """Streams write from many threads, and every line stays whole and in its order."""
    path = tmp_path / "run.jsonl"
    with Journal(path) as log:
        log.write(STARTED)

        def many() -> None:
            for _ in range(50):
                log.write(ATTEMPT)

        threads = [threading.Thread(target=many) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert log.events() == tuple(read(path.read_text(encoding="utf-8").splitlines()))
    assert 401 == len(log.events())


def test_module_says_every_event_in_its_union() -> None:
    """No record of this module is left out of what can be read."""
    records = {v for v in vars(journal).values() if isinstance(v, type) and v.__module__ == journal.events.__name__}
    assert records == set(Event.__args__)
