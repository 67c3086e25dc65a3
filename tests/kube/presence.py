"""Which clusters there are on this machine, and how they end; knows their folders and locks, not what runs in them."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable

from tests.kube import cgroups
from tests.kube.settings import STEM, Plan, folder

PATIENCE = 90.0  # seconds for any one condition, on a machine where others work too
_PAUSE = 0.05


def running(name: str) -> Plan | None:
    """Return the plan of the cluster of that name, if its keeper lives."""
    try:
        plan = Plan.parse((folder(name) / "plan.json").read_text())
        with plan.alive.open("r+") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return plan
    except FileNotFoundError:
        return None
    return None


def join(plan: Plan) -> int | None:
    """Become a user of a cluster that runs: return the descriptor that makes one, or None where it is about to end."""
    users = os.open(plan.users, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(users)
        await_end(plan.name)
        return None
    return users


def leave(plan: Plan, users: int) -> None:
    """Be a user no more, and wait for the end of the cluster where nobody else is one."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        last = False
    else:
        last = not plan.lasting
    os.close(users)
    if last:
        await_end(plan.name)


def end(name: str) -> bool:
    """End a cluster whoever uses it, and wait until nothing is left of it; say whether there was one."""
    plan = running(name)
    if plan is None:
        found = name in names()
        _remove(name)
        return found
    os.kill(int(plan.alive.read_text()), signal.SIGTERM)
    await_end(name)
    return True


def sweep() -> None:
    """Remove what clusters whose keeper was killed have left; nobody may be starting one meanwhile."""
    for name in _with_folders():
        if running(name) is None:
            _remove(name)


def names() -> tuple[str, ...]:
    """Return the names of all clusters of this machine, also of those of which only something is left."""
    return tuple(sorted(_with_folders() | {stem.removeprefix(STEM) for stem in cgroups.stems(STEM)}))


def _with_folders() -> set[str]:
    place = folder("")
    return {f.name.removeprefix(STEM) for f in place.parent.glob(f"{STEM}*")}


def await_end(name: str) -> None:
    """Wait until the keeper of that name has removed everything."""
    until(lambda: running(name) is None, f"cluster {name} to end")


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition; TimeoutError says which one."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(_PAUSE)


def _remove(name: str) -> None:
    """Remove what can be left without a keeper: cgroups without processes, and a folder."""
    cgroups.remove(f"{STEM}{name}")
    shutil.rmtree(folder(name), ignore_errors=True)
