"""YAML text -> pieces with their lines, aliases resolved and bounded; every mistake of the text, no meaning yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prober.errors import InputError, Mistake

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 1 << 20
MAX_VALUES = 200_000  # an alias counts as often as it is used, so nested aliases are refused before they grow
MAX_DEPTH = 40

# YAML 1.1, as kubectl reads it; `y` and `n` stay text, and a date is text too
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF")
_NULL = re.compile(r"~|null|Null|NULL|")
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})")
_ODD = re.compile(  # what YAML 1.1 takes for another kind of number: floats, octal, hexadecimal, 1_000, 12:30
    r"[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?0x[0-9a-fA-F_]+|[-+]?[0-9][0-9_]*|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9_]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_TAGS = {"tag:yaml.org,2002:str": "text", "tag:yaml.org,2002:map": "mapping", "tag:yaml.org,2002:seq": "list"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Odd:
    """A plain scalar that YAML takes for something that no file here needs: `1.0`, `010`, `12:30`."""

    text: str


@dataclass(frozen=True, slots=True)
class Boolean:
    """A boolean, and how it is written: `yes` is one to YAML, though few mean it so."""

    text: str


@dataclass(slots=True)
class Piece:
    """A piece of the document; an aliased one is shared."""

    line: int
    content: str | int | Boolean | Odd | list[Piece] | dict[str, tuple[int, Piece]] | None
    size: int = 1


def shortened(text: str, longest: int = 80) -> str:
    """Return `text` fit for a message: no longer than a line, and without what could steer a terminal."""
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).replace("\n", " ").replace("\t", " ")
    return text if len(text) <= longest else f"{text[: longest - 20]}... ({len(text)} characters)"


def decoded(content: bytes, file: str, most: int = MAX_BYTES) -> str:
    """Return a file's bytes as text; too many, or other than UTF-8, is a mistake."""
    if len(content) > most:
        what = f"the file is larger than {most >> 10} KiB"
        raise InputError((Mistake(file=file, line=0, key="", what=what, remedy="split it"),))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"byte {content[error.start]:#04x} is not UTF-8"
        raise InputError((Mistake(file=file, line=line, key="", what=what, remedy="save the file as UTF-8"),)) from None


def pieces(content: str, file: str) -> list[Piece]:
    """Return the documents of a text that are not empty, or raise all its mistakes."""
    found = surveyed(content, file, MAX_VALUES)
    if mistakes := tuple(mistake for _, theirs in found for mistake in theirs):
        raise InputError(mistakes)
    return [piece for piece, _ in found]


def surveyed(content: str, file: str, most: int) -> list[tuple[Piece, tuple[Mistake, ...]]]:
    """Return the documents that are not empty, each with its mistakes; raise where the text cannot be read on.

    `most` is how many values it may have.
    """
    return _Builder(file, most).build(content)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


