"""YAML with positions: what is read, what is refused, and where."""

from __future__ import annotations

import pytest
import yaml

from prober.document import Value, any_text, document, documents, each, flag, many, one_or_many, text, whole
from prober.errors import InputError
from prober.yamltext import MAX_BYTES, MAX_DEPTH, decoded, shortened

HOSTILE = {
    "empty": "",
    "nul": "a: \x00",
    "escaped-nul": 'a: "\\0"',
    "right-to-left": 'a: "\\u202E"',
    "deep-flow-lists": "[" * 50_000,
    "deep-block-lists": "- " * 5_000,
    "deep-mappings": "{a: " * 5_000,
    "alias-of-itself": "a: &a [*a]",
    "alias-of-its-parent": "&a {b: {c: *a}}",
    "merge-of-itself": "&a {<<: *a}",
    "unknown-alias": "a: *b",
    "tag": "a: !!python/object/apply:os.system [reboot]",
    "tag-on-mapping": "a: !!set {b}",
    "complex-key": "? {a: b}\n: c",
    "list-as-key": "? [a]\n: c",
    "unclosed": "a: [",
    "directive": "%YAML 9.9\n---\na: b",
    "binary": "\x7fELF\x01\x02",
    "merged-list": "a:\n  <<: [1]",
    "laughs": "a: &a [1,1,1,1,1,1,1,1]\n"
    + "".join(f"{k}: &{k} [{','.join([f'*{j}'] * 8)}]\n" for j, k in zip("abcdefgh", "bcdefghi", strict=True)),
}


