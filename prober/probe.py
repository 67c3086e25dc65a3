r"""From a probe to nc's or dig's command, and from their text to an Outcome: text in, text out, nothing is run here.

The request that `probe.sh` reads, and the lines that it answers (fields parted by one blank):

    TOKEN clock                                          TOKEN clock UPTIME
    TOKEN CELL KIND FAMILY TIMEOUT HOST PORT NONCE       TOKEN CELL EXIT BEGIN END TEXT
    TOKEN wait                                           (waits for what is under way)
    TOKEN end                                            TOKEN end COUNT

TOKEN is drawn for each stream, so that a line of another run is never taken for an answer. UPTIME, BEGIN and END are
seconds of /proc/uptime. TEXT is what nc or dig wrote, `\n` and `\r` for a line's ends, `\\` for a backslash. EXIT is no
evidence, for nc says 1 for every failure and `nc -u -z` 0 for a dropped packet; but above 125 it says that nothing ran.
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
    UDP = "udp"  # a nonce out; the name back, behind the nonce where listeners echo
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
    echoes: bool = True  # whether a listener sends a datagram's nonce back before its name


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
            return f"nc -v {family} -w {timeout} -W 1 {host} {port} </dev/null"
        case Kind.HANDSHAKE:
            return f"nc -v -z {family} -w {timeout} {host} {port}"
        case Kind.UDP:
            return f"echo {probe.nonce} | nc -u {family} -w {timeout} -W 1 {host} {port}"
        case Kind.DNS:
            return f"dig -r +tries=1 +time={timeout} +ignore -q {host} -t A"
        case Kind.DNS_TCP:
            return f"dig -r +tcp +tries=1 +time={timeout} -q {host} -t A"


_ESCAPE = re.compile(r"\\(.)")
_LINE_ENDS = {"n": "\n", "r": "\r"}


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
                plain = _ESCAPE.sub(lambda m: _LINE_ENDS.get(m[1], m[1]), text)
                return Answer(cell=int(cell), exit=int(code), begin=float(begin), end=float(end), text=plain)
    except ValueError:
        pass
    return None


# What OpenBSD nc 1.219 (with the words of glibc and of musl) and dig 9.18 say: tests/data/recorded. Lines are
# matched whole: beside one that is not known, what another says is no evidence.
_ERRORS = {
    "Connection timed out": Outcome.TIMED_OUT,  # the kernel gave up before nc did
    "Operation timed out": Outcome.TIMED_OUT,  # musl
    "Connection refused": Outcome.REFUSED,
    "No route to host": Outcome.UNREACHABLE,
    "Host is unreachable": Outcome.UNREACHABLE,  # musl
    "Network is unreachable": Outcome.UNREACHABLE,
    "Network unreachable": Outcome.UNREACHABLE,  # musl
    "Protocol not available": Outcome.UNREACHABLE,  # rejected with icmp prot-unreachable
    "Permission denied": Outcome.UNREACHABLE,
    "Operation not permitted": Outcome.UNREACHABLE,  # an engine that refuses connect() itself
}
_NO_NAMES = (
    "Name or service not known",
    "No address associated with hostname",
    "Temporary failure in name resolution",
    "Name does not resolve",  # musl
    "Try again",  # musl
)
_SUCCEEDED = re.compile(r"Connection to \S+( \(\S+\))? \d+ port \[(tcp|udp)/\S+\] succeeded!")
_TIMED_OUT = re.compile(r"nc: connect to \S+( \(\S+\))? port \d+ \(tcp\) timed out: Operation (now )?in progress")
_FAILED = re.compile(r"nc: connect to \S+( \(\S+\))? port \d+ \(tcp\) failed: (?P<error>.+)")
_NO_NAME = re.compile(r'nc: getaddrinfo for host "\S+" port \d+: (?P<error>.+)')

_DIG_ANSWER = re.compile(r"^;; ->>HEADER<<- opcode: QUERY, status: [A-Z0-9]+, id: \d+", re.MULTILINE)
_DIG_CLOSING = ";; no servers could be reached"
_DIG_UNCONNECTED = re.compile(
    r";; (?:Connection to|UDP setup with) (?P<at>\S+?)#\d+\S* for \S+ failed: (?P<error>.+)\."
)
_DIG_UNANSWERED = re.compile(r";; communications error to (?P<at>\S+?)#\d+: (?P<error>.+)")
_DIG_ERRORS = {
    "timed out": Outcome.TIMED_OUT,
    "connection refused": Outcome.REFUSED,
    "host unreachable": Outcome.UNREACHABLE,
    "network unreachable": Outcome.UNREACHABLE,
    "permission denied": Outcome.UNREACHABLE,
}
_DIG_MUTE = ("timed out", "end of file", "connection reset")  # by TCP, once connected

# Of several addresses one dropped: dropping is the stronger evidence
_STRONGEST = (Outcome.NO_RESULT, Outcome.SILENT, Outcome.TIMED_OUT, Outcome.REFUSED, Outcome.UNREACHABLE)


def outcome(probe: Probe, answer: Answer) -> Outcome:
    """Return what an attempt saw. A text that nobody has recorded is NO_RESULT, never a denial."""
    if not 0 <= answer.exit <= 125 or not answer.begin <= answer.end:
        return Outcome.NO_RESULT  # nc or dig is missing or was killed; or a clock that runs backwards
    match probe.kind:
        case Kind.TCP | Kind.HANDSHAKE:
            return _tcp(probe, answer.text)
        case Kind.UDP:
            return _udp(probe, answer)
        case Kind.DNS | Kind.DNS_TCP:
            return _dns(answer.text, tcp=probe.kind is Kind.DNS_TCP)


def _tcp(probe: Probe, text: str) -> Outcome:
    # A name with several addresses: a line for each that failed, then perhaps the one that succeeded.
    lines = text.split("\n")
    failed: list[Outcome] = []
    while lines and (why := _failed(lines[0])):
        failed.append(why)
        lines.pop(0)
    if lines and _SUCCEEDED.fullmatch(lines[0]):
        return Outcome.CONNECTED if probe.kind is Kind.HANDSHAKE else _named(probe, "\n".join(lines[1:]))
    if lines:
        return Outcome.NO_NAME if len(lines) == 1 and not failed and _nameless(lines[0]) else Outcome.NO_RESULT
    return min(failed, key=_STRONGEST.index)


def _failed(line: str) -> Outcome | None:
    """Return why one address was not reached; None for a line that does not say so."""
    if _TIMED_OUT.fullmatch(line):
        return Outcome.TIMED_OUT
    found = _FAILED.fullmatch(line)
    return _ERRORS.get(found["error"], Outcome.NO_RESULT) if found else None


def _nameless(line: str) -> bool:
    found = _NO_NAME.fullmatch(line)
    return found is not None and found["error"] in _NO_NAMES


def _named(probe: Probe, said: str) -> Outcome:
    said = said.strip()
    if not said:
        return Outcome.SILENT
    return Outcome.CONNECTED if said in probe.names else Outcome.WRONG_PEER


def _udp(probe: Probe, answer: Answer) -> Outcome:
    # Whatever came from the network is an answer, even if it reads like nc's own words: without -v nc has few.
    if not answer.text:
        # nc without -v says nothing for an ICMP error, only sooner: empty before the timeout is a refusal. The clock is
        # read before nc starts and after it ended, so a busy machine can only lengthen the time.
        return Outcome.REFUSED if answer.end - answer.begin < probe.timeout - 0.05 else Outcome.TIMED_OUT
    text = answer.text.strip()
    if answer.exit:
        return Outcome.NO_NAME if _nameless(text) else Outcome.NO_RESULT
    nonce, _, name = text.partition(" ") if probe.echoes else (probe.nonce, "", text)
    if nonce != probe.nonce:
        return Outcome.WRONG_PEER
    return Outcome.CONNECTED if not probe.names or name.strip() in probe.names else Outcome.WRONG_PEER


def _dns(text: str, *, tcp: bool) -> Outcome:
    if _DIG_ANSWER.search(text):
        return Outcome.CONNECTED
    lines = text.split("\n")
    if lines.pop() != _DIG_CLOSING or not lines:
        return Outcome.NO_RESULT
    return min((_dig_error(line, tcp=tcp) for line in lines), key=_STRONGEST.index)


def _dig_error(line: str, *, tcp: bool) -> Outcome:
    found = _DIG_UNCONNECTED.fullmatch(line)
    if found is None:
        found = _DIG_UNANSWERED.fullmatch(line)
        if found and tcp:  # the handshake was made: whoever it was says nothing, which is no denial
            return Outcome.SILENT if found["error"] in _DIG_MUTE else Outcome.NO_RESULT
    if found is None or found["at"] == "::1" or found["at"].startswith("127."):
        return Outcome.NO_RESULT  # dig asks its own host where resolv.conf names nobody
    return _DIG_ERRORS.get(found["error"], Outcome.NO_RESULT)
