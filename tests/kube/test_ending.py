"""Nothing of a cluster is left, however it ends, and nothing of the host is changed while it is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.kube import cgroups, needs, presence
from tests.kube.build import cache, locked
from tests.kube.cluster import Cluster
from tests.kube.presence import until
from tests.kube.settings import Engine, Plan, Settings

pytestmark = pytest.mark.kube

_SMALL = Settings(engine=Engine.NFT, nodes=1)
_OWNER = """
import signal
from tests.kube.build import cache, locked
from tests.kube.cluster import Cluster
from tests.kube.settings import Engine, Settings
with Cluster(Settings(engine=Engine.NFT, nodes=1), name={name!r}) as cluster:
    print("up", flush=True)
    signal.pause()
"""
_WATCHED = ("/run", "/run/netns", "/var/lib", "/var/log", "/etc", "/opt", "/usr/libexec", "/dev")
_KNOBS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")


def _host() -> Mapping[str, object]:
    """Return what a cluster might change of the host by mistake."""
    return {
        "folders": {f: sorted(p.name for p in Path(f).iterdir()) for f in _WATCHED if Path(f).is_dir()},
        "knobs": {knob: Path(f"/proc/sys/{knob}").read_text() for knob in _KNOBS},
        "routes": Path("/proc/net/route").read_text(),
    }


def _mounts() -> tuple[str, ...]:
    return tuple(line for line in Path("/proc/mounts").read_text().splitlines() if "prober-kube" in line)


def _members(space: int) -> list[int]:
    """Return the processes of a process namespace."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/pid").stat().st_ino == space:
                found.append(int(process.name))
        except OSError:
            continue  # it has just ended, or nobody may look at it
    return found


def _space(plan: Plan) -> int:
    """Return the process namespace of a cluster, by the first process of it that the keeper has started."""
    keeper = int(plan.alive.read_text())
    children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    own = Path("/proc/self/ns/pid").stat().st_ino
    (space,) = {Path(f"/proc/{child}/ns/pid").stat().st_ino for child in children} - {own}
    return space


def _left(plan: Plan, space: int) -> dict[str, object]:
    """Return everything that is left of a cluster."""
    found = {
        "processes": _members(space),
        "cgroups": [str(c) for c in cgroups.leftovers(plan.stem)],
        "folder": plan.folder.exists(),
        "mounts": _mounts(),
    }
    return {what: things for what, things in found.items() if things}


@pytest.fixture
def owner(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], Plan]]:
    """Another process with a cluster of its own."""
    name = f"owned-{os.getpid()}"
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNER.format(name=name)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=needs.HERE.parent.parent,
    )
    assert process.stdout is not None
    with process, process.stdout:
        assert "up\n" == process.stdout.readline()
        plan = presence.running(name)
        assert plan is not None
        yield process, plan
        process.kill()
    presence.end(name)


def test_closing_leaves_nothing_and_changed_nothing() -> None:
    """The last user's close ends the cluster; while it was up, the host saw its folder, its cgroups and its port."""
    before = _host()
    with Cluster(_SMALL) as first:
        space = _space(first.plan)
        with Cluster(name=first.name) as second:
            assert first.kubeconfig == second.kubeconfig
        assert first.api_server.name in first.processes()
        assert before == _host()
        assert {"processes", "cgroups", "folder"} == _left(first.plan, space).keys()
    assert {} == _left(first.plan, space)
    assert before == _host()


def test_killed_owner_leaves_nothing(owner: tuple[subprocess.Popen[str], Plan]) -> None:
    """`kill -9` of the process that uses a cluster ends the cluster, and all of it goes."""
    process, plan = owner
    space = _space(plan)
    assert _members(space)
    process.kill()
    process.wait()
    until(lambda: not _left(plan, space), "nothing to be left", 20)


def test_killed_keeper_leaves_no_process(owner: tuple[subprocess.Popen[str], Plan]) -> None:
    """`kill -9` of the keeper ends every process; what it could not remove, `down` does."""
    _, plan = owner
    space = _space(plan)
    with locked(cache() / "start.lock"):  # so that no start elsewhere sweeps first
        os.kill(int(plan.alive.read_text()), signal.SIGKILL)
        until(lambda: not _members(space), "all processes to end", 20)
        assert plan.name in presence.names()
        assert presence.end(plan.name)
        assert {} == _left(plan, space)


def test_commands() -> None:
    """`up` makes a cluster that outlives the command, `kubeconfig` says where it is, `down` ends it."""
    name = f"command-{os.getpid()}"

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tests.kube", "--name", name, *words],
            cwd=needs.HERE.parent.parent,
            capture_output=True,
            text=True,
            check=False,
        )

    try:
        up = command("up", "--engine", "nft")
        assert (0, "") == (up.returncode, up.stderr.partition("up in")[0])
        plan = presence.running(name)
        assert plan is not None
        assert f"{plan.kubeconfig}\n" == up.stdout == command("kubeconfig").stdout
        again = command("up", "--engine", "none")
        assert 3 == again.returncode
        assert "runs already, with engine nft" in again.stderr
        space = _space(plan)
    finally:
        down = command("down")
    assert (0, f"ended: {name}\n") == (down.returncode, down.stderr)
    assert {} == _left(plan, space)
    assert 1 == command("kubeconfig").returncode
