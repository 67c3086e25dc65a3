"""The cluster in memory is a fair stand-in: it speaks the script's protocol and breaks as it is told."""

from __future__ import annotations

import pytest

from prober.cells import probe
from prober.cluster.base import Cluster
from prober.cluster.fake import Asked, FakeCluster, forgotten, target_of
from prober.errors import ClusterError
from prober.flows import parse_flow
from prober.model import (
    AddPod,
    ClusterState,
    ExternalRef,
    Family,
    Pod,
    PodRef,
    Port,
    RemovePod,
)
from prober.outcomes import Outcome
from prober.probe import Answer, ClockLine, EndLine, Kind, Probe, outcome, read_line, request
from tests.running import enforcing, loaded
from tests.telling import DENY_B

A, B = PodRef("shop", "a"), PodRef("shop", "b")
ASKED = Probe(cell=3, kind=Kind.TCP, host="10.0.0.1", port=80, names=frozenset({"me"}))


def opened(says: object = enforcing) -> FakeCluster:
    """Return a fake that is open."""
    cluster = FakeCluster(says)  # type: ignore[arg-type]
    cluster.open(loaded(DENY_B).topology)
    return cluster


def test_fake_is_a_cluster() -> None:
    """What the seam asks for, a fake has."""
    cluster: Cluster = opened()
    assert "fake" == cluster.name


@pytest.mark.parametrize(
    "text", ["one\ntwo", "a\\b", "\\n", "", " ", "\r\n", "\\", "T end 0", "\u2028x"], ids=["lines", *"abcdefgh"]
)
def test_text_goes_through_the_protocol(text: str) -> None:
    """Whatever a fake says comes out of the protocol as it was."""
    cluster = opened(lambda state, asked: text)
    lines = [read_line(line, "T") for line in cluster.stream(A, request([ASKED], "T"))]
    assert [ClockLine, Answer, EndLine] == [type(line) for line in lines]
    assert isinstance(lines[1], Answer)
    assert (3, text) == (lines[1].cell, lines[1].text)
    assert EndLine(count=1) == lines[2]


def test_probe_is_asked_as_the_script_reads_it() -> None:
    """Every field of a request reaches `says`."""
    seen: list[Asked] = []

    def says(state: ClusterState, asked: Asked) -> None:
        seen.append(asked)

    sent = Probe(cell=0, kind=Kind.UDP, host="fd00::1", port=53, family=Family.IPV6, timeout=3, nonce="n1")
    assert 2 == len(list(opened(says).stream(A, request([sent], "T"))))
    assert [Asked(source=A, kind="udp", family=Family.IPV6, timeout=3, host="fd00::1", port=53, nonce="n1")] == seen


@pytest.mark.parametrize(
    ("flow", "seen"), [("80", Outcome.CONNECTED), ("53/udp", Outcome.CONNECTED), ("99", Outcome.CONNECTED)]
)
def test_what_an_enforcing_fake_says_is_read_as_meant(flow: str, seen: Outcome) -> None:
    """The tests' own enforcing cluster speaks nc's language: what is allowed connects, with the target's name."""
    cluster = opened()
    sent = probe(
        parse_flow(f"shop/a -> shop/b:{flow}"),
        cluster.state,
        cell=0,
        timeout=1,
        nonce="n1",
        hostname=cluster.hostname,
    )
    answer = read_line(list(cluster.stream(A, request([sent], "T")))[1], "T")
    assert isinstance(answer, Answer)
    assert seen is outcome(sent, answer)


def test_restart_changes_who_a_pod_is() -> None:
    """A pod that is replaced keeps name and address, and is another."""
    cluster = opened()
    before = cluster.identities()
    cluster.restart(B)
    after = cluster.identities()
    assert [B] == [ref for ref in before if before[ref] != after[ref]]
    assert before[B].addresses == after[B].addresses


def test_added_pod_gets_an_address() -> None:
    """What `apply` returns carries what the cluster gave, and a removed pod has no identity."""
    cluster = opened()
    done = cluster.apply(AddPod(pod=Pod(namespace="shop", name="d", ports=(Port(number=80),))))
    assert isinstance(done, AddPod)
    assert done.pod.addresses
    cluster.apply(RemovePod(pod=B))
    assert PodRef("shop", "d") in cluster.identities()
    assert B not in cluster.identities()


def test_dead_cluster_does_nothing() -> None:
    """A dead fake raises what a dead cluster raises."""
    cluster = opened()
    cluster.dead = True
    with pytest.raises(ClusterError):
        list(cluster.stream(A, request([ASKED], "T")))
    with pytest.raises(ClusterError):
        cluster.identities()
    with pytest.raises(ClusterError):
        cluster.apply(RemovePod(pod=B))


def test_target_is_found_by_its_address() -> None:
    """An address is a pod's, an external host's, or nobody's."""
    text = DENY_B.replace("steps:", "external: {partner: {ports: [443]}}\nsteps:")
    cluster = FakeCluster(enforcing)
    state = cluster.open(loaded(text).topology)

    def aimed(host: str) -> object:
        asked = Asked(source=A, kind="tcp", family=Family.IPV4, timeout=1, host=host, port=80, nonce="-")
        return target_of(state, asked)

    assert B == aimed(state.pods[B].addresses[Family.IPV4])
    partner = ExternalRef("partner")
    assert partner == aimed(state.externals[partner].addresses[Family.IPV4])
    assert aimed("192.0.2.1") is None


def test_forgotten_state_has_no_policies() -> None:
    """A plugin that never heard of policies sees everything else."""
    cluster = opened()
    for action in loaded(DENY_B).steps[0].actions:
        cluster.apply(action)
    assert cluster.state.policies
    assert not forgotten(cluster.state).policies
    assert cluster.state.pods == forgotten(cluster.state).pods
