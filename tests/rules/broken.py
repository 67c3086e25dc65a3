"""The rules of docs/semantics.md, each with readers that get it wrong, or with the reason why nothing can show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING, Any

from prober import manifest, rules
from prober.model import (
    EVERYTHING,
    Direction,
    LabelSelector,
    Lookup,
    Network,
    NetworkPolicy,
    PodPeer,
    PolicyPort,
    Protocol,
)
from prober.oracle import Ruling
from prober.syntax import address_block
from tests.rules.mutants import (
    EGRESS,
    INGRESS,
    Reader,
    all_is_all,
    alternatives,
    by_block,
    by_peer,
    by_policy,
    by_port,
    by_rule,
    by_selector,
    crossed,
    everybody_isolated,
    everywhere,
    exceptions_deny,
    first_labels_of_namespaces,
    first_labels_of_pods,
    first_number,
    nameless,
    new_pods_are_free,
    nodes_are_no_addresses,
    nodes_knock_in_vain,
    only_named,
    only_those,
    packet_by_packet,
    plain_pods,
    pods_are_no_addresses,
    policed_at_home,
    service_ports,
    services_have_no_labels,
    without_absence,
)

if TYPE_CHECKING:
    import pytest

MUTANTS: dict[int, dict[str, Reader]] = {
    1: {"every pod is isolated": everybody_isolated},
    2: {"a policy isolates both directions": by_policy(lambda p: replace(p, types=frozenset(Direction)))},
    3: {"an empty podSelector selects nobody": only_those(lambda p: p.pods != EVERYTHING)},
    4: {"a policy acts on every namespace": everywhere},
    5: {"the last policy decides": lambda c: c.under([*c.state.policies.values()][-1:])},
    6: {
        "egress alone decides": by_policy(lambda p: replace(p, types=p.types - {INGRESS})),
        "ingress alone decides": by_policy(lambda p: replace(p, types=p.types - {EGRESS})),
    },
    7: {"replies need rules of their own": packet_by_packet},
    9: {
        "rules name their directions": by_policy(
            lambda p: replace(p, types=p.types | {d for d, r in ((INGRESS, p.ingress), (EGRESS, p.egress)) if r})
        )
    },
    10: {
        "a direction without rules is open": by_policy(
            lambda p: replace(p, types=frozenset(d for d in p.types if p.rules(d)))
        )
    },
    11: {"an empty rule allows nothing": by_rule(lambda r: (r,) if r.peers or r.ports else ())},
    13: {"policies look at pods once": first_labels_of_pods},
    15: {"no peers is every pod": by_rule(lambda r: (replace(r, peers=r.peers or (PodPeer(namespaces=EVERYTHING),)),))},
    16: {
        "a podSelector looks everywhere": by_peer(
            lambda p: (replace(p, namespaces=p.namespaces or EVERYTHING) if isinstance(p, PodPeer) else p,)
        ),
        "both in one element are alternatives": by_peer(alternatives),
    },
    17: {
        "an empty podSelector is none": by_peer(
            lambda p: () if isinstance(p, PodPeer) and p.pods == EVERYTHING and p.namespaces is None else (p,)
        )
    },
    18: {
        "an empty namespaceSelector is none": by_peer(
            lambda p: (
                (replace(p, namespaces=None, pods=p.pods or EVERYTHING),)
                if isinstance(p, PodPeer) and p.namespaces == EVERYTHING
                else (p,)
            )
        )
    },
    20: {
        "NotIn and DoesNotExist want the key": by_selector(without_absence),
        "one requirement is enough": by_selector(
            lambda s: LabelSelector(expressions=s.expressions[:1]) if s.expressions else s
        ),
    },
    21: {"namespaces have no label of their name": by_selector(nameless)},
    22: {"pods count by their first labels": first_labels_of_pods},
    23: {"a pod is policed at its own address": policed_at_home},
    24: {"ipBlocks take no pods": by_block(pods_are_no_addresses)},
    25: {
        "exceptions are not read": by_block(lambda b: (replace(b, excepts=()),)),
        "exceptions deny": exceptions_deny,
    },
    27: {"every address of one family is every address": by_block(all_is_all)},
    28: {"selectors take nobody behind a Service": services_have_no_labels},
    31: {
        "no ports is every TCP port": by_rule(lambda r: (replace(r, ports=r.ports or (PolicyPort(),)),)),
        "an entry without port is none": by_port(lambda p: () if p.port is None else (p,)),
    },
    32: {"protocols are not read": by_port(lambda p: [replace(p, protocol=x) for x in Protocol])},
    33: {"the Service's port counts": service_ports},
    34: {
        "endPort is not read": by_port(lambda p: (replace(p, end=None),)),
        "endPort is beyond the range": by_port(
            lambda p: (replace(p, end=p.end - 1) if p.end and isinstance(p.port, int) and p.end > p.port else p,)
        ),
    },
    35: {"a name is one number everywhere": first_number},
    36: {"a number counts only for ports with a name": only_named},
    38: {"any peer on any port of any rule": by_policy(crossed)},
    40: {"a node is no exception": nodes_knock_in_vain},
    41: {"hostNetwork pods are pods": plain_pods},
    42: {"ipBlocks take no nodes": by_block(nodes_are_no_addresses)},
    43: {"a new pod is open": new_pods_are_free},
    44: {
        "labels of pods never change": first_labels_of_pods,
        "labels of namespaces never change": first_labels_of_namespaces,
    },
    46: {"a deleted policy stays": lambda c: c.under({**c.past, **c.state.policies}.values())},
    47: {"look-ups are nobody's business": lambda c: Ruling.ALLOWED if isinstance(c.flow.target, Lookup) else c.truth},
}


def _missing_types(found: frozenset[Direction]) -> Callable[[pytest.MonkeyPatch], None]:
    """Read a policy without policyTypes as one for these."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right = manifest._spec

        def wrong(value: Any, *rest: Any) -> NetworkPolicy:
            policy = right(value, *rest)
            given = value.entries().get("policyTypes")
            empty = given is None or given.is_null or not list(given.members())
            return replace(policy, types=found) if empty else policy

        patch.setattr(manifest, "_spec", wrong)

    return plant


