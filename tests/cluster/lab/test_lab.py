"""The lab as a cluster: what connects without policies, names, pods that come and go, and what it says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from prober.cluster.lab import LabCluster
from prober.cluster.lab.blueprint import Ref
from prober.errors import ClusterError, UsageError
from prober.model import (
    Action,
    AddPod,
    Addresses,
    ApiServerRef,
    ApplyPolicy,
    DeletePolicy,
    Direction,
    External,
    ExternalRef,
    Family,
    Flow,
    HostName,
    LabelNamespace,
    LabelPod,
    Lookup,
    Namespace,
    NetworkPolicy,
    Node,
    NodeRef,
    Pod,
    PodRef,
    PolicyRef,
    Port,
    Protocol,
    RemovePod,
    Service,
    ServicePort,
    ServiceRef,
    Source,
    Target,
    Topology,
)
from prober.outcomes import Outcome
from tests.cluster.lab.live import Live

pytestmark = pytest.mark.lab

_WEB, _UDP = Port(number=80, name="http"), Port(number=53, protocol=Protocol.UDP)
_TOPOLOGY = Topology(
    namespaces=(Namespace(name="x"), Namespace(name="y")),
    pods=(
        Pod(namespace="x", name="a", node=1, labels={"app": "a"}, ports=(_WEB, _UDP)),
        Pod(namespace="x", name="b", node=1, labels={"app": "b"}, ports=(_WEB, _UDP)),
        Pod(namespace="y", name="c", node=2, labels={"app": "c"}, ports=(_WEB, _UDP)),
        Pod(
            namespace="y",
            name="host",
            node=2,
            ports=(Port(number=90), Port(number=91, protocol=Protocol.UDP)),
            host_network=True,
        ),
    ),
    services=(
        Service(namespace="x", name="web", selector={"app": "b"}, ports=(ServicePort(port=8000, target="http"),)),
        Service(
            namespace="x", name="each", selector={"app": "b"}, ports=(ServicePort(port=80, target=80),), headless=True
        ),
    ),
    externals=(External(name="ext", ports=(Port(number=443), _UDP)),),
    nodes=(Node(number=1, ports=(Port(number=10250),)), Node(number=2)),
)
_A, _B, _C, _HOST, _EXT = PodRef("x", "a"), PodRef("x", "b"), PodRef("y", "c"), PodRef("y", "host"), ExternalRef("ext")


@pytest.fixture(scope="module")
def lab() -> Iterator[Live]:
    """A lab without policies."""
    with LabCluster() as cluster:
        yield Live(cluster, _TOPOLOGY)


def _flow(
    source: Source, target: Target, port: int, protocol: Protocol = Protocol.TCP, family: Family = Family.IPV4
) -> Flow:
    return Flow(source=source, target=target, port=port, protocol=protocol, family=family)


def test_everything_connects_to_what_listens(lab: Live) -> None:
    """Pods of one node and of two, themselves, hostNetwork pods and external hosts: TCP and UDP, IPv4 and IPv6."""
    listening: dict[Target, tuple[int, int]] = dict.fromkeys((_A, _B, _C), (80, 53))
    listening |= {_HOST: (90, 91), _EXT: (443, 53)}
    wanted = [
        _flow(source, target, port, protocol, family)
        for source in (_A, _B, _C, _HOST, _EXT)
        for target, ports in listening.items()
        for port, protocol in zip(ports, (Protocol.TCP, Protocol.UDP), strict=True)
        for family in Family
    ]
    wanted += [
        _flow(s, t, p, family=f)
        for s in (_A, _C, _HOST)
        for t, p in ((NodeRef(1), 10250), (ApiServerRef(), 443))
        for f in Family
    ]
    assert dict.fromkeys(wanted, Outcome.CONNECTED) == lab.ask(wanted)


def test_everything_else_is_refused_at_once(lab: Live) -> None:
    """A port without a listener refuses, every time: the kernel would limit how often it says so."""
    wanted = [
        _flow(source, target, 1000 + n, protocol, family)
        for source in (_A, _EXT)
        for target in (_A, _B, _C, _HOST, _EXT, NodeRef(1))
        for protocol in (Protocol.TCP, Protocol.UDP)
        for family in Family
        for n in range(12 if protocol is Protocol.UDP else 1)
    ]
    assert dict.fromkeys(wanted, Outcome.REFUSED) == lab.ask(wanted)


def test_each_answers_with_its_own_name(lab: Live) -> None:
    """Names are unique: a pod of a namespace `ext` is no external host."""
    api = ServiceRef("default", "kubernetes")
    places: dict[Ref, tuple[Addresses, int]] = {
        _B: (lab.state.pods[_B].addresses, 80),
        _HOST: (lab.state.pods[_HOST].addresses, 90),
        _EXT: (lab.state.externals[_EXT].addresses, 443),
        NodeRef(1): (lab.state.nodes[NodeRef(1)].addresses, 10250),
        api: (lab.state.services[api].addresses, 443),
    }
    for ref, (addresses, port) in places.items():
        for address in addresses.values():
            request = f"t 0 tcp {6 if ':' in address else 4} 1 {address} {port} -\nt end\n"
            assert next(lab.cluster.stream(_A, request)).endswith(f"succeeded!\\n{lab.cluster.hostname(ref)}")
    assert lab.cluster.hostname(PodRef("ext", "x")) != lab.cluster.hostname(ExternalRef("x"))


@pytest.mark.parametrize("family", [pytest.param(f, id=f) for f in Family])
def test_names_are_looked_up_in_the_sources_namespace(lab: Live, family: Family) -> None:
    """A Service's name alone is found in its own namespace, with its namespace everywhere; nothing else is found."""
    expected = {
        _flow(_A, HostName("web"), 8000, family=family): Outcome.CONNECTED,
        _flow(_A, HostName("web.x"), 8000, family=family): Outcome.CONNECTED,
        _flow(_A, HostName("web.x.svc.cluster.local"), 8000, family=family): Outcome.CONNECTED,
        _flow(_A, HostName("each"), 80, family=family): Outcome.CONNECTED,
        _flow(_C, HostName("web.x"), 8000, family=family): Outcome.CONNECTED,
        _flow(_C, HostName("each.x.svc"), 80, family=family): Outcome.CONNECTED,
        _flow(_HOST, HostName("web.x"), 8000, family=family): Outcome.CONNECTED,
        _flow(_C, HostName("web"), 8000, family=family): Outcome.NO_NAME,
        _flow(_A, HostName("web.y"), 8000, family=family): Outcome.NO_NAME,
        _flow(_A, HostName("example.com"), 80, family=family): Outcome.NO_NAME,
    }
    assert expected == lab.ask(expected)


