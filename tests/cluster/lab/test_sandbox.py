"""That nothing leaves the lab and nothing of the host changes: seen from inside, and on the host's own counters."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from prober.cluster.lab import LabCluster
from prober.model import ExternalRef
from tests.cluster.lab.conftest import TOPOLOGY, A, C, Shell
from tests.cluster.lab.processes import until

pytestmark = pytest.mark.lab


def _host() -> tuple[list[str], ...]:
    """Return what of the host a careless lab would change: mounts, links, /etc and /run."""
    return (
        Path("/proc/self/mountinfo").read_text().splitlines(),
        [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]],
        *(sorted(f"{p.name} {p.lstat().st_mtime_ns}" for p in Path(d).iterdir()) for d in ("/etc", "/run")),
    )


def _sent() -> dict[str, int]:
    """Return how many packets each of the host's links has sent, without the loopback, on which others may talk."""
    lines = (line.split(":") for line in Path("/proc/net/dev").read_text().splitlines()[2:])
    return {name.strip(): int(counters.split()[9]) for name, counters in lines if name.strip() != "lo"}


def test_the_host_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounts, links, /etc and /run of the host are the same while the lab is there and after it."""
    monkeypatch.setattr("prober.probe.script", lambda: 'eval "$(cat)"\n')

    def unchanged() -> bool:
        before = _host()
        with LabCluster() as cluster:
            cluster.open(TOPOLOGY)
            list(cluster.stream(A, "nc -w 1 10.244.8.1 80 < /dev/null"))
            during = _host()
        return before == during == _host()

    assert until(unchanged)  # others change the host too: once without them is enough


def test_no_packet_leaves(shell: Shell) -> None:
    """Addresses outside are unreachable, and no link of the host has sent anything for them."""

    def unsent() -> bool:
        before = _sent()
        for source in (A, C, ExternalRef("e")):
            for address in ("198.51.100.1", "192.0.2.1"):  # nobody's, by RFC 5737
                assert [f"nc: connect to {address} port 80 (tcp) failed: Network is unreachable"] == shell(
                    source, f"nc -v -w 1 {address} 80 2>&1 < /dev/null"
                )
        return before == _sent()

    assert ["silence"] == shell(A, "nc -w 1 2001:db8::1 80 < /dev/null || echo silence")
    assert until(unsent)  # others send too: once without them is enough


def test_the_hosts_sockets_are_out_of_reach(shell: Shell) -> None:
    """A server on the host's loopback, or with an abstract name, is on another network."""
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(b"\0prober-test-" + str(os.getpid()).encode())
        abstract.listen()
        port = tcp.getsockname()[1]
        assert [f"nc: connect to 127.0.0.1 port {port} (tcp) failed: Connection refused"] == shell(
            A, f"nc -v -w 1 127.0.0.1 {port} 2>&1 < /dev/null"
        )
        assert [] == shell(A, "grep prober-test- /proc/net/unix")


def test_the_hosts_resolvers_are_hidden(shell: Shell) -> None:
    """/run holds nothing of the host, nsswitch knows files and DNS alone, and /etc/hosts nobody but the loopback."""
    assert ["prober"] == shell(A, "cd /run; find . ! -name . -prune ! -type l | cut -c 3-")
    assert shell(A, "ls -A /run") == shell(A, "ls -A /var/run/")
    assert ["hosts: files dns"] == shell(A, "grep ^hosts: /etc/nsswitch.conf")
    assert ["127.0.0.1 localhost", "::1 localhost"] == shell(A, "cat /etc/hosts")


def test_each_namespace_has_its_resolv_conf(shell: Shell) -> None:
    """The search path begins with the pod's own namespace."""
    rest = "svc.cluster.local cluster.local"
    for source in (A, C):
        assert [
            "nameserver 10.96.0.10",
            f"search {source.namespace}.svc.cluster.local {rest}",
            "options ndots:5 timeout:1 attempts:1",
        ] == shell(source, "cat /etc/resolv.conf")


def test_the_rest_of_etc_is_the_hosts(shell: Shell) -> None:
    """Alternatives, services and certificates are found where programs look for them."""
    own = {"hosts", "nsswitch.conf", "resolv.conf", "host.conf", "gai.conf"}
    assert {p.name for p in Path("/etc").iterdir()} - own == set(shell(A, "ls -A /etc")) - own
    assert [] == shell(A, "for e in /etc/*; do test -e $e || test -L $e || echo $e; done")
    assert Path("/etc/passwd").read_text().splitlines() == shell(A, "cat /etc/passwd")


def test_a_script_sees_little(shell: Shell) -> None:
    """No variable of the harness, no descriptor of the lab, and no process outside that it could signal."""
    environment = {line.partition("=")[0] for line in shell(A, "env")} - {"PWD", "SHLVL", "_", "OLDPWD"}
    assert {"PATH", "LC_ALL"} == environment
    assert ["0", "1", "2"] == [d for d in shell(A, "ls /proc/self/fd") if int(d) < 3]
    targets = [line.rpartition(" -> ")[2] for line in shell(A, "ls -l /proc/self/fd") if " -> " in line]
    assert [] == [t for t in targets if t.startswith("socket:") or "ns/" in t]
    assert ["no"] == shell(A, f"kill -0 {os.getpid()} 2> /dev/null && echo yes || echo no")


def test_a_lab_of_a_thread_that_ended_lives_on() -> None:
    """The kernel's parent-death signal is about threads; the lab must end with the harness and not before."""
    cluster = LabCluster()
    thread = threading.Thread(target=cluster.open, args=(TOPOLOGY,))
    thread.start()
    thread.join()
    assert {A, C} <= set(cluster.identities())
    cluster.close()
