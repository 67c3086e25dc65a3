"""The order of the modules, held by reading their imports: who may know whom, and who alone may use what."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "prober"
LONGEST = 300  # lines of a module

# From the ground up. A unit (a module, or a package with all that is in it) imports from rows above its own, and no
# other of its own row.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("prober", "errors", "outcomes", "durations", "terminal"),
    ("model",),
    ("yamltext",),
    ("document",),
    ("syntax",),
    ("rules",),
    ("manifest", "flows", "oracle", "probe", "journal", "progress"),
    ("scenario", "evidence", "waivers"),
    ("workloads",),
    ("cells", "expect", "story", "result", "traits"),
    ("vouching",),
    ("assess", "attribution", "sharing", "waiving", "comparison"),
    ("proofs",),
    ("verdict",),
    ("cluster.base", "canary"),
    ("cluster.fake", "cluster.lab", "cluster.kube"),
    ("observe",),
    ("agreeing",),
    ("phases", "aside"),
    ("telling",),
    ("runner",),
    ("catching",),
    ("report",),
    ("cli",),
    ("pytest_plugin", "__main__"),
)
ALONE = ("cluster.__init__",)  # a package's own line, which says nothing
RANK = {unit: i for i, row in enumerate(LAYERS) for unit in row}

# What only some may import: its first word -> the units
DOORS: dict[str, tuple[str, ...]] = {
    "yaml": ("yamltext",),
    "tabulate": ("report.tables",),
    "jinja2": ("report.html",),
    "markupsafe": ("report.html",),
    "tenacity": ("cluster.kube.asking", "cluster.kube.connection"),
    "kubernetes": ("cluster.kube",),
    "websocket": ("cluster.kube",),
    "urllib3": ("cluster.kube",),
    "pytest": ("pytest_plugin",),
    "subprocess": ("cluster.lab",),
    "ctypes": ("cluster.lab",),
    "socket": ("cluster.lab", "cluster.kube.alive"),  # there for the name of this machine
    "fcntl": ("cluster.lab", "cli.places"),
    "multiprocessing": (),
    "asyncio": (),  # under load its timers fire before what is ready is read: false timeouts
    "requests": (),
    "pickle": (),
}
# Pure units: no clock, no process, no file, no network; the same in, the same out
PURE = (
    "model",
    "oracle",
    "probe",
    "cells",
    "vouching",
    "expect",
    "story",
    "assess",
    "proofs",
    "verdict",
    "result",
    "outcomes",
    "evidence",
)
IMPURE = {"time", "random", "secrets", "threading", "os", "socket", "subprocess", "pathlib", "datetime", "concurrent"}


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name within it."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found["prober" if name == "__init__" else name] = path
    return found


MODULES = modules()


def unit_of(module: str) -> str:
    """Return the row's word for a module: itself, or the package that it is in."""
    parts = module.split(".")
    return next((".".join(parts[:n]) for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in RANK), module)


def imported(module: str) -> Iterator[str]:
    """Yield what a module imports anywhere in it, lazily too: our own as `prober.x.y`, others by their dotted name."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: imports are absolute"
            assert node.module
            for alias in node.names:
                both = f"{node.module}.{alias.name}"
                yield both if both.removeprefix("prober.") in packages() else node.module


@cache
def tree(module: str) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def packages() -> dict[str, str]:
    """Return every name by which a module or package can be imported, within prober, with its module."""
    found = {}
    for module in MODULES:
        found[module] = module
        if module.endswith(".__init__"):
            found[module.removesuffix(".__init__")] = module
    return found


@cache
def ours(module: str) -> frozenset[str]:
    """Return the modules of prober that a module imports itself."""
    names = (name.removeprefix("prober.") for name in imported(module) if name.split(".")[0] == "prober")
    return frozenset(packages()[name] for name in names)


def reached(start: str) -> set[str]:
    """Return every module that is loaded with one, packages on the way to it too."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        parts = module.split(".")
        inits = (packages().get(".".join(parts[:n])) for n in range(1, len(parts)))
        waiting += [*ours(module), *(i for i in inits if i)]
    return found


