"""What an auditor asks of a run: on what it was made, by whom, with which tools, and under which policies (pure)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from prober import journal
from prober.model import ClusterState
from prober.model.plain import read_state

T = TypeVar("T")

NO_POD = "no scenario put a pod there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """Which cluster it was: its UID is that of the namespace kube-system, the only thing no two clusters share."""

    uid: str = ""  # "" in the lab
    server: str = ""
    context: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who ran it, from where, and how."""

    user: str = ""  # as the API server knows them; in the lab as the operating system does
    groups: tuple[str, ...] = ()
    host: str = ""
    command: str = ""  # the command line, quoted for a shell


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """A node of the cluster; `why` says why nothing is proved about it, "" where something is."""

    name: str
    number: int | None = None  # the scenarios' name for it
    pods: int = 0  # probe pods that ran on it
    why: str = ""
    kernel: str = ""
    system: str = ""
    kubelet: str = ""
    runtime: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceFacts:
    """A namespace that was there before the run; `why` says why nothing is proved in it, "" where something is."""

    name: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a container runs; the digest is what the node's runtime says it pulled."""

    container: str
    image: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOnNode:
    """The pod of a policy engine on one node."""

    node: str
    engine: str
    pod: str  # namespace/name
    ready: bool
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeImage:
    """An image that probe pods ran, and how many of them did."""

    digest: str
    pods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPolicy:
    """A policy as the API stored it when a step applied it."""

    scenario: str  # the file's path
    step: int  # from 1, as the author counts
    policy: str  # namespace/name in the scenario
    sha256: str  # of `canonical(stored)`
    stored: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """What to add to a clock's reading to get this machine's, in seconds.

    A pod's is its node's uptime against prober's steady clock, the API server's is a wall clock against a wall clock.
    """

    scenario: str  # "" for the API server's
    source: str
    offset: float
    spread: float  # between the readings: what the offset may be off by


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All of it; what could not be had stands in `unknown` with the reason."""

    cluster: Identified = Identified()
    by: Author = Author()
    tools: Mapping[str, str] = field(default_factory=dict)  # what took part on prober's machine, with its version
    started: str = ""  # ISO 8601, UTC
    ended: str = ""  # "" where the run was cut short
    nodes: tuple[NodeFacts, ...] = ()
    namespaces: tuple[NamespaceFacts, ...] = ()
    engines: tuple[EngineOnNode, ...] = ()
    images: tuple[ProbeImage, ...] = ()
    policies: tuple[StoredPolicy, ...] = ()
    clocks: tuple[ClockOffset, ...] = ()
    unknown: tuple[str, ...] = ()


def canonical(stored: Mapping[str, Any]) -> str:
    """Return what of a stored policy decides, as JSON with sorted keys and without spaces: spec, name and labels."""
    metadata = stored.get("metadata") or {}
    kept = {key: metadata[key] for key in ("labels", "name", "namespace") if key in metadata}
    decisive = {"metadata": kept, "spec": stored.get("spec")}
    return json.dumps(decisive, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(stored: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a stored policy's canonical form, in hexadecimal digits."""
    return hashlib.sha256(canonical(stored).encode()).hexdigest()


def collected(events: Sequence[journal.Event]) -> Evidence:
    """Return what a run's journal says of all this; never raises."""
    begun = next((e for e in events if isinstance(e, journal.RunStarted)), None)
    try:
        found = read(begun.facts) if begun and begun.facts else Evidence()
    except ValueError as error:
        found = Evidence(unknown=(f"the survey cannot be read: {error}",))
    ended = next((e.wall for e in events if isinstance(e, journal.RunEnded)), "")
    return replace(
        found,
        started=begun.wall if begun else "",
        ended=ended,
        nodes=_nodes(found.nodes, events),
        images=_images(events),
        policies=tuple(_policies(events)),
        clocks=(*found.clocks, *_clocks(events)),
    )


def _states(events: Sequence[journal.Event]) -> Iterator[ClusterState]:
    for event in events:
        if isinstance(event, journal.Opened):
            try:
                yield read_state(event.state)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue  # the verdict says so


