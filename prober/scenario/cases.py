"""The cases of a scenario file: one written out, or a template once for every combination of its parameters."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping

from prober.document import Value, nearest
from prober.yamltext import MAX_VALUES, Piece, shortened

MAX_CASES = 1000  # of one file
PARAMETERS = "for"
_NAME = re.compile("[a-z0-9][-a-z0-9]{0,98}")
_PARAMETER = re.compile("[a-z][-a-z0-9]*")
_FIELD = re.compile("[A-Za-z][-A-Za-z0-9]*")
_USE = re.compile(r"\$\{(?!apiserver\})([a-z][-a-z0-9]*(?:\.[A-Za-z][-A-Za-z0-9]*)?)\}")
_WHERE = "write it as a list's member of its own; the member then stands there once for each"

Bindings = Mapping[str, Piece]  # `peer` and `peer.FIELD` -> what stands for it
Row = Mapping[str, Piece]  # "" -> what stands for the parameter itself, FIELD -> what its row says under it


def cases(value: Value) -> Iterator[tuple[str, Value]]:
    """Yield each case's name with its document, parameters filled in."""
    filler = _Filler()
    seen: dict[str, int] = {}
    for key, template in value.entries().items():
        parameters = template.entries().get(PARAMETERS)
        for bindings in _combinations(parameters) if parameters else ({},):
            name = filler.text(key, bindings, template) if parameters else key
            if not _NAME.fullmatch(name):
                remedy = "at most 99 lower case letters, digits and -, a letter or a digit first"
                raise template.wrong(f"`{shortened(name)}` is no name of a case", remedy)
            if name in seen:
                raise template.wrong(
                    f"the case `{shortened(name)}` stands in line {seen[name]} too",
                    "name every parameter in the case's name, like `allow-${direction}-${peer}`",
                )
            seen[name] = template.line
            if len(seen) > MAX_CASES:
                raise value.wrong(f"more than {MAX_CASES} cases", "split the file")
            yield name, _case(value, name, template, filler, bindings)


def _case(value: Value, name: str, template: Value, filler: _Filler, bindings: Bindings) -> Value:
    at = Value(file=template.file, line=template.line, key=f"{value.key}.{name}", raw=template.raw)
    if not bindings:
        return at
    rest = {k: entry for k, entry in _mapping(template.raw).items() if k != PARAMETERS}
    filled = filler.piece(Piece(template.line, rest), bindings, at)
    return Value(file=at.file, line=at.line, key=at.key, raw=filled)


def _combinations(parameters: Value) -> Iterator[Bindings]:
    """Yield what stands for every parameter, in each combination of their rows."""
    taken: set[str] = set()
    choices: list[list[Bindings]] = []
    for key, table in parameters.entries().items():
        names = [word.strip() for word in key.split(",")]
        for name in names:
            if not _PARAMETER.fullmatch(name) or name == "apiserver":
                raise table.wrong(f"`{shortened(name)}` is no name of a parameter", "lower case letters, digits and -")
            if name in taken:
                raise table.wrong(f"there are two parameters `{name}`", "name each differently")
            taken.add(name)
        rows = _rows(table)
        if len(rows) < len(names):
            raise table.wrong(f"{len(rows)} rows are too few for `{shortened(key)}`", "write more of them")
        # two names share a table: each pair of different rows once, whatever their order
        choices.append([_bound(names, chosen) for chosen in itertools.combinations(rows, len(names))])
    if not choices:
        raise parameters.wrong("there is no parameter", "write NAME: [one, two], or remove `for`")
    for chosen in itertools.product(*choices):
        yield {name: piece for bindings in chosen for name, piece in bindings.items()}


def _bound(names: list[str], rows: tuple[Row, ...]) -> Bindings:
    return {
        f"{name}.{field}" if field else name: piece
        for name, row in zip(names, rows, strict=True)
        for field, piece in row.items()
    }


