"""Whatever a file holds, it is a scenario or it has mistakes: never a traceback, never a message of many lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.errors import InputError
from prober.scenario import SUFFIX, check, load, loads
from tests.scenario.written import PATH, text

VALID = Path(__file__).parent.parent / "data" / "valid"
MAIN = f"every-key{SUFFIX}"
TEXTS = {name: (VALID / name).read_text(encoding="utf-8") for name in (MAIN, "policies/deny-bank.yaml")}
JUNK = st.sampled_from(
    [
        *("null", "~", "[]", "{}", "[null]", "[[]]", "{a: b}", '""', "yes", "-1", "1.5", "9" * 50, "a" * 300, "é"),
        *("*web", "&z q", "<<: ", "? ", "- ", ": ", "|", ">", "#", "%", "@", "`", "!!int 3"),
        *("\t", "\n", "\r", "\x00", "\x85"),
        *("any", "any/any", "a/b", "${pod:a}", "${node:9}", '"\\u202e"', "\n---\n", "\u2028", "\N{SNOWMAN}"),
    ]
)
EDIT = st.tuples(st.integers(0, len(TEXTS[MAIN])), st.sampled_from([0, 0, 1, 3, 20]), JUNK)
EDITS = st.lists(EDIT, min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(EDITS)
def test_edited_scenario_is_read_or_refused(edits: list[tuple[int, int, str]]) -> None:
    """A few edits anywhere in a scenario with every key: mistakes in one short line each, or a scenario."""
    content = TEXTS[MAIN]
    for position, length, junk in edits:
        content = content[:position] + junk + content[position + length :]
    try:
        found = loads({**TEXTS, MAIN: content}, MAIN)
    except InputError as error:
        shown = [str(m) for m in error.mistakes]
        assert [] == [m for m in shown if "\n" in m or len(m) > 1000 or not m.startswith((MAIN, "policies/"))]
    else:
        assert found == loads(found.texts, found.path)
        check(found)


HUGE = "a" * 200_000


@pytest.mark.parametrize(
    "content",
    [
        text(f"expect: {{allowed: [{HUGE} -> any]}}"),
        text(f"expect: {{allowed: ['any -> {HUGE}']}}"),
        text(f"apply: {HUGE}"),
        text(f"delete: a/{HUGE}"),
        text(f"remove: a/{HUGE}"),
        text(f"label: {{pods: {{? a/{HUGE} : {{x: y}}}}}}"),
        text("remove: a/web").replace("a/web", f"? a/{HUGE} ", 1),
        text("remove: a/web").replace("app: web", f"? {HUGE} : {HUGE}"),
        text("remove: a/web").replace("A scenario", f"{HUGE}\n{HUGE}: {HUGE}"),
        text("remove: a/web").replace("[80,", f"[{HUGE},"),
        text("remove: a/web").replace("[80,", "[" * 30 + "80" + "]" * 30 + "[80,"),
        text("remove: a/web").replace("[80,", f"[{'9' * 200_000},"),
        "[" * 200_000,
        "{" * 200_000,
        "- " * 200_000,
        "a: &a\n" * 5_000,
        "? " * 200_000,
        "&a " * 1_000,
        "'" + "\n" * 200_000,
        "\x00" * 1_000,
    ],
    ids=range(20),
)
def test_what_is_far_too_much(content: str) -> None:
    """Names of 200 kB and endless nesting are mistakes in a line, and the line does not repeat them."""
    with pytest.raises(InputError) as caught:
        loads({PATH: content}, PATH)

    assert all(len(str(m)) < 1000 and "\n" not in str(m) for m in caught.value.mistakes)


def test_directory_named_like_a_scenario(tmp_path: Path) -> None:
    """A directory whose name ends like a scenario's is searched, not read."""
    (tmp_path / f"d{SUFFIX}").mkdir()
    (tmp_path / f"d{SUFFIX}" / f"s{SUFFIX}").write_text(text("remove: a/web"), encoding="utf-8")

    assert ["s"] == [s.name for s in load([tmp_path / f"d{SUFFIX}"])] == [s.name for s in load([tmp_path])]
