"""Loads nftables text into the nodes, one transaction after another; late or by turns where a fault wants it."""

from __future__ import annotations

import os
import time

from prober.cluster.lab.sandbox import StageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # node's key, texts that fill a table, the text that puts it in force
    PlainRules = tuple[str, tuple[str, ...], str]
    # node's key, the text that puts its rules out of force, and the one that puts them back
    PlainTurns = tuple[str, str, str]

    Stage = list[tuple[str, str]]  # node's key, one transaction for it
    Running = list[tuple[str, int, int]]  # node's key, process, its output

_TURN = 1.0  # seconds, by DESIGN's `flap`
_NOTHING_PASSES = (
    "add table inet prober_outage { chain nothing { type filter hook forward priority -10; policy drop; }; }\n"
)
_ALL_PASSES = "add table inet prober_outage\ndelete table inet prober_outage\n"
# Characters that surely fit into one transaction: a rule of 40 characters may be 500 bytes of netlink, and 200,000 is
# the limit. What fits goes together, because each nft costs 5 ms.
_TOGETHER = 12_000


def stages(rules: Sequence[PlainRules]) -> list[Stage]:
    """Return the transactions: every node's first one, every second one; each script's switch comes after its texts."""
    queues: dict[str, list[str]] = {}
    for node, fill, switch in rules:
        queue = queues.setdefault(node, [])
        for text in (*fill, switch):
            if queue and len(queue[-1]) + len(text) <= _TOGETHER:
                queue[-1] += text
            else:
                queue.append(text)
    longest = max(map(len, queues.values()), default=0)
    return [[(node, queue[n]) for node, queue in queues.items() if n < len(queue)] for n in range(longest)]


class Nft:
    """Runs nft in the nodes' namespaces, several nodes at once."""

    def __init__(self, path: str, environment: dict[str, str], enter: Callable[[str], None]) -> None:
        self._path, self._environment, self._enter = path, environment, enter

    def load(self, rules: Sequence[PlainRules], meanwhile: Callable[[], None] | None = None) -> None:
        """Load scripts, several nodes at once; `meanwhile` is done while the last transactions run."""
        *first, last = stages(rules) or [[]]
        for stage in first:
            self._end(self._begin(stage))
        running = self._begin(last)
        if meanwhile is not None:
            meanwhile()
        self._end(running)

    def _begin(self, stage: Stage) -> Running:
        return [(node, *self._start(node, text.encode(), "-f", "-")) for node, text in stage]

    def _end(self, running: Running) -> None:
        failed = ""
        for node, process, output in running:
            code = _exit_code(process)
            if code:
                failed = failed or f"nft on {node} ended with {code}: {_text(output).strip()[:2000]}"
            os.close(output)
        if failed:
            raise StageError("nft", 0, failed)

    def listed(self, node: str) -> str:
        """Return the rules in force on a node, with their counters."""
        process, output = self._start(node, b"", "list", "ruleset")
        _exit_code(process)
        text = _text(output)
        os.close(output)
        return text

    def _start(self, node: str, text: bytes, *arguments: str) -> tuple[int, int]:
        self._enter(node)
        output = os.memfd_create("output")
        given = os.memfd_create("input")
        os.write(given, text)
        os.lseek(given, 0, os.SEEK_SET)
        process = os.posix_spawn(
            self._path,
            ["nft", *arguments],
            self._environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, given, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
        )
        os.close(given)
        return process, output


class Enforcement:
    """When which rules are loaded: at once, late, or on and off by turns, or with an outage before."""

    def __init__(self, nft: Nft) -> None:
        self._nft = nft
        self._due: list[tuple[float, Sequence[PlainRules]]] = []
        self._turns: Sequence[PlainTurns] = ()
        self._next_turn = 0.0
        self._on = True
        self.problem = ""

    def put(
        self,
        policies: Sequence[PlainRules],
        services: Sequence[PlainRules],
        *,
        delay: float,
        turns: Sequence[PlainTurns],
        outage: float,
        meanwhile: Callable[[], None],
    ) -> None:
        """Put rules in force, policies after `delay` seconds; from then on by turns if there are `turns`.

        Nodes forward nothing for `outage` seconds from now.
        """
        late = bool(delay)
        self._nft.load([*services, *(() if late else policies)], meanwhile)
        if late:
            self._due.append((time.monotonic() + delay, policies))
        elif turns:
            self._turns, self._on = turns, True
            self._next_turn = time.monotonic() + _TURN
        if outage:
            nodes = [node for node, _, _ in policies]
            self._nft.load([(node, (), _NOTHING_PASSES) for node in nodes])
            self._due = [(time.monotonic() + outage, [(node, (), _ALL_PASSES) for node in nodes])]

    def pause(self) -> float | None:
        """Return the seconds until something is due."""
        times = [when for when, _ in self._due[:1]] + ([self._next_turn] if self._turns else [])
        return max(0.0, min(times) - time.monotonic()) if times else None

    def tick(self) -> None:
        """Do what is due. A failure is kept: nobody waits for an answer here."""
        now = time.monotonic()
        try:
            while self._due and self._due[0][0] <= now:
                self._nft.load(self._due.pop(0)[1])
            if self._turns and self._next_turn <= now:
                self._on = not self._on
                self._next_turn += _TURN
                self._nft.load([(node, (), on if self._on else off) for node, off, on in self._turns])
        except StageError as error:
            self.problem = error.text


def _exit_code(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _text(descriptor: int) -> str:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")
