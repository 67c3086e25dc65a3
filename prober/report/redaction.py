"""A run with pseudonyms for addresses, names, users and machines, the same in all formats (pure).

What is secret is collected from the fields that hold it, and then replaced in every text, free ones too. When in doubt
it replaces: a word too many is a nuisance, one too few a leak.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from posixpath import dirname
from typing import Any
from urllib.parse import urlsplit

from prober.errors import InputError
from prober.model import ApplyPolicy, ExternalRef, Flow, HostName, Lookup, PodRef, ServiceRef
from prober.report import json as json_report
from prober.result import RunResult
from prober.scenario import loads

# what says nothing about anybody: every cluster has them, or prober makes them
_PUBLIC = frozenset(
    (
        *("default", "kube-system", "kube-public", "kube-node-lease", "kubernetes", "kube-dns", "coredns"),
        *("canary", "prober-witness", "lab", "in-cluster", "svc", "cluster", "local", "oracle", "author"),
        *("registry.k8s.io", "docker.io", "quay.io", "ghcr.io", "gcr.io", "public.ecr.aws", "mcr.microsoft.com"),
    )
)
_AS_IT_IS = frozenset(  # keys whose values are words of prober's own
    (
        *("schema", "kind", "by", "status", "expected", "observed", "outcome", "verdict", "protocol", "family"),
        *("state", "sha256", "version", "started", "ended", "expires", "policyTypes", "apiVersion", "operator"),
    )
)
_LABELLED = ("labels", "matchLabels", "annotations")
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_MAC = r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:])"
_ADDRESS = (
    r"(?<![0-9A-Za-z.:])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)(?![0-9A-Za-z])"
)
_PATTERNS = re.compile(f"(?P<uid>{_UUID})|(?P<mac>{_MAC})|(?P<address>{_ADDRESS})")
_CLUSTER = re.compile(r"kube: (?P<context>.*), (?P<server>https?://[^,]*), Kubernetes [^,]*")
_LONG = 3  # names of fewer letters are words of any text: replaced only where they stand as a name


@dataclass(slots=True)
class _Names:
    """Pseudonyms in the order of asking: one word has one, whatever it names."""

    known: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, *words: str) -> None:
        for word in words:
            if word and word not in _PUBLIC:
                self.of(kind, word)

    def of(self, kind: str, word: str) -> str:
        if word not in self.known:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.known[word] = f"{kind}-{self.counts[kind]}"
        return self.known[word]


def redacted(result: RunResult, events: Sequence[Mapping[str, Any]] = ()) -> RunResult:
    """Return the run with pseudonyms; what is hashed in it keeps the hash of what it was.

    `events` are its journal's, which know names that nothing was asked of.
    """
    return _Redaction(result, events).result()


class _Redaction:
    """One run's."""

    def __init__(self, result: RunResult, events: Sequence[Mapping[str, Any]]) -> None:
        self._result = result
        self._names = _Names()
        for kind, word in (*_secrets(result), *_of_journal(events)):
            self._names.add(kind, word)
        self._compile()

    def result(self) -> RunResult:
        plain = json.loads(json_report.render(self._result))
        found, _ = json_report.read(json.dumps(self._walk(plain)))
        scenarios = tuple(
            replace(
                told,
                steps=tuple(
                    replace(step, cells=tuple(replace(c, flow=self._flow(c.flow)) for c in step.cells))
                    for step in told.steps
                ),
            )
            for told in found.scenarios
        )
        return replace(found, scenarios=scenarios)

    def _compile(self) -> None:
        """Make the pattern of all names: the longest first, and no part of a longer word."""
        long = sorted((n for n in self._names.known if len(n) >= _LONG), key=len, reverse=True)
        short = sorted((n for n in self._names.known if len(n) < _LONG), key=len, reverse=True)
        parts = [rf"(?<![0-9A-Za-z])(?:{'|'.join(map(re.escape, long))})(?![0-9A-Za-z])"] if long else []
        if short:
            either = "|".join(map(re.escape, short))
            parts.append(rf"(?<=[/.])(?:{either})(?![0-9A-Za-z])|(?<![0-9A-Za-z])(?:{either})(?=[/.][a-z0-9])")
        self._pattern = re.compile("|".join(parts)) if parts else None

    def _walk(self, value: Any, key: str = "") -> Any:
        match value:
            case dict() if key == "flow":
                return value  # rebuilt from its parts, for its words are a language
            case dict():
                own = key in _LABELLED  # the keys are somebody's words too
                return {self._text(k) if own else k: self._walk(v, k) for k, v in value.items()}
            case list():
                return [self._walk(v, key) for v in value]
            case str() if key not in _AS_IT_IS:
                return self._text(value)
            case _:
                return value

    def _text(self, text: str) -> str:
        if text in self._names.known:
            return self._names.known[text]
        text = _PATTERNS.sub(self._matched, text)
        return self._pattern.sub(lambda m: self._names.known[m[0]], text) if self._pattern else text

    def _matched(self, found: re.Match[str]) -> str:
        kind = found.lastgroup or ""
        word = found[0]
        if kind != "address":
            return self._names.of(kind, word)
        trailing = word[len(word.rstrip(".:")) :] if not word.endswith("::") else ""
        word = word.removesuffix(trailing) if trailing else word
        try:
            address = ip_address(word)
        except ValueError:
            return found[0]
        if address.is_unspecified or address.is_loopback:
            return found[0]
        return self._names.of(kind, str(address)) + trailing

    def _flow(self, flow: Flow) -> Flow:
        source, target = flow.source, flow.target
        match source:
            case PodRef(namespace, name):
                source = PodRef(self._name(namespace), self._name(name))
            case ExternalRef(name):
                source = ExternalRef(self._name(name))
        match target:
            case PodRef(namespace, name):
                target = PodRef(self._name(namespace), self._name(name))
            case ServiceRef(namespace, name):
                target = ServiceRef(self._name(namespace), self._name(name))
            case ExternalRef(name):
                target = ExternalRef(self._name(name))
            case HostName(name):
                target = HostName(self._host(name))
            case Lookup(name):
                target = Lookup(self._host(name))
        return replace(flow, source=source, target=target)

    def _name(self, word: str) -> str:
        return self._names.known.get(word, word)

    def _host(self, name: str) -> str:
        return self._names.known.get(name) or ".".join(map(self._name, name.split(".")))


