"""Which pods a selector takes, each selector asked once; knows labels and namespaces, but no address and no rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from prober.model import ClusterState, LabelSelector, Pod, PodPeer, PodRef, Requirement

_Key = tuple[tuple[tuple[str, str], ...], tuple[Requirement, ...]]
Pods = frozenset[PodRef]


class Census:
    """The pods that policies are about, findable by selector; hostNetwork pods are not among them (semantics 41)."""

    def __init__(self, state: ClusterState) -> None:
        self.pods: Mapping[PodRef, Pod] = {ref: pod for ref, pod in state.pods.items() if not pod.host_network}
        self._namespaces = state.namespaces
        by_namespace: dict[str, set[PodRef]] = defaultdict(set)
        by_label: dict[tuple[str, str], set[PodRef]] = defaultdict(set)
        for ref, pod in self.pods.items():
            by_namespace[ref.namespace].add(ref)
            for label in pod.labels.items():
                by_label[label].add(ref)
        self._by_namespace = {name: frozenset(refs) for name, refs in by_namespace.items()}
        self._by_label = {label: frozenset(refs) for label, refs in by_label.items()}
        self._every: Pods = frozenset(self.pods)
        self._asked: dict[_Key, Pods] = {}
        self._inhabited: dict[_Key, Pods] = {}

    def selected(self, namespace: str, selector: LabelSelector) -> Pods:
        """Return the pods of one namespace that a selector takes."""
        return self._labelled(selector) & self._by_namespace.get(namespace, frozenset())

    def peers(self, namespace: str, peer: PodPeer) -> Pods:
        """Return the pods that a policy's peer takes; an absent selector is not an empty one (semantics 16 to 18)."""
        pods = self._every if peer.pods is None else self._labelled(peer.pods)
        if peer.namespaces is not None:
            return pods & self._in_namespaces(peer.namespaces)
        return pods & self._by_namespace.get(namespace, frozenset())

    def _labelled(self, selector: LabelSelector) -> Pods:
        key = _key(selector)
        if key not in self._asked:
            candidates = self._every
            for label in selector.match_labels.items():
                candidates &= self._by_label.get(label, frozenset())
            self._asked[key] = frozenset(r for r in candidates if selector.matches(self.pods[r].labels))
        return self._asked[key]

    def _in_namespaces(self, selector: LabelSelector) -> Pods:
        key = _key(selector)
        if key not in self._inhabited:
            names = (name for name, ns in self._namespaces.items() if selector.matches(ns.labels))
            self._inhabited[key] = frozenset().union(*(self._by_namespace.get(name, frozenset()) for name in names))
        return self._inhabited[key]


def _key(selector: LabelSelector) -> _Key:
    return tuple(sorted(selector.match_labels.items())), selector.expressions
