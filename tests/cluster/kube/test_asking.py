"""Tests of asking again: no lost line becomes an answer, none is taken twice, and what cannot be had is left out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.cluster.kube.asking import Asking, AwayError, GoneError, LostError, asked_until_answered
from prober.errors import ClusterError
from prober.probe import AT_ONCE, Kind, Probe, request

TOKEN = "t0ken"  # noqa: S105  # of a stream


def asked(cells: int, *, timeout: int = 1) -> str:
    probes = [Probe(cell=i, kind=Kind.TCP, host="10.0.0.1", port=80, timeout=timeout) for i in range(cells)]
    return request(probes, TOKEN)


def answer(cell: int, text: str = "x") -> str:
    return f"{TOKEN} {cell} 0 1.00 2.00 {text}"


class Pod:
    """Answers each request with the next of what it was given: a list of lines, or an error after some of them."""

    def __init__(self, *turns: tuple[list[str], ClusterError | None]) -> None:
        self.turns = list(turns)
        self.asked: list[str] = []

    def __call__(self, text: str) -> Iterator[str]:
        self.asked.append(text)
        lines, error = self.turns.pop(0)
        yield from lines
        if error:
            raise error


def answers(pod: Pod, cells: int, *, tries: int = 3) -> tuple[list[str], list[str]]:
    """Return the lines that came through, and what was told as lost."""
    lost: list[str] = []
    lines = list(
        asked_until_answered(Asking(asked(cells)), pod, lambda e: lost.append(str(e)), tries=tries, wait=0.001)
    )
    return lines, lost


def test_whole_answer_is_asked_once() -> None:
    """Where every line comes, there is one exec."""
    pod = Pod(([f"{TOKEN} clock 1.00", answer(0), answer(1), f"{TOKEN} end 2"], None))

    lines, lost = answers(pod, 2)

    assert [f"{TOKEN} clock 1.00", answer(0), answer(1)] == lines
    assert (1, []) == (len(pod.asked), lost)


def test_missing_lines_are_asked_again_and_no_others() -> None:
    """An end line is no proof that all came: the cells without a line are asked again, the others are not."""
    pod = Pod(([answer(0), answer(2), f"{TOKEN} end 3"], None), ([answer(1), f"{TOKEN} end 1"], None))

    lines, lost = answers(pod, 3)

    assert [answer(0), answer(2), answer(1)] == lines
    assert f"{TOKEN} clock\n{TOKEN} 1 tcp 4 1 10.0.0.1 80 -\n{TOKEN} end\n" == pod.asked[1]
    assert ["1 lines did not arrive"] == lost


def test_broken_exec_is_repeated() -> None:
    """What came before a socket broke counts, and what did not come is asked again."""
    pod = Pod(([answer(0)], LostError("broken")), ([answer(1)], None))

    assert ([answer(0), answer(1)], ["broken"]) == answers(pod, 2)


def test_exec_that_broke_after_its_last_line_is_not_repeated() -> None:
    """A lost status is no loss where every line is there."""
    pod = Pod(([answer(0)], LostError("the status of the command is lost")))

    assert ([answer(0)], []) == answers(pod, 1)


def test_lines_that_never_come_are_left_out() -> None:
    """After some tries a cell stays without a line: above the seam it is NO_RESULT, never a denial."""
    pod = Pod(*[([answer(0)], None)] * 1, *[([], LostError("broken"))] * 2)

    lines, lost = answers(pod, 2, tries=3)

    assert ([answer(0)], 3) == (lines, len(lost))


def test_gone_pod_is_not_asked_again() -> None:
    """A pod that is not there answers nothing, and is no reason to give the run up."""
    pod = Pod(([answer(0)], GoneError("container not found")))

    assert ([answer(0)], ["container not found"]) == answers(pod, 2)


def test_unwilling_server_is_waited_for_and_then_left_out() -> None:
    """HTTP 5xx and 429 lead to another try, at last to no result."""
    away = AwayError("503", patience=0.05, fatal=False)

    assert [answer(0)] == answers(Pod(([], away), ([], away), ([answer(0)], None)), 1, tries=1)[0]
    assert [] == answers(Pod(*[([], away)] * 1000), 1)[0]


def test_cluster_out_of_reach_ends_the_stream_with_an_error() -> None:
    """Where the API server stays away nothing else can work either: that is told, with what came before."""
    pod = Pod(([answer(0)], LostError("broken")), *[([], AwayError("not reached", patience=0.05, fatal=True))] * 1000)
    lines = asked_until_answered(Asking(asked(2)), pod, lambda _: None, tries=3, wait=0.001)

    assert answer(0) == next(lines)
    with pytest.raises(ClusterError, match="not reached"):
        next(lines)


def test_outage_does_not_use_up_the_tries() -> None:
    """Tries are for execs that begin: a server that was away for a while leaves all of them."""
    away = AwayError("not reached", patience=10, fatal=True)
    pod = Pod(*[([], away)] * 5, ([], LostError("broken")), ([answer(0)], None))

    assert [answer(0)] == answers(pod, 1, tries=2)[0]


def test_other_errors_are_not_repeated() -> None:
    """What was refused for good (no right to exec) is told at once."""
    pod = Pod(([], ClusterError("forbidden")))

    with pytest.raises(ClusterError, match="forbidden"):
        answers(pod, 1)


def test_reader_who_stops_ends_it() -> None:
    """Closing the iterator is no trouble to be repeated."""
    pod = Pod(([answer(0), answer(1)], None))
    lines = asked_until_answered(Asking(asked(2)), pod, lambda _: None)

    assert answer(0) == next(lines)
    lines.close()  # type: ignore[attr-defined]

    assert 1 == len(pod.asked)


@pytest.mark.parametrize(
    "line",
    [
        answer(0),
        answer(7),
        "other 1 0 1.00 2.00 x",
        f"{TOKEN} 1 0 1.00",
        f"{TOKEN} end 2",
        "",
        f"{TOKEN} 1 x 1.00 2.00 x",
    ],
    ids=["twice", "not-asked", "another-token", "cut", "end", "empty", "no-number"],
)
def test_lines_that_are_no_new_answer_are_not_taken(line: str) -> None:
    """A cell is answered once, by a whole line of this very request."""
    asking = Asking(asked(2))
    assert asking.takes(answer(0))

    assert not asking.takes(line)
    assert {1} == asking.missing


@pytest.mark.parametrize(("seconds", "cells", "timeout"), [(3, 2, 3), (2, AT_ONCE, 2), (4, AT_ONCE + 1, 2), (0, 0, 1)])
def test_time_of_a_request_is_that_of_its_waves(seconds: int, cells: int, timeout: int) -> None:
    """Attempts run at once up to a bound; each wave may take the longest of its timeouts."""
    assert seconds == Asking(asked(cells, timeout=timeout)).seconds()


@given(arrives=st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=4))
def test_every_line_that_arrives_comes_through_once(arrives: list[set[int]]) -> None:
    """Whatever gets lost in whatever try, each cell has the first line that arrived for it, or none."""
    pod = Pod(*[([answer(c, str(turn)) for c in sorted(cells)], None) for turn, cells in enumerate(arrives)])
    first = {c: turn for turn, cells in reversed(list(enumerate(arrives))) for c in cells}

    lines, _ = answers(pod, 10, tries=len(arrives))

    assert {answer(c, str(turn)) for c, turn in first.items()} == set(lines)
    assert len(first) == len(lines)
