"""Scenario files -> scenarios: finds the files, reads them and what they name, and reports every mistake at once."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from prober.document import Gather, Located, Value, document, many, nearest, sentence, some, text
from prober.errors import InputError, Mistake, UsageError
from prober.flows import FlowPattern
from prober.model import AddPod, ClusterState, Family, NodeRef, Protocol, Topology
from prober.scenario.records import EVERY_CELL, MANIFESTS, SUFFIX, Need, Scenario, Step
from prober.scenario.steps import Draft, Open, read_pattern, read_step
from prober.scenario.story import tell
from prober.scenario.topology import KEYS, read_topology
from prober.yamltext import MAX_BYTES, decoded, shortened

_TAG = re.compile("[a-z0-9][-a-z0-9]{0,62}")
_PATH = 400  # characters: a path is cut only where it can be no path of a person


def load(paths: Sequence[Path]) -> tuple[Scenario, ...]:
    """Return the scenarios of files and of directories, or raise the mistakes of all of them."""
    found = tuple(dict.fromkeys(file for path in paths for file in _collected(path)))
    if not found:
        raise UsageError(f"no *{SUFFIX} in {', '.join(map(str, paths)) or 'nothing: name a file or a directory'}")
    scenarios: dict[str, Scenario] = {}
    mistakes: list[Mistake] = []
    for file in found:
        try:
            scenario = _load(str(file), _from_disk(file), None)
        except InputError as error:
            mistakes += error.mistakes
            continue
        if (other := scenarios.setdefault(scenario.name, scenario)) is not scenario:
            what = f"{other.path} has the name {scenario.name} too"
            mistakes.append(Mistake(file=str(file), line=0, key="", what=what, remedy="rename one of them"))
    if mistakes:
        raise InputError(tuple(mistakes))
    return tuple(scenarios.values())


def loads(texts: Mapping[str, str], path: str, state: ClusterState | None = None) -> Scenario:
    """Return a scenario from the texts of its files, with the addresses of `state` where a cluster has its own."""

    def read(name: str) -> str:
        if name not in texts:
            raise ValueError(f"`{shortened(name)}` is not among the scenario's texts")
        return texts[name]

    return _load(path, read, state)


def _collected(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(p for p in path.rglob(f"*{SUFFIX}") if p.is_file())
    elif path.is_file():
        yield path
    else:
        raise UsageError(
            f"{shortened(str(path), _PATH)}: {'neither file nor directory' if path.exists() else 'no such file'}"
        )


def _from_disk(scenario: Path) -> Callable[[str], str]:
    def read(name: str) -> str:
        path = Path(name)
        try:
            # the scenario itself is the user's choice, be it a link; what it names must not lead anywhere else
            if path != scenario and not path.resolve().is_relative_to(scenario.parent.resolve()):
                raise ValueError(_outside(name))
            if not path.is_file():
                raise ValueError(f"there is no file `{shortened(name)}`; files stand beside the scenario or below it")
            with path.open("rb") as file:
                return decoded(file.read(MAX_BYTES + 1), name)
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
            raise ValueError(
                f"`{shortened(name, _PATH)}` cannot be read: {_cause(error)}; check its permissions"
            ) from None

    return read


def _cause(error: OSError | RuntimeError) -> str:
    return error.strerror or "" if isinstance(error, OSError) else "links in a circle"


def _outside(name: str) -> str:
    return f"`{shortened(name)}` leads out of the scenario's directory; put the file beside the scenario or below it"


def _opener(path: str, read: Callable[[str], str], texts: dict[str, str]) -> Open:
    """Return a function that opens the files that a scenario names, and keeps their texts."""

    def open_file(name: str) -> tuple[str, str]:
        part = PurePosixPath(name)
        full = str(PurePosixPath(path).parent / part)
        if path.startswith(MANIFESTS):  # not of one directory, and read already: named as the user named them
            full = name
        elif part.is_absolute() or ".." in part.parts:
            raise ValueError(_outside(name))
        if full not in texts:
            texts[full] = read(full)
        return full, texts[full]

    return open_file


def _load(path: str, read: Callable[[str], str], state: ClusterState | None) -> Scenario:
    try:
        texts = {path: read(path)}
    except ValueError as error:
        what, _, remedy = str(error).partition("; ")
        raise InputError((Mistake(file=path, line=0, key="", what=what, remedy=remedy),)) from None
    take = Gather()
    known_keys = ("summary", "tags", "requires", "families", "cells", *KEYS, "steps")
    fields = take.fields(document(texts[path], path), known_keys, ("summary", "namespaces", "pods", "steps"))
    summary = take(sentence, fields.get("summary"), "")
    tags = take(many(_tag), fields.get("tags"), ())
    requires = take(many(_need), fields.get("requires"), ())
    families = take(_families, fields.get("families"), ())
    asked = take(_asked, fields.get("cells"), None)
    topology, known = read_topology(fields, take, of_manifests=path.startswith(MANIFESTS))
    open_file = _opener(path, read, texts)
    drafts = take(many(lambda v: read_step(v, known, len(topology.nodes), open_file)), fields.get("steps"), ())
    take.mistakes += _misnamed(drafts)
    take.done()
    if not drafts:
        raise fields["steps"].wrong("there is no step", "write at least one")
    steps = tell(topology, fields["pods"], drafts, asked or (), families, state)
    uses = _uses(topology, steps, families, texts)
    return Scenario(
        name=_name(path),
        path=path,
        summary=summary,
        tags=tags,
        requires=tuple(n for n in Need if n in requires or n in uses),
        families=families,
        cells=(EVERY_CELL,) if asked is None else tuple(a.it for a in asked),
        topology=topology,
        steps=steps,
        texts=texts,
    )


def _misnamed(drafts: Sequence[Draft]) -> Iterator[Mistake]:
    first: dict[str, Draft] = {}
    for draft in drafts:
        if (other := first.setdefault(draft.name, draft)) is not draft:
            what = f"the step in line {other.at.line} is named `{shortened(draft.name)}` too"
            yield draft.at.mistake(what, "choose another name")


def _tag(value: Value) -> str:
    word = text(value)
    if not _TAG.fullmatch(word):
        raise value.wrong(f"`{shortened(word)}` is no tag", "lower case letters, digits and `-`")
    return word


def _need(value: Value) -> Need:
    word = text(value)
    if word not in tuple(Need):
        raise value.wrong(f"`{shortened(word)}` is nothing that a cluster can have", nearest(word, Need, "one of"))
    return Need(word)


def _name(path: str) -> str:
    """Return what people call a scenario: its file's name, or that of the manifests it is made of."""
    if not path.startswith(MANIFESTS):
        return PurePosixPath(path).name.removesuffix(SUFFIX)
    last = shlex.split(path)[-1]
    return "stdin" if last == "-" else PurePosixPath(last).name.removesuffix(".yaml") or last


