"""What an account must be allowed to do for a run (manifests/rbac.yaml grants it), and what a cluster refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prober.cluster.kube.connection import Connection
from prober.cluster.kube.making import at_once

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Verbs on a kind of object, in every namespace that a run uses."""

    group: str
    resource: str
    verbs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.resource}{f' of {self.group}' if self.group else ''}: {', '.join(self.verbs)}"


NEEDS = (
    Need(group="", resource="nodes", verbs=("list",)),
    Need(group="", resource="namespaces", verbs=("create", "delete", "get", "list", "patch", "watch")),
    Need(group="batch", resource="jobs", verbs=("create", "delete", "get", "list")),
    Need(group="", resource="pods", verbs=("delete", "get", "list", "patch", "watch")),
    Need(group="", resource="pods/exec", verbs=("create", "get")),
    Need(group="", resource="services", verbs=("create", "get", "list")),
    Need(group="discovery.k8s.io", resource="endpointslices", verbs=("list",)),
    Need(group="networking.k8s.io", resource="networkpolicies", verbs=("create", "delete", "get", "list", "update")),
    Need(group="coordination.k8s.io", resource="leases", verbs=("create", "get", "list", "patch")),
    Need(group="", resource="events", verbs=("list",)),
)


# The same in namespaces that somebody else made (manifests/role.yaml): what was made there is removed one by one
GIVEN_NEEDS = (
    Need(group="", resource="namespaces", verbs=("get",)),
    Need(group="batch", resource="jobs", verbs=("create", "delete", "get", "list")),
    Need(group="", resource="pods", verbs=("delete", "list", "patch", "watch")),
    Need(group="", resource="pods/exec", verbs=("create", "get")),
    Need(group="", resource="services", verbs=("create", "delete", "get", "list")),
    Need(group="discovery.k8s.io", resource="endpointslices", verbs=("list",)),
    Need(group="networking.k8s.io", resource="networkpolicies", verbs=("create", "delete", "get", "list", "update")),
    Need(group="coordination.k8s.io", resource="leases", verbs=("create", "delete", "get", "list", "patch")),
    Need(group="", resource="events", verbs=("list",)),
)


def needs(namespaces: Sequence[str]) -> tuple[Need, ...]:
    """Return what a run needs: everywhere, or in the namespaces that somebody else made."""
    return GIVEN_NEEDS if namespaces else NEEDS


def refused(connection: Connection, namespaces: Sequence[str] = ()) -> tuple[Need, ...]:
    """Return what of its needs this account may not do, as the API server itself answers; in all these namespaces."""
    wanted = needs(namespaces)
    asked = [(need, verb) for need in wanted for verb in need.verbs]

    def may(one: tuple[Need, str]) -> bool:
        return all(_allowed(connection, *one, namespace) for namespace in namespaces or ("",))

    allowed = dict(zip(asked, at_once(may, asked), strict=True))
    lacking = [
        Need(group=n.group, resource=n.resource, verbs=tuple(v for v in n.verbs if not allowed[n, v])) for n in wanted
    ]
    return tuple(n for n in lacking if n.verbs)


def _allowed(connection: Connection, need: Need, verb: str, namespace: str) -> bool:
    resource, _, part = need.resource.partition("/")
    attributes = {"group": need.group, "resource": resource, "subresource": part, "verb": verb}
    attributes |= {"namespace": namespace} if namespace else {}
    kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    answer = connection.send("POST", _REVIEWS, {**kind, "spec": {"resourceAttributes": attributes}})
    return bool(answer.get("status", {}).get("allowed"))
