"""Selectors that take no pod, by states: which they are, why, and who comes near."""

from __future__ import annotations

import pytest

from prober.manifest import load
from prober.model import ClusterState, LabelPod, Namespace, Pod, PodRef, RemovePod, Topology
from prober.oracle.empty import empties

POLICY = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: payments}}
spec: {{{spec}}}
"""
ELSEWHERE = "bank/api has it, but is in another namespace"
BY_NAME = "namespace bank has kubernetes.io/metadata.name=bank"
APIS = "podSelector: {matchExpressions: [{key: app, operator: In, values: [apis]}]}"
STATE = ClusterState.of(
    Topology(
        namespaces=(
            Namespace(name="payments", labels={"team": "payments"}),
            Namespace(name="bank", labels={"kubernetes.io/metadata.name": "bank"}),
            Namespace(name="void", labels={"team": "void"}),
        ),
        pods=(
            Pod(namespace="payments", name="postgres", labels={"app": "postgres", "tier": "db"}),
            Pod(namespace="payments", name="job"),
            Pod(namespace="bank", name="api", labels={"app": "api"}),
        ),
    )
)


def under(spec: str) -> ClusterState:
    """Return the state with one policy of that spec."""
    (policy,) = load(POLICY.format(spec=spec), "p.yaml")
    return ClusterState(**{n: getattr(STATE, n) for n in ("namespaces", "pods")}, policies={policy.it.ref: policy.it})


def said(*states: ClusterState) -> list[str]:
    """Return what is said of all empty selectors."""
    return [str(found).removeprefix("payments/p") for found in empties(states)]


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ("app: postgress", "app=postgress; payments/postgres has app=postgres"),
        ("ap: postgres", "ap=postgres; payments/postgres has app=postgres"),
        ("name: postgres", "name=postgres; payments/postgres has app=postgres"),
        ("app: postgres, tier: cache", "app=postgres,tier=cache; payments/postgres has tier=db"),
        ("app: postgres, role: x", "app=postgres,role=x; payments/postgres has no label role"),
        ("app: api", "app=api; bank/api has it, but is in another namespace"),
        ("app: kafka", "app=kafka"),
        ("colour: blue", "colour=blue"),
    ],
)
def test_a_policy_that_selects_nobody_names_who_comes_near(labels: str, why: str) -> None:
    """One wrong letter, another key, one label of two, the wrong namespace; where nothing is alike, nobody is named."""
    assert [f" selects no pod: no pod of payments has {why}"] == said(
        under(f"podSelector: {{matchLabels: {{{labels}}}}}")
    )


@pytest.mark.parametrize(
    ("peer", "why"),
    [
        ("podSelector: {matchLabels: {app: api}}", f"no pod of payments has app=api; {ELSEWHERE}"),
        ("namespaceSelector: {matchLabels: {name: bank}}", f"no namespace here has name=bank; {BY_NAME}"),
        ("namespaceSelector: {matchLabels: {team: void}}", "there is no pod in void"),
        (
            f"namespaceSelector: {{}}, {APIS}",
            "no pod of bank, payments, void has labels app In (apis); bank/api has app=api",
        ),
    ],
)
def test_a_peer_that_matches_nobody_is_named_with_its_rule(peer: str, why: str) -> None:
    """A peer is looked for where it looks: in the policy's namespace, or in those that its namespaceSelector takes."""
    found = said(under(f"podSelector: {{}}, ingress: [{{}}, {{from: [{{{peer}}}]}}]"))

    assert [f" matches no pod: {why}"] == [text[text.index(" matches") :] for text in found]
    assert [", ingress rule 2: its peer"] == [text.partition(" namespaceS")[0].partition(" podS")[0] for text in found]


@pytest.mark.parametrize(
    "spec",
    [
        "podSelector: {}",
        "podSelector: {matchLabels: {app: postgres}}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]",
        "podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}], egress: [{to: [{podSelector: {}}]}]",
        "podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {app: none}}}]}]",
    ],
)
def test_what_takes_pods_is_not_named(spec: str) -> None:
    """Blocks take no pods by labels, and rules of a direction that policyTypes lacks do not count."""
    assert [] == said(under(spec))


def test_one_state_is_enough() -> None:
    """A pod that is still to come, is gone by then, or gets the label later, is a pod that the policy is about."""
    spec = "podSelector: {matchLabels: {app: new}}"
    without = under(spec)
    later = without.after(LabelPod(pod=PodRef("payments", "job"), labels={"app": "new"}))
    gone = later.after(RemovePod(pod=PodRef("payments", "job")))

    assert [" selects no pod: no pod of payments has app=new"] == said(without, gone)
    assert [] == said(without, later, gone)


def test_a_policy_is_named_where_it_stands() -> None:
    """The policy's line for its podSelector, the rule's for a peer."""
    spec = "podSelector: {matchLabels: {app: x}}, ingress:\n  [{from: [{podSelector: {matchLabels: {app: y}}}]}]"

    assert ["p.yaml:1", "p.yaml:5"] == [found.at for found in empties([under(spec)])]
