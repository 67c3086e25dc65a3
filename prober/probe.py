r"""From a probe to nc's or dig's command, and from their text to an Outcome: text in, text out, nothing is run here.

The request that `probe.sh` reads, and the lines that it answers (fields parted by one blank):

    TOKEN clock                                          TOKEN clock UPTIME
    TOKEN CELL KIND FAMILY TIMEOUT HOST PORT NONCE       TOKEN CELL EXIT BEGIN END TEXT
    TOKEN wait                                           (waits for what is under way)
    TOKEN end                                            TOKEN end COUNT

TOKEN is drawn for each stream, so that a line of another run is never taken for an answer. UPTIME, BEGIN and END are
seconds of /proc/uptime. TEXT is what nc or dig wrote, `\n` for a line end, `\\` for a backslash. EXIT is no evidence:
nc says 1 for every failure, and `nc -u -z` 0 for a dropped packet.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from prober.model import Family
from prober.outcomes import Outcome

AT_ONCE = 128  # probes that one stream runs at once: a bound on processes, and far above what a scenario needs


class Kind(StrEnum):
    """How a cell is probed."""

    TCP = "tcp"  # handshake, then the server's name
    HANDSHAKE = "handshake"  # handshake alone: hosts that are not ours say no name
    UDP = "udp"  # a nonce out, nonce and name back
    DNS = "dns"  # any answer, by UDP; a truncated one is an answer
    DNS_TCP = "dns-tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One attempt to make: all that its command needs, and the names that prove it (none: the handshake proves it)."""

    cell: int
    kind: Kind
    host: str  # an address, or the name that the source resolves
    port: int
    family: Family = Family.IPV4
    timeout: int = 1  # whole seconds: nc -w takes nothing else
    nonce: str = "-"
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One attempt's line: what it wrote and when, on the source's own clock."""

    cell: int
    exit: int
    begin: float
    end: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockLine:
    """The source's clock, read as the stream began."""

    uptime: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EndLine:
    """The stream's last line: how many attempts it made."""

    count: int


Line = Answer | ClockLine | EndLine


def script() -> str:
    """Return the text of the probe script, for a cluster to put into its pods."""
    return files("prober").joinpath("probe.sh").read_text(encoding="utf-8")


def request(probes: Sequence[Probe], token: str) -> str:
    """Return what the script reads to run these probes, all at once up to AT_ONCE."""
    lines = [f"{token} clock"]
    for number, probe in enumerate(probes):
        if number and number % AT_ONCE == 0:
            lines.append(f"{token} wait")
        lines.append(" ".join((token, *_fields(probe))))
    return "\n".join((*lines, f"{token} end", ""))


def _fields(probe: Probe) -> tuple[str, ...]:
    for field in (probe.host, probe.nonce):
        if not re.fullmatch(r"[A-Za-z0-9.:_-]+", field) or (field.startswith("-") and field != "-"):
            raise ValueError(f"{field!r} cannot be probed: only letters, digits, dot, colon, dash and underscore")
    family = "6" if probe.family is Family.IPV6 else "4"
    return (str(probe.cell), probe.kind, family, str(probe.timeout), probe.host, str(probe.port), probe.nonce)


def command(probe: Probe) -> str:
    """Return the attempt as a person types it in the source pod."""
    host, port, timeout = shlex.quote(probe.host), probe.port, probe.timeout
    family = "-6" if probe.family is Family.IPV6 else "-4"
    match probe.kind:
        case Kind.TCP:
            return f"nc -v {family} -w {timeout} {host} {port} </dev/null"
        case Kind.HANDSHAKE:
            return f"nc -v -z {family} -w {timeout} {host} {port}"
        case Kind.UDP:
            return f"echo {probe.nonce} | nc -u {family} -w {timeout} -W 1 {host} {port}"
        case Kind.DNS:
            return f"dig +tries=1 +time={timeout} +ignore {host} A"
        case Kind.DNS_TCP:
            return f"dig +tcp +tries=1 +time={timeout} {host} A"


_ESCAPE = re.compile(r"\\(.)")


