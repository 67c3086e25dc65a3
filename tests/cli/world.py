"""A scenario on disk, and clusters in memory that enforce it, or do not."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from prober.cluster.fake import Asked, FakeCluster, Says, forgotten, target_of
from prober.model import ClusterState, Flow, PodRef, Protocol
from prober.oracle import Ruling, judge

DENY = """\
summary: Default deny in payments
tags: [default-deny, smoke]
namespaces: {payments: {}, marketing: {}}
pods:
  payments/postgres: {labels: {app: postgres}, ports: [5432]}
  marketing/web: {labels: {app: web}, ports: [80]}
steps:
  - name: default deny
    apply:
      - apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: default-deny, namespace: payments}
        spec: {podSelector: {}}
    expect: {denied: [marketing/web -> payments/postgres], allowed: [payments/postgres -> marketing/web]}
"""
IDLE = """\
summary: Nothing but two pods
tags: [idle]
namespaces: {shop: {}}
pods:
  shop/a: {ports: [80]}
  shop/b: {ports: [80]}
steps:
  - {name: nothing happens, expect: {allowed: [any -> any]}}
"""
LEAKING = "marketing/web -> payments/postgres:5432"


def written(directory: Path) -> Path:
    """Write both scenarios into a directory and return it."""
    (directory / "deny.scenario.yaml").write_text(DENY)
    (directory / "idle.scenario.yaml").write_text(IDLE)
    return directory


def enforcing(state: ClusterState, asked: Asked) -> str:
    """Say what nc would say on a cluster that does what the oracle says."""
    target = target_of(state, asked)
    assert isinstance(target, PodRef)
    assert isinstance(asked.source, PodRef)
    flow = Flow(source=asked.source, target=target, port=asked.port, protocol=Protocol.TCP, family=asked.family)
    if judge(state, flow).ruling is Ruling.DENIED:
        return f"nc: connect to {asked.host} port {asked.port} (tcp) timed out: Operation now in progress"
    name = FakeCluster(enforcing).hostname(target)
    return f"Connection to {asked.host} {asked.port} port [tcp/*] succeeded!\n{name}"


def leaking(state: ClusterState, asked: Asked) -> str:
    """Say what nc would say on a cluster that never heard of policies."""
    return enforcing(forgotten(state), asked)


def broken(state: ClusterState, asked: Asked) -> str:
    """Say what nc would say on a cluster that denies what is allowed once there is a policy."""
    if state.policies and (PodRef("payments", "postgres"), PodRef("marketing", "web")) == (
        asked.source,
        target_of(state, asked),
    ):
        return f"nc: connect to {asked.host} port {asked.port} (tcp) timed out: Operation now in progress"
    return enforcing(state, asked)


def mute(state: ClusterState, asked: Asked) -> str:
    """Say something that no nc says."""
    return "bash: nc: command not found"


class FakeLab(FakeCluster):
    """Stands where the lab would, and takes the same words."""

    says: Says = staticmethod(enforcing)

    def __init__(self, *, deny: str = "drop", fault: str | None = None) -> None:
        super().__init__(leaking if fault else type(self).says)
        self.deny = deny

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
