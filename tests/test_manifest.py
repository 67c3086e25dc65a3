"""Kubernetes YAML becomes policies as the API server would store them."""

from __future__ import annotations

import json
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober import manifest
from prober.errors import InputError
from prober.model import (
    EVERYTHING,
    Direction,
    IPBlock,
    LabelSelector,
    NetworkPolicy,
    Operator,
    PodPeer,
    PolicyPort,
    Protocol,
    Requirement,
    Rule,
)

BOTH = frozenset(Direction)
INGRESS = frozenset({Direction.INGRESS})
EGRESS = frozenset({Direction.EGRESS})
HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: n}\n"


def policy(spec: str) -> NetworkPolicy:
    (found,) = manifest.load(f"{HEAD}spec: {spec}\n", "p.yaml")
    return found.it


def rule(written: str) -> Rule:
    (found,) = policy(f"{{ingress: [{written}]}}").ingress
    return found


def mistakes(content: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        manifest.load(content, "p.yaml")
    return [str(m) for m in caught.value.mistakes]


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ("{podSelector: {}}", INGRESS),
        ("{}", INGRESS),
        ("null", INGRESS),
        ("{policyTypes: []}", INGRESS),
        ("{policyTypes: null, egress: []}", INGRESS),
        ("{egress: null}", INGRESS),
        ("{egress: [{}]}", BOTH),
        ("{policyTypes: [Egress]}", EGRESS),
        ("{policyTypes: [Egress], ingress: [{}]}", EGRESS),
        ("{policyTypes: [Ingress], egress: [{}]}", INGRESS),
        ("{policyTypes: [Ingress, Ingress]}", INGRESS),
        ("{policyTypes: [Egress, Ingress]}", BOTH),
    ],
)
def test_policy_types_default_as_the_api_does(spec: str, types: frozenset[Direction]) -> None:
    """Without types: Ingress, and Egress only if there are egress rules (semantics 8, 9, 10, 12)."""
    assert types == policy(spec).types


def test_policy_without_spec_isolates_the_namespace() -> None:
    """The API takes a policy without spec: every pod, Ingress, no rule."""
    (found,) = manifest.load(HEAD, "p.yaml")

    assert NetworkPolicy(namespace="n", name="p", types=INGRESS) == found.it


@pytest.mark.parametrize("written", ["{}", "{from: [], ports: []}", "{from: null, ports: null}"])
def test_rule_without_peers_and_ports_allows_everything(written: str) -> None:
    """Empty, null and missing are the same (semantics 11, 15, 31)."""
    assert Rule() == rule(written)


@pytest.mark.parametrize(
    ("written", "peer"),
    [
        ("{podSelector: {}}", PodPeer(pods=EVERYTHING)),
        ("{podSelector: {}, namespaceSelector: null}", PodPeer(pods=EVERYTHING)),
        ("{namespaceSelector: {}}", PodPeer(namespaces=EVERYTHING)),
        ("{podSelector: {}, namespaceSelector: {}}", PodPeer(pods=EVERYTHING, namespaces=EVERYTHING)),
        ("{podSelector: {matchLabels: {a: ''}}}", PodPeer(pods=LabelSelector(match_labels={"a": ""}))),
        ("{ipBlock: {cidr: 10.0.0.0/8}}", IPBlock(cidr=IPv4Network("10.0.0.0/8"))),
        ("{ipBlock: {cidr: 10.0.0.5/8, except: null}}", IPBlock(cidr=IPv4Network("10.0.0.0/8"))),
        ("{ipBlock: {cidr: 010.000.00.1/08}}", IPBlock(cidr=IPv4Network("10.0.0.0/8"))),
        ("{ipBlock: {cidr: 'FD00::1/64'}}", IPBlock(cidr=IPv6Network("fd00::/64"))),
        ("{ipBlock: {cidr: '::/0', except: ['64:ff9b::10.0.0.0/104']}}",
         IPBlock(cidr=IPv6Network("::/0"), excepts=(IPv6Network("64:ff9b::a00:0/104"),))),
        ("{ipBlock: {cidr: 0.0.0.0/0, except: [10.1.2.3/16, 10.0.0.1/32]}}",
         IPBlock(cidr=IPv4Network("0.0.0.0/0"), excepts=(IPv4Network("10.1.0.0/16"), IPv4Network("10.0.0.1/32")))),
    ],
)  # fmt: skip
def test_peers(written: str, peer: PodPeer | IPBlock) -> None:
    """An empty selector is not a missing one; host bits and leading zeros are dropped (semantics 17, 18, 30)."""
    assert (peer,) == rule(f"{{from: [{written}]}}").peers


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ("{}", PolicyPort()),
        ("{protocol: UDP}", PolicyPort(protocol=Protocol.UDP)),
        ("{port: 80}", PolicyPort(port=80)),
        ("{port: sql, protocol: SCTP}", PolicyPort(port="sql", protocol=Protocol.SCTP)),
        ("{port: 80, endPort: 80}", PolicyPort(port=80, end=80)),
        ("{port: 1, endPort: 65535}", PolicyPort(port=1, end=65535)),
        ("{port: 0-a, endPort: null}", PolicyPort(port="0-a")),
        ("{port: null, protocol: null}", PolicyPort()),
    ],
)
def test_ports(written: str, port: PolicyPort) -> None:
    """TCP where nothing is written; a range may be one port (semantics 31, 32, 34)."""
    assert (port,) == rule(f"{{ports: [{written}]}}").ports


