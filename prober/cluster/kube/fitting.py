"""Whether a scenario fits a cluster, and the user's permission for it (pure)."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_network

from prober.cluster.base import NO_SCTP
from prober.cluster.kube.reading import Nodes
from prober.cluster.kube.target import KubeTarget
from prober.errors import ClusterError
from prober.model import External, Family, Topology


def lacking(needs: Collection[str], topology: Topology, nodes: Nodes, target: KubeTarget) -> str:
    """Say what of a scenario's needs (the words of its `requires`) cannot be had here; "" if all can."""
    if not nodes.usable:
        return f"no node can run probe pods: {_aside(nodes)}"
    if "two-nodes" in needs and len(nodes.usable) < 2 and nodes.unseen:
        return f"needs two nodes: {nodes.unseen}"
    if "two-nodes" in needs and len(nodes.usable) < 2:
        return f"needs two nodes, and one can run probe pods{': ' + _aside(nodes) if nodes.left_out else ''}"
    highest = _highest(topology)
    if highest > max(2, len(nodes.usable)):
        return f"needs {highest} nodes, and {len(nodes.usable)} can run probe pods"
    if "host-network" in needs and not target.allow_host_network:
        return "needs pods in their node's network; allow them with --allow-host-network"
    if "ipv6" in needs and Family.IPV6 not in _families(nodes):
        return "needs ipv6, and the nodes have no addresses of it for pods"
    if "sctp" in needs:
        return NO_SCTP
    return next((why for e in topology.externals if (why := _absent(e, target))), "")


def refuse(topology: Topology, nodes: Nodes, target: KubeTarget) -> None:
    """Raise ClusterError for a topology that cannot or must not be made here."""
    highest = _highest(topology)
    if len(nodes.usable) < highest:
        raise ClusterError(
            f"the scenario puts pods on {highest} nodes, and {len(nodes.usable)} can run them: {_aside(nodes)}"
        )
    if len(topology.pods) > target.max_pods:
        raise ClusterError(f"{len(topology.pods)} pods are more than the {target.max_pods} allowed (--max-pods)")
    if not target.allow_host_network and (guest := next((p for p in topology.pods if p.host_network), None)):
        raise ClusterError(f"pod {guest.ref} is in its node's network; allow that with --allow-host-network")


def _highest(topology: Topology) -> int:
    """Return the highest node number that a scenario's own pods ask for; prober's are put where there is room."""
    return max((p.node or 1 for p in topology.pods if not p.system), default=1)


def _aside(nodes: Nodes) -> str:
    return "; ".join(f"{name} {reason}" for name, reason in nodes.left_out.items()) or "there is no other"


def _absent(external: External, target: KubeTarget) -> str:
    host = target.externals.get(external.name)
    if host is None:
        return f"needs the external host {external.name}; say where it is with --external {external.name}=IP:PORT"
    offered = {(p.number, p.protocol) for p in host.ports}
    if lost := [p for p in external.ports if (p.number, p.protocol) not in offered]:
        return f"needs port {lost[0]} of the external host {external.name}, which --external does not name"
    return ""


def _families(nodes: Nodes) -> frozenset[Family]:
    """Return the families that pods may get; where no node says so (the cloud hands them out), all of them."""
    blocks = [ip_network(c) for n in nodes.usable for c in n.get("spec", {}).get("podCIDRs") or ()]
    found = frozenset(Family.IPV4 if b.version == 4 else Family.IPV6 for b in blocks)
    return found or frozenset(Family)
