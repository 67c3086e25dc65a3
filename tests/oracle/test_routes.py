"""Where flows really go: Services, names, look-ups and the API server (semantics 23, 28, 33, 39)."""

from __future__ import annotations

import pytest

from prober.model import ClusterState, Family, NetworkPolicy, Node, Protocol, Rule, Service, ServicePort, ServiceRef
from prober.oracle import Role, Ruling, Topic
from tests.oracle.build import (
    ALLOWED,
    DENIED,
    INDETERMINATE,
    TCP,
    UDP,
    addresses,
    block,
    judged,
    peer,
    pod,
    policy,
    port,
    rule,
    ruling,
    service,
    state,
    target_port,
)

WEB = service("a/web", "app=web", target_port(80, 8080), at="10.96.0.7")
QUIET = service("a/quiet", "app=web", target_port(80, 8080), headless=True)
DNS = service("kube-system/dns", "k=dns", target_port(53, 5353, UDP), target_port(53, 5353), at="10.96.0.10")
NODES = tuple(Node(number=n, addresses=addresses(f"172.18.0.{n + 1}")) for n in (1, 2))
API = Service(
    namespace="default",
    name="kubernetes",
    ports=(ServicePort(port=443, target=6443),),
    endpoints=(addresses("172.18.0.2"),),
    addresses=addresses("10.96.0.1"),
)
PODS = (
    pod("a/x", "app=x", at="10.244.0.1", node=2),
    pod("a/one", "app=web v=1", at="10.244.0.2"),
    pod("a/two", "app=web v=2", at="10.244.0.3"),
    pod("kube-system/dns-1", "k=dns", at="10.244.0.4"),
)


def cluster(*things: NetworkPolicy | Service) -> ClusterState:
    return state(*PODS, WEB, QUIET, DNS, API, *NODES, *things, resolver=DNS.ref, api_server=API.ref)


def topics(given: ClusterState, text: str, protocol: Protocol = TCP) -> tuple[Ruling, list[Topic]]:
    found = judged(given, text, protocol)
    return found.ruling, [d.topic for d in found.doubts]


@pytest.mark.parametrize(
    ("expected", "deny"),
    [
        pytest.param((ALLOWED, []), (), id="all-allowed"),
        pytest.param((DENIED, []), (policy("a/p", "app=web", ingress=[]),), id="all-denied"),
        pytest.param((INDETERMINATE, [Topic.BACKENDS]), (policy("a/p", "v=1", ingress=[]),), id="they-disagree"),
    ],
)
def test_s28_a_service_is_what_its_backends_are(expected: object, deny: tuple[NetworkPolicy, ...]) -> None:
    """Every backend is judged on its target port; only what all say can be asserted."""
    given = cluster(*deny)
    assert expected == topics(given, "a/x -> svc/a/web:80")
    legs = judged(given, "a/x -> svc/a/web:80").legs
    assert [("a/one:8080/TCP", WEB.ref), ("a/two:8080/TCP", WEB.ref)] == [(leg.destination, leg.via) for leg in legs]


def test_backends_that_disagree_are_named() -> None:
    """The doubt says which backend says what."""
    found = judged(cluster(policy("a/p", "v=1", ingress=[])), "a/x -> svc/a/web:80")
    assert "backends disagree: a/one is denied, a/two is allowed" == str(found.doubt)


def test_s23_one_of_several_backends_is_the_source() -> None:
    """A hairpin leg leaves the whole open, allowed or denied as the others may be."""
    for deny in ((), (policy("a/p", "v=2", ingress=[]),)):
        ruled, doubts = topics(cluster(*deny), "a/one -> svc/a/web:80")
        assert INDETERMINATE == ruled
        assert Topic.HAIRPIN in doubts


