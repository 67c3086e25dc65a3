"""What packets do under policies, rule by rule of the specification: nc against the lab's own compiled rules.

Expectations are written by hand. Each is asked with `reject`, which answers at once, and a few of all with `drop`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network

import pytest

from prober.cluster.lab.cluster import LabCluster
from prober.model import (
    EVERYTHING,
    Direction,
    External,
    IPBlock,
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Node,
    Operator,
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
from prober.outcomes import Outcome
from tests.cluster.lab.live import Live, flows

pytestmark = pytest.mark.lab


def _pod(namespace: str, name: str, node: int, labels: dict[str, str], *, web: int = 80) -> Pod:
    ports = (
        Port(number=web, name="web"),
        Port(number=161 - web, name="alt"),  # the other one of 80 and 81
        Port(number=80, protocol=Protocol.UDP, name="web"),
    )
    return Pod(namespace=namespace, name=name, node=node, labels=labels, ports=ports)


TOPOLOGY = Topology(
    namespaces=(Namespace(name="x", labels={"team": "red"}), Namespace(name="y", labels={"team": "blue"})),
    pods=(
        _pod("x", "a", 1, {"app": "a"}),
        _pod("x", "b", 1, {"app": "b", "tier": ""}, web=81),
        _pod("x", "c", 2, {"role": "c"}),
        _pod("y", "a", 2, {"app": "a"}),
        _pod("y", "b", 1, {"app": "b"}),
        Pod(namespace="y", name="host", node=1, labels={"app": "h"}, ports=(Port(number=90),), host_network=True),
    ),
    services=(Service(namespace="x", name="a", selector={"app": "a"}, ports=(ServicePort(port=8000, target="web"),)),),
    externals=(External(name="ext", ports=(Port(number=443),)),),
    nodes=(Node(number=1, ports=(Port(number=90),)), Node(number=2)),
)
PLAN = planned(TOPOLOGY)[0]


def _select(**labels: str) -> LabelSelector:
    return LabelSelector(match_labels=labels)


def _where(key: str, operator: Operator, *values: str) -> LabelSelector:
    return LabelSelector(expressions=(Requirement(key=key, operator=operator, values=values),))


def _block(cidr: str, *excepts: str) -> IPBlock:
    return IPBlock(cidr=ip_network(cidr), excepts=tuple(map(ip_network, excepts)))


def _address(pod: str) -> str:
    return next(iter(next(p for r, p in PLAN.pods.items() if str(r) == pod).addresses.values()))


def _isolate(
    pods: LabelSelector = EVERYTHING,
    *,
    ingress: tuple[Rule, ...] | None = None,
    egress: tuple[Rule, ...] | None = None,
    name: str = "p",
) -> NetworkPolicy:
    """Return a policy of namespace x that isolates in the directions given, and allows what they say."""
    types = {d for d, rules in zip(Direction, (ingress, egress), strict=True) if rules is not None}
    return NetworkPolicy(
        namespace="x", name=name, pods=pods, types=frozenset(types), ingress=ingress or (), egress=egress or ()
    )


A, B = _select(app="a"), _select(app="b")
ALL_TCP = PolicyPort()
UDP_80, UDP_WEB = (PolicyPort(protocol=Protocol.UDP, port=port) for port in (80, "web"))


@dataclass(frozen=True, slots=True)
class Case:
    """Policies, and who gets through under them."""

    rule: str  # of the specification, by number
    policies: tuple[NetworkPolicy, ...]
    expected: str


CASES = (
    Case(
        "2 isolation is per direction; 40 the local node is exempt, 42 another is not",
        (_isolate(ingress=()),),
        """
        x/a: + x/a y/a y/a:80/udp y/a:80/ipv6 ext:443 - x/b x/c x/b:81 x/b:80/udp x/b:80/ipv6 svc/x/a:8000
        y/host: + x/a x/b y/a - x/c
        ext: + y/a - x/a
        """,
    ),
    Case(
        "7 replies of what is allowed are allowed; 10 egress without rules denies all of it",
        (_isolate(egress=()),),
        """
        x/a: + x/a - x/b x/c y/b x/b:80/udp x/b:80/ipv6 ext:443 node/1:90 api:443 svc/x/a:8000
        x/c: - node/1:90
        y/b: + x/a x/c x/a:80/udp x/a:80/ipv6 y/a
        ext: + x/a
        """,
    ),
    Case(
        "11 an empty rule allows everything; 15 the outside and nodes included",
        (_isolate(ingress=(Rule(),), egress=(Rule(),)),),
        """
        x/a: + x/b x/c x/b:80/udp x/b:80/ipv6 ext:443 node/1:90 api:443
        y/host: + x/c
        ext: + x/a
        """,
    ),
    Case(
        "9 rules of a direction that policyTypes does not name are ignored; each side has its own rules",
        (
            _isolate(A, ingress=(), egress=(Rule(),), name="both"),
            replace(_isolate(B, egress=(), name="egress"), ingress=(Rule(peers=(_block("192.0.2.0/24"),)),)),
        ),
        """
        x/a: + x/b y/a ext:443
        y/b: + x/b - x/a
        x/b: - x/c
        """,
    ),
    Case(
        "15 an empty pod selector takes pods of the own namespace, and no more",
        (_isolate(ingress=(Rule(peers=(PodPeer(pods=EVERYTHING),)),)),),
        """
        x/a: + x/b x/c x/c:80/ipv6
        y/a: - x/a x/a:80/ipv6
        y/host: - x/c
        ext: - x/a
        """,
    ),
    Case(
        "18 an empty namespace selector takes the pods of all namespaces, and no more",
        (_isolate(ingress=(Rule(peers=(PodPeer(namespaces=EVERYTHING),)),)),),
        """
        x/a: + x/b x/c
        y/a: + x/a x/a:80/ipv6
        y/host: - x/c
        ext: - x/a
        """,
    ),
    Case(
        "16 two selectors in one peer: both",
        (_isolate(ingress=(Rule(peers=(PodPeer(pods=A, namespaces=_select(team="blue")),)),)),),
        """
        y/a: + x/b x/c
        y/b: - x/b
        x/a: - x/b
        """,
    ),
    Case(
        "16 two peers: either",
        (_isolate(ingress=(Rule(peers=(PodPeer(pods=A), PodPeer(namespaces=_select(team="blue")))),)),),
        """
        y/a: + x/b
        y/b: + x/b
        x/a: + x/b
        x/b: - x/a
        """,
    ),
    Case(
        "4 and 13 a policy acts on what it selects in its own namespace; 3 not on the rest of it",
        (_isolate(A, ingress=()),),
        """
        x/b: + x/c y/a - x/a
        """,
    ),
    Case(
        "20 NotIn matches an absent key",
        (_isolate(_where("app", Operator.NOT_IN, "a"), ingress=()),),
        """
        y/b: + x/a - x/b x/c
        """,
    ),
    Case(
        "20 Exists matches an empty value, DoesNotExist an absent key",
        (
            _isolate(
                ingress=(Rule(peers=(PodPeer(pods=_where("tier", Operator.EXISTS)),)),),
                pods=_where("tier", Operator.DOES_NOT_EXIST),
            ),
        ),
        """
        x/b: + x/a x/c
        x/a: + x/b - x/c
        """,
    ),
    Case(
        "5 policies add up",
        (
            _isolate(ingress=(), name="deny"),
            _isolate(B, ingress=(Rule(peers=(PodPeer(pods=A),)),), name="one"),
            _isolate(B, ingress=(Rule(peers=(PodPeer(namespaces=_select(team="blue")),)),), name="two"),
        ),
        """
        x/a: + x/b - x/c
        y/a: + x/b - x/c
        x/c: - x/b
        """,
    ),
    Case(
        "6 both sides must allow",
        (
            _isolate(A, egress=(Rule(peers=(PodPeer(pods=B),)),), name="out"),
            _isolate(B, ingress=(Rule(ports=(PolicyPort(port=81),)),), name="in"),
        ),
        """
        x/a: + x/b:81 - x/b:80 x/c
        x/c: + x/b:81 x/a - x/b:80
        """,
    ),
    Case(
        "24 ipBlock matches addresses of pods; 27 of its own family alone",
        (_isolate(ingress=(Rule(peers=(_block("10.244.0.0/16"),)),)),),
        """
        y/a: + x/a x/c - x/a:80/ipv6 x/c:80/ipv6
        y/host: - x/c
        ext: - x/a
        """,
    ),
    Case(
        "24 two policies with a block each",
        (
            _isolate(A, ingress=(Rule(peers=(_block(f"{_address('y/a')}/32"),)),), name="one"),
            _isolate(B, ingress=(Rule(peers=(_block(f"{_address('y/b')}/32"),)),), name="two"),
        ),
        """
        y/a: + x/a - x/b
        y/b: + x/b - x/a
        """,
    ),
    Case(
        "27 0.0.0.0/0 is all of IPv4 and nothing of IPv6",
        (_isolate(egress=(Rule(peers=(_block("0.0.0.0/0"),)),)),),
        """
        x/a: + x/b y/a x/b:80/udp ext:443 node/1:90 - x/b:80/ipv6 ext:443/ipv6
        """,
    ),
    Case(
        "25 except cuts its own block, another rule gives back",
        (
            _isolate(
                egress=(
                    Rule(peers=(_block("0.0.0.0/0", f"{_address('x/b')}/32", f"{_address('y/a')}/32"),)),
                    Rule(peers=(PodPeer(pods=A, namespaces=EVERYTHING),), ports=(PolicyPort(port=80),)),
                ),
            ),
        ),
        """
        x/a: + x/c y/b y/a:80 ext:443 - x/b y/a:81
        """,
    ),
    Case(
        "31 an entry without a port is all ports of TCP alone; no entry at all is everything",
        (
            _isolate(A, ingress=(Rule(ports=(ALL_TCP,)),), name="tcp"),
            _isolate(B, ingress=(Rule(ports=(PolicyPort(protocol=Protocol.UDP),)),), name="udp"),
        ),
        """
        x/c: + x/a x/a:81 x/b:80/udp x/b:80/udp/ipv6 - x/a:80/udp x/b x/b:81
        """,
    ),
    Case(
        "32 a rule for UDP or SCTP allows no TCP, and isolates for it",
        (_isolate(ingress=(Rule(ports=(UDP_80, PolicyPort(protocol=Protocol.SCTP, port=80))),)),),
        """
        x/a: + x/b:80/udp - x/b x/b:81
        """,
    ),
    Case(
        "34 a range has both its ends; 38 ports of one rule add up, overlapping or not",
        (
            _isolate(A, ingress=(Rule(ports=(PolicyPort(port=70, end=80),)),), name="up to"),
            _isolate(B, ingress=(Rule(ports=(PolicyPort(port=81, end=90), PolicyPort(port=81))),), name="from"),
            _isolate(_select(role="c"), ingress=(Rule(ports=(PolicyPort(port=80), PolicyPort(port=81))),), name="two"),
        ),
        """
        y/a: + x/a:80 x/b:81 x/c:80 x/c:81 - x/a:81 x/b:80
        """,
    ),
    Case(
        "35 a name is resolved on the subject of ingress, whoever asks",
        (_isolate(ingress=(Rule(ports=(PolicyPort(port="web"),)),)),),
        """
        y/b: + x/a:80 x/b:81 x/c:80 x/b:81/ipv6 - x/a:81 x/b:80 x/a:80/udp x/b:80/ipv6
        ext: + x/a:80 x/b:81 - x/a:81
        """,
    ),
    Case(
        "35 a name is resolved on the peer of egress, with its protocol",
        (
            _isolate(
                egress=(Rule(peers=(PodPeer(namespaces=EVERYTHING, pods=B),), ports=(PolicyPort(port="web"),)),),
            ),
        ),
        """
        x/a: + x/b:81 y/b:80 x/b:81/ipv6 - x/b:80 y/b:81 y/a:80 x/b:80/udp ext:443
        """,
    ),
    Case(
        "35 a name with peers of any kind: pods that declare it; with a block: none of them",
        (
            _isolate(A, egress=(Rule(ports=(PolicyPort(port="web"),)),), name="any"),
            _isolate(B, egress=(Rule(peers=(_block("0.0.0.0/0"),), ports=(PolicyPort(port="web"),)),), name="block"),
            _isolate(
                _select(role="c"),
                ingress=(Rule(peers=(_block("0.0.0.0/0"),), ports=(PolicyPort(port="web"),)),),
                name="ingress",
            ),
        ),
        """
        x/a: + x/b:81 y/a:80 x/c:80 - x/b:80 y/a:81 x/c:81
        x/b: - y/a:80 y/a:81
        y/a: + x/c:80 - x/c:81 x/c:80/ipv6
        """,
    ),
    Case(
        "35 and 36 a name that nobody has matches nothing, a number needs no declaration",
        (_isolate(ingress=(Rule(ports=(PolicyPort(port="nope"),)), Rule(ports=(PolicyPort(port=81),)))),),
        """
        x/a: + x/b:81 x/c:81 - x/b:80 x/c:80
        """,
    ),
    Case(
        "35 a name is that of one protocol, and may be another's too",
        (
            _isolate(A, ingress=(Rule(ports=(UDP_WEB, PolicyPort(port="alt"))),), name="one"),
            _isolate(B, ingress=(Rule(ports=(PolicyPort(port="web"), UDP_WEB)),), name="both"),
        ),
        """
        y/b: + x/a:80/udp x/a:81 x/b:80/udp x/b:81 - x/a:80 x/b:80
        """,
    ),
    Case(
        "38 ports and peers belong together within a rule",
        (
            _isolate(
                ingress=(
                    Rule(peers=(PodPeer(pods=A),), ports=(PolicyPort(port=80),)),
                    Rule(peers=(PodPeer(pods=B),), ports=(PolicyPort(port=81),)),
                ),
            ),
        ),
        """
        x/a: + x/c:80 - x/c:81
        x/b: + x/c:81 - x/c:80
        """,
    ),
    Case(
        "33 egress sees the backend and its port, not the Service's",
        (_isolate(B, egress=(Rule(peers=(PodPeer(pods=A),), ports=(PolicyPort(port=80),)),)),),
        """
        x/b: + svc/x/a:8000 svc/x/a:8000/ipv6 x/a - x/c
        """,
    ),
    Case(
        "33 the Service's own port allows nothing; 28 neither does its address",
        (
            _isolate(
                B,
                egress=(
                    Rule(peers=(PodPeer(pods=A),), ports=(PolicyPort(port=8000),)),
                    Rule(peers=(_block("10.96.0.0/16"),)),
                ),
            ),
        ),
        """
        x/b: - svc/x/a:8000 svc/x/a:8000/ipv6 x/a
        """,
    ),
    Case(
        "41 a hostNetwork pod is no peer of a selector, its node's address is one of a block",
        (
            _isolate(_select(role="c"), ingress=(Rule(peers=(PodPeer(namespaces=EVERYTHING),)),), name="pods"),
            _isolate(A, egress=(Rule(peers=(PodPeer(namespaces=EVERYTHING, pods=_select(app="h")),)),), name="host"),
            _isolate(B, egress=(Rule(peers=(_block("172.18.0.2/32"),)),), name="block"),
        ),
        """
        y/host: - x/c
        x/a: - node/1:90
        x/b: + node/1:90 - x/a
        """,
    ),
    Case(
        "41 a hostNetwork pod is no subject",
        (
            NetworkPolicy(namespace="y", name="p", types=frozenset(Direction)),
            _isolate(_select(role="c"), ingress=(Rule(peers=(_block("172.18.0.2/32"),)),), name="block"),
        ),
        """
        y/host: + x/a x/c
        x/a: + node/1:90 - y/b
        """,
    ),
    Case(
        "13 and 14 a policy that selects nobody changes nothing",
        (_isolate(_select(app="nobody"), ingress=(), egress=()),),
        """
        x/a: + x/b x/c y/a ext:443
        y/b: + x/a
        """,
    ),
)


@pytest.fixture(scope="module")
def rejecting() -> Iterator[Live]:
    """A lab that refuses what it denies."""
    with LabCluster(deny="reject") as cluster:
        yield Live(cluster, TOPOLOGY)


@pytest.fixture(scope="module")
def dropping() -> Iterator[Live]:
    """A lab that drops what it denies."""
    with LabCluster(deny="drop") as cluster:
        yield Live(cluster, TOPOLOGY)


def _check(lab: Live, case: Case, denial: Outcome) -> None:
    wanted = {flow: Outcome.CONNECTED if connects else denial for flow, connects in flows(case.expected).items()}
    assert dict.fromkeys(wanted, Outcome.CONNECTED) == lab.ask(wanted)  # before, and so after the case before it
    with lab.under(*case.policies):
        assert wanted == lab.ask(wanted)


@pytest.mark.parametrize("case", [pytest.param(c, id=c.rule) for c in CASES])
def test_who_gets_through(rejecting: Live, case: Case) -> None:
    """Under these policies exactly these flows connect, and the others are refused."""
    _check(rejecting, case, Outcome.REFUSED)


@pytest.mark.parametrize("case", [pytest.param(c, id=c.rule) for c in CASES[:2]])
def test_who_is_dropped(dropping: Live, case: Case) -> None:
    """Under these policies exactly these flows connect, and the others time out."""
    _check(dropping, case, Outcome.TIMED_OUT)
