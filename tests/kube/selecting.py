"""Asks the API server which pods each selector takes, and writes the answers into the policies in place of selectors.

So the lab's compiler, which resolves selectors by the model, gets nothing to resolve but names: where the model's
selectors are wrong, this engine and prober's oracle disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from prober.model import (
    EVERYTHING,
    ClusterState,
    LabelSelector,
    NetworkPolicy,
    Operator,
    Peer,
    PodPeer,
    PodRef,
    Requirement,
    Rule,
)

# path of a list (`/api/v1/pods`), label selector as the API writes it -> (namespace, name) of each object
Ask = Callable[[str, str], Iterable[tuple[str, str]]]

_NAMED = "named"  # the one label of every pod: its own name
_WORDS = {Operator.IN: "in", Operator.NOT_IN: "notin"}


def resolved(state: ClusterState, ask: Ask) -> ClusterState:
    """Return the state with every pod labelled by its name alone, and every selector a list of names."""
    answers: dict[tuple[str, str], frozenset[PodRef]] = {}

    def asked(path: str, selector: LabelSelector) -> frozenset[PodRef]:
        key = path, query(selector)
        if key not in answers:
            answers[key] = frozenset(PodRef(namespace, name) for namespace, name in ask(*key))
        return answers[key]

    def of_peer(policy: NetworkPolicy, peer: PodPeer) -> frozenset[PodRef]:
        pods = EVERYTHING if peer.pods is None else peer.pods
        if peer.namespaces is None:
            return asked(_pods_in(policy.namespace), pods)
        namespaces = {ref.name for ref in asked("/api/v1/namespaces", peer.namespaces)}
        return frozenset(ref for ref in asked("/api/v1/pods", pods) if ref.namespace in namespaces)

    def of_rule(policy: NetworkPolicy, rule: Rule) -> Rule:
        return replace(rule, peers=tuple(_explicit(policy, peer) for peer in rule.peers))

    def _explicit(policy: NetworkPolicy, peer: Peer) -> Peer:
        if not isinstance(peer, PodPeer):
            return peer
        return PodPeer(pods=_names(of_peer(policy, peer)), namespaces=EVERYTHING)

    policies = {
        ref: replace(
            policy,
            pods=_names(asked(_pods_in(policy.namespace), policy.pods)),
            ingress=tuple(of_rule(policy, rule) for rule in policy.ingress),
            egress=tuple(of_rule(policy, rule) for rule in policy.egress),
        )
        for ref, policy in state.policies.items()
    }
    pods = {ref: replace(pod, labels={_NAMED: str(ref)}) for ref, pod in state.pods.items()}
    return replace(state, policies=policies, pods=pods)


def query(selector: LabelSelector) -> str:
    """Return a selector as the API's `labelSelector` parameter."""
    equal = [f"{key}={value}" for key, value in selector.match_labels.items()]
    return ",".join(equal + [_expression(e) for e in selector.expressions])


def _expression(requirement: Requirement) -> str:
    match requirement.operator:
        case Operator.EXISTS:
            return requirement.key
        case Operator.DOES_NOT_EXIST:
            return f"!{requirement.key}"
        case operator:
            return f"{requirement.key} {_WORDS[operator]} ({','.join(requirement.values)})"


def _names(refs: frozenset[PodRef]) -> LabelSelector:
    """Return the selector that takes exactly these pods, as `resolved` labels them; it may be none."""
    return LabelSelector(
        expressions=(Requirement(key=_NAMED, operator=Operator.IN, values=tuple(map(str, sorted(refs)))),)
    )


def _pods_in(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"
