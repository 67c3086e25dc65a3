"""The language of flows: what is written, what it means, and that it is read back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.flows import RESERVED_NAMESPACES, AnyPod, FlowPattern, parse_flow, parse_pattern
from prober.model import (
    API_SERVICE,
    DNS_SERVICE,
    ApiServerRef,
    ClusterState,
    External,
    ExternalRef,
    Family,
    Flow,
    HostName,
    Lookup,
    Namespace,
    Node,
    NodeRef,
    Pod,
    PodRef,
    Port,
    Protocol,
    Service,
    ServicePort,
    ServiceRef,
    Source,
    Target,
    Topology,
)
from prober.model.plan import planned

V4, V6 = Family.IPV4, Family.IPV6
TCP, UDP, SCTP = Protocol.TCP, Protocol.UDP, Protocol.SCTP
API = PodRef("payments", "api")

TOPOLOGY = Topology(
    namespaces=(Namespace(name="payments"), Namespace(name="web")),
    pods=(
        Pod(namespace="payments", name="api", ports=(Port(number=8080, name="http"),)),
        Pod(namespace="payments", name="db", ports=(Port(number=5432, name="sql"), Port(number=53, protocol=UDP))),
        Pod(namespace="web", name="front", ports=(Port(number=80, name="http"), Port(number=132, protocol=SCTP))),
        Pod(namespace="web", name="client"),
    ),
    services=(
        Service(namespace="payments", name="db", selector={"a": "b"}, ports=(ServicePort(port=5432, target=5432),)),
        Service(
            namespace="web", name="bare", selector={"a": ""}, headless=True, ports=(ServicePort(port=80, target=80),)
        ),
    ),
    externals=(External(name="partner", ports=(Port(number=443), Port(number=53, protocol=UDP))),),
    nodes=(Node(number=1), Node(number=2, ports=(Port(number=10250),))),
)  # fmt: skip
STATE: ClusterState = planned(TOPOLOGY)[0]


def expand(text: str, *families: Family) -> list[str]:
    return [str(f) for f in parse_pattern(text).expand(STATE, families)]


@pytest.mark.parametrize(
    ("text", "source", "target", "port", "protocol", "family"),
    [
        ("any -> any", AnyPod(), AnyPod(), None, None, None),
        ("  payments/any->web/any  ", AnyPod(namespace="payments"), AnyPod(namespace="web"), None, None, None),
        ("any -> any:53/udp/ipv6", AnyPod(), AnyPod(), 53, UDP, V6),
        ("any -> any/udp", AnyPod(), AnyPod(), None, UDP, None),
        ("any -> any/ipv4", AnyPod(), AnyPod(), None, None, V4),
        ("payments/api -> payments/db", API, PodRef("payments", "db"), None, None, None),
        ("payments/api -> payments/db:sql", API, PodRef("payments", "db"), "sql", None, None),
        ("payments/api -> payments/db:5432/tcp", API, PodRef("payments", "db"), 5432, TCP, None),
        ("payments/api -> payments/tcp", API, PodRef("payments", "tcp"), None, None, None),
        ("payments/api -> payments/tcp:tcp/udp", API, PodRef("payments", "tcp"), "tcp", UDP, None),
        ("payments/api -> payments/ipv6/ipv6", API, PodRef("payments", "ipv6"), None, None, V6),
        ("payments/api -> svc/payments/db:5432", API, ServiceRef("payments", "db"), 5432, None, None),
        ("payments/api -> name/db:5432", API, HostName("db"), 5432, None, None),
        ("payments/api -> name/db.payments.svc.cluster.local.:1/sctp", API,
         HostName("db.payments.svc.cluster.local."), 1, SCTP, None),
        ("payments/api -> ext/partner:443", API, ExternalRef("partner"), 443, None, None),
        ("ext/partner -> payments/api", ExternalRef("partner"), API, None, None, None),
        ("payments/api -> node/2:10250", API, NodeRef(2), 10250, None, None),
        ("payments/api -> apiserver", API, ApiServerRef(), None, None, None),
        ("payments/api -> apiserver/ipv6", API, ApiServerRef(), None, None, V6),
        ("payments/api -> dns/db.payments", API, Lookup("db.payments"), None, None, None),
        ("payments/api -> dns/_sql._tcp.db/tcp/ipv6", API, Lookup("_sql._tcp.db"), None, TCP, V6),
    ],
)  # fmt: skip
def test_pattern_is_read(
    text: str,
    source: AnyPod | Source,
    target: AnyPod | Target,
    port: int | str | None,
    protocol: Protocol | None,
    family: Family | None,
) -> None:
    """Every kind of end, with and without port, protocol and family; and its own text means the same."""
    expected = FlowPattern(source=source, target=target, port=port, protocol=protocol, family=family)

    assert expected == parse_pattern(text)
    assert expected == parse_pattern(str(expected))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no `->`"),
        ("payments/api", "there is no `->`"),
        ("payments/api => payments/db", "there is no `->`"),
        ("* -> payments/db", "for every pod write `any`"),
        ("payments/* -> payments/db", "for every pod write `any`"),
        ("-> payments/db", "`` is no source"),
        ("payments -> payments/db", "`payments` is no source"),
        ("payments/api:80 -> payments/db", "is no source"),
        ("svc/payments/db -> payments/db", "is no source"),
        ("payments/api -> db", "`db` is no target"),
        ("payments/api -> payments/db:", "is no target"),
        ("payments/api -> payments/db 5432", "is no target; write the port behind a colon, payments/db:5432"),
        ("payments/api -> payments/DB", "is no target"),
        ("payments/api -> payments/db -> x/y", "is no target"),
        ("payments/api -> payments/db:80/icmp", "is no target"),
        ("payments/api -> payments/db:80/ipv6/udp", "is no target"),
        ("payments/api -> nc -zv postgres.payments 5432", "is no target"),
        ("payments/api -> payments/db:$(reboot)", "is no target"),
        ("payments/api ->", "`` is no target"),
        ("payments/api -> node/0:80", "is no"),
        ("payments/api -> node/x:80", "is no"),
        ("payments/api -> payments/db:0", "0 is no port number"),
        ("payments/api -> payments/db:70000", "70000 is no port number"),
        ("payments/api -> payments/db:" + "9" * 300, "is no port number"),
        ("payments/api -> dns/db:53", "takes no port"),
        ("payments/api -> apiserver:443", "takes no port"),
        ("payments/api -> dns/db/sctp", "a look-up is by udp or by tcp"),
        ("payments/api -> apiserver/udp", "asked by tcp"),
        ("ext/partner -> svc/payments/db:80", "reaches pods alone"),
        ("ext/partner -> ext/partner:443", "reaches pods alone"),
        ("ext/partner -> apiserver", "reaches pods alone"),
        ("payments/api -> " + "a" * 700, "at most 700 characters"),
        *((f"payments/api -> {word}/x/y/z", "is no") for word in RESERVED_NAMESPACES),
    ],
)
def test_what_is_no_flow_is_refused(text: str, message: str) -> None:
    """The message says what is wrong, in one short line with a remedy."""
    with pytest.raises(ValueError, match="; ") as caught:
        parse_pattern(text)

    assert message in str(caught.value)
    assert len(str(caught.value)) < 350


NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,4}[a-z0-9])?", fullmatch=True)
PODS = st.builds(PodRef, NAMES.filter(lambda n: n not in RESERVED_NAMESPACES), NAMES.filter(lambda n: n != "any"))
EXTERNALS = st.builds(ExternalRef, NAMES)
HOSTS = st.lists(NAMES, min_size=1, max_size=4).map(".".join)
FAMILIES = st.sampled_from(Family)
FLOWS = (
    st.builds(Flow, source=PODS | EXTERNALS, target=PODS, port=st.integers(1, 65535),
              protocol=st.sampled_from(Protocol), family=FAMILIES)
    | st.builds(Flow, source=PODS,
                target=EXTERNALS | st.builds(ServiceRef, NAMES, NAMES) | st.builds(HostName, HOSTS)
                | st.builds(NodeRef, st.integers(1, 31)),
                port=st.integers(1, 65535), protocol=st.sampled_from(Protocol), family=FAMILIES)
    | st.builds(Flow, source=PODS, target=st.just(ApiServerRef()), port=st.just(443), family=FAMILIES)
    | st.builds(Flow, source=PODS, target=st.builds(Lookup, HOSTS), port=st.just(53),
                protocol=st.sampled_from([TCP, UDP]), family=FAMILIES)
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(FLOWS)
def test_flow_is_read_back(flow: Flow) -> None:
    """The canonical text of a flow means that flow."""
    assert flow == parse_flow(str(flow))


@pytest.mark.parametrize(
    "text", ["any -> web/front:80", "web/client -> any:80", "web/client -> web/front", "web/client -> web/front:http"]
)
def test_pattern_is_not_one_flow(text: str) -> None:
    """Without both ends and a number it is a pattern."""
    with pytest.raises(ValueError, match="is not one flow"):
        parse_flow(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("payments/any -> payments/any", [
            "payments/api -> payments/db:5432", "payments/api -> payments/db:53/udp",
            "payments/db -> payments/api:8080",
        ]),
        ("web/any -> any:http", [
            "web/front -> payments/api:8080", "web/client -> payments/api:8080", "web/client -> web/front:80",
        ]),
        ("web/client -> any:53/udp", ["web/client -> payments/db:53/udp"]),
        ("web/client -> any:53", []),
        ("web/client -> any/udp", ["web/client -> payments/db:53/udp"]),
        ("web/client -> web/front", ["web/client -> web/front:80", "web/client -> web/front:132/sctp"]),
        ("web/client -> web/front:80/ipv6", ["web/client -> web/front:80/ipv6"]),
        ("any -> web/front:80", [
            "payments/api -> web/front:80", "payments/db -> web/front:80", "web/client -> web/front:80",
        ]),
        ("web/front -> web/front:80", ["web/front -> web/front:80"]),
        ("web/front -> web/any:80", []),
        ("web/client -> web/front:81", []),
        ("web/client -> web/nobody:80", []),
        ("web/nobody -> web/front:80", []),
        ("any -> web/client", []),
        ("web/client -> kube-system/coredns:53/udp", []),
        ("kube-system/any -> web/front:80", []),
        ("web/client -> svc/payments/db", ["web/client -> svc/payments/db:5432"]),
        ("web/client -> svc/payments/db:5432/udp", []),
        ("web/client -> svc/web/bare:80", []),
        ("web/client -> svc/kube-system/kube-dns:53/udp", []),
        ("web/client -> name/bare:80", ["web/client -> name/bare:80"]),
        ("payments/api -> name/bare:80", []),
        ("payments/api -> name/bare.web:80", ["payments/api -> name/bare.web:80"]),
        ("payments/api -> name/kubernetes.default:443", []),
        ("web/client -> ext/partner", ["web/client -> ext/partner:443", "web/client -> ext/partner:53/udp"]),
        ("web/client -> ext/nobody:443", []),
        ("ext/partner -> payments/any:sql", ["ext/partner -> payments/db:5432"]),
        ("ext/nobody -> payments/any:sql", []),
        ("web/client -> node/2:10250", ["web/client -> node/2:10250"]),
        ("web/client -> node/1:10250", []),
        ("web/client -> node/3:10250", []),
        ("web/client -> apiserver", ["web/client -> apiserver"]),
        ("web/client -> dns/db.payments", ["web/client -> dns/db.payments", "web/client -> dns/db.payments/tcp"]),
        ("web/client -> dns/db.payments/udp", ["web/client -> dns/db.payments"]),
    ],
)  # fmt: skip
def test_pattern_means_these_flows(text: str, expected: list[str]) -> None:
    """`any` is the scenario's pods on declared ports, never a pod to itself; no port is every declared one."""
    assert expected == expand(text)


