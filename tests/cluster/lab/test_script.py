"""Transactions: small enough, in order, and a switch that replaces the generation before."""

from __future__ import annotations

import pytest

from prober.cluster.lab.script import LIMIT, Draft, quoted


def test_a_small_table_is_filled_in_one_transaction() -> None:
    """Declarations come before what uses them, whatever the order of the calls."""
    draft = Draft("t", 0)
    draft.map("m", "ipv4_addr", ["10.0.0.1 : jump late"])
    draft.chain("late")
    (fill,) = draft.script().fill
    assert fill.index("add chain inet t_0 late") < fill.index("add element inet t_0 m { 10.0.0.1 : jump late }")


def test_chunks_keep_below_the_limit_and_lose_nothing() -> None:
    """No chunk is longer than what an unprivileged nft can send, and all commands arrive in order."""
    draft = Draft("t", 0)
    draft.chain("c")
    rules = [f"tcp dport {port} accept" for port in range(2000)]
    for rule in rules:
        draft.rule("c", rule)
    fill = draft.script().fill
    assert rules == [line.partition(" c ")[2] for line in "".join(fill).splitlines() if line.startswith("add rule")]
    assert max(chunk.count("\n") for chunk in fill) < LIMIT / 300  # measured: such a rule has 300 bytes and more


def test_elements_of_a_large_set_are_spread() -> None:
    """One large set is not one large command."""
    draft = Draft("t", 0)
    draft.set("s", "ipv4_addr", [f"10.0.{i >> 8}.{i & 255}" for i in range(20_000)])
    assert len(draft.script().fill) > 5


def test_the_first_generation_deletes_nothing_but_itself() -> None:
    """Generation 0 has none before it."""
    draft = Draft("t", 0)
    draft.hook("h", "type filter hook forward priority 0", ["accept"])
    assert "delete" not in draft.script().switch


def test_the_switch_deletes_the_generation_before() -> None:
    """What was in force ends in the transaction in which the new chains begin."""
    draft = Draft("t", 7)
    draft.hook("h", "type filter hook forward priority 0", ["accept"])
    assert [
        "add chain inet t_7 h { type filter hook forward priority 0; policy accept; }",
        "add rule inet t_7 h accept",
        "add table inet t_6",
        "delete table inet t_6",
    ] == draft.script().switch.splitlines()


def test_generations_are_numbered_from_0() -> None:
    """A negative number would delete a table of another name."""
    with pytest.raises(ValueError, match="generation -1"):
        Draft("t", -1)


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        pytest.param('"payments/default-deny"', "payments/default-deny", id="a usual name"),
        pytest.param('"a__drop_accept__"', 'a"\ndrop;accept\\$', id="hostile"),
        pytest.param('"' + "a" * 127 + '"', "a" * 300, id="too long for a log prefix"),
        pytest.param('"_"', "é", id="not ASCII"),
    ],
)
def test_quoted(expected: str, name: str) -> None:
    """Nothing in a name ends the string, or the line, or makes it longer than nft takes."""
    assert expected == quoted(name)
