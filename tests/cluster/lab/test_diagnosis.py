"""From the failure of a stage to its reason and its remedy, for machines as they are met."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from prober.cluster.lab.diagnosis import Facts, facts, unavailable

_USER = Facts(root=False, container=False, restricted_by_apparmor=False)
_ROOT = replace(_USER, root=True)
_UBUNTU = replace(_USER, restricted_by_apparmor=True)
_DOCKER = replace(_USER, root=True, container=True)


@pytest.mark.parametrize(
    ("stage", "code", "here", "what", "remedy"),
    [
        pytest.param(
            "unshare", errno.ENOSPC, replace(_USER, limits=(("max_user_namespaces", "0"), ("max_net_namespaces", "9"))),
            "user.max_user_namespaces is used up or 0", "sysctl -w user.max_user_namespaces=10000", id="limit-0",
        ),
        pytest.param("unshare", errno.EPERM, _USER, "forbidden here, by seccomp", "as root", id="seccomp"),
        pytest.param(
            "unshare", errno.EPERM, replace(_USER, userns_clone="0"), "kernel.unprivileged_userns_clone is 0",
            "kernel.unprivileged_userns_clone=1", id="debian-switch",
        ),
        pytest.param("unshare", errno.EPERM, _DOCKER, "CAP_SYS_ADMIN is missing", "--privileged", id="docker-root"),
        pytest.param("unshare", errno.EINVAL, _USER, "no such namespaces", "kernel", id="no-namespaces"),
        pytest.param("uid-map", errno.EPERM, _UBUNTU, "AppArmor", "profile with `userns,`", id="ubuntu-24.04"),
        pytest.param("mount", errno.EACCES, _UBUNTU, "AppArmor", "as root (sudo)", id="apparmor-at-mount"),
        pytest.param("network", errno.EPERM, _UBUNTU, "AppArmor", "_userns=0", id="apparmor-netlink"),
        pytest.param("mount", errno.EPERM, _DOCKER, "mount: it failed", "apparmor=unconfined", id="docker-mount"),
        pytest.param("network", errno.EROFS, _DOCKER, "read-only in a container", "systempaths=", id="docker-proc"),
        pytest.param("network", errno.EOPNOTSUPP, _ROOT, "no veth", "modprobe", id="no-veth"),
        pytest.param("listen", errno.EMFILE, _ROOT, "open files", "ulimit", id="open-files"),
        pytest.param("nft", 0, _USER, "nftables cannot do", "modprobe", id="no-nftables"),
        pytest.param("start", errno.ENOSYS, _USER, "older than 5.3", "newer", id="old-kernel"),
        pytest.param("mount", errno.EPERM, _USER, "mount: it failed", "as root", id="anything-else"),
    ],
)  # fmt: skip
def test_reason_and_remedy(stage: str, code: int, here: Facts, what: str, remedy: str) -> None:
    """The same errno has different causes; the facts tell them apart, and the kernel's own text is always shown."""
    error = unavailable(stage, code, "it failed", here)
    assert (True, True, True) == (what in error.what, "it failed" in error.what, remedy in error.remedy)


def test_the_facts_of_this_machine() -> None:
    """Reading them works, and the limits of namespaces are among them."""
    assert ["max_user_namespaces", "max_net_namespaces", "max_mnt_namespaces", "max_pid_namespaces"] == [
        name for name, value in facts().limits if value
    ]
