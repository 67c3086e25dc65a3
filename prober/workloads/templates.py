"""Workloads as prober needs them: from the template of their pods to labels, ports and how many there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from prober.document import Gather, Value, flag, whole
from prober.model import EVERYTHING, Labels, Port, Protocol
from prober.rules import selector
from prober.syntax import DNS_LABEL, PORT_NAME, SUBDOMAIN, labels, port_number, protocol, spelled
from prober.workloads.sorting import Listed

_TEMPLATE = {"Pod": (), "CronJob": ("spec", "jobTemplate", "spec", "template")}
_REMEDY = "it says what its pods are like"
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_ASKING = ("httpGet", "tcpSocket", "grpc")
# Labels that controllers set while they run: whether a selector takes them is not in the manifests
RUNTIME_LABELS = (
    *("pod-template-hash", "controller-revision-hash", "pod-template-generation", "job-name", "controller-uid"),
    *("batch.kubernetes.io/job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-completion-index"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A controller, or a pod without one: what all its pods are like."""

    kind: str
    namespace: str
    name: str
    place: str
    labels: Labels = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    wanted: int = 1  # pods

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def named(value: Value, default_namespace: str) -> tuple[str, str]:
    """Return namespace and name of an object."""
    at = present(value, "metadata", "name it: metadata: {name: NAME}")
    take = Gather()
    entries = given(at)
    name = take(spelled(SUBDOMAIN), entries.get("name"), "")
    namespace = take(spelled(DNS_LABEL), entries.get("namespace"), default_namespace)
    if "name" not in entries:
        generated = "it has generateName, so its name is not known" if "generateName" in entries else "it has no name"
        take.mistakes.append(at.mistake(generated, "give it a name, by which flows can call it"))
    take.done()
    return namespace, name


def given(value: Value) -> dict[str, Value]:
    """Return a mapping's entries; a null is an absent one, as in the API."""
    return {k: v for k, v in value.entries().items() if not v.is_null}


def present(value: Value, key: str, remedy: str) -> Value:
    """Return what stands under a key."""
    entries = given(value)
    if key not in entries:
        raise value.wrong(f"`{key}` is missing", remedy)
    return entries[key]


def read(value: Value, *, kind: str, default_namespace: str, listed: list[Listed]) -> Workload | None:
    """Return the workload of an object; None where it has no pods that could be represented, which is `listed` then."""
    take = Gather()
    namespace, name = take(lambda v: named(v, default_namespace), value, ("", ""))
    template = take(lambda v: _template(v, kind), value, None)
    metadata = take(lambda v: given(v).get("metadata"), template, None)
    pod_labels = take(lambda v: labels(given(v)["labels"]) if "labels" in given(v) else {}, metadata, None)
    spec = take(lambda v: present(v, "spec", _REMEDY), template, None)
    workload = Workload(
        kind=kind,
        namespace=namespace,
        name=name,
        place=value.place,
        labels=pod_labels or {},
        ports=take(lambda v: _ports(v, f"{kind} {namespace}/{name}", listed), spec, ()),
        wanted=take(lambda v: _wanted(v, kind), value if spec else None, 1),
    )
    on_host = take(lambda v: flag(given(v)["hostNetwork"]) if "hostNetwork" in given(v) else False, spec, False)
    if not take.mistakes:
        take(lambda v: _check_selector(v, kind, workload.labels), value, None)
    take.done()
    if on_host:
        why = "hostNetwork: it has its node's address, and the specification leaves open what policies mean to it"
        listed.append(Listed(str(workload), value.place, why))
    elif not workload.wanted:
        listed.append(Listed(str(workload), value.place, "it is scaled to no pod"))
    return None if on_host or not workload.wanted else workload


def _template(value: Value, kind: str) -> Value:
    for key in _TEMPLATE.get(kind, ("spec", "template")):
        value = present(value, key, _REMEDY)
    return value


def _wanted(value: Value, kind: str) -> int:
    """Read how many pods there are."""
    key = {"Job": "parallelism", "CronJob": "", "Pod": "", "DaemonSet": ""}.get(kind, "replicas")
    at = given(present(value, "spec", _REMEDY)).get(key)
    if at is None:
        return 1
    if (number := whole(at)) < 0:
        raise at.wrong(f"{number} pods", "0 or more")
    return number


def _check_selector(value: Value, kind: str, pod_labels: Labels) -> None:
    """Refuse a selector that does not take its own template's labels, as the API server does."""
    at = given(value.entries()["spec"]).get("selector") if kind not in ("Pod", "Job", "CronJob") else None
    if at is None:
        return
    if kind == "ReplicationController":
        fits = labels(at).items() <= pod_labels.items()
    else:
        wanted = selector(at)
        fits = wanted != EVERYTHING and wanted.matches(pod_labels)
    if not fits:
        raise at.wrong("the selector does not take the labels of the template", "make them agree, the API wants it")


def _ports(spec: Value, what: str, listed: list[Listed]) -> tuple[Port, ...]:
    """Read the ports that containers declare, and beside them those that their probes ask."""
    take = Gather()
    found: list[Port] = []
    asked: list[int] = []
    for container in take(lambda v: tuple(_containers(v)), spec, ()):
        entries = take(given, container, {})
        for at in take(lambda v: tuple(v.members()), entries.get("ports"), ()):
            port = take(_port, at, None)
            if port and port.protocol is Protocol.SCTP:
                listed.append(Listed(f"port {port.number}/sctp of {what}", at.place, "nc speaks no SCTP"))
            elif port:
                found.append(port)
        for key in _PROBES:
            asked += take(_asked, entries.get(key), ())
    take.done()
    declared = {(p.number, p.protocol) for p in found}
    found += [Port(number=n) for n in asked if (n, Protocol.TCP) not in declared]
    return distinct(found)


def distinct(ports: list[Port]) -> tuple[Port, ...]:
    """Return ports each once, the first of a name with it: engines take the first too."""
    found: dict[tuple[int, Protocol], Port] = {}
    names: set[tuple[str, Protocol]] = set()
    for port in ports:
        name = "" if (port.name, port.protocol) in names else port.name
        key = (port.number, port.protocol)
        if key not in found or (name and not found[key].name):
            found[key] = Port(number=port.number, protocol=port.protocol, name=name)
            names.add((name, port.protocol))
    return tuple(found.values())


def _containers(spec: Value) -> Iterator[Value]:
    """Yield the containers that run as long as the pod does: sidecars are among the init containers."""
    yield from present(spec, "containers", "a pod has one at least").members()
    init = given(spec).get("initContainers")
    for container in init.members() if init else ():
        restart = given(container).get("restartPolicy")
        if restart and restart.raw.content == "Always":
            yield container


def _port(value: Value) -> Port:
    take = Gather()
    entries = given(value)
    number = take(port_number, take(lambda v: present(v, "containerPort", "number it"), value, None), 1)
    port = Port(
        number=number,
        protocol=take(protocol, entries.get("protocol"), Protocol.TCP),
        name=take(spelled(PORT_NAME), entries.get("name"), ""),
    )
    take.done()
    return port


def _asked(probe: Value) -> tuple[int, ...]:
    """Return the port that a probe asks by number; by name the container declares it."""
    for key in _ASKING:
        at = given(probe).get(key)
        port = given(at).get("port") if at else None
        if port and not port.is_text:
            return (port_number(port),)
    return ()
