"""Which programs the lab takes, and which it refuses with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.cluster.lab import tools
from prober.errors import LabUnavailableError

# Recorded: the first lines of `nc -h`
_OPENBSD = """OpenBSD netcat (Debian patchlevel 1.219-1)
usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]
\t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]
\t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]
"""
_TRADITIONAL = """[v1.10-47]
connect to somewhere:\tnc [-options] hostname port[s] [ports] ...
"""
_NCAT = """Ncat 7.93 ( https://nmap.org/ncat )
Usage: ncat [options] [hostname] [port]
"""
_BUSYBOX = """BusyBox v1.35.0 (Debian 1:1.35.0-4+b3) multi-call binary.

Usage: nc [OPTIONS] HOST PORT  - connect
"""
_OLD = _OPENBSD.replace(" [-W recvlimit]", "").replace("1.219", "1.130")


def test_openbsds_nc_is_taken() -> None:
    """The one whose words are recorded in probe.py."""
    tools.require_openbsd("/bin/nc", _OPENBSD)


@pytest.mark.parametrize(
    ("said", "variant"),
    [
        pytest.param(_TRADITIONAL, "netcat-traditional", id="traditional"),
        pytest.param(_NCAT, "Ncat", id="ncat"),
        pytest.param(_BUSYBOX, "BusyBox's nc", id="busybox"),
        pytest.param(_OLD, "an unknown nc", id="openbsd-without-W"),
        pytest.param("", "an unknown nc", id="silent"),
    ],
)
def test_another_nc_is_named(said: str, variant: str) -> None:
    """Another nc would make every probe NO_RESULT; better to name it."""
    with pytest.raises(LabUnavailableError, match=f"/bin/nc is {variant}, not OpenBSD's.*install OpenBSD's"):
        tools.require_openbsd("/bin/nc", said)


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is missing, in one error, with the packages."""
    for name in ("nft", "sh"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "_SBIN", str(tmp_path))
    with pytest.raises(LabUnavailableError, match=r"needs nc, dig, which.*apt-get install nftables netcat-openbsd"):
        tools.find_tools()


def test_another_system_has_no_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Network namespaces are Linux's."""
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(LabUnavailableError, match=r"Linux network namespaces, and this is darwin; .*--cluster kube"):
        tools.find_tools()
