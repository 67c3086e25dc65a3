"""Loads compiled scripts with the real nft, as an unprivileged user where that is possible, in a namespace apart."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from typing import Any

from prober.cluster.lab.script import Script

# A chroot forbids user namespaces: there root loads them, without the limits that another user has.
_APART = ["unshare", "--user", "--map-root-user", "--net"]


def _apart() -> list[str]:
    refused = subprocess.run([*_APART, "true"], capture_output=True, timeout=60).returncode
    return ["unshare", "--net"] if refused else _APART


def load(scripts: Iterable[Script]) -> list[dict[str, Any]]:
    """Load every transaction of every script in order; return the ruleset as nft's JSON lists it."""
    transactions = [text for script in scripts for text in (*script.fill, script.switch)]
    shell = [f"nft -f - <<'END' || exit 9\n{text}END\n" for text in transactions]
    done = subprocess.run(
        [*_apart(), "sh", "-s"],
        input="".join(shell) + "nft -j list ruleset\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    listed: list[dict[str, Any]] = json.loads(done.stdout)["nftables"]
    return listed


def names(listed: Iterable[dict[str, Any]], kind: str) -> list[str]:
    """Return the names of all things of one kind (`table`, `chain`, `set`, `map`) in a ruleset."""
    return [entry[kind]["name"] for entry in listed if kind in entry]
