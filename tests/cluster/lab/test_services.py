"""What packets to ClusterIPs do: which backend answers, and who refuses where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from prober.cluster.lab.cluster import LabCluster
from prober.cluster.lab.services import compile_services
from prober.model import (
    Direction,
    Family,
    LabelPod,
    Namespace,
    NetworkPolicy,
    Pod,
    PodRef,
    Port,
    Protocol,
    Service,
    ServicePort,
    Topology,
)
from prober.model.plan import planned
from prober.outcomes import Outcome
from tests.cluster.lab.live import Live, flows
from tests.cluster.lab.loading import load, names


def _pod(name: str, node: int, app: str, *ports: Port) -> Pod:
    return Pod(namespace="x", name=name, node=node, labels={"app": app}, ports=ports)


def _service(name: str, app: str, *ports: ServicePort, headless: bool = False) -> Service:
    return Service(namespace="x", name=name, selector={"app": app}, ports=ports, headless=headless)


WEB = ServicePort(port=8000, target="web")
NUMBER = ServicePort(port=8000, target=80, protocol=Protocol.UDP)
TOPOLOGY = Topology(
    namespaces=(Namespace(name="x"),),
    pods=(
        _pod("a", 1, "a"),
        _pod("b", 1, "b", Port(number=81, name="web"), Port(number=80, protocol=Protocol.UDP)),
        _pod("c", 2, "c", Port(number=80, name="web"), Port(number=81, name="other")),
        _pod("d", 2, "c", Port(number=81, name="web")),
        _pod("e", 1, "c", Port(number=80, name="other")),  # selected with c and d, without the port's name
        Pod(namespace="x", name="host1", node=1, labels={"app": "h"}, ports=(Port(number=90),), host_network=True),
        Pod(namespace="x", name="host2", node=2, host_network=True),
    ),
    services=(
        _service("one", "b", WEB, NUMBER),
        _service("two", "c", WEB),
        _service("none", "nobody", WEB, NUMBER),
        _service("host", "h", ServicePort(port=8000, target=90)),
        _service("late", "late", ServicePort(port=8000, target=81)),
    ),
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Live]:
    """A lab that drops what policies deny: whoever refuses is the Service."""
    with LabCluster() as cluster:
        yield Live(cluster, TOPOLOGY)


def _outcomes(lab: Live, text: str, *, otherwise: Outcome) -> None:
    wanted = {flow: Outcome.CONNECTED if connects else otherwise for flow, connects in flows(text).items()}
    assert wanted == lab.ask(wanted)


@pytest.mark.lab
def test_a_cluster_ip_leads_to_a_backend(lab: Live) -> None:
    """Pods of both nodes, nodes themselves and the backend itself (hairpin) reach it, by TCP, UDP, IPv4 and IPv6."""
    sources = ("x/a", "x/b", "x/c", "x/host1", "x/host2")
    cells = (
        "svc/x/one:8000 svc/x/one:8000/udp svc/x/one:8000/ipv6 svc/x/one:8000/udp/ipv6 svc/x/two:8000 svc/x/host:8000"
    )
    _outcomes(
        lab, "\n".join(f"{source}: + {cells} api:443 api:443/ipv6" for source in sources), otherwise=Outcome.REFUSED
    )


@pytest.mark.lab
def test_a_backend_without_the_ports_name_is_none(lab: Live) -> None:
    """A name is resolved on each backend, so all answers come from those that have it, and each of those answers."""
    (flow,) = flows("x/a: + svc/x/two:8000")
    assert {lab.cluster.hostname(PodRef("x", name)) for name in "cd"} == {lab.said(flow) for _ in range(16)}


@pytest.mark.lab
def test_a_service_without_backends_refuses_at_once(lab: Live) -> None:
    """TCP and UDP are refused in both families, for pods and for nodes."""
    cells = "svc/x/none:8000 svc/x/none:8000/udp svc/x/none:8000/ipv6 svc/x/none:8000/udp/ipv6"
    _outcomes(lab, f"x/a: - {cells}\nx/c: - {cells}\nx/host1: - {cells}", otherwise=Outcome.REFUSED)


@pytest.mark.lab
def test_a_service_without_backends_refuses_the_isolated_too(lab: Live) -> None:
    """Nobody can answer, so nobody waits, whatever the policies say."""
    policy = NetworkPolicy(namespace="x", name="p", types=frozenset({Direction.EGRESS}))
    with lab.under(policy):
        _outcomes(lab, "x/a: - svc/x/none:8000 svc/x/none:8000/udp/ipv6", otherwise=Outcome.REFUSED)


@pytest.mark.lab
def test_a_policy_sees_the_backend(lab: Live) -> None:
    """What is denied to the backend is denied through its Service."""
    policy = NetworkPolicy(namespace="x", name="p", types=frozenset({Direction.INGRESS}))
    with lab.under(policy):
        _outcomes(lab, "x/a: - svc/x/one:8000 svc/x/one:8000/ipv6 svc/x/one:8000/udp", otherwise=Outcome.TIMED_OUT)


@pytest.mark.lab
def test_a_label_makes_and_unmakes_a_backend(lab: Live) -> None:
    """The backends are the pods that the selector takes now."""
    (flow,) = flows("x/a: + svc/x/late:8000")
    seen = []
    for app in ("late", "c"):
        seen.append(lab.ask([flow])[flow])
        lab.apply(LabelPod(pod=PodRef("x", "c"), labels={"app": app}))
        seen.append(lab.ask([flow])[flow])
    assert [Outcome.REFUSED, Outcome.CONNECTED, Outcome.CONNECTED, Outcome.REFUSED] == seen


@pytest.mark.lab
def test_generations_follow_each_other() -> None:
    """Each switch leaves the newest table alone."""
    state = planned(TOPOLOGY)[0]
    assert ["prober_services_2"] == names(load(compile_services(state, 1, i) for i in range(3)), "table")


@pytest.mark.lab
def test_one_family_is_enough() -> None:
    """In a cluster of IPv4 alone the rules of IPv6 are empty, and load."""
    state = planned(replace(TOPOLOGY, families=(Family.IPV4,)))[0]
    text = "".join(compile_services(state, 1, 0).fill)
    load([compile_services(state, 1, 0)])
    assert ("service_ipv4_0" in text, "service_ipv6_0" in text) == (True, False)


def test_a_headless_service_has_no_rules() -> None:
    """Nothing is translated where there is no ClusterIP."""
    headless = replace(TOPOLOGY, services=(_service("h", "b", WEB, headless=True),))
    bare = replace(TOPOLOGY, services=())
    assert compile_services(planned(bare)[0], 1, 0) == compile_services(planned(headless)[0], 1, 0)
