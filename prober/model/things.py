"""What a cluster holds besides policies: namespaces, pods, services, hosts, nodes; and what every cluster has."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from prober.model.names import Addresses, ExternalRef, Family, Labels, NodeRef, PodRef, Protocol, ServiceRef

NAME_LABEL = "kubernetes.io/metadata.name"  # set on every namespace by the API server (semantics 21)


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port on which a pod or an external host listens."""

    number: int
    protocol: Protocol = Protocol.TCP
    name: str = ""

    def __str__(self) -> str:
        return f"{self.number}" + ("" if self.protocol is Protocol.TCP else f"/{self.protocol.lower()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace; `labels` always carries kubernetes.io/metadata.name (semantics 21)."""

    name: str
    labels: Labels = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", {**self.labels, NAME_LABEL: self.name})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod that listens on each of its ports and answers with its own host name."""

    namespace: str
    name: str
    labels: Labels = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    node: int | None = None  # from 1; None: wherever the cluster puts it
    host_network: bool = False
    system: bool = False  # part of the cluster or of prober (resolver, witness): `any` leaves it out
    addresses: Addresses = field(default_factory=dict)

    @property
    def ref(self) -> PodRef:
        return PodRef(self.namespace, self.name)

    def port_named(self, name: str, protocol: Protocol) -> int | None:
        """Return the number of the port with that name and protocol on this pod (semantics 35)."""
        return next((p.number for p in self.ports if p.name == name and p.protocol is protocol), None)

    def listens(self, number: int, protocol: Protocol) -> bool:
        return any(p.number == number and p.protocol is protocol for p in self.ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """A Service's port; `target` is a number, or the name of a port on each backend."""

    port: int
    target: int | str
    protocol: Protocol = Protocol.TCP
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Service; without a selector its backends are `endpoints`, which are no pods (the API server's Service)."""

    namespace: str
    name: str
    selector: Labels = field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    headless: bool = False
    endpoints: tuple[Addresses, ...] = ()
    addresses: Addresses = field(default_factory=dict)  # the ClusterIPs

    @property
    def ref(self) -> ServiceRef:
        return ServiceRef(self.namespace, self.name)

    def port(self, number: int, protocol: Protocol) -> ServicePort | None:
        return next((p for p in self.ports if p.port == number and p.protocol is protocol), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """A host outside of the cluster that listens on its ports."""

    name: str
    ports: tuple[Port, ...] = ()
    addresses: Addresses = field(default_factory=dict)

    @property
    def ref(self) -> ExternalRef:
        return ExternalRef(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of the cluster and the ports on which a flow to it may knock."""

    number: int
    name: str = ""
    ports: tuple[Port, ...] = ()
    addresses: Addresses = field(default_factory=dict)

    @property
    def ref(self) -> NodeRef:
        return NodeRef(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """What a scenario asks a cluster to make: everything but policies."""

    namespaces: tuple[Namespace, ...] = ()
    pods: tuple[Pod, ...] = ()
    services: tuple[Service, ...] = ()
    externals: tuple[External, ...] = ()
    nodes: tuple[Node, ...] = (Node(number=1), Node(number=2))
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6)  # the families that pods should get


DNS_NAMESPACE = "kube-system"
DNS_SERVICE = ServiceRef(DNS_NAMESPACE, "kube-dns")
API_SERVICE = ServiceRef("default", "kubernetes")


def furnished(topology: Topology) -> Topology:
    """Return the topology with what a usual cluster brings: kube-system with its DNS, default with the API server.

    The lab makes exactly this; on a real cluster it is only what is assumed until the real one has been read.
    """
    names = {n.name for n in topology.namespaces}
    extra = tuple(Namespace(name=n) for n in (DNS_NAMESPACE, API_SERVICE.namespace) if n not in names)
    dns = Pod(
        namespace=DNS_NAMESPACE,
        name="coredns",
        labels={"k8s-app": "kube-dns"},
        ports=(
            Port(number=53, protocol=Protocol.UDP, name="dns"),
            Port(number=53, protocol=Protocol.TCP, name="dns-tcp"),
        ),
        node=1,
        system=True,
    )
    dns_service = Service(
        namespace=DNS_SERVICE.namespace,
        name=DNS_SERVICE.name,
        selector={"k8s-app": "kube-dns"},
        ports=(
            ServicePort(port=53, target=53, protocol=Protocol.UDP, name="dns"),
            ServicePort(port=53, target=53, protocol=Protocol.TCP, name="dns-tcp"),
        ),
    )
    api = Service(
        namespace=API_SERVICE.namespace,
        name=API_SERVICE.name,
        ports=(ServicePort(port=443, target=6443, name="https"),),
    )
    return replace(
        topology,
        namespaces=topology.namespaces + extra,
        pods=(*topology.pods, dns),
        services=(*topology.services, dns_service, api),
    )
