"""How far a run has come, shown while it goes on: one live line on a terminal, a line per scenario elsewhere."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import IO

from prober.terminal import is_live, many, one_line, width

_CLEAR = "\r\x1b[K"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where one scenario is; several may be under way at once."""

    scenario: str
    step: str
    kind: str  # "control", "step", "restore"
    round: int
    disagreeing: int = 0  # flows that are not yet what they should be
    first: str = ""  # the first of them
    done: bool = False
    note: str = ""  # what there is to say, above all when it is done

    def __str__(self) -> str:
        if self.done:
            return f"{self.scenario}: {self.note or 'all as expected'}"
        step = f"step '{self.step}'" if self.kind == "step" else self.kind
        note = f", {self.note}" if self.note else ""
        return f"{self.scenario}: {step}, round {self.round}{self._open()}{note}"

    def _open(self) -> str:
        """Return how many cells still disagree, and the first of them."""
        if not self.disagreeing:
            return ""
        more = ", ..." if self.disagreeing > 1 else ""
        return f", {many(self.disagreeing, 'cell')} still to agree: {self.first}{more}"


def ignored(_: Progress) -> None:
    """Show nothing (--quiet)."""


class Display:
    """Shows progress on a stream, from any thread; close it before anything else is written there."""

    def __init__(self, stream: IO[str], *, total: int, live: bool | None = None) -> None:
        self._stream = stream
        self._total = total
        self._live = is_live(stream) if live is None else live
        self._lock = threading.Lock()
        self._running: dict[str, Progress] = {}
        self._finished = 0
        self._shown = ""
        self._open = True

    def __call__(self, progress: Progress) -> None:
        with self._lock:
            if not self._open:
                return
            if progress.done:
                self._running.pop(progress.scenario, None)
                self._finished += 1
                self._write(f"{self._count()} {one_line(str(progress))}\n")
                self._shown = ""
            else:
                self._running.pop(progress.scenario, None)  # the latest stands last
                self._running[progress.scenario] = progress
            if self._live and self._running and (line := self._line()) != self._shown:
                self._write(line)
                self._shown = line

    def close(self) -> None:
        """Take the live line away; nothing is shown after it."""
        with self._lock:
            if self._open and self._live:
                self._write("")
            self._open = False

    def _count(self) -> str:
        return f"[{self._finished}/{self._total}]"

    def _line(self) -> str:
        *others, latest = self._running.values()
        tail = f" (and {len(others)} more)" if others else ""
        room = width(self._stream) - 1 - len(tail)  # a full line would wrap, and could not be cleared
        return f"{self._count()} {one_line(str(latest))}"[:room] + tail

    def _write(self, text: str) -> None:
        try:
            self._stream.write((_CLEAR if self._live else "") + text)
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads it any more: the run matters more than its display
            self._open = False
