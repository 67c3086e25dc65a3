"""The scenario that manifests become, as text: what prober proves is there to be read, and judged again, without them.

Policies and expectations stand at the lines where their author wrote them, and nothing else of their files is kept:
no Secret comes into a journal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prober.document import Value
from prober.model import NAME_LABEL, Pod, Port, Service, Topology
from prober.yamltext import Boolean, Odd, Piece

STEP = "all policies"


def scenario_text(summary: str, topology: Topology, cells: Sequence[str], policies: Sequence[str], expect: str) -> str:
    """Return the scenario; `policies` and `expect` are files, the latter "" for none."""
    lines = ["# Made by prober of the manifests that its path names", f"summary: {_json(summary)}", "cells:"]
    lines += [f"  - {_json(cell)}" for cell in cells]
    lines.append("namespaces:")
    for namespace in topology.namespaces:
        labels = {k: v for k, v in namespace.labels.items() if k != NAME_LABEL}
        lines.append(f"  {_json(namespace.name)}: {_json({'labels': labels} if labels else {})}")
    lines.append("pods:")
    lines += [f"  {_json(str(p.ref))}: {_json(_pod(p))}" for p in topology.pods]
    if topology.services:
        lines.append("services:")
        lines += [f"  {_json(f'{s.namespace}/{s.name}')}: {_json(_service(s))}" for s in topology.services]
    if topology.externals:
        lines.append("external:")
        for host in topology.externals:
            address = {"address": [*host.addresses.values()]} if host.addresses else {}
            lines.append(f"  {host.name}: {_json({'ports': [_port(p) for p in host.ports], **address})}")
    lines += ["steps:", f"  - name: {STEP}", f"    apply: {_json([*policies])}"]
    if expect:
        lines.append(f"    expect: {_json(expect)}")
    return "\n".join(lines) + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _pod(pod: Pod) -> dict[str, Any]:
    found: dict[str, Any] = {"labels": dict(pod.labels)} if pod.labels else {}
    if pod.ports:
        found["ports"] = [_port(p) for p in pod.ports]
    return found | ({"node": pod.node} if pod.node else {})


def _port(port: Port) -> dict[str, Any]:
    found = {"port": port.number, "protocol": str(port.protocol)}
    return found | ({"name": port.name} if port.name else {})


def _service(service: Service) -> dict[str, Any]:
    ports = [
        {"port": p.port, "targetPort": p.target, "protocol": str(p.protocol)} | ({"name": p.name} if p.name else {})
        for p in service.ports
    ]
    found: dict[str, Any] = {"selector": dict(service.selector), "ports": ports}
    return found | ({"headless": True} if service.headless else {})


@dataclass(frozen=True, slots=True)
class Line:
    """Text, and the line where it belongs."""

    line: int
    text: str


class Page:
    """A text whose every value stands at the line where it stood in another; where that is past, as near as can be."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._line = 1
        self._begun = False

    def document(self, value: Mapping[str, Any], line: int) -> None:
        """Add a document: pieces of a file, and plain text, in mappings and lists."""
        if self._begun:
            self._add("\n")
        self._at(line)
        self._add("--- " if self._begun else "")
        self._begun = True
        self._write(value)

    def text(self) -> str:
        """Return the whole of it."""
        return "".join(self._parts) + "\n"

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._line += text.count("\n")

    def _at(self, line: int) -> None:
        self._add("\n" * max(0, line - self._line))

    def _write(self, value: Any) -> None:
        match value:
            case Value(line=line, raw=raw):
                self._at(line)
                self._write(raw)
            case Line(line=line, text=written):
                self._at(line)
                self._add(_json(written))
            case Piece(line=line, content=content):
                self._at(line)
                self._write(content)
            case dict():
                self._between("{", ((k, *_placed(v)) for k, v in value.items()), "}")
            case list():
                self._between("[", (("", 0, v) for v in value), "]")
            case Boolean(text=written) | Odd(text=written):
                self._add(written)
            case _:
                self._add(_json(value))

    def _between(self, begin: str, members: Iterable[tuple[str, int, Any]], end: str) -> None:
        self._add(begin)
        for i, (key, line, member) in enumerate(members):
            self._add(", " if i else "")
            self._at(line)
            self._add(f"{_json(key)}: " if key else "")
            self._write(member)
        self._add(end)


def _placed(member: Any) -> tuple[int, Any]:
    """Return a mapping's member with its key's line; 0 where it has none."""
    match member:
        case (int(line), piece):
            return line, piece
        case Value(line=line):
            return line, member
        case _:
            return 0, member


def policy_document(value: Value, namespace: str) -> dict[str, Any]:
    """Return what matters of a policy, with the namespace that it means."""
    entries = value.entries()
    metadata = {"name": entries["metadata"].entries()["name"], "namespace": namespace}
    found: dict[str, Any] = {key: entries[key] for key in ("apiVersion", "kind")}
    return found | {"metadata": metadata} | ({"spec": entries["spec"]} if "spec" in entries else {})
