"""The mounts and namespaces in which the cluster lives: what it writes to the host's folders stays with it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from prober.cluster.lab import sandbox
from tests.kube.daemons import HOME, PLUGINS, cni_plugin
from tests.kube.needs import CNI

_NEWUTS = 0x04000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 0x1000, 0x4000, 0x40000
# A kubelet wants to find these, or else to set them; they are the host's, so it is shown what it wants.
_KERNEL_DEFAULTS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
# Of the network of a switch or a node. Links that come later do not look for duplicates of their IPv6 addresses, of
# which there are none: an address would be of no use for up to two seconds.
_ROUTER = {"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv6/conf/default/accept_dad": "0"}


def leave_mounts() -> None:
    """Give this process mounts of its own: its process namespace's /proc, an empty /run, the host's knobs locked."""
    sandbox.unshare(sandbox.NEWNS)
    sandbox.mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    sandbox.mount("proc", "/proc", "proc", 0)
    sandbox.mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
    knobs = Path("/run/knobs")
    (knobs / "net").mkdir(parents=True)
    sandbox.mount("/proc/sys/net", str(knobs / "net"), None, _MS_BIND)
    sandbox.mount("/proc/sys", "/proc/sys", None, _MS_BIND)
    sandbox.mount(None, "/proc/sys", None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY)
    sandbox.mount(str(knobs / "net"), "/proc/sys/net", None, _MS_BIND)  # a network namespace has its own
    for name, value in _KERNEL_DEFAULTS.items():
        shown = knobs / name.replace("/", "-")
        shown.write_text(f"{value}\n")
        sandbox.mount(str(shown), f"/proc/sys/{name}", None, _MS_BIND)


def leave_network() -> None:
    """Move this process into the switch's network namespace."""
    sandbox.unshare(sandbox.NEWNET)
    _set(_ROUTER)


def move_in(name: str, files: Mapping[str, str]) -> None:
    """Make this process's namespaces those of a node, and put the node's files there."""
    sandbox.unshare(sandbox.NEWNET | sandbox.NEWNS | _NEWUTS)
    socket.sethostname(name)
    for folder in ("/run", "/var/log"):
        sandbox.mount("tmpfs", folder, "tmpfs", 0, "mode=755")
    # device plugins, CNI's cache: what cannot be moved from /var/lib by any option is written to an upper layer
    upper, work = Path("/run/varlib/upper"), Path("/run/varlib/work")
    for needed in (upper, work, HOME / "cni", PLUGINS):
        needed.mkdir(parents=True)
    sandbox.mount("overlay", "/var/lib", "overlay", 0, f"lowerdir=/var/lib,upperdir={upper},workdir={work}")
    for name, text in files.items():
        (HOME / name).write_text(text)
    for plugin in CNI.iterdir():
        (PLUGINS / plugin.name).symlink_to(plugin)
    for plugin in (PLUGINS / "bridge", PLUGINS / "ptp"):
        plugin.unlink()
        plugin.write_text(cni_plugin())
        plugin.chmod(0o700)
    _set({**_ROUTER, "ipv4/conf/all/rp_filter": "1"})


def _set(knobs: Mapping[str, str]) -> None:
    for knob, value in knobs.items():
        Path(f"/proc/sys/net/{knob}").write_text(value)
