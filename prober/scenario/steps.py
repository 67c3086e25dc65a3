"""The steps of a scenario file as they are written; whether they fit the topology is not known here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prober.document import Gather, Located, T, Value, document, documents, each, one_or_many, sentence, some, text
from prober.flows import ANY, FlowPattern, parse_pattern
from prober.manifest import read as read_policies
from prober.model import NAME_LABEL, LabelNamespace, LabelPod, Pod, PodRef, PolicyRef
from prober.scenario.records import Expectation, Said
from prober.scenario.templates import unfilled
from prober.scenario.topology import Known, full_name, known_namespace, read_pod
from prober.syntax import DNS_LABEL, LABEL_VALUE, SUBDOMAIN, check_key, check_label_key, spelled
from prober.yamltext import shortened

Open = Callable[[str], tuple[str, str]]  # a file's name as the scenario writes it -> its path and text; ValueError

# The order in which a step's actions are carried out, however they are written
ORDER = ("remove", "add", "label", "delete", "apply")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A step as it is written; policies are still documents, for their addresses may not be known yet."""

    name: str
    at: Value
    remove: tuple[Located[PodRef], ...]
    add: tuple[Located[Pod], ...]
    label: tuple[Located[LabelPod | LabelNamespace], ...]
    delete: tuple[Located[PolicyRef], ...]  # ANY as name or as namespace: all of them
    manifests: tuple[Value, ...]
    expect: tuple[Expectation, ...]
    because: str
    empty: tuple[Located[PolicyRef], ...]


def read_step(value: Value, known: Known, nodes: int, open_file: Open) -> Draft:
    """Read one step."""
    take = Gather()
    fields = take.fields(value, ("name", *ORDER, "expect", "because", "empty"), ("name",))
    draft = Draft(
        name=take(sentence, fields.get("name"), ""),
        at=value,
        remove=take(one_or_many(_located(lambda v: PodRef(*full_name(text(v), v, None)))), fields.get("remove"), ()),
        add=take(some(each(lambda key, v: Located(read_pod(key, v, known, nodes), v))), fields.get("add"), ()),
        label=take(some(lambda v: _label(v, known)), fields.get("label"), ()),
        delete=take(one_or_many(_located(_policy_name)), fields.get("delete"), ()),
        manifests=take(lambda v: _manifests(v, open_file), fields.get("apply"), ()),
        expect=take(lambda v: _expect(v, open_file), fields.get("expect"), ()),
        because=take(sentence, fields.get("because"), ""),
        empty=take(one_or_many(_located(_policy_name)), fields.get("empty"), ()),
    )
    take.done()
    if not {*ORDER, "expect"} & fields.keys():
        raise value.wrong("the step does nothing and expects nothing", f"give it {', '.join(ORDER)} or expect")
    return draft


def _located(read: Callable[[Value], T]) -> Callable[[Value], Located[T]]:
    return lambda value: Located(read(value), value)


def _label(value: Value, known: Known) -> tuple[Located[LabelPod | LabelNamespace], ...]:
    def pod(key: str, at: Value) -> Located[LabelPod | LabelNamespace]:
        return Located(LabelPod(pod=PodRef(*full_name(key, at, None)), labels=_changes(at)), at)

    def namespace(key: str, at: Value) -> Located[LabelPod | LabelNamespace]:
        known_namespace(key, at, known)
        if NAME_LABEL in at.entries():
            raise at.entries()[NAME_LABEL].wrong("this label is set by the API server", "remove it")
        return Located(LabelNamespace(namespace=key, labels=_changes(at)), at)

    take = Gather()
    fields = take.fields(value, ("namespaces", "pods"))
    found = take(each(namespace), fields.get("namespaces"), ()) + take(each(pod), fields.get("pods"), ())
    take.done()
    return found


def _changes(value: Value) -> Mapping[str, str | None]:
    def change(key: str, at: Value) -> tuple[str, str | None]:
        return check_label_key(key, at), None if at.is_null else spelled(LABEL_VALUE)(at)

    return dict(some(each(change))(value))


def _policy_name(value: Value) -> PolicyRef:
    word = text(value)
    if word == ANY:
        return PolicyRef(ANY, ANY)
    namespace, slash, name = word.partition("/")
    if not slash:
        raise value.wrong(f"`{shortened(word)}` has no namespace", "write NAMESPACE/POLICY, NAMESPACE/any or any")
    return PolicyRef(check_key(DNS_LABEL, namespace, value), check_key(SUBDOMAIN, name, value))


def _manifests(value: Value, open_file: Open) -> tuple[Value, ...]:
    def read(item: Value) -> tuple[Value, ...]:
        if item.is_mapping:
            return (item,)
        return documents(*opened(item, open_file))

    found = tuple(m for manifests in one_or_many(read)(value) for m in manifests)
    read_policies(found, fill=unfilled)  # its mistakes, with all the others; its policies when addresses are known
    return found


def opened(value: Value, open_file: Open) -> tuple[str, str]:
    """Return the text of the file that is named here, and its path."""
    try:
        path, content = open_file(text(value))
    except ValueError as error:
        what, _, remedy = str(error).partition("; ")
        raise value.wrong(what, remedy) from None
    return content, path


def read_pattern(value: Value) -> FlowPattern:
    """Read a flow, or a pattern of flows."""
    try:
        return parse_pattern(text(value))
    except ValueError as error:
        what, _, remedy = str(error).partition("; ")
        raise value.wrong(shortened(what), remedy) from None


def _expect(value: Value, open_file: Open) -> tuple[Expectation, ...]:
    def line(ruling: Said) -> Callable[[Value], Expectation]:
        def read(at: Value) -> Expectation:
            return Expectation(pattern=read_pattern(at), ruling=ruling, file=at.file, line=at.line, key=at.key)

        return read

    if value.is_text:
        value = document(*opened(value, open_file))
    take = Gather()
    fields = take.fields(value, ("allowed", "denied"))
    found = take(one_or_many(line("allowed")), fields.get("allowed"), ())
    found += take(one_or_many(line("denied")), fields.get("denied"), ())
    take.done()
    if not found:
        raise value.wrong("nothing is expected here", "name flows under `allowed` or `denied`, or remove `expect`")
    return found
