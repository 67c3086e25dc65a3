"""From somebody's manifests to one scenario: read, told apart, made to pods, written down, and read as any other."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from prober.document import Gather
from prober.errors import InputError, Mistake, UsageError
from prober.model import ClusterState, Direction, IPBlock, PodRef
from prober.scenario import Scenario, loads, planned_states
from prober.workloads import expecting, parts, sorting, sources, topology, writing
from prober.workloads.expecting import Expectations
from prober.workloads.parts import Parts
from prober.workloads.remarks import Remark, remarks
from prober.workloads.sorting import Listed, Objects
from prober.workloads.sources import Role
from prober.workloads.templates import Workload
from prober.workloads.topology import Made

MANY_CELLS = 2_500  # beyond them one pod of each workload is enough
_LOOKUP = "any -> dns/kubernetes.default/udp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks: paths (`-` is stdin) and how to take what they say."""

    policies: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    expect: str = ""  # "": what stands beside the manifests
    namespace: str = "default"  # of objects that name none
    lab: bool = True  # what only the lab has: hosts outside at any address, pods in the cluster's own namespaces
    stdin: Callable[[int], bytes] = field(default=lambda _: b"")

    @property
    def asked(self) -> tuple[tuple[Role, str], ...]:
        return (*((Role.POLICIES, p) for p in self.policies), *((Role.WORKLOADS, p) for p in self.workloads))

    def words(self) -> str:
        """Return the flags as a shell takes them; they are the scenario's path, and its last word is its name."""
        flags: list[tuple[str, str]] = [("--expect", self.expect)] if self.expect else []
        flags += [("--default-namespace", self.namespace)] if self.namespace != "default" else []
        flags += [(str(role), path) for role, path in self.asked]
        return " ".join(f"{flag} {shlex.quote(sources.shown(value))}" for flag, value in flags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """What somebody's manifests say, as a scenario, and what of them is not in it."""

    scenario: Scenario
    state: ClusterState  # after all policies, with the lab's addresses
    workloads: tuple[Workload, ...]
    members: dict[PodRef, tuple[PodRef, ...]]  # each workload's pods, by the first one's name
    files: int
    passed: Counter[str]  # objects without a say, by kind
    listed: tuple[Listed, ...]
    remarks: tuple[Remark, ...]
    single: bool  # there are so many cells that each workload got one pod


def read(request: Request) -> Manifests:
    """Return what the manifests say; InputError for all their mistakes, UsageError where nothing can be proved."""
    documents = sources.read(request.asked, request.stdin)
    take = Gather()
    file = request.expect or expecting.find([path for _, path in request.asked])
    expectations = _expected(file, take)
    objects = sorting.sort(documents.found, take, frozenset(role for role, _ in request.asked))
    found = parts.read(objects, take, request.namespace, lab=request.lab)
    take.done()
    for what, there, paths in (
        ("workload", found.workloads, request.workloads or request.policies),
        ("NetworkPolicy", found.policies, request.policies or request.workloads),
    ):
        if not there:
            raise UsageError(f"no {what} in {' '.join(map(sources.shown, paths))}{_instead(objects)}")
    made = _made(found, expectations, request, topology.REPLICAS)
    if single := _pairs(made) > MANY_CELLS:
        made = _made(found, expectations, request, 1)
    scenario = _written(found, made, expectations, request)
    _, state = next(iter(planned_states(scenario)))
    return Manifests(
        scenario=scenario,
        state=state,
        workloads=tuple(found.workloads),
        members=dict(made.members),
        files=documents.files,
        passed=+objects.passed,
        listed=tuple(objects.listed),
        remarks=remarks(state, found.services, frozenset(found.hidden)),
        single=single,
    )


def _expected(file: str, take: Gather) -> Expectations:
    try:
        return expecting.read(file) if file else Expectations(file="", flows={})
    except InputError as error:
        take.mistakes += error.mistakes
        return Expectations(file=file, flows={})


def _instead(objects: Objects) -> str:
    """Say what there is, where what is needed is not."""
    there = [f"{count} {kind}" for kind, count in (+objects.passed).most_common(5)]
    said = f"; there is {', '.join(there)}" if there else ""
    return said + "".join(f"\n  not represented: {one}" for one in objects.listed[:10])


def _made(found: Parts, expectations: Expectations, request: Request, replicas: int) -> Made:
    policies = [p.it for p in found.policies]
    externals = topology.outside(policies, expectations.externals) if request.lab else expectations.externals
    services = [s.it for s in found.services]
    return topology.made(
        found.namespaces, found.workloads, services, policies, externals, replicas=replicas, pinned=request.lab
    )


def _pairs(made: Made) -> int:
    """Return how many cells there are between pods."""
    return len(made.topology.pods) * sum(len(p.ports) for p in made.topology.pods)


def _written(found: Parts, made: Made, expectations: Expectations, request: Request) -> Scenario:
    path = request.words()
    pages: dict[str, writing.Page] = {}
    for policy in found.policies:
        page = pages.setdefault(policy.at.file, writing.Page())
        page.document(writing.policy_document(policy.at, policy.it.namespace), policy.at.line)
    texts = {file: page.text() for file, page in pages.items()}
    expected = expectations.text(made.members)
    summary = f"{len(found.policies)} policies over {len(found.workloads)} workloads, as their manifests have them"
    cells = _cells(found, made)
    named = expectations.file if expected else ""
    texts[path] = writing.scenario_text(summary, made.topology, cells, [*pages], named)
    try:
        return loads(texts | ({named: expected} if named else {}), path)
    except InputError as error:
        raise InputError(tuple(dict.fromkeys(map(_of_the_line, error.mistakes)))) from None


def _of_the_line(mistake: Mistake) -> Mistake:
    """Return a mistake without the number in its list: where a workload has two pods it is not its author's."""
    return replace(mistake, key=mistake.key.partition("[")[0])


def _cells(found: Parts, made: Made) -> list[str]:
    """Return what is asked: pods among themselves, the resolver, hosts outside, and those of them that policies name.

    From the internet to every pod is asked too: no policy that isolates may leave it open unseen.
    """
    externals = made.topology.externals
    senders = {topology.INTERNET.name}
    blocks = [
        peer
        for policy in found.policies
        for rule in policy.it.rules(Direction.INGRESS)
        for peer in rule.peers
        if isinstance(peer, IPBlock)
    ]
    senders |= {e.name for e in externals if any(topology.inside(e, block) for block in blocks)}
    listening = any(p.ports for p in made.topology.pods)
    cells = ["any -> any"] if listening and len(made.topology.pods) > 1 else []
    cells += [_LOOKUP, *(f"any -> ext/{e.name}" for e in externals)]
    return cells + [f"ext/{e.name} -> any" for e in externals if e.name in senders and listening]
