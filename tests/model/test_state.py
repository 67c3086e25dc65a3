"""States and the actions between them, backends, and names of Services."""

from __future__ import annotations

import pytest

from prober.model import (
    AddPod,
    ApplyPolicy,
    ClusterState,
    DeletePolicy,
    Direction,
    External,
    ExternalRef,
    Family,
    LabelNamespace,
    LabelPod,
    Labels,
    Namespace,
    NetworkPolicy,
    Node,
    NodeRef,
    Pod,
    PodRef,
    PolicyRef,
    RemovePod,
    Service,
    ServiceRef,
    Topology,
)

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
