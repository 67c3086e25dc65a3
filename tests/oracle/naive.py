"""A second reader of the specification: NetworkPolicies over raw Kubernetes objects, slow and literal.

It shares no line with prober, not even its model or its YAML reader: it reads dictionaries as the API serves them.
Sources are the comments of k8s.io/api networking/v1 types.go and defaults.go (v1.34), labels/selector.go and the
documentation; numbers in comments are those of the rules in docs/semantics.md. What is left open there is MAYBE.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

Object = dict[str, Any]
World = dict[str, list[Object]]  # "namespaces", "pods", "services", "nodes", "policies"

# Three values in this order, so that "any of" is max and "all of" is min.
NO, MAYBE, YES = 0, 1, 2
WORDS = {NO: "DENIED", MAYBE: "INDETERMINATE", YES: "ALLOWED"}


class End(NamedTuple):
    """One end of a flow: an address, the pod that it belongs to, and the node on whose own network it is."""

    address: str
    pod: Object | None = None
    node: str | None = None


def pod_to_pod(world: World, source: Object, target: Object, port: int, protocol: str, family: int) -> int:
    """Answer for a connection from pod to pod by the target's own address; `family` is 4 or 6."""
    one, other = _pod_end(source, family), _pod_end(target, family)
    if one is None or other is None:
        return MAYBE  # 27: there is nothing to ask
    if _same(source, target):
        return YES  # 23: a pod cannot block access to itself
    return _connection(world, one, other, port, protocol)


def pod_to_address(world: World, source: Object, address: str, port: int, protocol: str) -> int:
    """Answer for a connection from a pod to an address of no pod: a node's, or one outside of the cluster."""
    one = _pod_end(source, _family(address))
    other = End(address, node=_node_of(world, address))
    return MAYBE if one is None else _connection(world, one, other, port, protocol)


def address_to_pod(world: World, address: str, target: Object, port: int, protocol: str) -> int:
    """Answer for a connection to a pod from an address of no pod."""
    one, other = End(address, node=_node_of(world, address)), _pod_end(target, _family(address))
    return MAYBE if other is None else _connection(world, one, other, port, protocol)


def pod_to_service(world: World, source: Object, service: Object, port: int, protocol: str, family: int) -> int:
    """Answer for a connection by a Service's address; MAYBE where nobody is behind it."""
    one = _pod_end(source, family)
    cluster_ips = [ip for ip in service["spec"]["clusterIPs"] if _family(ip) == family]
    answers = set()
    for backend in world["pods"]:
        number = _target_port(service, backend, port, protocol)
        if number is None or not cluster_ips:
            continue
        other = _pod_end(backend, family)
        if one is None or other is None or _same(source, backend):
            answers.add(MAYBE)  # 23: by its own Service is undefined
        else:  # 28, 33: the backend and its port count
            answers.add(_connection(world, one, other, number, protocol, before_nat=cluster_ips[0]))
    return answers.pop() if len(answers) == 1 else MAYBE


def _connection(world: World, source: End, target: End, port: int, protocol: str, before_nat: str = "") -> int:
    """6: both ends have to let it pass, and neither has precedence; 7: replies are not asked about."""
    leaving, entering = YES, YES
    if source.pod is not None:
        leaving = _direction(world, "Egress", source.pod, source, target, port, protocol, before_nat)
    if target.pod is not None:
        entering = _direction(world, "Ingress", target.pod, source, target, port, protocol, "")
    return min(leaving, entering)


