"""Services -> nftables text for one node, from the model alone: ClusterIPs become backends, or are refused at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prober.cluster.lab.script import REFUSE, WORDS, Draft, Script
from prober.model import ClusterState, Family, Service, ServicePort


def compile_services(state: ClusterState, node: int, generation: int) -> Script:
    """Return the rules by which `node` translates ClusterIPs to a random backend, for pods and for the node itself."""
    draft = Draft("prober_services", generation)
    lead: list[str] = []
    refuse: list[str] = []
    hairpin: list[str] = []
    for family, (word, kind) in WORDS.items():
        verdicts: list[str] = []
        empty: list[str] = []
        number = 0
        for service, port in _ports(state, family):
            key = f"{service.addresses[family]} . {port.protocol.lower()} . {port.port}"
            backends = _backends(state, service, port, family)
            if not backends:
                empty.append(key)
                continue
            chain = f"service_{family}_{number}"
            number += 1
            choices = ", ".join(f"{i} : {address} . {target}" for i, (address, target) in enumerate(backends))
            draft.chain(chain)
            pick = f"numgen random mod {len(backends)} map {{ {choices} }}"
            draft.rule(chain, f"meta l4proto {port.protocol.lower()} dnat {word} to {pick}")
            verdicts.append(f"{key} : goto {chain}")
        draft.map(f"services_{family}", f"{kind} . inet_proto . inet_service", verdicts)
        draft.set(f"empty_{family}", f"{kind} . inet_proto . inet_service", empty)
        draft.set(f"hairpin_{family}", f"{kind} . {kind}", [f"{a} . {a}" for a in _own_pods(state, node, family)])
        asked = f"{word} daddr . meta l4proto . th dport"
        lead.append(f"{asked} vmap @services_{family}")
        refuse.extend(f"{asked} @empty_{family} {how}" for how in REFUSE)
        # a pod that reaches itself through a Service would answer itself, past the translation
        hairpin.append(f"ct status dnat {word} saddr . {word} daddr @hairpin_{family} masquerade")
    draft.hook("from_pods", "type nat hook prerouting priority -100", lead)
    draft.hook("from_node", "type nat hook output priority -100", lead)
    draft.hook("to_itself", "type nat hook postrouting priority 100", hairpin)
    # before the policies (priority 0): where nobody can answer, a denial must not look like a drop
    draft.hook("refused_pods", "type filter hook forward priority -10", refuse)
    draft.hook("refused_node", "type filter hook output priority -10", refuse)
    return draft.script()


def _ports(state: ClusterState, family: Family) -> Iterator[tuple[Service, ServicePort]]:
    for service in state.services.values():
        if family in service.addresses:  # a headless Service has none
            for port in service.ports:
                yield service, port


def _backends(state: ClusterState, service: Service, port: ServicePort, family: Family) -> Sequence[tuple[str, int]]:
    """Return address and number of what answers; a pod without the port that `target` names does not (semantics 35)."""
    if not service.selector:
        return [(e[family], port.target) for e in service.endpoints if family in e and isinstance(port.target, int)]
    return [
        (pod.addresses[family], number)
        for pod in state.backends(service)
        if family in pod.addresses
        and (number := port.target if isinstance(port.target, int) else pod.port_named(port.target, port.protocol))
    ]


def _own_pods(state: ClusterState, node: int, family: Family) -> Sequence[str]:
    return [
        pod.addresses[family]
        for pod in state.pods.values()
        if pod.node == node and not pod.host_network and family in pod.addresses
    ]
