"""Selectors, states and names: what both the oracle and the lab build on, so it is tested hardest."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import (
    EVERYTHING,
    AddPod,
    ApiServerRef,
    ApplyPolicy,
    ClusterState,
    DeletePolicy,
    Direction,
    External,
    ExternalRef,
    Family,
    Flow,
    HostName,
    IPBlock,
    LabelNamespace,
    LabelPod,
    Labels,
    LabelSelector,
    Lookup,
    Namespace,
    NetworkPolicy,
    Node,
    NodeRef,
    Operator,
    Pod,
    PodPeer,
    PodRef,
    PolicyPort,
    PolicyRef,
    Port,
    Protocol,
    RemovePod,
    Requirement,
    Rule,
    Service,
    ServicePort,
    ServiceRef,
    Target,
    Topology,
    furnished,
)

IN, NOT_IN, EXISTS, DOES_NOT_EXIST = Operator


def needs(key: str, operator: Operator, *values: str) -> Requirement:
    return Requirement(key=key, operator=operator, values=values)


@pytest.mark.parametrize(
    ("expected", "operator", "values", "labels"),
    [
        pytest.param(True, IN, ("db",), {"app": "db"}, id="s20-In-value-listed"),
        pytest.param(True, IN, ("web", "db"), {"app": "db"}, id="s20-In-second-value"),
        pytest.param(False, IN, ("db",), {"app": "web"}, id="s20-In-other-value"),
        pytest.param(False, IN, ("db",), {}, id="s20-In-absent-key"),
        pytest.param(False, IN, ("db",), {"App": "db"}, id="s20-In-key-of-other-case"),
        pytest.param(False, IN, ("db",), {"app": "DB"}, id="s20-In-value-of-other-case"),
        pytest.param(False, IN, ("db",), {"app": ""}, id="s20-In-empty-value-not-listed"),
        pytest.param(True, IN, ("",), {"app": ""}, id="s20-In-empty-value-listed"),
        pytest.param(False, IN, ("",), {}, id="s20-In-empty-value-listed-absent-key"),
        pytest.param(False, NOT_IN, ("db",), {"app": "db"}, id="s20-NotIn-value-listed"),
        pytest.param(False, NOT_IN, ("web", "db"), {"app": "db"}, id="s20-NotIn-second-value"),
        pytest.param(True, NOT_IN, ("db",), {"app": "web"}, id="s20-NotIn-other-value"),
        pytest.param(True, NOT_IN, ("db",), {}, id="s20-NotIn-absent-key-matches"),
        pytest.param(True, NOT_IN, ("db",), {"app": ""}, id="s20-NotIn-empty-value-not-listed"),
        pytest.param(False, NOT_IN, ("",), {"app": ""}, id="s20-NotIn-empty-value-listed"),
        pytest.param(True, NOT_IN, ("",), {}, id="s20-NotIn-empty-value-listed-absent-key"),
        pytest.param(True, EXISTS, (), {"app": "db"}, id="s20-Exists-with-value"),
        pytest.param(True, EXISTS, (), {"app": ""}, id="s20-Exists-with-empty-value"),
        pytest.param(False, EXISTS, (), {}, id="s20-Exists-absent-key"),
        pytest.param(False, EXISTS, (), {"apps": "db"}, id="s20-Exists-longer-key"),
        pytest.param(False, DOES_NOT_EXIST, (), {"app": "db"}, id="s20-DoesNotExist-with-value"),
        pytest.param(False, DOES_NOT_EXIST, (), {"app": ""}, id="s20-DoesNotExist-with-empty-value"),
        pytest.param(True, DOES_NOT_EXIST, (), {}, id="s20-DoesNotExist-absent-key-matches"),
    ],
)
def test_s20_operators(expected: bool, operator: Operator, values: tuple[str, ...], labels: Labels) -> None:
    """Every operator answers as the API server does, for a key that is present, empty or absent."""
    requirement = needs("app", operator, *values)
    assert expected == requirement.matches(labels)
    assert expected == LabelSelector(expressions=(requirement,)).matches(labels)


@pytest.mark.parametrize(
    ("expected", "wanted", "labels"),
    [
        pytest.param(True, {}, {}, id="s03-empty-selector-no-labels"),
        pytest.param(True, {}, {"app": "db"}, id="s03-empty-selector-any-labels"),
        pytest.param(True, {"app": "db"}, {"app": "db", "tier": "x"}, id="s20-more-labels-than-asked"),
        pytest.param(False, {"app": "db"}, {"app": "web"}, id="s20-other-value"),
        pytest.param(False, {"app": "db"}, {}, id="s20-absent-key"),
        pytest.param(True, {"app": ""}, {"app": ""}, id="s20-empty-value"),
        pytest.param(False, {"app": ""}, {}, id="s20-empty-value-needs-the-key"),
        pytest.param(False, {"app": ""}, {"app": "db"}, id="s20-empty-value-is-no-wildcard"),
        pytest.param(False, {"app": "db", "tier": "x"}, {"app": "db"}, id="s20-all-labels-are-needed"),
        pytest.param(True, {"app": "db", "tier": "x"}, {"tier": "x", "app": "db"}, id="s20-order-does-not-matter"),
    ],
)
def test_s20_match_labels(expected: bool, wanted: Labels, labels: Labels) -> None:
    """Each of matchLabels needs its key with exactly its value, and an empty selector takes everything."""
    assert expected == LabelSelector(match_labels=wanted).matches(labels)


@pytest.mark.parametrize(
    ("expected", "labels"),
    [
        pytest.param(True, {"app": "db", "tier": "x"}, id="both"),
        pytest.param(False, {"app": "db"}, id="labels-only"),
        pytest.param(False, {"tier": "x"}, id="expression-only"),
        pytest.param(False, {}, id="neither"),
    ],
)
def test_s20_labels_and_expressions_are_anded(expected: bool, labels: Labels) -> None:
    """The matchLabels and every one of matchExpressions must match."""
    selector = LabelSelector(match_labels={"app": "db"}, expressions=(needs("tier", EXISTS),))
    assert expected == selector.matches(labels)


def test_s20_expressions_are_anded() -> None:
    """Two expressions on one key both count."""
    selector = LabelSelector(expressions=(needs("app", IN, "a", "b"), needs("app", NOT_IN, "b")))
    assert [True, False, False] == [selector.matches({"app": v}) for v in "abc"]


_labels = st.dictionaries(st.sampled_from("ab"), st.sampled_from(["", "x", "y"]))


@given(labels=_labels, key=st.sampled_from("ab"), values=st.lists(st.sampled_from(["", "x", "y"]), min_size=1))
def test_s20_operators_are_opposites(labels: Labels, key: str, values: list[str]) -> None:
    """NotIn is the opposite of In and DoesNotExist that of Exists, whatever the labels are."""
    assert needs(key, NOT_IN, *values).matches(labels) is not needs(key, IN, *values).matches(labels)
    assert needs(key, DOES_NOT_EXIST).matches(labels) is not needs(key, EXISTS).matches(labels)


@given(labels=_labels, key=st.sampled_from("ab"), value=st.sampled_from(["", "x", "y"]))
def test_s20_match_labels_is_in_with_one_value(labels: Labels, key: str, value: str) -> None:
    """One of matchLabels is the same as In with that one value."""
    assert LabelSelector(match_labels={key: value}).matches(labels) is needs(key, IN, value).matches(labels)


@pytest.mark.parametrize(
    ("expected", "shown"),
    [
        ("{}", EVERYTHING),
        ("app=db,tier Exists", LabelSelector(match_labels={"app": "db"}, expressions=(needs("tier", EXISTS),))),
        ("app NotIn (a, b)", LabelSelector(expressions=(needs("app", NOT_IN, "a", "b"),))),
        ("namespaceSelector {} and podSelector {}", PodPeer(pods=EVERYTHING, namespaces=EVERYTHING)),
        ("podSelector {}", PodPeer(pods=EVERYTHING)),
        ("ipBlock 10.0.0.0/8", IPBlock(cidr=ip_network("10.0.0.0/8"))),
        (
            "ipBlock 10.0.0.0/8 except 10.1.0.0/16, 10.2.0.0/16",
            IPBlock(cidr=ip_network("10.0.0.0/8"), excepts=(ip_network("10.1.0.0/16"), ip_network("10.2.0.0/16"))),
        ),
        ("every port/UDP", PolicyPort(protocol=Protocol.UDP)),
        ("80/TCP", PolicyPort(port=80)),
        ("80-90/TCP", PolicyPort(port=80, end=90)),
        ("http/TCP", PolicyPort(port="http")),
    ],
)
def test_what_policies_are_shown_as(expected: str, shown: object) -> None:
    """Parts of policies are written as people write them."""
    assert expected == str(shown)


def test_s21_a_namespace_always_carries_its_name() -> None:
    """kubernetes.io/metadata.name is set by the API server, and nobody can give it another value."""
    wrong = {"kubernetes.io/metadata.name": "other", "team": "x"}
    assert {"kubernetes.io/metadata.name": "pay", "team": "x"} == Namespace(name="pay", labels=wrong).labels


@pytest.mark.parametrize(
    ("expected", "types"),
    [
        pytest.param((1, 0), {Direction.INGRESS}, id="s09-egress-rules-ignored"),
        pytest.param((0, 1), {Direction.EGRESS}, id="s09-ingress-rules-ignored"),
        pytest.param((1, 1), {Direction.INGRESS, Direction.EGRESS}, id="both"),
    ],
)
def test_s09_rules_count_for_the_types_only(expected: tuple[int, int], types: set[Direction]) -> None:
    """Rules of a direction that policyTypes does not name do not count."""
    policy = NetworkPolicy(namespace="a", name="p", types=frozenset(types), ingress=(Rule(),), egress=(Rule(),))
    assert expected == (len(policy.rules(Direction.INGRESS)), len(policy.rules(Direction.EGRESS)))


POD = Pod(
    namespace="a",
    name="x",
    ports=(
        Port(number=53, protocol=Protocol.UDP, name="dns"),
        Port(number=54, protocol=Protocol.TCP, name="dns"),
        Port(number=80),
    ),
)


@pytest.mark.parametrize(
    ("expected", "name", "protocol"),
    [
        pytest.param(53, "dns", Protocol.UDP, id="s35-by-protocol-udp"),
        pytest.param(54, "dns", Protocol.TCP, id="s35-by-protocol-tcp"),
        pytest.param(None, "dns", Protocol.SCTP, id="s35-name-of-other-protocol"),
        pytest.param(None, "http", Protocol.TCP, id="s35-no-such-name"),
    ],
)
def test_s35_port_named(expected: int | None, name: str, protocol: Protocol) -> None:
    """A port's name counts together with its protocol."""
    assert expected == POD.port_named(name, protocol)


