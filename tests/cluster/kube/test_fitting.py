"""Tests of whether a scenario fits a cluster: what is lacking is said, with what would help."""

from __future__ import annotations

from typing import Any

import pytest

from prober.cluster.kube import fitting, reading
from prober.cluster.kube.target import KubeTarget, OutsideHost
from prober.errors import ClusterError
from prober.model import External, Family, Pod, Port, Protocol, Topology


def nodes(*names: str, cordoned: str = "", blocks: tuple[str, ...] = ("10.0.0.0/24",)) -> reading.Nodes:
    found: list[dict[str, Any]] = [
        {
            "metadata": {"name": name},
            "spec": {"podCIDRs": list(blocks), "unschedulable": name == cordoned},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }
        for name in names
    ]
    return reading.nodes_of(found, KubeTarget())


PARTNER = External(name="partner", ports=(Port(number=443),))
HTTPS = OutsideHost(addresses={Family.IPV4: "192.0.2.1"}, ports=(Port(number=443),))


@pytest.mark.parametrize(
    ("words", "needs", "there"),
    [
        ("needs two nodes", ("two-nodes",), nodes("a")),
        ("b is cordoned", ("two-nodes",), nodes("a", "b", cordoned="b")),
        ("a is cordoned", (), nodes("a", cordoned="a")),
        ("--allow-host-network", ("host-network",), nodes("a")),
        ("needs ipv6", ("ipv6",), nodes("a")),
        ("needs sctp", ("sctp",), nodes("a")),
        ("", ("two-nodes", "ipv6"), nodes("a", "b", blocks=("10.0.0.0/24", "fd00::/64"))),
        ("", ("ipv6",), nodes("a", blocks=())),
        ("", (), nodes("a")),
    ],
)
def test_lack_is_told_with_its_reason(words: str, needs: tuple[str, ...], there: reading.Nodes) -> None:
    """A scenario that cannot run here is skipped, and the report says why."""
    found = fitting.lacking(needs, Topology(), there, KubeTarget())

    assert words in found
    assert bool(words) == bool(found)


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ("--external partner=IP:PORT", KubeTarget()),
        (
            "port 443",
            KubeTarget(externals={"partner": OutsideHost(addresses=HTTPS.addresses, ports=(Port(number=80),))}),
        ),
        (
            "port 443",
            KubeTarget(
                externals={
                    "partner": OutsideHost(addresses=HTTPS.addresses, ports=(Port(number=443, protocol=Protocol.UDP),))
                }
            ),
        ),
        ("", KubeTarget(externals={"partner": HTTPS})),
    ],
    ids=["nowhere", "another-port", "another-protocol", "there"],
)
def test_external_hosts_are_where_the_user_says(words: str, target: KubeTarget) -> None:
    """A host that nobody named, or on another port than the scenario asks, is not probed."""
    found = fitting.lacking(("external",), Topology(externals=(PARTNER,)), nodes("a"), target)

    assert words in found
    assert bool(words) == bool(found)


@pytest.mark.parametrize(
    ("words", "pods", "target"),
    [
        ("on 2 nodes, and 1 can run them", (Pod(namespace="a", name="b", node=2),), KubeTarget()),
        ("--max-pods", (Pod(namespace="a", name="b"), Pod(namespace="a", name="c")), KubeTarget(max_pods=1)),
        ("--allow-host-network", (Pod(namespace="a", name="b", host_network=True),), KubeTarget()),
    ],
    ids=["too-few-nodes", "too-many-pods", "host-network"],
)
def test_topology_that_must_not_be_made_is_refused(words: str, pods: tuple[Pod, ...], target: KubeTarget) -> None:
    """What the user did not allow is not done, even where nobody asked before."""
    with pytest.raises(ClusterError, match=words):
        fitting.refuse(Topology(pods=pods), nodes("a"), target)


def test_topology_that_fits_is_not_refused() -> None:
    """Pods in a node's network are made where the user allows them."""
    pod = Pod(namespace="a", name="b", node=1, host_network=True)

    fitting.refuse(Topology(pods=(pod,)), nodes("a"), KubeTarget(allow_host_network=True))
