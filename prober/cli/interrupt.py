"""What Ctrl-C and SIGTERM do to a run: once it ends in order, twice at once, the third time without a word."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from prober.cli.output import complain

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GLANCE = 0.1  # seconds between looks at the signals
_AT_ONCE = 2


class Interrupts:
    """Counts the signals while it is entered; a signal handler that did more could meet a lock that is held."""

    def __init__(self) -> None:
        self._count = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._count += 1
        if self._count > _AT_ONCE:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    @property
    def at_once(self) -> bool:
        """Say whether somebody would not wait for the run to end in order."""
        return self._count >= _AT_ONCE

    def watch(self, work: Callable[[], None], stop: threading.Event) -> None:
        """Do the work in a thread until it is done, or is to end at once; set `stop` at the first signal.

        What the work raises is raised here. Work that is left behind ends with the process.
        """
        raised: list[BaseException] = []

        def working() -> None:
            try:
                work()
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=working, name="run", daemon=True)
        thread.start()
        while thread.is_alive() and not self.at_once:
            thread.join(_GLANCE)
            if self._count and not stop.is_set():
                stop.set()
                complain("prober: stopping; what was seen so far is judged (once more: at once)")
        if raised:
            raise raised[0]