def test_listens() -> None:
    """A pod listens where number and protocol are declared together."""
    asked = [(80, Protocol.TCP), (80, Protocol.UDP), (53, Protocol.UDP), (53, Protocol.TCP)]
    assert [True, False, True, False] == [POD.listens(n, p) for n, p in asked]


DENY = NetworkPolicy(namespace="a", name="deny", types=frozenset({Direction.INGRESS}))
STATE = ClusterState(
    namespaces={n: Namespace(name=n, labels={"team": n}) for n in ("a", "b")},
    pods={
        p.ref: p
        for p in (
            Pod(namespace="a", name="x", labels={"app": "db", "tier": "back"}),
            Pod(namespace="a", name="y", labels={"app": "db"}, system=True),
            Pod(namespace="b", name="x", labels={"app": "db"}),
        )
    },
    services={
        s.ref: s
        for s in (
            Service(namespace="a", name="db", selector={"app": "db"}),
            Service(namespace="b", name="db", selector={"app": "db"}),
            Service(namespace="a", name="bare"),
        )
    },
    policies={DENY.ref: DENY},
)
A_X = PodRef("a", "x")


def test_apply_creates_and_replaces() -> None:
    """Applying a policy of the same name replaces it; of another name adds it; the old state stays as it was."""
    changed = NetworkPolicy(namespace="a", name="deny", types=frozenset({Direction.EGRESS}))
    other = NetworkPolicy(namespace="b", name="deny", types=frozenset({Direction.EGRESS}))
    after = STATE.after(ApplyPolicy(policy=changed)).after(ApplyPolicy(policy=other))
    assert {changed.ref: changed, other.ref: other} == after.policies
    assert {DENY.ref: DENY} == STATE.policies


