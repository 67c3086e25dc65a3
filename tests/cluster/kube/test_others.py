"""Tests of policies that a run did not make, against a cluster's API in memory: what counts, what is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from prober.cluster.kube import others
from prober.cluster.kube.connection import ApiError, Connection
from prober.cluster.kube.ground import Ground
from prober.cluster.kube.naming import Naming
from prober.cluster.kube.objects import Marks
from prober.cluster.kube.others import OtherKinds
from prober.cluster.kube.reading import nodes_of
from prober.cluster.kube.target import KubeTarget
from prober.model import NAME_LABEL, LabelSelector, PodPeer, PolicyRef

MARKS = Marks(run="k3", topology="k3-1", started="2026-01-01T00:00:00+00:00")
REAL = "pr-k3-1-shop"
POLICIES = f"/apis/networking.k8s.io/v1/namespaces/{REAL}/networkpolicies"


def resource(name: str, kind: str, *, namespaced: bool) -> dict[str, Any]:
    return {"name": name, "kind": kind, "namespaced": namespaced}


def group(name: str, *versions: str) -> dict[str, Any]:
    return {"name": name, "versions": [{"groupVersion": f"{name}/{v}"} for v in versions]}


def listed(*names: str) -> dict[str, Any]:
    return {"items": [{"metadata": {"name": n}} for n in names]}


class Api:
    """Answers GET from a table; what is not in it is forbidden."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []

    def get(self, path: str, _: object = (), *, patience: float = 0) -> Any:
        assert patience
        self.asked.append(path)
        if path not in self.answers:
            raise ApiError(f"GET {path}", 403, "Forbidden", "may not")
        return self.answers[path]


def kinds(answers: Mapping[str, Any]) -> tuple[OtherKinds, Api]:
    api = Api(answers)
    return OtherKinds(cast("Connection", api)), api


def ground(*policies: Mapping[str, Any]) -> Ground:
    return Ground(
        connection=cast("Connection", Api({POLICIES: {"items": list(policies)}})),
        target=KubeTarget(),
        naming=Naming({"shop": REAL}),
        marks=MARKS,
        nodes=nodes_of((), KubeTarget()),
    )


def policy(name: str, *, ours: bool = False, **spec: Any) -> dict[str, Any]:
    labels = MARKS.labels if ours else {"prober/run": "another"}
    return {"metadata": {"name": name, "namespace": REAL, "labels": labels}, "spec": {"podSelector": {}, **spec}}


ADMIN = {
    "/apis": {"groups": [group("apps", "v1"), group("policy.networking.k8s.io", "v1alpha2", "v1alpha1")]},
    "/apis/policy.networking.k8s.io/v1alpha2": {
        "resources": [resource("clusternetworkpolicies", "ClusterNetworkPolicy", namespaced=False)]
    },
    "/apis/policy.networking.k8s.io/v1alpha1": {
        "resources": [
            resource("adminnetworkpolicies", "AdminNetworkPolicy", namespaced=False),
            resource("adminnetworkpolicies/status", "AdminNetworkPolicy", namespaced=False),
        ]
    },
    "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies": listed("a", "b", "c", "d", "e", "f", "g"),
    "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies": listed(),
}


def test_policies_of_the_whole_cluster_are_named() -> None:
    """Each kind in the version that serves it, the first few by name; what is empty is not told."""
    found, api = kinds(ADMIN)

    (said,) = found.everywhere()
    what = "ClusterNetworkPolicy (policy.networking.k8s.io): a, b, c, d, e and 2 more"
    assert f"policies that are not judged may change verdicts: {what}" == said
    assert () == found.within([REAL])
    assert not any("apps" in path for path in api.asked)


def test_kinds_are_asked_for_once() -> None:
    """A topology costs a list in each of its namespaces, and no discovery."""
    found, api = kinds(ADMIN)
    found.everywhere()
    api.asked.clear()
    found.everywhere()

    assert ["clusternetworkpolicies", "adminnetworkpolicies"] == [path.rpartition("/")[2] for path in api.asked]


