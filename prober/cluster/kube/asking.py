"""Which answers of a probe request are still missing, and asking for them again: no line lost on its way is a verdict.

Pure but for the waiting. The request's form is in probe.py; the lines themselves are read above the seam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential, wait_random

from prober.errors import ClusterError
from prober.probe import Answer, ClockLine, EndLine, read_line

TRIES = 4  # of an exec that begins and then loses lines


class LostError(ClusterError):
    """An exec ended before its last line, or a line of it did not arrive."""


class AwayError(LostError):
    """An exec could not begin: worth `patience` seconds of asking again; `fatal` if nothing else can work either."""

    def __init__(self, text: str, *, patience: float, fatal: bool) -> None:
        super().__init__(text)
        self.patience = patience
        self.fatal = fatal


class GoneError(ClusterError):
    """The pod, or its container, is not there: there is nobody to ask again."""


class Asking:
    """One request: its cells, and those of them that have been answered."""

    def __init__(self, request: str) -> None:
        lines = [line for line in request.splitlines() if line]
        self._token = lines[0].partition(" ")[0]
        self._lines = lines
        self._missing = {cell for line in lines if (cell := _cell(line)) is not None}

    @property
    def missing(self) -> frozenset[int]:
        return frozenset(self._missing)

    def text(self) -> str:
        """Return the request for what is missing; waits, the clock and the end stay in their places."""
        kept = (line for line in self._lines if (cell := _cell(line)) is None or cell in self._missing)
        return "".join(f"{line}\n" for line in kept)

    def seconds(self) -> int:
        """Return how long the attempts may take if each of them takes all its time."""
        waves, longest = 0, 0
        for line in self._lines:
            fields = line.split(" ")
            if len(fields) == 8:
                longest = max(longest, int(fields[4]))
            else:
                waves, longest = waves + longest, 0
        return waves + longest

    def takes(self, line: str) -> bool:
        """Say whether a line belongs to this request and is new; a cell is answered once."""
        match read_line(line, self._token):
            case Answer(cell=cell) if cell in self._missing:
                self._missing.discard(cell)
                return True
            case ClockLine():
                return True
            case _:
                return False

    def ends(self, line: str) -> bool:
        return isinstance(read_line(line, self._token), EndLine)


def asked_until_answered(
    asking: Asking,
    run: Callable[[str], Iterator[str]],
    on_lost: Callable[[ClusterError], None],
    *,
    tries: int = TRIES,
    wait: float = 0.2,
) -> Iterator[str]:
    """Yield the lines of `run(request)`, run again for the cells that lack theirs; in the end some may lack still.

    Every loss is told to `on_lost`. Raises the last one only where the cluster itself is out of reach.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(LostError),
        stop=_enough(tries),
        wait=wait_exponential(multiplier=wait, max=10 * wait) + wait_random(0, wait / 2),
        reraise=True,
    )
    try:
        for attempt in retrying:
            trouble: ClusterError | None = None
            try:
                for line in run(asking.text()):
                    if asking.takes(line):
                        yield line
            except (GoneError, LostError) as error:
                trouble = error
            if not asking.missing:
                return
            trouble = trouble or LostError(f"{len(asking.missing)} lines did not arrive")
            on_lost(trouble)
            with attempt:  # not around the yield: what the reader throws in there is not ours to repeat
                raise trouble
    except AwayError as error:
        if error.fatal:
            raise
    except (GoneError, LostError):
        pass


def _enough(tries: int) -> Callable[[RetryCallState], bool]:
    lost = 0

    def stop(state: RetryCallState) -> bool:
        nonlocal lost
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, AwayError):
            return (state.seconds_since_start or 0.0) >= error.patience
        lost += 1
        return lost >= tries

    return stop


def _cell(line: str) -> int | None:
    """Return the cell that a request's line asks; None for clock, wait and end."""
    fields = line.split(" ")
    return int(fields[1]) if len(fields) == 8 and fields[1].isdecimal() else None