def _asked(value: Value) -> tuple[Located[FlowPattern], ...] | None:
    """Read which cells are asked beside those that expectations name; None: every one."""
    if value.is_list:
        return some(many(lambda v: Located(read_pattern(v), v)))(value)
    words = ("all", "named")
    word = text(value)
    if word not in words:
        raise value.wrong(f"`{shortened(word)}` is no choice of cells", nearest(word, words, "a list of flows, or"))
    return None if word == "all" else ()


def _families(value: Value) -> tuple[Family, ...]:
    def family(member: Value) -> Family:
        word = text(member)
        if word not in tuple(Family):
            raise member.wrong(f"`{shortened(word)}` is no address family", nearest(word, Family, "one of"))
        return Family(word)

    found = tuple(dict.fromkeys(many(family)(value)))
    if not found:
        raise value.wrong("there is no family in the list", "remove `families` for the cluster's primary one")
    return found


def _uses(
    topology: Topology, steps: Sequence[Step], families: tuple[Family, ...], texts: Mapping[str, str]
) -> frozenset[Need]:
    """Return what a scenario plainly needs, so that no author has to write it down."""
    patterns = [e.pattern for step in steps for e in step.expect]
    pods = [*topology.pods, *(a.pod for step in steps for a in step.actions if isinstance(a, AddPod))]
    ports = [
        *(port for pod in pods for port in pod.ports),
        *(port for external in topology.externals for port in external.ports),
        *(port for node in topology.nodes for port in node.ports),
    ]
    second = any((p.node or 1) > 1 for p in pods) or any(
        isinstance(p.target, NodeRef) and p.target.number > 1 for p in patterns
    )
    ipv6 = Family.IPV6 in (*families, *(p.family for p in patterns)) or any(":ipv6}" in t for t in texts.values())
    found = {
        Need.TWO_NODES: second or any("${node:2" in t for t in texts.values()),
        Need.IPV6: ipv6,
        Need.SCTP: any(p.protocol is Protocol.SCTP for p in ports),
        Need.EXTERNAL: bool(topology.externals),
        Need.HOST_NETWORK: any(p.host_network for p in pods),
    }
    return frozenset(need for need, wanted in found.items() if wanted)