def test_policies_that_come_to_the_cluster_later_are_named() -> None:
    """What was said when the run began is not said again of every topology; what came since is, among its remarks."""
    found, api = kinds(ADMIN)
    found.everywhere()
    before = others.remarks(ground(), found, frozenset())
    api.answers["/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies"] = listed("late")

    assert () == before
    assert (
        "policies that are not judged may change verdicts: AdminNetworkPolicy (policy.networking.k8s.io): late",
    ) == (others.remarks(ground(), found, frozenset()))


def test_policies_in_the_runs_namespaces_are_named() -> None:
    """Namespaced kinds are looked for where the run's pods are; what Calico makes of Kubernetes' own is no policy."""
    calico = {
        "/apis": {"groups": [group("projectcalico.org", "v3")]},
        "/apis/projectcalico.org/v3": {
            "resources": [
                resource("networkpolicies", "NetworkPolicy", namespaced=True),
                resource("stagednetworkpolicies", "StagedNetworkPolicy", namespaced=True),
                resource("globalnetworkpolicies", "GlobalNetworkPolicy", namespaced=False),
            ]
        },
        "/apis/projectcalico.org/v3/namespaces/x/networkpolicies": listed("knp.default.deny", "own"),
        "/apis/projectcalico.org/v3/namespaces/y/networkpolicies": listed(),
        "/apis/projectcalico.org/v3/globalnetworkpolicies": listed("kanp.adminnetworkpolicy.a"),
    }
    found, _ = kinds(calico)

    assert () == found.everywhere()
    assert ("policies that are not judged may change verdicts: NetworkPolicy (projectcalico.org): x/own",) == (
        found.within(["x", "y"])
    )


def test_what_may_not_be_seen_is_said() -> None:
    """An account that may not list a kind, or may not ask which there are: not known, and not silence."""
    lists = {k: v for k, v in ADMIN.items() if "cluster" not in k}
    (said,) = kinds(lists)[0].everywhere()
    assert said.startswith("whether policies that are not judged change verdicts is not known: ClusterNetworkPolicy (")
    assert said.endswith("): GET /apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies: may not")
    assert ("which kinds of policies this cluster has beside NetworkPolicy is not known: GET /apis: may not",) == (
        kinds({})[0].everywhere()
    )


def test_policies_of_others_come_with_the_scenarios_names() -> None:
    """A policy of somebody else's, or of another run's, is read as any; the run's own is not among them."""
    peer = {"namespaceSelector": {"matchLabels": {NAME_LABEL: REAL}}}
    readable, odd = others.found_in(
        ground(policy("ours", ours=True), policy("theirs", ingress=[{"from": [peer]}]), policy("odd", tomorrow=1))
    )

    (found,) = readable
    assert PolicyRef("shop", "theirs") == found.ref
    assert (PodPeer(namespaces=LabelSelector(match_labels={NAME_LABEL: "shop"})),) == found.ingress[0].peers
    assert ["shop/odd"] == odd


@pytest.mark.parametrize(
    ("said", "live", "counted"),
    [
        ("are in force, and count in every verdict: shop/one", policy("one"), ["one"]),
        ("came late, and count in no verdict: shop/one", policy("one"), []),
        ("cannot be read, and count in no verdict: shop/one", policy("one", tomorrow=1), []),
    ],
)
def test_policies_of_others_are_told(said: str, live: dict[str, Any], counted: list[str]) -> None:
    """Whether a policy that the run did not make is part of the state, and if not, why."""
    found, _ = kinds({"/apis": {"groups": []}})

    assert (f"policies that this run did not make {said}",) == others.remarks(
        ground(live, policy("ours", ours=True)), found, frozenset(PolicyRef("shop", name) for name in counted)
    )
