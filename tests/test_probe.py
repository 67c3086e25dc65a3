"""What a probe's text means: recorded outputs of nc and dig, and texts made up to deceive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from prober.model import Family
from prober.outcomes import Outcome
from prober.probe import AT_ONCE, Answer, ClockLine, EndLine, Kind, Probe, outcome, read_line, request

RECORDED = Path(__file__).parent / "data" / "recorded"

CONNECTED, TIMED_OUT, REFUSED = Outcome.CONNECTED, Outcome.TIMED_OUT, Outcome.REFUSED
UNREACHABLE, NO_NAME, WRONG_PEER = Outcome.UNREACHABLE, Outcome.NO_NAME, Outcome.WRONG_PEER
SILENT, NO_RESULT = Outcome.SILENT, Outcome.NO_RESULT

# Situation -> outcome
NC = {
    "open": CONNECTED,
    "open-6": CONNECTED,
    "handshake": CONNECTED,
    "silent": SILENT,
    "closes": SILENT,
    "resets": SILENT,
    "liar": WRONG_PEER,
    "liar-handshake": CONNECTED,
    "endless": WRONG_PEER,
    "wrong-peer": WRONG_PEER,
    "closed": REFUSED,
    "closed-6": REFUSED,
    "udp-open": CONNECTED,
    "udp-open-6": CONNECTED,
    "udp-silent": TIMED_OUT,
    "udp-other-nonce": WRONG_PEER,
    "udp-liar": WRONG_PEER,
    "udp-empty": REFUSED,  # known limit: nc shows no difference; where arrivals are logged, they do
    "udp-newline": WRONG_PEER,
    "udp-wrong-peer": WRONG_PEER,
    "udp-closed": REFUSED,
    "udp-closed-6": REFUSED,
    "name": CONNECTED,
    "name-two": CONNECTED,
    "name-gone": TIMED_OUT,
    "name-nxdomain": NO_NAME,
    "name-nxdomain-udp": NO_NAME,
    "name-servfail": NO_NAME,
    "name-refused": NO_NAME,
    "name-empty": NO_NAME,
    "name-other-family": NO_NAME,
    "name-resolver-silent": NO_NAME,
    "literal-other-family": NO_RESULT,
    "drop": TIMED_OUT,
    "drop-6": TIMED_OUT,
    "udp-drop": TIMED_OUT,
    "udp-drop-6": TIMED_OUT,
    "name-drop": NO_NAME,
    "reset": REFUSED,
    "reset-6": REFUSED,
    "port-unreachable": REFUSED,
    "port-unreachable-6": REFUSED,
    "udp-port-unreachable": REFUSED,
    "udp-port-unreachable-6": REFUSED,
    "name-port-unreachable": NO_NAME,
    "admin-prohibited": UNREACHABLE,
    "admin-prohibited-6": UNREACHABLE,
    "udp-admin-prohibited": REFUSED,
    "udp-admin-prohibited-6": REFUSED,
    "name-admin-prohibited": NO_NAME,
    "host-unreachable": UNREACHABLE,
    "host-unreachable-6": UNREACHABLE,
    "udp-host-unreachable": TIMED_OUT,  # a soft error, of which Linux tells UDP nothing
    "udp-host-unreachable-6": TIMED_OUT,
    "name-host-unreachable": NO_NAME,
    "no-route": UNREACHABLE,
    "no-route-6": UNREACHABLE,
    "udp-no-route": REFUSED,
    "udp-no-route-6": TIMED_OUT,
    "name-no-route": NO_NAME,
    "icmp-net-prohibited": UNREACHABLE,
    "icmp-host-prohibited": UNREACHABLE,
    "icmp-net-unreachable": UNREACHABLE,
    "icmp-prot-unreachable": UNREACHABLE,
    "icmpv6-policy-fail": UNREACHABLE,
    "icmpv6-reject-route": UNREACHABLE,
    "name-drop-then-open": CONNECTED,
    "name-refuse-then-gone": TIMED_OUT,
    "nobody": UNREACHABLE,
    "gives-up": TIMED_OUT,
    "output-drop": TIMED_OUT,
    "udp-output-drop": TIMED_OUT,
    "route-unreachable": UNREACHABLE,
    "route-prohibit": UNREACHABLE,
    "route-blackhole": TIMED_OUT,
    "own-route-unreachable": UNREACHABLE,
    "own-route-prohibit": UNREACHABLE,
    "own-route-blackhole": NO_RESULT,
    "udp-own-route-unreachable": REFUSED,
    "udp-own-route-prohibit": REFUSED,
    "udp-own-route-blackhole": REFUSED,
    "no-address-6": TIMED_OUT,
    "down": UNREACHABLE,
}
MUSL = NC | {"literal-other-family": NO_NAME}
_BY_EITHER = {
    "answer": CONNECTED,
    "nxdomain": CONNECTED,
    "servfail": CONNECTED,
    "refused": CONNECTED,
    "truncated": CONNECTED,
    "like-a-type": CONNECTED,
    "wrong-id": NO_RESULT,
    "drop": TIMED_OUT,
    "port-unreachable": REFUSED,
    "admin-prohibited": UNREACHABLE,
    "closed": REFUSED,
    "two-resolvers": TIMED_OUT,
    "no-route": UNREACHABLE,
}
DIG = {f"dns{way}-{situation}": seen for way in ("", "-tcp") for situation, seen in _BY_EITHER.items()} | {
    "dns-silent": TIMED_OUT,
    "dns-host-unreachable": TIMED_OUT,
    "dns-no-resolver": NO_RESULT,
    "dns-tcp-host-unreachable": UNREACHABLE,
    "dns-tcp-silent": SILENT,
    "dns-tcp-closes": SILENT,
    "dns-tcp-resets": SILENT,
    "dns-tcp-reset": REFUSED,
}
TABLES = {"nc": NC, "musl": MUSL, "dig": DIG}
SITUATIONS = [(tool, situation, seen) for tool, table in TABLES.items() for situation, seen in table.items()]
DENIALS = [(t, s) for t, s, seen in SITUATIONS if seen in (TIMED_OUT, REFUSED, UNREACHABLE) and not s.startswith("udp")]


def recorded(tool: str, situation: str) -> tuple[Probe, Answer]:
    """Return what was asked and answered in a recorded situation; the peer's name is server-1."""
    _, asked, said = (RECORDED / f"{tool}-{situation}.txt").read_text(encoding="utf-8").splitlines()
    _, _, cell, kind, family, timeout, host, port, nonce = asked.split(" ")
    probe = Probe(
        cell=int(cell),
        kind=Kind(kind),
        family=Family(f"ipv{family}"),
        timeout=int(timeout),
        host=host,
        port=int(port),
        nonce=nonce,
        names=frozenset({"server-1"}),
    )
    answer = read_line(said.removeprefix("< "), "T")
    assert isinstance(answer, Answer)
    return probe, answer


