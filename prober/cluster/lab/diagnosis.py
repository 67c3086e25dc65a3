"""What a failed stage of making the lab means on this machine, and its remedy; it reads facts and tries nothing."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from prober.errors import LabUnavailableError

_AS_ROOT = "run prober as root (sudo)"
_CONTAINER = (
    "start the container with `docker run --privileged`, or with `--cap-add SYS_ADMIN --cap-add NET_ADMIN "
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined`"
)
_APPARMOR = (
    f"{_AS_ROOT}, or give its interpreter an AppArmor profile with `userns,`, "
    "or `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
)
_MODULES = "nf_tables nft_ct nft_nat nft_masq nft_numgen nft_log nft_reject_inet nfnetlink_log veth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What of this machine decides between the causes of one and the same errno."""

    root: bool
    container: bool
    restricted_by_apparmor: bool
    userns_clone: str = ""  # Debian's switch, "" where there is none
    limits: tuple[tuple[str, str], ...] = ()  # user.max_*_namespaces


def facts() -> Facts:
    """Return the facts of this machine."""
    limits = (f"max_{kind}_namespaces" for kind in ("user", "net", "mnt", "pid"))
    return Facts(
        root=os.geteuid() == 0,
        container=any(Path(p).exists() for p in ("/.dockerenv", "/run/.containerenv")) or "container" in os.environ,
        restricted_by_apparmor=_sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1",
        userns_clone=_sysctl("kernel/unprivileged_userns_clone"),
        limits=tuple((name, _sysctl(f"user/{name}")) for name in limits),
    )


def unavailable(stage: str, code: int, text: str, here: Facts) -> LabUnavailableError:
    """Return the error that says why a stage failed on a machine with these facts, and what helps."""
    place = "in a container" if here.container else "here"
    match stage:
        case "unshare" if code == errno.ENOSPC:
            none = [f"user.{name}" for name, value in here.limits if value == "0"] or ["user.max_user_namespaces"]
            remedy = " ".join(f"{name}=10000" for name in none)
            return LabUnavailableError(
                f"no more namespaces are allowed: {', '.join(none)} is used up or 0 ({text})",
                f"`sudo sysctl -w {remedy}`",
            )
        case "unshare" if here.userns_clone == "0" and not here.root:
            return LabUnavailableError(
                f"kernel.unprivileged_userns_clone is 0: only root may make namespaces ({text})",
                f"{_AS_ROOT}, or `sudo sysctl -w kernel.unprivileged_userns_clone=1`",
            )
        case "unshare" if code == errno.EINVAL:
            return LabUnavailableError(
                f"this kernel has no such namespaces ({text})", "use a usual distribution's kernel"
            )
        case "unshare" if here.root:
            return LabUnavailableError(
                f"root may not make namespaces {place}: CAP_SYS_ADMIN is missing, or seccomp forbids it ({text})",
                _CONTAINER,
            )
        case "unshare":
            return LabUnavailableError(
                f"user namespaces are forbidden {place}, by seccomp or inside a chroot ({text})",
                f"{_CONTAINER}, or {_AS_ROOT}",
            )
        case "uid-map" | "mount" | "network" if here.restricted_by_apparmor and not here.root and _denied(code):
            return LabUnavailableError(
                f"AppArmor takes every right from user namespaces: "
                f"kernel.apparmor_restrict_unprivileged_userns is 1 ({stage}: {text})",
                _APPARMOR,
            )
        case "mount" | "network" if code == errno.EROFS:  # Docker makes it so
            return LabUnavailableError(f"/proc/sys is read-only {place} ({text})", _CONTAINER)
        case "network" | "listen" if code in (errno.EMFILE, errno.ENFILE):
            return LabUnavailableError(
                f"too few open files are allowed for this many pods ({text})",
                "raise the hard limit: `ulimit -Hn`, LimitNOFILE= or `docker run --ulimit nofile=65536`",
            )
        case "network" if code == errno.EOPNOTSUPP:
            return LabUnavailableError(f"this kernel has no veth links ({text})", f"`sudo modprobe -a {_MODULES}`")
        case "nft" if "Operation not permitted" not in text:
            return LabUnavailableError(
                f"this kernel's nftables cannot do what the lab needs: {text}", f"`sudo modprobe -a {_MODULES}`"
            )
        case "uid-map" | "mount" | "network" | "nft" if here.container or here.root:
            return LabUnavailableError(f"{stage}: {text}", _CONTAINER)
        case "start" if code == errno.ENOSYS:
            return LabUnavailableError(f"this kernel is older than 5.3 ({text})", "use a newer one")
        case _:
            return LabUnavailableError(f"{stage}: {text}", _AS_ROOT)


def _denied(code: int) -> bool:
    return code in (errno.EPERM, errno.EACCES)


def _sysctl(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
