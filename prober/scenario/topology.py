"""The part of a scenario file that says what exists: namespaces, pods, services, external hosts, nodes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from prober.document import Gather, Value, each, flag, many, nearest, text
from prober.flows import ANY, RESERVED_NAMESPACES
from prober.model import (
    NAME_LABEL,
    Addresses,
    External,
    Family,
    Labels,
    Namespace,
    Node,
    Pod,
    Port,
    Protocol,
    Service,
    ServicePort,
    Topology,
)
from prober.model.plan import MAX_NODES, taken
from prober.syntax import DNS_LABEL, PORT_NAME, check_key, labels, port_number, port_number_or_name, protocol, spelled
from prober.yamltext import shortened

KEYS = ("namespaces", "pods", "services", "external", "nodes")
NODES = 2  # every scenario has two: enough to tell "on the same node" from "on another"; more are declared
_CLUSTERS_OWN = ("default", "kube-system", "kube-public", "kube-node-lease")
_SHORT_PORT = re.compile(r"([0-9]{1,5})/(tcp|udp|sctp)")

Known = Mapping[str, Namespace] | None  # the scenario's namespaces; None: they could not be read


def read_topology(fields: Mapping[str, Value], take: Gather, *, of_manifests: bool = False) -> tuple[Topology, Known]:
    """Read the topology's keys among a file's; its mistakes go to `take`.

    Manifests may put their own into namespaces that every cluster has.
    """
    own = () if of_manifests else _CLUSTERS_OWN
    namespaces = take(each(lambda key, v: _namespace(key, v, own)), fields.get("namespaces"), None)
    known = None if namespaces is None else {n.name: n for n in namespaces}
    nodes = dict(take(each(_node), fields.get("nodes"), ()))
    last = max(NODES, *nodes) if nodes else NODES
    topology = Topology(
        namespaces=namespaces or (),
        pods=take(each(lambda key, v: read_pod(key, v, known, last)), fields.get("pods"), ()),
        services=take(each(lambda key, v: _service(key, v, known)), fields.get("services"), ()),
        externals=take(read_externals, fields.get("external"), ()),
        nodes=tuple(Node(number=n, ports=nodes.get(n, ())) for n in range(1, last + 1)),
    )
    return topology, known


def read_pod(key: str, value: Value, known: Known, nodes: int) -> Pod:
    """Read one pod, `ns/name` and what it is; `nodes` is how many nodes there are."""
    take = Gather()
    namespace, name = full_name(key, value, known)
    fields = take.fields(value, ("labels", "ports", "node", "hostNetwork"))
    pod = Pod(
        namespace=namespace,
        name=name,
        labels=take(labels, fields.get("labels"), {}),
        ports=take(_ports, fields.get("ports"), ()),
        node=take(lambda v: _node_number(v.raw.content, v, nodes), fields.get("node"), None),
        host_network=take(flag, fields.get("hostNetwork"), False),
    )
    take.done()
    return pod


def full_name(key: str, at: Value, known: Known) -> tuple[str, str]:
    """Return the two parts of `ns/name`, each spelled as it must be."""
    namespace, slash, name = key.partition("/")
    if not slash:
        raise at.wrong(f"`{shortened(key)}` has no namespace", f"write NAMESPACE/{shortened(key)}")
    known_namespace(check_key(DNS_LABEL, namespace, at), at, known)
    if check_key(DNS_LABEL, name, at) == ANY:
        raise at.wrong("`any` means every pod", "choose another name")
    return namespace, name


def known_namespace(name: str, at: Value, known: Known) -> str:
    """Return the name of a namespace, which the scenario must declare."""
    if known is not None and name not in known:
        remedy = nearest(name, known, "the scenario declares") if known else "declare it under `namespaces`"
        raise at.wrong(f"there is no namespace `{shortened(name)}`", remedy)
    return name


def namespace_labels(value: Value) -> Labels:
    """Read a namespace's labels, among which its name is not for the author to set (semantics 21)."""
    return labels(_without_name(value))


def _node_number(content: object, at: Value, last: int) -> int:
    if content not in range(1, last + 1) or not isinstance(content, int):
        more = "; more are declared under `nodes`" if last == NODES else ""
        raise at.wrong(f"there is no node {shortened(str(content))}", f"a scenario has the nodes 1 to {last}{more}")
    return content


def _without_name(value: Value) -> Value:
    if NAME_LABEL in value.entries():
        at = value.entries()[NAME_LABEL]
        raise at.wrong("every namespace has this label, set by the API server", "remove it")
    return value


def _namespace(key: str, value: Value, own: Sequence[str]) -> Namespace:
    check_key(DNS_LABEL, key, value)
    if key in RESERVED_NAMESPACES:
        raise value.wrong(f"`{key}/` begins other ends of flows", "choose another name")
    if key in own:
        raise value.wrong(f"`{key}` belongs to the cluster", "choose another name; selectors may still name it")
    if value.is_null:
        return Namespace(name=key)
    take = Gather()
    found = take(namespace_labels, take.fields(value, ("labels",)).get("labels"), {})
    take.done()
    return Namespace(name=key, labels=found)


