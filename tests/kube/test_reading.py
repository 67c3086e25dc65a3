"""What the agent makes of objects as the API server writes them."""

from __future__ import annotations

import pytest

from prober.errors import InputError
from prober.model import Direction, Family, Node, PodRef, Port, Protocol
from tests.kube.api import Json
from tests.kube.reading import policy, state_of


def _pod(**changes: Json) -> Json:
    pod: dict[str, Json] = {
        "metadata": {"namespace": "x", "name": "a", "labels": {"app": "a"}},
        "spec": {
            "nodeName": "n2",
            "containers": [{"ports": [{"containerPort": 80, "name": "web"}, {"containerPort": 53, "protocol": "UDP"}]}],
        },
        "status": {"phase": "Running", "podIPs": [{"ip": "10.244.2.3"}, {"ip": "FD00::0:3"}]},
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        pod[section] = {**pod[section], name: value}
    return pod


def test_pod() -> None:
    """A pod has its labels, its named ports, its node's number and canonical addresses of both families."""
    (found,) = state_of([_pod()], [], [], "n1").pods.values()
    assert PodRef("x", "a") == found.ref
    assert {"app": "a"} == found.labels
    assert (Port(number=80, name="web"), Port(number=53, protocol=Protocol.UDP)) == found.ports
    assert 2 == found.node
    assert {Family.IPV4: "10.244.2.3", Family.IPV6: "fd00::3"} == found.addresses
    assert not found.host_network


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"status__podIPs": []}, id="no-address-yet"),
        pytest.param({"status__phase": "Succeeded"}, id="succeeded"),
        pytest.param({"status__phase": "Failed"}, id="failed"),
    ],
)
def test_pod_that_is_not_there(changes: dict[str, Json]) -> None:
    """A pod without an address, or one that is over and whose address may be another's, is no pod to an engine."""
    assert {} == state_of([_pod(**changes)], [], [], "n1").pods


def test_host_network() -> None:
    """A pod in its node's network is known to be one."""
    assert state_of([_pod(spec__hostNetwork=True)], [], [], "n1").pods[PodRef("x", "a")].host_network


def test_rules_are_for_one_node() -> None:
    """The state has one node, the agent's own."""
    assert [Node(number=2, name="n2")] == list(state_of([], [], [], "n2").nodes.values())


def test_policy_as_listed() -> None:
    """Items of a list carry neither kind nor version, and what the server adds does no harm."""
    added = {
        "generateName": "p-",
        "uid": "u",
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": "now",
        "managedFields": [{}],
    }
    spec = {"podSelector": {}, "policyTypes": ["Egress"]}
    found = policy({"metadata": {"namespace": "x", "name": "p", **added}, "spec": spec})
    assert frozenset({Direction.EGRESS}) == found.types


def test_unreadable_policy_is_an_error() -> None:
    """An engine that cannot read a policy must not go on as if there were none."""
    with pytest.raises(InputError):
        policy({"metadata": {"namespace": "x", "name": "p"}, "spec": {"podSelector": {"matchSomehow": {}}}})
