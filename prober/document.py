"""Values of a YAML document that know their file, line and key, and readers that report every mistake at once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from prober.errors import InputError, Mistake
from prober.yamltext import Boolean, Odd, Piece, pieces, shortened, surveyed

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A piece of a document and the place where it stands."""

    file: str
    line: int
    key: str
    raw: Piece = field(repr=False, compare=False)

    @property
    def is_null(self) -> bool:
        return self.raw.content is None

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.raw.content, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.raw.content, list)

    @property
    def is_text(self) -> bool:
        return isinstance(self.raw.content, str)

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    def mistake(self, what: str, remedy: str = "") -> Mistake:
        return Mistake(file=self.file, line=self.line, key=self.key, what=what, remedy=remedy)

    def wrong(self, what: str, remedy: str = "") -> InputError:
        """Return the error of one mistake here, to be raised."""
        return InputError((self.mistake(what, remedy),))

    def members(self) -> Iterator[Value]:
        """Yield the members of a list, or fail."""
        if not isinstance(self.raw.content, list):
            raise self.wrong(f"{self.kind()}, where a list is expected", "write it in brackets, [one, two]")
        for i, raw in enumerate(self.raw.content):
            yield Value(file=self.file, line=raw.line, key=f"{self.key}[{i}]", raw=raw)

    def entries(self) -> dict[str, Value]:
        """Return the entries of a mapping, or fail."""
        if not isinstance(self.raw.content, dict):
            raise self.wrong(f"{self.kind()}, where a mapping is expected", "write keys and values, {key: value}")
        prefix = f"{self.key}." if self.key else ""
        return {
            k: Value(file=self.file, line=line, key=prefix + shortened(k), raw=raw)
            for k, (line, raw) in self.raw.content.items()
        }

    def kind(self) -> str:
        """Say what stands here, for a message."""
        match self.raw.content:
            case None:
                return "nothing stands here"
            case Boolean(text=text):
                return f"{text} is a boolean to YAML"
            case int(number):
                return f"{number} is a number to YAML"
            case Odd(text=text):
                return f"{shortened(text)} is a number to YAML"
            case str(text):
                return f"`{shortened(text)}` is text"
            case list():
                return "this is a list"
            case dict():
                return "this is a mapping"


@dataclass(frozen=True, slots=True)
class Located(Generic[T]):
    """Something that was read, and the place where it stands."""

    it: T
    at: Value


class Gather:
    """Several readings in one: `take(read, value, default)` each; `done()` raises all their mistakes at once."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def __call__(self, read: Callable[[Value], T], value: Value | None, default: D) -> T | D:
        """Read `value`; return `default` where it is absent or wrong."""
        if value is None:
            return default
        try:
            return read(value)
        except InputError as error:
            self.mistakes.extend(error.mistakes)
            return default

    def fields(self, value: Value, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, Value]:
        """Return a mapping's entries by name; unknown and missing ones are mistakes."""
        entries = value.entries()
        absent = tuple(k for k in known if k not in entries)
        misspelt = set()
        for key, entry in entries.items():
            if key not in known:
                self.mistakes.append(entry.mistake("unknown key", nearest(key, absent or known)))
                misspelt.update(difflib.get_close_matches(key[:80], absent, 1))
        for key in required:
            if key in absent and key not in misspelt:  # one mistake for one slip of the pen
                self.mistakes.append(value.mistake(f"`{key}` is missing", "add it"))
        return {k: v for k, v in entries.items() if k in known}

    def done(self) -> None:
        if self.mistakes:
            raise InputError(tuple(self.mistakes))


def nearest(word: str, known: Iterable[str], label: str = "known keys") -> str:
    """Return the remedy for an unknown word: the known one that is meant, or all of them."""
    known = tuple(known)
    same = [k for k in known if k.lower() == word.lower()]
    # names with a namespace are alike by it alone, so more of them must agree
    close = same or difflib.get_close_matches(word[:80], known, 1, 0.85 if "/" in word else 0.6)
    return f"did you mean `{close[0]}`?" if close else f"{label}: {', '.join(known) or 'none'}"