def _direction(
    world: World, direction: str, subject: Object, source: End, target: End, port: int, protocol: str, before_nat: str
) -> int:
    isolated, found = False, NO
    for policy in world["policies"]:
        spec = policy.get("spec") or {}
        if policy["metadata"]["namespace"] != subject["metadata"]["namespace"]:  # 4
            continue
        if not selects(spec.get("podSelector") or {}, _labels(subject)):  # 3
            continue
        if direction not in _policy_types(spec):  # 2, 9
            continue
        isolated = True
        rules, side = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
        for rule in spec.get(rules) or []:
            found = max(found, _rule(world, policy, rule, side, source, target, port, protocol, before_nat))  # 5
    if not isolated:
        return YES  # 1
    other = source if direction == "Ingress" else target
    own_node = other.node is not None and other.node == subject["spec"]["nodeName"]
    if own_node and direction == "Ingress":
        return YES  # 40: "OR if the traffic source is the pod's local node"
    if subject["spec"].get("hostNetwork"):
        return MAYBE  # 41: policies may be ignored
    return max(found, MAYBE) if own_node else found  # 40: types.go has no such clause for egress, the docs have


def _policy_types(spec: Object) -> list[str]:
    if spec.get("policyTypes"):
        return list(spec["policyTypes"])
    return ["Ingress", "Egress"] if len(spec.get("egress") or []) > 0 else ["Ingress"]  # 8


def _rule(
    world: World,
    policy: Object,
    rule: Object,
    side: str,
    source: End,
    target: End,
    port: int,
    protocol: str,
    before_nat: str,
) -> int:
    """38: a rule wants one of its peers and one of its ports, together."""
    peers: list[Object | None] = rule.get(side) or [None]  # 15: no peers is every peer
    ports: list[Object | None] = rule.get("ports") or [None]  # 31: no ports is every port of every protocol
    found = NO
    for peer in peers:
        for entry in ports:
            who = YES if peer is None else _peer(world, policy, peer, source if side == "from" else target, before_nat)
            what = YES if entry is None else _port(entry, side, peer, target, port, protocol)
            found = max(found, min(who, what))
    return found


def _peer(world: World, policy: Object, peer: Object, end: End, before_nat: str) -> int:
    block = peer.get("ipBlock")
    if block is not None:
        if _in_block(end.address, block):
            return YES  # 24
        return MAYBE if before_nat and _in_block(before_nat, block) else NO  # 28: whether before or after is undefined
    if end.pod is not None:
        if not _selected(world, policy, peer, end.pod):
            return NO
        return MAYBE if end.pod["spec"].get("hostNetwork") else YES  # 41: selectors do not match them reliably
    guests = [p for p in world["pods"] if p["spec"].get("hostNetwork") and p["spec"]["nodeName"] == end.node]
    return MAYBE if any(_selected(world, policy, peer, p) for p in guests) else NO  # 41: they share the address


def _selected(world: World, policy: Object, peer: Object, pod: Object) -> bool:
    namespace = pod["metadata"]["namespace"]
    pods, namespaces = peer.get("podSelector"), peer.get("namespaceSelector")
    if namespaces is None:  # 16; 17: an empty one is not an absent one
        fits = bool(namespace == policy["metadata"]["namespace"])
    else:
        fits = selects(namespaces, _namespace_labels(world, namespace))
    return fits and (pods is None or selects(pods, _labels(pod)))


