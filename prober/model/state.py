"""Everything that decides a flow at one moment, and the actions that lead from one such state to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from prober.model.names import ExternalRef, Family, Labels, NodeRef, PodRef, PolicyRef, ServiceRef
from prober.model.policy import LabelSelector, NetworkPolicy
from prober.model.things import External, Namespace, Node, Pod, Service, Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyPolicy:
    """Create a policy, or replace the one of that name."""

    policy: NetworkPolicy

    def __str__(self) -> str:
        return f"apply {self.policy.ref}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePolicy:
    """Delete a policy; none of that name is an error of the cluster."""

    policy: PolicyRef

    def __str__(self) -> str:
        return f"delete {self.policy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPod:
    """Set a pod's labels; a value of None removes the key, keys not named stay."""

    pod: PodRef
    labels: Mapping[str, str | None]

    def __str__(self) -> str:
        return f"label pod {self.pod} {_changes(self.labels)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNamespace:
    """Set a namespace's labels; a value of None removes the key, keys not named stay."""

    namespace: str
    labels: Mapping[str, str | None]

    def __str__(self) -> str:
        return f"label namespace {self.namespace} {_changes(self.labels)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPod:
    """Start a pod that was not in the topology."""

    pod: Pod

    def __str__(self) -> str:
        return f"add pod {self.pod.ref}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePod:
    """Delete a pod."""

    pod: PodRef

    def __str__(self) -> str:
        return f"remove pod {self.pod}"


Action = ApplyPolicy | DeletePolicy | LabelPod | LabelNamespace | AddPod | RemovePod


def _changes(labels: Mapping[str, str | None]) -> str:
    return " ".join(f"{k}-" if v is None else f"{k}={v}" for k, v in labels.items())


def _relabel(labels: Labels, changes: Mapping[str, str | None]) -> Labels:
    return {k: v for k, v in {**labels, **changes}.items() if v is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """Everything that decides a flow, at one moment; actions lead from one state to the next."""

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    pods: Mapping[PodRef, Pod] = field(default_factory=dict)
    services: Mapping[ServiceRef, Service] = field(default_factory=dict)
    externals: Mapping[ExternalRef, External] = field(default_factory=dict)
    nodes: Mapping[NodeRef, Node] = field(default_factory=dict)
    policies: Mapping[PolicyRef, NetworkPolicy] = field(default_factory=dict)
    resolver: ServiceRef | None = None  # the Service that the pods' resolv.conf names
    api_server: ServiceRef | None = None
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6)  # the first one is the primary family

    @classmethod
    def of(cls, topology: Topology, policies: tuple[NetworkPolicy, ...] = ()) -> ClusterState:
        """Return the state of a topology before any cluster has given addresses."""
        return cls(
            namespaces={n.name: n for n in topology.namespaces},
            pods={p.ref: p for p in topology.pods},
            services={s.ref: s for s in topology.services},
            externals={e.ref: e for e in topology.externals},
            nodes={n.ref: n for n in topology.nodes},
            policies={p.ref: p for p in policies},
            families=topology.families,
        )

    def after(self, action: Action) -> ClusterState:
        """Return the state once `action` has taken effect; KeyError for a pod or namespace that is not there."""
        match action:
            case ApplyPolicy(policy=policy):
                return replace(self, policies={**self.policies, policy.ref: policy})
            case DeletePolicy(policy=ref):
                return replace(self, policies={k: v for k, v in self.policies.items() if k != ref})
            case LabelPod(pod=ref, labels=changes):
                pod = self.pods[ref]
                return replace(self, pods={**self.pods, ref: replace(pod, labels=_relabel(pod.labels, changes))})
            case LabelNamespace(namespace=name, labels=changes):
                ns = self.namespaces[name]
                return replace(
                    self,
                    namespaces={**self.namespaces, name: replace(ns, labels=_relabel(ns.labels, changes))},
                )
            case AddPod(pod=pod):
                return replace(self, pods={**self.pods, pod.ref: pod})
            case RemovePod(pod=ref):
                return replace(self, pods={k: v for k, v in self.pods.items() if k != ref})

    def backends(self, service: Service) -> tuple[Pod, ...]:
        """Return the pods that a Service selects now; a Service without a selector has none."""
        if not service.selector:
            return ()
        wanted = LabelSelector(match_labels=service.selector)
        return tuple(p for p in self.pods.values() if p.namespace == service.namespace and wanted.matches(p.labels))

    def service_named(self, host: str, source: PodRef) -> ServiceRef | None:
        """Return the Service that `host` names when looked up in `source`'s namespace (search path)."""
        labels = host.rstrip(".").split(".")
        for suffix in (["svc", "cluster", "local"], ["svc"]):
            if len(labels) > len(suffix) and labels[-len(suffix) :] == suffix:
                labels = labels[: -len(suffix)]
                break
        match labels:
            case [name]:
                ref = ServiceRef(source.namespace, name)
            case [name, namespace]:
                ref = ServiceRef(namespace, name)
            case _:
                return None
        return ref if ref in self.services else None

    def probe_pods(self) -> Iterator[Pod]:
        """Yield the scenario's own pods, in its order."""
        return (p for p in self.pods.values() if not p.system)
