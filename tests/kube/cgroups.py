"""The cgroups of one cluster: one under the root of each hierarchy, and in it one for each node."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_CPUSET = ("cpuset.cpus", "cpuset.mems")


def hierarchies(root: Path = _ROOT) -> tuple[Path, ...]:
    """Return where cgroups are made: the root where it is cgroup 2, else what kubelet wants of cgroup 1."""
    if (root / "cgroup.controllers").exists():
        return (root,)
    wanted = (
        "blkio",
        "cpu",
        "cpuacct",
        "cpuset",
        "devices",
        "freezer",
        "hugetlb",
        "memory",
        "pids",
        "systemd",
        "unified",
    )
    # a name may be a link to `cpu,cpuacct`; one that is not mounted is missing
    return tuple(sorted({(root / name).resolve() for name in wanted if (root / name / "cgroup.procs").exists()}))


def make(stem: str, nodes: tuple[str, ...], root: Path = _ROOT) -> None:
    """Make the cgroups `/STEM` and `/STEM/NODE`; an empty cpuset takes no process, so each gets its parent's."""
    for hierarchy in hierarchies(root):
        top = hierarchy / stem
        for folder in (top, *(top / node for node in nodes)):
            folder.mkdir(exist_ok=True)
            for file in _CPUSET:
                if (folder / file).exists() and not (folder / "cgroup.controllers").exists():
                    (folder / file).write_text((folder.parent / file).read_text())


def stems(prefix: str, root: Path = _ROOT) -> set[str]:
    """Return the names of all clusters' cgroups."""
    return {folder.name for hierarchy in hierarchies(root) for folder in hierarchy.glob(f"{prefix}*")}


def leftovers(stem: str, root: Path = _ROOT) -> Iterator[Path]:
    """Yield the cluster's cgroups, innermost first."""
    for hierarchy in hierarchies(root):
        for folder, _, _ in os.walk(hierarchy / stem, topdown=False):
            yield Path(folder)


def remove(stem: str, root: Path = _ROOT, *, patience: float = 10.0) -> None:
    """Remove the cluster's cgroups; the kernel lets go of one a moment after its last process."""
    deadline = time.monotonic() + patience
    for folder in leftovers(stem, root):
        while True:
            try:
                folder.rmdir()
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                break
