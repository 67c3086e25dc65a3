"""What packets do under policies, rule by rule of the specification: nc against the lab's own compiled rules.

Expectations are written by hand. Each is asked with `reject`, which answers at once, and a few of all with `drop`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from prober.cluster.lab.cluster import LabCluster
from prober.model import (
    PodPeer,
    PolicyPort,
    Rule,
)
from prober.outcomes import Outcome
from tests.cluster.lab import cases_peers, cases_ports
from tests.cluster.lab.live import Live, flows
from tests.cluster.lab.world import TOPOLOGY, A, B, Case, block, isolate, select

pytestmark = pytest.mark.lab

ISOLATION = (
    Case(
        "2 isolation is per direction; 40 the local node is exempt, 42 another is not",
        (isolate(ingress=()),),
        """
        x/a: + x/a y/a y/a:80/udp y/a:80/ipv6 ext:443 - x/b x/c x/b:81 x/b:80/udp x/b:80/ipv6 svc/x/a:8000
        y/host: + x/a x/b y/a - x/c
        ext: + y/a - x/a
        """,
    ),
    Case(
        "7 replies of what is allowed are allowed; 10 egress without rules denies all of it",
        (isolate(egress=()),),
        """
        x/a: + x/a - x/b x/c y/b x/b:80/udp x/b:80/ipv6 ext:443 node/1:90 api:443 svc/x/a:8000
        x/c: - node/1:90
        y/b: + x/a x/c x/a:80/udp x/a:80/ipv6 y/a
        ext: + x/a
        """,
    ),
    Case(
        "11 an empty rule allows everything; 15 the outside and nodes included",
        (isolate(ingress=(Rule(),), egress=(Rule(),)),),
        """
        x/a: + x/b x/c x/b:80/udp x/b:80/ipv6 ext:443 node/1:90 api:443
        y/host: + x/c
        ext: + x/a
        """,
    ),
    Case(
        "9 rules of a direction that policyTypes does not name are ignored; each side has its own rules",
        (
            isolate(A, ingress=(), egress=(Rule(),), name="both"),
            replace(isolate(B, egress=(), name="egress"), ingress=(Rule(peers=(block("192.0.2.0/24"),)),)),
        ),
        """
        x/a: + x/b y/a ext:443
        y/b: + x/b - x/a
        x/b: - x/c
        """,
    ),
    Case(
        "4 and 13 a policy acts on what it selects in its own namespace; 3 not on the rest of it",
        (isolate(A, ingress=()),),
        """
        x/b: + x/c y/a - x/a
        """,
    ),
    Case(
        "5 policies add up",
        (
            isolate(ingress=(), name="deny"),
            isolate(B, ingress=(Rule(peers=(PodPeer(pods=A),)),), name="one"),
            isolate(B, ingress=(Rule(peers=(PodPeer(namespaces=select(team="blue")),)),), name="two"),
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
            isolate(A, egress=(Rule(peers=(PodPeer(pods=B),)),), name="out"),
            isolate(B, ingress=(Rule(ports=(PolicyPort(port=81),)),), name="in"),
        ),
        """
        x/a: + x/b:81 - x/b:80 x/c
        x/c: + x/b:81 x/a - x/b:80
        """,
    ),
    Case(
        "13 and 14 a policy that selects nobody changes nothing",
        (isolate(select(app="nobody"), ingress=(), egress=()),),
        """
        x/a: + x/b x/c y/a ext:443
        y/b: + x/a
        """,
    ),
)
CASES = (*ISOLATION, *cases_peers.CASES, *cases_ports.CASES)


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


@pytest.mark.parametrize("case", [pytest.param(c, id=c.rule) for c in ISOLATION[:2]])
def test_who_is_dropped(dropping: Live, case: Case) -> None:
    """Under these policies exactly these flows connect, and the others time out."""
    _check(dropping, case, Outcome.TIMED_OUT)
