"""What an auditor asks about the lab: whose machine it was, and which of its programs enforced and probed."""

from __future__ import annotations

import getpass

from prober.cluster.lab.tools import versions
from prober.errors import ClusterError
from prober.evidence import Author, Evidence


def survey() -> Evidence:
    """Return what can be had; what cannot is named in `unknown`."""
    unknown: list[str] = []
    try:
        user = getpass.getuser()
    except (KeyError, OSError) as error:  # an account without a name
        user = ""
        unknown.append(f"user: {error}")
    try:
        tools = versions()
    except ClusterError as error:
        tools = {}
        unknown.append(f"programs: {error}")
    return Evidence(by=Author(user=user), tools=tools, unknown=tuple(unknown))
