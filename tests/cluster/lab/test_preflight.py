"""What the preflight says where the lab runs, and where something stands in its way: machines made for the purpose."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import prober
from prober.cluster.lab import preflight
from prober.cluster.lab.tools import find_tools
from prober.errors import LabUnavailableError
from prober.outcomes import Outcome

pytestmark = pytest.mark.lab

_ROOT = Path(prober.__file__).parent.parent
_SAY = (
    f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from prober.cluster.lab.preflight import preflight; "
    "print(*(f'{c.name}: {c.ok}: {c.detail}; {c.remedy}' for c in preflight()), sep='\\n')"
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such a machine")


def _makes_machines() -> bool:
    """Say whether unshare makes all kinds of namespaces here: in a chroot it makes no user namespace and no mounts."""
    tried = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    return subprocess.run(tried, capture_output=True, timeout=60, check=False).returncode == 0


def _under(wrapper: str, *rest: str) -> list[str]:
    """Run the preflight inside of a shell text in which "$@" is the preflight."""
    if not _makes_machines():
        pytest.skip("unshare can make no such machine in here (a chroot?)")
    command = [*rest, "sh", "-c", wrapper, "sh", sys.executable, "-I", "-S", "-c", _SAY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.splitlines()


def test_here_everything_works() -> None:
    """Each step is a check, and the probes saw what they should."""
    checks = preflight.preflight()
    assert ["programs", "sandbox", "open probe", "dropped probe"] == [c.name for c in checks if c.ok]
    assert ["CONNECTED across nodes", "TIMED_OUT across nodes"] == [c.detail for c in checks[2:]]
    preflight.require()


def test_the_first_failure_is_the_last_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It carries reason and remedy, and `require` raises them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("prober.cluster.lab.tools._SBIN", str(tmp_path))
    (check,) = preflight.preflight()
    assert ("programs", False, True) == (check.name, check.ok, "apt-get install" in check.remedy)
    with pytest.raises(LabUnavailableError, match="the lab needs nft, nc, dig, sh"):
        preflight.require()


def test_a_probe_that_sees_something_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that lets everything through, or nothing, has no lab."""
    monkeypatch.setattr("prober.probe.outcome", lambda *_: Outcome.CONNECTED)
    *_, last = preflight.preflight()
    assert ("dropped probe", False, True) == (last.name, last.ok, "should be TIMED_OUT" in last.detail)


@pytest.mark.parametrize("kind", ["user", "net", "mnt", "pid"])
def test_no_more_namespaces(kind: str) -> None:
    """A limit of 0 is named, with the sysctl that raises it."""
    # in a user namespace of the test's own, where limits are its own; a second one, as the lab needs if it is not root
    lines = _under(
        f'echo 0 > /proc/sys/user/max_{kind}_namespaces && exec "$@"',
        *("unshare", "--user", "--map-root-user", "--mount"),
    )
    name = f"user.max_{kind}_namespaces"
    if kind == "user":  # who is root there needs none
        assert lines[-1].startswith("dropped probe: True")
    else:
        assert f"sandbox: False: no more namespaces are allowed: {name} is used up or 0" in lines[-1]
        assert f"sysctl -w {name}=10000" in lines[-1]


def test_user_namespaces_that_are_forbidden() -> None:
    """Who has no name in his user namespace may make none, as under seccomp: EPERM."""
    lines = _under('exec "$@"', "unshare", "--user")
    assert "sandbox: False: user namespaces are forbidden" in lines[-1]
    assert "as root" in lines[-1]


@needs_root
def test_root_without_the_capability_takes_a_user_namespace() -> None:
    """Root of a container may lack CAP_SYS_ADMIN and still be allowed a user namespace."""
    lines = _under('exec "$@"', "setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all")
    assert lines[-1].startswith("dropped probe: True")


@needs_root
@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param("", "dropped probe: True", id="root-mounts-another"),
        pytest.param(
            "setpriv --bounding-set=-sys_admin --inh-caps=-all",
            "sandbox: False: /proc/sys is read-only",
            id="not-in-a-user-namespace",
        ),
    ],
)
def test_a_read_only_proc(user: str, expected: str) -> None:
    """Docker makes /proc/sys read-only: root mounts another /proc, without root the remedy says what to ask for."""
    lines = _under(f'mount --bind -o ro /proc/sys /proc/sys && exec {user} "$@"', "unshare", "--mount")
    assert lines[-1].startswith(expected)


@needs_root
def test_mounts_that_are_shared(tmp_path: Path) -> None:
    """Where every mount is propagated (systemd's default) none of the lab's appears outside."""
    lines = _under('mount --make-rshared / && "$@" && wc -l < /proc/self/mountinfo', "unshare", "--mount")
    before = _under("mount --make-rshared / && wc -l < /proc/self/mountinfo", "unshare", "--mount")
    assert lines[-2].startswith("dropped probe: True")
    assert before[-1] == lines[-1]


_CHROOT = """
set -e
mount --make-rshared /
mount -t tmpfs tmpfs {place}
mkdir -p {place}/root/etc {place}/root/run
for each in /*; do
    test -L $each && cp -P $each {place}/root/ && continue
    case $each in /etc | /run) continue ;; esac
    test -d $each && mkdir {place}/root$each && mount --rbind $each {place}/root$each
done
cp -a /etc/alternatives {place}/root/etc/
before=$(cat /proc/self/mountinfo)
chroot {place}/root "$@"
test "$before" = "$(cat /proc/self/mountinfo)" && echo "mounts as before"
ls -A {place}/root/etc {place}/root/run
"""


@needs_root
def test_a_bare_chroot(tmp_path: Path) -> None:
    """Its root is no mount point, its /etc has no resolv.conf and no nsswitch.conf; nothing in it or around changes."""
    find_tools()
    lines = _under(_CHROOT.format(place=tmp_path), "unshare", "--mount")
    assert lines[3].startswith("dropped probe: True")
    assert ["mounts as before", f"{tmp_path}/root/etc:", "alternatives", "", f"{tmp_path}/root/run:"] == lines[4:]
