"""The language of flows, `payments/api -> payments/postgres:5432`: parses it, writes it, finds the flows it means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from prober.model import (
    ApiServerRef,
    ClusterState,
    ExternalRef,
    Family,
    Flow,
    HostName,
    Lookup,
    NodeRef,
    Pod,
    PodRef,
    Port,
    Protocol,
    ServiceRef,
    Source,
    Target,
)

API_PORT = 443  # of the Service `kubernetes`
DNS_PORT = 53
RESERVED_NAMESPACES = ("any", "svc", "name", "ext", "node", "dns", "apiserver")  # they begin a flow's other ends
ANY = "any"
LONGEST = 700  # two names of 253 characters and what stands around them

_NAME = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_HOST = r"[a-z0-9_](?:[-a-z0-9_.]*[a-z0-9_])?\.?"
_SOURCE = re.compile(rf"(?P<any>any)|ext/(?P<ext>{_NAME})|(?P<ns>{_NAME})/(?P<pod>{_NAME})")
_TARGET = re.compile(
    rf"""(?: (?P<any>any) | (?P<api>apiserver) | svc/(?P<svc_ns>{_NAME})/(?P<svc>{_NAME}) | name/(?P<host>{_HOST})
           | ext/(?P<ext>{_NAME}) | node/(?P<node>[1-9][0-9]?) | dns/(?P<dns>{_HOST})
           | (?P<ns>{_NAME})/(?P<pod>{_NAME}) )
         (?: : (?P<port>{_NAME}) )? (?: / (?P<protocol>tcp|udp|sctp) )? (?: / (?P<family>ipv4|ipv6) )?""",
    re.VERBOSE,
)
_FORMS = "write SOURCE -> TARGET, like `payments/api -> payments/postgres:5432` or `any -> payments/any`"
_TARGETS = (
    "a target is any, ns/any, ns/pod:port, svc/ns/name:port, name/HOST:port, ext/NAME:port, node/N:port, "
    "apiserver or dns/NAME"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyPod:
    """Every pod of the scenario, or every one of a namespace."""

    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{ANY}" if self.namespace else ANY

    def takes(self, pod: Pod) -> bool:
        return self.namespace in ("", pod.namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPattern:
    """Flows as somebody writes them: `any` for ends, and without port, protocol or family every one that fits."""

    source: AnyPod | Source
    target: AnyPod | Target
    port: int | str | None = None
    protocol: Protocol | None = None
    family: Family | None = None

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        protocol = f"/{self.protocol.lower()}" if self.protocol else ""
        return f"{self.source} -> {self.target}{port}{protocol}{f'/{self.family}' if self.family else ''}"

    @property
    def named(self) -> bool:
        """Say whether both ends are named, none is `any`."""
        return not isinstance(self.source, AnyPod) and not isinstance(self.target, AnyPod)

    def expand(self, state: ClusterState, families: tuple[Family, ...] = ()) -> tuple[Flow, ...]:
        """Return the flows meant in a state, in `families` (none: the primary one) unless the pattern names one."""
        wanted = (self.family,) if self.family else families or state.families[:1]
        found = [
            Flow(source=source, target=target, port=port, protocol=protocol, family=family)
            for source in self._sources(state)
            for target, port, protocol in self._targets(state, source)
            for family in wanted
            if family in state.families
        ]
        return tuple(found)

    def _sources(self, state: ClusterState) -> Iterator[Source]:
        match self.source:
            case AnyPod() as any_pod:
                yield from (p.ref for p in state.probe_pods() if any_pod.takes(p))
            case PodRef() as ref if ref in state.pods and not state.pods[ref].system:
                yield ref
            case ExternalRef() as ref if ref in state.externals:
                yield ref

    def _targets(self, state: ClusterState, source: Source) -> Iterator[tuple[Target, int, Protocol]]:
        for target, ports in self._ends(state, source):
            for port in ports:
                if self._takes(port):
                    yield target, port.number, port.protocol

    def _takes(self, port: Port) -> bool:
        match self.port:
            case None:
                return self.protocol in (None, port.protocol)
            case int(number):
                return number == port.number and (self.protocol or Protocol.TCP) is port.protocol
            case str(name):
                return name == port.name and self.protocol in (None, port.protocol)

    def _ends(self, state: ClusterState, source: Source) -> Iterator[tuple[Target, tuple[Port, ...]]]:
        match self.target:
            case AnyPod() as any_pod:
                yield from ((p.ref, p.ports) for p in state.probe_pods() if any_pod.takes(p) and p.ref != source)
            case PodRef() as ref if ref in state.pods and not state.pods[ref].system:
                if self.named or ref != source:  # `any` is never a pod to itself
                    yield ref, state.pods[ref].ports
            case _ if not isinstance(source, PodRef):
                return  # an external host reaches pods alone: a cluster's other addresses are not routed out there
            case ServiceRef() as ref:
                yield ref, service_ports(state, ref)
            case HostName(name=name) as host:
                service = state.service_named(name, source)
                yield host, service_ports(state, service, by_name=True) if service else ()
            case ExternalRef() as ref if ref in state.externals:
                yield ref, state.externals[ref].ports
            case NodeRef() as ref if ref in state.nodes:
                yield ref, state.nodes[ref].ports
            case ApiServerRef() as api:
                yield api, (Port(number=API_PORT),)
            case Lookup() as lookup:
                yield lookup, tuple(Port(number=DNS_PORT, protocol=p) for p in (Protocol.UDP, Protocol.TCP))


def service_ports(state: ClusterState, ref: ServiceRef, *, by_name: bool = False) -> tuple[Port, ...]:
    """Return the ports of one of the scenario's Services; a headless one has them only under its name."""
    service = state.services.get(ref)
    if service is None or ref in (state.resolver, state.api_server) or (service.headless and not by_name):
        return ()
    return tuple(Port(number=p.port, protocol=p.protocol, name=p.name) for p in service.ports)


