"""Finds scenario files, and reads them and what they name; every mistake of all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from prober.document import document
from prober.errors import InputError, Mistake, UsageError
from prober.model import ClusterState
from prober.scenario.reading import read_scenarios
from prober.scenario.records import CASE, MANIFESTS, SUFFIX, Scenario
from prober.scenario.steps import Open
from prober.yamltext import MAX_BYTES, decoded, shortened

_PATH = 400  # characters: a path is cut only where it can be no path of a person


def load(paths: Sequence[Path]) -> tuple[Scenario, ...]:
    """Return the scenarios of files, of directories and of single cases (`FILE#CASE`), or raise all their mistakes."""
    scenarios, mistakes = load_all(paths)
    if mistakes:
        raise InputError(mistakes)
    return scenarios


def load_all(paths: Sequence[Path]) -> tuple[tuple[Scenario, ...], tuple[Mistake, ...]]:
    """Return every scenario that can be read, and the mistakes of all of them; UsageError where there is none."""
    found = tuple(dict.fromkeys(one for path in paths for one in _collected(path)))
    if not found:
        raise UsageError(f"no *{SUFFIX} in {', '.join(map(str, paths)) or 'nothing: name a file or a directory'}")
    scenarios: dict[str, Scenario] = {}
    mistakes: list[Mistake] = []
    for file, case in found:
        try:
            read, wrong = _load(str(file), _from_disk(file), None, case)
        except InputError as error:
            mistakes += error.mistakes
            continue
        mistakes += wrong
        for scenario in read:
            if (other := scenarios.setdefault(scenario.name, scenario)).path != scenario.path:
                what = f"{other.path} has the name {scenario.name} too"
                mistakes.append(Mistake(file=str(file), line=0, key="", what=what, remedy="rename one of them"))
    return tuple(scenarios.values()), tuple(dict.fromkeys(mistakes))


def loads(texts: Mapping[str, str], path: str, state: ClusterState | None = None) -> Scenario:
    """Return the scenario of this path from the texts of its files; where a cluster has its own addresses, with those.

    `state` gives them. Raises InputError for what is not one scenario.
    """

    def read(name: str) -> str:
        if name not in texts:
            raise ValueError(f"`{shortened(name)}` is not among the scenario's texts")
        return texts[name]

    file, _, case = (path, "", "") if path in texts else path.rpartition(CASE)
    found, mistakes = _load(file or path, read, state, case)
    if mistakes:
        raise InputError(mistakes)
    if len(found) > 1:
        what, remedy = f"it holds {len(found)} cases", f"name one, like {found[0].path}"
        raise InputError((Mistake(file=path, line=0, key="", what=what, remedy=remedy),))
    return found[0]


def resolved(scenario: Scenario, state: ClusterState) -> Scenario:
    """Return the scenario with the addresses of `state` in its manifests, where a real cluster gave others."""
    return loads(scenario.texts, scenario.path, state)


def _collected(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files that are meant, each with the case that is ("": all of them)."""
    file, _, case = str(path).rpartition(CASE)
    if path.is_dir():
        yield from ((p, "") for p in sorted(path.rglob(f"*{SUFFIX}")) if p.is_file())
    elif path.is_file():
        yield path, ""
    elif case and Path(file).is_file():
        yield Path(file), case
    else:
        meant = path.with_name(path.name + SUFFIX)
        hint = f"; did you mean {shortened(str(meant), _PATH)}?" if meant.is_file() else ""
        what = "neither file nor directory" if path.exists() else "no such file"
        raise UsageError(f"{shortened(str(path), _PATH)}: {what}{hint}")


def _from_disk(scenario: Path) -> Callable[[str], str]:
    def read(name: str) -> str:
        path = Path(name)
        try:
            # the scenario itself is the user's choice, be it a link; what it names must not lead anywhere else
            if path != scenario and not path.resolve().is_relative_to(scenario.parent.resolve()):
                raise ValueError(_outside(name))
            if not path.is_file():
                raise ValueError(f"there is no file `{shortened(name)}`; files stand beside the scenario or below it")
            with path.open("rb") as file:
                return decoded(file.read(MAX_BYTES + 1), name)
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
            raise ValueError(
                f"`{shortened(name, _PATH)}` cannot be read: {_cause(error)}; check its permissions"
            ) from None

    return read


def _cause(error: OSError | RuntimeError) -> str:
    return error.strerror or "" if isinstance(error, OSError) else "links in a circle"


def _outside(name: str) -> str:
    return f"`{shortened(name)}` leads out of the scenario's directory; put the file beside the scenario or below it"


def _opener(path: str, read: Callable[[str], str], texts: dict[str, str]) -> Open:
    """Return a function that opens the files that a scenario names, and keeps their texts."""

    def open_file(name: str) -> tuple[str, str]:
        part = PurePosixPath(name)
        full = str(PurePosixPath(path).parent / part)
        if path.startswith(MANIFESTS):  # not of one directory, and read already: named as the user named them
            full = name
        elif part.is_absolute() or ".." in part.parts:
            raise ValueError(_outside(name))
        if full not in texts:
            texts[full] = read(full)
        return full, texts[full]

    return open_file


def _load(
    path: str, read: Callable[[str], str], state: ClusterState | None, case: str
) -> tuple[tuple[Scenario, ...], tuple[Mistake, ...]]:
    try:
        texts = {path: read(path)}
    except ValueError as error:
        what, _, remedy = str(error).partition("; ")
        raise InputError((Mistake(file=path, line=0, key="", what=what, remedy=remedy),)) from None
    return read_scenarios(document(texts[path], path), texts, _opener(path, read, texts), state, case)