def _twice_is_both(patch: pytest.MonkeyPatch) -> None:
    right = manifest._types

    def wrong(value: Any) -> frozenset[Direction]:
        return frozenset(Direction) if len(list(value.members())) > 1 else right(value)

    patch.setattr(manifest, "_types", wrong)


def _host_bits_count(patch: pytest.MonkeyPatch) -> None:
    def wrong(value: Any, word: str) -> Network:
        found = address_block(value, word)
        try:
            base = ip_interface(word).ip
        except ValueError:  # leading zeros
            return found
        return found if base == found.network_address else ip_network(base)

    patch.setattr(rules, "address_block", wrong)


# What the model no longer tells, for the reader of manifests has filled it in: these are mistakes of that reader
MISREAD: dict[int, dict[str, Callable[[pytest.MonkeyPatch], None]]] = {
    8: {
        "no policyTypes is both": _missing_types(frozenset(Direction)),
        "no policyTypes is none": _missing_types(frozenset()),
    },
    12: {"the same type twice is both": _twice_is_both},
    30: {"host bits make it one address": _host_bits_count},
}

UNSEEN = {
    14: "that an object has no status sends no packet; it is why prober sends them",
    19: "the API server takes no such policy: `tests/data/invalid` has them",
    26: "the API server takes no such policy: `tests/data/invalid` has them",
    29: "neither the lab nor a scenario has a load balancer; the oracle's tests hold that it is left open",
    37: "nc speaks TCP and UDP, and nothing is asserted of anything else",
    39: "it is no rule for policies but one for proofs: docs/proof.md, and the tests of `proofs`",
    45: "each attempt is a connection of its own; what becomes of those that stand is nobody's to assert",
    48: "policies of other kinds are not written by scenarios; where a cluster has some, every report names them",
}
