"""The oracle against an independent reader of the specification, over random clusters and policies."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prober.model import (
    ClusterState,
    External,
    ExternalRef,
    Family,
    Flow,
    Namespace,
    Node,
    Pod,
    PodRef,
    Port,
    Protocol,
    Service,
    ServicePort,
    ServiceRef,
    Source,
    Target,
)
from prober.oracle import Ruling, judge, matrix
from tests.oracle.naive import selects
from tests.oracle.worlds import Manifest, addresses_of, labels, loaded, named, raw, second_opinion, selectors, specs

NAMESPACES = ("x", "y", "z")
_V4, _V6 = Family.IPV4, Family.IPV6
_SKELETON = ("x/a", "x/b", "y/a", "y/b", "z/c")
_NODES = {
    n: Node(number=n, name=f"n{n}", addresses={_V4: f"172.18.0.{n + 1}", _V6: f"fd00:172::{n + 1:x}"}) for n in (1, 2)
}
_HOST = External(name="e", addresses={_V4: "203.0.113.10", _V6: "2001:db8:203::10"})
_PROTOCOLS = (Protocol.TCP, Protocol.TCP, Protocol.UDP, Protocol.SCTP)
_DISTINCT = (lambda p: (p.number, p.protocol), lambda p: (p.name or p.number, p.protocol))  # as containers' ports are
ASKED = ((80, Protocol.TCP), (81, Protocol.TCP), (53, Protocol.UDP), (80, Protocol.SCTP), (65535, Protocol.TCP))


@st.composite
def topologies(draw: st.DrawFn) -> ClusterState:
    """Draw pods with labels, named ports, nodes and families of all kinds, in labelled namespaces."""
    name = st.sampled_from(("web", "web", "alt", "dns", ""))
    declared = st.builds(Port, number=st.sampled_from((80, 81, 53)), protocol=st.sampled_from(_PROTOCOLS), name=name)
    pods = []
    for i, place in enumerate(_SKELETON[: draw(st.integers(3, len(_SKELETON)))], start=2):
        namespace, short = place.split("/")
        node = draw(st.sampled_from((1, 2)))
        on_host = draw(st.sampled_from((False,) * 7 + (True,)))
        both = {_V4: f"10.244.{8 * (node - 1)}.{i}", _V6: f"fd00:244:0:{node}::{i:x}"}
        given = _NODES[node].addresses if on_host else both
        families = draw(st.sampled_from(((_V4, _V6),) * 6 + ((_V4,), (_V6,))))
        ports = draw(st.lists(declared, min_size=1, max_size=3, unique_by=_DISTINCT))
        pods.append(
            Pod(
                namespace=namespace,
                name=short,
                labels=draw(labels),
                ports=tuple(ports),
                node=node,
                host_network=on_host,
                addresses={f: given[f] for f in families},
            )
        )
    service = Service(
        namespace="x",
        name="s",
        selector=draw(st.sampled_from([p.labels for p in pods if p.namespace == "x" and p.labels] or [{"app": "a"}])),
        ports=(ServicePort(port=8000, target="web"), ServicePort(port=8001, target=80)),
        addresses={_V4: "10.96.1.0", _V6: "fd00:10:96::100"},
    )
    return ClusterState(
        namespaces={n: Namespace(name=n, labels=draw(labels)) for n in NAMESPACES},
        pods={p.ref: p for p in pods},
        services={service.ref: service},
        externals={_HOST.ref: _HOST},
        nodes={n.ref: n for n in _NODES.values()},
    )


@st.composite
def clusters(draw: st.DrawFn) -> tuple[ClusterState, tuple[Manifest, ...]]:
    """Draw a topology and up to three policies over it, as manifests."""
    state = draw(topologies())
    kinds = st.tuples(st.sampled_from(("x", "x", "y", "z")), specs(NAMESPACES, addresses_of(state)))
    drawn = draw(st.lists(kinds, min_size=1, max_size=3))
    return state, tuple(named(namespace, f"p{i}", spec) for i, (namespace, spec) in enumerate(drawn))


def flows(state: ClusterState, port: int, protocol: Protocol, family: Family) -> list[Flow]:
    """Return every flow of a drawn cluster by one port, and those by its Service."""
    pods: tuple[PodRef, ...] = tuple(state.pods)
    host, service = ExternalRef("e"), ServiceRef("x", "s")

    def flow(source: Source, target: Target) -> Flow:
        return Flow(source=source, target=target, port=port, protocol=protocol, family=family)

    targets: tuple[Target, ...] = (*pods, *state.nodes, host)
    between = [flow(a, b) for a in pods for b in targets] + [flow(host, b) for b in pods]
    return between + [Flow(source=a, target=service, port=n, family=family) for a in pods for n in (8000, 8001)]


def disagreements(
    drawn: tuple[ClusterState, tuple[Manifest, ...]], asked: tuple[int, Protocol], family: Family
) -> list[tuple[str, Ruling, Ruling, Ruling]]:
    """Return the flows of which the naive evaluator, `judge` and `matrix` do not say the same."""
    state, policies = drawn
    world = raw(state, policies)
    state = replace(state, policies=loaded(policies).policies)
    pairs = matrix(state, *asked, family)
    found = []
    for flow in flows(state, *asked, family):
        naive, ours = second_opinion(world, state, flow), judge(state, flow).ruling
        between = isinstance(flow.source, PodRef) and isinstance(flow.target, PodRef)
        all_at_once = pairs.ruling(flow.source, flow.target) if between else ours  # type: ignore[arg-type]
        if not naive is ours is all_at_once:
            found.append((str(flow), naive, ours, all_at_once))
    return found


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(clusters(), st.sampled_from(ASKED), st.sampled_from(Family))
def test_oracle_and_naive_evaluator_agree_on_every_flow(
    drawn: tuple[ClusterState, tuple[Manifest, ...]], asked: tuple[int, Protocol], family: Family
) -> None:
    """Whatever the cluster and its policies, independent readers of the specification rule every flow alike."""
    assert [] == disagreements(drawn, asked, family)


@settings(max_examples=300, deadline=None)
@given(selectors(NAMESPACES), labels, st.sampled_from(NAMESPACES))
def test_selectors_take_whom_the_naive_evaluator_takes(selector: Manifest, given_labels: Manifest, name: str) -> None:
    """Selectors, as they are read and matched, are what oracle and lab share: they have a check of their own."""
    policy = next(iter(loaded([named("x", "p", {"podSelector": selector})]).policies.values()))
    everything = {**given_labels, "kubernetes.io/metadata.name": name}
    for carried in (given_labels, everything):
        assert selects(selector, carried) is policy.pods.matches(carried)
