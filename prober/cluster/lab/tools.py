"""The programs of the host that the lab runs: where they are, and what to do about one that is missing or another."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from prober.errors import LabUnavailableError

_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not on the PATH of Debian's ordinary users, but nft is there
_NEEDED = ("nft", "nc", "dig", "sh")
_INSTALL = "Debian, Ubuntu: `apt-get install nftables netcat-openbsd bind9-dnsutils`"
_OPENBSD = (
    "install OpenBSD's: Debian, Ubuntu `apt-get install netcat-openbsd` "
    "(and `update-alternatives --set nc /bin/nc.openbsd`), Alpine `apk add netcat-openbsd`, Fedora `dnf install netcat`"
)
_OTHER_NC = (("Ncat", r"^Ncat\b"), ("BusyBox's nc", r"^BusyBox\b"), ("netcat-traditional", r"^\[v1\.10"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Absolute paths, and the environment that every process of the lab gets."""

    nft: str
    shell: str
    environment: Mapping[str, str]


def find_tools() -> Tools:
    """Return the programs; LabUnavailableError names what is missing and how to get it."""
    if sys.platform != "linux":
        raise LabUnavailableError(
            f"the lab is made of Linux network namespaces, and this is {sys.platform}",
            "run it in a Linux virtual machine or container, or use --cluster kube",
        )
    return _found(f"{os.environ.get('PATH', os.defpath)}:{_SBIN}")


@cache
def _found(path: str) -> Tools:
    found = {name: shutil.which(name, path=path) for name in _NEEDED}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        raise LabUnavailableError(f"the lab needs {', '.join(missing)}, which is not on PATH", _INSTALL)
    nft, nc, _, shell = (os.path.abspath(str(place)) for place in found.values())  # noqa: PTH100  # links stay links
    require_openbsd(nc, usage(nc))
    return Tools(nft=nft, shell=shell, environment={"PATH": path, "LC_ALL": "C"})


def versions() -> dict[str, str]:
    """Return the first line that each program says of itself; LabUnavailableError if one is missing."""
    path = find_tools().environment["PATH"]
    asked = {"nft": "--version", "nc": "-h", "dig": "-v"}
    said = {name: _said(str(shutil.which(name, path=path)), flag) for name, flag in asked.items()}
    return {name: text.strip().partition("\n")[0] for name, text in said.items()}


def usage(nc: str) -> str:
    """Return what `nc -h` says; every variant knows it."""
    return _said(nc, "-h")


def _said(program: str, flag: str) -> str:
    try:
        run = subprocess.run(
            [program, flag],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return run.stdout + run.stderr


def require_openbsd(nc: str, said: str) -> None:
    """Raise LabUnavailableError for an nc whose words and options prober does not know; -W came in 2018."""
    if re.search(r"\[-W \w+\]|^\s*-W \w+", said, re.MULTILINE) and "-X" in said:
        return
    variant = next((name for name, mark in _OTHER_NC if re.search(mark, said, re.MULTILINE)), "an unknown nc")
    raise LabUnavailableError(f"{nc} is {variant}, not OpenBSD's (it needs -W)", _OPENBSD)