@pytest.mark.parametrize(
    ("text", "protocol"),
    [
        pytest.param("a/x -> svc/a/web:81", TCP, id="no-such-port"),
        pytest.param("a/x -> svc/a/web:80", UDP, id="other-protocol"),
        pytest.param("a/x -> svc/a/none:80", TCP, id="selects-nobody"),
        pytest.param("a/x -> svc/a/unnamed:80", TCP, id="no-backend-has-the-named-port"),
        pytest.param("a/x -> svc/a/quiet:80", TCP, id="headless-has-no-address"),
    ],
)
def test_s39_a_service_without_backends_proves_nothing(text: str, protocol: Protocol) -> None:
    """It is refused for lack of endpoints, so neither a denial nor an allowance can be asserted, isolated or not."""
    bare = service("a/none", "app=none", target_port(80, 80))
    unnamed = service("a/unnamed", "app=web", target_port(80, "http"))
    for deny in ((), (policy("a/p", egress=[]),)):
        assert (INDETERMINATE, [Topic.NO_BACKEND]) == topics(cluster(bare, unnamed, *deny), text, protocol)


def test_only_backends_with_the_named_port_count() -> None:
    """A pod that does not declare the port's name is no endpoint of it."""
    other = pod("a/three", "app=web v=3", ports="http=8081")
    mixed = service("a/mixed", "app=web", target_port(80, "http"))
    given = state(*PODS, other, mixed, policy("a/p", "v=1", ingress=[]))
    found = judged(given, "a/x -> svc/a/mixed:80")
    assert (ALLOWED, ["a/three:8081/TCP"]) == (found.ruling, [leg.destination for leg in found.legs])


def test_a_service_without_the_family_is_left_open() -> None:
    """A Service of IPv4 cannot be asked over IPv6; one whose addresses are not known yet can."""
    found = judged(cluster(), "a/x -> svc/a/web:80", TCP, Family.IPV6)
    assert (INDETERMINATE, [Topic.FAMILY]) == (found.ruling, [d.topic for d in found.doubts])
    unknown = service("a/web", "app=web", target_port(80, 8080))
    given = state(pod("a/x"), pod("a/one", "app=web"), unknown)
    assert ALLOWED == ruling(given, "a/x -> svc/a/web:80", TCP, Family.IPV6)


TO_DNS = peer("k=dns", "")


@pytest.mark.parametrize(
    ("expected", "egress"),
    [
        pytest.param((ALLOWED, ALLOWED), None, id="not-isolated"),
        pytest.param((ALLOWED, ALLOWED), rule(TO_DNS), id="every-port"),
        pytest.param((ALLOWED, DENIED), rule(TO_DNS, port(5353, UDP)), id="s33-UDP-on-the-target-port"),
        pytest.param((DENIED, ALLOWED), rule(TO_DNS, port(5353)), id="s33-TCP-on-the-target-port"),
        pytest.param((DENIED, DENIED), rule(TO_DNS, port(53), port(53, UDP)), id="s33-the-Service's-port-is-not-seen"),
        pytest.param((DENIED, DENIED), rule(peer("app=web")), id="s47-egress-without-DNS"),
    ],
)
def test_a_look_up_goes_to_the_resolver(expected: tuple[Ruling, Ruling], egress: Rule | None) -> None:
    """A look-up by UDP and one by TCP are flows to the resolver's pods on their own port."""
    isolated = [policy("a/p", egress=[egress])] if egress else []
    given = cluster(*isolated)
    assert expected == (ruling(given, "a/x -> dns/web.a", UDP), ruling(given, "a/x -> dns/web.a"))


def test_a_look_up_has_its_own_role() -> None:
    """The leg of a look-up can be told from a connection."""
    (leg,) = judged(cluster(), "a/x -> dns/nowhere.example", UDP).legs
    assert (Role.LOOKUP, "kube-system/dns-1:5353/UDP", DNS.ref) == (leg.role, leg.destination, leg.via)


def test_without_a_known_resolver_look_ups_are_left_open() -> None:
    """A state that does not say who resolves says nothing about names."""
    given = state(*PODS, WEB)
    assert [(INDETERMINATE, [Topic.NO_BACKEND])] * 2 == [
        topics(given, f"a/x -> {t}") for t in ("dns/web", "name/web:80")
    ]


TO_WEB = rule(peer("app=web"), port(8080))
BY_UDP, BY_TCP = rule(TO_DNS, port(5353, UDP)), rule(TO_DNS, port(5353))