def read_line(line: str, token: str) -> Line | None:
    """Return what one line says; None for a line that is broken or not of this stream."""
    fields = line.split(" ", 5)
    try:
        match fields:
            case [first, "clock", uptime] if first == token:
                return ClockLine(uptime=float(uptime))
            case [first, "end", count] if first == token:
                return EndLine(count=int(count))
            case [first, cell, code, begin, end, text] if first == token:
                plain = _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text)
                return Answer(cell=int(cell), exit=int(code), begin=float(begin), end=float(end), text=plain)
    except ValueError:
        pass
    return None


# Recorded from OpenBSD nc 1.219 and dig 9.18, with glibc's and with musl's words for the same errors.
_TIMED_OUT = re.compile(r"timed out|Operation timed out")
_REFUSED = re.compile(r"[Cc]onnection refused")
_UNREACHABLE = re.compile(
    r"No route to host|Host is unreachable|[Nn]etwork (is )?unreachable|[Hh]ost unreachable|"
    r"Permission denied|Operation not permitted|permission denied"
)
_NO_NAME = re.compile(r"^nc: getaddrinfo(:| for host )")
_SUCCEEDED = re.compile(r"Connection to .* \d+ port \[(tcp|udp)/[^\]]*\] succeeded!")
_FAILED = re.compile(r"^nc: connect to .* port \d+ \((tcp|udp)\) (failed|timed out)")
_DIG_ANSWER = re.compile(r"^;; ->>HEADER<<- opcode: QUERY, status: [A-Z0-9]+, id: \d+", re.MULTILINE)
_DIG_ERROR = re.compile(r"^;; (communications error|Connection to|UDP setup with|no servers could)", re.MULTILINE)


def outcome(probe: Probe, answer: Answer) -> Outcome:
    """Return what an attempt saw. A text that nobody has recorded is NO_RESULT, never a denial."""
    match probe.kind:
        case Kind.TCP | Kind.HANDSHAKE:
            return _tcp(probe, answer.text)
        case Kind.UDP:
            return _udp(probe, answer)
        case Kind.DNS | Kind.DNS_TCP:
            return _dns(answer.text)


def _tcp(probe: Probe, text: str) -> Outcome:
    # A name with several addresses: a line for each that failed, then perhaps the one that succeeded.
    lines = text.splitlines()
    failed: list[str] = []
    while lines and _FAILED.match(lines[0]):
        failed.append(lines.pop(0))
    if lines and _SUCCEEDED.fullmatch(lines[0]):
        return Outcome.CONNECTED if probe.kind is Kind.HANDSHAKE else _named(probe, "\n".join(lines[1:]))
    if lines:
        return Outcome.NO_NAME if len(lines) == 1 and not failed and _NO_NAME.match(lines[0]) else Outcome.NO_RESULT
    found = [_errno(line) for line in failed]
    # Of several addresses one dropped: dropping is the stronger evidence
    return next((o for o in (Outcome.TIMED_OUT, Outcome.REFUSED, Outcome.UNREACHABLE) if o in found), Outcome.NO_RESULT)


def _errno(line: str) -> Outcome:
    if _TIMED_OUT.search(line):
        return Outcome.TIMED_OUT
    if _REFUSED.search(line):
        return Outcome.REFUSED
    return Outcome.UNREACHABLE if _UNREACHABLE.search(line) else Outcome.NO_RESULT


def _named(probe: Probe, said: str) -> Outcome:
    said = said.strip()
    if not said:
        return Outcome.SILENT
    return Outcome.CONNECTED if said in probe.names else Outcome.WRONG_PEER


def _udp(probe: Probe, answer: Answer) -> Outcome:
    text = answer.text.strip()
    if _NO_NAME.match(text):
        return Outcome.NO_NAME
    if text.startswith("nc: "):
        return _errno(text)
    if not text:
        # nc without -v says nothing for an ICMP error, only sooner: empty before the timeout is a refusal. The clock is
        # read before nc starts and after it ended, so a busy machine can only lengthen the time.
        return Outcome.REFUSED if answer.end - answer.begin < probe.timeout - 0.05 else Outcome.TIMED_OUT
    nonce, _, name = text.partition(" ")
    if nonce != probe.nonce:
        return Outcome.WRONG_PEER
    return Outcome.CONNECTED if not probe.names or name.strip() in probe.names else Outcome.WRONG_PEER


def _dns(text: str) -> Outcome:
    if _DIG_ANSWER.search(text):
        return Outcome.CONNECTED
    if _DIG_ERROR.search(text):
        return _errno(text)
    return Outcome.NO_RESULT
