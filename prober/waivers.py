"""Known deviations: waiver files read strictly, every mistake with file, line, key and remedy; and shipped profiles."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files

from prober.document import Gather, Value, document, many, nearest, one_or_many, sentence, some, text
from prober.errors import InputError, UsageError
from prober.flows import FlowPattern, parse_pattern
from prober.outcomes import Status, Trait

PROFILE = "profile:"  # begins the name of a shipped file
NEVER = "never"  # an engine's own decision has no date; somebody's waiver needs one
DEVIATIONS = (Status.LEAK, Status.BREAK, Status.FLAKY)

_ID = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_DATE = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
_KEYS = ("id", "cells", "traits", "statuses", "scenarios", "reason", "owner", "expires", "engine", "sources")
_REQUIRED = ("id", "reason", "owner", "expires")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One known deviation: which cells, why, who answers for it, and until when."""

    id: str
    file: str
    reason: str
    owner: str
    expires: str  # YYYY-MM-DD, the last day on which it holds; NEVER in profiles
    cells: tuple[FlowPattern, ...] = ()  # none: whatever the traits say
    traits: tuple[Trait, ...] = ()  # none: whatever the cells say; of several one is enough
    statuses: tuple[Status, ...] = DEVIATIONS
    scenarios: tuple[str, ...] = ()  # patterns of paths, as a shell writes them; none: all
    engine: str = ""  # only where this one runs

    def covers(self, path: str) -> bool:
        """Say whether it speaks of a scenario's file."""
        return not self.scenarios or any(fnmatchcase(path, p) or fnmatchcase(path, f"*/{p}") for p in self.scenarios)

    def expired(self, day: str) -> bool:
        """Say whether it holds no more on a day, YYYY-MM-DD."""
        return self.expires != NEVER and day > self.expires


def profiles() -> tuple[str, ...]:
    """Return the names of the profiles that ship with prober."""
    found = (p.name.removesuffix(".yaml") for p in files("prober").joinpath("profiles").iterdir())
    return tuple(sorted(found))


def profile(name: str) -> str:
    """Return the text of a shipped profile; UsageError for one that there is not."""
    if name not in profiles():
        raise UsageError(f"--waivers {PROFILE}{name}: {nearest(name, profiles(), 'profiles')}")
    return files("prober").joinpath("profiles", f"{name}.yaml").read_text(encoding="utf-8")


def read(content: str, file: str) -> tuple[Waiver, ...]:
    """Return the waivers of a file's text, or raise all its mistakes."""
    take = Gather()
    fields = take.fields(document(content, file), ("waivers",), ("waivers",))
    members = take(lambda v: tuple(v.members()), fields.get("waivers"), ())
    found = []
    for member in members:
        waiver = take(lambda v: _waiver(v, file), member, None)
        if waiver is not None:
            found.append((waiver, member))
    known: dict[str, int] = {}
    for waiver, member in found:
        if waiver.id in known:
            what = f"the id {waiver.id} stands in line {known[waiver.id]} too"
            take.mistakes.append(member.mistake(what, "give each waiver its own"))
        known.setdefault(waiver.id, member.line)
    if "waivers" in fields and not members and not take.mistakes:
        take.mistakes.append(
            fields["waivers"].mistake("nothing stands in it", "write a waiver, or leave --waivers out")
        )
    take.done()
    return tuple(waiver for waiver, _ in found)


def _waiver(value: Value, file: str) -> Waiver:
    take = Gather()
    fields = take.fields(value, _KEYS, _REQUIRED)
    if "cells" not in fields and "traits" not in fields:
        what = "it names neither `cells` nor `traits`"
        take.mistakes.append(value.mistake(what, "say which cells deviate, like cells: [a/b -> c/d:80]"))
    waiver = Waiver(
        id=take(_spelled(_ID, "no id", "write lower-case letters, digits and dashes"), fields.get("id"), ""),
        file=file,
        reason=take(sentence, fields.get("reason"), ""),
        owner=take(sentence, fields.get("owner"), ""),
        expires=take(lambda v: _day(v, shipped=file.startswith(PROFILE)), fields.get("expires"), ""),
        cells=take(one_or_many(_pattern), fields.get("cells"), ()),
        traits=take(one_or_many(_trait), fields.get("traits"), ()),
        statuses=take(one_or_many(_status), fields.get("statuses"), DEVIATIONS),
        scenarios=take(one_or_many(text), fields.get("scenarios"), ()),
        engine=take(sentence, fields.get("engine"), ""),
    )
    take(some(many(text)), fields.get("sources"), ())
    take.done()
    return waiver


def _spelled(form: re.Pattern[str], what: str, remedy: str) -> Callable[[Value], str]:
    def read_word(value: Value) -> str:
        word = text(value)
        if not form.fullmatch(word):
            raise value.wrong(f"`{word[:80]}` is {what}", remedy)
        return word

    return read_word


def _day(value: Value, *, shipped: bool) -> str:
    word = text(value)
    if shipped and word == NEVER:
        return word
    if word == NEVER:
        raise value.wrong(
            "a waiver without an end is forgotten", "write the day on which somebody looks again, YYYY-MM-DD"
        )
    if not _DATE.fullmatch(word):
        raise value.wrong(f"`{word[:80]}` is no day", "write the last day on which it holds, like 2027-01-31")
    return word


def _pattern(value: Value) -> FlowPattern:
    try:
        return parse_pattern(text(value))
    except ValueError as error:
        raise value.wrong(str(error)) from None


def _trait(value: Value) -> Trait:
    word = text(value)
    if word not in tuple(Trait):
        raise value.wrong(f"`{word[:80]}` is no trait", nearest(word, Trait, "one of"))
    return Trait(word)


def _status(value: Value) -> Status:
    word = text(value)
    known = tuple(s.lower() for s in DEVIATIONS)
    if word.lower() not in known:
        raise value.wrong(f"`{word[:80]}` cannot be waived", f"one of {', '.join(known)}")
    return Status(word.upper())


def all_of(texts: Sequence[tuple[str, str]]) -> tuple[Waiver, ...]:
    """Return the waivers of several files, given as name and text; all their mistakes at once."""
    found: list[Waiver] = []
    take = Gather()
    for file, content in texts:
        try:
            found += read(content, file)
        except InputError as error:
            take.mistakes.extend(error.mistakes)
    take.done()
    return tuple(found)
