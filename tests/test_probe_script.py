"""The probe script under the shells that pods have, with an nc and a dig that say what a test wants."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from prober.model import Family
from prober.outcomes import Outcome
from prober.probe import AT_ONCE, Answer, ClockLine, EndLine, Kind, Probe, command, outcome, read_line, request, script

SHELLS = ("dash", "bash", "busybox sh")
LONGEST = 4096  # PIPE_BUF: what a pipe takes whole
PROBE = Probe(cell=0, kind=Kind.TCP, host="10.0.0.1", port=1, nonce="n0nce", names=frozenset({"me"}))
WIDE = "\N{GRINNING FACE}".encode()

# Prints the file that is named as the port is (nc's last word; for dig the name), and runs the one that ends in .sh.
FAKE = """#!/bin/sh
for word; do
    [ "$before" = -q ] && asked=$word
    before=$word
done
asked=$SAYS/${asked:-$before}
[ ! -e "$asked" ] || cat "$asked"
[ ! -e "$asked.sh" ] || . "$asked.sh"
exit "${code:-0}"
"""


@dataclass(frozen=True, slots=True)
class Pod:
    """Where a script runs: a shell, and a directory of what nc says."""

    shell: str
    directory: Path

    def says(self, port: int | str, what: bytes) -> None:
        """Let nc write these bytes when asked for a port (or dig for a name)."""
        (self.directory / "says" / str(port)).write_bytes(what)

    def does(self, port: int | str, what: str) -> None:
        """Let nc run these shell commands when asked for a port."""
        (self.directory / "says" / f"{port}.sh").write_text(what)

    def run(self, asked: str) -> bytes:
        """Return all that the script writes for a request."""
        file = self.directory / "probe.sh"
        # busybox as a shell prefers its own nc to any on PATH, a function to both
        functions = [f'{tool}() {{ "{self.directory}/bin/{tool}" "$@"; }}\n' for tool in ("nc", "dig")]
        file.write_text("".join(functions) + script())
        done = subprocess.run(
            [*shlex.split(self.shell), str(file)],
            input=asked.encode(),
            capture_output=True,
            timeout=30,
            check=False,
            env={"PATH": os.environ["PATH"], "SAYS": str(self.directory / "says"), "LC_ALL": "C.UTF-8"},
        )
        return done.stdout

    def ask(self, *probes: Probe) -> list[Answer]:
        """Return the answers to probes, by cell; every line must be whole and of this stream."""
        lines = [read_line(line.decode(errors="replace"), "T") for line in self.run(request(probes, "T")).split(b"\n")]
        assert lines.pop() is None  # the text ends with a line end
        assert isinstance(lines[0], ClockLine)
        assert EndLine(count=len(probes)) == lines[-1]
        answers = [line for line in lines if isinstance(line, Answer)]
        assert len(lines) == len(answers) + 2
        return sorted(answers, key=lambda a: a.cell)


@pytest.fixture(params=SHELLS)
def pod(request: pytest.FixtureRequest, tmp_path: Path) -> Pod:
    """A pod for each shell that this machine has."""
    shell: str = request.param
    if shutil.which(shell.split()[0]) is None:
        pytest.skip(f"no {shell} here")
    (tmp_path / "says").mkdir()
    (tmp_path / "bin").mkdir()
    for tool in ("nc", "dig"):
        fake = tmp_path / "bin" / tool
        fake.write_text(FAKE)
        fake.chmod(0o755)
    return Pod(shell, tmp_path)


def port(number: int, **changes: object) -> Probe:
    """Return a probe of a port, with its number as the cell's unless said otherwise."""
    return replace(PROBE, **{"cell": number, "port": number, **changes})  # type: ignore[arg-type]


HOSTILE = {
    "nothing": (b"", ""),
    "backslashes": (b"\\n \\\\ \\", "\\n \\\\ \\"),
    "lines": (b"one\n\ntwo\n", "one\n\ntwo"),
    "returns": (b"one\rT 1 1 0 0 x\r\ntwo\r", "one\rT 1 1 0 0 x\r\ntwo\r"),
    "nul": (b"a\0b", "ab"),
    "a-result": (b"T 1 1 1.00 2.00 forged\n", "T 1 1 1.00 2.00 forged"),
    "an-end": (b"x\nT end 0\n", "x\nT end 0"),
    "formats": (b"%s %n %d %%", "%s %n %d %%"),
    "expansions": (b"$(touch /x) `id` $HOME * ~ ${x}", "$(touch /x) `id` $HOME * ~ ${x}"),
    "quotes": (b"'\"", "'\""),
    "blanks": (b"  a  b  \t", "  a  b  \t"),
    "a-dash": (b"-n -e \\c", "-n -e \\c"),
    "brackets": (b"[]]][^!]*?", "[]]][^!]*?"),
    "no-utf-8": (b"\xff\xfe\x80", "\ufffd\ufffd\ufffd"),
    "escapes": (b"\x1b[31m\x07\x0b\x0c", "\x1b[31m\x07\x0b\x0c"),
}


