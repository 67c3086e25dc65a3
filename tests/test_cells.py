"""Where each probe is aimed, and who may answer it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prober.cells import lookup_leg, probe
from prober.errors import ClusterError
from prober.flows import parse_flow
from prober.model import Addresses, ClusterState, Flow, PodRef, RemovePod
from prober.model.plan import planned
from prober.probe import Kind, Probe
from prober.vouching import with_witnesses
from tests.running import loaded

TEXT = """\
summary: Every kind of target
namespaces: {shop: {}, bank: {}}
pods:
  shop/a: {}
  shop/b: {labels: {app: b}, ports: [{port: 8080, name: web}, 53/udp, 9/sctp], node: 2}
  shop/c: {labels: {app: b}, ports: [{port: 9090, name: web}]}
  shop/node: {hostNetwork: true, ports: [9100]}
services:
  shop/web: {selector: {app: b}, ports: [{port: 80, targetPort: web}, {port: 81, targetPort: 8080}]}
  shop/none: {selector: {app: nobody}, ports: [80]}
external: {partner: {ports: [443, 53/udp]}}
nodes: {2: {ports: [10250]}}
steps: [{name: s, expect: {allowed: [any -> any]}}]
"""


@pytest.fixture(scope="module")
def state() -> ClusterState:
    """The scenario's state, addresses and all."""
    return planned(with_witnesses(loaded(TEXT).topology))[0]


def test_lookup_of_a_name_is_by_udp() -> None:
    """Rule 4: nc's resolver asks by UDP, so that is the leg to compare with."""
    assert "shop/a -> dns/web" == str(lookup_leg(parse_flow("shop/a -> name/web:80")))
    assert "shop/a -> dns/web/ipv6" == str(lookup_leg(parse_flow("shop/a -> name/web:80/ipv6")))
    with pytest.raises(TypeError):
        lookup_leg(parse_flow("shop/a -> shop/b:80"))


def aimed(text: str, state: ClusterState) -> Probe:
    """Return a flow's probe."""
    return probe(
        parse_flow(text), state, cell=7, timeout=3, nonce="n1", hostname=lambda ref: f"{ref.name}.{ref.namespace}"
    )


B = ("b.shop",)
BOTH = ("b.shop", "c.shop")
AIMS = {
    "shop/a -> shop/b:8080": (Kind.TCP, "pod", 8080, B),
    "shop/a -> shop/b:8080/ipv6": (Kind.TCP, "pod", 8080, B),
    "shop/a -> shop/b:53/udp": (Kind.UDP, "pod", 53, B),
    "shop/b -> shop/b:8080": (Kind.TCP, "pod", 8080, B),
    "ext/partner -> shop/b:8080": (Kind.TCP, "pod", 8080, B),
    "shop/a -> svc/shop/web:80": (Kind.TCP, "service", 80, BOTH),
    "shop/a -> name/web:80": (Kind.TCP, "web", 80, BOTH),
    "shop/a -> name/web.shop.svc.cluster.local:80": (Kind.TCP, "web.shop.svc.cluster.local", 80, BOTH),
    "shop/a -> ext/partner:443": (Kind.HANDSHAKE, "external", 443, ()),
    "shop/a -> ext/partner:53/udp": (Kind.UDP, "external", 53, ()),
    "shop/a -> node/2:10250": (Kind.HANDSHAKE, "node", 10250, ()),
    "shop/a -> apiserver": (Kind.HANDSHAKE, "api", 443, ()),
    "shop/a -> dns/web": (Kind.DNS, "web", 53, ()),
    "shop/a -> dns/web/tcp": (Kind.DNS_TCP, "web", 53, ()),
}


@pytest.mark.parametrize(("text", "wanted"), AIMS.items(), ids=AIMS)
def test_probe_is_aimed_at_its_target(
    state: ClusterState, text: str, wanted: tuple[Kind, str, int, tuple[str, ...]]
) -> None:
    """Each target by its own address, name or Service, with the names that may answer there (rules 2 and 5)."""
    kind, what, port, names = wanted
    sent, flow = aimed(text, state), parse_flow(text)
    host = _addresses(flow, state, what)[flow.family] if what in _THINGS else what
    assert (kind, host, port, frozenset(names)) == (sent.kind, sent.host, sent.port, sent.names)
    assert (7, 3, flow.family) == (sent.cell, sent.timeout, sent.family)
    assert ("n1" if kind is Kind.UDP else "-") == sent.nonce


_THINGS = ("pod", "service", "external", "node", "api")


def _addresses(flow: Flow, state: ClusterState, what: str) -> Addresses:
    match what:
        case "pod":
            return state.pods[flow.target].addresses  # type: ignore[index]
        case "service":
            return state.services[flow.target].addresses  # type: ignore[index]
        case "external":
            return state.externals[flow.target].addresses  # type: ignore[index]
        case "node":
            return state.nodes[flow.target].addresses  # type: ignore[index]
        case _:
            assert state.api_server
            return state.services[state.api_server].addresses


def test_what_nc_does_not_speak_is_no_probe(state: ClusterState) -> None:
    """A cell that cannot be probed must not be asked for."""
    with pytest.raises(ClusterError, match="nc speaks no SCTP"):
        aimed("shop/a -> shop/b:9/sctp", state)


def test_family_that_a_target_lacks_is_no_probe() -> None:
    """Where the cluster gave no such address, it is said by name."""
    state = planned(loaded(TEXT).topology)[0]
    pod = state.pods[PodRef("shop", "b")]
    bare = {f: a for f, a in pod.addresses.items() if f != "ipv6"}
    changed = state.after(RemovePod(pod=pod.ref))
    lacking = replace(changed, pods={**changed.pods, pod.ref: replace(pod, addresses=bare)})
    with pytest.raises(ClusterError, match="shop/b has no ipv6 address"):
        aimed("shop/a -> shop/b:8080/ipv6", lacking)
