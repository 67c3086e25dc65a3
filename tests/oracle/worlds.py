"""Random clusters and policies for the three-way check: policies as raw manifests, the rest as the model has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import yaml
from hypothesis import strategies as st

from prober.manifest import load
from prober.model import (
    ClusterState,
    Family,
    Flow,
    NodeRef,
    Pod,
    PodRef,
    ServiceRef,
)
from prober.oracle import Ruling
from tests.oracle import naive

Manifest = dict[str, Any]

KEYS = ("app", "tier")
VALUES = ("a", "b", "")
_NAMES_OF_NAMESPACES = "kubernetes.io/metadata.name"
_PORTS: tuple[int | str, ...] = (80, 80, 81, 53, 1, 65535, "web", "web", "alt", "dns")
_BITS = {4: (16, 0, 8, 21, 30, 31, 32, 32, 32), 6: (64, 0, 16, 48, 127, 128, 128, 128)}

Some = st.SearchStrategy[Any]

labels: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {}, optional={key: st.sampled_from(VALUES) for key in (*KEYS, "x.io/role")}
)


def weighted(*choices: tuple[int, Some]) -> Some:
    """Return a strategy that takes each of the others as often as its weight says; the first is the simplest."""
    return st.sampled_from([one for weight, one in choices for _ in range(weight)]).flatmap(lambda one: one)


NOTHING: Some = st.sampled_from((None, []))  # null, which the API takes for an absent field, and an empty list


def selectors(namespaces: Sequence[str] = ()) -> Some:
    """Return label selectors with every operator; of namespaces, also by the label that the API server sets."""
    pairs = [(k, v) for k in KEYS for v in VALUES] + [("x.io/role", "a")]
    pairs += [(_NAMES_OF_NAMESPACES, n) for n in namespaces]
    pair, key = st.sampled_from(pairs), st.sampled_from(sorted({k for k, _ in pairs}))
    by_labels = st.lists(pair, min_size=1, max_size=2).map(dict)
    by_value = st.builds(
        lambda operator, found: {"key": found[0][0], "operator": operator, "values": [v for _, v in found]},
        st.sampled_from(("In", "NotIn", "NotIn")),
        st.lists(pair, min_size=1, max_size=2, unique=True),
    )
    by_key = st.fixed_dictionaries(
        {"key": key, "operator": st.sampled_from(("Exists", "DoesNotExist"))}, optional={"values": NOTHING}
    )
    expressions = st.lists(by_value | by_key, min_size=1, max_size=2)
    return weighted(
        (2, st.just({})),
        (3, st.fixed_dictionaries({"matchLabels": by_labels}, optional={"matchExpressions": NOTHING})),
        (3, st.fixed_dictionaries({"matchExpressions": expressions}, optional={"matchLabels": st.none()})),
        (1, st.fixed_dictionaries({"matchLabels": by_labels, "matchExpressions": expressions})),
    )


@st.composite
def blocks(draw: st.DrawFn, addresses: Sequence[str]) -> Manifest:
    """Draw an ipBlock around one of the addresses, host bits as they come, with exceptions inside of it."""
    base = draw(st.sampled_from(addresses))
    bits = draw(st.sampled_from(_BITS[ip_address(base).version]))
    whole = ip_network(f"{base}/{bits}", strict=False)
    inside = [
        f"{a}/{n}"
        for a in addresses
        if ip_address(a).version == whole.version and ip_address(a) in whole
        for n in _BITS[whole.version]
        if n > bits
    ]
    text = f"{base}/{bits}"
    zeros: bool = draw(st.booleans())
    if whole.version == 4 and zeros:
        text = ".".join(f"{int(octet):03}" for octet in base.split(".")) + f"/{bits}"  # as the lenient parser takes it
    block: Manifest = {"cidr": text}
    with_exceptions = draw(st.integers(0, 3))
    if inside and with_exceptions:
        block["except"] = draw(weighted((5, st.lists(st.sampled_from(inside), min_size=1, max_size=2)), (1, NOTHING)))
    return block


def peers(namespaces: Sequence[str], addresses: Sequence[str]) -> Some:
    """Return peers by selectors, one or both, or by address."""
    pods, spaces = selectors(), selectors(namespaces)
    return weighted(
        (3, st.fixed_dictionaries({"podSelector": pods}, optional={"namespaceSelector": st.none()})),
        (2, st.fixed_dictionaries({"namespaceSelector": spaces}, optional={"podSelector": st.none()})),
        (2, st.fixed_dictionaries({"namespaceSelector": spaces, "podSelector": pods})),
        (3, st.fixed_dictionaries({"ipBlock": blocks(addresses)}, optional={"podSelector": st.none()})),
    )


def ports() -> Some:
    """Return entries of a rule's ports: all of a protocol, a number, a range, a name."""
    protocol = st.sampled_from(("TCP", "TCP", "UDP", "SCTP", None))
    start, more = st.sampled_from((80, 79, 81, 53, 1)), st.sampled_from((0, 1, 2, 1000))
    return weighted(
        (5, st.fixed_dictionaries({"port": st.sampled_from(_PORTS)}, optional={"protocol": protocol})),
        (2, st.builds(lambda low, n, p: {"port": low, "endPort": low + n, "protocol": p}, start, more, protocol)),
        (2, st.fixed_dictionaries({}, optional={"protocol": protocol, "port": st.none(), "endPort": st.none()})),
    )


