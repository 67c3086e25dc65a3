"""nft commands as transactions: chunks that fill a table out of force, and the small switch that puts it in force."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prober.model import Family

# An unprivileged nft sends a transaction as one datagram of at most net.core.wmem_default bytes, by default 212,992;
# beyond it says "Message too long". The sizes below are estimates from above, and this leaves a third to spare.
LIMIT = 150_000
WORDS = {Family.IPV4: ("ip", "ipv4_addr"), Family.IPV6: ("ip6", "ipv6_addr")}  # a header's name, its addresses' type
_ELEMENTS_AT_ONCE = 500
_PREFIX_LENGTH = 127  # NF_LOG_PREFIXLEN without its NUL; a rule's comment may have 128

# Refused at once. TCP gets a reset: an ICMPv6 error that comes back while connect() still holds the socket is not
# taken, and the client would hear of it only one retransmission (1 s) later.
REFUSE = ("meta l4proto tcp reject with tcp reset", "reject with icmpx type port-unreachable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A new generation of rules: load each of `fill` (no traffic heeds it yet), then `switch`, each one transaction.

    The switch also deletes the table of the generation before, whether there is one or not: generations are numbered
    without gaps, and one whose loading failed is compiled and filled again under the same number.
    """

    fill: tuple[str, ...]
    switch: str


@dataclass(frozen=True, slots=True)
class _Command:
    text: str
    size: int  # estimated bytes of netlink


class Draft:
    """One generation's table while it is being written; its methods take nft's own words."""

    def __init__(self, stem: str, generation: int) -> None:
        if generation < 0:
            raise ValueError(f"generation {generation}: they are numbered from 0")
        self._table = f"inet {stem}_{generation}"
        self._before = f"inet {stem}_{generation - 1}" if generation else None
        # what an aborted load of the same generation has left is deleted first
        fresh = (f"add table {self._table}", f"delete table {self._table}", f"add table {self._table}")
        self._declared = [_Command(text, 100) for text in fresh]
        self._filled: list[_Command] = []
        self._switch: list[str] = []

    def chain(self, name: str) -> None:
        """Declare a chain that others jump to."""
        self._declared.append(_Command(f"add chain {self._table} {name}", 120))

    def set(self, name: str, kind: str, elements: Sequence[str] = (), *, flags: str = "") -> None:
        """Declare a set of nft type `kind` and fill it."""
        spec = f"type {kind};" + (f" flags {flags};" if flags else "")
        self._declared.append(_Command(f"add set {self._table} {name} {{ {spec} }}", 160))
        self._elements(name, elements, each=80)

    def map(self, name: str, kind: str, elements: Sequence[str] = ()) -> None:
        """Declare a verdict map with keys of nft type `kind` and fill it."""
        self._declared.append(_Command(f"add map {self._table} {name} {{ type {kind} : verdict; }}", 180))
        self._elements(name, elements, each=140)

    def rule(self, chain: str, text: str) -> None:
        """Append a rule to a chain declared before."""
        inside = text.count(",")  # of a set or a map written out in the rule: 44 to 60 bytes for each element
        outside = len(re.sub(r"{.*}", "{}", text).split())  # `ip6 saddr @set tcp dport 80 accept` is 476 bytes
        size = 200 + 50 * outside + 70 * inside + min(len(text), 256)
        self._filled.append(_Command(f"add rule {self._table} {chain} {text}", size))

    def hook(self, chain: str, spec: str, rules: Sequence[str]) -> None:
        """Put a base chain into the switch: from then on its rules are in force."""
        self._switch.append(f"add chain {self._table} {chain} {{ {spec}; policy accept; }}")
        self._switch.extend(f"add rule {self._table} {chain} {rule}" for rule in rules)

    def script(self) -> Script:
        """Return the transactions."""
        switch = list(self._switch)
        if self._before is not None:
            switch += [f"add table {self._before}", f"delete table {self._before}"]  # `add` makes it exist to delete
        return Script(fill=_chunks(self._declared + self._filled), switch="\n".join(switch) + "\n")

    def _elements(self, name: str, elements: Sequence[str], *, each: int) -> None:
        for start in range(0, len(elements), _ELEMENTS_AT_ONCE):
            some = elements[start : start + _ELEMENTS_AT_ONCE]
            text = f"add element {self._table} {name} {{ {', '.join(some)} }}"
            self._filled.append(_Command(text, 100 + each * len(some)))


def quoted(text: str) -> str:
    """Return a name as an nft string that fits a log prefix; whatever could end the string becomes `_`."""
    return '"' + re.sub(r"[^A-Za-z0-9 ._/-]", "_", text)[:_PREFIX_LENGTH] + '"'


def _chunks(commands: Sequence[_Command]) -> tuple[str, ...]:
    chunks: list[list[str]] = [[]]
    size = 0
    for command in commands:
        if chunks[-1] and size + command.size > LIMIT:
            chunks.append([])
            size = 0
        chunks[-1].append(command.text)
        size += command.size
    return tuple("\n".join(chunk) + "\n" for chunk in chunks)
