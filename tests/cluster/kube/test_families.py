"""Tests of both address families on a real Kubernetes: what is proved by the one says nothing of the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prober.model import Family, PodRef
from prober.outcomes import Status
from prober.scenario import Scenario, load
from tests.cluster.kube.proving import QUICK, SEEDS, proved, reach, scenario
from tests.kube.cluster import Cluster

pytestmark = pytest.mark.kube

_WAYS = (
    "x/server:80/tcp",
    "x/server:53/udp",
    "svc/x/server:81/tcp",
    "svc/x/server:53/udp",
    "name/server.x:81/tcp",
)


def _ways(source: str) -> str:
    return ", ".join(f"{source} -> {way}/{family}" for way in _WAYS for family in Family)


SERVICES = f"""
summary: Whom the server takes comes by every way of both families, and nobody else by any
families: [ipv4, ipv6]
cells: named
namespaces: {{x: {{}}}}
pods:
  x/server: {{labels: {{app: server}}, ports: [80, 53/udp], node: 2}}
  x/friend: {{labels: {{app: friend}}, node: 1}}
  x/other: {{node: 1}}
services:
  x/server: {{selector: {{app: server}}, ports: [{{port: 81, targetPort: 80}}, 53/udp]}}
steps:
  - name: the server takes the friend
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {{name: server, namespace: x}}
      spec:
        podSelector: {{matchLabels: {{app: server}}}}
        ingress: [{{from: [{{podSelector: {{matchLabels: {{app: friend}}}}}}]}}]
    expect: {{allowed: [{_ways("x/friend")}], denied: [{_ways("x/other")}]}}
"""


def of_library(name: str) -> Scenario:
    """Return a scenario that is about families."""
    (found,) = (s for s in load([SEEDS.parent / "addresses"]) if s.name == name)
    return found


def test_families_are_proved_each_for_itself(kube_nft: Cluster) -> None:
    """By blocks with exceptions, and by pods, Services and names, TCP and UDP: both families pass, no cell is left."""
    kubernetes = reach(kube_nft)

    result = proved(kubernetes, [of_library("dual-stack#except"), scenario(SERVICES, "services")])
    kubernetes.close()

    cells = [c for s in result.scenarios for step in s.steps if step.kind == "step" for c in step.cells]
    assert [Status.PASS] * 2 == [s.status for s in result.scenarios]
    assert {f: 2 + 2 * len(_WAYS) for f in Family} == {f: sum(c.flow.family is f for c in cells) for f in Family}
    assert {Status.PASS} == {c.status for c in cells}


def test_node_that_knows_one_family_is_found(kube_steered: Cluster) -> None:
    """Where an agent knows no IPv6, its node's pods leak by that, and neither by IPv4 nor on the other node."""
    kube_steered.enforce(blind="ipv6", nodes=("n2",))
    kubernetes = reach(kube_steered)

    result = proved(kubernetes, [of_library("dual-stack-on-two-nodes")], replace(QUICK, settle=4))
    kubernetes.close()

    (found,) = result.scenarios
    ingress, egress = ({c.flow: c.status for c in s.cells} for s in found.steps if s.kind == "step")
    leaking = {f for cells in (ingress, egress) for f, status in cells.items() if status is not Status.PASS}
    assert {Status.PASS, Status.LEAK} == {*ingress.values(), *egress.values()}
    assert leaking == {
        *(f for f in ingress if f.family is Family.IPV6 and f.target == PodRef("x", "server-2")),
        *(f for f in egress if f.family is Family.IPV6 and f.source == PodRef("x", "client-2")),
    }
