"""A file of several cases: which they are, what parameters become in them, and how one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.document import document
from prober.errors import InputError, UsageError
from prober.model import ApplyPolicy
from prober.scenario import Need, Scenario, check, load, loads
from prober.scenario.cases import MAX_CASES, cases
from prober.yamltext import MAX_VALUES
from tests.scenario.written import policy

HEAD = """\
summary: Several
tags: [all]
rules: [6]
namespaces: {a: {}}
pods: {a/web: {ports: [80]}, a/db: {ports: [5432]}, a/job: {}}
"""
OPEN = "steps: [{name: open, expect: {allowed: [any -> any]}}]"
TWO = f"""\
{HEAD}cases:
  first: {{summary: One, tags: [one, all], rules: [2, 6], {OPEN}}}
  second: {{summary: Two, requires: [external], {OPEN}}}
"""
RULE = '{podSelector: {}, ingress: [{from: ["${target.what}"], ports: [{port: "${port}"}]}]}'
TABLE = f"""\
{HEAD}cases:
  "to-${{target}}-${{port}}":
    for:
      target:
        db: {{who: [a/web, a/job], what: {{podSelector: {{}}}}, none: []}}
        web: {{who: [a/db], what: {{namespaceSelector: {{}}}}, none: []}}
      port: [1, 2]
    summary: "${{target}} on ${{port}}"
    steps:
      - name: open
        apply: {policy("p", spec=RULE)}
        expect: {{denied: ["${{target.who}} -> a/${{target}}"], allowed: ["${{target.none}}"]}}
"""


def put(directory: Path, content: str, name: str = "s.scenario.yaml") -> Path:
    path = directory / name
    path.write_text(content, encoding="utf-8")
    return path


def filled(template: str, parameters: str) -> object:
    """Return what stands under `steps` of the first case of a template."""
    value = document(f"cases: {{'${{p}}': {{for: {{p: {parameters}}}, steps: {template}}}}}", "f").entries()["cases"]
    return plain(next(cases(value))[1].entries()["steps"].raw.content)


def plain(content: object) -> object:
    match content:
        case list():
            return [plain(piece.content) for piece in content]
        case dict():
            return {key: plain(piece.content) for key, (_, piece) in content.items()}
        case _:
            return content


def test_each_case_is_a_scenario_of_its_own(tmp_path: Path) -> None:
    """Each has the file's topology, its own words beside the file's, and a name and a path that say which it is."""
    path = put(tmp_path, TWO)
    first, second = load([path])

    assert ("s#first", f"{path}#first", "One", ("all", "one"), (2, 6)) == words(first)
    assert ("s#second", f"{path}#second", "Two", ("all",), (6,)) == words(second)
    assert first.topology == second.topology
    assert ((), (Need.EXTERNAL,)) == (first.requires, second.requires)


def words(scenario: Scenario) -> tuple[object, ...]:
    return scenario.name, scenario.path, scenario.summary, scenario.tags, scenario.rules


def test_case_is_loaded_by_its_path(tmp_path: Path) -> None:
    """A case's path is all that a command needs; asked for twice it comes once."""
    path = put(tmp_path, TWO)
    first, second = load([path])

    assert (second,) == load([Path(second.path)])
    assert (second, first) == load([Path(second.path), path])


def test_case_is_rebuilt_from_its_texts(tmp_path: Path) -> None:
    """A journal's texts and paths give every case again, without the disk."""
    put(tmp_path, "namespaces: {a: {}}\npods: {a/web: {ports: [80]}, a/db: {}}\n", "t.topology.yaml")
    put(tmp_path, f"summary: Several\ntopology: t.topology.yaml\ncases: {{one: {{summary: One, {OPEN}}}}}")
    (found,) = load([tmp_path])

    assert {str(tmp_path / name) for name in ("s.scenario.yaml", "t.topology.yaml")} == set(found.texts)
    assert found == loads(found.texts, found.path)
    assert ["web", "db"] == [p.name for p in found.topology.pods]


def test_file_of_cases_is_no_single_scenario() -> None:
    """Who asks for one scenario of a file with two is told how to name one."""
    with pytest.raises(InputError, match=r"it holds 2 cases; name one, like s\.scenario\.yaml#first"):
        loads({"s.scenario.yaml": TWO}, "s.scenario.yaml")


@pytest.mark.parametrize(
    ("content", "case", "message"),
    [
        (TWO, "frist", r"6: cases: there is no case `frist`; did you mean `first`\?"),
        (HEAD + OPEN, "first", "there is no case `first`; the file is one scenario: name it alone"),
    ],
)
def test_case_that_is_not_there(content: str, case: str, message: str, tmp_path: Path) -> None:
    """A case that a file has not is named, with the nearest that it has."""
    with pytest.raises(InputError, match=message):
        load([Path(f"{put(tmp_path, content)}#{case}")])


def test_case_of_no_file(tmp_path: Path) -> None:
    """A case of a file that is not there is no such file."""
    with pytest.raises(UsageError, match=r"x.scenario.yaml#one: no such file"):
        load([tmp_path / "x.scenario.yaml#one"])