def _secrets(result: RunResult) -> Iterator[tuple[str, str]]:
    """Yield what must not be told, with the kind of each."""
    found = result.evidence
    told = _CLUSTER.fullmatch(result.cluster)
    for context, server in (
        (found.cluster.context, found.cluster.server),
        (told["context"], told["server"]) if told else ("", ""),
    ):
        yield "cluster", context
        yield "server", _server(server)
    yield "user", found.by.user
    yield "machine", found.by.host
    for group in found.by.groups:
        yield "group", "" if group.startswith("system:") else group
    for node in found.nodes:
        yield "node", node.name
    for namespace in found.namespaces:
        yield "namespace", namespace.name
    yield from _of_flows(result)
    for stored in found.policies:
        yield from _of_policy(stored.policy, stored.stored)
    for engine in found.engines:
        for image in engine.images:
            yield "registry", _registry(image.image)
            yield "registry", _registry(image.digest)
    for one in found.images:
        yield "registry", _registry(one.digest)
    for waiver in result.waivers:
        yield "owner", waiver.owner
        yield "directory", _directory(waiver.file)
    for scenario in result.scenarios:
        yield "directory", _directory(scenario.path)
    for word in found.by.command.split():
        yield "directory", _directory(word.strip("'\"").rpartition("=")[2])


def _of_flows(result: RunResult) -> Iterator[tuple[str, str]]:
    flows = dict.fromkeys(c.flow for s in result.scenarios for c in s.cells)
    for flow in flows:
        for end in (flow.source, flow.target):
            match end:
                case PodRef(namespace, name):
                    yield from (("namespace", namespace), ("pod", name))
                case ServiceRef(namespace, name):
                    yield from (("namespace", namespace), ("service", name))
                case ExternalRef(name):
                    yield "host", name
    for flow in flows:  # after what it is made of
        if isinstance(flow.target, HostName | Lookup):
            for word in flow.target.name.split("."):
                yield "name", word


def _of_journal(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the names and labels of every scenario that was to be run, be it skipped."""
    for started in (e for e in events if e.get("event") == "RunStarted"):
        for path in started["scenarios"]:
            try:
                scenario = loads(started["texts"], path)
            except (InputError, LookupError):
                continue  # the verdict says so
            topology = scenario.topology
            for namespace in topology.namespaces:
                yield "namespace", namespace.name
                yield from (("label", word) for word in namespace.labels.values())
            for pod in topology.pods:
                yield "pod", pod.name
                yield from (("label", word) for word in pod.labels.values())
            for service in topology.services:
                yield "service", service.name
            for external in topology.externals:
                yield "host", external.name
            for action in (a for s in scenario.steps for a in s.actions):
                if isinstance(action, ApplyPolicy):
                    yield "policy", action.policy.name


def _of_policy(name: str, stored: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a policy's names, and all labels that it has or selects."""
    namespace, _, short = name.partition("/")
    yield from (("namespace", namespace), ("policy", short))
    metadata = stored.get("metadata")
    if isinstance(metadata, dict):
        yield from (("namespace", str(metadata.get("namespace", ""))), ("policy", str(metadata.get("name", ""))))
    yield from (("label", word) for word in _labels(stored))


def _labels(value: object, key: str = "") -> Iterator[str]:
    match value:
        case dict() if key in _LABELLED:
            for name, word in value.items():
                yield from (_domain(name), str(word))
        case dict():
            for name, inner in value.items():
                yield from _labels(inner, str(name))
        case list() if key == "values":
            yield from map(str, value)
        case list():
            for inner in value:
                yield from _labels(inner, key)
        case str() if key == "key":
            yield _domain(value)


def _domain(key: str) -> str:
    """Return what begins a label's key with a domain of somebody's own."""
    domain, slash, _ = key.partition("/")
    return domain if slash and not domain.endswith(("kubernetes.io", "k8s.io")) and domain != "prober" else ""


def _server(url: str) -> str:
    """Return the host name of a URL; nothing for an address, which is found by itself."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return "" if _PATTERNS.fullmatch(host) else host


def _registry(image: str) -> str:
    first, slash, _ = image.partition("/")
    return first.partition(":")[0] if slash and ("." in first or ":" in first) else ""


def _directory(path: str) -> str:
    """Return the directory of a file whose path tells of a machine: an absolute one."""
    return dirname(path) if path.startswith(("/", "~/")) and dirname(path) not in ("/", "~") else ""