def inside(module: str, units: tuple[str, ...]) -> bool:
    """Say whether a module is one of these units or in one of them."""
    return any(module == unit or module.startswith(f"{unit}.") for unit in units)


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_only_from_above(module: str) -> None:
    """Each module has its place, and imports from rows above it or from its own package."""
    if module in ALONE:
        assert not ours(module)
        return
    unit = unit_of(module)
    assert unit in RANK, f"{module} has no place in LAYERS"
    wrong = {m for m in ours(module) if unit_of(m) != unit and RANK[unit_of(m)] >= RANK[unit]}
    assert set() == wrong


def test_every_layer_is_there() -> None:
    """No row names what is gone."""
    units = {unit_of(m) for m in MODULES}
    assert set() == set(RANK) - units


def test_oracle_and_cluster_never_meet() -> None:
    """If the lab asked the oracle, the two would agree by construction and prove nothing: not even by a detour."""
    for module in MODULES:
        if inside(module, ("cluster",)):
            assert not any(inside(m, ("oracle",)) for m in reached(module)), module
        if inside(module, ("oracle",)):
            assert not any(inside(m, ("cluster",)) for m in reached(module)), module


def test_judging_needs_no_cluster() -> None:
    """The verdict knows the journal and the model, and nobody who could be asked."""
    for unit in ("verdict", "proofs", "assess", "story", "evidence"):
        assert not any(inside(m, ("cluster", "observe", "phases", "runner")) for m in reached(unit))


def test_lab_and_kube_do_not_know_each_other() -> None:
    """What one cluster can do is never taken from the other."""
    for one, other in (("cluster.lab", "cluster.kube"), ("cluster.kube", "cluster.lab")):
        for module in MODULES:
            if inside(module, (one,)):
                assert not any(inside(m, (other,)) for m in reached(module)), module


@pytest.mark.parametrize("word", DOORS)
def test_each_door_has_its_keepers(word: str) -> None:
    """Third parties, processes and sockets have one door each."""
    using = {m for m in MODULES if any(name.split(".")[0] == word for name in imported(m))}
    assert set() == {m for m in using if not inside(m, DOORS[word])}


def test_third_parties_are_known() -> None:
    """A new library is weighed first, and gets its door here."""
    words = {name.split(".")[0] for m in MODULES for name in imported(m)} - {"prober", *sys.stdlib_module_names}
    assert set() == words - set(DOORS)


@pytest.mark.parametrize("unit", PURE)
def test_pure_units_touch_nothing(unit: str) -> None:
    """What judges has no clock, no chance and no files: the same in, the same out."""
    allowed = {"probe": {"importlib"}}.get(unit, set())
    for module in MODULES:
        if inside(module, (unit,)):
            words = {name.split(".")[0] for name in imported(module)}
            assert set() == (words & IMPURE) - allowed, module


@pytest.mark.parametrize("module", MODULES)
def test_module_says_in_one_sentence_what_it_knows(module: str) -> None:
    """A module begins with a sentence, and is short enough that the sentence is true."""
    text = MODULES[module].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    said = ast.get_docstring(tree(module))
    assert said
    first = said.split("\n\n")[0]
    assert first.rstrip()[-1:] in (".", ":")
    assert len(first) > 20


def test_this_reads_imports_of_every_form() -> None:
    """The reader itself: names of packages, of modules in them, and of what is in those."""
    assert "model.__init__" in ours("verdict")
    assert "proofs" in ours("verdict")
    assert "canary" in ours("cli.backend")  # lazily, inside of a function
    assert "cluster.kube.asking" in reached("cluster.kube.cluster")
    assert "oracle.judging" in reached("verdict")
    assert "yamltext" in reached("runner")
