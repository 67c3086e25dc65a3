"""The journals of one session's processes made into one, to be judged as one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from prober.journal import Event, Remark, RunEnded, RunStarted
from prober.pytest_plugin.proving import read
from prober.scenario import OWN


@dataclass(frozen=True, slots=True)
class _Run:
    """One journal: its head, and what happened."""

    started: RunStarted
    events: tuple[Event, ...]  # without its first and its last
    ended: RunEnded | None  # None: its process was killed

    @property
    def order(self) -> tuple[bool, list[str]]:
        return not self.started.scenarios[0].startswith(OWN), self.started.scenarios


def merged(place: Path) -> tuple[Event, ...]:
    """Return all that happened in a session as one run's events; none where nothing did.

    A scenario that was run again, by a plugin that repeats what failed, counts as it came out at last.
    """
    runs = sorted((run for file in place.glob("*.jsonl") if (run := _run(read(file)))), key=lambda r: r.started.at)
    latest = {path: run for run in runs for path in run.started.scenarios}
    counted = sorted((run for run in runs if latest[run.started.scenarios[0]] is run), key=lambda r: r.order)
    return tuple(_together(counted)) if counted else ()


def _run(events: Sequence[Event]) -> _Run | None:
    match events:
        case [RunStarted() as started, *others] if started.scenarios:
            ended = others.pop() if others and isinstance(others[-1], RunEnded) else None
            return _Run(started, tuple(others), ended if isinstance(ended, RunEnded) else None)
        case _:
            return None


def _together(runs: Sequence[_Run]) -> Iterator[Event]:
    first = min((run.started for run in runs), key=lambda s: s.at)
    yield replace(
        first,
        run=", ".join(dict.fromkeys(r.started.run for r in runs)),
        texts={path: text for r in runs for path, text in r.started.texts.items()},
        scenarios=[path for r in runs for path in r.started.scenarios],
    )
    said = set()  # what every process has to remark of the whole session is one remark
    for event in (e for run in runs for e in run.events):
        if isinstance(event, Remark) and not event.scenario:
            if event.text in said:
                continue
            said.add(event.text)
        yield event
    ends = [run.ended for run in runs if run.ended]
    last = max((getattr(e, "at", first.at) for run in runs for e in (*run.events, *ends)), default=first.at)
    yield RunEnded(at=last, interrupted=any(e.interrupted for e in ends), wall=max((e.wall for e in ends), default=""))


def killed(place: Path) -> list[str]:
    """Return the ids of the runs whose process was killed in the middle."""
    runs = filter(None, (_run(read(file)) for file in sorted(place.glob("*.jsonl"))))
    return list(dict.fromkeys(run.started.run for run in runs if run.ended is None))
