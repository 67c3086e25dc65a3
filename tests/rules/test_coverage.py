"""That every rule of docs/semantics.md is shown by the library, or has a reason why nothing can show it."""

from __future__ import annotations

import pytest

from prober.scenario.reading import RULES
from tests.rules.broken import MISREAD, MUTANTS, UNSEEN
from tests.rules.coverage import ROOT, contradicts, library, page, sentences, showing

SEEN = sorted({*MUTANTS, *MISREAD})


def test_every_rule_is_got_wrong_or_has_a_reason() -> None:
    """A rule is broken in some way, or it is said why no packet could show that; never both."""
    assert list(range(1, RULES + 1)) == sorted([*SEEN, *UNSEEN]) == sorted(sentences())


@pytest.mark.parametrize("rule", SEEN)
def test_every_rule_is_shown(rule: int) -> None:
    """Whoever gets a rule wrong contradicts what a scenario asserts that claims to exercise it."""
    assert [] == [how for how, names in showing(rule, most=1).items() if not names]


def test_what_no_packet_shows_is_claimed_by_nobody() -> None:
    """A scenario cannot exercise what has a reason not to be seen."""
    assert [] == [s.name for s in library() if set(s.rules) & set(UNSEEN)]


def test_a_right_reader_contradicts_nobody() -> None:
    """The measure itself: who gets nothing wrong is contradicted by no scenario."""
    assert not any(contradicts(s, lambda cell: cell.truth) for s in library()[:20])


def test_the_page_is_the_librarys() -> None:
    """docs/rules.md is made by `python -m tests.rules.coverage > docs/rules.md`."""
    assert page() == (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
