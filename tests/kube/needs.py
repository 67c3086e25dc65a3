"""What this machine must have before a cluster can be made on it, and what to do about what is missing."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin"
CNI = Path("/usr/lib/cni")
_IPV6 = Path("/proc/sys/net/ipv6")
# What of each package in packages.txt is used; a package that is not named here is needed by a program of another.
_WITNESS = {
    "bind9-dnsutils": "dig",
    "busybox-static": "busybox",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "containernetworking-plugins": f"{CNI}/ptp",
    "dash": "dash",
    "etcd-server": "etcd",
    "iproute2": "ip",
    "ipset": "ipset",
    "iptables": "iptables",
    "netcat-openbsd": "nc.openbsd",
    "nftables": "nft",
    "openssl": "openssl",
    "runc": "runc",
    "socat": "socat",
}


class KubeUnavailableError(Exception):
    """A cluster cannot be made on this machine: says why, and the remedy."""


def packages() -> tuple[str, ...]:
    """Return the Debian packages that a cluster is made of."""
    return tuple((HERE / "packages.txt").read_text(encoding="ascii").split())


def missing(path: str = PATH) -> tuple[str, ...]:
    """Return the packages that are not installed."""
    return tuple(p for p in packages() if shutil.which(_WITNESS[p], path=path) is None)


def require() -> None:
    """Raise KubeUnavailableError where no cluster can be made, with all the reasons at once."""
    if sys.platform != "linux":
        raise KubeUnavailableError(f"the cluster is made of Linux namespaces, and this is {sys.platform}")
    reasons = []
    if os.geteuid() != 0:
        reasons.append(f"a kubelet runs as root only, and this is user {os.geteuid()}: use sudo")
    if not _IPV6.exists():
        reasons.append("the kernel has no IPv6: boot it without ipv6.disable=1")
    if absent := missing():
        reasons.append(
            f"not installed: {' '.join(absent)}: `apt-get install --no-install-recommends {' '.join(absent)}`"
        )
    if shutil.which("go", path=PATH) is None:
        reasons.append("no `go` on PATH: install Go 1.24 or newer from https://go.dev/dl into /usr/local/go")
    if reasons:
        raise KubeUnavailableError("; ".join(reasons))


def program(name: str) -> str:
    """Return the absolute path of a program."""
    found = shutil.which(name, path=PATH)
    if found is None:
        raise KubeUnavailableError(f"{name} is not on PATH")
    return found
