"""Where prober keeps the journals of its runs, which of them are still being written, and how few are kept."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

KEPT = 20  # journals: enough to compare with last week, too few to fill a disk
_RUN = re.compile(r"[0-9]{8}-[0-9]{6}-([0-9a-z]{4,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One run's journal on disk."""

    run: str
    path: Path

    def is_of(self, run: str) -> bool:
        """Say whether it is this run's: by its whole name, or by the short id that a cluster's objects carry."""
        return run in (self.run, self.run.rpartition("-")[2])


def new_run() -> str:
    """Return the id of a new run; ids sort by time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def journal_name(run: str) -> str:
    """Return the name of a run's journal: such names sort by time even where the ids do not."""
    stem = run if _RUN.fullmatch(run) else f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{run}"
    return f"{stem}.jsonl"


def state_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return $XDG_STATE_HOME/prober; whether it is there is not known. RuntimeError where there is no home."""
    said = environ.get("XDG_STATE_HOME", "")
    base = Path(said) if said.startswith("/") else Path.home() / ".local" / "state"
    return base / "prober"


def writable_directory() -> Path:
    """Return the state directory, or a temporary one where that cannot be written."""
    try:
        place = state_directory()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return place
    except (OSError, RuntimeError):
        return Path(tempfile.mkdtemp(prefix="prober-"))


@contextmanager
def alive(path: Path) -> Iterator[None]:
    """Hold a lock on a journal for as long as its run lives; it ends with the process, however that ends."""
    import fcntl

    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_alive(path: Path) -> bool:
    """Say whether the run that writes a journal still lives."""
    import fcntl

    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def kept(place: Path) -> list[Kept]:
    """Return the journals in a directory, the oldest first."""
    found = [Kept(run=p.stem, path=p) for p in place.glob("*.jsonl") if _RUN.fullmatch(p.stem)]
    return sorted(found, key=lambda k: k.run)


def prune(place: Path) -> None:
    """Remove all but the newest journals; those of runs that still live stay."""
    for old in kept(place)[:-KEPT]:
        if not is_alive(old.path):
            old.path.unlink(missing_ok=True)


def keep_traceback(text: str) -> Path:
    """Write a traceback beside the journals, over the one before; return where it is."""
    path = writable_directory() / "defect.txt"
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path
