"""Tests of the names that a run gives to a scenario's namespaces, there and back."""

from __future__ import annotations

import pytest

from prober.cluster.kube.naming import Naming, namespaces_for, stem_for
from prober.model import (
    NAME_LABEL,
    Direction,
    IPBlock,
    LabelSelector,
    NetworkPolicy,
    Operator,
    PodPeer,
    Requirement,
    Rule,
)

NAMING = Naming({"payments": "pr-k3-payments", "pay": "pr-k3-pay"})


def policy(*peers: PodPeer | IPBlock, namespace: str = "payments") -> NetworkPolicy:
    return NetworkPolicy(
        namespace=namespace,
        name="p",
        types=frozenset(Direction),
        ingress=(Rule(peers=peers),),
        egress=(Rule(peers=peers),),
    )


def named(operator: Operator, *values: str) -> LabelSelector:
    return LabelSelector(expressions=(Requirement(key=NAME_LABEL, operator=operator, values=values),))


@pytest.mark.parametrize(
    ("renamed", "selector"),
    [
        (
            LabelSelector(match_labels={NAME_LABEL: "pr-k3-payments"}),
            LabelSelector(match_labels={NAME_LABEL: "payments"}),
        ),
        (LabelSelector(match_labels={"team": "payments"}), LabelSelector(match_labels={"team": "payments"})),
        (
            LabelSelector(match_labels={NAME_LABEL: "kube-system"}),
            LabelSelector(match_labels={NAME_LABEL: "kube-system"}),
        ),
        (named(Operator.IN, "pr-k3-pay", "default"), named(Operator.IN, "pay", "default")),
        (named(Operator.NOT_IN, "pr-k3-pay"), named(Operator.NOT_IN, "pay")),
        (named(Operator.EXISTS), named(Operator.EXISTS)),
    ],
    ids=["match-labels", "another-label", "not-declared", "in", "not-in", "exists"],
)
def test_namespace_selectors_are_renamed_with_the_namespaces(renamed: LabelSelector, selector: LabelSelector) -> None:
    """Only the label that carries the name, only declared names, whatever the operator, in both directions' rules."""
    expected = policy(PodPeer(namespaces=renamed), namespace="pr-k3-payments")

    assert expected == NAMING.policy(policy(PodPeer(namespaces=selector)))


def test_pod_selectors_and_blocks_stay() -> None:
    """A pod's label of that name is no namespace's name."""
    pods = LabelSelector(match_labels={NAME_LABEL: "payments"})
    peers = (PodPeer(pods=pods), PodPeer(pods=pods, namespaces=LabelSelector()))

    assert policy(*peers, namespace="pr-k3-payments") == NAMING.policy(policy(*peers))


def test_policy_comes_back_as_it_was() -> None:
    """What is read from the cluster is compared with what the scenario says."""
    meant = policy(PodPeer(namespaces=named(Operator.NOT_IN, "pay", "kube-system")))

    assert meant == NAMING.original(NAMING.policy(meant))


@pytest.mark.parametrize(
    ("found", "host"),
    [
        ("postgres.pr-k3-payments", "postgres.payments"),
        ("postgres.pr-k3-payments.svc", "postgres.payments.svc"),
        ("postgres.pr-k3-payments.svc.cluster.local", "postgres.payments.svc.cluster.local"),
        ("postgres.pr-k3-payments.svc.cluster.local.", "postgres.payments.svc.cluster.local."),
        ("postgres.payments.example.org", "postgres.payments.example.org"),
        ("payments", "payments"),
        ("kubernetes.default", "kubernetes.default"),
        ("10.0.0.1", "10.0.0.1"),
        ("fd00::1", "fd00::1"),
    ],
)
def test_hosts_of_declared_namespaces_are_renamed(found: str, host: str) -> None:
    """A look-up goes to the namespace that the run made; names outside of the cluster and addresses stay."""
    assert found == NAMING.host(host)


def test_request_is_renamed_in_the_host_alone() -> None:
    """A probe's other fields, and the lines that are no probe, stay what they are."""
    assert "t 0 tcp 4 1 db.pr-k3-pay 80 -" == NAMING.request("t 0 tcp 4 1 db.pay 80 -")
    assert "t clock" == NAMING.request("t clock")
    assert "nc -v -4 -w 1 db.pr-k3-pay 80 </dev/null" == NAMING.command("nc -v -4 -w 1 db.pay 80 </dev/null")


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ('pods "a" is forbidden in payments', 'pods "a" is forbidden in pr-k3-payments'),
        ("Connection to db.pay (10.0.0.1) 80", "Connection to db.pr-k3-pay (10.0.0.1) 80"),
        ("pr-k3-payments-2", "pr-k3-payments-2"),
        ("xpr-k3-pay", "xpr-k3-pay"),
        ("/api/v1/namespaces/pay/pods", "/api/v1/namespaces/pr-k3-pay/pods"),
    ],
)
def test_reports_show_the_scenarios_names(shown: str, text: str) -> None:
    """Whole names are put back, never a part of another name."""
    assert shown == NAMING.restored(text)


def test_nothing_is_put_back_where_nothing_was_renamed() -> None:
    """Without a namespace there is no name to look for."""
    assert "text" == Naming({}).restored("text")


@pytest.mark.parametrize("make", [lambda n: namespaces_for((n,), "k3")[n], lambda n: stem_for(1, n, "k3")])
def test_long_names_stay_apart(make: object) -> None:
    """Names that differ only in what does not fit get different names, all of them valid."""
    assert callable(make)
    names = [make("a" * 62 + end) for end in "bc"]

    assert 2 == len(set(names))
    assert all(len(n) <= 63 and n[-1].isalnum() and n[0].isalpha() for n in names)


def test_cut_name_has_no_double_dash_of_its_own() -> None:
    """What is cut at a dash is still a DNS label."""
    name = "a" * 49 + "-" + "b" * 13

    assert "--" not in namespaces_for((name,), "k3k3k3")[name]


def test_controllers_have_short_names_that_differ() -> None:
    """The VPC CNI takes a pod's name without its last part for its identity: stems are unique, and short."""
    stems = {stem_for(i, "x" * 63, f"run-{run}") for i in range(1, 50) for run in ("a", "b")}

    assert 98 == len(stems)
    assert all(len(s) <= 40 for s in stems)
