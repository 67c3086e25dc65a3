"""What other tools got wrong, each a test by the name of its mistake: the oracle and the naive evaluator get it right.

The mistakes are those of evaluators (cyclonus, policy-assistant, netpol-analyzer, illuminatio) and of engines, as their
issues tell them; the numbers in ids are those of docs/semantics.md.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from prober.errors import InputError
from prober.manifest import load
from prober.model import ClusterState, Protocol, Service, ServicePort
from prober.oracle import Ruling, judge
from tests.oracle.build import ALLOWED, DENIED, INDETERMINATE, TCP, UDP, flow, pod, service, state, target_port
from tests.oracle.worlds import loaded, named, raw, second_opinion

PODS = (
    pod("a/web", "app=web tier=", ports="http=80 dns=53/UDP", at="10.244.0.2 fd00:244::2"),
    pod("a/api", "app=api", ports="http=8080", at="10.244.0.3 fd00:244::3"),
    pod("b/job", "app=job", ports="http=80", at="10.244.0.4 fd00:244::4", node=2),
)
DNS = service("a/dns", "app=web", target_port(5353, 53, UDP), at="10.96.0.9")
BACK = service("a/back", "app=api", target_port(80, 8080), at="10.96.0.8")
TO_WEB = "b/job -> a/web:80"
Spec = dict[str, Any]


def _in(*peers: Spec, ports: list[Spec] | None = None) -> Spec:
    return {"podSelector": {}, "ingress": [{"from": list(peers), "ports": ports}]}


def _out(*peers: Spec, ports: list[Spec] | None = None) -> Spec:
    return {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": list(peers), "ports": ports}]}


def _by(key: str, operator: str, *values: str) -> Spec:
    one = {"key": key, "operator": operator} | ({"values": list(values)} if values else {})
    return {"namespaceSelector": {}, "podSelector": {"matchExpressions": [one]}}


def _said(spec: Spec | list[Spec], text: str, protocol: Protocol, *services: Service) -> list[Ruling]:
    """Return what oracle and naive evaluator say of a flow under policies of namespace a."""
    specs = spec if isinstance(spec, list) else [spec]
    policies = [named("a", f"p{i}", one) for i, one in enumerate(specs)]
    given: ClusterState = state(*PODS, *services, *loaded(policies).policies.values(), namespaces={"b": "team=red"})
    asked = flow(text, protocol)
    return [judge(given, asked).ruling, second_opinion(raw(given, policies), given, asked)]


@pytest.mark.parametrize(
    ("expected", "spec", "text", "protocol"),
    [
        pytest.param(
            ALLOWED, _in(_by("tier", "NotIn", "x")), TO_WEB, TCP, id="cyclonus: NotIn with an absent key (20)"
        ),
        pytest.param(ALLOWED, _in(_by("tier", "DoesNotExist")), TO_WEB, TCP, id="DoesNotExist with an absent key (20)"),
        pytest.param(
            DENIED,
            _in({"namespaceSelector": {}, "podSelector": {"matchLabels": {"tier": ""}}}),
            TO_WEB,
            TCP,
            id="cyclonus: an empty value of matchLabels matches an absent key (20)",
        ),
        pytest.param(
            ALLOWED, _in(_by("tier", "Exists")), "a/web -> a/api:8080", TCP, id="Exists with an empty value (20)"
        ),
        pytest.param(DENIED, {"podSelector": {}}, TO_WEB, TCP, id="cyclonus: panics where policyTypes are missing (8)"),
        pytest.param(
            ALLOWED,
            {"podSelector": {}, "ingress": [{}], "egress": []},
            "a/web -> b/job:80",
            TCP,
            id="an empty egress list taken for a type (8)",
        ),
        pytest.param(
            DENIED,
            {"podSelector": {}, "ingress": [{}], "egress": [{"to": [{"podSelector": {}}]}]},
            "a/web -> b/job:80",
            TCP,
            id="an egress rule without policyTypes overlooked (8)",
        ),
        pytest.param(
            DENIED,
            _in({"podSelector": {}}),
            TO_WEB,
            TCP,
            id="an empty podSelector of a peer taken for none, and so for everybody (17)",
        ),
        pytest.param(ALLOWED, _in(), TO_WEB, TCP, id="an empty list of peers taken for nobody (15)"),
        pytest.param(
            DENIED,
            _out(ports=[{"port": "http"}]),
            "a/web -> a/api:80",
            TCP,
            id="aws: a port's name looked up on the source (35)",
        ),
        pytest.param(
            ALLOWED,
            _out(ports=[{"port": "http"}]),
            "a/web -> a/api:8080",
            TCP,
            id="aws: a port's name that is another number on the target (35)",
        ),
        pytest.param(
            ALLOWED,
            _in({"ipBlock": {"cidr": "10.244.0.4/32"}}, ports=[{"port": "http"}]),
            TO_WEB,
            TCP,
            id="aws: a port's name beside an ipBlock in ingress (35)",
        ),
        pytest.param(
            INDETERMINATE,
            _out({"ipBlock": {"cidr": "10.244.0.0/16"}}, ports=[{"port": "http"}]),
            "a/web -> b/job:80",
            TCP,
            id="a port's name toward an ipBlock guessed (35)",
        ),
        pytest.param(
            DENIED,
            _in(ports=[{"port": "dns"}]),
            "b/job -> a/web:53",
            UDP,
            id="policy-assistant: the protocol of a port's name guessed (35)",
        ),
        pytest.param(
            DENIED,
            _in(ports=[{"protocol": "UDP"}]),
            TO_WEB,
            TCP,
            id="netpol-analyzer: an entry without port is every protocol (31)",
        ),
        pytest.param(DENIED, _in(ports=[{}]), "b/job -> a/web:53", UDP, id="an empty entry is every protocol (31)"),
        pytest.param(
            ALLOWED,
            _out({"ipBlock": {"cidr": "10.244.0.0/16"}}),
            "a/web -> b/job:80",
            TCP,
            id="netpol-analyzer: an ipBlock takes no pods (24)",
        ),
        pytest.param(
            ALLOWED,
            [
                _in({"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.0.4/32"]}}),
                _in({"ipBlock": {"cidr": "10.244.0.4/31"}}),
            ],
            TO_WEB,
            TCP,
            id="an exception taken for a denial (25)",
        ),
        pytest.param(
            DENIED,
            [_out(), {"podSelector": {"matchLabels": {"app": "api"}}}],
            "a/web -> a/api:8080",
            TCP,
            id="advice: one side is enough (6)",
        ),
        pytest.param(
            DENIED,
            {
                "podSelector": {},
                "ingress": [
                    {"from": [_by("app", "In", "job")], "ports": [{"port": 81}]},
                    {"from": [_by("app", "In", "api")], "ports": [{"port": 80}]},
                ],
            },
            TO_WEB,
            TCP,
            id="peers of one rule with ports of another (38)",
        ),
        pytest.param(
            ALLOWED,
            _in({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "b"}}}),
            TO_WEB,
            TCP,
            id="a simulator without the label of the namespace's name (21)",
        ),
        pytest.param(
            ALLOWED, _in(_by("app", "In", "job")), TO_WEB, TCP, id="illuminatio: matchExpressions are an error (20)"
        ),
        pytest.param(ALLOWED, _in(ports=[{"port": 79, "endPort": 80}]), TO_WEB, TCP, id="endPort exclusive (34)"),
        pytest.param(
            ALLOWED,
            {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}], "egress": [{"to": []}]},
            "a/web -> b/job:80",
            TCP,
            id="rules that policyTypes do not name (9)",
        ),
    ],
)
def test_mistake(expected: Ruling, spec: Spec | list[Spec], text: str, protocol: Protocol) -> None:
    """What the specification says, where somebody said otherwise."""
    assert [expected] * 2 == _said(spec, text, protocol)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_cyclonus_knows_one_address_of_a_pod(family: str) -> None:
    """A pod has an address of each family, and `0.0.0.0/0` says nothing of the other one (27)."""
    policies = [named("a", "p", _in({"ipBlock": {"cidr": "0.0.0.0/0"}}))]
    given = state(*PODS, *loaded(policies).policies.values())
    asked = next(f for f in (flow(TO_WEB, family=x) for x in PODS[0].addresses) if f.family == family)
    expected = ALLOWED if family == "ipv4" else DENIED
    assert [expected] * 2 == [judge(given, asked).ruling, second_opinion(raw(given, policies), given, asked)]


def test_the_port_of_the_dns_service_is_not_that_of_its_pods() -> None:
    """Behind a Service on 5353 a resolver may listen on 53: policies see 53 (33; kubernetes#102286, the other way)."""
    open_53, open_5353 = (_out(ports=[{"protocol": "UDP", "port": n}]) for n in (53, 5353))
    assert [ALLOWED] * 2 == _said(open_53, "a/api -> svc/a/dns:5353", UDP, DNS)
    assert [DENIED] * 2 == _said(open_5353, "a/api -> svc/a/dns:5353", UDP, DNS)


def test_an_ip_block_of_a_cluster_ip_proves_nothing() -> None:
    """A rule for a Service's own address may never match, or may: nothing is asserted (28; curie#1155)."""
    assert [INDETERMINATE] * 2 == _said(
        _out({"ipBlock": {"cidr": "10.96.0.8/32"}}), "a/web -> svc/a/back:80", TCP, BACK
    )


@pytest.mark.parametrize(
    "peer",
    [
        pytest.param({}, id="nothing in it"),
        pytest.param({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}, id="ipBlock beside a selector"),
    ],
)
def test_a_peer_that_the_api_rejects_is_no_peer_that_matches_nothing(peer: Spec) -> None:
    """It is a mistake in the file (19)."""
    with pytest.raises(InputError):
        load(yaml.safe_dump(named("a", "p", _in(peer))), "p.yaml")


def test_a_service_port_given_by_name_leads_to_each_backend_that_has_it() -> None:
    """A Service's target by name is looked up on each backend, as a policy's is (33, 35)."""
    by_name = Service(
        namespace="a",
        name="n",
        selector={"app": "api"},
        ports=(ServicePort(port=1, target="http"),),
        addresses=BACK.addresses,
    )
    assert [ALLOWED] * 2 == _said(_out(ports=[{"port": 8080}]), "a/web -> svc/a/n:1", TCP, by_name)