@pytest.mark.parametrize(
    ("expected", "rules"),
    [
        pytest.param((ALLOWED, ALLOWED, ALLOWED), [TO_WEB, BY_UDP], id="both"),
        pytest.param((DENIED, DENIED, ALLOWED), [TO_WEB], id="look-up-denied"),
        pytest.param((DENIED, DENIED, ALLOWED), [TO_WEB, BY_TCP], id="a-look-up-begins-by-UDP"),
        pytest.param((DENIED, ALLOWED, DENIED), [BY_UDP], id="connection-denied"),
        pytest.param((DENIED, DENIED, DENIED), [], id="neither"),
    ],
)
def test_a_name_needs_its_look_up_and_its_connection(expected: tuple[Ruling, ...], rules: list[Rule]) -> None:
    """Both legs must be allowed, and the judgement shows which one is not."""
    given = cluster(policy("a/p", "app=x", egress=rules))
    found = judged(given, "a/x -> name/web.a:80")
    by_role = {role: {leg.ruling for leg in found.legs if leg.role is role} for role in Role}
    assert expected == (found.ruling, *by_role[Role.LOOKUP], *by_role[Role.CONNECTION])


def test_a_name_without_a_service_is_left_open() -> None:
    """A name that nobody can resolve proves nothing, not even a denial of its look-up."""
    for isolated in ((), (policy("a/p", egress=[]),)):
        assert (INDETERMINATE, [Topic.NO_NAME]) == topics(cluster(*isolated), "a/x -> name/other.a:80")


def test_a_headless_name_leads_to_the_pods_themselves() -> None:
    """Nothing is translated: the port is the one asked for, and a pod reaches itself by its own address."""
    given = cluster(policy("a/p", "app=x", egress=[rule(peer("app=web"), port(9999)), BY_UDP]))
    assert [ALLOWED, DENIED] == [ruling(given, f"a/x -> name/quiet:{n}") for n in (9999, 80)]
    assert ALLOWED == ruling(given, "a/one -> name/quiet:80")
    assert {None} == {leg.via for leg in judged(given, "a/x -> name/quiet:80").legs if leg.role is Role.CONNECTION}


def test_a_headless_name_without_pods_is_left_open() -> None:
    """A name without addresses proves nothing."""
    empty = service("a/empty", "app=none", target_port(80, 80), headless=True)
    assert (INDETERMINATE, [Topic.NO_BACKEND]) == topics(cluster(empty), "a/x -> name/empty:80")


@pytest.mark.parametrize(
    ("expected", "egress"),
    [
        pytest.param(ALLOWED, rule(block("172.18.0.2/32"), port(6443)), id="s33-endpoint-and-target-port"),
        pytest.param(DENIED, rule(block("172.18.0.2/32"), port(443)), id="s33-port-of-the-Service"),
        pytest.param(INDETERMINATE, rule(block("10.96.0.1/32")), id="s28-address-of-the-Service"),
        pytest.param(DENIED, rule(peer(namespaces="")), id="no-selector-takes-an-endpoint-without-a-pod"),
        pytest.param(ALLOWED, rule(), id="everyone"),
    ],
)
def test_the_api_server_is_an_address(expected: Ruling, egress: Rule) -> None:
    """The API server is judged by its endpoint's address and target port."""
    given = cluster(policy("a/p", egress=[egress]))
    assert expected == ruling(given, "a/x -> apiserver")
    assert expected == ruling(given, "a/x -> svc/default/kubernetes:443")


def test_s40_the_api_server_on_the_own_node_is_left_open() -> None:
    """An endpoint at the address of the source's own node is that node."""
    given = cluster(policy("a/p", egress=[]))
    assert (INDETERMINATE, [Topic.OWN_NODE]) == topics(given, "a/one -> apiserver")


def test_s40_a_node_local_resolver_is_left_open() -> None:
    """An endpoint at a link-local address is on the source's own node."""
    local = Service(
        namespace="kube-system",
        name="local",
        ports=(ServicePort(port=53, target=53, protocol=UDP),),
        endpoints=(addresses("169.254.20.10"),),
    )
    given = state(*PODS, local, policy("a/p", egress=[]), resolver=ServiceRef("kube-system", "local"))
    assert (INDETERMINATE, [Topic.OWN_NODE]) == topics(given, "a/x -> dns/web", UDP)


def test_an_api_server_that_is_not_known_is_left_open() -> None:
    """A state may not say where the API server is."""
    assert (INDETERMINATE, [Topic.ABSENT]) == topics(state(*PODS), "a/x -> apiserver")
