"""The container images of the cluster, packed from what is built and installed here: nothing is pulled."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.kube.build import cache, locked, programs
from tests.kube.needs import program

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.56"
COREDNS = "prober.test/coredns:1"
PAUSE = "prober.test/pause:1"
_FORMAT = 1  # raise it when the same files are packed in another way
# Debian's static busybox, as a shell, prefers its own applets to PATH, and its nc has no -z: hence dash and another nc
_OTHERS = {"sh", "nc", "busybox"}
_USERS = "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One thing in an image: a file of this machine, a link, or text; a folder where it is none of them."""

    path: str
    file: Path | None = None
    link: str = ""
    text: str | None = None
    mode: int = 0o755

    def mark(self) -> str:
        """Return what changes when this entry changes."""
        stat = "" if self.file is None else f"{self.file.stat().st_size} {self.file.stat().st_mtime_ns}"
        return repr((self, stat))


@dataclass(frozen=True, slots=True)
class _Image:
    name: str
    command: tuple[str, ...]
    entries: tuple[_Entry, ...]


def archives() -> tuple[Path, ...]:
    """Return every image as a file for `ctr images import`, packing those that are not there yet."""
    folder = cache() / "images"
    found = []
    with locked(folder.parent / f"{folder.name}.lock"):
        folder.mkdir(exist_ok=True)
        for image in _images(programs()):
            marks = repr((_FORMAT, image.name, image.command)) + "".join(e.mark() for e in image.entries)
            stem = image.name.split(":")[0].rpartition("/")[2]
            file = folder / f"{stem}-{hashlib.sha256(marks.encode()).hexdigest()[:12]}.tar"
            if not file.exists():
                for old in folder.glob(f"{stem}-*.tar"):
                    old.unlink()
                part = file.with_suffix(".part")
                _pack(image, part)
                part.rename(file)
            found.append(file)
    return tuple(found)


def _images(binaries: Path) -> tuple[_Image, ...]:
    busybox = Path(program("busybox"))
    shell = (
        _Entry("bin"),
        _Entry("etc"),
        _Entry("tmp", mode=0o1777),
        _Entry("usr"),
        _Entry("usr/bin"),
        _Entry("etc/passwd", text=_USERS, mode=0o644),
        _Entry("bin/busybox", file=busybox),
        *(_Entry(f"bin/{applet}", link="busybox") for applet in _applets(busybox) if applet not in _OTHERS),
        _Entry("bin/sh", link="dash"),
        _Entry("usr/bin/sh", link="../../bin/dash"),
        *_with_libraries({"bin/dash": "dash", "bin/nc": "nc.openbsd", "bin/dig": "dig"}),
        _Entry("agnhost", file=binaries / "agnhost"),
    )
    return (
        _Image(PAUSE, ("/busybox", "sleep", "infinity"), (_Entry("busybox", file=busybox),)),
        _Image(COREDNS, ("/coredns",), (_Entry("coredns", file=binaries / "coredns"),)),
        _Image(AGNHOST, ("/agnhost",), shell),
    )


def _applets(busybox: Path) -> tuple[str, ...]:
    return tuple(subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split())


def _with_libraries(wanted: dict[str, str]) -> Iterator[_Entry]:
    """Yield programs of this machine and every library that they load, each library where they look for it."""
    libraries = set()
    for path, name in wanted.items():
        place = program(name)
        yield _Entry(path, file=Path(place).resolve())
        listed = subprocess.run(["ldd", place], check=True, capture_output=True, text=True).stdout
        libraries |= {word for word in listed.split() if word.startswith("/")}
    for library in sorted(libraries):
        yield _Entry(library.lstrip("/"), file=Path(library).resolve())


def _pack(image: _Image, out: Path) -> None:
    """Write a docker archive of one layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        for entry in image.entries:
            _add(layer, entry)
    content = buffer.getvalue()
    config = json.dumps(
        {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
            "os": "linux",
            "config": {"Entrypoint": image.command, "Env": ["PATH=/usr/bin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
            "history": [{"created_by": "tests.kube.images"}],
        }
    ).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [image.name], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(out, "w") as archive:
        for path, data in (("layer.tar", content), (name, config), ("manifest.json", manifest)):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def _add(layer: tarfile.TarFile, entry: _Entry) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mode = entry.mode
    if entry.link:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
        layer.addfile(info)
    elif entry.file is None and entry.text is None:
        info.type = tarfile.DIRTYPE
        layer.addfile(info)
    else:
        data = entry.file.read_bytes() if entry.file is not None else str(entry.text).encode()
        info.size = len(data)
        layer.addfile(info, io.BytesIO(data))