def _rows(table: Value) -> list[Row]:
    if table.is_list:
        rows = [_single(member) for member in table.members()]
    else:
        rows = [_row(key, entry) for key, entry in table.entries().items()]
    if not rows:
        raise table.wrong("nothing stands in it", "name what the parameter stands for")
    return rows


def _single(member: Value) -> Row:
    if not member.is_text and not isinstance(member.raw.content, int):
        raise member.wrong(f"{member.kind()}, where text or a number is expected", "write {NAME: {FIELD: ...}}")
    return {"": member.raw}


def _row(key: str, entry: Value) -> Row:
    for name, field in entry.entries().items():
        if not _FIELD.fullmatch(name):
            raise field.wrong(f"`{shortened(name)}` is no name of a field", "letters, digits and -")
    return {"": Piece(entry.line, key)} | {name: field.raw for name, field in entry.entries().items()}


def _mapping(piece: Piece) -> dict[str, tuple[int, Piece]]:
    return piece.content if isinstance(piece.content, dict) else {}


class _Filler:
    """Puts what stands for parameters into pieces of a document; counts what it makes, over a whole file."""

    def __init__(self) -> None:
        self._size = 0

    def piece(self, piece: Piece, bindings: Bindings, at: Value) -> Piece:
        """Return a piece with its parameters filled in; what is filled in keeps the line where it stands."""
        self._size += 1
        if self._size > MAX_VALUES:
            raise at.wrong(f"more than {MAX_VALUES} values in its cases", "split the file")
        match piece.content:
            case str(text) if found := _USE.fullmatch(text):
                return self._bound(found[1], bindings, _there(at, piece))
            case str(text):
                return Piece(piece.line, self.text(text, bindings, _there(at, piece)))
            case list(members):
                return Piece(piece.line, [m for member in members for m in self._members(member, bindings, at)])
            case dict(entries):
                return Piece(piece.line, dict(self._entries(entries, bindings, at)))
            case _:
                return piece

    def text(self, text: str, bindings: Bindings, at: Value) -> str:
        """Return a text with its parameters filled in."""

        def word(found: re.Match[str]) -> str:
            content = self._bound(found[1], bindings, at).content
            if isinstance(content, str | int):
                return str(content)
            remedy = _WHERE if isinstance(content, list) else "write nothing else beside it"
            raise at.wrong(f"`{found[0]}` is no text, and stands within one", remedy)

        return _USE.sub(word, text)

    def _members(self, member: Piece, bindings: Bindings, at: Value) -> Iterator[Piece]:
        """Yield a list's member, or where it names a list, one for every member of that."""
        names = _USE.findall(member.content) if isinstance(member.content, str) else ()
        there = _there(at, member)
        listed = next((n for n in names if isinstance(self._bound(n, bindings, there).content, list)), None)
        if listed is None:
            yield self.piece(member, bindings, at)
            return
        for one in _list(self._bound(listed, bindings, there)):
            yield from self._members(member, {**bindings, listed: one}, at)

    def _entries(
        self, entries: Mapping[str, tuple[int, Piece]], bindings: Bindings, at: Value
    ) -> Iterator[tuple[str, tuple[int, Piece]]]:
        taken: set[str] = set()
        for key, (line, piece) in entries.items():
            filled = self.piece(piece, bindings, at)
            name = self.text(key, bindings, _there(at, piece))
            if name in taken:
                raise _there(at, piece).wrong(f"the key `{shortened(name)}` stands here twice", "keep one of them")
            taken.add(name)
            # left out where all its members were parameters that name nothing here
            if filled.content != [] or piece.content == [] or not isinstance(piece.content, list):
                yield name, (line, filled)

    def _bound(self, name: str, bindings: Bindings, at: Value) -> Piece:
        if name not in bindings:
            raise at.wrong(f"there is no parameter `${{{name}}}`", nearest(name, bindings, "there are"))
        self._size += bindings[name].size
        return bindings[name]


def _list(piece: Piece) -> list[Piece]:
    return piece.content if isinstance(piece.content, list) else []


def _there(at: Value, piece: Piece) -> Value:
    return Value(file=at.file, line=piece.line, key=at.key, raw=piece)