@pytest.mark.parametrize(("tool", "situation", "seen"), SITUATIONS, ids=[f"{t}-{s}" for t, s, _ in SITUATIONS])
def test_recorded_output_has_its_outcome(tool: str, situation: str, seen: Outcome) -> None:
    """What nc and dig really wrote in a situation is read as what it was."""
    assert seen == outcome(*recorded(tool, situation))


def test_every_recording_is_in_the_tables() -> None:
    """No recording lies about untested, and no situation is without its recording."""
    found = {tuple(p.stem.split("-", 1)) for p in RECORDED.glob("*.txt")}
    assert {(tool, situation) for tool, situation, _ in SITUATIONS} == found


@pytest.mark.parametrize(("tool", "situation"), DENIALS, ids=[f"{t}-{s}" for t, s in DENIALS])
def test_recorded_denial_with_anything_changed_is_none(tool: str, situation: str) -> None:
    """A text that differs from every recorded one is never a denial (proof rule 2)."""
    probe, answer = recorded(tool, situation)
    for text in (answer.text.upper(), f"x{answer.text}", f"{answer.text}x", f"\n{answer.text}", f"{answer.text}\nx"):
        assert outcome(probe, replace(answer, text=text)) not in (TIMED_OUT, REFUSED, UNREACHABLE)


TCP = Probe(cell=0, kind=Kind.TCP, host="10.0.2.2", port=80, names=frozenset({"server-1"}))
UDP = replace(TCP, kind=Kind.UDP, nonce="n0nce")
DNS = replace(TCP, kind=Kind.DNS, host="one.test", port=53)
GREETING = "Connection to 10.0.2.2 80 port [tcp/http] succeeded!\n"
DROPPED = "nc: connect to 10.0.2.2 port 80 (tcp) timed out: Operation now in progress"
UNREACHED = ";; communications error to 10.0.2.53#53: timed out\n;; no servers could be reached"