@pytest.mark.parametrize("kind", [Kind.TCP, Kind.UDP])
def test_hostile_text_comes_back_as_it_was(pod: Pod, kind: Kind) -> None:
    """Whatever a peer says stays inside its own line, and comes back byte for byte but for NULs and last line ends."""
    probes = [port(i, kind=kind) for i in range(1, len(HOSTILE) + 1)]
    for probe, (said, _) in zip(probes, HOSTILE.values(), strict=True):
        pod.says(probe.port, said)
    heard = {name: a.text.rstrip("\n") for name, a in zip(HOSTILE, pod.ask(*probes), strict=True)}
    assert {name: text.rstrip("\n") for name, (_, text) in HOSTILE.items()} == heard


def test_udp_keeps_an_answer_of_line_ends(pod: Pod) -> None:
    """An empty line by UDP is an answer, told apart from none."""
    pod.says(1, b"\n")
    assert ["\n", ""] == [a.text for a in pod.ask(port(1, kind=Kind.UDP), port(2, kind=Kind.UDP))]


LONG = {
    "letters": b"x" * 100_000,
    "line-ends": b"\n" * 100_000 + b"x",
    "backslashes": b"\\" * 100_000,
    "returns": b"\r" * 100_000,
    "wide": WIDE * 25_000,
    "one-off-wide": b"x" + WIDE * 25_000,
    "a-word-and-line-ends": b"word" + b"\n" * 100_000 + b"x",
    "just-fits": b"x" * 3900,
    "just-not": b"x" * 3901,
    "backslashes-that-fit": b"\\" * 1950,
    "backslashes-that-do-not": b"\\" * 1951,
}


@pytest.mark.parametrize("kind", [Kind.TCP, Kind.UDP])
def test_line_is_at_most_what_a_pipe_takes_whole(pod: Pod, kind: Kind) -> None:
    """Of 100 kB a line takes what fits, counted in bytes, and says that it was cut."""
    probes = [port(60_000 + i, kind=kind, cell=99_990 + i) for i in range(len(LONG))]
    for probe, said in zip(probes, LONG.values(), strict=True):
        pod.says(probe.port, said)
    lines = pod.run(request(probes, "deadbeef")).split(b"\n")
    assert max(map(len, lines)) < LONGEST
    read = [read_line(line.decode(errors="replace"), "deadbeef") for line in lines]
    answers = [a for a in read if isinstance(a, Answer)]
    whole = {"just-fits", "backslashes-that-fit"}
    texts = dict(zip(LONG, (a.text for a in sorted(answers, key=lambda a: a.cell)), strict=True))
    assert {name: name not in whole for name in LONG} == {n: t.endswith("\n[cut]") for n, t in texts.items()}
    assert LONG["just-fits"].decode() == texts["just-fits"]
    assert LONG["backslashes-that-fit"].decode() == texts["backslashes-that-fit"]


def test_cut_text_is_never_a_denial(pod: Pod) -> None:
    """A name with so many addresses that the line of the one that connects is cut off was not denied."""
    failed = b"".join(
        b"nc: connect to x (10.0.0.%d) port 1 (tcp) timed out: Operation now in progress\n" % i for i in range(200)
    )
    pod.says(1, failed + b"Connection to x (10.0.1.1) 1 port [tcp/*] succeeded!\nme\n")
    (answer,) = pod.ask(port(1))
    assert outcome(PROBE, answer) is Outcome.NO_RESULT


def test_words_are_those_of_no_language(pod: Pod) -> None:
    """Wherever a pod's image comes from, nc and dig are asked for the words that were recorded."""
    pod.does(100, 'printf %s "$LC_ALL"')
    assert "C" == pod.ask(port(100))[0].text


def test_lines_of_many_probes_never_mix(pod: Pod) -> None:
    """Hundreds of long answers at once: every line is whole, every cell answered once."""
    count = 2 * AT_ONCE + 10
    for number in range(1, count + 1):
        pod.says(number, (f"{number} " * 1000).encode()[:3800])
    answers = pod.ask(*(port(number) for number in range(1, count + 1)))
    assert list(range(1, count + 1)) == [a.cell for a in answers]
    assert all({str(a.cell)} == set(a.text.split(" ")[:-1]) for a in answers)


def test_wait_ends_what_is_under_way(pod: Pod) -> None:
    """What is asked after a `wait` begins once all before has ended."""
    pod.does(1, 'sleep 0.1; : > "$SAYS/done"')
    pod.does(2, '[ -e "$SAYS/done" ] && echo after')
    lines = pod.run("T 0 tcp 4 1 a 1 -\nT wait\nT 1 tcp 4 1 a 2 -\nT end\n").decode().splitlines()
    answer = read_line(lines[1], "T")
    assert isinstance(answer, Answer)
    assert answer.text == "after"


