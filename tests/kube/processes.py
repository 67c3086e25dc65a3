"""The processes of the cluster's own process namespace: started in a node's namespaces, signalled, reaped, by name."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from prober.cluster.lab import sandbox

_KINDS = {"net": sandbox.NEWNET, "mnt": sandbox.NEWNS, "uts": 0x04000000}
_PAUSE = 0.02


class TroubleError(Exception):
    """The cluster did not do what it should: what, and the last words of who was asked."""


@dataclass(frozen=True, slots=True)
class Place:
    """Namespaces that a process joins, as descriptors."""

    namespaces: Mapping[str, int]

    @classmethod
    def of(cls, process: int | str, *kinds: str) -> Place:
        """Return the namespaces that a process is in."""
        return cls({k: os.open(f"/proc/{process}/ns/{k}", os.O_RDONLY | os.O_CLOEXEC) for k in kinds or _KINDS})

    def close(self) -> None:
        """Let go of the namespaces."""
        for descriptor in self.namespaces.values():
            os.close(descriptor)

    def join(self) -> None:
        """Move this process there; a new mount namespace also brings a new root."""
        for kind, descriptor in self.namespaces.items():
            sandbox.setns(descriptor, _KINDS[kind])


@dataclass(slots=True)
class Processes:
    """What runs, by name; for one thread of a process that is the init of its namespace."""

    logs: Path
    _running: dict[str, int] = field(default_factory=dict)
    _ended: dict[str, int] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str], place: Place | None = None) -> None:
        """Start a daemon; what it says is added to its log."""
        if name in self._running:
            raise TroubleError(f"{name} runs already")
        log = os.open(self.log(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._ended.pop(name, None)
        self._running[name] = forked(lambda: _become(command, place, log))
        os.close(log)

    def run(self, command: Sequence[str], place: Place | None = None, *, text: str = "") -> tuple[int, str]:
        """Run a command to its end; return its exit status and all that it said."""
        output, given = os.memfd_create("output"), os.memfd_create("input")
        try:
            os.write(given, text.encode())
            os.lseek(given, 0, os.SEEK_SET)
            process = forked(lambda: _become(command, place, output, given))
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            return status, os.pread(output, os.fstat(output).st_size, 0).decode(errors="replace")
        finally:
            os.close(output)
            os.close(given)

    def check(self, command: Sequence[str], place: Place | None = None, *, text: str = "") -> None:
        """Run a command that must succeed."""
        status, said = self.run(command, place, text=text)
        if status:
            raise TroubleError(f"{' '.join(command)[:200]} ended with {status}: {said.strip()[-2000:]}")

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a daemon that runs."""
        self.reap()
        if name not in self._running:
            raise TroubleError(f"{name} does not run")
        os.kill(self._running[name], number)

    def kill(self, name: str) -> None:
        """End a daemon at once, and wait until it is gone."""
        self.signal(name, signal.SIGKILL)
        self.until(lambda: name not in self._running, f"{name} to end", 10)

    def listed(self) -> dict[str, int]:
        """Return the process of every daemon that runs, as this namespace numbers them."""
        self.reap()
        return dict(self._running)

    def ended(self, name: str) -> int | None:
        """Return the exit status of a daemon that has ended; None for any other."""
        return self._ended.get(name)

    def reap(self) -> None:
        """Take note of who has ended; also of orphans, which nobody else waits for."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            for name in [n for n, p in self._running.items() if p == process]:
                del self._running[name]
                self._ended[name] = os.waitstatus_to_exitcode(status)

    def until(self, condition: Callable[[], bool], what: str, seconds: float, *, needs: Sequence[str] = ()) -> None:
        """Wait for a condition; fail at once where a daemon that it needs has ended."""
        deadline = time.monotonic() + seconds
        while True:
            self.reap()
            if condition():
                return
            for name in needs:
                if self._ended.get(name):
                    raise TroubleError(f"{name} ended with {self._ended[name]}: {self.last_words(name)}")
            if time.monotonic() > deadline:
                words = "".join(f"; {name} says: {self.last_words(name)}" for name in needs)
                raise TroubleError(f"waited {seconds:g} s for {what}{words}")
            time.sleep(_PAUSE)

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def last_words(self, name: str) -> str:
        """Return the end of a daemon's log."""
        return self.log(name).read_text(errors="replace").strip()[-1500:]


def forked(what: Callable[[], NoReturn]) -> int:
    """Let a child do something that never returns; what goes wrong there, it says and exits with 127."""
    process = os.fork()
    if process:
        return process
    try:
        what()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(127)


def _become(command: Sequence[str], place: Place | None, output: int, given: int | None = None) -> NoReturn:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY) if given is None else given, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if place is not None:
        place.join()
    os.chdir("/")
    os.execv(command[0], list(command))  # noqa: S606 - no shell is what is wanted