def test_delete_removes_only_that_policy() -> None:
    """Deleting takes the policy of that namespace and name, and one that is not there changes nothing."""
    assert {} == STATE.after(DeletePolicy(policy=PolicyRef("a", "deny"))).policies
    assert {DENY.ref: DENY} == STATE.after(DeletePolicy(policy=PolicyRef("b", "deny"))).policies


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        pytest.param({"app": "web", "tier": "back"}, {"app": "web"}, id="set"),
        pytest.param({"tier": "back"}, {"app": None}, id="remove"),
        pytest.param({"app": "db", "tier": "back"}, {"absent": None}, id="remove-an-absent-key"),
        pytest.param({"app": "", "tier": "back"}, {"app": ""}, id="empty-value-is-a-value"),
        pytest.param({"app": "db", "tier": "back", "new": "1"}, {"new": "1"}, id="add"),
    ],
)
def test_label_pod(expected: Labels, changes: dict[str, str | None]) -> None:
    """None removes a key, an empty value does not, and keys that are not named stay."""
    after = STATE.after(LabelPod(pod=A_X, labels=changes))
    assert expected == after.pods[A_X].labels
    assert {"app": "db"} == after.pods[PodRef("b", "x")].labels


def test_label_namespace() -> None:
    """A namespace keeps its name label whatever is done to it."""
    changes = {"team": None, "kubernetes.io/metadata.name": None, "env": "prod"}
    after = STATE.after(LabelNamespace(namespace="a", labels=changes))
    assert {"env": "prod", "kubernetes.io/metadata.name": "a"} == after.namespaces["a"].labels
    assert STATE.namespaces["b"] == after.namespaces["b"]