def answer(text: str, *, code: int = 1, begin: float = 10.0, end: float = 11.0) -> Answer:
    """Return an attempt's answer."""
    return Answer(cell=0, exit=code, begin=begin, end=end, text=text)


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (NO_RESULT, ""),
        (NO_RESULT, "probe.sh: no such kind"),
        (NO_RESULT, "nc: invalid option -- 'v'\nBusyBox v1.35.0 multi-call binary."),
        (NO_RESULT, "nc: connect to 10.0.2.2 port 80 (tcp) failed: Connection refused by the moon"),
        (NO_RESULT, "nc: connect to 10.0.2.2 port 80 (tcp) failed: Cannot assign requested address"),
        (NO_RESULT, "nc: connect to 10.0.2.2 port 80 (tcp) failed: Too many open files"),
        (NO_RESULT, f"{DROPPED}\nnc: connect to 10.0.2.3 port 80 (tcp) failed: Invalid argument"),
        (NO_RESULT, f"{DROPPED}\nserver-1"),
        (NO_RESULT, f"{DROPPED}\n[cut]"),
        (NO_RESULT, f"something first\n{DROPPED}"),
        (NO_RESULT, f'{DROPPED}\nnc: getaddrinfo for host "x" port 80: Try again'),
        (NO_RESULT, 'nc: getaddrinfo for host "x" port 80: Memory allocation failure'),
        (NO_RESULT, 'nc: getaddrinfo for host "x" port 80: Try again\nmore'),
        (NO_RESULT, "server-1"),
        (NO_RESULT, GREETING.replace("!", "?") + "server-1"),
        (SILENT, GREETING),
        (SILENT, GREETING + "\r\n \t\n"),
        (CONNECTED, GREETING + "server-1\r\n"),
        (WRONG_PEER, GREETING + "server-1\nserver-1"),
        (WRONG_PEER, GREETING + "server-11"),
        (WRONG_PEER, GREETING + DROPPED),
        (WRONG_PEER, GREETING + GREETING),
        (WRONG_PEER, GREETING + "T 1 0 1.00 2.00 " + DROPPED),
        (WRONG_PEER, GREETING + "T end 0"),
        (CONNECTED, f"{DROPPED}\n{GREETING}server-1"),
    ],
)
def test_tcp_text_is_matched_whole(seen: Outcome, text: str) -> None:
    """Only nc's own lines count, only whole, and what a server says is its name and nothing else."""
    assert seen == outcome(TCP, answer(text))


@pytest.mark.parametrize(
    ("seen", "text", "code"),
    [
        (CONNECTED, "n0nce server-1\n", 0),
        (WRONG_PEER, "n0nce\n", 0),
        (WRONG_PEER, "n0nce server-2\n", 0),
        (WRONG_PEER, "server-1 n0nce\n", 0),
        (WRONG_PEER, "\n", 0),
        (WRONG_PEER, "nc: connect to 10.0.2.2 port 80 (udp) failed: Connection refused\n", 0),
        (WRONG_PEER, 'nc: getaddrinfo for host "x" port 90: Try again\n', 0),
        (NO_NAME, 'nc: getaddrinfo for host "x" port 90: Try again\n', 1),
        (NO_RESULT, "nc: invalid option -- 'u'\n", 1),
        (NO_RESULT, "n0nce server-1\n", 1),
    ],
)
def test_udp_answer_is_nonce_and_name(seen: Outcome, text: str, code: int) -> None:
    """What came by UDP is never taken for nc's own words: a peer that says `timed out` was reached."""
    assert seen == outcome(UDP, answer(text, code=code, end=10.01))


@pytest.mark.parametrize(
    ("seen", "text", "code"),
    [
        (CONNECTED, "server-1", 0),
        (CONNECTED, "server-1\n", 0),
        (WRONG_PEER, "server-2", 0),
        (WRONG_PEER, "n0nce server-1", 0),
        (WRONG_PEER, "server-1server-1", 0),
        (WRONG_PEER, "\n", 0),
        (NO_RESULT, "server-1", 1),
    ],
)
def test_udp_answer_without_echo_is_the_name_alone(seen: Outcome, text: str, code: int) -> None:
    """Where listeners do not send the nonce back, the target's own name alone proves that it was reached."""
    assert seen == outcome(replace(UDP, echoes=False), answer(text, code=code, end=10.01))


def test_udp_silence_without_echo_is_no_answer() -> None:
    """Where listeners do not send the nonce back, an empty text is a denial as ever, and nobody's name connects."""
    assert outcome(replace(UDP, echoes=False), answer("", code=0, end=11.0)) is TIMED_OUT
    assert outcome(replace(UDP, echoes=False, names=frozenset()), answer("anything", code=0)) is CONNECTED


@pytest.mark.parametrize(
    ("seen", "seconds", "timeout"),
    [(REFUSED, 0.0, 1), (REFUSED, 0.94, 1), (TIMED_OUT, 0.96, 1), (TIMED_OUT, 60.0, 1), (REFUSED, 2.9, 3)],
)
def test_empty_udp_is_told_by_its_time(seen: Outcome, seconds: float, timeout: int) -> None:
    """Empty before the timeout is REFUSED, empty at the timeout TIMED_OUT (proof rule 3)."""
    assert seen == outcome(replace(UDP, timeout=timeout), answer("", code=0, end=10.0 + seconds))


