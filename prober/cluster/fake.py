"""A cluster in memory: whoever makes it says what every probe sees; it sends nothing, and can break in many ways."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prober import manifest
from prober.cluster.base import NO_SCTP, Identity
from prober.errors import ClusterError
from prober.model import (
    Action,
    AddPod,
    ClusterState,
    ExternalRef,
    Family,
    PodRef,
    PolicyRef,
    ServiceRef,
    Source,
    Topology,
)
from prober.model.plan import planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One probe as the script reads it."""

    source: Source
    kind: str
    family: Family
    timeout: int
    host: str
    port: int
    nonce: str


# What nc or dig would write, or None for a probe whose line never arrives.
Says = Callable[[ClusterState, Asked], str | None]


class FakeCluster:
    """Answers at once with what `says` returns; a denial takes no time, so its clock says that it did."""

    name = "fake"
    echoes_nonce = True
    lasts = math.inf
    at_once = 10_000

    def __init__(self, says: Says) -> None:
        self._says = says
        self.state = ClusterState()
        self.actions: list[Action] = []
        self.restarts: dict[PodRef, int] = {}
        self.remarked: list[str] = []
        self.unready: set[ServiceRef] = set()
        self.dead = False
        self.closed = 0

    def lacks(self, needs: Collection[str], topology: Topology) -> str:  # noqa: ARG002  # the seam says so
        return NO_SCTP if "sctp" in needs else ""

    def open(self, topology: Topology) -> ClusterState:
        self.state, self._plan = planned(topology)
        return self.state

    def apply(self, action: Action) -> Action:
        self._alive()
        if isinstance(action, AddPod):
            action = AddPod(pod=self._plan.place(action.pod))
        self.actions.append(action)
        self.state = self.state.after(action)
        return action

    def stream(self, source: Source, request: str) -> Iterator[str]:
        self._alive()
        count = 0
        for line in request.splitlines():
            token, word, *fields = line.split(" ")
            now = time.monotonic()
            match word:
                case "clock":
                    yield f"{token} clock {now:.2f}"
                case "wait":
                    pass
                case "end":
                    yield f"{token} end {count}"
                case _:
                    count += 1
                    kind, family, timeout, host, port, nonce = fields
                    asked = Asked(
                        source=source,
                        kind=kind,
                        family=Family.IPV6 if family == "6" else Family.IPV4,
                        timeout=int(timeout),
                        host=host,
                        port=int(port),
                        nonce=nonce,
                    )
                    text = self._says(self.state, asked)
                    if text is not None:
                        escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
                        yield f"{token} {word} 0 {now:.2f} {now + asked.timeout:.2f} {escaped}"

    def hostname(self, pod: PodRef) -> str:
        return f"fake-{pod.namespace}-{pod.name}"

    def restart(self, pod: PodRef) -> None:
        """Replace a pod: the same name and address, another identity."""
        self.restarts[pod] = self.restarts.get(pod, 0) + 1

    def identities(self) -> Mapping[PodRef, Identity]:
        self._alive()
        return {
            ref: Identity(
                uid=f"{ref}#{self.restarts.get(ref, 0)}", addresses=tuple(pod.addresses.values()), started="0"
            )
            for ref, pod in self.state.pods.items()
        }

    def images(self) -> Mapping[PodRef, str]:
        return {}

    def stored(self, policy: PolicyRef) -> Mapping[str, Any]:
        return manifest.dump(self.state.policies[policy])

    def ready(self) -> Collection[ServiceRef]:
        return [s.ref for s in self.state.services.values() if self.state.backends(s) and s.ref not in self.unready]

    def arrivals(self) -> frozenset[str] | None:
        return None

    def remarks(self) -> Sequence[str]:
        return self.remarked

    def evidence(self) -> str:
        return "a fake has no evidence"

    def reproduce(self, source: Source, command: str) -> str:
        return f"# in {source}: {command}"

    def close(self) -> None:
        self.closed += 1

    def _alive(self) -> None:
        if self.dead:
            raise ClusterError("fake: the cluster is gone")


def target_of(state: ClusterState, asked: Asked) -> PodRef | ExternalRef | None:
    """Return whose address a probe knocks at; None for a Service's, a node's or nobody's."""
    for ref, pod in state.pods.items():
        if pod.addresses.get(asked.family) == asked.host:
            return ref
    for external, host in state.externals.items():
        if host.addresses.get(asked.family) == asked.host:
            return external
    return None


def forgotten(state: ClusterState) -> ClusterState:
    """Return the state as a plugin sees it that never heard of policies."""
    return replace(state, policies={})
