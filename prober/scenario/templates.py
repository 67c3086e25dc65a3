"""Addresses that manifests leave open: `${pod:ns/name}`, `${node:2}`, `${ext:partner}`, `${apiserver}`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from prober.document import Value, nearest, text
from prober.model import Addresses, ClusterState, ExternalRef, Family, NodeRef, PodRef
from prober.rules import Fill
from prober.yamltext import Piece, shortened

_TEMPLATE = re.compile(r"\$\{([^}]*)\}")
_NAMED = re.compile(
    r"(?:pod:(?P<ns>[-a-z0-9]+)/(?P<pod>[-a-z0-9]+)|node:(?P<node>[1-9])|ext:(?P<ext>[-a-z0-9]+)|(?P<api>apiserver))"
    r"(?::(?P<family>ipv4|ipv6))?"
)
_FORMS = "one of ${pod:ns/name}, ${node:2}, ${ext:name}, ${apiserver}, each also with :ipv6"


def unfilled(value: Value) -> str | None:
    """Read text in which templates are only checked for their form; None if there are any."""
    found = _TEMPLATE.findall(text(value))
    for name in found:
        _parsed(name, value)
    return None if found else text(value)


def templates_in(piece: Piece) -> Iterator[str]:
    """Yield the insides of all templates in a piece of a document."""
    match piece.content:
        case str(written):
            yield from _TEMPLATE.findall(written)
        case list(members):
            yield from (name for member in members for name in templates_in(member))
        case dict(entries):
            yield from (name for _, entry in entries.values() for name in templates_in(entry))


def filled_from(state: ClusterState) -> Fill:
    """Return a reader of text that puts the addresses of `state` in; one alone becomes a block of that address."""

    def fill(value: Value) -> str:
        written = text(value)
        filled = _TEMPLATE.sub(lambda found: _address(found[1], value, state), written)
        return f"{filled}/{ip_address(filled).max_prefixlen}" if _TEMPLATE.fullmatch(written) else filled

    return fill


def _parsed(name: str, at: Value) -> re.Match[str]:
    if found := _NAMED.fullmatch(name):
        return found
    raise at.wrong(f"`${{{shortened(name)}}}` stands for no address", _FORMS)


def _address(name: str, at: Value, state: ClusterState) -> str:
    found = _parsed(name, at)
    family = Family(found["family"]) if found["family"] else state.families[0]
    addresses = _addresses(found, at, state)
    if family not in addresses:
        raise at.wrong(f"`${{{name}}}` has no {family} address here", "name a family that the cluster has")
    return addresses[family]


def _addresses(found: re.Match[str], at: Value, state: ClusterState) -> Addresses:
    if found["pod"]:
        pod = state.pods.get(PodRef(found["ns"], found["pod"]))
        if pod is None:
            raise at.wrong(f"there is no pod {found['ns']}/{found['pod']} then", nearest_pod(found[0][4:], state))
        return pod.addresses
    if found["ext"]:
        external = state.externals.get(ExternalRef(found["ext"]))
        if external is None:
            raise at.wrong(f"there is no external host {found['ext']}", "declare it under `external`")
        return external.addresses
    if found["node"]:
        node = state.nodes.get(NodeRef(int(found["node"])))
        if node is None:
            raise at.wrong(f"there is no node {found['node']}", f"the nodes are 1 to {len(state.nodes)}")
        return node.addresses
    # policies see the API server behind its Service's address: an endpoint, not the ClusterIP (semantics 28, 33)
    service = state.services.get(state.api_server) if state.api_server else None
    if service is None or not service.endpoints:
        raise at.wrong("the API server's address is not known here", "name its address yourself")
    return service.endpoints[0]


def nearest_pod(name: str, state: ClusterState) -> str:
    """Return the remedy for a pod's name that is not there."""
    return nearest(name, (str(p.ref) for p in state.probe_pods()), "the pods are")
