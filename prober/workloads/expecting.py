"""The expectations file beside somebody's manifests: flows by what must become of them, and hosts outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prober.document import Gather, Value, document, one_or_many
from prober.errors import UsageError
from prober.flows import FlowPattern
from prober.model import External, PodRef
from prober.scenario.steps import read_pattern
from prober.scenario.topology import read_externals
from prober.workloads.sources import STDIN, shown
from prober.workloads.writing import Line, Page
from prober.yamltext import MAX_BYTES, decoded

NAMES = ("prober.yaml", "expectations.yaml")
_RULINGS = ("allowed", "denied")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What a file says: hosts, and flows where they stand."""

    file: str
    externals: tuple[External, ...] = ()
    flows: Mapping[str, tuple[tuple[Value, FlowPattern], ...]]  # by ruling

    def text(self, members: Mapping[PodRef, tuple[PodRef, ...]]) -> str:
        """Return the flows at their lines, those of a workload for each of its pods; "" if there are none."""
        found: dict[str, Any] = {}
        for ruling, lines in sorted(self.flows.items(), key=lambda f: [v.line for v, _ in f[1]]):  # as they stand
            written = [Line(v.line, str(p)) for v, line in lines for p in _each(line, members)]
            if written:
                found[ruling] = written
        if not found:
            return ""
        page = Page()
        page.document(found, 1)
        return page.text()


def find(paths: Sequence[str]) -> str:
    """Return the expectations file that stands beside manifests, "" for none; UsageError for several."""
    places = dict.fromkeys(Path(p) if Path(p).is_dir() else Path(p).parent for p in paths if p != STDIN)
    found = [file for place in places for name in NAMES if (file := place / name).is_file()]
    if len(found) > 1:
        both = " and ".join(shown(f) for f in found[:2])
        raise UsageError(f"{both} both stand beside the manifests; name one of them by --expect")
    return str(found[0]) if found else ""


def read(path: str) -> Expectations:
    """Return what the file says, or raise all its mistakes."""
    name = shown(path)
    try:
        with Path(path).open("rb") as file:
            content = decoded(file.read(MAX_BYTES + 1), name)
    except (OSError, ValueError) as error:
        raise UsageError(f"--expect {name}: {getattr(error, 'strerror', None) or error}") from None
    take = Gather()
    fields = take.fields(document(content, name), ("external", *_RULINGS))
    found = Expectations(
        file=name,
        externals=take(read_externals, fields.get("external"), ()),
        flows={
            ruling: take(one_or_many(lambda v: (v, read_pattern(v))), fields.get(ruling), ()) for ruling in _RULINGS
        },
    )
    take.done()
    return found


def _each(line: FlowPattern, members: Mapping[PodRef, tuple[PodRef, ...]]) -> list[FlowPattern]:
    """Return a line for each pod of the workloads that it names; never one from a pod to itself because of that."""
    sources = members.get(line.source, (line.source,)) if isinstance(line.source, PodRef) else (line.source,)
    targets = members.get(line.target, (line.target,)) if isinstance(line.target, PodRef) else (line.target,)
    several = len(sources) > 1 or len(targets) > 1
    return [
        replace(line, source=source, target=target)
        for source in sources
        for target in targets
        if not (several and source == target)
    ]
