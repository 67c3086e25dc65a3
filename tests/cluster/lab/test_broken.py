"""The faults that are a matter of time, or that break the lab itself: what they do, and that they do it in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from prober.cluster.lab import LabCluster
from prober.errors import ClusterError
from prober.model import ApplyPolicy, Direction, Flow, LabelPod, NetworkPolicy
from prober.outcomes import Outcome
from tests.cluster.lab.conftest import TOPOLOGY, A, B, C
from tests.cluster.lab.live import Live
from tests.cluster.lab.processes import until

pytestmark = pytest.mark.lab

_POLICY = NetworkPolicy(namespace="y", name="deny", types=frozenset({Direction.INGRESS}))
_DENIED = Flow(source=A, target=C, port=80)
_OTHER = Flow(source=C, target=B, port=80)


@contextmanager
def _lab(fault: str) -> Iterator[Live]:
    with LabCluster(deny="reject", fault=fault) as cluster:
        yield Live(cluster, TOPOLOGY)


def _connects(lab: Live, flow: Flow) -> bool:
    return lab.ask([flow])[flow] is Outcome.CONNECTED


def test_late() -> None:
    """A policy takes effect that much later, and so does its deletion; in the order of the actions."""
    with _lab("late:1s") as lab:
        began = time.monotonic()
        with lab.under(_POLICY):
            assert _connects(lab, _DENIED)
            assert until(lambda: not _connects(lab, _DENIED))
            assert time.monotonic() - began >= 1
        began = time.monotonic()
        assert until(lambda: _connects(lab, _DENIED))
        assert time.monotonic() - began >= 0.9


def test_late_keeps_the_order() -> None:
    """What came last counts, however short the time between two actions was."""
    other = NetworkPolicy(namespace="x", name="deny", types=frozenset({Direction.INGRESS}))
    with _lab("late:1s") as lab:
        with lab.under(_POLICY):
            pass
        with lab.under(other):
            assert until(lambda: not _connects(lab, _OTHER))
            assert _connects(lab, _DENIED)


def test_late_does_not_delay_services() -> None:
    """Only enforcement is late: labels reach DNS and Services at once."""
    with _lab("late:600s") as lab:
        lab.apply(LabelPod(pod=A, labels={"app": "x"}))
        assert _connects(lab, _DENIED)


def test_flap() -> None:
    """From the first policy on enforcement comes and goes, again and again."""
    with _lab("flap") as lab, lab.under(_POLICY):
        for connects in (False, True, False, True):
            assert until(lambda expected=connects: expected is _connects(lab, _DENIED))  # type: ignore[misc]


def test_dead_listener() -> None:
    """After the first policy the first pod's listeners are closed; its address still answers, so it refuses."""
    own = Flow(source=A, target=A, port=80)
    with _lab("dead-listener") as lab:
        assert {own: Outcome.CONNECTED, _OTHER: Outcome.CONNECTED} == lab.ask([own, _OTHER])
        with lab.under(_POLICY):
            assert {own: Outcome.REFUSED, _OTHER: Outcome.CONNECTED} == lab.ask([own, _OTHER])


def test_lost_address() -> None:
    """After the first policy the first pod has no address: it reaches nothing, and nothing reaches it."""
    to = Flow(source=B, target=A, port=80)
    with _lab("lost-address") as lab:
        assert _connects(lab, to)
        with lab.under(_POLICY):
            seen = lab.ask([to, Flow(source=A, target=B, port=80), _OTHER])
    assert [False, False, True] == [
        seen[f] is Outcome.CONNECTED for f in (to, Flow(source=A, target=B, port=80), _OTHER)
    ]


def test_dead_lab() -> None:
    """After the first policy nothing is left, and everything that is asked says so."""
    with _lab("dead-lab") as lab:
        lab.apply(ApplyPolicy(policy=_POLICY))
        for ask in (lab.cluster.identities, lab.cluster.arrivals, lab.cluster.evidence, lambda: lab.ask([_DENIED])):
            with pytest.raises(ClusterError, match="the lab's process was killed by SIGKILL"):
                ask()
