"""The seam: what prober asks of a cluster, whichever it is; everything above it is the same code for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prober.model import Action, ClusterState, PodRef, PolicyRef, ServiceRef, Source, Topology

NO_SCTP = "needs sctp, and nc speaks none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a pod is right now: if any of it changes, what was proved about the pod before counts no more."""

    uid: str
    addresses: tuple[str, ...]
    started: str  # the container's start, as the cluster writes it


class Cluster(Protocol):
    """One topology on one cluster. Every method raises ClusterError when the cluster cannot do what is asked.

    `stream`, `identities` and `ready` may be called from several threads at once; the others from one.
    """

    name: str  # stands first in every output: `lab`, or the cluster's name and the context
    echoes_nonce: bool  # whether its listeners answer a datagram with its nonce and their name, or with the name alone
    lasts: float  # seconds for which a topology stays open, whatever becomes of prober
    at_once: int  # attempts that it bears under way at once before it answers late

    def lacks(self, needs: Collection[str], topology: Topology) -> str:
        """Say why this cluster cannot run a scenario with these `requires` and this topology to open; "" if it can."""
        ...

    def open(self, topology: Topology) -> ClusterState:
        """Make the topology; return it with addresses, with what is the cluster's own, and policies of others."""
        ...

    def apply(self, action: Action) -> Action:
        """Carry out one action; return it as done (an added pod carries its addresses)."""
        ...

    def stream(self, source: Source, request: str) -> Iterator[str]:
        """Run the source's probe script on `request` (see probe.py); yield its lines as they come, no line ends."""
        ...

    def hostname(self, pod: PodRef) -> str:
        """Return the name with which a pod's listeners answer: unique in the run."""
        ...

    def identities(self) -> Mapping[PodRef, Identity]:
        """Return who every pod of the topology is now; a pod that is gone is missing."""
        ...

    def images(self) -> Mapping[PodRef, str]:
        """Return what the probe of each pod runs, by digest; nothing where pods are no containers."""
        ...

    def stored(self, policy: PolicyRef) -> Mapping[str, Any]:
        """Return a policy that is in force as the cluster stored it, under the cluster's own names."""
        ...

    def ready(self) -> Collection[ServiceRef]:
        """Return the topology's Services that have a ready backend now, as the cluster itself sees it."""
        ...

    def arrivals(self) -> frozenset[str] | None:
        """Return the nonces of all datagrams that reached a listener so far; None where listeners do not log them."""
        ...

    def remarks(self) -> Sequence[str]:
        """Return what changes verdicts, or may, and is none of the scenario's: policies of others, as of now."""
        ...

    def evidence(self) -> str:
        """Return what a person needs to understand a failure: logs, events, the rules in force."""
        ...

    def reproduce(self, source: Source, command: str) -> str:
        """Return the shell command that runs `command` (a probe's own nc or dig) as `source` runs it."""
        ...

    def close(self) -> None:
        """Remove everything that this object made and nothing else; safe to call twice and from a signal's cleanup."""
        ...
