"""Policies and states for the lab's tests: short words for a few, and a generator for many strange ones."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from random import Random

from prober.model import (
    EVERYTHING,
    ClusterState,
    Direction,
    IPBlock,
    LabelSelector,
    Namespace,
    Network,
    NetworkPolicy,
    Operator,
    Peer,
    Pod,
    PodPeer,
    PolicyPort,
    Port,
    Protocol,
    Requirement,
    Rule,
    Service,
    ServicePort,
    Topology,
)
from prober.model.plan import planned


def with_policies(state: ClusterState, *policies: NetworkPolicy) -> ClusterState:
    """Return the state under these policies alone."""
    return replace(state, policies={p.ref: p for p in policies})


def crowd(pods: int, policies: int) -> ClusterState:
    """Return a planned state of ten namespaces with as many pods and policies, ten pods to a policy at a thousand."""
    spaces = [f"n{i}" for i in range(10)]

    def labels(i: int) -> LabelSelector:
        return LabelSelector(match_labels={"app": f"a{i % 100}"})

    def policy(i: int) -> NetworkPolicy:
        block = IPBlock(cidr=ip_network("10.0.0.0/8"), excepts=(ip_network(f"10.{i % 200}.0.0/16"),))
        web, dns = PolicyPort(port="http"), PolicyPort(port=53, protocol=Protocol.UDP)
        return NetworkPolicy(
            namespace=spaces[i % 10],
            name=f"policy-{i}",
            pods=labels(i),
            types=frozenset(Direction),
            ingress=(
                Rule(peers=(PodPeer(pods=labels(i * 7), namespaces=EVERYTHING),), ports=(PolicyPort(port=81), web)),
                Rule(peers=(block,)),
            ),
            egress=(Rule(peers=(PodPeer(pods=labels(i * 3)),), ports=(PolicyPort(port=80),)), Rule(ports=(dns,))),
        )

    topology = Topology(
        namespaces=tuple(Namespace(name=name) for name in spaces),
        pods=tuple(
            Pod(
                namespace=spaces[i % 10],
                name=f"p{i}",
                labels={"app": f"a{i // 10 % 100}", "id": str(i)},
                ports=(Port(number=80, name="http"),),
            )
            for i in range(pods)
        ),
        services=tuple(
            Service(
                namespace=spaces[i % 10],
                name=f"s{i}",
                selector={"app": f"a{i // 10 % 100}"},
                ports=(ServicePort(port=80, target="http"),),
            )
            for i in range(pods // 10)
        ),
    )
    return with_policies(planned(topology)[0], *(policy(i) for i in range(policies)))


class Strange:
    """Draws policies that use everything the API allows, over the pods of `state`."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - the same policies each time are the point
        self.state = planned(
            Topology(
                namespaces=tuple(Namespace(name=name, labels={"app": name}) for name in "xyz"),
                pods=tuple(
                    Pod(
                        namespace=name,
                        name=f"p{i}",
                        labels={"app": "abcd"[i % 4]} | ({"tier": "t"} if i % 2 else {}),
                        ports=(Port(number=80 + i, name="http"), Port(number=53, protocol=Protocol.UDP, name="dns")),
                        host_network=i == 5,
                    )
                    for name in "xyz"
                    for i in range(6)
                ),
            )
        )[0]

    def policies(self, most: int) -> tuple[NetworkPolicy, ...]:
        """Return up to `most` policies."""
        return tuple(self._policy(i) for i in range(self._random.randint(0, most)))

    def _policy(self, number: int) -> NetworkPolicy:
        ingress, egress = (tuple(self._rule() for _ in range(self._random.randint(0, 3))) for _ in range(2))
        return NetworkPolicy(
            namespace=self._random.choice("xyz"),
            name=f"p{number}",
            pods=self._selector(),
            types=frozenset(self._random.sample(list(Direction), self._random.randint(1, 2))),
            ingress=ingress,
            egress=egress,
        )

    def _rule(self) -> Rule:
        peers = tuple(self._peer() for _ in range(self._random.randint(0, 3)))
        return Rule(peers=peers, ports=tuple(self._port() for _ in range(self._random.randint(0, 3))))

    def _peer(self) -> Peer:
        match self._random.randrange(4):
            case 0:
                return self._block()
            case 1:
                return PodPeer(pods=self._selector())
            case 2:
                return PodPeer(namespaces=self._selector())
            case _:
                return PodPeer(pods=self._selector(), namespaces=self._selector())

    def _selector(self) -> LabelSelector:
        match self._random.randrange(3):
            case 0:
                return EVERYTHING
            case 1:
                return LabelSelector(match_labels={"app": self._random.choice("abcdxyz")})
            case _:
                operator = self._random.choice(list(Operator))
                values = ("a", "x") if operator in (Operator.IN, Operator.NOT_IN) else ()
                key = self._random.choice(("app", "tier"))
                return LabelSelector(expressions=(Requirement(key=key, operator=operator, values=values),))

    def _block(self) -> IPBlock:
        cidr = ip_network(self._random.choice(("0.0.0.0/0", "::/0", "10.244.0.0/16", "fd00:244::/32", "172.18.0.2/32")))
        if cidr.prefixlen > 100 or cidr.num_addresses == 1 or self._random.random() < 0.3:
            return IPBlock(cidr=cidr)
        holes: list[Network] = list(cidr.subnets(prefixlen_diff=self._random.randint(1, 6)))
        return IPBlock(cidr=cidr, excepts=tuple(self._random.choices(holes, k=self._random.randint(1, 3))))

    def _port(self) -> PolicyPort:
        protocol = self._random.choice(list(Protocol))
        first = self._random.randint(1, 65535)
        match self._random.randrange(4):
            case 0:
                return PolicyPort(protocol=protocol)
            case 1:
                return PolicyPort(protocol=protocol, port=first)
            case 2:
                return PolicyPort(protocol=protocol, port=first, end=self._random.randint(first, 65535))
            case _:
                return PolicyPort(protocol=protocol, port=self._random.choice(("http", "dns", "sql")))
