"""The harness's end of the lab's process: starts it, asks it, learns why it died, ends it."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import prober
from prober.cluster.lab.diagnosis import facts, unavailable
from prober.cluster.lab.wire import receive, send
from prober.errors import ClusterError

# A checkout need not be installed, and -I takes neither the working directory nor PYTHONPATH.
_ROOT = str(Path(prober.__file__).parent.parent)
_START = "import sys; sys.path.insert(0, sys.argv.pop(3)); from prober.cluster.lab.child import main; main()"
_PATIENCE = 300.0  # seconds for one order; 2,000 pods take 8, on a machine that does much else ten times that
_DYING = 5.0


class _FailedStageError(ClusterError):
    """The lab's process lives, but could not do one thing."""

    def __init__(self, stage: str, code: int, text: str) -> None:
        super().__init__(f"the lab failed at {stage}: {text}")
        self.stage, self.code, self.text = stage, code, text


class Link:
    """One lab's process. `ask` may be called from several threads; one order is carried out at a time."""

    def __init__(self) -> None:
        self._log = os.memfd_create("lab")
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(_PATIENCE)
        self._lock = threading.RLock()  # a signal's cleanup may close while its own thread waits for an answer
        self._owner = os.getpid()
        self._closed = False
        with theirs:
            self._process = subprocess.Popen(
                # -S: nothing of site-packages is needed, and finding it takes as long as the rest
                [sys.executable, "-I", "-S", "-c", _START, str(theirs.fileno()), str(os.getpid()), _ROOT],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C is for the harness, which still wants evidence of the lab
            )

    def settle(self, settings: dict[str, Any], change: dict[str, Any]) -> None:
        """Let the process leave the host and build a lab; LabUnavailableError with reason and remedy if it cannot."""
        try:
            self._exchange(settings, ())
            self._exchange(("change", change), ())
        except _FailedStageError as error:
            if error.code == errno.EADDRINUSE:
                raise
            raise unavailable(error.stage, error.code, error.text, facts()) from error

    def ask(self, order: str, *arguments: Any, descriptors: Sequence[int] = ()) -> Any:
        """Let the lab do something and return its answer."""
        return self._exchange((order, *arguments), descriptors)

    def _exchange(self, message: Any, descriptors: Sequence[int]) -> Any:
        with self._lock:
            if self._closed:
                raise ClusterError("the lab is closed")
            try:
                send(self._socket, message, descriptors)
                (kind, *answer), _ = receive(self._socket)
            except TimeoutError as error:
                raise ClusterError(f"the lab did not answer within {_PATIENCE:g} s{self._last_words()}") from error
            except (EOFError, OSError) as error:
                raise ClusterError(self._obituary()) from error
        if kind == "error":
            raise _FailedStageError(*answer)
        return answer[0]

    def log(self) -> str:
        """Return what the lab's processes wrote to standard error: tracebacks, complaints of the shell."""
        return os.pread(self._log, os.fstat(self._log).st_size, 0).decode(errors="replace").strip()

    def kill(self) -> None:
        """Let the lab die as by an accident: the next order finds it dead."""
        with self._lock:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End the lab: its process ends with the socket, and everything in it with the process."""
        # Without the lock: a thread that waits for an answer gets an end instead. A second call finds it closed.
        if self._closed or self._owner != os.getpid():  # a fork of the harness has no say
            return
        self._closed = True
        self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_DYING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with self._lock:
            self._socket.close()
            os.close(self._log)

    def _obituary(self) -> str:
        """Say how the lab died."""
        if self._closed:
            return "the lab was closed meanwhile"
        try:
            code = self._process.wait(_DYING)
        except subprocess.TimeoutExpired:
            return f"the lab closed its connection{self._last_words()}"
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        return f"the lab's process {how} in the middle of the run{self._last_words()}"

    def _last_words(self) -> str:
        log = "" if self._closed else self.log()
        return f" (last: {log.splitlines()[-1]})" if log else ""