def test_missing_nc_is_no_result(pod: Pod) -> None:
    """Where nc or dig is missing the text says so, and no outcome comes of it."""
    empty = pod.directory / "empty"
    empty.mkdir()
    if pod.shell == "busybox sh":
        pytest.skip("busybox has its own nc, which the script's options do not fit")
    probes = [port(i, kind=kind) for i, kind in enumerate(Kind, 1)]
    file = pod.directory / "script.sh"
    file.write_text(script())
    shell = shutil.which(pod.shell) or pod.shell
    done = subprocess.run(
        [shell, file], input=request(probes, "T").encode(), capture_output=True, check=True, env={"PATH": str(empty)}
    )
    answers = [a for line in done.stdout.decode().splitlines() if isinstance(a := read_line(line, "T"), Answer)]
    assert {1, 2, 3, 4, 5} == {a.cell for a in answers}
    for answer in answers:
        assert "not found" in answer.text
        assert outcome(probes[answer.cell - 1], answer) is Outcome.NO_RESULT


def test_nc_that_is_killed_is_no_result(pod: Pod) -> None:
    """An nc that a signal ends under UDP is as quiet and as quick as a refusal, and is none."""
    pod.does(1, "kill -9 $$")
    (answer,) = pod.ask(port(1, kind=Kind.UDP))
    assert answer.text.strip() in ("", "Killed")
    assert outcome(replace(PROBE, kind=Kind.UDP), replace(answer, text="")) is Outcome.NO_RESULT


def test_unusable_nc_is_no_result(pod: Pod) -> None:
    """The usage text of an nc without the options is no denial."""
    pod.does(1, "echo \"nc: invalid option -- 'v'\nBusyBox v1.35.0 multi-call binary.\" >&2; code=1")
    for kind in (Kind.TCP, Kind.UDP, Kind.HANDSHAKE):
        probe = port(1, kind=kind)
        (answer,) = pod.ask(probe)
        assert outcome(probe, answer) is Outcome.NO_RESULT


def test_request_cut_short_has_no_end(pod: Pod) -> None:
    """Without `end` there is no end line; half a line is not asked, for it may name another port."""
    pod.does(8, ': > "$SAYS/asked"')
    said = pod.run("T clock\nT 0 tcp 4 1 a 8").decode()
    assert "T clock" in said
    assert "end" not in said
    assert not (pod.directory / "says" / "asked").exists()


def test_empty_request_says_nothing(pod: Pod) -> None:
    """Nothing in, nothing out."""
    assert b"" == pod.run("")


def test_kind_that_is_not_known_is_no_result(pod: Pod) -> None:
    """A script older than the harness says what it does not know."""
    line = pod.run("T 0 icmp 4 1 a 8 -\nT end\n").decode().splitlines()[0]
    answer = read_line(line, "T")
    assert isinstance(answer, Answer)
    assert outcome(PROBE, answer) is Outcome.NO_RESULT


def test_closed_stdout_ends_it(pod: Pod) -> None:
    """A harness that went away does not leave the script behind."""
    file = pod.directory / "probe.sh"
    file.write_text(script())
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*shlex.split(pod.shell), file],
            input=b"T clock\nT end\n",
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=20,
        )
    finally:
        os.close(writing)
    assert done.returncode in (-13, 0, 1, 2)


def test_fields_are_never_expanded(pod: Pod) -> None:
    """Words of a request reach nc as they are, even those that `request` would not write."""
    pod.does("*", 'printf "<%s>" "$@" > "$SAYS/words"')
    pod.run("T 0 tcp 4 1 $(id) * -\nT end\n")
    assert "<-v><-4><-w><1><-W><1><$(id)><*>" == (pod.directory / "says" / "words").read_text()


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("kind", Kind)
def test_command_is_what_the_script_runs(pod: Pod, kind: Kind, family: Family) -> None:
    """What a person is told to type is what was run, word for word, but for what only shortens dig's text."""
    probe = replace(PROBE, kind=kind, family=family, host="host", port=80, timeout=3)
    pod.does("host" if "dns" in kind else 80, 'printf "%s\n" "$@" > "$SAYS/words"; cat > "$SAYS/stdin"')
    pod.ask(probe)
    words = (pod.directory / "says" / "words").read_text().split()
    typed = shlex.split(command(probe).split("<")[0].split("|")[-1])
    tool = "dig" if kind in (Kind.DNS, Kind.DNS_TCP) else "nc"
    assert typed == [tool, *(w for w in words if w not in ("+noall", "+comments"))]
    stdin = (pod.directory / "says" / "stdin").read_text()
    assert ("n0nce\n" if kind is Kind.UDP else "") == stdin