def test_selector_expressions() -> None:
    """The four operators, with and without values (semantics 20)."""
    written = (
        "{podSelector: {matchLabels: {x: y}, matchExpressions: [{key: a, operator: In, values: [b, '']}, "
        "{key: a.b/c, operator: NotIn, values: [d]}, {key: e, operator: Exists, values: []}, "
        "{key: f, operator: DoesNotExist, values: null}]}}"
    )
    expected = LabelSelector(
        match_labels={"x": "y"},
        expressions=(
            Requirement(key="a", operator=Operator.IN, values=("b", "")),
            Requirement(key="a.b/c", operator=Operator.NOT_IN, values=("d",)),
            Requirement(key="e", operator=Operator.EXISTS),
            Requirement(key="f", operator=Operator.DOES_NOT_EXIST),
        ),
    )

    assert expected == policy(written).pods


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ("{key: a, operator: In}", "In without values"),
        ("{key: a, operator: NotIn, values: []}", "NotIn without values"),
        ("{key: a, operator: Exists, values: [b]}", "Exists with values"),
        ("{key: a, operator: DoesNotExist, values: [b]}", "DoesNotExist with values"),
    ],
)
def test_operators_and_values_belong_together(written: str, mistake: str) -> None:
    """In and NotIn need values, Exists and DoesNotExist take none (semantics 20)."""
    (found,) = mistakes(f"{HEAD}spec: {{podSelector: {{matchExpressions: [{written}]}}}}")

    assert mistake in found


@pytest.mark.parametrize("name", ["'80'", "'8-0'", "a--b", "-a", "a-", "A", "a_b", "abcdefghijklmnop", "''"])
def test_what_is_no_port_name(name: str) -> None:
    """A port's name has at most 15 lower case letters, digits and single dashes, and a letter (semantics 36)."""
    (found,) = mistakes(f"{HEAD}spec: {{ingress: [{{ports: [{{port: {name}}}]}}]}}")

    assert found.startswith("p.yaml:4: spec.ingress[0].ports[0].port: ")


def test_what_a_cluster_adds_is_tolerated() -> None:
    """A policy as `kubectl get -o yaml` shows it is read: metadata and status that prober has no use for."""
    content = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}
  creationTimestamp: 2025-01-02T03:04:05Z
  generation: 1
  labels: {app: web}
  managedFields: [{manager: kubectl, fieldsV1: {f:spec: {}}}]
  name: p
  namespace: n
  resourceVersion: "12"
  uid: 5c8a1a52-9a0c-4d8e-8f0e-000000000000
spec: {podSelector: {}, policyTypes: [Ingress]}
status: {}
"""
    (found,) = manifest.load(content, "p.yaml")

    assert "n/p" == str(found.it.ref)


def test_namespace_of_the_caller() -> None:
    """A policy that names no namespace gets the caller's; its own goes first."""
    written = HEAD.replace(", namespace: n", "") + "---\n" + HEAD
    found = manifest.load(written, "p.yaml", default_namespace="other")

    assert ["other/p", "n/p"] == [str(f.it.ref) for f in found]


def test_lists_and_documents_are_flattened_and_placed() -> None:
    """Every policy of every list and document is found, with its file, line and key."""
    item = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: %s, namespace: n}}"
    content = (
        f"{HEAD}---\napiVersion: v1\nkind: List\nitems:\n- {item % 'q'}\n- {item % 'r'}\n---\n"
        f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nmetadata: {{}}\nitems: [{item % 's'}]\n"
        "---\napiVersion: v1\nkind: List\n"
    )
    found = manifest.load(content, "p.yaml")

    assert [("p", 1, ""), ("q", 8, "items[0]"), ("r", 9, "items[1]"), ("s", 14, "items[0]")] == [
        (f.it.name, f.at.line, f.at.key) for f in found
    ]


