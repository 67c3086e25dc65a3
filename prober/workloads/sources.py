"""Where manifests come from: files, directories and stdin, each read once; what their documents mean is not known."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from prober.document import Value, survey
from prober.errors import InputError, Mistake, UsageError
from prober.yamltext import decoded, shortened

STDIN = "-"
MAX_BYTES = 16 << 20  # `helm template` of a large chart has some MiB
MAX_VALUES = 1_000_000
MAX_FILES = 5_000
_SUFFIXES = (".yaml", ".yml", ".json")
_OBJECT = re.compile(r"\bkind\b")  # a file without the word holds no Kubernetes object
_TEMPLATE = "{{"
_PATH = 400  # characters


class Role(StrEnum):
    """What a source is asked for."""

    POLICIES = "--policies"
    WORKLOADS = "--workloads"


@dataclass(frozen=True, slots=True)
class Document:
    """One document, what it is asked for, and what is wrong with its values: that matters only if it is needed."""

    value: Value
    roles: frozenset[Role]
    faults: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """All documents of all sources, in the order of reading."""

    found: tuple[Document, ...]
    files: int
    left_out: int  # files of directories that hold no Kubernetes object


def read(asked: Sequence[tuple[Role, str]], stdin: Callable[[int], bytes]) -> Documents:
    """Return the documents of paths, each with the role that names it; raise all mistakes of all of them."""
    roles: dict[str, set[Role]] = {}
    named: dict[str, tuple[str, Path | None, bool]] = {}
    for role, path in asked:
        for key, name, file, alone in _files(path):
            roles.setdefault(key, set()).add(role)
            named.setdefault(key, (name, file, alone))
    found: list[Document] = []
    mistakes: list[Mistake] = []
    templates: list[Mistake] = []
    left_out = 0
    for key, (name, file, alone) in named.items():
        content = ""
        try:
            content = decoded(stdin(MAX_BYTES + 1) if file is None else _bytes(file), name, MAX_BYTES)
            if not alone and not _OBJECT.search(content):
                left_out += 1
                continue
            found += [Document(v, frozenset(roles[key]), faults) for v, faults in survey(content, name, MAX_VALUES)]
        except InputError as error:
            if _TEMPLATE in content:
                templates.append(_template(content, name))
            else:
                mistakes += error.mistakes
    if templates or mistakes:
        raise InputError((*_one(templates), *mistakes))
    return Documents(found=tuple(found), files=len(named) - left_out, left_out=left_out)


def shown(path: str | Path) -> str:
    """Return a path fit for a message and for a text."""
    return shortened(os.fsencode(path).decode("utf-8", "replace"), _PATH)


def _files(path: str) -> Iterator[tuple[str, str, Path | None, bool]]:
    """Yield key, shown name, file (None: stdin) of what a path means, and whether it was named itself."""
    if path == STDIN:
        yield STDIN, "<stdin>", None, True
        return
    place = Path(path)
    try:
        if place.is_dir():
            files = sorted(_below(place))
        elif place.exists():
            files = [place]
        else:
            raise UsageError(f"{shown(path)}: no such file or directory")
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown(path)}: {getattr(error, 'strerror', None) or error}") from None
    if len(files) > MAX_FILES:
        raise UsageError(f"{shown(path)}: more than {MAX_FILES} files of YAML; name the directory more narrowly")
    if not files:
        raise UsageError(f"{shown(path)}: no file in it ends with {', '.join(_SUFFIXES)}")
    for file in files:
        yield str(file.resolve()), shown(file), file, file == place


def _below(place: Path) -> Iterator[Path]:
    """Yield a directory's manifests; hidden directories are other programs', and links are not followed."""
    for root, directories, files in os.walk(place):
        directories[:] = sorted(d for d in directories if not d.startswith("."))
        yield from (
            Path(root, f) for f in files if f.lower().endswith(_SUFFIXES) and Path(root, f).is_file() and f[0] != "."
        )


def _bytes(file: Path) -> bytes:
    try:
        if not file.is_file():
            raise _wrong(shown(file), "it is neither a file nor a directory", "name one of them, or - for stdin")
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise _wrong(shown(file), f"it cannot be read: {error.strerror}", "check its permissions") from None


def _template(content: str, name: str) -> Mistake:
    at = content.index(_TEMPLATE)
    line = content.count("\n", 0, at) + 1
    written = shortened(content[at:].split("\n", maxsplit=1)[0], 60)
    remedy = "render it first: helm template CHART | prober run --policies - --workloads -"
    return Mistake(
        file=name, line=line, key="", what=f"a template that nobody has rendered: `{written}`", remedy=remedy
    )


def _one(templates: Sequence[Mistake]) -> Iterator[Mistake]:
    """Yield one mistake for all templates: a chart is full of them, and its remedy is one."""
    for first in templates[:1]:
        more = f" (and {len(templates) - 1} more files of that kind)" if len(templates) > 1 else ""
        yield Mistake(file=first.file, line=first.line, key="", what=first.what + more, remedy=first.remedy)


def _wrong(file: str, what: str, remedy: str) -> InputError:
    return InputError((Mistake(file=file, line=0, key="", what=what, remedy=remedy),))
