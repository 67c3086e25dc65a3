"""One direction of every pod at once: which pods its policies open to it, as bit sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from prober.model import ClusterState, Direction, Family, IPBlock, Pod, PodPeer, Protocol, Rule
from prober.oracle.classes import Bits, LabelClasses, grouped, members, union
from prober.oracle.matching import block_fits, spans


class Reach(NamedTuple):
    """Pods that are open in one direction, and pods for which that is left open; `yes` outweighs `maybe`."""

    yes: Bits
    maybe: Bits


class Pairs:
    """All pods of a state, asked about one port: selectors, addresses and named ports, each resolved once."""

    def __init__(self, state: ClusterState, port: int, protocol: Protocol, family: Family) -> None:
        self.pods: Sequence[Pod] = tuple(state.pods.values())
        self.everyone: Bits = (1 << len(self.pods)) - 1
        self._policies = tuple(state.policies.values())
        self._port, self._protocol, self._family = port, protocol, family
        self._labels = LabelClasses([p.labels for p in self.pods])
        self._namespaces = LabelClasses([state.namespaces[p.namespace].labels for p in self.pods])
        self._in_namespace = grouped(self.pods, lambda p: p.namespace)
        self._on_node = grouped(self.pods, lambda p: p.node)
        self._on_host = self._where(p.host_network for p in self.pods)
        self._addresses = [
            (i, ip_address(p.addresses[family])) for i, p in enumerate(self.pods) if family in p.addresses
        ]
        self._unknown = self._where(not p.addresses for p in self.pods)
        self._blocks: dict[IPBlock, Reach] = {}
        self._names: dict[str, Bits] = {}

    def sides(self, direction: Direction) -> tuple[Reach, ...]:
        """Return for every pod whom it may reach (egress), or who may reach it (ingress), by policies alone."""
        isolated: Bits = 0
        yes, maybe = [0] * len(self.pods), [0] * len(self.pods)
        for policy in self._policies:
            if direction not in policy.types:
                continue
            subjects = self._in_namespace.get(policy.namespace, 0) & self._labels.selected(policy.pods)
            isolated |= subjects
            for rule in policy.rules(direction):
                concerned, opened = self._opened(policy.namespace, rule, direction)
                for i in members(subjects & concerned):
                    yes[i] |= opened.yes
                    maybe[i] |= opened.maybe
        return tuple(
            self._isolated(pod, direction, Reach(yes[i], maybe[i])) if isolated >> i & 1 else Reach(self.everyone, 0)
            for i, pod in enumerate(self.pods)
        )

    def _isolated(self, pod: Pod, direction: Direction, opened: Reach) -> Reach:
        """Add what concerns nodes: the own node comes in, and all else with it is open (semantics 40, 41)."""
        own = self._on_host & (self._on_node[pod.node] if pod.node is not None else 0)
        perhaps_own = self._on_host & (self._on_node.get(None, 0) if pod.node is not None else self.everyone)
        comes_in = own if direction is Direction.INGRESS else 0
        if pod.host_network:
            return Reach(comes_in, self.everyone)
        return Reach(opened.yes | comes_in, opened.maybe | own | perhaps_own)

    def _opened(self, home: str, rule: Rule, direction: Direction) -> tuple[Bits, Reach]:
        """Return the subjects that a rule concerns, and the pods at the other end that it opens to them."""
        plain, named = self._ports(rule)
        pods, blocks = self._peers(home, rule)
        if direction is Direction.INGRESS:  # the port is the subject's own
            return plain | named, Reach(pods.yes | blocks.yes, pods.maybe | blocks.maybe)
        yes = pods.yes & (plain | named) | blocks.yes & plain
        maybe = (pods.maybe | blocks.maybe | blocks.yes) & (plain | named)  # a name toward an ipBlock: semantics 35
        return self.everyone, Reach(yes, maybe)

    def _ports(self, rule: Rule) -> tuple[Bits, Bits]:
        """Return the destinations that a rule's ports fit: by number or range, and by a name that each pod declares."""
        plain, named = (0, 0) if rule.ports else (self.everyone, 0)
        for port in rule.ports:
            if port.protocol is not self._protocol:
                continue
            match port.port:
                case str(name):
                    named |= self._declaring(name)
                case _ if spans(port, self._port):
                    plain = self.everyone
        return plain, named

    def _peers(self, home: str, rule: Rule) -> tuple[Reach, Reach]:
        """Return the pods that a rule's peers take in: by selectors (or as anyone), and by ipBlocks."""
        if not rule.peers:
            return Reach(self.everyone, 0), Reach(0, 0)
        pods, yes, maybe = 0, 0, 0
        for peer in rule.peers:
            if isinstance(peer, IPBlock):
                block = self._block(peer)
                yes, maybe = yes | block.yes, maybe | block.maybe
            else:
                pods |= self._selected(home, peer)
        return Reach(pods & ~self._on_host, pods & self._on_host), Reach(yes, maybe)

    def _selected(self, home: str, peer: PodPeer) -> Bits:
        if peer.namespaces is None:
            found = self._in_namespace.get(home, 0)
        else:
            found = self._namespaces.selected(peer.namespaces)
        return found if peer.pods is None else found & self._labels.selected(peer.pods)

    def _block(self, block: IPBlock) -> Reach:
        if block not in self._blocks:
            inside = union(1 << i for i, a in self._addresses if block_fits(block, a, self._family) is True)
            match block_fits(block, None, self._family):
                case bool(fits):
                    self._blocks[block] = Reach(inside | (self._unknown if fits else 0), 0)
                case _:
                    self._blocks[block] = Reach(inside, self._unknown)
        return self._blocks[block]

    def _declaring(self, name: str) -> Bits:
        if name not in self._names:
            self._names[name] = self._where(p.port_named(name, self._protocol) == self._port for p in self.pods)
        return self._names[name]

    @staticmethod
    def _where(answers: Iterable[bool]) -> Bits:
        return union(1 << i for i, yes in enumerate(answers) if yes)