def test_lookups_are_answered(lab: Live) -> None:
    """By UDP and by TCP, also those of names that do not exist."""
    wanted = [
        _flow(source, Lookup(name), 53, protocol)
        for source in (_A, _C, _HOST)
        for name in ("web.x.svc.cluster.local", "nobody.x.svc.cluster.local", "example.com")
        for protocol in (Protocol.UDP, Protocol.TCP)
    ]
    assert dict.fromkeys(wanted, Outcome.CONNECTED) == lab.ask(wanted)


def test_a_pod_comes_and_goes() -> None:
    """An added pod is placed, listens and is in the Services; a removed one is gone from all of them."""
    added = PodRef("x", "new")
    flows = [_flow(_C, t, p) for t, p in ((added, 80), (HostName("web.x"), 8000), (HostName("each.x"), 80))]
    without = {flows[1]: Outcome.REFUSED, flows[2]: Outcome.NO_NAME}
    with LabCluster() as cluster:
        lab = Live(cluster, replace(_TOPOLOGY, pods=tuple(p for p in _TOPOLOGY.pods if p.ref != _B)))
        assert without == lab.ask(without)
        lab.apply(AddPod(pod=Pod(namespace="x", name="new", labels={"app": "b"}, ports=(_WEB,))))
        assert (1, True) == (lab.state.pods[added].node, bool(lab.state.pods[added].addresses))
        assert dict.fromkeys(flows, Outcome.CONNECTED) == lab.ask(flows)
        before = cluster.identities()[added]
        lab.apply(RemovePod(pod=added))
        assert added not in cluster.identities()
        assert without == lab.ask(without)
        lab.apply(AddPod(pod=Pod(namespace="x", name="new", ports=(_WEB,))))
        after = cluster.identities()[added]
        assert (True, True) == (before.uid != after.uid, before.addresses != after.addresses)