def text(value: Value) -> str:
    """Read text that is not empty."""
    if value.raw.content == "":
        raise value.wrong("the text is empty", "write something")
    return any_text(value)


def sentence(value: Value) -> str:
    """Read text for people, on one line however it is written."""
    return " ".join(text(value).split())


def any_text(value: Value) -> str:
    """Read text, be it empty."""
    content = value.raw.content
    match content:
        case str():
            return content
        case Boolean(text=written) | Odd(text=written):
            raise value.wrong(f"{value.kind()}, where text is expected", f'quote it: "{shortened(written)}"')
        case int():
            raise value.wrong(f"{value.kind()}, where text is expected", f'quote it: "{content}"')
        case _:
            remedy = "write text, in quotes where it holds `: ` or begins with a bracket"
            raise value.wrong(f"{value.kind()}, where text is expected", remedy)


def whole(value: Value) -> int:
    """Read a whole number."""
    content = value.raw.content
    if isinstance(content, int):
        return content
    kind = f"`{shortened(content.text)}` is no decimal number" if isinstance(content, Odd) else value.kind()
    raise value.wrong(f"{kind}, where a whole number is expected", "write it in decimal digits, without quotes")


def flag(value: Value) -> bool:
    """Read `true` or `false`."""
    match value.raw.content:
        case Boolean(text=written) if written in ("true", "false"):
            return written == "true"
        case _:
            raise value.wrong(f"{value.kind()}, where true or false is expected", "write true or false")


def _all(read: Callable[[str, Value], T], found: Iterable[tuple[str, Value]]) -> tuple[T, ...]:
    results: list[T] = []
    mistakes: list[Mistake] = []
    for key, value in found:
        try:
            results.append(read(key, value))
        except InputError as error:
            mistakes.extend(error.mistakes)
    if mistakes:
        raise InputError(tuple(mistakes))
    return tuple(results)


def many(read: Callable[[Value], T]) -> Callable[[Value], tuple[T, ...]]:
    """Return a reader of lists whose members `read` reads."""
    return lambda value: _all(lambda _, member: read(member), (("", m) for m in value.members()))


def some(read: Callable[[Value], tuple[T, ...]]) -> Callable[[Value], tuple[T, ...]]:
    """Return a reader that refuses to find nothing."""

    def read_some(value: Value) -> tuple[T, ...]:
        if found := read(value):
            return found
        raise value.wrong("nothing stands in it", "remove the key, or write something in it")

    return read_some


def one_or_many(read: Callable[[Value], T]) -> Callable[[Value], tuple[T, ...]]:
    """Return a reader of lists, never empty, that takes a single member without brackets too."""
    return some(lambda value: many(read)(value) if value.is_list or value.is_null else (read(value),))


def each(read: Callable[[str, Value], T]) -> Callable[[Value], tuple[T, ...]]:
    """Return a reader of mappings with free keys; `read` takes a key and its value."""
    return lambda value: _all(read, value.entries().items())


def document(content: str, file: str) -> Value:
    """Return the one document of a text, or raise all its mistakes."""
    found = documents(content, file)
    if len(found) > 1:
        raise found[1].wrong("a second document begins here", "a scenario file holds one: remove the `---`")
    return found[0]


def documents(content: str, file: str) -> tuple[Value, ...]:
    """Return the documents of a text that are not empty, or raise all its mistakes."""
    found = pieces(content, file)
    if not found:
        nothing = Mistake(file=file, line=0, key="", what="the file is empty", remedy="write something in it")
        raise InputError((nothing,))
    return tuple(Value(file=file, line=raw.line, key="", raw=raw) for raw in found)


def survey(content: str, file: str, most: int) -> tuple[tuple[Value, tuple[Mistake, ...]], ...]:
    """Return the documents of a text, each with its own mistakes; raise where the text cannot be read on."""
    return tuple(
        (Value(file=file, line=raw.line, key="", raw=raw), theirs) for raw, theirs in surveyed(content, file, most)
    )
