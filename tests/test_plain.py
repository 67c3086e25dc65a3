"""A state as plain data: what is written is read back equal, by way of JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from prober.model import API_SERVICE, ClusterState, Family, PodRef
from prober.model.plain import plain_state, read_addresses, read_state
from prober.model.plan import planned
from prober.scenario import planned_states
from prober.vouching import with_witnesses
from tests.running import loaded
from tests.telling import DENY_B

RICH = """\
summary: Everything that a state can hold
families: [ipv4, ipv6]
namespaces: {shop: {labels: {team: t, "": ""}}, bank: {}}
pods:
  shop/a: {labels: {app: a, empty: ""}, ports: [80, {port: 443, name: tls}, 53/udp, 9/sctp], node: 2}
  shop/host: {hostNetwork: true, node: 1, ports: [9100]}
  bank/none: {}
services:
  shop/web: {selector: {app: a}, ports: [80, {port: 443, targetPort: tls, name: s}, 53/udp]}
  shop/headless: {selector: {app: a}, ports: [80], headless: true}
external: {partner: {ports: [443, 53/udp]}}
nodes: {2: {ports: [10250]}}
steps: [{name: s, expect: {allowed: [bank/none -> shop/a:80]}}]
""".replace(', "": ""', "")


@pytest.mark.parametrize("text", [RICH, DENY_B], ids=["rich", "plain"])
def test_state_is_read_back_equal(text: str) -> None:
    """A journal alone gives back the state that a cluster had given."""
    state, _ = planned(with_witnesses(loaded(text).topology))
    assert state == read_state(json.loads(json.dumps(plain_state(state))))
    assert state.api_server == API_SERVICE


def test_policies_are_not_written() -> None:
    """Policies come and go by actions: a state with policies is read back without them."""
    _, state = next(planned_states(loaded(DENY_B)))
    assert state.policies
    assert replace(state, policies={}) == read_state(plain_state(state))


def test_state_without_a_resolver_stays_without_one() -> None:
    """What a cluster does not have is not made up."""
    state, _ = planned(loaded(DENY_B).topology)
    bare = replace(state, resolver=None, api_server=None, families=(Family.IPV6,))
    assert bare == read_state(json.loads(json.dumps(plain_state(bare))))


def test_pod_without_addresses_stays_without() -> None:
    """Addresses are what a cluster gave, and nothing else."""
    state = ClusterState.of(loaded(DENY_B).topology)
    read = read_state(plain_state(state))
    assert {} == read.pods[PodRef("shop", "a")].addresses


@pytest.mark.parametrize("data", [{"ipv5": "10.0.0.1"}, {"": ""}])
def test_family_that_is_none_is_refused(data: dict[str, str]) -> None:
    """A family of another version is a ValueError."""
    with pytest.raises(ValueError, match="is not a valid Family"):
        read_addresses(data)
    assert {Family.IPV4: "10.0.0.1"} == read_addresses({"ipv4": "10.0.0.1"})


@pytest.mark.parametrize("field", plain_state(ClusterState()))
def test_state_of_another_version_is_an_error(field: str) -> None:
    """A field that is missing, or of another kind, is an error of the kinds that the story foresees."""
    data = plain_state(planned(loaded(RICH).topology)[0])
    del data[field]
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_state(data)
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        read_state({**data, field: 7})