def test_nothing_expected_of_a_strangers_name() -> None:
    """A host that is not ours proves a handshake by TCP and the nonce by UDP."""
    assert outcome(replace(UDP, names=frozenset()), answer("n0nce", code=0)) is CONNECTED
    assert outcome(replace(UDP, names=frozenset()), answer("other", code=0)) is WRONG_PEER
    assert outcome(replace(TCP, kind=Kind.HANDSHAKE), answer(GREETING.strip())) is CONNECTED


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (TIMED_OUT, UNREACHED),
        (NO_RESULT, ""),
        (NO_RESULT, ";; no servers could be reached"),
        (NO_RESULT, UNREACHED.splitlines()[0]),
        (NO_RESULT, f";; Warning: query response not set\n{UNREACHED}"),
        (NO_RESULT, UNREACHED.replace("timed out", "bad luck")),
        (NO_RESULT, UNREACHED.replace("10.0.2.53", "127.0.0.53")),
        (NO_RESULT, UNREACHED.replace("10.0.2.53", "::1")),
        (NO_RESULT, "dig: couldn't get address for 'x': not found"),
        (NO_RESULT, "dig: parse of /etc/resolv.conf failed"),
    ],
)
def test_dig_text_is_matched_whole(seen: Outcome, text: str) -> None:
    """A look-up is denied only where each line of dig is a recorded one."""
    assert seen == outcome(DNS, answer(text))


@pytest.mark.parametrize("probe", [TCP, UDP, DNS], ids=["tcp", "udp", "dns"])
@pytest.mark.parametrize("code", [126, 127, 137, 139, -1])
def test_program_that_did_not_run_says_nothing(probe: Probe, code: int) -> None:
    """A missing or killed nc is NO_RESULT, whatever it wrote: killed under UDP it looks like a refusal."""
    for text in ("", DROPPED, UNREACHED):
        assert outcome(probe, answer(text, code=code, end=10.0)) is NO_RESULT


@pytest.mark.parametrize(("begin", "end"), [(10.0, 9.0), (float("nan"), 10.0), (10.0, float("nan"))])
def test_clock_that_runs_backwards_is_no_result(begin: float, end: float) -> None:
    """An attempt that ended before it began tells nothing, and no refusal of UDP in particular."""
    assert outcome(UDP, answer("", code=0, begin=begin, end=end)) is NO_RESULT


@pytest.mark.parametrize(
    "line",
    [
        "",
        "T",
        "T 0",
        "T 0 1 1.00 2.00",
        "T zero 1 1.00 2.00 text",
        "T 0 x 1.00 2.00 text",
        "T 0 1  2.00 text",
        "T end",
        "T end many",
        "T clock soon",
        "X 0 1 1.00 2.00 text",
        "X end 0",
        " T end 0",
        "/bin/sh: nc: not found",
    ],
)
def test_broken_or_foreign_line_is_none(line: str) -> None:
    """A line that is cut, garbled or of another stream says nothing."""
    assert read_line(line, "T") is None


def test_lines_are_read() -> None:
    """The three lines of a stream, the text's escapes undone."""
    assert ClockLine(uptime=12.5) == read_line("T clock 12.5", "T")
    assert EndLine(count=3) == read_line("T end 3", "T")
    said = Answer(cell=4, exit=1, begin=1.0, end=2.5, text="a\\n b\nc\rd \\")
    assert said == read_line("T 4 1 1.0 2.5 a\\\\n b\\nc\\rd \\\\", "T")
    assert Answer(cell=4, exit=0, begin=1.0, end=2.5, text="") == read_line("T 4 0 1.0 2.5 ", "T")


def test_request_is_what_the_script_reads() -> None:
    """One line for each probe, the clock first, an end, and a wait after every AT_ONCE."""
    few = [TCP, replace(UDP, cell=1, family=Family.IPV6, host="fd00::2", port=53, timeout=3)]
    lines = ["T clock", "T 0 tcp 4 1 10.0.2.2 80 -", "T 1 udp 6 3 fd00::2 53 n0nce", "T end", ""]
    assert "\n".join(lines) == request(few, "T")
    many = request([replace(TCP, cell=i) for i in range(2 * AT_ONCE + 1)], "T").splitlines()
    assert [i for i, line in enumerate(many) if line == "T wait"] == [AT_ONCE + 1, 2 * AT_ONCE + 2]


@pytest.mark.parametrize("host", ["", "-v", "a b", "a;b", "$(id)", "a\nb", "a'b", "`id`", "a/b", "é", "a\\b"])
def test_host_that_a_shell_could_mistake_is_no_probe(host: str) -> None:
    """Nothing that could mean more than a name or an address reaches a pod's shell."""
    with pytest.raises(ValueError, match="cannot be probed"):
        request([replace(TCP, host=host)], "T")
    with pytest.raises(ValueError, match="cannot be probed"):
        request([replace(UDP, nonce=host or "-x")], "T")