def test_add_and_remove_pod() -> None:
    """A pod comes and goes under its full name."""
    new = Pod(namespace="b", name="y")
    assert [*STATE.pods, new.ref] == list(STATE.after(AddPod(pod=new)).pods)
    assert [PodRef("a", "y"), PodRef("b", "x")] == list(STATE.after(RemovePod(pod=A_X)).pods)


@pytest.mark.parametrize(
    "action",
    [LabelPod(pod=PodRef("a", "none"), labels={}), LabelNamespace(namespace="none", labels={})],
    ids=["pod", "namespace"],
)
def test_labelling_what_is_not_there_is_an_error(action: LabelPod | LabelNamespace) -> None:
    """A pod or a namespace that the state does not have is a KeyError."""
    with pytest.raises(KeyError):
        STATE.after(action)


@pytest.mark.parametrize(
    ("expected", "action"),
    [
        ("apply a/deny", ApplyPolicy(policy=DENY)),
        ("delete a/deny", DeletePolicy(policy=DENY.ref)),
        ("label pod a/x app=web tier-", LabelPod(pod=A_X, labels={"app": "web", "tier": None})),
        ("label namespace a team-", LabelNamespace(namespace="a", labels={"team": None})),
        ("add pod a/x", AddPod(pod=Pod(namespace="a", name="x"))),
        ("remove pod a/x", RemovePod(pod=A_X)),
    ],
)
def test_what_actions_are_shown_as(expected: str, action: object) -> None:
    """An action reads as one would say it to kubectl."""
    assert expected == str(action)


@pytest.mark.parametrize(
    ("expected", "service"),
    [
        pytest.param([("a", "x"), ("a", "y")], ServiceRef("a", "db"), id="own-namespace-only"),
        pytest.param([("b", "x")], ServiceRef("b", "db"), id="the-other-namespace"),
        pytest.param([], ServiceRef("a", "bare"), id="no-selector-selects-nothing"),
    ],
)
def test_backends(expected: list[tuple[str, str]], service: ServiceRef) -> None:
    """A Service selects pods of its own namespace by their labels now; an empty selector is no selector."""
    assert expected == [(p.namespace, p.name) for p in STATE.backends(STATE.services[service])]


