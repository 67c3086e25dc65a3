"""The reference of a scenario file's keys, made from its JSON Schema: `python -m prober.scenario.reference`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

Schema = dict[str, Any]

_WORDS = {
    "networkPolicy": "NetworkPolicy",  # the API's own reference says it better
    "networkPolicyList": "List of NetworkPolicies",
    "flow": "flow",
    "file": "file",
    "podName": "namespace/name",
    "policyName": "namespace/policy",
    "labels": "labels",
    "labelChanges": "labels",
    "namespaceLabels": "labels",
    "namespaceLabelChanges": "labels",
    "portNumber": "number",
    "shortPort": "`53/udp`",
}
_HEAD = """\
# Keys of a scenario file

Made from `prober/scenario.schema.json` by `python -m prober.scenario.reference > docs/scenario-keys.md`; what they
mean together is told in [scenario-file.md](scenario-file.md). A key that is not here is an error.
"""


def schema() -> Schema:
    """Return the JSON Schema that ships with the package."""
    found: Schema = json.loads(files("prober").joinpath("scenario.schema.json").read_text(encoding="utf-8"))
    return found


def page(whole: Schema) -> str:
    """Return the reference in Markdown: a table for the file and one for each kind of object in it."""
    tables = _Tables(whole)
    told = ["\n".join(_table("The file", whole, tables))]
    while tables.open:
        name = tables.open.pop(0)
        told.append("\n".join(_table(f"`{name}`", tables.named(name), tables)))
    return _HEAD + "".join(f"\n{text}\n" for text in told)


class _Tables:
    """Which definitions still need a table of their own, in the order in which they are met."""

    def __init__(self, whole: Schema) -> None:
        self._definitions: Schema = whole["$defs"]
        self._met: set[str] = set()
        self.open: list[str] = []

    def named(self, name: str) -> Schema:
        found: Schema = self._definitions[name]
        return found

    def link(self, name: str) -> str:
        """Return what the reader sees for a definition: its form, or a link to its table."""
        one = self.named(name)
        if name in _WORDS:
            return _WORDS[name]
        if "properties" not in one:
            return self.form(one)
        if name not in self._met:
            self._met.add(name)
            self.open.append(name)
        return f"[{name}](#{name.lower()})"

    def form(self, one: Schema) -> str:
        """Return in a few words what a value looks like."""
        if "$ref" in one:
            return self.link(one["$ref"].rpartition("/")[2])
        if "const" in one:
            return f"`{one['const']}`"
        if "enum" in one:
            return " or ".join(f"`{word}`" for word in one["enum"])
        for word in ("oneOf", "anyOf"):
            if word in one:
                return " or ".join(dict.fromkeys(self.form(o) for o in one[word]))
        if "allOf" in one:
            return self.form(one["allOf"][0])
        match one.get("type"):
            case "array":
                item = self.form(one["items"])
                return f"list of ({item})" if " or " in item else f"list of {item}"
            case "object" if "properties" in one:
                return "{" + ", ".join(f"{key}: {self.form(sub)}" for key, sub in one["properties"].items()) + "}"
            case "object":
                rest = one.get("additionalProperties")
                return f"name: {self.form(rest)}, ..." if isinstance(rest, dict) else "map"
            case "integer" if "maximum" in one:
                return f"{one['minimum']} to {one['maximum']}"
            case "null":
                return "nothing"
            case kind:
                return {"string": "text", "boolean": "true or false"}.get(str(kind), str(kind))


def _table(title: str, one: Schema, tables: _Tables) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    if "description" in one:
        yield f"{one['description']}"
        yield ""
    yield "| key | value | meaning |"
    yield "|---|---|---|"
    for key, sub in one["properties"].items():
        needed = " (needed)" if key in one.get("required", ()) else ""
        meaning = _meaning(sub, tables) + "".join(_example(sub, tables))
        yield f"| `{key}`{needed} | {_cell(tables.form(sub))} | {_cell(meaning)} |"


def _meaning(one: Schema, tables: _Tables) -> str:
    if "description" not in one and "$ref" in one:
        return _meaning(tables.named(one["$ref"].rpartition("/")[2]), tables)
    inner = one.get("allOf", [{}])[0]
    return str(one.get("description") or (inner and _meaning(inner, tables)) or "")


def _example(one: Schema, tables: _Tables) -> Iterator[str]:
    if "$ref" in one and "examples" not in one:
        one = tables.named(one["$ref"].rpartition("/")[2])
    if examples := one.get("examples"):
        yield f" For example `{json.dumps(examples[0])}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page(schema()))
