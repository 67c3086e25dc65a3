"""The cluster's own programs, built from Go modules once and kept in a cache folder; knows nothing of how they run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kube.needs import HERE, PATH, KubeUnavailableError, program

VERSION = "1.34.4"
# kube is one program that is each of these, by the name that it is called by
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
_SOURCES = HERE / "go"
_FLAGS = ("-buildvcs=false", "-tags", "providerless,dockerless")
_STRIPPED = "-s -w"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    """One program: where its module is, what is built there, and what the linker is told."""

    name: str
    module: str
    package: str = "."
    ldflags: str = _STRIPPED


_PROGRAMS = (
    _Program(name="kube", module="kube", ldflags=f"{_STRIPPED} -X k8s.io/component-base/version.gitVersion=v{VERSION}"),
    _Program(name="agnhost", module="kube", package="k8s.io/kubernetes/test/images/agnhost"),
    _Program(name="coredns", module="coredns"),
)


def cache() -> Path:
    """Return the folder that keeps what was built, whatever its version."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "prober" / "kube"


def key() -> str:
    """Return what the programs are made from: the version, and a hash of sources, modules, flags and compiler."""
    digest = hashlib.sha256()
    for file in sorted(p for p in _SOURCES.rglob("*") if p.is_file()):
        digest.update(f"{file.relative_to(_SOURCES)}\0".encode() + file.read_bytes())
    digest.update(repr((_PROGRAMS, _FLAGS, _compiler())).encode())
    return f"{VERSION}-{digest.hexdigest()[:12]}"


def _compiler() -> str:
    return subprocess.run([program("go"), "version"], check=True, capture_output=True, text=True).stdout


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock between processes; whoever dies lets go of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def programs() -> Path:
    """Return the folder of the programs, building those that are not there yet: minutes the first time."""
    folder = cache() / key()
    with locked(folder.parent / f"{folder.name}.lock"):
        folder.mkdir(exist_ok=True)
        for wanted in _PROGRAMS:
            if not (folder / wanted.name).exists():
                _build(wanted, folder)
        for name in COMPONENTS:
            if not (folder / name).is_symlink():
                (folder / name).symlink_to("kube")
    return folder


def _build(wanted: _Program, folder: Path) -> None:
    print(f"building {wanted.name} ({VERSION}) into {folder}", file=sys.stderr, flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as scratch:
        out = Path(scratch) / wanted.name
        command = [program("go"), "build", *_FLAGS, "-ldflags", wanted.ldflags, "-o", str(out), wanted.package]
        run = subprocess.run(
            command,
            cwd=_SOURCES / wanted.module,
            env={**os.environ, "PATH": PATH, "CGO_ENABLED": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise KubeUnavailableError(f"go build of {wanted.name} failed: {run.stderr.strip()[-2000:]}")
        shutil.move(out, folder / wanted.name)  # whole or not at all: it is the same file system
    print(f"built {wanted.name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
