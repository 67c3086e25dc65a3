"""Services as prober needs them: selector, ports, with an address of their own or without; the rest is listed."""

from __future__ import annotations

from dataclasses import dataclass

from prober.document import Gather, Value, any_text, many, text
from prober.model import Protocol, Service, ServicePort
from prober.syntax import DNS_LABEL, labels, port_number, port_number_or_name, protocol, spelled
from prober.workloads.sorting import Listed
from prober.workloads.templates import given, named, present

_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")


@dataclass(frozen=True, slots=True)
class Placed:
    """A Service and where it stands."""

    it: Service
    place: str


def read(value: Value, default_namespace: str, listed: list[Listed]) -> Placed | None:
    """Return the Service of an object; None where it leads to no pods of the manifests, which is `listed` then."""
    take = Gather()
    namespace, name = take(lambda v: named(v, default_namespace), value, ("", ""))
    spec = given(present(value, "spec", "it says what the Service leads to"))
    kind = take(text, spec.get("type"), "ClusterIP")
    if kind not in _TYPES:
        take.mistakes.append(spec["type"].mistake(f"`{kind}` is no type of Service", f"one of {', '.join(_TYPES)}"))
    selector = take(labels, spec.get("selector"), {})
    ports = take(many(_port), spec.get("ports"), ())
    headless = take(any_text, spec.get("clusterIP"), "") == "None"
    take.done()
    what = f"Service {namespace}/{name}"

    def unrepresented(why: str) -> None:
        listed.append(Listed(what, value.place, why))

    sctp = (p for p in ports if p.protocol is Protocol.SCTP)
    listed += (Listed(f"port {p.port}/sctp of {what}", value.place, "nc speaks no SCTP") for p in sctp)
    ports = tuple(p for p in ports if p.protocol is not Protocol.SCTP)
    if kind == "ExternalName":
        unrepresented("ExternalName: its name leads out of the cluster; expect flows to ext/NAME")
    elif not selector:
        unrepresented("it selects no pods: its endpoints are not in the manifests")
    elif not ports:
        unrepresented("it has no port")
    else:
        if kind in ("NodePort", "LoadBalancer"):
            unrepresented(f"{kind}: its address in the cluster is represented, the way in from outside is not")
        service = Service(namespace=namespace, name=name, selector=selector, ports=ports, headless=headless)
        return Placed(service, value.place)
    return None


def _port(value: Value) -> ServicePort:
    take = Gather()
    entries = given(value)
    number = take(port_number, take(lambda v: present(v, "port", "number it"), value, None), 1)
    port = ServicePort(
        port=number,
        target=take(port_number_or_name, entries.get("targetPort"), number),
        protocol=take(protocol, entries.get("protocol"), Protocol.TCP),
        name=take(spelled(DNS_LABEL), entries.get("name"), ""),
    )
    take.done()
    return port
