"""A JSON document's fields, read one by one: what is missing or of another type is a mistake with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from prober.errors import InputError, Mistake

Word = TypeVar("Word", bound=StrEnum)

_LONGEST = 60
_WROTE = "give it what `--report json=FILE` wrote, unchanged"


class Fields:
    """An object of the document, read with the place of every mistake."""

    def __init__(self, data: object, file: str, place: str = "") -> None:
        self._file = file
        self._place = place
        if not isinstance(data, dict):
            raise mistake(file, place, f"an object is expected, not {shown(data)}", _WROTE)
        self.data: Mapping[str, object] = data

    def wrong(self, key: str, what: str) -> InputError:
        return mistake(self._file, f"{self._place}{'.' if self._place else ''}{key}", what, _WROTE)

    def is_null(self, key: str) -> bool:
        return self._get(key, "a value or null", object) is None

    def text(self, key: str) -> str:
        return str(self._get(key, "a text", str))

    def flag(self, key: str) -> bool:
        return bool(self._get(key, "true or false", bool))

    def whole(self, key: str) -> int:
        found = self._get(key, "a whole number", object)
        if isinstance(found, bool) or not isinstance(found, int):
            raise self.wrong(key, f"a whole number is expected, not {shown(found)}")
        return found

    def number(self, key: str) -> float:
        found = self._get(key, "a number", object)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self.wrong(key, f"a number is expected, not {shown(found)}")
        return found

    def word(self, key: str, words: type[Word]) -> Word:
        found = self.text(key)
        if found not in tuple(words):
            raise self.wrong(key, f"{shown(found)} is none of {', '.join(words)}")
        return words(found)

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._get(key, "a list", list)
        if not all(isinstance(item, str) for item in found):
            raise self.wrong(key, "a list of texts is expected")
        return tuple(found)

    def inner(self, key: str) -> Fields:
        return self._inside(self._get(key, "an object", dict), key)

    def each(self, key: str) -> Iterator[Fields]:
        for i, item in enumerate(self._get(key, "a list", list)):
            yield self._inside(item, f"{key}[{i}]")

    def _inside(self, data: object, key: str) -> Fields:
        return Fields(data, self._file, f"{self._place}{'.' if self._place else ''}{key}")

    def _get(self, key: str, what: str, kind: type[Any]) -> Any:
        if key not in self.data:
            raise self.wrong(key, f"{what} is expected, and it is missing")
        if not isinstance(found := self.data[key], kind):
            raise self.wrong(key, f"{what} is expected, not {shown(found)}")
        return found


def shown(value: object) -> str:
    """Return a value fit for a message."""
    text = ascii(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def mistake(file: str, key: str, what: str, remedy: str, line: int = 0) -> InputError:
    """Return one mistake of the file as an error."""
    return InputError((Mistake(file=file, line=line, key=key, what=what, remedy=remedy),))
