"""A scenario file's document -> its one scenario, or a scenario for each of its cases; every mistake at once."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from prober.document import Gather, Located, Value, document, many, nearest, sentence, some, text, whole
from prober.errors import InputError, Mistake
from prober.flows import FlowPattern
from prober.model import AddPod, ClusterState, Family, LabelNamespace, NodeRef, Protocol, Topology
from prober.scenario.cases import PARAMETERS, cases
from prober.scenario.records import CASE, EVERY_CELL, MANIFESTS, SUFFIX, Need, Scenario, Step
from prober.scenario.steps import Draft, Open, opened, read_pattern, read_step
from prober.scenario.story import tell
from prober.scenario.templates import templates_in
from prober.scenario.topology import KEYS, Known, read_topology
from prober.yamltext import shortened

RULES = 48  # of docs/semantics.md, from 1
_TAG = re.compile("[a-z0-9][-a-z0-9]{0,62}")
_WORDS = ("summary", "tags", "requires", "rules")  # a file's; each case has its own beside them

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What is said of a scenario before anything happens in it."""

    summary: str
    tags: tuple[str, ...]
    requires: tuple[Need, ...]
    rules: tuple[int, ...]

    def beside(self, file: _Words) -> _Words:
        """Return a case's words with those of its file, which hold for every case."""
        return _Words(
            summary=self.summary,
            tags=_once(file.tags, self.tags),
            requires=_once(file.requires, self.requires),
            rules=_once(file.rules, self.rules),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What all scenarios of a file have in common; `pods` is where the pods stand."""

    topology: Topology
    known: Known
    pods: Value
    families: tuple[Family, ...]
    asked: tuple[Located[FlowPattern], ...] | None  # None: every cell


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """One scenario as it is written; `case` is "" where it is its file's only one."""

    case: str
    words: _Words
    drafts: tuple[Draft, ...]
    sound: bool  # it can be told, whatever is wrong with its words


def read_scenarios(
    root: Value, texts: Mapping[str, str], open_file: Open, state: ClusterState | None, wanted: str
) -> tuple[tuple[Scenario, ...], tuple[Mistake, ...]]:
    """Return a document's scenarios, of cases only the `wanted` one ("": all), and all mistakes.

    A scenario that can be told is there although its words, or another case, are wrong: it may contradict the oracle
    too. `texts` is where `open_file` keeps the texts of the files that it opens; `state` gives a real cluster's
    addresses.
    """
    words_of, take = Gather(), Gather()
    fields = take.fields(root, (*_WORDS, "families", "cells", "topology", *KEYS, "steps", "cases"), _required(root))
    take.mistakes += _exclusive(fields)
    words = _words(fields, words_of)
    ground = _ground(fields, take, open_file, root)
    parts = tuple(_parts(root, fields, wanted, take))
    sound = not take.mistakes
    written = []
    for case, part in parts:
        before = len(take.mistakes)
        drafts = _drafts(part, ground, take, open_file)
        its_words = _words(part, words_of).beside(words) if case else words
        written.append(
            _Written(case=case, words=its_words, drafts=drafts, sound=sound and before == len(take.mistakes))
        )
    found: list[Scenario] = []
    for one in (one for one in written if one.sound):
        try:
            found.append(_told(one, ground, root.file, texts, state))
        except InputError as error:
            take.mistakes += error.mistakes
    return tuple(found), _once_each((*words_of.mistakes, *take.mistakes))


def _required(root: Value) -> tuple[str, ...]:
    keys = root.entries()
    topology = () if "topology" in keys else ("namespaces", "pods")
    return ("summary", *topology, *(() if "cases" in keys else ("steps",)))


def _exclusive(fields: Mapping[str, Value]) -> Iterator[Mistake]:
    if "topology" in fields and (beside := [f"`{key}`" for key in KEYS if key in fields]):
        what = f"{' and '.join(beside)} stand{'s' * (len(beside) == 1)} here too"
        yield fields["topology"].mistake(what, "say what exists either here or in the topology's file")
    if "cases" in fields and "steps" in fields:
        yield fields["steps"].mistake(
            "there are cases, each with its steps", "make these steps a case, or drop `cases`"
        )


def _once_each(mistakes: Sequence[Mistake]) -> tuple[Mistake, ...]:
    """Return the mistakes, one that every case of a template makes once."""
    return tuple({(m.file, m.line, m.what): m for m in reversed(mistakes)}.values())[::-1]


def _words(fields: Mapping[str, Value], take: Gather) -> _Words:
    return _Words(
        summary=take(sentence, fields.get("summary"), ""),
        tags=take(many(_tag), fields.get("tags"), ()),
        requires=take(many(_need), fields.get("requires"), ()),
        rules=take(many(_rule), fields.get("rules"), ()),
    )


def _ground(fields: Mapping[str, Value], take: Gather, open_file: Open, root: Value) -> _Ground:
    families = take(_families, fields.get("families"), ())
    asked = take(_asked, fields.get("cells"), None)
    if "topology" in fields:
        file = take(lambda v: document(*opened(v, open_file)), fields["topology"], None)
        fields = take.fields(file, KEYS, ("namespaces", "pods")) if file else {}
    topology, known = read_topology(fields, take, of_manifests=root.file.startswith(MANIFESTS))
    pods = fields.get("pods", root)
    return _Ground(topology=topology, known=known, pods=pods, families=families, asked=asked)


def _parts(
    root: Value, fields: Mapping[str, Value], wanted: str, take: Gather
) -> Iterator[tuple[str, Mapping[str, Value]]]:
    """Yield the name of each case that is wanted with its keys; of a file without cases its own, without a name."""
    if "cases" not in fields:
        if wanted:
            raise root.wrong(f"there is no case `{shortened(wanted)}`", "the file is one scenario: name it alone")
        yield "", fields
        return
    found = dict(take(lambda v: tuple(cases(v)), fields["cases"], ()))
    if wanted and found and wanted not in found:
        raise fields["cases"].wrong(f"there is no case `{shortened(wanted)}`", nearest(wanted, found, "the cases are"))
    if not found and not take.mistakes:
        raise fields["cases"].wrong("there is no case", "write NAME: {summary: ..., steps: [...]}")
    for case in (wanted,) if wanted in found else found:
        yield (
            case,
            take(lambda v: take.fields(v, (*_WORDS, PARAMETERS, "steps"), ("summary", "steps")), found[case], {}),
        )


def _drafts(part: Mapping[str, Value], ground: _Ground, take: Gather, open_file: Open) -> tuple[Draft, ...]:
    before = len(take.mistakes)
    nodes = len(ground.topology.nodes)
    found = take(many(lambda v: read_step(v, ground.known, nodes, open_file)), part.get("steps"), ())
    take.mistakes += _misnamed(found)
    if not found and "steps" in part and len(take.mistakes) == before:
        take.mistakes.append(part["steps"].mistake("there is no step", "write at least one"))
    return found


def _told(
    written: _Written, ground: _Ground, path: str, texts: Mapping[str, str], state: ClusterState | None
) -> Scenario:
    """Return the scenario that its steps tell, or raise what does not fit its topology."""
    steps = tell(ground.topology, ground.pods, written.drafts, ground.asked or (), ground.families, state)
    uses = _uses(ground, steps, written.drafts)
    words = written.words
    suffix = f"{CASE}{written.case}" if written.case else ""
    return Scenario(
        name=_name(path) + suffix,
        path=path + suffix,
        summary=words.summary,
        tags=words.tags,
        requires=tuple(n for n in Need if n in words.requires or n in uses),
        rules=tuple(sorted(words.rules)),
        families=ground.families,
        cells=(EVERY_CELL,) if ground.asked is None else tuple(a.it for a in ground.asked),
        topology=ground.topology,
        steps=steps,
        texts=texts,
    )


def _misnamed(drafts: Sequence[Draft]) -> Iterator[Mistake]:
    first: dict[str, Draft] = {}
    for draft in drafts:
        if (other := first.setdefault(draft.name, draft)) is not draft:
            what = f"the step in line {other.at.line} is named `{shortened(draft.name)}` too"
            yield draft.at.mistake(what, "choose another name")


def _once(*parts: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(word for part in parts for word in part))


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


def _rule(value: Value) -> int:
    number = whole(value)
    if not 1 <= number <= RULES:
        raise value.wrong(f"there is no rule {number}", f"docs/semantics.md has the rules 1 to {RULES}")
    return number


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


def _uses(ground: _Ground, steps: Sequence[Step], drafts: Sequence[Draft]) -> frozenset[Need]:
    """Return what a scenario plainly needs, so that no author has to write it down."""
    topology = ground.topology
    patterns = [e.pattern for step in steps for e in step.expect]
    pods = [*topology.pods, *(a.pod for step in steps for a in step.actions if isinstance(a, AddPod))]
    ports = [
        *(port for pod in pods for port in pod.ports),
        *(port for external in topology.externals for port in external.ports),
        *(port for node in topology.nodes for port in node.ports),
    ]
    left_open = [name for draft in drafts for manifest in draft.manifests for name in templates_in(manifest.raw)]
    second = any((p.node or 1) > 1 for p in pods) or any(
        isinstance(p.target, NodeRef) and p.target.number > 1 for p in patterns
    )
    ipv6 = Family.IPV6 in (*ground.families, *(p.family for p in patterns))
    found = {
        Need.TWO_NODES: second or any(name.startswith("node:2") for name in left_open),
        Need.IPV6: ipv6 or any(name.endswith(":ipv6") for name in left_open),
        Need.SCTP: any(p.protocol is Protocol.SCTP for p in ports),
        Need.EXTERNAL: bool(topology.externals),
        Need.HOST_NETWORK: any(p.host_network for p in pods),
        Need.NAMESPACE_LABELS: any(isinstance(a, LabelNamespace) for step in steps for a in step.actions),
    }
    return frozenset(need for need, wanted in found.items() if wanted)
