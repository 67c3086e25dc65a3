"""The programs of the host that the lab runs: where they are, and what to do about one that is missing."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

from prober.errors import LabUnavailableError

_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not on the PATH of Debian's ordinary users, but nft is there
_REMEDY = "Debian, Ubuntu: apt-get install nftables netcat-openbsd bind9-dnsutils"
_NEEDED = ("nft", "nc", "dig", "sh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Absolute paths, and the environment that every process of the lab gets."""

    nft: str
    nc: str
    shell: str
    environment: dict[str, str]


def find_tools() -> Tools:
    """Return the programs; LabUnavailableError names all that are missing."""
    path = f"{os.environ.get('PATH', os.defpath)}:{_SBIN}"
    found = {name: shutil.which(name, path=path) for name in _NEEDED}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        raise LabUnavailableError(f"the lab needs {', '.join(missing)}, which PATH does not have", _REMEDY)
    nft, nc, _, shell = (os.path.abspath(str(place)) for place in found.values())  # noqa: PTH100  # links stay
    return Tools(nft=nft, nc=nc, shell=shell, environment={"PATH": path, "LC_ALL": "C"})
