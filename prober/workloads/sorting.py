"""Which objects matter here and which do not: every document of the sources by its kind, lists taken apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prober.document import Gather, Value
from prober.workloads.sources import Document, Role
from prober.yamltext import shortened

POLICY = "NetworkPolicy"
_TAKEN = {
    **{("", kind): Role.WORKLOADS for kind in ("Pod", "ReplicationController")},
    **{("apps", kind): Role.WORKLOADS for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")},
    **{("batch", kind): Role.WORKLOADS for kind in ("Job", "CronJob")},
    **{(group, POLICY): Role.POLICIES for group in ("networking.k8s.io", "extensions")},  # the older one is a mistake
    **{("", kind): None for kind in ("Namespace", "Service")},  # of whatever source
}
_POLICY_GROUPS = (
    *("cilium.io", "projectcalico.org", "antrea.io", "policy.networking.k8s.io", "security.istio.io", "kuma.io"),
    *("policy.linkerd.io", "k8s.ovn.org", "networking.gke.io", "networking.k8s.aws"),
)
_POLICY_WORDS = ("Policy", "Firewall", "EgressGateway")
_NOT_JUDGED = "a policy of another kind is not judged: what it denies or allows is not in this proof"
_OUTSIDE = ("Ingress", "Gateway", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute", "IngressRoute")
_FROM_OUTSIDE = "what comes through it comes from its controller: expect flows of that one's pods, or of ext/NAME"
_MAKES_PODS = ("Rollout", "DeploymentConfig", "Prometheus", "Alertmanager", "Kafka", "VirtualMachine", "VirtualService")
_PODS_UNKNOWN = "the pods that its controller makes of it are not in the manifests"
_GONE = ("extensions/v1beta1", "apps/v1beta1", "apps/v1beta2", "batch/v1beta1", "batch/v2alpha1")


@dataclass(frozen=True, slots=True)
class Listed:
    """Something that is not represented, or not wholly: what, where it stands, and why."""

    what: str
    place: str
    why: str

    def __str__(self) -> str:
        return f"{self.what} ({self.place}): {self.why}"


@dataclass(frozen=True, slots=True)
class Found:
    """An object that matters."""

    kind: str
    value: Value


@dataclass(slots=True)
class Objects:
    """The objects that matter; what is not represented; how many of each kind have no say in network policies."""

    namespaces: list[Value] = field(default_factory=list)
    workloads: list[tuple[str, Value]] = field(default_factory=list)  # each with its kind
    services: list[Value] = field(default_factory=list)
    policies: list[Value] = field(default_factory=list)
    listed: list[Listed] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)


def sort(documents: Sequence[Document], take: Gather, asked: frozenset[Role]) -> Objects:
    """Return the objects of all documents; mistakes go to `take`. `asked` are the roles that any source was given."""
    objects = Objects()
    for document in documents:
        found = [take(_found, value, None) for value in take(lambda v: tuple(_flattened(v)), document.value, ())]
        mattering = [one for one in found if one is not None and _group(one) in _TAKEN]
        objects.passed["no Kubernetes object"] += found.count(None)
        if mattering and document.faults:
            take.mistakes += document.faults
            continue
        for one in found:
            if one is not None:
                _put(one, objects, asked - document.roles if len(asked) > 1 else frozenset())
    return objects


def _flattened(value: Value) -> Iterator[Value]:
    """Yield an object, or the members of a list of objects, however deep."""
    entries = value.entries() if value.is_mapping else {}
    kind, items = entries.get("kind"), entries.get("items")
    if kind is None or items is None or not str(kind.raw.content).endswith("List"):
        yield value
        return
    for item in () if items.is_null else items.members():
        yield from _flattened(item)


def _found(value: Value) -> Found | None:
    """Return an object; None for what is none: `values.yaml` and its like."""
    entries = value.entries() if value.is_mapping else {}
    if "kind" not in entries or not entries.keys() & {"apiVersion", "metadata", "spec"}:
        return None
    if "apiVersion" not in entries:
        raise value.wrong("`apiVersion` is missing", "add it, or keep files of other programs out of the directory")
    return Found(_word(entries, "kind"), value)


def _word(entries: Mapping[str, Value], key: str) -> str:
    if key not in entries or not entries[key].is_text:
        at = entries[key]
        raise at.wrong(f"{at.kind()}, where text is expected", "write it as the API has it")
    return str(entries[key].raw.content)


def _group(one: Found) -> tuple[str, str]:
    return _word(one.value.entries(), "apiVersion").rpartition("/")[0], one.kind


def _put(one: Found, objects: Objects, absent: frozenset[Role]) -> None:
    """Put an object where it belongs; `absent` are the roles that other sources have and its own lacks."""
    entries = one.value.entries()
    version = _word(entries, "apiVersion")
    group, kind = _group(one)
    role = _TAKEN.get((group, kind))
    why = _why_not(version, group, kind)
    if _is_hook(entries):
        objects.passed["Helm hook"] += 1
    elif (group, kind) not in _TAKEN and not why:
        objects.passed[shortened(kind, 40)] += 1
    elif why or role in absent:
        why = why or f"left out, for it is not under {role}"
        objects.listed.append(Listed(f"{shortened(kind, 60)} {called(one.value)}", one.value.place, why))
    elif role is Role.POLICIES:
        objects.policies.append(one.value)
    elif role is Role.WORKLOADS:
        objects.workloads.append((kind, one.value))
    else:
        (objects.namespaces if kind == "Namespace" else objects.services).append(one.value)


def _why_not(version: str, group: str, kind: str) -> str:
    """Say why an object is not represented; "" if it is, or if it has no say."""
    if version in _GONE and kind != POLICY:
        return f"{shortened(version)} is gone from the API"
    if group.endswith(_POLICY_GROUPS) and any(word in kind for word in _POLICY_WORDS):
        return _NOT_JUDGED
    if kind in _OUTSIDE:
        return _FROM_OUTSIDE
    if kind in ("Kustomization", "Component") and group.startswith("kustomize"):
        return "it is not built: kustomize build DIRECTORY | prober run --policies - --workloads -"
    if kind in _MAKES_PODS or (group, kind) == ("serving.knative.dev", "Service"):
        return _PODS_UNKNOWN
    return ""


def _is_hook(entries: Mapping[str, Value]) -> bool:
    metadata = entries.get("metadata")
    annotations = metadata.entries().get("annotations") if metadata and metadata.is_mapping else None
    return bool(annotations and annotations.is_mapping and "helm.sh/hook" in annotations.entries())


def called(value: Value) -> str:
    """Return what an object is called, for a list; nothing is a mistake here."""
    metadata = value.entries().get("metadata")
    entries = metadata.entries() if metadata and metadata.is_mapping else {}
    said = [entries[key].raw.content for key in ("namespace", "name") if key in entries]
    return "/".join(shortened(str(s), 120) for s in said if isinstance(s, str)) or "(no name)"
