"""What may be written to a terminal: its width, whether it wants colour, counts, and text that cannot steer it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import IO

NARROWEST = 40
USUAL = 100  # where nobody says how wide it is: a file, a pipe

# C0 (but tab and newline), DEL, C1, line separators, marks that turn the direction of writing, lone surrogates
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_RESET = "\x1b[0m"
_COLOURS = {"red": "\x1b[31m", "green": "\x1b[32m", "yellow": "\x1b[33m", "faint": "\x1b[2m", "bold": "\x1b[1m"}


def printable(text: str) -> str:
    """Return the text with every character that could steer a terminal replaced; lines and tabs stay."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """Return the text as a single printable line."""
    return printable(" ".join(text.split()))


def coloured(text: str, colour: str) -> str:
    """Return the text in a colour of the table above."""
    return f"{_COLOURS[colour]}{text}{_RESET}" if text else text


def wants_colour(stream: IO[str] | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether the stream is a terminal that shows colours and nobody has asked it not to (no-color.org)."""
    return _is_terminal(stream) and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def is_live(stream: IO[str] | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether a line on the stream can be written over: a terminal, and no CI that records it."""
    return _is_terminal(stream) and environ.get("TERM") != "dumb" and not environ.get("CI")


def width(stream: IO[str] | None, environ: Mapping[str, str] = os.environ) -> int:
    """Return how many columns the stream has: COLUMNS, the terminal's own number, else the usual one."""
    said = environ.get("COLUMNS", "")
    if said.isdecimal() and 0 < int(said) < 10_000:
        return max(NARROWEST, int(said))
    try:
        return max(NARROWEST, os.get_terminal_size(stream.fileno()).columns) if stream else USUAL
    except (OSError, ValueError):  # no terminal, or a stream without a file
        return USUAL


def _is_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()  # None: the process was started with it closed


def many(number: int, word: str) -> str:
    """Return a number of things: `1 topology`, `2 topologies`."""
    several = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{number} {word if number == 1 else several}"