def test_families_of_a_pattern() -> None:
    """The given families, or the primary one; a family that the pattern names goes before, and must be there."""
    text = "web/client -> web/front:80"
    only_v4 = ClusterState.of(Topology(pods=TOPOLOGY.pods, families=(V4,)))

    assert [text] == expand(text)
    assert [text, f"{text}/ipv6"] == expand(text, V4, V6)
    assert [f"{text}/ipv6"] == expand(f"{text}/ipv6", V4)
    assert () == parse_pattern(f"{text}/ipv6").expand(only_v4)


def test_hosts_outside_reach_pods_alone() -> None:
    """Whatever a pattern says, a cluster's Services, names and nodes are not asked from outside."""
    others: tuple[Target, ...] = (ServiceRef("payments", "db"), HostName("db.payments"), NodeRef(2), ApiServerRef())
    patterns = [FlowPattern(source=ExternalRef("partner"), target=target) for target in others]

    assert [()] * 4 == [p.expand(STATE) for p in patterns]


def test_named_patterns_name_both_ends() -> None:
    """A pattern is named without `any` at either end, with or without a port."""
    texts = ("web/client -> web/front", "web/client -> any", "any -> web/front", "web/any -> web/front")

    assert [True, False, False, False] == [parse_pattern(t).named for t in texts]


def test_the_clusters_own_services_are_known_to_the_plan() -> None:
    """The Services that patterns leave out are in the planned state; else the rows above would prove nothing."""
    assert {DNS_SERVICE, API_SERVICE} <= set(STATE.services)