def test_mistakes_in_the_topology_file_are_placed_there(tmp_path: Path) -> None:
    """What is wrong with a shared topology has its file and line, once for all cases."""
    put(tmp_path, "namespaces: {a: {}}\npods: {a/web: {port: [80]}}\nsteps: []\n", "t.topology.yaml")
    put(tmp_path, f"summary: Several\ntopology: t.topology.yaml\ncases: {{one: {{summary: One, {OPEN}}}}}")
    with pytest.raises(InputError) as caught:
        load([tmp_path])

    assert [("t.topology.yaml", 3, "steps"), ("t.topology.yaml", 2, "pods.a/web.port")] == [
        (Path(m.file).name, m.line, m.key) for m in caught.value.mistakes
    ]


def test_template_makes_every_combination(tmp_path: Path) -> None:
    """A table's rows and a list's words are combined, and put in as text, as numbers, as mappings and as lists."""
    found = load([put(tmp_path, TABLE)])

    assert ["s#to-db-1", "s#to-db-2", "s#to-web-1", "s#to-web-2"] == [s.name for s in found]
    assert "web on 2" == found[3].summary
    assert [["a/web -> a/db", "a/job -> a/db"], ["a/db -> a/web"]] == [
        [str(e.pattern) for e in s.steps[0].expect] for s in found[::2]
    ]
    (action,) = found[0].steps[0].actions
    assert isinstance(action, ApplyPolicy)
    assert ["1"] == [str(p.port) for p in action.policy.ingress[0].ports]
    assert () == tuple(m for s in found for m in check(s))


def test_mistake_of_a_template_is_shown_once(tmp_path: Path) -> None:
    """What every combination gets wrong is one mistake; what one row gets wrong names its case."""
    wrong = TABLE.replace("who: [a/db]", "who: [a/dc]").replace("summary: ", "summery: ")
    with pytest.raises(InputError) as caught:
        load([put(tmp_path, wrong.replace("summery: Several", "summary: Several"))])
    assert [(13, "cases.to-db-1.summery")] == [(m.line, m.key) for m in caught.value.mistakes]

    with pytest.raises(InputError) as caught:
        load([put(tmp_path, TABLE.replace("who: [a/db]", "who: [a/dc]"))])
    assert [(17, "cases.to-web-1.steps[0].expect.denied[0]")] == [(m.line, m.key) for m in caught.value.mistakes]


def test_two_names_of_a_table_are_its_pairs() -> None:
    """`first, second` are every two different rows, once whatever their order."""
    value = document("cases: {'${a}-${b}': {for: {'a, b': [x, y, z]}}}", "f").entries()["cases"]

    assert ["x-y", "x-z", "y-z"] == [name for name, _ in cases(value)]


@pytest.mark.parametrize(
    ("template", "parameters", "expected"),
    [
        ("'${p}'", "[80]", 80),
        ("'port ${p}'", "[80]", "port 80"),
        ("['${p.l}']", "{x: {l: [1, 2]}}", [1, 2]),
        ("[a, '${p.l} b', c]", "{x: {l: [1, 2]}}", ["a", "1 b", "2 b", "c"]),
        ("['${p.l} to ${p.m}']", "{x: {l: [1, 2], m: [3, 4]}}", ["1 to 3", "1 to 4", "2 to 3", "2 to 4"]),
        ("['${p.l}', '${p.l}']", "{x: {l: [{a: b}]}}", [{"a": "b"}, {"a": "b"}]),
        ("{k: ['${p.l}'], m: []}", "{x: {l: []}}", {"m": []}),
        ("{k: '${p.l}'}", "{x: {l: []}}", {"k": []}),
        ("{'${p}': 1}", "[x]", {"x": 1}),
        ("'${pod:a/b} ${node:2} ${apiserver}'", "[x]", "${pod:a/b} ${node:2} ${apiserver}"),
    ],
)
def test_parameters_are_filled_in(template: str, parameters: str, expected: object) -> None:
    """Alone a parameter is what it stands for; in text it is text; a list's member is repeated for each of a list."""
    assert expected == filled(template, parameters)


def test_cases_are_bounded() -> None:
    """Neither too many cases nor too large ones are made."""
    rows = ", ".join(map(str, range(40)))
    value = document(f"cases: {{'${{a}}-${{b}}': {{for: {{a: [{rows}], b: [{rows}]}}}}}}", "f").entries()["cases"]
    with pytest.raises(InputError, match=f"more than {MAX_CASES} cases; split the file"):
        list(cases(value))

    names = "abcdefghijkl"
    uses = " ".join(f"${{p.{name}}}" for name in names)
    lists = ", ".join(f"{name}: [1, 2, 3]" for name in names)
    with pytest.raises(InputError, match=f"more than {MAX_VALUES} values in its cases; split the file"):
        filled(f"['{uses}']", f"{{x: {{{lists}}}}}")


def test_needs_are_those_of_the_case(tmp_path: Path) -> None:
    """What one case uses is nothing that another needs."""
    six = policy("p", spec='{podSelector: {}, egress: [{to: [{ipBlock: {cidr: "${pod:a/web:ipv6}"}}]}]}')
    one = f"one: {{summary: One, steps: [{{name: six, apply: {six}}}]}}"
    found = load([put(tmp_path, f"{HEAD}cases:\n  {one}\n  two: {{summary: Two, {OPEN}}}\n")])

    assert [(Need.IPV6,), ()] == [s.requires for s in found]


def test_reason_is_kept(tmp_path: Path) -> None:
    """The author's reason stands with its step."""
    (found,) = load(
        [put(tmp_path, f"{HEAD}steps: [{{name: open, expect: {{allowed: any -> any}}, because: no policy}}]")]
    )

    assert ("no policy",) == tuple(step.because for step in found.steps)
