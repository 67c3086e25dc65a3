"""The objects of somebody's manifests as records: each name once, each namespace that is meant, and what falls out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from prober import manifest
from prober.document import Gather, Located, Value
from prober.flows import RESERVED_NAMESPACES
from prober.model import NAME_LABEL, Labels, NetworkPolicy
from prober.syntax import DNS_LABEL, labels, spelled
from prober.workloads import services, templates
from prober.workloads.services import Placed
from prober.workloads.sorting import Listed, Objects, called
from prober.workloads.templates import Workload, given, present

_CLUSTERS_OWN = ("kube-system", "kube-public", "kube-node-lease")


@dataclass(slots=True)
class Parts:
    """What is represented; the rest is among the objects' `listed`."""

    namespaces: dict[str, Labels] = field(default_factory=dict)
    workloads: list[Workload] = field(default_factory=list)
    services: list[Placed] = field(default_factory=list)
    policies: list[Located[NetworkPolicy]] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)  # namespaces with pods that are not represented


def read(objects: Objects, take: Gather, default_namespace: str, *, lab: bool) -> Parts:
    """Return what the objects say; their mistakes go to `take`. Without a lab the cluster's own namespaces stay out."""
    parts = Parts()
    declared: dict[str, Labels] = {}
    first: dict[tuple[str, str, str], str] = {}

    def once(kind: str, namespace: str, name: str, at: Value) -> None:
        if (other := first.setdefault((kind, namespace, name), at.place)) != at.place:
            what = f"{kind} {namespace}{'/' if namespace else ''}{name} stands in {other} too"
            take.mistakes.append(at.mistake(what, "keep one of them"))

    def kept(kind: str, namespace: str, name: str, at: Value) -> bool:
        """Say whether an object's namespace can be had; it is listed if not."""
        once(kind, namespace, name, at)
        why = _out_of_reach(namespace, lab=lab)
        if why:
            objects.listed.append(Listed(f"{kind} {namespace}/{name}", at.place, why))
        return not why

    for value in objects.namespaces:
        name, found = take(_namespace, value, ("", {}))
        once("Namespace", "", name, value)
        declared[name] = found
    for kind, value in objects.workloads:
        read_one = partial(templates.read, kind=kind, default_namespace=default_namespace, listed=objects.listed)
        workload = take(read_one, value, None)
        if workload is None:
            parts.hidden.add(called(value).rpartition("/")[0] or default_namespace)
        elif kept(workload.kind, workload.namespace, workload.name, value):
            parts.workloads.append(workload)
    for value in objects.services:
        service = take(lambda v: services.read(v, default_namespace, objects.listed), value, None)
        if service and kept("Service", service.it.namespace, service.it.name, value):
            parts.services.append(service)
    for value in objects.policies:
        for policy in take(lambda v: manifest.read((v,), default_namespace=default_namespace), value, ()):
            if kept("NetworkPolicy", policy.it.namespace, policy.it.name, value):
                parts.policies.append(policy)
    parts.namespaces = {name: declared.get(name, {}) for name in dict.fromkeys((*declared, *_implied(parts)))}
    parts.namespaces = {n: found for n, found in parts.namespaces.items() if not _out_of_reach(n, lab=lab)}
    return parts


def _implied(parts: Parts) -> Iterator[str]:
    """Yield the namespaces that objects are in, whether or not somebody declares them."""
    yield from (w.namespace for w in parts.workloads)
    yield from (s.it.namespace for s in parts.services)
    yield from (p.it.namespace for p in parts.policies)


def _out_of_reach(namespace: str, *, lab: bool) -> str:
    """Say why nothing in a namespace is represented; "" if it is."""
    if namespace in RESERVED_NAMESPACES:
        return f"flows cannot name its namespace: `{namespace}/` begins other ends of theirs"
    if not lab and namespace in _CLUSTERS_OWN:
        return f"{namespace} is the cluster's own, where prober makes nothing"
    return ""


def _namespace(value: Value) -> tuple[str, Labels]:
    at = present(value, "metadata", "name it: metadata: {name: NAME}")
    entries = given(at)
    take = Gather()
    name = take(spelled(DNS_LABEL), present(at, "name", "give it a name"), "")
    found = dict(take(labels, entries.get("labels"), {}))
    take.done()
    if found.pop(NAME_LABEL, name) != name:
        raise entries["labels"].entries()[NAME_LABEL].wrong("the API server sets this label", f"it will be {name}")
    return name, found