def mistakes(content: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        documents(content, "f.yaml")
    return [str(m) for m in caught.value.mistakes]


def value(content: str) -> Value:
    return document(f"x: {content}", "f.yaml").entries()["x"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_a_mistake(name: str) -> None:
    """Whatever a text holds, it ends in mistakes of one short line, never in a traceback or a long wait."""
    assert [] == [m for m in mistakes(HOSTILE[name]) if not m.startswith("f.yaml") or "\n" in m or len(m) > 300]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_without_the_c_parser(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser in pure Python refuses the same texts, where PyYAML was built without libyaml."""
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)

    assert mistakes(HOSTILE[name])


def test_all_mistakes_of_a_text_are_shown() -> None:
    """Reading goes on behind a mistake."""
    expected = [
        "f.yaml:2: a: the key stands in line 1 too; keep one of them",
        "f.yaml:3: b[0].c: the key stands in line 3 too; keep one of them",
        'f.yaml:4: the key on is a boolean to YAML; quote it: "on"',
    ]

    assert expected == mistakes("a: 1\na: 2\nb: [{c: 1, c: 2}]\non: 1")


def test_values_know_line_and_key() -> None:
    """A value carries the line of its key, or its own in a list."""
    pods = document("a: 1\npods:\n  x/y:\n    ports:\n      - 80\n      - 81\n", "f.yaml").entries()["pods"].entries()
    port = list(pods["x/y"].entries()["ports"].members())[1]

    assert ("f.yaml", 6, "pods.x/y.ports[1]") == (port.file, port.line, port.key)
    assert (3, "pods.x/y") == (pods["x/y"].line, pods["x/y"].key)


def test_alias_is_placed_where_it_is_used() -> None:
    """An aliased value has the key of each of its uses."""
    entries = document("a: &x {c: [1]}\nb: *x", "f.yaml").entries()

    assert ["a.c[0]", "b.c[0]"] == [next(iter(e.entries()["c"].members())).key for e in entries.values()]


def test_merge_keeps_the_nearer_value() -> None:
    """`<<` adds the keys that are not written; the first of several sources wins."""
    merged = document("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}", "f").entries()["c"].entries()

    assert {"x": 3, "y": 1, "z": 2} == {k: whole(v) for k, v in merged.items()}


@pytest.mark.parametrize(
    ("written", "expected"),
    [("app", "app"), ('"yes"', "yes"), ("y", "y"), ("2001-01-01", "2001-01-01"), ("!!str 1", "1"), ("'1'", "1")],
)
def test_text_is_read(written: str, expected: str) -> None:
    """Plain text, quoted text and dates are text."""
    assert expected == text(value(written))


@pytest.mark.parametrize(
    "written", ["yes", "No", "ON", "off", "true", "1", "1.5", "0x1f", "1_000", "12:30", "1e3", ".5", ".inf"]
)
def test_what_yaml_takes_for_something_else_is_to_be_quoted(written: str) -> None:
    """YAML 1.1's booleans and numbers are no text: the remedy is to quote them."""
    with pytest.raises(InputError, match=f'quote it: "{written}"'):
        text(value(written))


@pytest.mark.parametrize("written", ["", "~", "null", "[]", "{}", '""'])
def test_nothing_is_no_text(written: str) -> None:
    """An empty value, a list or a mapping is no text."""
    with pytest.raises(InputError):
        text(value(written))


def test_empty_text_where_it_may_be() -> None:
    """A label's value may be empty."""
    assert any_text(value('""')) == ""


@pytest.mark.parametrize(("written", "expected"), [("0", 0), ("80", 80), ("-1", -1), ("+7", 7)])
def test_whole_number_is_read(written: str, expected: int) -> None:
    """Decimal digits are a number."""
    assert expected == whole(value(written))


@pytest.mark.parametrize("written", ["080", "0x50", "8_0", "80.0", '"80"', "yes", "1:20", "", "9" * 5000])
def test_other_numbers_are_refused(written: str) -> None:
    """Octal, hexadecimal and the like would be read as something else than they look."""
    with pytest.raises(InputError, match="decimal digits"):
        whole(value(written))


@pytest.mark.parametrize("written", ["yes", "True", "1", '"true"', ""])
def test_only_true_and_false_are_flags(written: str) -> None:
    """A flag is written in one way."""
    assert [True, False] == [flag(value("true")), flag(value("false"))]
    with pytest.raises(InputError, match="write true or false"):
        flag(value(written))


def test_readers_collect_the_mistakes_of_all_members() -> None:
    """One bad member hides no other."""
    with pytest.raises(InputError) as in_list:
        many(whole)(value("[a, 1, b]"))
    with pytest.raises(InputError) as in_mapping:
        each(lambda _, v: whole(v))(value("{k: a, l: b}"))

    assert ["x[0]", "x[2]", "x.k", "x.l"] == [m.key for e in (in_list, in_mapping) for m in e.value.mistakes]


def test_one_or_many() -> None:
    """One member needs no brackets, and none is not one."""
    assert ((1,), (1, 2)) == (one_or_many(whole)(value("1")), one_or_many(whole)(value("[1, 2]")))
    with pytest.raises(InputError, match="nothing stands in it"):
        one_or_many(whole)(value("[]"))


def test_empty_documents_are_left_out() -> None:
    """`---` with nothing behind it is no document."""
    assert 1 == len(documents("---\n---\na: 1\n---\n# nothing\n", "f.yaml"))


def test_anchors_end_with_their_document() -> None:
    """An alias reaches no other document."""
    assert ["f.yaml:3: b: *x is a YAML alias of nothing; for every pod write `any`"] == mistakes("a: &x 1\n---\nb: *x")


def test_bytes_are_utf8_and_bounded() -> None:
    """A byte order mark is dropped; other encodings and large files are mistakes."""
    assert decoded("\ufeffé".encode(), "f.yaml") == "é"
    with pytest.raises(InputError, match=r"f\.yaml:2: byte 0xff is not UTF-8"):
        decoded(b"a\n\xff", "f.yaml")
    with pytest.raises(InputError, match="larger than 1024 KiB"):
        decoded(b"a" * (MAX_BYTES + 1), "f.yaml")


def test_depth_that_is_read() -> None:
    """What is nested as deep as allowed is read, and not a level more."""
    deep = MAX_DEPTH + 1  # the document itself is level 0

    assert documents("[" * deep + "]" * deep, "f.yaml")
    with pytest.raises(InputError, match="levels deep; write it flatter"):
        documents("[" * deep + "a" + "]" * deep, "f.yaml")


def test_long_text_is_shortened_for_messages() -> None:
    """A message quotes the beginning of what is too long, and nothing that steers a terminal."""
    assert "a" * 60 + "... (200000 characters)" == shortened("a" * 200_000)
    assert "a\N{REPLACEMENT CHARACTER}b c" == shortened("a\x1bb\nc")