def _nodes(known: Sequence[NodeFacts], events: Sequence[journal.Event]) -> tuple[NodeFacts, ...]:
    """Return the nodes with the pods that ran on each; those that no survey named come from the scenarios."""
    names: dict[int, str] = {}
    pods: dict[int, int] = {}
    for state in _states(events):
        names.update({ref.number: node.name for ref, node in state.nodes.items()})
        for pod in state.probe_pods():
            if pod.node is not None:
                pods[pod.node] = pods.get(pod.node, 0) + 1
    for event in events:
        if isinstance(event, journal.Acted) and event.node is not None:
            pods[event.node] = pods.get(event.node, 0) + 1
    every = known or [NodeFacts(name=names[n] or f"node {n}", number=n) for n in sorted(names)]
    counted = (replace(n, pods=pods.get(n.number or 0, 0)) for n in every)
    return tuple(replace(n, why="" if n.pods else n.why or NO_POD) for n in counted)


def _images(events: Sequence[journal.Event]) -> tuple[ProbeImage, ...]:
    counts: dict[str, int] = {}
    for event in events:
        match event:
            case journal.Opened(images=images):
                ran = [*images.values()]
            case journal.Acted(image=image) if image:
                ran = [image]
            case _:
                continue
        for one in ran:
            counts[one] = counts.get(one, 0) + 1
    return tuple(ProbeImage(digest=image, pods=count) for image, count in sorted(counts.items()))


def _policies(events: Sequence[journal.Event]) -> Iterator[StoredPolicy]:
    for event in events:
        if isinstance(event, journal.Acted) and event.stored:
            yield StoredPolicy(
                scenario=event.scenario,
                step=event.step + 1,
                policy=event.action.removeprefix("apply "),
                sha256=digest(event.stored),
                stored=event.stored,
            )


def _clocks(events: Sequence[journal.Event]) -> Iterator[ClockOffset]:
    readings: dict[tuple[str, str], list[float]] = {}
    for event in events:
        if isinstance(event, journal.Clock):
            readings.setdefault((event.scenario, event.source), []).append(event.at - event.uptime)
    for (scenario, source), found in readings.items():
        # of several readings the smallest difference had the least delay in it
        least = min(found)
        yield ClockOffset(scenario=scenario, source=source, offset=least, spread=max(found) - least)


def plain(evidence: Evidence) -> dict[str, Any]:
    """Return the evidence as plain data for JSON."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(evidence)))
    return found


def read(data: object) -> Evidence:
    """Return what `plain` wrote; ValueError says where anything else is wrong."""
    return _read(Evidence, data, "evidence")


def _read(kind: type[T], data: object, place: str) -> T:
    if not isinstance(data, dict):
        raise ValueError(f"{place}: an object is expected")
    types = get_type_hints(kind)
    if odd := sorted(set(data) ^ {f.name for f in fields(kind)}):  # type: ignore[arg-type]
        raise ValueError(f"{place}.{str(odd[0])[:60]}: it is {'unknown' if odd[0] in data else 'missing'}")
    return kind(**{name: _value(types[name], value, f"{place}.{name}") for name, value in data.items()})


def _value(kind: Any, data: object, place: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        return _read(kind, data, place)
    if get_origin(kind) is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{place}: a list is expected")
        return tuple(_value(get_args(kind)[0], item, f"{place}[{i}]") for i, item in enumerate(data))
    if get_origin(kind) is Mapping:
        inner = get_args(kind)[1]
        if not isinstance(data, dict) or (inner is str and not all(isinstance(v, str) for v in data.values())):
            raise ValueError(f"{place}: an object is expected, of texts" if inner is str else f"{place}: an object")
        return data
    kinds = get_args(kind) or (kind,)
    allowed = (int, float) if float in kinds else kinds
    if not isinstance(data, allowed) or (isinstance(data, bool) and bool not in kinds):
        raise ValueError(f"{place}: {' or '.join(getattr(k, '__name__', str(k)) for k in kinds)} is expected")
    return data
