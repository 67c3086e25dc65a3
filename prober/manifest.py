"""Kubernetes YAML -> NetworkPolicy and back, with the API's own defaults and validation (v1.34); no other kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from prober.document import Gather, Located, Value, any_text, documents, each, many, nearest, text
from prober.model import EVERYTHING, Direction, IPBlock, LabelSelector, NetworkPolicy, Peer, PodPeer, Rule
from prober.rules import Fill, api_fields, rule, selector
from prober.syntax import DNS_LABEL, SUBDOMAIN, labels, spelled
from prober.yamltext import shortened

API_VERSION = "networking.k8s.io/v1"
KIND = "NetworkPolicy"
_LISTS = {"v1": "List", API_VERSION: "NetworkPolicyList"}
_METADATA = (
    *("name", "namespace", "labels", "annotations", "resourceVersion", "uid", "creationTimestamp", "generation"),
    *("managedFields", "selfLink", "finalizers", "ownerReferences", "deletionTimestamp", "deletionGracePeriodSeconds"),
)


def load(content: str, file: str, *, default_namespace: str | None = None) -> tuple[Located[NetworkPolicy], ...]:
    """Return the policies of a file's text, or raise all its mistakes; a policy without namespace gets the default."""
    return read(documents(content, file), default_namespace=default_namespace)


def read(
    objects: Iterable[Value], *, default_namespace: str | None = None, fill: Fill = text
) -> tuple[Located[NetworkPolicy], ...]:
    """Return the policies of objects that stand in a document, lists of them flattened, or raise all their mistakes."""
    take = Gather()
    found: list[Located[NetworkPolicy]] = []
    for value in objects:
        for item in take(_flattened, value, ()):
            policy = take(lambda v: _policy(v, default_namespace, fill), item, None)
            if policy is not None:
                found.append(Located(policy, item))
    take.done()
    return tuple(found)


def dump(policy: NetworkPolicy) -> dict[str, Any]:
    """Return a policy as the plain data of its Kubernetes object."""
    spec: dict[str, Any] = {
        "podSelector": _dump_selector(policy.pods),
        "policyTypes": [d.value for d in Direction if d in policy.types],
    }
    if policy.ingress:
        spec["ingress"] = [_dump_rule(r, "from") for r in policy.ingress]
    if policy.egress:
        spec["egress"] = [_dump_rule(r, "to") for r in policy.egress]
    metadata = {"name": policy.name, "namespace": policy.namespace}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}


def _dump_selector(selector: LabelSelector) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if selector.match_labels:
        found["matchLabels"] = dict(selector.match_labels)
    if selector.expressions:
        found["matchExpressions"] = [
            {"key": e.key, "operator": e.operator.value} | ({"values": list(e.values)} if e.values else {})
            for e in selector.expressions
        ]
    return found


def _dump_rule(rule: Rule, side: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if rule.peers:
        found[side] = [_dump_peer(p) for p in rule.peers]
    if rule.ports:
        found["ports"] = [
            {"protocol": p.protocol.value}
            | ({} if p.port is None else {"port": p.port})
            | ({} if p.end is None else {"endPort": p.end})
            for p in rule.ports
        ]
    return found


def _dump_peer(peer: Peer) -> dict[str, Any]:
    match peer:
        case IPBlock(cidr=cidr, excepts=excepts):
            return {"ipBlock": {"cidr": str(cidr)} | ({"except": [str(e) for e in excepts]} if excepts else {})}
        case PodPeer(pods=pods, namespaces=namespaces):
            both = {"podSelector": pods, "namespaceSelector": namespaces}
            return {k: _dump_selector(s) for k, s in both.items() if s is not None}


def _flattened(value: Value) -> tuple[Value, ...]:
    entries = value.entries()
    version, kind = (any_text(entries[k]) if k in entries else "" for k in ("apiVersion", "kind"))
    if _LISTS.get(version) != kind or not kind:
        return (value,)
    take = Gather()
    items = api_fields(take, value, ("apiVersion", "kind", "metadata", "items")).get("items")
    found = take(lambda v: tuple(v.members()), items, ())
    take.done()
    return found


def _policy(value: Value, default_namespace: str | None, fill: Fill) -> NetworkPolicy:
    if kind := value.entries().get("kind"):  # first: another kind has other fields
        _constant(KIND, "only network policies are read here")(kind)
    take = Gather()
    required = ("apiVersion", "kind", "metadata")
    fields = api_fields(take, value, (*required, "spec", "status"), required)
    take(_constant(API_VERSION, "older versions are gone from the API"), fields.get("apiVersion"), None)
    namespace, name = take(lambda v: _metadata(v, default_namespace), fields.get("metadata"), ("", ""))
    spec = take(lambda v: _spec(v, namespace, name, fill), fields.get("spec"), None)
    take.done()
    bare = NetworkPolicy(namespace=namespace, name=name, types=frozenset({Direction.INGRESS}))
    return replace(spec or bare, at=value.place)


def _constant(expected: str, remedy: str) -> Callable[[Value], str]:
    def read_constant(value: Value) -> str:
        if (word := any_text(value)) != expected:
            raise value.wrong(f"`{shortened(word)}`, where {expected} is expected", remedy)
        return word

    return read_constant


def _metadata(value: Value, default_namespace: str | None) -> tuple[str, str]:
    take = Gather()
    fields = api_fields(take, value, _METADATA, ("name",))
    take(labels, fields.get("labels"), {})
    take(each(lambda _, v: any_text(v)), fields.get("annotations"), ())
    name = take(spelled(SUBDOMAIN), fields.get("name"), "")
    namespace = take(spelled(DNS_LABEL), fields.get("namespace"), default_namespace or "")
    if not namespace and "namespace" not in fields:
        take.mistakes.append(value.mistake("`namespace` is missing", "say which namespace the policy is for"))
    take.done()
    return namespace, name


def _spec(value: Value, namespace: str, name: str, fill: Fill) -> NetworkPolicy:
    take = Gather()
    fields = api_fields(take, value, ("podSelector", "policyTypes", "ingress", "egress"))
    pods = take(selector, fields.get("podSelector"), EVERYTHING)
    types = take(_types, fields.get("policyTypes"), frozenset[Direction]())
    ingress = take(many(lambda v: rule(v, "from", fill)), fields.get("ingress"), ())
    egress = take(many(lambda v: rule(v, "to", fill)), fields.get("egress"), ())
    take.done()
    if not types:  # semantics 8
        types = frozenset({Direction.INGRESS, Direction.EGRESS} if egress else {Direction.INGRESS})
    return NetworkPolicy(namespace=namespace, name=name, pods=pods, types=types, ingress=ingress, egress=egress)


def _types(value: Value) -> frozenset[Direction]:
    def one(member: Value) -> Direction:
        word = text(member)
        if word not in tuple(Direction):
            raise member.wrong(f"`{shortened(word)}` is no policy type", nearest(word, Direction, "one of"))
        return Direction(word)

    found = many(one)(value)
    if len(found) > 2:  # semantics 12: the API counts, it does not look for repetitions
        raise value.wrong(f"{len(found)} policy types, where the API takes two at most", "name each once")
    return frozenset(found)
