"""NetworkPolicies -> nftables text for one node, from the model alone; nothing here runs nft or knows a socket.

A verdict map leads from a pod's address to a chain for its set of policies, which jumps to one chain for each
policy: there `accept` allows, and what comes back is dropped with a log line that names the policies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from prober.cluster.lab import ranges
from prober.cluster.lab.census import Census, Pods
from prober.cluster.lab.faults import Fault, distorted
from prober.cluster.lab.script import REFUSE, WORDS, Draft, Script, quoted
from prober.model import (
    ClusterState,
    Direction,
    Family,
    IPBlock,
    NetworkPolicy,
    Peer,
    PodPeer,
    PodRef,
    PolicyPort,
    Protocol,
    Rule,
)

__all__ = ["LOG_GROUP", "Script", "compile_policies"]

LOG_GROUP = 7  # NFLOG group of dropped packets
_PORTS_AT_ONCE = 200
_DENIALS = {"drop": ("drop",), "reject": REFUSE}
_PEER = {Direction.INGRESS: "saddr", Direction.EGRESS: "daddr"}
_SUBJECT = {Direction.INGRESS: "daddr", Direction.EGRESS: "saddr"}


def compile_policies(
    state: ClusterState, node: int, generation: int, *, deny: str = "drop", fault: Fault | None = None
) -> Script:
    """Return the rules that enforce the state's policies on the pods of `node`: egress of its pods, ingress to them."""
    if deny not in _DENIALS:
        raise ValueError(f"deny {deny!r}: there are {', '.join(_DENIALS)}")
    # One inet table, not ip and ip6: what names no address is written once, and one switch changes both families.
    draft = Draft("prober_policies", generation)
    census = Census(state)
    policies = distorted(tuple(state.policies.values()), fault, node)
    sets = _Sets(draft, census)
    for direction in Direction:
        _isolate(draft, census, sets, policies, node=node, direction=direction, denial=_DENIALS[deny])
    fresh = "ct state established,related accept"  # replies of what was allowed are allowed (semantics 7)
    egress, ingress = ([fresh, *_lookups(d)] for d in (Direction.EGRESS, Direction.INGRESS))
    # `accept` ends one base chain only, so both sides must allow (semantics 6). What the node itself sends to its pods
    # passes neither hook and is exempt (semantics 40); that rule has no twin for what a pod sends to its node.
    draft.hook("egress", "type filter hook forward priority 0", egress)
    draft.hook("egress_to_node", "type filter hook input priority 0", egress)
    draft.hook("ingress", "type filter hook forward priority 10", ingress)
    return draft.script()


def _isolate(
    draft: Draft,
    census: Census,
    sets: _Sets,
    policies: Iterable[NetworkPolicy],
    *,
    node: int,
    direction: Direction,
    denial: Sequence[str],
) -> None:
    """Write the chains and the verdict maps of one direction."""
    side = direction.lower()
    chains: dict[int, str] = {}
    subject_to: dict[PodRef, list[tuple[int, NetworkPolicy]]] = defaultdict(list)
    for number, policy in enumerate(policies):
        if direction not in policy.types:
            continue
        subjects = [ref for ref in census.selected(policy.namespace, policy.pods) if census.pods[ref].node == node]
        for ref in subjects:
            subject_to[ref].append((number, policy))
        if subjects:
            chains[number] = f"{side}_policy_{number}"
            draft.chain(chains[number])
            for rule in policy.rules(direction):
                for condition in _conditions(rule, policy.namespace, direction, sets):
                    draft.rule(chains[number], f"{condition} accept".lstrip())

    shared: dict[tuple[int, ...], str] = {}
    verdicts: dict[Family, list[str]] = {family: [] for family in Family}
    for ref, judges in sorted(subject_to.items()):
        numbers = tuple(number for number, _ in judges)
        if numbers not in shared:
            chain = shared[numbers] = f"{side}_pods_{len(shared)}"
            draft.chain(chain)
            for number, policy in judges:
                draft.rule(chain, f"jump {chains[number]} comment {quoted(str(policy.ref))}")
            reason = quoted(f"{side} " + " ".join(str(policy.ref) for _, policy in judges))
            draft.rule(chain, f"log prefix {reason} group {LOG_GROUP} counter")
            for end in denial:
                draft.rule(chain, end)
        for family, address in census.pods[ref].addresses.items():
            verdicts[family].append(f"{address} : jump {shared[numbers]}")
    for family, elements in verdicts.items():
        draft.map(f"{side}_{family}", WORDS[family][1], elements)


def _lookups(direction: Direction) -> Iterator[str]:
    for family, (word, _) in WORDS.items():
        yield f"{word} {_SUBJECT[direction]} vmap @{direction.lower()}_{family}"


