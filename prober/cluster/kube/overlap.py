"""Whether live policies of others would take a run's pods for their peers: those must gain access to nobody's pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prober.cluster.kube.connection import ApiError
from prober.cluster.kube.ground import Ground
from prober.cluster.kube.objects import RUN_LABEL
from prober.cluster.kube.reading import policy_of
from prober.cluster.kube.waiting import items
from prober.errors import ClusterError
from prober.model import NAME_LABEL, ClusterState, LabelSelector, PodPeer

Object = Mapping[str, Any]
_PATH = "/apis/networking.k8s.io/v1/networkpolicies"


def refuse_overlap(ground: Ground, state: ClusterState) -> tuple[str, ...]:
    """Raise ClusterError where a live policy would let a pod of `state` in by its labels, unless that is allowed.

    Return what is to be said where an account of a few namespaces may not look.
    """
    if ground.target.allow_label_overlap:
        return ()
    try:
        policies = items(ground.connection, _PATH)
    except ApiError as error:
        if error.status != 403 or not ground.target.namespaces:
            raise
        return ("whether policies in other namespaces take probe pods for their peers is hidden from this account",)
    if why := overlap(policies, ground, state):
        raise ClusterError(why)
    return ()


def overlap(policies: Sequence[Object], ground: Ground, state: ClusterState) -> str:
    """Say which policy of somebody else's selects which pod as a peer; "" if none does."""
    spaces = {
        n.name: {**ground.target.namespace_labels, **n.labels, NAME_LABEL: ground.naming.real[n.name]}
        for n in state.namespaces.values()
    }
    for live in policies:
        policy = None if RUN_LABEL in (live["metadata"].get("labels") or {}) else policy_of(live)
        if policy is None:
            continue
        for peer in (p for rule in policy.ingress for p in rule.peers):
            if not isinstance(peer, PodPeer) or peer.namespaces is None or not _chooses(peer):
                continue
            for pod in (p for p in state.pods.values() if not p.host_network):
                labels = {**pod.labels, **ground.marks.labels}
                fits = peer.pods is None or peer.pods.matches(labels)
                if fits and peer.namespaces.matches(spaces[pod.namespace]):
                    return (
                        f"{policy.ref} of this cluster would let the pod {pod.ref} in, by {peer}; give the scenario "
                        "other labels, or allow it with --allow-label-overlap"
                    )
    return ""


def _chooses(peer: PodPeer) -> bool:
    """Say whether a peer chooses by labels at all: who lets in everybody has nothing to lose to us."""
    return any(s is not None and s != LabelSelector() for s in (peer.pods, peer.namespaces))
