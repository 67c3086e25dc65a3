"""Where manifests come from, and everything that can be wrong with a file before it means anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prober.errors import InputError, ProberError, UsageError
from prober.workloads import Request, read, sources
from prober.workloads.sources import Role
from tests.workloads.written import POLICY, deployment, made, mistakes

GOOD = deployment("web") + "---\n" + POLICY


def nothing(_: int) -> bytes:
    """Be a stdin that nobody writes to."""
    return b""


def test_directory_is_read_with_all_below(tmp_path: Path) -> None:
    """Every .yaml, .yml and .json below it, in order; hidden directories and files without any object are left out."""
    for name in ("b/c/two.yml", "a.yaml", "b/one.json", ".git/x.yaml", "b/.hidden.yaml", "values.yaml", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}: {{ no yaml" if name == "values.yaml" else f"kind: {name}")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = sources.read([(Role.POLICIES, str(tmp_path))], nothing)

    assert ["a.yaml", "b/c/two.yml", "b/one.json"] == [os.path.relpath(d.value.file, tmp_path) for d in found.found]
    assert (3, 1) == (found.files, found.left_out)


def test_file_of_both_flags_is_read_once(tmp_path: Path) -> None:
    """It has both roles then, whatever way leads to it."""
    (tmp_path / "a.yaml").write_text("kind: A")
    asked = [(Role.POLICIES, str(tmp_path)), (Role.WORKLOADS, str(tmp_path / "." / "a.yaml"))]
    (found,) = sources.read(asked, nothing).found

    assert frozenset(Role) == found.roles


def test_stdin_is_read_once() -> None:
    """`-` may stand for both; messages call it <stdin>."""
    texts = [GOOD.encode()]
    found = read(Request(policies=("-",), workloads=("-",), stdin=lambda _: texts.pop()))

    assert "<stdin>:11" == next(iter(found.state.policies.values())).at
    assert "stdin" == found.scenario.name


@pytest.mark.parametrize("name", ["", "gone", "a/b", "no\0name", "empty", "pipe", "x" * 5000])
def test_path_that_is_none_is_wrong_use(name: str, tmp_path: Path) -> None:
    """No such file, an unreadable name, a directory without manifests, a pipe: one line each."""
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ProberError) as caught:
        sources.read([(Role.POLICIES, str(tmp_path / name) if name else str(tmp_path / "empty"))], nothing)

    assert 2 == caught.value.exit_code
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b"\xff\xfe\x00kind", "1: : byte 0xff is not UTF-8"),
        (b"kind: A\n\x80", "2: : byte 0x80 is not UTF-8"),
        (b"kind: \x00", "1: : not YAML: control characters are not allowed"),
        (b"kind: A\n\tname: b", "2: : not YAML: a tab stands in the indentation"),
        (b"kind: A\nkind: B\napiVersion: v1\n---\n" + GOOD.encode(), None),  # of no matter here
        (POLICY.encode() + b"kind: NetworkPolicy\n", "5: kind: the key stands in line 2 too"),
        (POLICY.replace("{}", "!s {}").encode(), "4: spec.podSelector: the YAML tag !s is not read here"),
        (b"kind: [", "2: : not YAML: did not find expected node content"),
        (b"kind: &a [*a]", "1: kind[0]: *a contains itself"),
        (b"kind: " + b"[" * 50, "1: : nested more than 40 levels deep"),
        (b"kind: A\n" + b"x" * sources.MAX_BYTES, "0: : the file is larger than 16384 KiB"),
    ],
    ids=lambda v: "" if isinstance(v, bytes) else v,
)  # fmt: skip
def test_unreadable_file_is_one_mistake(content: bytes, mistake: str | None, tmp_path: Path) -> None:
    """Bytes, tabs, tags, cycles, size: each with its line and a remedy; faults of objects without a say are none."""
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    request = Request(workloads=(str(file),))
    if mistake is None:
        assert read(request)
        return
    with pytest.raises(InputError) as caught:
        read(request)

    (found,) = caught.value.mistakes
    assert mistake == f"{found.line}: {found.key}: {found.what}"
    assert found.remedy
    assert str(file) == found.file


def test_bomb_is_refused_before_it_grows(tmp_path: Path) -> None:
    """Aliases count as often as they are used."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]

    (found,) = mistakes(tmp_path, "kind: Bomb\n" + "\n".join(lines) + "\n")
    assert found.endswith("more than 1000000 values, aliases counted as often as used")


