"""`prober doctor`: whether the lab can run on this machine, or whether a cluster enforces; and what helps."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from prober.cli.backend import uncovered
from prober.cli.output import say
from prober.errors import ClusterError

if TYPE_CHECKING:
    from prober.cluster.kube.access import Need
    from prober.cluster.kube.reading import Nodes

_GRANT = "bind the account to the ClusterRole of manifests/rbac.yaml"
_GRANT_GIVEN = "bind the account to the Role of manifests/role.yaml in each of these namespaces"


def doctor(args: Namespace) -> int:
    """Try what a run would need and say what came out."""
    return _cluster(args) if args.cluster == "kube" else _lab()


def _lab() -> int:
    """Try every part of the lab once."""
    from prober.cluster.lab.preflight import preflight

    checks = preflight()
    fine = all(check.ok for check in checks)
    lines = [f"lab: {'can run here' if fine else 'cannot run here'}"]
    for check in checks:
        lines.append(f"  {'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}")
        if check.remedy:
            lines.append(f"        remedy: {check.remedy}")
    say("\n".join(lines) + "\n")
    return 0 if fine else ClusterError.exit_code


def _cluster(args: Namespace) -> int:
    """Ask the cluster what the account may do and which nodes there are, then prove every node by the canary."""
    from prober.cli.backend import connected, kube_backend
    from prober.cli.running import prove
    from prober.cluster.kube.access import refused

    with connected(args) as (kubernetes, target):
        lacking = refused(kubernetes.connection, target.namespaces)
        nodes = None if any(n.resource == "nodes" for n in lacking) else kubernetes.nodes()
        say(
            "\n".join([kubernetes.name, *_told(lacking, nodes, _GRANT_GIVEN if target.namespaces else _GRANT)]) + "\n\n"
        )
        if lacking or nodes is None or not nodes.usable:
            return ClusterError.exit_code
        backend = replace(kube_backend(kubernetes, target, nodes), uncovered=())  # they are told already
        return prove(_as_run(args), (), backend)


def _told(lacking: Sequence[Need], nodes: Nodes | None, remedy: str) -> Iterator[str]:
    if lacking:
        yield from (f"  FAIL  permission: may not do with {need}" for need in lacking)
        yield f"        remedy: {remedy}"
    else:
        yield "  ok    permissions: all that a run needs"
    if nodes is None:
        return
    names = [str(n["metadata"]["name"]) for n in nodes.usable]
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    yield f"  {'ok  ' if names else 'FAIL'}  nodes that can run probe pods: {shown or 'none'}"
    yield from (f"  note  not covered: {node}" for node in uncovered(nodes))


def _as_run(args: Namespace) -> Namespace:
    """Return the flags of a run of nothing but the canary."""
    from prober.cli.options import parse

    run = parse(["run", "-", "--cluster", "kube"])
    return Namespace(**{**vars(run), **vars(args), "budget": max(run.budget, 2 * args.settle)})