@dataclass(frozen=True, slots=True)
class _Side:
    """One way in which the other end of a flow matches: `family` is None where any address does."""

    match: str
    family: Family | None = None
    block: bool = False


def _conditions(rule: Rule, namespace: str, direction: Direction, sets: _Sets) -> Iterator[str]:
    """Yield what matches a packet of the rule: any of its peers AND any of its ports (semantics 38)."""
    for side in _sides(rule.peers, namespace, direction, sets):
        if not rule.ports:
            yield side.match  # every port and every protocol (semantics 31)
        for port in _numbered(rule.ports):
            yield f"{side.match} {port}"
        if side.block and direction is Direction.EGRESS:
            continue  # a name resolves on the destination pod, and a block has none (semantics 35)
        families = Family if side.family is None else (side.family,)
        named = {(p.port, p.protocol) for p in rule.ports if isinstance(p.port, str)}
        for name, protocol in sorted(named):
            for family in families:
                if target := sets.named(name, protocol, family):
                    yield f"{side.match} {WORDS[family][0]} daddr . {protocol.lower()} dport @{target}"


def _sides(peers: tuple[Peer, ...], namespace: str, direction: Direction, sets: _Sets) -> Iterator[_Side]:
    if not peers:
        yield _Side("")  # everything, the outside and nodes included (semantics 15)
        return
    pods: Pods = frozenset().union(*(sets.census.peers(namespace, p) for p in peers if isinstance(p, PodPeer)))
    blocks = [p for p in peers if isinstance(p, IPBlock)]
    for family, (word, _) in WORDS.items():
        if name := sets.pods(pods, family):
            yield _Side(f"{word} {_PEER[direction]} @{name}", family)
        if name := sets.blocks(blocks, family):
            yield _Side(f"{word} {_PEER[direction]} @{name}", family, block=True)


def _numbered(ports: tuple[PolicyPort, ...]) -> Iterator[str]:
    """Yield a match for each protocol's numbers and ranges; names are not among them."""
    for protocol in Protocol:
        mine = [p for p in ports if p.protocol is protocol]
        if any(p.port is None for p in mine):
            yield f"meta l4proto {protocol.lower()}"
            continue
        numbers = ranges.ports(ranges.merged((p.port, p.end or p.port) for p in mine if isinstance(p.port, int)))
        for start in range(0, len(numbers), _PORTS_AT_ONCE):
            some = numbers[start : start + _PORTS_AT_ONCE]
            yield f"{protocol.lower()} dport " + (some[0] if len(some) == 1 else f"{{ {', '.join(some)} }}")


class _Sets:
    """The named sets of one table: equal contents are one set, and no contents are none ("")."""

    def __init__(self, draft: Draft, census: Census) -> None:
        self.census = census
        self._draft = draft
        self._pods: dict[tuple[Pods, Family], str] = {}
        self._blocks: dict[tuple[tuple[ranges.Range, ...], Family], str] = {}
        self._named: dict[tuple[str, Protocol, Family], str] = {}

    def pods(self, refs: Pods, family: Family) -> str:
        """Return the set of the pods' addresses."""
        key = refs, family
        if key not in self._pods:
            elements = [a for ref in sorted(refs) if (a := self.census.pods[ref].addresses.get(family))]
            self._pods[key] = self._new(f"pods_{len(self._pods)}", WORDS[family][1], elements)
        return self._pods[key]

    def blocks(self, blocks: Iterable[IPBlock], family: Family) -> str:
        """Return the set of the blocks' addresses."""
        spans = ranges.of_blocks(blocks, family)
        key = spans, family
        if key not in self._blocks:
            elements = ranges.addresses(spans, family)
            self._blocks[key] = self._new(f"blocks_{len(self._blocks)}", WORDS[family][1], elements, flags="interval")
        return self._blocks[key]

    def named(self, name: str, protocol: Protocol, family: Family) -> str:
        """Return the set of address and number of every pod that declares the port (semantics 35)."""
        key = name, protocol, family
        if key not in self._named:
            elements = [
                f"{pod.addresses[family]} . {number}"
                for _, pod in sorted(self.census.pods.items())
                if family in pod.addresses and (number := pod.port_named(name, protocol)) is not None
            ]
            kind = f"{WORDS[family][1]} . inet_service"
            self._named[key] = self._new(f"named_{len(self._named)}", kind, elements)
        return self._named[key]

    def _new(self, name: str, kind: str, elements: Sequence[str], *, flags: str = "") -> str:
        if not elements:
            return ""
        self._draft.set(name, kind, elements, flags=flags)
        return name