def test_backends_follow_labels() -> None:
    """A pod that loses the label is a backend no more."""
    after = STATE.after(LabelPod(pod=A_X, labels={"app": "web"}))
    assert ["y"] == [p.name for p in after.backends(after.services[ServiceRef("a", "db")])]


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        pytest.param(("a", "db"), "db", id="own-namespace"),
        pytest.param(("b", "db"), "db.b", id="other-namespace"),
        pytest.param(("b", "db"), "db.b.svc", id="svc"),
        pytest.param(("b", "db"), "db.b.svc.cluster.local", id="full"),
        pytest.param(("b", "db"), "db.b.svc.cluster.local.", id="full-with-final-dot"),
        pytest.param(None, "web", id="no-such-service"),
        pytest.param(None, "db.c", id="no-such-namespace"),
        pytest.param(None, "pod.db.b", id="too-many-parts"),
        pytest.param(None, "bare.b", id="service-of-another-namespace"),
        pytest.param(None, "", id="empty"),
        pytest.param(None, "example.com", id="a-name-of-the-internet"),
    ],
)
def test_service_named(expected: tuple[str, str] | None, name: str) -> None:
    """A name is looked up in the source's namespace, or in the one that it names."""
    assert (ServiceRef(*expected) if expected else None) == STATE.service_named(name, A_X)


def test_probe_pods_leave_out_system_pods() -> None:
    """`any` means the scenario's own pods."""
    assert [("a", "x"), ("b", "x")] == [(p.namespace, p.name) for p in STATE.probe_pods()]


def test_state_of_a_topology() -> None:
    """A topology's state holds all that the topology names, under its reference."""
    external, node = External(name="partner"), Node(number=3)
    pods = tuple(STATE.pods.values())
    topology = Topology(
        namespaces=tuple(STATE.namespaces.values()),
        pods=pods,
        services=tuple(STATE.services.values()),
        externals=(external,),
        nodes=(node,),
        families=(Family.IPV6,),
    )
    expected = ClusterState(
        namespaces=STATE.namespaces,
        pods=STATE.pods,
        services=STATE.services,
        externals={ExternalRef("partner"): external},
        nodes={NodeRef(3): node},
        policies=STATE.policies,
        families=(Family.IPV6,),
    )
    assert expected == ClusterState.of(topology, (DENY,))


def test_service_port_needs_number_and_protocol() -> None:
    """A Service may have one number for two protocols."""
    tcp, udp = ServicePort(port=53, target=5353), ServicePort(port=53, target="dns", protocol=Protocol.UDP)
    service = Service(namespace="a", name="dns", ports=(tcp, udp))
    asked = [(53, Protocol.TCP), (53, Protocol.UDP), (53, Protocol.SCTP), (54, Protocol.TCP)]
    assert [tcp, udp, None, None] == [service.port(n, p) for n, p in asked]


@pytest.mark.parametrize(
    ("expected", "target", "protocol", "family"),
    [
        ("a/x -> b/y:80", PodRef("b", "y"), Protocol.TCP, Family.IPV4),
        ("a/x -> b/y:80/udp/ipv6", PodRef("b", "y"), Protocol.UDP, Family.IPV6),
        ("a/x -> svc/b/y:80", ServiceRef("b", "y"), Protocol.TCP, Family.IPV4),
        ("a/x -> name/y.b:80", HostName("y.b"), Protocol.TCP, Family.IPV4),
        ("a/x -> ext/partner:80", ExternalRef("partner"), Protocol.TCP, Family.IPV4),
        ("a/x -> node/2:80/sctp", NodeRef(2), Protocol.SCTP, Family.IPV4),
        ("a/x -> apiserver", ApiServerRef(), Protocol.TCP, Family.IPV4),
        ("a/x -> dns/y.b", Lookup("y.b"), Protocol.UDP, Family.IPV4),
        ("a/x -> dns/y.b/tcp/ipv6", Lookup("y.b"), Protocol.TCP, Family.IPV6),
    ],
)
def test_what_flows_are_shown_as(expected: str, target: Target, protocol: Protocol, family: Family) -> None:
    """A flow is shown as scenario files write it."""
    assert expected == str(Flow(source=A_X, target=target, port=80, protocol=protocol, family=family))


def test_furnished_adds_what_a_cluster_brings_once() -> None:
    """kube-system is not made twice, and the DNS pod is no probe pod."""
    full = furnished(Topology(namespaces=(Namespace(name="kube-system", labels={"a": "b"}),)))
    assert ["kube-system", "default"] == [n.name for n in full.namespaces]
    assert "b" == full.namespaces[0].labels["a"]
    assert [True] == [p.system for p in full.pods]
