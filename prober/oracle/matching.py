"""Whether one rule of one policy matches one leg: yes, no, or left open; it knows nothing of sides and rulings."""

from __future__ import annotations

from ipaddress import ip_address

from prober.model import ClusterState, Direction, Family, IPBlock, NetworkPolicy, Pod, PodPeer, PolicyPort, Rule
from prober.oracle.judgement import Address, Doubt, End, Fit, Leg, Topic, both, either

_VERSION = {Family.IPV4: 4, Family.IPV6: 6}


def isolates(policy: NetworkPolicy, direction: Direction, pod: Pod) -> bool:
    """Decide whether the policy isolates the pod: its own namespace, its selector, its types (semantics 2, 4, 9)."""
    return policy.namespace == pod.namespace and direction in policy.types and policy.pods.matches(pod.labels)


def rule_fits(state: ClusterState, policy: NetworkPolicy, rule: Rule, direction: Direction, leg: Leg) -> Fit:
    """Decide whether a rule matches: one of its peers AND one of its ports (semantics 38); none given means all."""
    other = leg.source if direction is Direction.INGRESS else leg.target
    if not rule.peers:  # every end, pods or not (semantics 15)
        return _any_port_fits(rule, leg)
    return either(
        both(
            peer_fits(state, policy.namespace, peer, other, leg.family)
            or _before_translation(state, peer, direction, leg),
            _ports_beside(peer, rule, direction, leg),
        )
        for peer in rule.peers
    )


def peer_fits(state: ClusterState, home: str, peer: PodPeer | IPBlock, end: End, family: Family) -> Fit:
    """Decide whether a peer of a policy in namespace `home` takes in that end."""
    if isinstance(peer, IPBlock):
        return block_fits(peer, end.address(family), family)
    if end.pod is None:
        shared = [p for p in end.guests if pods_fit(state, home, peer, p)]
        return _host_network(shared[0]) if shared else False
    if not pods_fit(state, home, peer, end.pod):
        return False
    return _host_network(end.pod) if end.pod.host_network else True


def _before_translation(state: ClusterState, peer: PodPeer | IPBlock, direction: Direction, leg: Leg) -> Fit:
    """Return a doubt where an ipBlock holds the Service's own address: an engine may look before it is translated."""
    if not isinstance(peer, IPBlock) or direction is Direction.INGRESS or not leg.via:
        return False
    address = state.services[leg.via].addresses.get(leg.family)
    if address is None or block_fits(peer, ip_address(address), leg.family) is not True:
        return False
    text = f"{peer} holds {address} of {leg.via}, but not {leg.target.name} behind it; most engines see only that"
    return Doubt(topic=Topic.TRANSLATION, text=text, rule=28)


def pods_fit(state: ClusterState, home: str, peer: PodPeer, pod: Pod) -> bool:
    """Decide by labels: without a namespaceSelector only the policy's own namespace counts (semantics 16 to 18)."""
    if peer.namespaces is None:
        in_namespace = pod.namespace == home
    else:
        in_namespace = peer.namespaces.matches(state.namespaces[pod.namespace].labels)
    return in_namespace and (peer.pods is None or peer.pods.matches(pod.labels))


def block_fits(block: IPBlock, address: Address | None, family: Family) -> Fit:
    """Decide by address, pods' addresses too (semantics 24); `except` takes from its own block only (25)."""
    if block.cidr.version != _VERSION[family]:  # semantics 27
        return False
    if address is None:
        if block.cidr.prefixlen == 0 and not block.excepts:
            return True
        return Doubt(topic=Topic.ADDRESS, text=f"{block} may hold an address that is not known yet")
    return address in block.cidr and not any(address in e for e in block.excepts)


def port_fits(port: PolicyPort, leg: Leg) -> Fit:
    """Decide by the destination's port and protocol, a name as the destination pod declares it (semantics 32 to 36)."""
    if port.protocol is not leg.protocol:
        return False
    if not isinstance(port.port, str):
        return spans(port, leg.port)
    if leg.target.pod is not None:
        return leg.target.pod.port_named(port.port, port.protocol) == leg.port
    # semantics 35: not asserted, because some engines take the number that other pods give to the name
    text = f"port {port.port!r} is a name, and {leg.target.name} is no pod that could declare it"
    return Doubt(topic=Topic.NAMED_PORT, text=text, rule=35)


def spans(port: PolicyPort, number: int) -> bool:
    """Decide whether a port given by number, by range (both ends included) or not at all takes in that number."""
    return port.port is None or (isinstance(port.port, int) and port.port <= number <= (port.end or port.port))


def _any_port_fits(rule: Rule, leg: Leg) -> Fit:
    return either(port_fits(p, leg) for p in rule.ports) if rule.ports else True


def _ports_beside(peer: PodPeer | IPBlock, rule: Rule, direction: Direction, leg: Leg) -> Fit:
    """Decide a rule's ports for one of its peers: toward an ipBlock, a name stays open even on a pod (semantics 35)."""
    if direction is Direction.INGRESS or isinstance(peer, PodPeer) or not rule.ports:
        return _any_port_fits(rule, leg)
    return either(
        Doubt(topic=Topic.NAMED_PORT, text=f"port {p.port!r} is a name toward {peer}", rule=35)
        if isinstance(p.port, str) and port_fits(p, leg) is True
        else port_fits(p, leg)
        for p in rule.ports
    )


def _host_network(pod: Pod) -> Doubt:
    text = f"a selector matches {pod.ref}, which is on its node's network, where selectors are not reliable"
    return Doubt(topic=Topic.HOST_NETWORK, text=text, rule=41)
