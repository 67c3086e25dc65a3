"""One change of the lab, as its process takes it: who comes and goes, what they answer, which rules are in force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from prober.cluster.lab import blueprint
from prober.cluster.lab.faults import Fault, FaultKind
from prober.cluster.lab.nft import Script, compile_policies
from prober.cluster.lab.services import compile_services
from prober.cluster.lab.zone import resolv_conf, zone_of
from prober.model import ClusterState, Pod, PodRef

Change = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """How the policies are enforced, and which generation of each kind of rules comes next."""

    deny: str
    fault: Fault | None
    policies: int = 0
    services: int = 0

    def after(self, change: Change) -> Regime:
        """Return the regime once a change has been carried out; one that failed is numbered again."""
        return replace(
            self,
            policies=self.policies + bool(change["policies"]),
            services=self.services + bool(change["services"]),
        )


def opening(state: ClusterState, token: str, regime: Regime) -> Change:
    """Return the change from nothing to the whole state."""
    pods = tuple(state.pods.values())
    change = _change(state, token, regime, adds=pods, translate=True)
    change["nodes"] = blueprint.nodes(state)
    change["hosts"] += blueprint.external_hosts(state)
    change["owners"] += blueprint.external_owners(state)
    change["listeners"] += blueprint.other_listeners(state, token)
    change["resolvers"] = [(name, resolv_conf(state, name)) for name in state.namespaces]
    return change


def adding(pod: Pod, state: ClusterState, token: str, regime: Regime) -> Change:
    """Return the change by which a pod appears in `state`."""
    return _change(state, token, regime, adds=(pod,), translate=True)


def removing(pod: PodRef, state: ClusterState, token: str, regime: Regime) -> Change:
    """Return the change by which a pod has disappeared from `state`."""
    return {**_change(state, token, regime, translate=True), "remove": [blueprint.key(pod)]}


def deciding(state: ClusterState, token: str, regime: Regime, *, translate: bool) -> Change:
    """Return the change of policies or labels; `translate`: the backends of Services may be others now."""
    return _change(state, token, regime, translate=translate)


def _change(state: ClusterState, token: str, regime: Regime, *, adds: Iterable[Pod] = (), translate: bool) -> Change:
    fault, numbers = regime.fault, [node.number for node in state.nodes.values()]
    policies = [_plain(n, compile_policies(state, n, regime.policies, deny=regime.deny, fault=fault)) for n in numbers]
    return {
        "remove": [],
        "nodes": [],
        "hosts": blueprint.hosts(adds),
        "owners": blueprint.owners(adds),
        "listeners": blueprint.pod_listeners(adds, state, token),
        "resolvers": [],
        "zone": zone_of(state) if translate else None,
        "services": [_plain(n, compile_services(state, n, regime.services)) for n in numbers] if translate else [],
        "policies": policies,
        "delay": fault.delay if fault is not None and fault.kind is FaultKind.LATE else 0.0,
        "turns": [_turns(n, regime.policies) for n in numbers] if _flaps(fault) else [],
        "outage": fault.delay if fault is not None and fault.kind is FaultKind.OUTAGE else 0.0,
    }


def _plain(node: int, script: Script) -> tuple[str, tuple[str, ...], str]:
    return f"node/{node}", script.fill, script.switch


def _flaps(fault: Fault | None) -> bool:
    return fault is not None and fault.kind is FaultKind.FLAP


def _turns(node: int, generation: int) -> tuple[str, str, str]:
    """Return what lets a node forget its policies for a while: a dormant table keeps its rules and has no hooks."""
    table = f"add table inet prober_policies_{generation}"
    return f"node/{node}", f"{table} {{ flags dormant; }}\n", f"{table}\n"
