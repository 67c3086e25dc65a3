"""The embedded lab as a Cluster: what the model asks becomes orders to the lab's process."""

from __future__ import annotations

import math
import os
import secrets
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prober import manifest, probe
from prober.cluster.base import NO_SCTP, Identity
from prober.cluster.lab import blueprint, orders
from prober.cluster.lab.faults import FaultKind, parse_fault
from prober.cluster.lab.link import Link
from prober.cluster.lab.orders import Change, Regime
from prober.cluster.lab.stream import stream
from prober.cluster.lab.tools import find_tools
from prober.errors import ClusterError
from prober.model import (
    Action,
    AddPod,
    ApplyPolicy,
    ClusterState,
    DeletePolicy,
    Family,
    LabelNamespace,
    LabelPod,
    NodeRef,
    Pod,
    PodRef,
    PolicyRef,
    RemovePod,
    ServiceRef,
    Source,
    Topology,
)
from prober.model.plan import AddressPlan, planned


@dataclass(slots=True, kw_only=True)
class _Open:
    """What there is between `open` and `close`."""

    link: Link
    state: ClusterState
    plan: AddressPlan
    regime: Regime
    identities: Mapping[PodRef, Identity]


class LabCluster:
    """A cluster of network namespaces on this machine; `deny` is how it denies, `fault` makes it lie."""

    name = "lab"
    echoes_nonce = True
    lasts = math.inf
    # Each attempt is a process here. With 3,480 at once on two busy cores allowed cells timed out; with 512 none did.
    at_once = 256 * (os.cpu_count() or 1)

    def __init__(self, *, deny: str = "drop", fault: str | None = None) -> None:
        self._opened: _Open | None = None
        self._regime = Regime(deny=deny, fault=None if fault is None else parse_fault(fault))
        self._token = secrets.token_hex(3)
        self._arrived: set[str] = set()
        self._pods_made = 0
        self._broken = False  # the fault that breaks the lab itself has done so

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self._opened is not None:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)
            self.close()

    def lacks(self, needs: Collection[str], topology: Topology) -> str:  # noqa: ARG002  # the seam says so
        """Say what the lab cannot be: it has everything but what nc does not speak."""
        return NO_SCTP if "sctp" in needs else ""

    def open(self, topology: Topology) -> ClusterState:
        """Build the topology, furnished; in IPv4 alone where the kernel has no IPv6."""
        if self._opened is not None:
            raise ClusterError("the lab is open already")
        tools = find_tools()
        link = Link()  # its process starts while the plan is made
        try:
            families = tuple(f for f in topology.families if f is Family.IPV4 or Path("/proc/sys/net/ipv6").exists())
            try:
                state, plan = planned(replace(topology, families=families))
            except ValueError as error:
                raise ClusterError(str(error)) from error
            change = orders.opening(state, self._token, self._regime)
            settings = {"shell": tools.shell, "nft": tools.nft, "script": probe.script()}
            link.settle({**settings, "environment": dict(tools.environment)}, change)
        except BaseException:
            link.close()
            raise
        identities = {pod.ref: self._identity(pod) for pod in state.pods.values()}
        regime = self._regime.after(change)
        self._opened = _Open(link=link, state=state, plan=plan, regime=regime, identities=identities)
        return state

    def apply(self, action: Action) -> Action:
        """Carry out one action: when this returns, the rules are in force on every node (unless the fault is late)."""
        lab = self._lab()
        _refuse_impossible(action, lab.state)
        if isinstance(action, AddPod):
            try:
                action = AddPod(pod=lab.plan.place(action.pod))
            except ValueError as error:
                raise ClusterError(f"{action}: {error}") from error
        after = lab.state.after(action)
        change = self._change(action, after, lab.regime)
        lab.link.ask("change", change)
        lab.state, lab.regime = after, lab.regime.after(change)
        match action:
            case AddPod(pod=pod):
                lab.identities = {**lab.identities, pod.ref: self._identity(pod)}
            case RemovePod(pod=ref):
                lab.identities = {r: i for r, i in lab.identities.items() if r != ref}
            case ApplyPolicy():
                self._break(lab)
        return action

    def stream(self, source: Source, request: str) -> Iterator[str]:
        """Run the probe script in the source's namespaces; closing the iterator ends the script."""
        return stream(self._lab().link, blueprint.key(source), request)

    def hostname(self, ref: blueprint.Ref) -> str:
        """Return the name with which a thing's listeners answer; for a Service, that of the API server alone."""
        return blueprint.hostname(self._token, ref)

    def identities(self) -> Mapping[PodRef, Identity]:
        """Return who every pod is now: who is there, and what addresses it holds, as the lab's process sees it."""
        lab = self._lab()
        alive: dict[str, list[str]] = lab.link.ask("alive")
        return {
            ref: replace(identity, addresses=tuple(alive[blueprint.key(ref)]))
            for ref, identity in lab.identities.items()
            if blueprint.key(ref) in alive
        }

    def images(self) -> Mapping[PodRef, str]:
        """Return nothing: what a pod of the lab runs are this machine's own programs, which the survey names."""
        return {}

    def stored(self, policy: PolicyRef) -> Mapping[str, Any]:
        """Return a policy as the lab enforces it: it stores no objects, only what they mean."""
        return manifest.dump(self._lab().state.policies[policy])

    def ready(self) -> Collection[ServiceRef]:
        """Return the Services with backends: the lab's rules follow each change before it is done."""
        state = self._lab().state
        return [s.ref for s in state.services.values() if state.backends(s)]

    def arrivals(self) -> frozenset[str]:
        """Return what datagrams have brought to any listener since the lab was opened."""
        self._arrived.update(self._lab().link.ask("arrivals"))
        return frozenset(self._arrived)

    def remarks(self) -> Sequence[str]:
        """Return nothing: in the lab there is nobody else."""
        return ()

    def evidence(self) -> str:
        """Return each node's rules with their counters, the listeners, and what the lab's processes complained of."""
        lab = self._lab()
        text: str = lab.link.ask("evidence", [blueprint.key(ref) for ref in lab.state.nodes])
        log = lab.link.log()
        return f"{text}\n# standard error\n{log}" if log else text

    def reproduce(self, source: Source, command: str) -> str:
        """Return the command and where it ran: the lab is gone once its run is over."""
        return f"# in the lab, from {source} (prober run FILE --only makes it again)\n{command}"

    def close(self) -> None:
        """End the lab's process, and with it everything in it."""
        if self._opened is not None:
            self._opened.link.close()
            self._opened = None

    def _lab(self) -> _Open:
        if self._opened is None:
            raise ClusterError("the lab is not open")
        return self._opened

    def _identity(self, pod: Pod) -> Identity:
        self._pods_made += 1
        return Identity(
            uid=f"{self._token}-{self._pods_made}",
            addresses=tuple(pod.addresses.values()),
            started=datetime.now(UTC).isoformat(),
        )

    def _change(self, action: Action, after: ClusterState, regime: Regime) -> Change:
        match action:
            case AddPod(pod=pod):
                return orders.adding(pod, after, self._token, regime)
            case RemovePod(pod=ref):
                return orders.removing(ref, after, self._token, regime)
            case _:
                return orders.deciding(after, self._token, regime, translate=isinstance(action, LabelPod))

    def _break(self, lab: _Open) -> None:
        """Do what a fault of the lab itself does, once, after the first policy."""
        if self._broken or lab.regime.fault is None:
            return
        self._broken = True
        victim = next((p for p in lab.state.probe_pods() if p.ports and not p.host_network), None)
        key = [] if victim is None else [blueprint.key(victim.ref)]
        match lab.regime.fault.kind:
            case FaultKind.DEAD_LISTENER:
                lab.link.ask("break", key, [])
            case FaultKind.LOST_ADDRESS:
                lab.link.ask("break", [], key)
            case FaultKind.DEAD_LAB:
                lab.link.kill()


def _refuse_impossible(action: Action, state: ClusterState) -> None:
    """Raise ClusterError for what no cluster could carry out."""
    match action:
        case DeletePolicy(policy=policy) if policy not in state.policies:
            raise ClusterError(f"{action}: there is no such policy")
        case RemovePod(pod=ref) | LabelPod(pod=ref) if ref not in state.pods:
            raise ClusterError(f"{action}: there is no such pod")
        case LabelNamespace(namespace=name) if name not in state.namespaces:
            raise ClusterError(f"{action}: there is no such namespace")
        case ApplyPolicy(policy=policy_) if policy_.namespace not in state.namespaces:
            raise ClusterError(f"{action}: there is no such namespace")
        case AddPod(pod=pod) if pod.ref in state.pods:
            raise ClusterError(f"{action}: there is one already")
        case AddPod(pod=pod) if pod.namespace not in state.namespaces:
            raise ClusterError(f"{action}: there is no such namespace")
        case AddPod(pod=pod) if pod.node is not None and NodeRef(pod.node) not in state.nodes:
            raise ClusterError(f"{action}: there is no node {pod.node}")