def test_a_label_moves_a_headless_name() -> None:
    """DNS follows the labels as soon as the action is done."""
    flow = _flow(_C, HostName("each.x"), 80)
    with LabCluster() as cluster:
        lab = Live(cluster, _TOPOLOGY)
        said = [lab.said(flow)]
        lab.apply(LabelPod(pod=_A, labels={"app": "b"}))
        lab.apply(LabelPod(pod=_B, labels={"app": None}))
        said.append(lab.said(flow))
        assert [cluster.hostname(_B), cluster.hostname(_A)] == said


def test_an_answer_longer_than_a_datagram_is_truncated() -> None:
    """Eighty backends are 1,280 bytes: dig says `tc` by UDP, and gets them all by TCP; nc finds one either way."""
    pods = tuple(Pod(namespace="x", name=f"p{n}", labels={"app": "many"}, ports=(_WEB,)) for n in range(80))
    many = Service(
        namespace="x", name="many", selector={"app": "many"}, ports=(ServicePort(port=80, target=80),), headless=True
    )
    with LabCluster() as cluster:
        lab = Live(cluster, replace(_TOPOLOGY, pods=pods, services=(many,)))
        flow = _flow(PodRef("x", "p0"), HostName("many"), 80)
        assert {flow: Outcome.CONNECTED} == lab.ask([flow])
        name = "many.x.svc.cluster.local"
        lines = "\n".join(
            lab.cluster.stream(PodRef("x", "p0"), f"t 0 dns 4 1 {name} 53 -\nt 1 dns-tcp 4 1 {name} 53 -\nt end\n")
        )
        assert (1, 1, 1) == (lines.count("flags: qr aa tc rd;"), lines.count("ANSWER: 0"), lines.count("ANSWER: 80"))


@pytest.mark.parametrize(
    "families",
    [
        pytest.param((Family.IPV4,), id="ipv4-alone"),
        pytest.param((Family.IPV6,), id="ipv6-alone"),
        pytest.param((Family.IPV6, Family.IPV4), id="ipv6-first"),
    ],
)
def test_other_families(families: tuple[Family, ...]) -> None:
    """What a cluster has is probed; names resolve through the resolver's address of the primary family."""
    with LabCluster() as cluster:
        lab = Live(cluster, replace(_TOPOLOGY, families=families))
        assert families == lab.state.families
        targets: tuple[tuple[Target, int], ...] = (
            (_C, 80),
            (_HOST, 90),
            (_EXT, 443),
            (HostName("web"), 8000),
            (ApiServerRef(), 443),
        )
        wanted = [_flow(_A, target, port, family=f) for target, port in targets for f in families]
        assert dict.fromkeys(wanted, Outcome.CONNECTED) == lab.ask(wanted)


def test_the_first_policy_is_in_force_when_apply_returns(lab: Live) -> None:
    """No time passes between the action and its effect; what it does not select is as before."""
    isolated = _flow(_A, _C, 80), _flow(_A, _C, 53, Protocol.UDP), _flow(_A, _C, 80, family=Family.IPV6)
    with lab.under(NetworkPolicy(namespace="y", name="deny", types=frozenset({Direction.INGRESS}))):
        assert dict.fromkeys(isolated, Outcome.TIMED_OUT) | {_flow(_A, _B, 80): Outcome.CONNECTED} == lab.ask(
            (*isolated, _flow(_A, _B, 80))
        )
    assert dict.fromkeys(isolated, Outcome.CONNECTED) == lab.ask(isolated)