def parse_pattern(text: str) -> FlowPattern:
    """Return the pattern that a text writes; ValueError says what is wrong and what to write instead."""
    if len(text) > LONGEST:
        raise ValueError(f"a flow has at most {LONGEST} characters; {_FORMS}")
    left, arrow, right = (part.strip() for part in text.partition("->"))
    if not arrow:
        raise ValueError(f"there is no `->`; {_FORMS}")
    if "*" in text:
        raise ValueError("`*` is no pod; for every pod write `any`")
    source, target = _SOURCE.fullmatch(left), _TARGET.fullmatch(right)
    if source is None:
        raise ValueError(f"`{left[:80]}` is no source; a source is any, ns/any, ns/pod or ext/NAME")
    if target is None:
        colon = ":".join(right.split())
        meant = f"write the port behind a colon, {colon}" if _TARGET.fullmatch(colon) else _TARGETS
        raise ValueError(f"`{right[:80]}` is no target; {meant}")
    pattern = FlowPattern(
        source=_source(source),
        target=_target(target),
        port=_port(target["port"]),
        protocol=Protocol(target["protocol"].upper()) if target["protocol"] else None,
        family=Family(target["family"]) if target["family"] else None,
    )
    _check(pattern)
    return pattern


def parse_flow(text: str) -> Flow:
    """Return the one flow that `str(flow)` wrote; ValueError for anything else."""
    pattern = parse_pattern(text)
    source, target, port, protocol = pattern.source, pattern.target, pattern.port, pattern.protocol
    match target:
        case Lookup():
            port, protocol = DNS_PORT, protocol or Protocol.UDP
        case ApiServerRef():
            port = API_PORT
    if isinstance(source, AnyPod) or isinstance(target, AnyPod) or not isinstance(port, int):
        raise ValueError(f"`{text}` is not one flow; name both ends, and the port by its number")
    family = pattern.family or Family.IPV4
    return Flow(source=source, target=target, port=port, protocol=protocol or Protocol.TCP, family=family)


def _source(found: re.Match[str]) -> AnyPod | Source:
    return ExternalRef(found["ext"]) if found["ext"] else AnyPod() if found["any"] else _pods(found)


def _target(found: re.Match[str]) -> AnyPod | Target:
    if found["any"]:
        return AnyPod()
    if found["api"]:
        return ApiServerRef()
    if found["svc"]:
        return ServiceRef(found["svc_ns"], found["svc"])
    if found["host"]:
        return HostName(found["host"])
    if found["ext"]:
        return ExternalRef(found["ext"])
    if found["node"]:
        return NodeRef(int(found["node"]))
    return Lookup(found["dns"]) if found["dns"] else _pods(found)


def _pods(found: re.Match[str]) -> AnyPod | PodRef:
    namespace, pod = found["ns"], found["pod"]
    if namespace in RESERVED_NAMESPACES:
        raise ValueError(f"`{found[0][:80]}` is no end of a flow; {_TARGETS}")
    return AnyPod(namespace=namespace) if pod == ANY else PodRef(namespace, pod)


def _port(word: str | None) -> int | str | None:
    if word is None or not word.isdecimal():
        return word
    if not 1 <= int(word[:6]) <= 65535:
        raise ValueError(f"{word[:20]} is no port number; 1 to 65535")
    return int(word)


def _check(pattern: FlowPattern) -> None:
    match pattern.target:
        case Lookup() | ApiServerRef() if pattern.port is not None:
            raise ValueError(f"`{pattern.target}` takes no port; its port is known")
        case Lookup() if pattern.protocol is Protocol.SCTP:
            raise ValueError("a look-up is by udp or by tcp; drop the protocol for both")
        case ApiServerRef() if pattern.protocol not in (None, Protocol.TCP):
            raise ValueError("the API server is asked by tcp; drop the protocol")
        case AnyPod() | PodRef():
            return
    if isinstance(pattern.source, ExternalRef):
        raise ValueError(f"`{pattern.source}` reaches pods alone; as its target name a pod")
