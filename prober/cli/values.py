"""How each flag's value is read; a value that cannot be is told what to write instead."""

from __future__ import annotations

import os
import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from prober.durations import parse_duration

if TYPE_CHECKING:
    from prober.flows import FlowPattern

FORMATS = ("text", "html", "json", "junit", "markdown", "prometheus")
MANIFEST = "manifest"
FAIL_ON = ("leak", "break", "flaky", "unknown")
_EXTERNAL = re.compile(r"([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)=([0-9.]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})(?:/(tcp|udp))?")
_LABEL_KEY = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?", re.ASCII
)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")


def one_of(*words: str) -> Callable[[str], str]:
    """Return a reader of one of these words."""

    def read(text: str) -> str:
        if text not in words:
            raise ArgumentTypeError(f"{text!r} is none of {', '.join(words)}")
        return text

    return read


def duration(text: str) -> float:
    """Read seconds, above zero."""
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    if seconds <= 0:
        raise ArgumentTypeError(f"{text!r} is no time at all; give more than 0s")
    return seconds


def timeout(text: str) -> int:
    """Read whole seconds."""
    seconds = duration(text)
    if seconds != int(seconds):
        raise ArgumentTypeError(f"{text!r} is not in whole seconds, and nc's -w takes nothing else; give 1s or more")
    return int(seconds)


def count(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` on."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= 6 and int(text) >= least):
            raise ArgumentTypeError(f"{text!r} is no whole number from {least} on")
        return int(text)

    return read


def jobs(text: str) -> int:
    """Read a number of scenarios at once; `cores` stands for the processor's."""
    if text != "cores":
        return count(1)(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tag(text: str) -> str:
    """Read a tag, or `!` and a tag."""
    if not re.fullmatch("!?[a-z0-9][-a-z0-9]{0,62}", text):
        raise ArgumentTypeError(f"{text!r} is no tag; write smoke or '!smoke'")
    return text


def names(text: str) -> tuple[str, ...]:
    """Read names parted by commas."""
    found = tuple(part.strip() for part in text.split(","))
    if not all(found):
        raise ArgumentTypeError(f"{text!r} has an empty name in it; write A,B")
    return found


def namespace(text: str) -> str:
    """Read a namespace's name."""
    if not re.fullmatch("[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", text):
        raise ArgumentTypeError(f"{text!r} is no namespace; write lower case letters, digits and `-`")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address and a port of an external host."""

    host: str
    address: str
    port: int
    protocol: str


def external(text: str) -> Place:
    """Read where an external host is."""
    wrong = ArgumentTypeError(f"{text!r}: write NAME=IP:PORT, like partner=192.0.2.7:443 or partner=[2001:db8::7]:443")
    found = _EXTERNAL.fullmatch(text)
    if not found:
        raise wrong
    try:
        address = ip_address(found[2].strip("[]"))
    except ValueError:
        raise wrong from None
    if not 1 <= int(found[3]) <= 65535:
        raise wrong
    return Place(host=found[1], address=str(address), port=int(found[3]), protocol=(found[4] or "tcp").upper())


def label(text: str) -> tuple[str, str]:
    """Read a label, KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not equals or not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
        raise ArgumentTypeError(f"{text!r} is no label; write KEY=VALUE, like team=network")
    return key, value


def labels(text: str) -> dict[str, str]:
    """Read labels parted by commas, all of which something must have."""
    return dict(map(label, names(text)))


def toleration(text: str) -> dict[str, str]:
    """Read a toleration: a taint as `kubectl taint` writes it, or a part of it."""
    rest, colon, effect = text.partition(":")
    key, equals, value = rest.partition("=")
    if (colon and effect not in _EFFECTS) or not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
        raise ArgumentTypeError(f"{text!r} is no taint; write KEY, KEY=VALUE or KEY=VALUE:NoSchedule")
    found = {"key": key, "operator": "Equal" if equals else "Exists"}
    return found | ({"value": value} if equals else {}) | ({"effect": effect} if effect else {})


def rate(text: str) -> float:
    """Read how many a second."""
    if not re.fullmatch(r"[0-9]{1,4}(?:\.[0-9]{1,3})?", text, re.ASCII) or not float(text):
        raise ArgumentTypeError(f"{text!r} is no rate; write a number above 0, like 10 or 0.5")
    return float(text)


def pattern(text: str) -> FlowPattern:
    """Read a flow as scenario files write it."""
    from prober.flows import parse_pattern

    try:
        return parse_pattern(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def fault(text: str) -> str:
    """Read the name of a lie."""
    from prober.cluster.lab.faults import parse_fault

    return str(parse_fault(text))


def fail_on(text: str) -> tuple[str, ...]:
    """Read statuses parted by commas."""
    found = tuple(word.lower() for word in names(text))
    if wrong := [word for word in found if word not in FAIL_ON]:
        raise ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(FAIL_ON)}")
    return tuple(word.upper() for word in found)


def report(text: str) -> tuple[str, str]:
    """Read a format and where to write it."""
    form, equals, file = text.partition("=")
    known = (*FORMATS, MANIFEST)
    if not equals or not file or form not in known:
        raise ArgumentTypeError(f"{text!r}: write FORMAT=FILE, like junit=report.xml or json=-; {', '.join(known)}")
    return form, file