def test_bom_and_windows_lines_are_no_matter(tmp_path: Path) -> None:
    """What editors on Windows write is read as it is meant, with the right lines."""
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    found = read(Request(workloads=(str(file),)))

    assert [f"{file}:11"] == [p.at for p in found.state.policies.values()]


def test_templates_are_one_mistake(tmp_path: Path) -> None:
    """A chart's directory is full of them: the first is named, the others are counted, the remedy is one."""
    for name in "abc":
        (tmp_path / f"{name}.yaml").write_text("kind: Deployment\nmetadata:\n  name: {{ .Values.name }}\n")
    with pytest.raises(InputError) as caught:
        read(Request(workloads=(str(tmp_path),)))

    (found,) = caught.value.mistakes
    assert "a template that nobody has rendered: `{{ .Values.name }}` (and 2 more files of that kind)" == found.what
    assert (f"{tmp_path}/a.yaml", 3) == (found.file, found.line)
    assert found.remedy.startswith("render it first: helm template CHART | prober run --policies -")


def test_braces_in_what_has_no_say_are_no_template(tmp_path: Path) -> None:
    """Alerting rules in a ConfigMap are full of {{ }}, and it is valid YAML."""
    rules = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: rules}\ndata: {a: "{{ $labels.pod }} \\e[0m"}\n'

    assert {"ConfigMap": 1} == made(tmp_path, rules, deployment("web")).passed


def test_too_many_files_are_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names his whole disk is told so."""
    monkeypatch.setattr(sources, "MAX_FILES", 2)
    for name in "abc":
        (tmp_path / f"{name}.yaml").write_text(GOOD)
    with pytest.raises(UsageError, match="more than 2 files of YAML; name the directory more narrowly"):
        read(Request(workloads=(str(tmp_path),)))


LINES = GOOD.splitlines()
WORDS = st.sampled_from(
    ["{", "}", "[", "]", ": ", "- ", "&a ", "*a", "!!x ", "\t", "{{", "\x00", "null", "7", "~", '"', "é", "---", "on"]
)


EDIT = st.tuples(
    st.integers(0, len(LINES) - 1), st.integers(0, 40), st.integers(0, 12), st.one_of(WORDS, st.text(max_size=5))
)


def outcome(content: bytes) -> ProberError | None:
    """Return how reading these manifests ends: in an error of ours, or well."""
    try:
        assert read(Request(workloads=("-",), stdin=lambda _: content)).scenario.topology.pods
    except ProberError as error:
        return error
    return None


@given(edits=st.lists(EDIT, max_size=4))
@example(edits=[(0, 0, 0, "<<: [")])
@settings(max_examples=300, deadline=None)
def test_damaged_manifests_are_read_or_refused(edits: list[tuple[int, int, int, str]]) -> None:
    """Whatever a slip of the pen makes of them: they are read, or refused with every mistake placed."""
    lines = list(LINES)
    for number, begin, length, text in edits:
        lines[number] = lines[number][:begin] + text + lines[number][begin + length :]
    match outcome("\n".join(lines).encode("utf-8", "surrogatepass")):
        case InputError(mistakes=found):
            assert all(m.file == "<stdin>" and m.what for m in found)
        case UsageError() as error:
            assert str(error).startswith(("no workload in -", "no NetworkPolicy in -"))
        case error:
            assert error is None