def _service(key: str, value: Value, known: Known) -> Service:
    take = Gather()
    namespace, name = full_name(key, value, known)
    fields = take.fields(value, ("selector", "ports", "headless"), ("selector", "ports"))
    selector = take(labels, fields.get("selector"), {})
    ports = take(many(_service_port), fields.get("ports"), ())
    headless = take(flag, fields.get("headless"), False)
    take.done()
    if not selector:
        raise fields["selector"].wrong("a Service that selects nothing", "name labels of its pods")
    at = fields["ports"]
    _distinct([Port(number=p.port, protocol=p.protocol, name=p.name) for p in ports], at)
    if headless and (moved := next((p for p in ports if p.target != p.port), None)):
        raise at.wrong(f"a headless Service translates no port, {moved.port} stays {moved.port}", "remove `targetPort`")
    if len(ports) > 1:  # the API wants names then
        ports = tuple(replace(p, name=p.name or f"{p.port}-{p.protocol.lower()}") for p in ports)
    return Service(namespace=namespace, name=name, selector=selector, ports=ports, headless=headless)


def read_externals(value: Value) -> tuple[External, ...]:
    """Read hosts outside of the cluster, by name."""
    found = each(lambda key, v: (_external(key, v), v))(value)
    first: dict[str, str] = {}
    for host, at in found:
        for address in host.addresses.values():
            if (other := first.setdefault(address, host.name)) != host.name:
                raise at.wrong(f"{other} has the address {address} too", "give each host its own")
    return tuple(host for host, _ in found)


def _external(key: str, value: Value) -> External:
    check_key(DNS_LABEL, key, value)
    take = Gather()
    fields = take.fields(value, ("ports", "address"), ("ports",))
    ports = take(_ports, fields.get("ports"), ())
    addresses = take(_addresses, fields.get("address"), {})
    take.done()
    return External(name=key, ports=ports, addresses=addresses)


def _addresses(value: Value) -> Addresses:
    """Read where an external host is in the lab: an address, or one of each family."""
    found: dict[Family, str] = {}
    for member in value.members() if value.is_list else (value,):
        address = _address(member)
        family = Family.IPV4 if address.version == 4 else Family.IPV6
        if family in found:
            raise member.wrong(f"a second {family} address", "a host has one of each family")
        found[family] = str(address)
    if Family.IPV4 not in found:
        raise value.wrong("no ipv4 address", "name one, an ipv6 address may stand beside it: [192.0.2.7, 2001:db8::7]")
    return found


def _address(value: Value) -> IPv4Address | IPv6Address:
    try:
        address = ip_address(text(value))
    except ValueError:
        what = f"`{shortened(text(value))}` is no address"
        raise value.wrong(what, "write one like 192.0.2.7 or 2001:db8::7") from None
    if why := taken(address):
        raise value.wrong(f"{address} {why}", "choose another")
    return address


def _node(key: str, value: Value) -> tuple[int, tuple[Port, ...]]:
    number = _node_number(int(key) if key.isdecimal() and len(key) < 9 else key, value, MAX_NODES)
    take = Gather()
    ports = take(_ports, take.fields(value, ("ports",)).get("ports"), ())
    take.done()
    return number, ports


def _ports(value: Value) -> tuple[Port, ...]:
    ports = many(_port)(value)
    _distinct(ports, value)
    return ports


def _distinct(ports: tuple[Port, ...] | list[Port], at: Value) -> None:
    if not ports:
        raise at.wrong("there is no port in the list", "name at least one port")
    numbers = [(p.number, p.protocol) for p in ports]
    names = [p.name for p in ports if p.name]
    if twice := next((p for p, n in zip(ports, numbers, strict=True) if numbers.count(n) > 1), None):
        raise at.wrong(f"port {twice} stands here twice", "keep one of them")
    if repeated := next((n for n in names if names.count(n) > 1), None):
        raise at.wrong(f"two ports have the name `{repeated}`", "name each port differently")


def _port(value: Value) -> Port:
    if value.is_mapping:
        take = Gather()
        fields = take.fields(value, ("port", "name", "protocol"), ("port",))
        number = take(port_number, fields.get("port"), 1)
        name = take(spelled(PORT_NAME), fields.get("name"), "")
        proto = take(protocol, fields.get("protocol"), Protocol.TCP)
        take.done()
        return Port(number=number, protocol=proto, name=name)
    number, proto = _short_port(value)
    return Port(number=number, protocol=proto)


def _service_port(value: Value) -> ServicePort:
    if value.is_mapping:
        take = Gather()
        fields = take.fields(value, ("port", "targetPort", "protocol", "name"), ("port",))
        number = take(port_number, fields.get("port"), 1)
        target = take(port_number_or_name, fields.get("targetPort"), number)
        name = take(spelled(DNS_LABEL), fields.get("name"), "")
        proto = take(protocol, fields.get("protocol"), Protocol.TCP)
        take.done()
        return ServicePort(port=number, target=target, protocol=proto, name=name)
    number, proto = _short_port(value)
    return ServicePort(port=number, target=number, protocol=proto)


def _short_port(value: Value) -> tuple[int, Protocol]:
    if not value.is_text:
        return port_number(value), Protocol.TCP
    found = _SHORT_PORT.fullmatch(text(value))
    if found is None or not 1 <= int(found[1]) <= 65535:
        raise value.wrong(
            f"`{shortened(text(value))}` is no port", "write 8080, 53/udp or {port: 8080, name: http, protocol: TCP}"
        )
    return int(found[1]), Protocol(found[2].upper())
