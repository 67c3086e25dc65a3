"""Tests of prober.cli.places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prober.cli.places import alive, is_alive, kept, new_run, state_directory, writable_directory


@pytest.mark.parametrize(
    ("expected", "environ"),
    [
        pytest.param("/x/prober", {"XDG_STATE_HOME": "/x"}, id="said"),
        pytest.param("/home/me/.local/state/prober", {}, id="default"),
        pytest.param("/home/me/.local/state/prober", {"XDG_STATE_HOME": ""}, id="empty"),
        pytest.param("/home/me/.local/state/prober", {"XDG_STATE_HOME": "here"}, id="relative"),
    ],
)
def test_state_directory(expected: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals go where the XDG base directory specification says; a relative path there counts as none."""
    monkeypatch.setenv("HOME", "/home/me")

    assert expected == str(state_directory(environ))


def test_directory_is_the_user_s_own(state: Path) -> None:
    """The directory is made when it is needed, for its user alone: a journal holds what pods say."""
    assert state == writable_directory()
    assert 0o700 == state.stat().st_mode & 0o777


def test_runs_sort_by_time_and_differ() -> None:
    """A run's id begins with its time, is fit for names in a cluster, and two runs of a second differ."""
    runs = {new_run() for _ in range(5)}

    assert len(runs) > 1
    assert all(re.fullmatch("[0-9]{8}-[0-9]{6}-[0-9a-f]{4}", run) for run in runs)


def test_run_lives_until_its_lock_is_gone(tmp_path: Path) -> None:
    """A journal whose run holds it is alive, and no more afterwards; one that is not there is not."""
    journal = tmp_path / "j.jsonl"
    with alive(journal):
        assert is_alive(journal)
    assert not is_alive(journal)
    assert not is_alive(tmp_path / "none")


def test_kept_is_in_order_of_time(tmp_path: Path) -> None:
    """Only journals of runs are kept ones, the oldest first."""
    for name in ("20260102-000000-aaaa.jsonl", "20260101-000000-ffff.jsonl", "notes.jsonl", "20260101-000000-ffff.txt"):
        (tmp_path / name).touch()

    assert ["20260101-000000-ffff", "20260102-000000-aaaa"] == [k.run for k in kept(tmp_path)]
