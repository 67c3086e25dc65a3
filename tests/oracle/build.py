"""Short words for states, policies and flows, so that a test shows the rule it is about and little else."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from prober.model import (
    ApiServerRef,
    ClusterState,
    Direction,
    External,
    ExternalRef,
    Family,
    Flow,
    HostName,
    IPBlock,
    LabelSelector,
    Lookup,
    Namespace,
    NetworkPolicy,
    Node,
    NodeRef,
    Operator,
    Peer,
    Pod,
    PodPeer,
    PodRef,
    PolicyPort,
    Port,
    Protocol,
    Requirement,
    Rule,
    Service,
    ServicePort,
    ServiceRef,
    Target,
)
from prober.oracle import Judgement, Ruling, judge, matrix

INGRESS, EGRESS = Direction.INGRESS, Direction.EGRESS
TCP, UDP, SCTP = Protocol
ALLOWED, DENIED, INDETERMINATE = Ruling


def labels(text: str) -> dict[str, str]:
    """Read `app=api tier=` into labels."""
    return dict(part.split("=", 1) for part in text.split())


def addresses(text: str) -> dict[Family, str]:
    """Read `10.0.0.1 fd00::1` into addresses."""
    return {Family.IPV6 if ":" in a else Family.IPV4: a for a in text.split()}


def pod(
    name: str,
    tags: str = "",
    *,
    ports: str = "",
    at: str = "",
    node: int | None = 1,
    host: bool = False,
) -> Pod:
    """Make a pod; ports as `http=80 dns=53/UDP`, an unnamed one as `=80`."""
    namespace, short = name.split("/")
    return Pod(
        namespace=namespace,
        name=short,
        labels=labels(tags),
        ports=tuple(_port(p) for p in ports.split()),
        node=node,
        host_network=host,
        addresses=addresses(at),
    )


def _port(text: str) -> Port:
    name, number = text.split("=")
    digits, _, protocol = number.partition("/")
    return Port(number=int(digits), protocol=Protocol(protocol or "TCP"), name=name)


def selector(text: str, *expressions: Requirement) -> LabelSelector:
    """Make a selector of matchLabels and expressions."""
    return LabelSelector(match_labels=labels(text), expressions=expressions)


def needs(key: str, operator: str, *values: str) -> Requirement:
    """Make one of matchExpressions."""
    return Requirement(key=key, operator=Operator(operator), values=values)


def peer(pods: str | LabelSelector | None = None, namespaces: str | LabelSelector | None = None) -> PodPeer:
    """Make a peer of selectors; None leaves the field out, an empty text selects everything."""
    return PodPeer(pods=_selected(pods), namespaces=_selected(namespaces))


def _selected(value: str | LabelSelector | None) -> LabelSelector | None:
    return selector(value) if isinstance(value, str) else value


def block(cidr: str, *excepts: str) -> IPBlock:
    """Make an ipBlock; host bits are masked as the manifest reader masks them."""
    return IPBlock(cidr=ip_network(cidr, strict=False), excepts=tuple(ip_network(e, strict=False) for e in excepts))


def port(value: int | str | None = None, protocol: Protocol = TCP, end: int | None = None) -> PolicyPort:
    """Make an entry of a rule's ports."""
    return PolicyPort(protocol=protocol, port=value, end=end)


def rule(*parts: Peer | PolicyPort) -> Rule:
    """Make a rule of peers and ports in any order."""
    return Rule(
        peers=tuple(p for p in parts if not isinstance(p, PolicyPort)),
        ports=tuple(p for p in parts if isinstance(p, PolicyPort)),
    )


def policy(
    name: str,
    selects: str | LabelSelector = "",
    *,
    ingress: Iterable[Rule] | None = None,
    egress: Iterable[Rule] | None = None,
    types: Iterable[Direction] | None = None,
) -> NetworkPolicy:
    """Make a policy; unless `types` says otherwise, its types are the directions that are given."""
    namespace, short = name.split("/")
    given = {d for d, rules in ((INGRESS, ingress), (EGRESS, egress)) if rules is not None}
    return NetworkPolicy(
        namespace=namespace,
        name=short,
        pods=selector(selects) if isinstance(selects, str) else selects,
        types=frozenset(given if types is None else types),
        ingress=tuple(ingress or ()),
        egress=tuple(egress or ()),
    )


def service(name: str, selects: str, *ports: ServicePort, at: str = "", headless: bool = False) -> Service:
    """Make a Service with a selector."""
    namespace, short = name.split("/")
    return Service(
        namespace=namespace,
        name=short,
        selector=labels(selects),
        ports=ports,
        addresses=addresses(at),
        headless=headless,
    )


def target_port(number: int, target: int | str, protocol: Protocol = TCP) -> ServicePort:
    """Make a Service's port."""
    return ServicePort(port=number, target=target, protocol=protocol)


def state(
    *things: Pod | NetworkPolicy | Service | External | Node,
    namespaces: dict[str, str] | None = None,
    resolver: ServiceRef | None = None,
    api_server: ServiceRef | None = None,
) -> ClusterState:
    """Make a state; the namespaces of its pods exist, with the labels that `namespaces` gives them."""
    pods = {t.ref: t for t in things if isinstance(t, Pod)}
    tags = {p.namespace: "" for p in pods} | (namespaces or {})
    return ClusterState(
        namespaces={n: Namespace(name=n, labels=labels(text)) for n, text in tags.items()},
        pods=pods,
        services={t.ref: t for t in things if isinstance(t, Service)},
        externals={t.ref: t for t in things if isinstance(t, External)},
        nodes={t.ref: t for t in things if isinstance(t, Node)},
        policies={t.ref: t for t in things if isinstance(t, NetworkPolicy)},
        resolver=resolver,
        api_server=api_server,
    )


def flow(text: str, protocol: Protocol = TCP, family: Family = Family.IPV4) -> Flow:
    """Read `a/b -> c/d:80`, `... -> svc/c/d:80`, `name/d.c:80`, `ext/e:80`, `node/1:80`, `apiserver`, `dns/d.c`."""
    source, destination = text.split(" -> ")
    target, _, number = destination.partition(":")
    return Flow(
        source=ExternalRef(source.removeprefix("ext/")) if source.startswith("ext/") else PodRef(*source.split("/")),
        target=_target(target),
        port=int(number or (53 if target.startswith("dns/") else 443)),
        protocol=protocol,
        family=family,
    )


def _target(text: str) -> Target:
    match text.split("/"):
        case ["svc", namespace, name]:
            return ServiceRef(namespace, name)
        case ["name", name]:
            return HostName(name)
        case ["dns", name]:
            return Lookup(name)
        case ["ext", name]:
            return ExternalRef(name)
        case ["node", number]:
            return NodeRef(int(number))
        case ["apiserver"]:
            return ApiServerRef()
        case [namespace, name]:
            return PodRef(namespace, name)
    raise ValueError(text)


def judged(given: ClusterState, text: str, protocol: Protocol = TCP, family: Family = Family.IPV4) -> Judgement:
    """Judge a flow that is written as text; between two pods the matrix must say the same."""
    asked = flow(text, protocol, family)
    found = judge(given, asked)
    match asked.source, asked.target:
        case PodRef() as source, PodRef() as target if source in given.pods and target in given.pods:
            assert found.ruling == matrix(given, asked.port, protocol, family).ruling(source, target)
    return found


def ruling(given: ClusterState, text: str, protocol: Protocol = TCP, family: Family = Family.IPV4) -> Ruling:
    """Return the ruling of a flow that is written as text."""
    return judged(given, text, protocol, family).ruling