def specs(namespaces: Sequence[str], addresses: Sequence[str]) -> Some:
    """Return the specs of valid policies; whatever may be left out, null or empty is so now and then."""

    def rules(side: str) -> Some:
        some_peers = st.lists(peers(namespaces, addresses), min_size=1, max_size=2)
        some_ports = st.lists(ports(), min_size=1, max_size=2)
        rule = weighted(
            (3, st.fixed_dictionaries({side: some_peers}, optional={"ports": NOTHING})),
            (3, st.fixed_dictionaries({side: some_peers, "ports": some_ports})),
            (1, st.fixed_dictionaries({"ports": some_ports}, optional={side: NOTHING})),
            (1, st.fixed_dictionaries({}, optional={side: NOTHING, "ports": NOTHING})),
        )
        return weighted((1, NOTHING), (5, st.lists(rule, min_size=1, max_size=2)))

    types = weighted(
        (2, st.sampled_from((["Ingress"], ["Egress"]))),
        (3, st.just(["Ingress", "Egress"])),
        (1, st.sampled_from((None, [], ["Egress", "Egress"]))),
    )
    whose = st.fixed_dictionaries(
        {}, optional={"podSelector": weighted((2, st.just({})), (1, st.none()), (3, selectors()))}
    )
    what = weighted(
        (2, st.fixed_dictionaries({"ingress": rules("from")}, optional={"policyTypes": types})),
        (2, st.fixed_dictionaries({"egress": rules("to")}, optional={"policyTypes": types})),
        (4, st.fixed_dictionaries({"policyTypes": types, "ingress": rules("from"), "egress": rules("to")})),
    )
    return st.builds(lambda one, other: {**one, **other}, whose, what)


def named(namespace: str, name: str, spec: Manifest) -> Manifest:
    """Return a spec as a whole NetworkPolicy."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def loaded(policies: Sequence[Manifest]) -> ClusterState:
    """Return a state with nothing in it but these policies, read from their YAML."""
    text = yaml.safe_dump_all(list(policies))
    found = [located.it for located in load(text, "random.yaml")] if policies else []
    return ClusterState(policies={p.ref: p for p in found})


def raw(state: ClusterState, policies: Sequence[Manifest]) -> naive.World:
    """Return a state as the API server would serve it, with policies as they were written."""
    return {
        "namespaces": [
            {
                "metadata": {
                    "name": n.name,
                    "labels": {k: v for k, v in n.labels.items() if k != _NAMES_OF_NAMESPACES},
                }
            }
            for n in state.namespaces.values()
        ],
        "pods": [raw_pod(pod) for pod in state.pods.values()],
        "services": [
            {
                "metadata": {"name": s.name, "namespace": s.namespace},
                "spec": {
                    "selector": dict(s.selector),
                    "clusterIPs": list(s.addresses.values()),
                    "ports": [{"port": p.port, "targetPort": p.target, "protocol": p.protocol.value} for p in s.ports],
                },
            }
            for s in state.services.values()
        ],
        "nodes": [
            {
                "metadata": {"name": f"n{n.number}"},
                "status": {"addresses": [{"address": a} for a in n.addresses.values()]},
            }
            for n in state.nodes.values()
        ],
        "policies": list(policies),
    }


def raw_pod(pod: Pod) -> Manifest:
    """Return a pod as the API server would serve it."""
    ports = [
        {"containerPort": p.number, "protocol": p.protocol.value} | ({"name": p.name} if p.name else {})
        for p in pod.ports
    ]
    return {
        "metadata": {"name": pod.name, "namespace": pod.namespace, "labels": dict(pod.labels)},
        "spec": {
            "nodeName": f"n{pod.node}",
            "hostNetwork": pod.host_network,
            "containers": [{"name": "c", "ports": ports}],
        },
        "status": {"podIPs": [{"ip": a} for a in pod.addresses.values()]},
    }


_RULINGS = {naive.NO: Ruling.DENIED, naive.MAYBE: Ruling.INDETERMINATE, naive.YES: Ruling.ALLOWED}


def second_opinion(world: naive.World, state: ClusterState, flow: Flow) -> Ruling:
    """Return what the naive evaluator says of a flow; of `state` only addresses are read."""
    found = {(p["metadata"]["namespace"], p["metadata"]["name"]): p for p in world["pods"]}
    family = 6 if flow.family is Family.IPV6 else 4
    how = (flow.port, flow.protocol.value)
    if not isinstance(flow.source, PodRef):
        assert isinstance(flow.target, PodRef)
        target = found[flow.target.namespace, flow.target.name]
        address = state.externals[flow.source].addresses[flow.family]
        return _RULINGS[naive.address_to_pod(world, address, target, *how)]
    source = found[flow.source.namespace, flow.source.name]
    match flow.target:
        case PodRef(namespace=namespace, name=name):
            answer = naive.pod_to_pod(world, source, found[namespace, name], *how, family)
        case ServiceRef(namespace=namespace, name=name):
            service = next(
                s for s in world["services"] if (s["metadata"]["namespace"], s["metadata"]["name"]) == (namespace, name)
            )
            answer = naive.pod_to_service(world, source, service, *how, family)
        case NodeRef() as ref:
            answer = naive.pod_to_address(world, source, state.nodes[ref].addresses[flow.family], *how)
        case _:
            address = state.externals[flow.target].addresses[flow.family]  # type: ignore[index]
            answer = naive.pod_to_address(world, source, address, *how)
    return _RULINGS[answer]


def addresses_of(state: ClusterState) -> tuple[str, ...]:
    """Return every address in a state that an ipBlock may be written around."""
    groups: tuple[Mapping[Any, Any], ...] = (state.pods, state.externals, state.nodes, state.services)
    found = [str(ip_interface(a).ip) for group in groups for thing in group.values() for a in thing.addresses.values()]
    return tuple(dict.fromkeys(found))
