"""Whether the lab can run on this machine: it does everything once, and says what failed and what helps."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass

from prober import probe
from prober.cluster.lab.cluster import LabCluster
from prober.cluster.lab.tools import find_tools
from prober.errors import ClusterError, LabUnavailableError
from prober.model import (
    Addresses,
    ApplyPolicy,
    Direction,
    Family,
    Namespace,
    NetworkPolicy,
    Pod,
    PodRef,
    Port,
    Topology,
)
from prober.outcomes import Outcome

_NAMESPACE = "preflight"
_PORT = Port(number=80)
_TOPOLOGY = Topology(
    namespaces=(Namespace(name=_NAMESPACE),),
    pods=tuple(
        Pod(namespace=_NAMESPACE, name=name, ports=(_PORT,), node=n) for n, name in enumerate(("from", "to"), 1)
    ),
)
_FROM, _TO = PodRef(_NAMESPACE, "from"), PodRef(_NAMESPACE, "to")
_DENY = ApplyPolicy(
    policy=NetworkPolicy(namespace=_NAMESPACE, name="deny", types=frozenset({Direction.INGRESS, Direction.EGRESS}))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was tried, and (where it failed) what helps."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def preflight() -> tuple[Check, ...]:
    """Return every check, up to the first that failed."""
    checks: list[Check] = []
    doing = ""
    try:
        for doing, detail in _steps():
            if detail:
                checks.append(Check(name=doing, ok=True, detail=detail))
    except LabUnavailableError as error:
        checks.append(Check(name=doing, ok=False, detail=error.what, remedy=error.remedy))
    except ClusterError as error:
        checks.append(
            Check(name=doing, ok=False, detail=str(error), remedy="please report it: the lab should know why")
        )
    return tuple(checks)


def require() -> None:
    """Raise LabUnavailableError for the first check that fails."""
    for check in preflight():
        if not check.ok:
            raise LabUnavailableError(check.detail, check.remedy)


def _steps() -> Iterator[tuple[str, str]]:
    """Yield each step's name before it is done, and again with what was found."""
    yield "programs", ""
    tools = find_tools()
    yield "programs", f"{tools.nft}, nc of OpenBSD, dig, on Linux {platform.release()}"
    with LabCluster() as lab:
        yield "sandbox", ""
        state = lab.open(_TOPOLOGY)
        kind = "as root" if os.geteuid() == 0 else "in a user namespace"
        yield "sandbox", f"namespaces, mounts, links and nftables, {kind}; {' and '.join(map(str, state.families))}"
        for name, before, expected in (
            ("open probe", (), Outcome.CONNECTED),
            ("dropped probe", (_DENY,), Outcome.TIMED_OUT),
        ):
            yield name, ""
            for action in before:
                lab.apply(action)
            seen = _attempts(lab, state.pods[_TO].addresses)
            wrong = [f"{f}: {outcome}, {text!r}" for f, (outcome, text) in seen.items() if outcome is not expected]
            if wrong:
                raise LabUnavailableError(
                    f"a probe between two pods should be {expected} ({'; '.join(wrong)})", "please report it"
                )
            yield name, f"{expected} across nodes"


def _attempts(lab: LabCluster, hosts: Addresses) -> dict[Family, tuple[Outcome, str]]:
    """Return what one probe of each family saw, both at the same time."""
    names = frozenset({lab.hostname(_TO)})
    probes = [
        probe.Probe(cell=n, kind=probe.Kind.TCP, host=host, port=_PORT.number, family=family, names=names)
        for n, (family, host) in enumerate(hosts.items())
    ]
    seen = dict.fromkeys(hosts, (Outcome.NO_RESULT, "the probe script gave no answer"))
    for line in lab.stream(_FROM, probe.request(probes, "preflight")):
        if isinstance(answer := probe.read_line(line, "preflight"), probe.Answer):
            one = probes[answer.cell]
            seen[one.family] = probe.outcome(one, answer), answer.text
    return seen
