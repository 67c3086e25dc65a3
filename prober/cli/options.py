"""From the table of commands to the parser, and to what a command line means: defaults, and what contradicts what."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import NoReturn

from prober import __version__
from prober.cli.table import COMMANDS, Command, Flag
from prober.errors import UsageError

_NOTHING_TO_KEEP = "the lab leaves nothing to keep, it ends with prober; a run's journal is kept anyway"
_EXIT_CODES = (
    "exit codes: 0 all as expected, and something was proved; 1 enforcement differs; 2 wrong use or a faulty scenario; "
    "3 no proof possible; 130 interrupted"
)


class _Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see `{self.prog} --help`)")


def parser(given: frozenset[str] = frozenset()) -> argparse.ArgumentParser:
    """Return the parser of the table's commands, without the operands that flags which are `given` stand for."""
    top = _Parser(
        prog="prober",
        description="Proves that a cluster's network plugin really enforces its network policies.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"prober {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name, help=command.help, description=f"{command.help}.", epilog=_EXIT_CODES, allow_abbrev=False
        )
        for operand in command.operands:
            if given.intersection(operand.unless):
                continue
            sub.add_argument(operand.name, help=operand.help, nargs="+" if operand.several else None)
        for flag in command.flags:
            _add(sub, flag)
    return top


def _add(sub: argparse.ArgumentParser, flag: Flag) -> None:
    text = described(flag).replace("%", "%%")
    if not flag.metavar:
        sub.add_argument(flag.name, action="store_true", help=text)
        return
    action = "append" if flag.repeat else "store"
    sub.add_argument(flag.name, dest=flag.key, metavar=flag.metavar, type=flag.read, action=action, help=text)


def described(flag: Flag) -> str:
    """Return a flag's help with all that the table knows of it."""
    on_kube = f"; kube: {flag.on_kube}" if flag.on_kube and not flag.cluster else ""
    notes = [f"default {flag.default}{on_kube}"] if flag.default else []
    notes += ["repeatable"] if flag.repeat else []
    notes += [f"{flag.cluster} only"] if flag.cluster else []
    return flag.help + (f" ({', '.join(notes)})" if notes else "")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line, defaults filled in, and as `given` the flags that it names.

    UsageError, or SystemExit after --help and --version.
    """
    words = tuple(sys.argv[1:] if argv is None else argv)
    args = parser(frozenset(word.partition("=")[0] for word in words)).parse_args(words)
    args.typed = shlex.join(("prober", *words))
    command = next(c for c in COMMANDS if c.name == args.command)
    given = {flag.name for flag in command.flags if getattr(args, flag.key)}
    for one, other in command.excludes:
        if {one, other} <= given:
            raise UsageError(f"{one} and {other} contradict each other; give one of them")
    if command.needs_one_of and len(given.intersection(command.needs_one_of)) != 1:
        raise UsageError(f"prober {command.name} needs {' or '.join(command.needs_one_of)}; give one of them")
    for flag in command.flags:
        if flag.name in given and flag.needs and not given.intersection(flag.needs):
            raise UsageError(f"{flag.name} goes with {' or '.join(flag.needs)}; give one of them, or leave it out")
    _fit_the_cluster(command, args, given)
    args.given = frozenset(given)
    for flag in command.flags:
        if flag.metavar and getattr(args, flag.key) is None:
            default = (flag.on_kube if getattr(args, "cluster", "") == "kube" else "") or flag.default
            setattr(args, flag.key, () if flag.repeat else flag.read(default) if default else None)
    return args


def _fit_the_cluster(command: Command, args: argparse.Namespace, given: set[str]) -> None:
    """Refuse what belongs to the other backend."""
    cluster = getattr(args, "cluster", None) or "lab"
    for flag in command.flags:
        if flag.name in given and flag.cluster not in ("", cluster):
            if flag.name == "--keep":
                raise UsageError(f"--keep: {_NOTHING_TO_KEEP}; leave it out")
            where = "the lab, and goes without" if flag.cluster == "lab" else "clusters, and goes with"
            raise UsageError(f"{flag.name} belongs to {where} --cluster kube; leave it out")


def page() -> str:
    """Return docs/command-line.md: the same table as Markdown."""
    lines = [
        "# The command line",
        "",
        "Made from the code: `python -m prober.cli.options > docs/command-line.md`.",
        "",
        "Durations carry a unit: `500ms`, `1s`, `2m`. Every output begins with the cluster; errors go to stderr.",
        "",
        "| exit code | means |",
        "|---|---|",
        "| 0 | all as expected, and something was proved |",
        "| 1 | enforcement differs: LEAK, BREAK or FLAKY (`--fail-on` narrows it) |",
        "| 2 | wrong use or a faulty scenario; nothing was sent |",
        "| 3 | no proof: UNKNOWN, trouble, nothing proved, a report that could not be written, a defect of prober |",
        "| 130 | interrupted, unless a LEAK or BREAK was recorded: then 1 |",
    ]
    for command in COMMANDS:
        operands = " ".join(o.name + ("..." if o.several else "") for o in command.operands)
        lines += [
            "",
            f"## prober {command.name} {operands}".rstrip(),
            "",
            f"{command.help[0].upper()}{command.help[1:]}.",
        ]
        lines += ["", "| | |", "|---|---|"]
        lines += [f"| `{o.name}` | {o.help} |" for o in command.operands]
        for flag in command.flags:
            written = f"{flag.name} {flag.metavar}".strip().replace("|", "\\|")
            lines.append(f"| `{written}` | {described(flag)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
