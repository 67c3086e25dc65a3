"""Tests of prober.pytest_plugin.merging: journals of several processes are one run's, and say no more than they did."""

from __future__ import annotations

from pathlib import Path

from prober.journal import Event, Journal, Remark, RunEnded, RunStarted, ScenarioEnded, Skipped
from prober.pytest_plugin.merging import killed, merged


def written(place: Path, name: str, *events: Event) -> None:
    with Journal(place / f"{name}.jsonl") as log:
        for event in events:
            log.write(event)


def started(path: str, at: float, run: str = "r1") -> RunStarted:
    return RunStarted(
        run=run,
        version="0",
        cluster="lab",
        at=at,
        wall=f"w{at:g}",
        settings={"hold": "1"},
        texts={path: f"text of {path}"},
        scenarios=[path],
    )


def ended(at: float, *, interrupted: bool = False) -> RunEnded:
    return RunEnded(at=at, interrupted=interrupted, wall=f"w{at:g}")


def test_journals_become_one(tmp_path: Path) -> None:
    """One beginning with everybody's files, the canary first, then the scenarios by path; one end, the last."""
    written(tmp_path, "gw1-1", started("b", 3, "r2"), Skipped(scenario="b", reason="x"), ended(4))
    written(
        tmp_path, "canary", started("prober:/canary", 2), ScenarioEnded(scenario="prober:/canary", at=2.5), ended(3)
    )
    written(tmp_path, "gw0-1", started("a", 5), Skipped(scenario="a", reason="y"), ended(9))
    head, *events, end = merged(tmp_path)

    assert isinstance(head, RunStarted)
    assert ("r1, r2", 2, ["prober:/canary", "a", "b"]) == (head.run, head.at, head.scenarios)
    assert {path: f"text of {path}" for path in head.scenarios} == head.texts
    assert ["prober:/canary", "a", "b"] == [getattr(e, "scenario", "") for e in events]
    assert RunEnded(at=9, interrupted=False, wall="w9") == end
    assert [] == killed(tmp_path)


def test_what_was_run_again_counts_as_it_came_out_at_last(tmp_path: Path) -> None:
    """Of two journals of one scenario the later is told, whatever the files are called."""
    written(tmp_path, "z", started("a", 1), Skipped(scenario="a", reason="first"), ended(2))
    written(tmp_path, "b", started("a", 3), Skipped(scenario="a", reason="second"), ended(4))

    assert ["second"] == [e.reason for e in merged(tmp_path) if isinstance(e, Skipped)]


def test_interruption_of_one_is_the_session_s(tmp_path: Path) -> None:
    """A session of which any process was interrupted was interrupted."""
    written(tmp_path, "a", started("a", 1), ended(2, interrupted=True))
    written(tmp_path, "b", started("b", 1), ended(3))

    assert ended(3, interrupted=True) == merged(tmp_path)[-1]


def test_killed_process_is_named(tmp_path: Path) -> None:
    """A journal without an end is told as far as it goes, and its run is known as killed."""
    written(tmp_path, "a", started("a", 1, "dead"), Skipped(scenario="a", reason="x"))
    written(tmp_path, "b", started("b", 1, "well"), ended(2))

    assert ["dead"] == killed(tmp_path)
    assert any(isinstance(e, Skipped) for e in merged(tmp_path))


def test_remark_of_everybody_is_one(tmp_path: Path) -> None:
    """What every process remarks of the whole session stands there once; what is of a scenario stays."""
    for path in ("a", "b"):
        remarks = (Remark(scenario="", text="n9 is not covered"), Remark(scenario=path, text="n9 is not covered"))
        written(tmp_path, path, started(path, 1), *remarks, ended(2))

    assert ["", "a", "b"] == [e.scenario for e in merged(tmp_path) if isinstance(e, Remark)]


def test_nothing_is_nothing(tmp_path: Path) -> None:
    """Without journals, and with what is none, there is nothing to judge."""
    (tmp_path / "foreign.jsonl").write_text("hello\n")
    (tmp_path / "empty.jsonl").write_text("")

    assert () == merged(tmp_path)
