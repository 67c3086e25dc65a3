"""Policies that a run did not make: NetworkPolicies in its namespaces, which count; other kinds, which are named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from prober.cluster.kube.connection import HURRIED, ApiError, Connection
from prober.cluster.kube.ground import Ground
from prober.cluster.kube.reading import policy_of
from prober.cluster.kube.waiting import items
from prober.model import NetworkPolicy, PolicyRef
from prober.outcomes import NOT_JUDGED

Object = Mapping[str, Any]

# What decides a pod's flows beside NetworkPolicy: API group -> resources
_CALICO = ("networkpolicies", "globalnetworkpolicies")  # staged ones decide nothing
_RESOURCES: Mapping[str, tuple[str, ...]] = {
    "policy.networking.k8s.io": ("adminnetworkpolicies", "baselineadminnetworkpolicies", "clusternetworkpolicies"),
    "projectcalico.org": _CALICO,
    "crd.projectcalico.org": _CALICO,
    "cilium.io": ("ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies"),
    "crd.antrea.io": ("networkpolicies", "clusternetworkpolicies"),
}
# Calico lists what it makes of Kubernetes' own policies among its own
_TRANSLATED = ("knp.default.", "kanp.adminnetworkpolicy.", "kbanp.baselineadminnetworkpolicy.", "kcnp.")
_NAMED = 5  # of one kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of policies that this cluster has, and prober does not judge."""

    group: str
    version: str
    resource: str
    name: str
    namespaced: bool

    def __str__(self) -> str:
        return f"{self.name} ({self.group})"

    def path(self, namespace: str = "") -> str:
        """Return where they are listed."""
        within = f"/namespaces/{namespace}" if namespace else ""
        return f"/apis/{self.group}/{self.version}{within}/{self.resource}"


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What of one kind was found, and why the rest is not known."""

    names: list[str] = field(default_factory=list)
    hidden: str = ""


class OtherKinds:
    """The kinds of policies that a cluster has beside NetworkPolicy, asked for once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._said = frozenset[str]()

    def everywhere(self) -> tuple[str, ...]:
        """Say which policies of the whole cluster may change verdicts, when a run begins."""
        found = self._of_the_cluster()
        self._said = frozenset(found)
        return found

    def since(self) -> tuple[str, ...]:
        """Say which policies of the whole cluster may change verdicts now, where that is not what was said before."""
        return tuple(text for text in self._of_the_cluster() if text not in self._said)

    def _of_the_cluster(self) -> tuple[str, ...]:
        kinds, hidden = self._kinds
        return (*hidden, *(text for k in kinds if not k.namespaced for text in self._told(k, ("",))))

    def within(self, namespaces: Sequence[str]) -> tuple[str, ...]:
        """Say which policies in these namespaces may change verdicts."""
        return tuple(text for k in self._kinds[0] if k.namespaced for text in self._told(k, namespaces))

    @cached_property
    def _kinds(self) -> tuple[tuple[Kind, ...], tuple[str, ...]]:
        """Return the kinds, and what is to be said where they could not be asked for."""
        found: dict[tuple[str, str], Kind] = {}
        try:
            groups = self._connection.get("/apis", patience=HURRIED)["groups"]
            for group in (g for g in groups if g["name"] in _RESOURCES):
                for version in group["versions"]:
                    for kind in self._served(version["groupVersion"]):
                        found.setdefault((kind.group, kind.resource), kind)
        except ApiError as error:
            return (), (f"which kinds of policies this cluster has beside NetworkPolicy is not known: {error}",)
        return tuple(found.values()), ()

    def _served(self, group_version: str) -> Iterator[Kind]:
        group, _, version = group_version.partition("/")
        for one in self._connection.get(f"/apis/{group_version}", patience=HURRIED)["resources"]:
            if one["name"] in _RESOURCES[group]:
                yield Kind(
                    group=group, version=version, resource=one["name"], name=one["kind"], namespaced=one["namespaced"]
                )

    def _told(self, kind: Kind, namespaces: Iterable[str]) -> Iterator[str]:
        seen = _Seen()
        for namespace in namespaces:
            try:
                listed = items(self._connection, kind.path(namespace), patience=HURRIED)
            except ApiError as error:
                seen.hidden = str(error)
                continue
            names = (str(one["metadata"]["name"]) for one in listed)
            seen.names += [f"{namespace}/{n}" if namespace else n for n in names if not n.startswith(_TRANSLATED)]
        if seen.names:
            yield f"{NOT_JUDGED}: {kind}: {_shortened(seen.names)}"
        if seen.hidden:
            yield f"whether policies that are not judged change verdicts is not known: {kind}: {seen.hidden}"


def found_in(ground: Ground) -> tuple[list[NetworkPolicy], list[str]]:
    """Return the NetworkPolicies of others in a topology's namespaces, by the scenario's names, and unreadable ones."""
    readable, odd = [], []
    for namespace in ground.namespaces:
        for live in items(ground.connection, f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"):
            if ground.is_ours(live):
                continue
            if policy := policy_of(live):
                readable.append(ground.naming.original(policy))
            else:
                odd.append(ground.naming.restored(f"{namespace}/{live['metadata']['name']}"))
    return readable, odd


def remarks(ground: Ground, kinds: OtherKinds, counted: Collection[PolicyRef]) -> tuple[str, ...]:
    """Say which policies that this run did not make are in its namespaces now, and have come to the whole cluster since
    it began; `counted` are part of the state.
    """
    readable, odd = found_in(ground)
    known = [str(p.ref) for p in readable if p.ref in counted]
    late = [str(p.ref) for p in readable if p.ref not in counted]
    said = {
        "policies that this run did not make are in force, and count in every verdict": known,
        "policies that this run did not make came late, and count in no verdict": late,
        "policies that this run did not make cannot be read, and count in no verdict": odd,
    }
    own = tuple(f"{what}: {_shortened(names)}" for what, names in said.items() if names)
    within = (ground.naming.restored(text) for text in kinds.within(ground.namespaces))
    return (*own, *within, *kinds.since())


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
