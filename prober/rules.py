"""The rules of a NetworkPolicy's spec as Kubernetes writes them: selectors, peers, address blocks and ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network

from prober.document import Gather, Value, many, nearest, text
from prober.model import (
    IPBlock,
    Labels,
    LabelSelector,
    Network,
    Operator,
    Peer,
    PodPeer,
    PolicyPort,
    Protocol,
    Requirement,
    Rule,
)
from prober.syntax import (
    LABEL_VALUE,
    address_block,
    check_label_key,
    labels,
    port_number,
    port_number_or_name,
    protocol,
    spelled,
)
from prober.yamltext import shortened

# Reads the text of an address block. It may fill in addresses; None: not known yet, so the block is not looked into.
Fill = Callable[[Value], str | None]


def api_fields(take: Gather, value: Value, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, Value]:
    """Return an object's fields; a null is an absent one, as in the API."""
    found = take.fields(value, known, required)
    empty = [v for k, v in found.items() if k in required and v.is_null]
    take.mistakes += [v.mistake("nothing stands here", "give it a value") for v in empty]
    return {k: v for k, v in found.items() if not v.is_null}


def rule(value: Value, side: str, fill: Fill) -> Rule:
    """Read one rule, whose peers stand under `side`: `from` or `to`."""
    if value.is_null:
        raise value.wrong("an empty rule", "a rule that allows everything is written {}")
    take = Gather()
    fields = api_fields(take, value, (side, "ports"))
    peers = take(many(lambda v: _peer(v, fill)), fields.get(side), ())
    ports = take(many(_port), fields.get("ports"), ())
    take.done()
    return Rule(peers=peers, ports=ports, at=value.place)


def _peer(value: Value, fill: Fill) -> Peer:
    if value.is_null:
        raise value.wrong("an empty peer", "name a podSelector, a namespaceSelector or an ipBlock")
    take = Gather()
    fields = api_fields(take, value, ("podSelector", "namespaceSelector", "ipBlock"))
    pods = take(selector, fields.get("podSelector"), None)
    namespaces = take(selector, fields.get("namespaceSelector"), None)
    block = take(lambda v: _block(v, fill), fields.get("ipBlock"), None)
    take.done()
    if not fields:  # semantics 19
        raise value.wrong("a peer that names nothing", "name a podSelector, a namespaceSelector or an ipBlock")
    if block is None:
        return PodPeer(pods=pods, namespaces=namespaces)
    if len(fields) > 1:  # semantics 19
        raise value.wrong("an ipBlock beside a selector", "make them two peers, or drop one")
    return block


def _block(value: Value, fill: Fill) -> IPBlock:
    take = Gather()
    fields = api_fields(take, value, ("cidr", "except"), ("cidr",))
    cidr = take(lambda v: _network(v, fill), fields.get("cidr"), None)

    def inside(member: Value) -> tuple[Network, ...]:
        part = _network(member, fill)
        if part is None or cidr is None:
            return ()
        # semantics 26: of the same family, and smaller
        if part.prefixlen <= cidr.prefixlen or part.network_address not in cidr:
            raise member.wrong(f"{part} is no strict subset of {cidr}", "an exception is a smaller block inside `cidr`")
        return (part,)

    excepts = take(many(inside), fields.get("except"), ())
    take.done()
    return IPBlock(cidr=cidr or IPv4Network(0), excepts=tuple(part for parts in excepts for part in parts))


def _network(value: Value, fill: Fill) -> Network | None:
    word = fill(value)
    return None if word is None else address_block(value, word)


def _port(value: Value) -> PolicyPort:
    if value.is_null:
        raise value.wrong("an empty port", "every TCP port is written {}")
    take = Gather()
    fields = api_fields(take, value, ("protocol", "port", "endPort"))
    proto = take(protocol, fields.get("protocol"), Protocol.TCP)  # semantics 31, 32
    port = take(port_number_or_name, fields.get("port"), None)
    end = take(port_number, fields.get("endPort"), None)
    take.done()
    if end is not None:  # semantics 34
        at = fields["endPort"]
        if not isinstance(port, int):
            raise at.wrong("endPort without a numeric port", "give `port` the first number of the range")
        if end < port:
            raise at.wrong(f"endPort {end} is below port {port}", "a range goes upwards")
    return PolicyPort(protocol=proto, port=port, end=end)


def selector(value: Value) -> LabelSelector:
    """Read a label selector; an empty one takes everything."""
    take = Gather()
    fields = api_fields(take, value, ("matchLabels", "matchExpressions"))
    match_labels: Labels = take(labels, fields.get("matchLabels"), {})
    expressions = take(many(_requirement), fields.get("matchExpressions"), ())
    take.done()
    return LabelSelector(match_labels=match_labels, expressions=expressions)


def _requirement(value: Value) -> Requirement:
    take = Gather()
    fields = api_fields(take, value, ("key", "operator", "values"), ("key", "operator"))
    key = take(lambda v: check_label_key(text(v), v), fields.get("key"), "")
    operator = take(_operator, fields.get("operator"), None)
    values = take(many(spelled(LABEL_VALUE)), fields.get("values"), ())
    take.done()
    assert operator is not None  # noqa: S101 - required above
    if operator in (Operator.IN, Operator.NOT_IN) and not values:  # semantics 20
        raise value.wrong(f"{operator} without values", "name at least one")
    if operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST) and values:
        raise value.wrong(f"{operator} with values", "remove them, or use In or NotIn")
    return Requirement(key=key, operator=operator, values=values)


def _operator(value: Value) -> Operator:
    word = text(value)
    if word not in tuple(Operator):
        raise value.wrong(f"`{shortened(word)}` is no operator", nearest(word, Operator, "one of"))
    return Operator(word)
