"""In which transactions rules are loaded; loading itself is tested by packets."""

from __future__ import annotations

from prober.cluster.lab.enforce import stages


def test_small_scripts_are_one_transaction_for_each_node() -> None:
    """Each nft costs a process, and what surely fits goes together, services and policies too."""
    assert [[("node/1", "abAB"), ("node/2", "c")]] == stages(
        [("node/1", ("a",), "b"), ("node/2", (), "c"), ("node/1", ("A",), "B")]
    )


def test_large_texts_stay_apart_and_in_order() -> None:
    """A switch comes after every text that it puts in force, and never with one that is large already."""
    large = "x" * 11_999
    assert [[("node/1", large + "a"), ("node/2", "c")], [("node/1", large)], [("node/1", "bb")]] == stages(
        [("node/1", (large, "a", large), "bb"), ("node/2", (), "c")]
    )


def test_no_rules_are_no_transactions() -> None:
    """Nothing to load runs no nft."""
    assert [] == stages([])
