"""Namespaces and mounts: a place that no packet and no look-up can leave, and that changes nothing of the host."""

# importing pathlib costs 8 ms, which is a tenth of the lab's start
# ruff: noqa: PTH103, PTH112, PTH114, PTH115, PTH123, PTH211

from __future__ import annotations

import ctypes
import errno
import os

NEWNET, NEWUSER, NEWNS, NEWPID, CLONE_FS = 0x40000000, 0x10000000, 0x00020000, 0x20000000, 0x200
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9

STATE = "/run/prober"  # inside the sandbox: what the lab keeps in files
_ETC = f"{STATE}/etc"
# What decides how a name is resolved; the rest of /etc is the host's (alternatives, services, ld.so.cache).
_OWN = {
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
    "resolv.conf": "",
}
_LEFT_OUT = {"host.conf", "gai.conf"}

_libc = ctypes.CDLL(None, use_errno=True)


class StageError(Exception):
    """One stage of making the lab failed: `stage` is what diagnosis.py turns into a reason and a remedy."""

    def __init__(self, stage: str, code: int, text: str) -> None:
        super().__init__(stage, code, text)
        self.stage, self.code, self.text = stage, code, text


class Stage:
    """`with Stage("mount"):` turns an OSError into a StageError that names the stage."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            text = error.strerror or str(error)
            place = f": {error.filename}" if error.filename else ""
            raise StageError(self._name, error.errno or 0, text + place) from error


def _call(result: int, what: str) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Give the calling thread namespaces of its own."""
    _call(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int = NEWNET) -> None:
    """Move the calling thread into a namespace."""
    _call(_libc.setns(descriptor, kind), "setns")


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Attach a file system, or with MS_BIND a part of one, to a place of this mount namespace."""
    source_, kind_, options_ = (None if text is None else os.fsencode(text) for text in (source, kind, options))
    _call(_libc.mount(source_, os.fsencode(target), kind_, ctypes.c_ulong(flags), options_), f"mount on {target}")


def die_with_parent() -> None:
    """Let the kernel kill this process when the thread that forked it ends."""
    _call(_libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0), "prctl")


def here(kind: str) -> int:
    """Return a descriptor of the calling thread's namespace: `net`, `mnt`."""
    return os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)


def enter() -> None:
    """Leave the host: network, mounts and (for the next child) process ids of its own.

    Root needs no user namespace, and must not ask for one: inside a chroot the kernel forbids it.
    """
    rest = NEWNET | NEWNS | NEWPID
    uid, gid = os.geteuid(), os.getegid()
    with Stage("unshare"):
        if uid == 0:
            try:
                unshare(rest)
            except PermissionError:
                pass  # root of a container without CAP_SYS_ADMIN: perhaps it may have a user namespace
            else:
                return
        unshare(NEWUSER | rest)
    with Stage("uid-map"):
        for file, line in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{file}", "w", encoding="ascii") as f:
                f.write(line)


def hide_host() -> None:
    """Hide the resolvers that can be reached by a path, and bring an /etc that names none.

    No network namespace closes /run: systemd-resolved, nscd, dbus and avahi listen there.
    """
    with Stage("mount"):
        _keep_mounts_private()
        kept = [(e.name, os.readlink(e.path)) for e in os.scandir("/run") if e.is_symlink()]
        mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
        if os.path.isdir("/var/run") and not os.path.islink("/var/run"):
            mount("tmpfs", "/var/run", "tmpfs", 0, "mode=755")
        for name, target in kept:  # NixOS keeps the way to every program there
            if target.startswith("/") and not target.startswith("/run/"):
                os.symlink(target, f"/run/{name}")
        os.makedirs(_ETC)
        entries = [(e.name, os.readlink(e.path) if e.is_symlink() else "") for e in os.scandir("/etc")]
        mount("/etc", _ETC, None, _MS_BIND | _MS_REC)
        mount("tmpfs", "/etc", "tmpfs", 0, "mode=755")
        for name, target in entries:
            if name not in _OWN and name not in _LEFT_OUT:
                os.symlink(target or f"{_ETC}/{name}", f"/etc/{name}")
        for name, text in _OWN.items():
            write(f"/etc/{name}", text)
        if not os.access("/proc/sys/net/ipv4/ip_forward", os.W_OK):
            try:
                mount("proc", "/proc", "proc", 0)
            except OSError as error:
                raise OSError(errno.EROFS, f"and there may be no other ({error.strerror})", "/proc/sys") from error


def _keep_mounts_private() -> None:
    """See to it that no mount made here appears on the host."""
    try:
        mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # A chroot whose root is no mount point. Joining the namespace in which we are leads to its real root for a
        # moment: there, everything can be made private, also what the chroot does not show.
        root = os.open("/", os.O_PATH | os.O_CLOEXEC)
        own = here("mnt")
        setns(own, NEWNS)
        mount(None, "/", None, _MS_REC | _MS_PRIVATE)
        _back_to(root)
        os.close(own)
        os.close(root)


def _back_to(root: int) -> None:
    os.fchdir(root)
    os.chroot(".")


def write(path: str, text: str) -> None:
    """Write a small file."""
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


class View:
    """A mount namespace of its own in which /etc/resolv.conf says `resolv`; for threads that do not share CLONE_FS."""

    def __init__(self, name: str, resolv: str, outside: View | None = None) -> None:
        if outside is not None:
            unshare(NEWNS)
            write(f"{STATE}/resolv.{name}", resolv)
            mount(f"{STATE}/resolv.{name}", "/etc/resolv.conf", None, _MS_BIND)
        self._namespace = here("mnt")
        self._root = os.open("/", os.O_PATH | os.O_CLOEXEC)  # in a chroot, joining the namespace would leave it
        if outside is not None:
            outside.enter()

    def enter(self) -> None:
        """Move the calling thread into it."""
        setns(self._namespace, NEWNS)
        _back_to(self._root)