class _Builder:
    """Builds the pieces of one text from the parser's events."""

    def __init__(self, file: str, most: int) -> None:
        self.file = file
        self.most = most
        self.mistakes: list[Mistake] = []
        self.anchors: dict[str, Piece | None] = {}
        self.size = 0

    def build(self, content: str) -> list[tuple[Piece, tuple[Mistake, ...]]]:
        import yaml  # loaded only where a file is read: the command line answers without it

        found: list[tuple[Piece, tuple[Mistake, ...]]] = []
        seen = 0
        try:
            events = yaml.parse(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent):
                    self.anchors = {}
                    raw = self._piece(next(events), events, "", 0)
                    if raw.content is not None:
                        found.append((raw, tuple(self.mistakes[seen:])))
                        seen = len(self.mistakes)
        except yaml.YAMLError as error:
            self.mistakes.append(self._unreadable(error, content))
            raise InputError(tuple(self.mistakes)) from None
        return found

    def _wrong(self, line: int, key: str, what: str, remedy: str = "") -> None:
        self.mistakes.append(Mistake(file=self.file, line=line, key=key, what=what, remedy=remedy))

    def _end(self, line: int, key: str, what: str, remedy: str = "") -> InputError:
        """Return the error to raise where reading on makes no sense."""
        self._wrong(line, key, what, remedy)
        return InputError(tuple(self.mistakes))

    def _unreadable(self, error: yaml.YAMLError, content: str) -> Mistake:
        mark = getattr(error, "problem_mark", None)
        number = mark.line + 1 if mark else 0
        written = "".join(content.split("\n")[number - 1 : number])  # nothing where the mark is behind the end
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        remedy = "look also at the lines before"
        if "\t" in written[: len(written) - len(written.lstrip())]:
            problem, remedy = "a tab stands in the indentation", "indent with spaces"
        elif "*" in written and "alias" in str(error):
            problem, remedy = "an unquoted * begins a YAML alias", "for every pod write `any`"
        elif position := getattr(error, "position", None):
            number = content.count("\n", 0, position) + 1
        return Mistake(file=self.file, line=number, key="", what=f"not YAML: {shortened(str(problem))}", remedy=remedy)

    def _piece(self, event: yaml.Event, events: Iterator[yaml.Event], key: str, depth: int) -> Piece:
        import yaml

        line = _line(event)
        self.size += 1
        if self.size > self.most:
            raise self._end(line, "", f"more than {self.most} values, aliases counted as often as used", "write less")
        if depth > MAX_DEPTH:
            raise self._end(line, "", f"nested more than {MAX_DEPTH} levels deep", "write it flatter")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, line, key)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)  # noqa: S101 - the parser's grammar
        anchor = event.anchor
        if anchor is not None:
            self.anchors[anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            raw = Piece(line, self._scalar(event, line, key))
        elif isinstance(event, yaml.SequenceStartEvent):
            self._check_tag(event.tag, "list", line, key)
            raw = self._list(events, line, key, depth)
        else:
            self._check_tag(event.tag, "mapping", line, key)
            raw = self._mapping(events, line, key, depth)
        if anchor is not None:
            self.anchors[anchor] = raw
        return raw

    def _alias(self, anchor: str | None, line: int, key: str) -> Piece:
        if anchor is None or anchor not in self.anchors:
            what = f"*{shortened(str(anchor))} is a YAML alias of nothing"
            raise self._end(line, key, what, "for every pod write `any`")
        target = self.anchors[anchor]
        if target is None:
            raise self._end(line, key, f"*{shortened(anchor)} contains itself", "write it out")
        self.size += target.size
        return target

    def _check_tag(self, tag: str | None, kind: str, line: int, key: str) -> None:
        if tag not in (None, "!") and _TAGS.get(tag or "") != kind:
            self._wrong(line, key, f"the YAML tag {shortened(tag or '')} is not read here", "remove it")

    def _scalar(self, event: yaml.ScalarEvent, line: int, key: str) -> str | int | Boolean | Odd | None:
        written: str = event.value
        self._check_tag(event.tag, "text", line, key)
        if _CONTROL.search(written):
            self._wrong(line, key, f"`{shortened(written)}` holds a control character", "remove it")
        if not event.implicit[0]:  # quoted, a block, or tagged
            return written
        if _NULL.fullmatch(written):
            return None
        if _BOOLEAN.fullmatch(written):
            return Boolean(written)
        if _NUMBER.fullmatch(written):
            return int(written)
        return Odd(written) if _ODD.fullmatch(written) else written

    def _list(self, events: Iterator[yaml.Event], line: int, key: str, depth: int) -> Piece:
        import yaml

        members: list[Piece] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            members.append(self._piece(event, events, f"{key}[{len(members)}]", depth + 1))
        return Piece(line, members, 1 + sum(m.size for m in members))

    def _mapping(self, events: Iterator[yaml.Event], line: int, key: str, depth: int) -> Piece:
        import yaml

        entries: dict[str, tuple[int, Piece]] = {}
        merged: list[dict[str, tuple[int, Piece]]] = []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            at = _line(event)
            name = self._key(self._piece(event, events, key, depth + 1), at, key)
            path = f"{key}.{shortened(name)}" if key else shortened(name)
            raw = self._piece(next(events), events, path, depth + 1)
            if name == "<<":
                merged += self._merged(raw, at, path)
            elif name in entries:
                self._wrong(at, path, f"the key stands in line {entries[name][0]} too", "keep one of them")
            else:
                entries[name] = (at, raw)
        for source in merged:
            entries = {**source, **entries}
        return Piece(line, entries, 1 + sum(1 + raw.size for _, raw in entries.values()))

    def _key(self, raw: Piece, line: int, key: str) -> str:
        match raw.content:
            case str(name):
                return name
            case int(number):
                return str(number)
            case Odd(text=written):
                return written
            case Boolean(text=written):
                self._wrong(line, key, f"the key {written} is a boolean to YAML", f'quote it: "{written}"')
                return written
            case None:
                self._wrong(line, key, "a key is empty", "write one")
                return ""
            case _:
                raise self._end(line, key, "a key is a list or a mapping", "to write text, quote it")

    def _merged(self, raw: Piece, line: int, key: str) -> list[dict[str, tuple[int, Piece]]]:
        sources = raw.content if isinstance(raw.content, list) else [raw]
        found = [s.content for s in sources if isinstance(s.content, dict)]
        if len(found) < len(sources):
            self._wrong(line, key, "`<<` merges mappings, and this is none", "write the keys out")
        return found