def test_arrivals_are_the_nonces_that_listeners_saw(lab: Live) -> None:
    """A datagram that was dropped on its way did not arrive; a connection brings none."""
    request = "t 0 udp 4 1 {a} 53 seen-1\nt 1 udp 4 1 {a} 1000 seen-2\nt 2 tcp 4 1 {a} 80 seen-3\nt end\n"
    list(lab.cluster.stream(_A, request.format(a=lab.state.pods[_B].addresses[Family.IPV4])))
    assert {"seen-1"} == {nonce for nonce in lab.cluster.arrivals() if nonce.startswith("seen-")}


def test_evidence_shows_the_rules_and_what_they_met(lab: Live) -> None:
    """Each node's rules with their counters, and every listener."""
    with lab.under(NetworkPolicy(namespace="y", name="deny", types=frozenset({Direction.INGRESS}))):
        lab.ask([_flow(_A, _C, 80)])
        text = lab.cluster.evidence()
    assert [True] * 4 == [
        part in text for part in ("# rules on node/1", "# rules on node/2", "y/deny", "pod/y/c tcp 10.244.8.1:80")
    ]
    assert re.search(r"counter packets [1-9]", text)


@pytest.mark.parametrize(
    ("action", "why"),
    [
        pytest.param(DeletePolicy(policy=PolicyRef("x", "p")), "delete x/p: there is no such policy", id="policy"),
        pytest.param(RemovePod(pod=PodRef("x", "z")), "remove pod x/z: there is no such pod", id="pod"),
        pytest.param(LabelPod(pod=PodRef("x", "z"), labels={}), "there is no such pod", id="label-pod"),
        pytest.param(LabelNamespace(namespace="z", labels={}), "there is no such namespace", id="label-namespace"),
        pytest.param(AddPod(pod=Pod(namespace="x", name="a")), "add pod x/a: there is one already", id="pod-twice"),
        pytest.param(AddPod(pod=Pod(namespace="z", name="a")), "there is no such namespace", id="pod-nowhere"),
        pytest.param(AddPod(pod=Pod(namespace="x", name="z", node=3)), "there is no node 3", id="no-such-node"),
        pytest.param(
            ApplyPolicy(policy=NetworkPolicy(namespace="z", name="p", types=frozenset())),
            "there is no such namespace",
            id="policy-nowhere",
        ),
    ],
)
def test_what_cannot_be_done(lab: Live, action: Action, why: str) -> None:
    """An action that no cluster could carry out is an error that names it, and changes nothing."""
    with pytest.raises(ClusterError, match=why):
        lab.cluster.apply(action)


def test_two_listeners_for_one_port_are_named() -> None:
    """Two hostNetwork pods of one node share its ports: who lost, and where, stands in the error."""
    pods = tuple(Pod(namespace="x", name=n, node=1, ports=(Port(number=90),), host_network=True) for n in "pq")
    with LabCluster() as cluster, pytest.raises(ClusterError, match=r"pod/x/q cannot listen on 172.18.0.2 port 90/tcp"):
        cluster.open(Topology(namespaces=(Namespace(name="x"),), pods=pods))


def test_before_open_and_after_close() -> None:
    """A lab that is not open says so; closing it twice is closing it once; it does not open twice."""
    cluster = LabCluster()
    with pytest.raises(ClusterError, match="the lab is not open"):
        cluster.identities()
    cluster.open(_TOPOLOGY)
    with pytest.raises(ClusterError, match="the lab is open already"):
        cluster.open(_TOPOLOGY)
    cluster.close()
    cluster.close()
    with pytest.raises(ClusterError, match="the lab is not open"):
        list(cluster.stream(_A, ""))


def test_a_lab_that_nobody_closed_says_so() -> None:
    """Its process ends all the same."""
    cluster = LabCluster()
    cluster.open(_TOPOLOGY)
    with pytest.warns(ResourceWarning, match="was not closed"):
        cluster.__del__()


def test_an_unknown_fault_is_wrong_use() -> None:
    """It is told before anything is made."""
    with pytest.raises(UsageError, match="no such fault"):
        LabCluster(fault="sleepy")
