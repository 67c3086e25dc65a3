"""What an auditor asks of a run, as facts and tables: the cluster, its nodes and engines, policies and clocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from prober.evidence import Evidence
from prober.report.figures import covered, engines
from prober.result import RunResult

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table; `texts` are what opens below a row, "" for nothing."""

    name: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: tuple[str, ...] = ()

    @property
    def lines(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield each row with its text."""
        return zip(self.rows, self.texts or ("",) * len(self.rows), strict=True)


def facts(result: RunResult) -> Facts:
    """Return what is said in a line each; what nobody knows is left out, and why stands under `not known`."""
    found = result.evidence
    nodes = "{} of {}".format(*covered(found))
    said = (
        ("cluster UID", found.cluster.uid),
        ("API server", found.cluster.server),
        ("context", found.cluster.context),
        ("server version", found.cluster.version),
        *(("policy engine", line) for line in engines(found)),
        *(("probe image", f"{image.digest} ({image.pods} pods)") for image in found.images),
        ("nodes covered", nodes if found.nodes else ""),
        ("run by", found.by.user),
        ("groups", ", ".join(found.by.groups)),
        ("from", found.by.host),
        ("command", found.by.command),
        ("began", moment(found.started)),
        ("ended", moment(found.ended)),
        *found.tools.items(),
        *(("not known", text) for text in found.unknown),
    )
    return tuple((name, value) for name, value in said if value)


def tables(result: RunResult) -> tuple[Table, ...]:
    """Return those tables that have a row."""
    found = result.evidence
    giver = "the lab was given" if result.in_lab else "the API stored"
    every = (_nodes(found), _namespaces(found), _engines(found), _policies(found, giver), _clocks(found))
    return tuple(table for table in every if table.rows)


def moment(text: str) -> str:
    """Return a time as one reads it; what is none is shown as it is."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError):
        return text


def _nodes(found: Evidence) -> Table:
    rows = ((n.name, str(n.pods), n.why or "covered", n.kubelet, n.runtime, n.kernel, n.system) for n in found.nodes)
    heads = ("node", "probe pods", "covered", "kubelet", "runtime", "kernel", "system")
    return Table(name="Nodes", heads=heads, rows=tuple(rows))


def _namespaces(found: Evidence) -> Table:
    rows = tuple((n.name, n.why or "covered") for n in found.namespaces)
    return Table(name="Namespaces that were there before", heads=("namespace", "covered"), rows=rows)


def _engines(found: Evidence) -> Table:
    rows = tuple(
        (e.node, e.engine, e.pod, "yes" if e.ready else "no", i.container, i.image, i.digest)
        for e in found.engines
        for i in e.images
    )
    heads = ("node", "engine", "pod", "ready", "container", "image", "digest")
    return Table(name="Policy engine on each node", heads=heads, rows=rows)


def _policies(found: Evidence, giver: str) -> Table:
    return Table(
        name=f"Policies as {giver} them",
        heads=("scenario", "step", "policy", "SHA-256"),
        rows=tuple((p.scenario, str(p.step), p.policy, p.sha256) for p in found.policies),
        texts=tuple(json.dumps(p.stored, indent=2, ensure_ascii=False) for p in found.policies),
    )


def _clocks(found: Evidence) -> Table:
    rows = tuple((c.scenario, c.source, f"{c.offset:+.3f} s", f"{c.spread:.3f} s") for c in found.clocks)
    return Table(name="Clocks", heads=("scenario", "of", "to add", "may be off by"), rows=rows)
