"""How Kubernetes spells names, labels, ports and address blocks, checked as its API server checks them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from prober.document import Value, any_text, each, nearest, text, whole
from prober.model import Labels, Network, Protocol
from prober.yamltext import shortened


@dataclass(frozen=True, slots=True)
class Spelling:
    """One of the API's rules for words."""

    what: str
    pattern: re.Pattern[str]
    longest: int
    rule: str

    def fault(self, word: str) -> str:
        """Return what is wrong with a word, or nothing."""
        if len(word) > self.longest:
            return f"`{shortened(word)}` is too long for a {self.what}: at most {self.longest} characters"
        return "" if self.pattern.fullmatch(word) else f"`{shortened(word)}` is no {self.what}"


_LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_WORD = "(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)"
_ENDS = "first and last a letter or digit"

DNS_LABEL = Spelling("name", re.compile(_LABEL), 63, f"lower case letters, digits and `-`, {_ENDS}")
SUBDOMAIN = Spelling(
    "name", re.compile(rf"{_LABEL}(?:\.{_LABEL})*"), 253, f"lower case letters, digits, `-` and `.`, {_ENDS}"
)
LABEL_VALUE = Spelling("label value", re.compile(f"{_WORD}?"), 63, f"letters, digits, `-`, `_` and `.`, {_ENDS}")
LABEL_NAME = Spelling("label key", re.compile(_WORD), 63, f"letters, digits, `-`, `_` and `.`, {_ENDS}")
PORT_NAME = Spelling(
    "port name",
    re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"),
    15,
    "lower case letters, digits and single `-` inside, with at least one letter",
)


def spelled(rule: Spelling) -> Callable[[Value], str]:
    """Return a reader of text that obeys a rule."""

    def read(value: Value) -> str:
        word = any_text(value) if rule is LABEL_VALUE else text(value)
        if fault := rule.fault(word):
            raise value.wrong(fault, rule.rule)
        return word

    return read


def check_key(rule: Spelling, key: str, at: Value) -> str:
    """Return a mapping's key, which must obey a rule."""
    if fault := rule.fault(key):
        raise at.wrong(fault, rule.rule)
    return key


def check_label_key(key: str, at: Value) -> str:
    """Return a label's key, `name` or `domain/name`."""
    prefix, slash, name = key.rpartition("/")
    if slash:
        check_key(SUBDOMAIN, prefix, at)
    return check_key(LABEL_NAME, name, at) and key


def labels(value: Value) -> Labels:
    """Read a mapping of label keys to values."""
    return dict(each(lambda key, v: (check_label_key(key, v), spelled(LABEL_VALUE)(v)))(value))


def port_number(value: Value) -> int:
    """Read a port's number."""
    number = whole(value)
    if not 1 <= number <= 65535:
        raise value.wrong(f"{number} is no port number", "1 to 65535")
    return number


def port_number_or_name(value: Value) -> int | str:
    """Read a port's number, or the name that pods give to one (semantics 35, 36)."""
    if not value.is_text:
        return port_number(value)
    if text(value).isdecimal():
        what = f'"{shortened(text(value))}" in quotes is a port\'s name, and a name has a letter'
        raise value.wrong(what, "remove the quotes")
    return spelled(PORT_NAME)(value)


def protocol(value: Value) -> Protocol:
    """Read TCP, UDP or SCTP (semantics 32)."""
    word = text(value)
    if word not in Protocol.__members__:
        raise value.wrong(f"`{shortened(word)}` is no protocol", nearest(word, Protocol, "one of"))
    return Protocol(word)


_V4_BLOCK = re.compile(r"(\d{1,4}(?:\.\d{1,4}){3})/(\d{1,3})", re.ASCII)
_V6_BLOCK = re.compile(r"([0-9A-Fa-f:]*:[0-9A-Fa-f:]*(?:\.[0-9.]*)?)/(\d{1,3})", re.ASCII)


def address_block(value: Value, word: str) -> Network:
    """Return the address block that a word at `value` means: no leading zeros, host bits masked (semantics 30)."""
    try:
        if found := _V4_BLOCK.fullmatch(word):
            octets = ".".join(str(int(octet)) for octet in found[1].split("."))
            return IPv4Network(f"{octets}/{int(found[2])}", strict=False)
        if found := _V6_BLOCK.fullmatch(word):
            block = IPv6Network(f"{found[1]}/{int(found[2])}", strict=False)
            if block.network_address.ipv4_mapped is None:
                return block
    except ValueError:
        pass
    raise value.wrong(f"`{shortened(word)}` is no address block", "write ADDRESS/LENGTH, like 10.0.0.0/8 or fd00::/8")