def _port(entry: Object, side: str, peer: Object | None, target: End, port: int, protocol: str) -> int:
    if (entry.get("protocol") or "TCP") != protocol:  # 31, 32
        return NO
    wanted = entry.get("port")
    if wanted is None:
        return YES
    if isinstance(wanted, int):
        last = entry.get("endPort")
        return YES if wanted <= port <= (wanted if last is None else last) else NO  # 34, 36
    # 35: a name is looked up on the pod that is connected to, whoever is the policy's subject
    if target.pod is None:
        return MAYBE
    if (wanted, protocol, port) not in _container_ports(target.pod):
        return NO
    by_block = side == "to" and peer is not None and peer.get("ipBlock") is not None
    return MAYBE if by_block else YES  # kubernetes#99256


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """20, as labels/selector.go has it; an empty selector takes everything."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if key not in labels or labels[key] != value:
            return False
    for requirement in selector.get("matchExpressions") or []:
        key, operator = requirement["key"], requirement["operator"]
        if operator == "Exists":
            holds = key in labels
        elif operator == "DoesNotExist":
            holds = key not in labels
        elif operator == "In":
            holds = key in labels and labels[key] in requirement["values"]
        elif operator == "NotIn":
            holds = key not in labels or labels[key] not in requirement["values"]
        else:
            raise ValueError(operator)
        if not holds:
            return False
    return True


def _target_port(service: Object, pod: Object, port: int, protocol: str) -> int | None:
    """Return where a Service's port leads on a pod; None where the pod is not behind it."""
    selector = service["spec"].get("selector")
    if not selector or pod["metadata"]["namespace"] != service["metadata"]["namespace"]:
        return None
    if not selects({"matchLabels": selector}, _labels(pod)):
        return None
    for entry in service["spec"]["ports"]:
        if entry["port"] == port and (entry.get("protocol") or "TCP") == protocol:
            goal = entry.get("targetPort", port)
            if isinstance(goal, int):
                return goal
            return next((n for name, p, n in _container_ports(pod) if (name, p) == (goal, protocol)), None)
    return None


def _container_ports(pod: Object) -> list[tuple[str, str, int]]:
    return [
        (entry.get("name") or "", entry.get("protocol") or "TCP", entry["containerPort"])
        for container in pod["spec"].get("containers") or []
        for entry in container.get("ports") or []
    ]


def _labels(thing: Object) -> dict[str, str]:
    return thing["metadata"].get("labels") or {}


def _namespace_labels(world: World, name: str) -> dict[str, str]:
    found = next(n for n in world["namespaces"] if n["metadata"]["name"] == name)
    return {**_labels(found), "kubernetes.io/metadata.name": name}  # 21: by the API server


def _same(one: Object, other: Object) -> bool:
    return all(one["metadata"][k] == other["metadata"][k] for k in ("namespace", "name"))


def _pod_end(pod: Object, family: int) -> End | None:
    addresses = [entry["ip"] for entry in pod["status"]["podIPs"] if _family(entry["ip"]) == family]
    node = pod["spec"]["nodeName"] if pod["spec"].get("hostNetwork") else None
    return End(addresses[0], pod=pod, node=node) if addresses else None


def _node_of(world: World, address: str) -> str | None:
    number = _number(address)
    for node in world["nodes"]:
        if any(_number(entry["address"]) == number for entry in node["status"]["addresses"]):
            return str(node["metadata"]["name"])
    return None


def _in_block(address: str, block: Object) -> bool:
    """25: `except` takes away from its own block only."""
    return _in_cidr(address, block["cidr"]) and not any(_in_cidr(address, e) for e in block.get("except") or [])


def _in_cidr(address: str, cidr: str) -> bool:
    base, _, length = cidr.partition("/")
    if _family(address) != _family(base):
        return False  # 27: of one family each
    width = 32 if _family(base) == 4 else 128
    drop = width - int(length)
    return _number(address) >> drop == _number(base) >> drop  # 30: host bits do not count


def _family(address: str) -> int:
    return 6 if ":" in address else 4


def _number(address: str) -> int:
    """Return an address as a number; 30: leading zeros are decimal, as Go's lenient parser has it."""
    if ":" not in address:
        number = 0
        for octet in address.split("."):
            number = number * 256 + int(octet, 10)
        return number
    if match := re.fullmatch(r"(.*:)(\d+\.\d+\.\d+\.\d+)", address):  # the last 32 bits as IPv4
        low = _number(match[2])
        address = f"{match[1]}{low >> 16:x}:{low & 0xFFFF:x}"
    head, gap, tail = address.partition("::")
    front = [g for g in head.split(":") if g]
    back = [g for g in tail.split(":") if g]
    groups = front + ["0"] * (8 - len(front) - len(back)) + back if gap else front
    number = 0
    for group in groups:
        number = number * 65536 + int(group, 16)
    return number
