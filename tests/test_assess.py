"""The arithmetic of convergence, hold and flapping, on rows of readings written as letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.assess import DENIALS, Assessment, Reading, assess, said, settled_at, streak
from prober.outcomes import Outcome, Status, Verdict

LETTERS = {
    "A": (Outcome.CONNECTED, Verdict.ALLOWED),
    "U": (Outcome.TIMED_OUT, Verdict.ALLOWED),  # a datagram that arrived and was not answered
    "D": (Outcome.TIMED_OUT, Verdict.DENIED),
    "R": (Outcome.REFUSED, Verdict.DENIED),
    "?": (Outcome.NO_RESULT, Verdict.UNKNOWN),
    "t": (Outcome.TIMED_OUT, Verdict.UNKNOWN),  # nobody vouched for the target
    "S": (Outcome.SILENT, Verdict.UNKNOWN),
    "W": (Outcome.WRONG_PEER, Verdict.UNKNOWN),
}
PASS, LEAK, BREAK, FLAKY, UNKNOWN = Status.PASS, Status.LEAK, Status.BREAK, Status.FLAKY, Status.UNKNOWN


def row(letters: str) -> list[Reading]:
    """Return one reading a second."""
    return [
        Reading(round=i, outcome=LETTERS[x][0], verdict=LETTERS[x][1], begin=float(i), doubt=f"doubt {i}")
        for i, x in enumerate(letters)
    ]


def assessed(expected: Verdict, letters: str, needed: int = 2, *, complete: bool = True) -> Assessment:
    """Assess a row."""
    return assess(expected, row(letters), needed=needed, complete=complete)


DENIED = [
    ("", UNKNOWN, "no attempt"),
    ("DD", PASS, "timed out 2 of 2"),
    ("DR", PASS, "timed out 1, refused 1 of 2"),
    ("AADD", PASS, "timed out 2 of 4"),
    ("?DD", PASS, "timed out 2 of 3"),
    ("SDD", PASS, "timed out 2 of 3"),
    ("DADD", PASS, "timed out 3 of 4"),
    ("DD?D", PASS, "timed out 3 of 4"),
    ("A", LEAK, "connected 1 of 1"),
    ("AAAA", LEAK, "connected 4 of 4"),
    ("DDA", LEAK, "opened again"),
    ("DDAD", LEAK, "opened again"),
    ("DDADDDD", LEAK, "opened again"),
    ("DDU", LEAK, "opened again"),
    ("U", LEAK, "timed out 1 of 1"),
    ("ADADA", LEAK, "connected 3 of 5"),
    ("ADADAD", LEAK, "opens and closes"),
    ("AAA?", LEAK, "connected 3 of 4"),
    ("DA", LEAK, "connected 1 of 2"),
    ("D", UNKNOWN, "not held"),
    ("AD", UNKNOWN, "not held"),
    ("D?D?D", UNKNOWN, "not held"),
    ("?", UNKNOWN, "doubt 0"),
    ("tttt", UNKNOWN, "doubt 3"),
    ("DDt", UNKNOWN, "the last attempt proves nothing: doubt 2"),
    ("DDS", UNKNOWN, "possible leak: doubt 2"),
    ("DDSDD", UNKNOWN, "possible leak: doubt 2"),
    ("DDW", UNKNOWN, "possible leak: doubt 2"),
    ("SSSS", UNKNOWN, "possible leak: doubt 3"),
    ("WWWW", UNKNOWN, "possible leak: doubt 3"),
    ("A??", UNKNOWN, "doubt 2"),
    ("AD?", UNKNOWN, "doubt 2"),
]
ALLOWED = [
    ("", UNKNOWN, "no attempt"),
    ("AA", PASS, "connected 2 of 2"),
    ("DDAA", PASS, "connected 2 of 4"),
    ("AAD", PASS, "connected 2 of 3; 1 lost"),
    ("AADA", PASS, "1 lost"),
    ("AADADA", PASS, "2 lost"),
    ("AA?", PASS, "1 lost"),
    ("AADDA", FLAKY, "failed twice in a row"),
    ("AADDAA", FLAKY, "failed twice in a row"),
    ("AARDAA", FLAKY, "refused 1, timed out 1"),
    ("ADA", FLAKY, "never 2 times in a row"),
    ("A", FLAKY, "never 2 times in a row"),
    ("AADD", BREAK, "closed after it had connected"),
    ("AADADD", BREAK, "closed after it had connected"),
    ("D", BREAK, "timed out 1 of 1"),
    ("RRR", BREAK, "refused 3 of 3"),
    ("AD", BREAK, "timed out 1 of 2"),
    ("AA??", UNKNOWN, "failed twice in a row"),
    ("AAD?A", UNKNOWN, "failed twice in a row"),
    ("AA?DA", UNKNOWN, "failed twice in a row"),
    ("?", UNKNOWN, "doubt 0"),
    ("S", UNKNOWN, "doubt 0"),
    ("DDD?", UNKNOWN, "doubt 3"),
    ("tttt", UNKNOWN, "doubt 3"),
]


@pytest.mark.parametrize(("letters", "status", "reason"), DENIED, ids=[x[0] or "none" for x in DENIED])
def test_expected_denied(letters: str, status: Status, reason: str) -> None:
    """What should be denied must be so twice in a row, and must never open afterwards (proof rule 6)."""
    found = assessed(Verdict.DENIED, letters)
    assert status == found.status
    assert reason in found.reason


@pytest.mark.parametrize(("letters", "status", "reason"), ALLOWED, ids=[x[0] or "none" for x in ALLOWED])
def test_expected_allowed(letters: str, status: Status, reason: str) -> None:
    """What should be allowed may lose a packet once, but not twice in a row (proof rule 6)."""
    found = assessed(Verdict.ALLOWED, letters)
    assert status == found.status
    assert reason in found.reason
    assert "leak" not in found.reason


@pytest.mark.parametrize(
    ("expected", "letters", "status"),
    [
        (Verdict.DENIED, "D", UNKNOWN),
        (Verdict.DENIED, "A", UNKNOWN),
        (Verdict.DENIED, "DD", PASS),
        (Verdict.DENIED, "DDA", LEAK),
        (Verdict.ALLOWED, "A", UNKNOWN),
        (Verdict.ALLOWED, "DDDD", UNKNOWN),
        (Verdict.ALLOWED, "AA", PASS),
        (Verdict.ALLOWED, "AADDA", FLAKY),
    ],
)
def test_phase_that_was_cut_short(expected: Verdict, letters: str, status: Status) -> None:
    """Before it has settled a phase that was cut short says nothing; a leak after it had is one."""
    found = assessed(expected, letters, complete=False)
    assert status == found.status


@pytest.mark.parametrize(("needed", "letters"), [(1, "D"), (2, "DD"), (3, "DDD"), (4, "ADDDD")])
def test_hold_is_as_many_rounds_as_asked(needed: int, letters: str) -> None:
    """A denial passes with as many rounds in a row as --hold asks, and with one less it does not."""
    assert assessed(Verdict.DENIED, letters, needed).status is PASS
    assert assessed(Verdict.DENIED, letters, needed + 1).status is UNKNOWN


def test_one_round_is_enough_for_a_control() -> None:
    """A control asks once: what connects has connected."""
    assert assessed(Verdict.ALLOWED, "DA", 1).status is PASS
    assert assessed(Verdict.ALLOWED, "AD", 1).status is PASS
    assert assessed(Verdict.ALLOWED, "ADD", 1).status is BREAK


@pytest.mark.parametrize(
    ("expected", "letters", "since"),
    [
        (Verdict.DENIED, "AADD", 2.0),
        (Verdict.DENIED, "DDDD", 0.0),
        (Verdict.DENIED, "DADD", 2.0),
        (Verdict.DENIED, "DDA", None),
        (Verdict.ALLOWED, "DDDAA", 3.0),
        (Verdict.ALLOWED, "D", None),
    ],
)
def test_agreement_is_since_the_last_break(expected: Verdict, letters: str, since: float | None) -> None:
    """The time to enforce or to release ends where a cell first agreed for good."""
    assert since == assessed(expected, letters).agreed_from


def test_deciding_reading_is_the_one_that_shows_it() -> None:
    """A report shows the attempt that decided: the leak itself, not the denial after it."""
    leak = assessed(Verdict.DENIED, "DDADD")
    assert leak.deciding is not None
    assert (2, Verdict.ALLOWED) == (leak.deciding.round, leak.observed)
    kept = assessed(Verdict.ALLOWED, "AAD")
    assert kept.deciding is not None
    assert (1, Verdict.ALLOWED) == (kept.deciding.round, kept.observed)


@given(st.text(alphabet="".join(LETTERS), max_size=12), st.integers(1, 4), st.booleans())
def test_pass_of_a_denial_is_never_vacuous(letters: str, needed: int, complete: bool) -> None:
    """Whatever the row: a denial passes only with enough denials in a row, a denial last, and nothing open after."""
    found = assessed(Verdict.DENIED, letters, needed, complete=complete)
    if found.status is PASS:
        settled = settled_at(Verdict.DENIED, row(letters), needed)
        assert settled is not None
        assert letters[-1] in "DR"
        assert not set(letters[settled:]) & set("AUSW")
        assert found.deciding is not None
        assert found.deciding.outcome in DENIALS


@given(st.text(alphabet="".join(LETTERS), max_size=12), st.integers(1, 4), st.booleans())
def test_pass_of_an_allow_is_never_vacuous(letters: str, needed: int, complete: bool) -> None:
    """Whatever the row: an allow passes only with enough connections in a row, and no two failures in a row after."""
    found = assessed(Verdict.ALLOWED, letters, needed, complete=complete)
    if found.status is PASS:
        settled = settled_at(Verdict.ALLOWED, row(letters), needed)
        assert settled is not None
        later = "".join("A" if x in "AU" else "x" for x in letters[settled + needed :])
        assert "xx" not in later


@given(st.text(alphabet="".join(LETTERS), min_size=1, max_size=12), st.integers(1, 4), st.booleans(), st.booleans())
def test_leak_and_break_have_their_witness(letters: str, needed: int, complete: bool, denied: bool) -> None:
    """A LEAK shows an attempt that got through, a BREAK one that was denied: no finding without its evidence."""
    found = assessed(Verdict.DENIED if denied else Verdict.ALLOWED, letters, needed, complete=complete)
    shown = {LEAK: Verdict.ALLOWED, BREAK: Verdict.DENIED}.get(found.status)
    assert shown in (None, found.observed)
    assert found.deciding in row(letters)


def test_streak_counts_back_from_the_end() -> None:
    """A streak is what agrees without a break at the end."""
    assert [0, 0, 2, 3] == [streak(Verdict.DENIED, row(x)) for x in ("", "DDA", "ADD", "RDD")]


def test_said_counts_outcomes_in_the_order_of_their_coming() -> None:
    """Outcomes are told in words, each with its count."""
    assert "timed out 2, refused 1, somebody else answered 1" == said(row("DRDW"))
