"""The process outside of a cluster that ends it: when it is told to, when its last user is gone, or by dying itself."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from prober.cluster.lab import sandbox
from tests.kube import addresses, cgroups
from tests.kube.settings import Plan


def main() -> None:
    """Keep the cluster of the plan on the command line, in a child that lives on, and remove what is left of it."""
    plan = Plan.parse(sys.argv[1])
    alive = os.open(plan.alive, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    if os.fork():
        os._exit(0)  # whoever started this need not wait for more: the lock is the child's too
    os.write(alive, str(os.getpid()).encode())
    signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    cgroups.make(plan.stem, tuple(addresses.node_name(n + 1) for n in range(plan.settings.nodes)))
    try:
        sandbox.unshare(sandbox.NEWPID)
        inside = subprocess.Popen(
            [sys.executable, "-m", "tests.kube.inside", plan.text()],
            stdin=subprocess.DEVNULL,
            preexec_fn=_begin_inside,  # before any thread is started
        )
        if not plan.lasting:
            threading.Thread(target=_outlive_users, args=(plan.users,), daemon=True).start()
        try:
            signal.sigwait(signals)
        finally:
            inside.kill()
            inside.wait()  # the kernel has then ended everybody else in there
    finally:
        cgroups.remove(plan.stem)
        if plan.failure.exists():  # whoever waits for the cluster reads why first
            _locked_alone(plan.users)
        shutil.rmtree(plan.folder, ignore_errors=True)


def _begin_inside() -> None:
    sandbox.die_with_parent()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _outlive_users(file: Path) -> None:
    """End this process when nobody holds the users' lock any more; who comes then must make a new cluster."""
    _locked_alone(file)
    os.kill(os.getpid(), signal.SIGTERM)


def _locked_alone(file: Path) -> None:
    """Wait until nobody holds the users' lock, and keep it until this process ends."""
    fcntl.flock(os.open(file, os.O_RDWR | os.O_CLOEXEC), fcntl.LOCK_EX)


if __name__ == "__main__":
    main()
