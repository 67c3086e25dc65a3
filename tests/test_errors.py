"""How prober gives up: what is shown, and which exit code it has."""

from __future__ import annotations

import pytest

from prober.errors import ClusterError, InputError, LabUnavailableError, Mistake, ProberError, UsageError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ProberError("x"), 3),
        (ClusterError("x"), 3),
        (LabUnavailableError("no nft", "install nftables"), 3),
        (UsageError("x"), 2),
        (InputError((Mistake(file="a", line=1, key="", what="x"),)), 2),
    ],
    ids=lambda x: type(x).__name__,
)
def test_exit_code(error: ProberError, code: int) -> None:
    """Wrong use and faulty files are 2; whatever keeps a proof from being made is 3."""
    assert code == error.exit_code


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (Mistake(file="a", line=3, key="pods.x", what="no port", remedy="add one"), "a:3: pods.x: no port; add one"),
        (Mistake(file="a.yaml", line=3, key="", what="no port"), "a.yaml:3: no port"),
        (Mistake(file="a.yaml", line=0, key="", what="cannot be read", remedy="look"), "a.yaml: cannot be read; look"),
    ],
)  # fmt: skip
def test_mistake_names_place_key_and_remedy(mistake: Mistake, text: str) -> None:
    """Every mistake has its file, its line if it has one, its key if it has one, and what to do."""
    assert text == str(mistake)


def test_all_mistakes_are_told_at_once() -> None:
    """A file's mistakes come together, one a line."""
    mistakes = tuple(Mistake(file="a", line=n, key="", what="x") for n in (1, 2))
    assert "a:1: x\na:2: x" == str(InputError(mistakes))
    assert mistakes == InputError(mistakes).mistakes


def test_lab_says_what_is_missing_and_its_remedy() -> None:
    """What keeps the lab from running comes with the way out."""
    error = LabUnavailableError("no nft", "install nftables")
    assert ("no nft; install nftables", "no nft", "install nftables") == (str(error), error.what, error.remedy)
