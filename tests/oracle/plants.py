"""Bugs to plant: each is one mistake that a peer made or that this project could have made, put in from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from prober import rules
from prober.cluster.lab import faults, nft, ranges
from prober.model import IPBlock, Labels, LabelSelector, NetworkPolicy, Operator, Pod, PolicyPort, Requirement
from prober.oracle import judging, matching, reach

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """One bug: where it is, and what plants it."""

    name: str
    plant: Callable[[Patch], None]

    def __str__(self) -> str:
        return self.name


def _not_in_wants_the_key(patch: Patch) -> None:
    right = Requirement.matches

    def wrong(self: Requirement, labels: Labels) -> bool:
        return right(self, labels) and (self.operator is not Operator.NOT_IN or self.key in labels)

    patch.setattr(Requirement, "matches", wrong)


def _empty_value_is_no_label(patch: Patch) -> None:
    def wrong(self: LabelSelector, labels: Labels) -> bool:
        return all(labels.get(k, "") == v for k, v in self.match_labels.items()) and all(
            e.matches(labels) for e in self.expressions
        )

    patch.setattr(LabelSelector, "matches", wrong)


def _exists_wants_a_value(patch: Patch) -> None:
    right = Requirement.matches

    def wrong(self: Requirement, labels: Labels) -> bool:
        return bool(labels.get(self.key)) if self.operator is Operator.EXISTS else right(self, labels)

    patch.setattr(Requirement, "matches", wrong)


def _port_names_have_no_protocol(patch: Patch) -> None:
    patch.setattr(Pod, "port_named", lambda self, name, _: next((p.number for p in self.ports if p.name == name), None))


def _empty_selector_is_none(patch: Patch) -> None:
    """Read an empty selector of a peer as an absent one: the trap of Python's truth."""
    right = rules.selector

    def wrong(value: Any) -> LabelSelector | None:
        found = right(value)
        return found if found.match_labels or found.expressions else None

    patch.setattr(rules, "selector", wrong)


def _egress_is_never_defaulted(patch: Patch) -> None:
    right = NetworkPolicy.rules

    def wrong(self: NetworkPolicy, direction: Any) -> Any:
        return self.ingress if len(self.types) == 1 else right(self, direction)

    patch.setattr(NetworkPolicy, "rules", wrong)


def _excepts_are_not_read(patch: Patch) -> None:
    right = rules._block
    patch.setattr(rules, "_block", lambda value, fill: replace(right(value, fill), excepts=()))


def _oracle_ignores_except(patch: Patch) -> None:
    right = matching.block_fits

    def wrong(block: IPBlock, *rest: Any) -> Any:
        return right(replace(block, excepts=()), *rest)

    for module in (matching, reach):
        patch.setattr(module, "block_fits", wrong)


def _oracle_takes_ranges_as_half_open(patch: Patch) -> None:
    def wrong(port: PolicyPort, number: int) -> bool:
        if not isinstance(port.port, int):
            return port.port is None
        return port.port <= number < (port.end or port.port + 1)

    for module in (matching, reach):
        patch.setattr(module, "spans", wrong)


def _oracle_resolves_names_on_the_source(patch: Patch) -> None:
    right = matching.port_fits

    def wrong(port: PolicyPort, leg: Any) -> Any:
        turned = replace(leg, target=replace(leg.target, pod=leg.source.pod)) if leg.source.pod else leg
        return right(port, turned)

    patch.setattr(matching, "port_fits", wrong)


def _oracle_isolates_both_directions(patch: Patch) -> None:
    patch.setattr(
        judging,
        "isolates",
        lambda policy, _, pod: policy.namespace == pod.namespace and policy.pods.matches(pod.labels),
    )


def _lab_ignores_except(patch: Patch) -> None:
    patch.setattr(ranges, "without", lambda whole, _: (whole,))


def _lab_takes_the_first_policy_only(patch: Patch) -> None:
    patch.setattr(nft, "distorted", lambda policies, *rest: faults.distorted(policies, *rest)[:1])


def _lab_drops_blocks_beside_selectors(patch: Patch) -> None:
    right = nft._sides

    def wrong(peers: Any, *rest: Any) -> Any:
        return right(tuple(p for p in peers if not isinstance(p, IPBlock)) or peers, *rest)

    patch.setattr(nft, "_sides", wrong)


SHARED = (
    Plant(name="NotIn wants the key (cyclonus)", plant=_not_in_wants_the_key),
    Plant(name="an empty label value matches an absent key (cyclonus)", plant=_empty_value_is_no_label),
    Plant(name="Exists wants a value", plant=_exists_wants_a_value),
    Plant(name="port names have no protocol (policy-assistant)", plant=_port_names_have_no_protocol),
    Plant(name="an empty selector in a peer is an absent one", plant=_empty_selector_is_none),
    Plant(name="rules of the direction that policyTypes leaves out", plant=_egress_is_never_defaulted),
    Plant(name="except is not read", plant=_excepts_are_not_read),
)
ORACLE = (
    Plant(name="the oracle ignores except", plant=_oracle_ignores_except),
    Plant(name="the oracle takes endPort as exclusive", plant=_oracle_takes_ranges_as_half_open),
    Plant(name="the oracle resolves port names on the source (aws)", plant=_oracle_resolves_names_on_the_source),
    Plant(name="the oracle isolates both directions", plant=_oracle_isolates_both_directions),
)
LAB = (
    Plant(name="the lab ignores except", plant=_lab_ignores_except),
    Plant(name="the lab enforces one policy", plant=_lab_takes_the_first_policy_only),
    Plant(name="the lab drops ipBlocks beside selectors", plant=_lab_drops_blocks_beside_selectors),
)
