"""Events as JSON lines, flushed as they come and read back up to the first that cannot be believed."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Self

from prober.errors import ProberError
from prober.journal.events import Event, Trouble, from_plain, plain


class Journal:
    """Collects events and, given a path, writes each at once; safe from several threads."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._file: IO[str] | None = path.open("w", encoding="utf-8") if path else None
        self.path = path
        self.lost = ""  # why the file is incomplete; the events in memory are not

    def write(self, event: Event) -> None:
        """Record an event. A disk that takes no more is noted in `lost` and never stops the run."""
        with self._lock:
            number = len(self._events)
            self._events.append(event)
            if self._file is None:
                return
            try:
                # numbered, so that a line that is missing, doubled or moved shows; ASCII, so that no text can hurt
                self._file.write(json.dumps({**plain(event), "n": number}) + "\n")
                self._file.flush()
            except OSError as error:
                self.lost = f"{self.path}: {error.strerror}"
                self._drop()

    def events(self) -> tuple[Event, ...]:
        """Return all events so far."""
        with self._lock:
            return tuple(self._events)

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # what could not be written cannot be written now
                self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events of a journal's lines, up to the first that is damaged, missing, doubled or out of order.

    From there on nothing is believed, which a last Trouble says. A last line that a crash cut short is left out.
    ProberError for what is no journal of this version.
    """
    broken: int | None = None
    for number, line in enumerate(filter(str.strip, lines)):
        if broken is not None:
            break
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            broken = number  # no harm if it is the last
            continue
        found = data.pop("n", None) if isinstance(data, dict) else None
        event = from_plain(data)
        if found != number:
            broken = number
            break
        yield event
    else:
        return
    if not broken:
        raise ProberError("its first line is not how a journal begins")
    yield Trouble(
        scenario="", text=f"the journal is believed up to line {broken}: the next is not what was written there"
    )
