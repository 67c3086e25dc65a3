"""That each fault about the rules opens what it should, and nothing else: packets, in a lab that lies."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from prober.cluster.lab.cluster import LabCluster
from prober.model import (
    Direction,
    IPBlock,
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Pod,
    PodPeer,
    PodRef,
    PolicyPort,
    Port,
    Rule,
    Topology,
)
from prober.model.plan import planned
from prober.outcomes import Outcome
from tests.cluster.lab.live import Live, flows

pytestmark = pytest.mark.lab

_PLACES = {
    **{f"t/{name}": 1 for name in ("pod-selector", "namespace-selector", "except", "ports", "near")},
    "t/far": 2,
    "s/plain": 1,
    "s/near": 1,
    "s/far": 2,
}
TOPOLOGY = Topology(
    namespaces=(Namespace(name="s"), Namespace(name="t")),
    pods=tuple(
        Pod(
            namespace=(ref := PodRef(*place.split("/"))).namespace,
            name=ref.name,
            node=node,
            labels={"app": ref.name},
            ports=(Port(number=80), Port(number=81)),
        )
        for place, node in _PLACES.items()
    ),
)
_PLAIN = planned(TOPOLOGY)[0].pods[PodRef("s", "plain")].addresses
_POD = PodPeer(pods=LabelSelector(match_labels={"app": "plain"}))
_NAMESPACE = PodPeer(namespaces=LabelSelector(match_labels={"kubernetes.io/metadata.name": "t"}))
_BLOCK = IPBlock(
    cidr=ip_network("10.244.0.0/16"), excepts=tuple(ip_network(a) for a in _PLAIN.values() if ":" not in a)
)


def _policy(place: str, direction: Direction, *rules: Rule) -> NetworkPolicy:
    namespace, name = place.split("/")
    return NetworkPolicy(
        namespace=namespace,
        name=name,
        pods=LabelSelector(match_labels={"app": name}),
        types=frozenset({direction}),
        ingress=rules if direction is Direction.INGRESS else (),
        egress=rules if direction is Direction.EGRESS else (),
    )


POLICIES = (
    _policy("t/pod-selector", Direction.INGRESS, Rule(peers=(_POD,))),
    _policy("t/namespace-selector", Direction.INGRESS, Rule(peers=(_NAMESPACE,))),
    _policy("t/except", Direction.INGRESS, Rule(peers=(_BLOCK,))),
    _policy("t/ports", Direction.INGRESS, Rule(ports=(PolicyPort(port=80),))),
    _policy("t/near", Direction.INGRESS),
    _policy("t/far", Direction.INGRESS),
    _policy("s/near", Direction.EGRESS),
    _policy("s/far", Direction.EGRESS),
)
CELLS = flows(
    """
    s/plain: + t/ports:80 - t/pod-selector t/namespace-selector t/except t/ports:81 t/near t/far
    s/near: - s/plain
    s/far: - s/plain
    t/near: + t/namespace-selector t/except - t/pod-selector
    """
)
_INGRESS = "t/pod-selector t/namespace-selector t/except t/ports:81 t/near t/far"


@pytest.mark.parametrize(
    ("fault", "opened"),
    [
        pytest.param(None, "", id="no fault"),
        pytest.param(
            "ignore-all",
            f"s/plain: + {_INGRESS}\ns/near: + s/plain\ns/far: + s/plain\nt/near: + t/pod-selector",
            id="ignore-all",
        ),
        pytest.param("ignore-ingress", f"s/plain: + {_INGRESS}\nt/near: + t/pod-selector", id="ignore-ingress"),
        pytest.param("ignore-egress", "s/near: + s/plain\ns/far: + s/plain", id="ignore-egress"),
        pytest.param("ignore-except", "s/plain: + t/except", id="ignore-except"),
        pytest.param("ignore-ports", "s/plain: + t/ports:81", id="ignore-ports"),
        pytest.param("ignore-namespaces", "s/plain: + t/pod-selector t/namespace-selector", id="ignore-namespaces"),
        pytest.param("one-node", "s/plain: + t/far\ns/far: + s/plain", id="one-node"),
    ],
)
def test_what_a_fault_opens(fault: str | None, opened: str) -> None:
    """Under a fault exactly these denied flows connect; the rest is as without it."""
    expected = {f: Outcome.CONNECTED if connects else Outcome.REFUSED for f, connects in CELLS.items()}
    expected |= dict.fromkeys(flows(opened), Outcome.CONNECTED)
    with LabCluster(deny="reject", fault=fault) as cluster:
        lab = Live(cluster, TOPOLOGY)
        with lab.under(*POLICIES):
            assert expected == lab.ask(CELLS)
