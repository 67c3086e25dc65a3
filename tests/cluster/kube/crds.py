"""Kinds of policies that clusters have beside NetworkPolicy, as bare definitions: nobody enforces them here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.kube.api import Api
from tests.kube.cluster import Cluster
from tests.kube.presence import until

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# group, version, kind, namespaced
ADMIN = ("policy.networking.k8s.io", "v1alpha1", "AdminNetworkPolicy", False)
CILIUM = ("cilium.io", "v2", "CiliumNetworkPolicy", True)
STAGED = ("projectcalico.org", "v3", "StagedGlobalNetworkPolicy", False)
EVERY = (
    ADMIN,
    ("policy.networking.k8s.io", "v1alpha1", "BaselineAdminNetworkPolicy", False),
    ("policy.networking.k8s.io", "v1alpha2", "ClusterNetworkPolicy", False),
    ("projectcalico.org", "v3", "NetworkPolicy", True),
    ("projectcalico.org", "v3", "GlobalNetworkPolicy", False),
    ("crd.projectcalico.org", "v1", "NetworkPolicy", True),
    ("crd.projectcalico.org", "v1", "GlobalNetworkPolicy", False),
    CILIUM,
    ("cilium.io", "v2", "CiliumClusterwideNetworkPolicy", False),
    ("crd.antrea.io", "v1beta1", "NetworkPolicy", True),
    ("crd.antrea.io", "v1beta1", "ClusterNetworkPolicy", False),
)
Kind = tuple[str, str, str, bool]


def plural(kind: Kind) -> str:
    return f"{kind[2].lower().removesuffix('y')}ies"


def path(kind: Kind, namespace: str = "") -> str:
    """Return where a kind's objects are listed and made."""
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{kind[0]}/{kind[1]}{within}/{plural(kind)}"


def thing(kind: Kind, name: str) -> dict[str, Any]:
    """Return an object that says nothing."""
    return {"apiVersion": f"{kind[0]}/{kind[1]}", "kind": kind[2], "metadata": {"name": name}}


@contextmanager
def defined(cluster: Cluster, kinds: Sequence[Kind]) -> Iterator[Api]:
    """Give a cluster these kinds while the block lasts; what is made of them goes with them."""
    with cluster.api() as api:
        for kind in kinds:
            api.post(_DEFINITIONS, _definition(kind))
        try:
            until(lambda: all(_is_served(api, kind) for kind in kinds), "the new kinds")
            yield api
        finally:
            for kind in kinds:
                api.delete(f"{_DEFINITIONS}/{plural(kind)}.{kind[0]}")


def _is_served(api: Api, kind: Kind) -> bool:
    """Say whether discovery and lists know a kind."""
    groups = [g["name"] for g in api.get("/apis")["groups"]]
    if kind[0] not in groups:
        return False
    served = api.get(f"/apis/{kind[0]}/{kind[1]}")["resources"]
    return plural(kind) in [r["name"] for r in served] and "items" in api.get(path(kind))


def _definition(kind: Kind) -> dict[str, Any]:
    group, version, name, namespaced = kind
    anything = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    approved = {"api-approved.kubernetes.io": "unapproved, for a test"}  # else *.k8s.io is refused
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural(kind)}.{group}", "annotations": approved},
        "spec": {
            "group": group,
            "scope": "Namespaced" if namespaced else "Cluster",
            "names": {"plural": plural(kind), "singular": name.lower(), "kind": name},
            "versions": [{"name": version, "served": True, "storage": True, "schema": anything}],
        },
    }
