"""Labs for tests: one that probes, and one whose probe script is any shell text, to look at the sandbox from inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from prober.cluster.lab.cluster import LabCluster
from prober.model import External, Namespace, Pod, PodRef, Port, Protocol, Source, Topology

TOPOLOGY = Topology(
    namespaces=(Namespace(name="x"), Namespace(name="y")),
    pods=(
        Pod(namespace="x", name="a", node=1, ports=(Port(number=80), Port(number=53, protocol=Protocol.UDP))),
        Pod(namespace="x", name="b", node=1, ports=(Port(number=80),)),
        Pod(namespace="y", name="c", node=2, ports=(Port(number=80), Port(number=53, protocol=Protocol.UDP))),
    ),
    externals=(External(name="e", ports=(Port(number=443),)),),
)
A, B, C = PodRef("x", "a"), PodRef("x", "b"), PodRef("y", "c")

Shell = Callable[[Source, str], list[str]]


@pytest.fixture
def shell_lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[LabCluster]:
    """An open lab in which `stream(source, text)` runs the text as a shell script."""
    monkeypatch.setattr("prober.probe.script", lambda: 'eval "$(cat)"\n')
    with LabCluster() as cluster:
        cluster.open(TOPOLOGY)
        yield cluster


@pytest.fixture
def shell(shell_lab: LabCluster) -> Shell:
    """A function that runs shell text in a source and returns its lines."""
    return lambda source, text: list(shell_lab.stream(source, text))