def test_every_mistake_of_every_document() -> None:
    """One bad document hides no other, and each mistake has the line of its own document."""
    bad = HEAD.replace("name: p,", "name: P,")
    expected = [(3, "metadata.name"), (7, "metadata.name"), (8, "spec.ingress[0].ports[0].port")]

    with pytest.raises(InputError) as caught:
        manifest.load(f"{bad}---\n{bad}spec: {{ingress: [{{ports: [{{port: 0}}]}}]}}\n", "p.yaml")

    assert expected == [(m.line, m.key) for m in caught.value.mistakes]


@pytest.mark.parametrize("kind", ["Pod", "AdminNetworkPolicy", "networkpolicy", "List", "ConfigMap"])
def test_other_kinds_are_one_mistake(kind: str) -> None:
    """What is no network policy is refused for its kind, not for its fields."""
    (mistake,) = mistakes(f"apiVersion: v2\nkind: {kind}\ndata: {{}}\nitems: []\n")

    assert f"p.yaml:2: kind: `{kind}`, where NetworkPolicy is expected; only network policies are read here" == mistake


NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?", fullmatch=True)
KEYS = st.from_regex(r"([a-z]{1,3}\.[a-z]{1,3}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,5}[A-Za-z0-9])?", fullmatch=True)
VALUES = st.from_regex(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,5}[A-Za-z0-9])?)?", fullmatch=True)
PORT_NAMES = st.from_regex(r"[a-z]{1,5}(-[a-z0-9]{1,5})?", fullmatch=True)
SOME_VALUES = st.lists(VALUES, min_size=1, max_size=2).map(tuple)
SELECTORS = st.builds(
    LabelSelector,
    match_labels=st.dictionaries(KEYS, VALUES, max_size=2),
    expressions=st.lists(
        st.builds(Requirement, key=KEYS, operator=st.sampled_from([Operator.IN, Operator.NOT_IN]), values=SOME_VALUES)
        | st.builds(Requirement, key=KEYS, operator=st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST])),
        max_size=2,
    ).map(tuple),
)
BLOCKS = st.tuples(st.ip_addresses(), st.integers(0, 24), st.integers(1, 8), st.booleans()).map(
    lambda t: IPBlock(
        cidr=ip_network(f"{t[0]}/{t[1]}", strict=False),
        excepts=(ip_network(f"{t[0]}/{t[1] + t[2]}", strict=False),) if t[3] else (),
    )
)
PEERS = (
    BLOCKS.filter(lambda b: not str(b.cidr).startswith("::ffff:") and not any("::ffff:" in str(e) for e in b.excepts))
    | st.builds(PodPeer, pods=SELECTORS)
    | st.builds(PodPeer, pods=st.none() | SELECTORS, namespaces=SELECTORS)
)
PORTS = st.builds(PolicyPort, protocol=st.sampled_from(Protocol), port=st.none() | PORT_NAMES) | st.tuples(
    st.sampled_from(Protocol), st.integers(1, 60000), st.none() | st.integers(0, 5535)
).map(lambda t: PolicyPort(protocol=t[0], port=t[1], end=None if t[2] is None else t[1] + t[2]))
RULES = st.lists(
    st.builds(Rule, peers=st.lists(PEERS, max_size=2).map(tuple), ports=st.lists(PORTS, max_size=2).map(tuple)),
    max_size=2,
).map(tuple)
POLICIES = st.builds(
    NetworkPolicy,
    namespace=NAMES,
    name=NAMES,
    pods=SELECTORS,
    types=st.sampled_from([BOTH, INGRESS, EGRESS]),
    ingress=RULES,
    egress=RULES,
)


@settings(max_examples=60, deadline=None)
@given(POLICIES)
def test_dumped_policy_is_read_back(written: NetworkPolicy) -> None:
    """What is dumped means the same when it is read again, as the API's JSON (which is YAML too)."""
    dumped: dict[str, Any] = manifest.dump(written)
    (found,) = manifest.load(json.dumps(dumped), "p.yaml")

    assert written == found.it
    assert dumped == manifest.dump(found.it)


def test_dump_leaves_out_what_is_not_there() -> None:
    """An absent selector stays absent, an empty one empty; no rules, no key."""
    written = policy("{egress: [{to: [{namespaceSelector: {}}]}, {}]}")
    expected = {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [{"to": [{"namespaceSelector": {}}]}, {}],
    }

    assert expected == manifest.dump(written)["spec"]
