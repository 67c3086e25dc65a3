"""The process outside of a cluster that ends it: when it is told to, when its last user is gone, or by dying itself."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
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
    told = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, {*told, signal.SIGCHLD})
    if not plan.lasting:
        _watch_users(plan.users)
    cgroups.make(plan.stem, tuple(addresses.node_name(n + 1) for n in range(plan.settings.nodes)))
    sandbox.unshare(sandbox.NEWPID)
    inside = subprocess.Popen(
        [sys.executable, "-m", "tests.kube.inside", plan.text()],
        stdin=subprocess.DEVNULL,
        preexec_fn=_begin_inside,  # there is one thread only
    )
    ended_itself = signal.sigwait({*told, signal.SIGCHLD}) is signal.SIGCHLD
    inside.kill()
    inside.wait()  # the kernel has then ended everybody else in there
    cgroups.remove(plan.stem)
    if ended_itself:  # whoever uses it reads the logs first
        signal.sigwait(told)
    shutil.rmtree(plan.folder, ignore_errors=True)


def _begin_inside() -> None:
    sandbox.die_with_parent()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _watch_users(file: Path) -> None:
    """Let a child end this process when nobody holds the users' lock any more.

    No thread: one that is about to have children in another process namespace cannot start any. The child keeps the
    lock until this process has ended, so that nobody joins a cluster that is going away.
    """
    keeper = os.getpid()
    if os.fork():
        return
    sandbox.die_with_parent()
    fcntl.flock(os.open(file, os.O_RDWR | os.O_CLOEXEC), fcntl.LOCK_EX)
    os.kill(keeper, signal.SIGTERM)
    signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main()
