"""Selectors that take no pod in any of some states, and who comes near: a label misspelt, or the wrong namespace."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from prober.model import (
    ClusterState,
    Direction,
    Labels,
    LabelSelector,
    NetworkPolicy,
    Operator,
    PodPeer,
    PolicyRef,
    Requirement,
)
from prober.oracle.matching import pods_fit

_NAMED = 3  # namespaces that a message lists
_ALIKE = 0.6  # of two words, at most 1.0: one may have been meant by the other


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """A policy's podSelector, or a peer of one of its rules, that takes no pod."""

    policy: PolicyRef
    peer: PodPeer | None = None  # None: the policy's own podSelector
    at: str  # FILE:LINE of the policy or the rule
    what: str
    why: str
    near: str = ""  # who comes nearest, and by which labels; "" where nobody comes near

    def __str__(self) -> str:
        return f"{self.what}: {self.why}" + (f"; {self.near}" if self.near else "")


@dataclass(frozen=True, slots=True, order=True)
class _Near:
    """How near something comes: how many of a selector's labels it lacks, in what place, how unlike what it has is."""

    lacking: int
    elsewhere: bool
    unlike: float
    text: str


def empties(states: Sequence[ClusterState]) -> Iterator[Empty]:
    """Yield every selector of a policy of any of the states that takes no pod in any of them."""
    for policy in _policies(states):
        if found := unselecting(policy, states):
            yield found
        for direction in Direction:
            for number, rule in enumerate(policy.rules(direction), 1):
                for peer in rule.peers:
                    if isinstance(peer, PodPeer) and (found := unmatching(policy, direction, number, peer, states)):
                        yield found


def unselecting(policy: NetworkPolicy, states: Sequence[ClusterState]) -> Empty | None:
    """Return the policy's podSelector if it selects no pod in any of the states."""
    peer = PodPeer(pods=policy.pods)  # it looks where such a peer does: in the policy's own namespace
    if _matches(policy, peer, states):
        return None
    why, near = _of_pods(policy.pods, {policy.namespace}, states)
    return Empty(policy=policy.ref, at=policy.at, what=f"{policy.ref} selects no pod", why=why, near=near)


def unmatching(
    policy: NetworkPolicy, direction: Direction, number: int, peer: PodPeer, states: Sequence[ClusterState]
) -> Empty | None:
    """Return a peer of the policy's rule of this number if it matches no pod in any of the states."""
    if _matches(policy, peer, states):
        return None
    spaces = {policy.namespace} if peer.namespaces is None else _spaces(peer.namespaces, states)
    if peer.namespaces is not None and not spaces:
        why, near = f"no namespace here has {_labels(peer.namespaces)}", _near_space(peer.namespaces, states)
    else:
        why, near = _of_pods(peer.pods or LabelSelector(), spaces, states)
    rule = policy.rules(direction)[number - 1]
    what = f"{policy.ref}, {direction.lower()} rule {number}: its peer {peer} matches no pod"
    return Empty(policy=policy.ref, peer=peer, at=rule.at, what=what, why=why, near=near)


def _policies(states: Iterable[ClusterState]) -> Iterable[NetworkPolicy]:
    """Return each policy that is in force in any of the states, each of its versions once."""
    found: list[NetworkPolicy] = []
    for policy in {id(p): p for state in states for p in state.policies.values()}.values():
        if policy not in found:
            found.append(policy)
    return found


def _matches(policy: NetworkPolicy, peer: PodPeer, states: Iterable[ClusterState]) -> bool:
    return any(pods_fit(s, policy.namespace, peer, pod) for s in states for pod in s.pods.values())


def _spaces(selector: LabelSelector, states: Iterable[ClusterState]) -> set[str]:
    return {name for state in states for name, ns in state.namespaces.items() if selector.matches(ns.labels)}


def _of_pods(selector: LabelSelector, spaces: Collection[str], states: Sequence[ClusterState]) -> tuple[str, str]:
    """Return why a selector takes no pod of some namespaces, and which pod comes nearest."""
    where = ", ".join(sorted(spaces)) if len(spaces) <= _NAMED else f"{len(spaces)} namespaces"
    if not any(pod.namespace in spaces for state in states for pod in state.pods.values()):
        return f"there is no pod in {where}", ""
    pods = {(str(pod.ref), tuple(pod.labels.items())): pod for state in states for pod in state.pods.values()}
    found = (_near(selector, pod.labels, str(pod.ref), elsewhere=pod.namespace not in spaces) for pod in pods.values())
    return f"no pod of {where} has {_labels(selector)}", min((n for n in found if n), default=_NOBODY).text


def _near_space(selector: LabelSelector, states: Iterable[ClusterState]) -> str:
    spaces = {(name, tuple(ns.labels.items())): ns for state in states for name, ns in state.namespaces.items()}
    found = (_near(selector, ns.labels, f"namespace {name}", elsewhere=False) for (name, _), ns in spaces.items())
    return min((n for n in found if n), default=_NOBODY).text


_NOBODY = _Near(0, elsewhere=False, unlike=0.0, text="")


def _labels(selector: LabelSelector) -> str:
    return f"labels {selector}" if selector.expressions else str(selector)


def _near(selector: LabelSelector, labels: Labels, name: str, *, elsewhere: bool) -> _Near | None:
    """Return how near labels come to a selector; None if they have none of it, and nothing like it either."""
    wanted = [Requirement(key=k, operator=Operator.IN, values=(v,)) for k, v in selector.match_labels.items()]
    wanted += selector.expressions
    lacking = [part for part in wanted if not part.matches(labels)]
    has, unlike, alike = [], 0.0, len(lacking) < len(wanted)
    for part in lacking:
        key = part.key
        like, there = max(((_likeness(part, k, v), k) for k, v in labels.items()), default=(0.0, key))
        if like < _ALIKE:
            there = key
        has.append(f"{there}={labels[there]}" if there in labels else f"no label {key}")
        unlike += 1 - like
        alike = alike or like >= _ALIKE
    if not alike or (elsewhere and not wanted):
        return None
    said = f"has {', '.join(has)}" if has else "has it, but is in another namespace"
    return _Near(len(lacking), elsewhere, unlike, f"{name} {said}")


def _likeness(wanted: Requirement, key: str, value: str) -> float:
    """Return how like a label is to one that is wanted, from 0 to 1; the same value under any key is meant, too."""
    alike = _ratio(wanted.key, key) * max((_ratio(v, value) for v in wanted.values), default=1.0)
    return max(alike, _ALIKE if value in wanted.values else 0.0)


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one.lower(), other.lower()).ratio()
