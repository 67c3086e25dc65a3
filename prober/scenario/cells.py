"""Which flows a scenario asks about in a state, and what its author expects of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prober.document import Located, nearest
from prober.errors import Mistake
from prober.flows import AnyPod, FlowPattern, service_ports
from prober.model import (
    ClusterState,
    ExternalRef,
    Family,
    Flow,
    HostName,
    NodeRef,
    PodRef,
    Port,
    ServiceRef,
)
from prober.scenario.records import Expectation, Scenario, Step


def matrix(scenario: Scenario, state: ClusterState) -> tuple[Flow, ...]:
    """Return the cells of a state: those that the scenario asks, and what any step's expectations name beside."""
    families = scenario.families_in(state)
    cells = dict.fromkeys(flow for pattern in scenario.cells for flow in pattern.expand(state, families))
    for step in scenario.steps:
        for expectation in step.expect:
            cells.update(dict.fromkeys(expectation.pattern.expand(state, families)))
    return tuple(cells)


def expected(step: Step, state: ClusterState, families: tuple[Family, ...]) -> dict[Flow, Expectation]:
    """Return what the author expects in the state after a step: lines with both ends named beat those with `any`."""
    return _settled(step, state, families)[0]


def conflicts(step: Step, state: ClusterState, families: tuple[Family, ...]) -> tuple[Mistake, ...]:
    """Return the expectations of a step that match no cell or that contradict each other in the state after it."""
    return _settled(step, state, families)[1]


def unmet(
    asked: Iterable[Located[FlowPattern]], states: Sequence[ClusterState], families: tuple[Family, ...]
) -> tuple[Mistake, ...]:
    """Return the cells asked for that are there in no state."""
    return tuple(
        found.at.mistake(*_missing(found.it, states[-1]))
        for found in asked
        if not any(found.it.expand(state, families) for state in states)
    )


def _settled(
    step: Step, state: ClusterState, families: tuple[Family, ...]
) -> tuple[dict[Flow, Expectation], tuple[Mistake, ...]]:
    ranks: tuple[dict[Flow, Expectation], ...] = ({}, {})
    mistakes: list[Mistake] = []
    for expectation in step.expect:
        flows = expectation.pattern.expand(state, families)
        if not flows:
            mistakes.append(_mistake(expectation, *_missing(expectation.pattern, state)))
        rank = ranks[expectation.named]
        for flow in flows:
            other = rank.setdefault(flow, expectation)
            if other.ruling != expectation.ruling:
                what = f"`{flow}` is {expectation.ruling} here and {other.ruling} by line {other.line}"
                remedy = "only a line with both ends named beats one with `any`"
                mistakes.append(_mistake(expectation, what, remedy))
                break
    return ranks[False] | ranks[True], tuple(mistakes)


def _mistake(expectation: Expectation, what: str, remedy: str) -> Mistake:
    return Mistake(file=expectation.file, line=expectation.line, key=expectation.key, what=what, remedy=remedy)


def _missing(pattern: FlowPattern, state: ClusterState) -> tuple[str, str]:
    """Say why a pattern matches no cell, and what would."""
    return (
        _missing_end(pattern.source, state)
        or _missing_end(pattern.target, state)
        or _missing_port(pattern, state)
        or (f"`{pattern}` matches no cell", "`any` is never a pod to itself, and only declared ports are probed")
    )


def _missing_end(end: object, state: ClusterState) -> tuple[str, str] | None:
    pods = [str(p.ref) for p in state.probe_pods()]
    match end:
        case PodRef() as ref if str(ref) not in pods:
            return f"there is no pod {ref} then", nearest(str(ref), pods, "the pods are")
        case AnyPod(namespace=name) as any_pod if not any(any_pod.takes(p) for p in state.probe_pods()):
            namespaces = dict.fromkeys(p.namespace for p in state.probe_pods())
            return f"there is no pod{f' in {name}' if name else ''} then", nearest(name, namespaces, "pods are in")
        case NodeRef() as ref if ref not in state.nodes:
            return f"there is no {ref}", nearest(str(ref), map(str, state.nodes), "the nodes are")
        case ExternalRef() as ref if ref not in state.externals:
            return f"there is no external host {ref.name}", "declare it under `external`"
        case ServiceRef() as ref if ref in (state.resolver, state.api_server):
            return f"{ref} is the cluster's own", "write dns/NAME or apiserver"
        case ServiceRef() as ref if ref not in state.services:
            ours = [str(r) for r in state.services if r not in (state.resolver, state.api_server)]
            return f"there is no Service {ref}", nearest(str(ref), ours, "the Services are")
        case ServiceRef() as ref if state.services[ref].headless:
            return f"{ref} is headless and has no address", f"write name/{ref.name}.{ref.namespace}"
        case _:
            return None


def _missing_port(pattern: FlowPattern, state: ClusterState) -> tuple[str, str] | None:
    ports: tuple[Port, ...] = ()
    match pattern.target:
        case PodRef() as ref:
            ports = state.pods[ref].ports
        case ServiceRef() as ref:
            ports = service_ports(state, ref)
        case ExternalRef() as ref:
            ports = state.externals[ref].ports
        case NodeRef() as ref:
            ports = state.nodes[ref].ports if ref in state.nodes else ()
        case HostName(name=name):
            source = pattern.source if isinstance(pattern.source, PodRef) else PodRef(_namespace(pattern, state), "")
            service = state.service_named(name, source)
            if service is None:
                return f"{name} names no Service of the scenario", "write SERVICE or SERVICE.NAMESPACE"
            ports = service_ports(state, service, by_name=True)
        case _:
            return None
    asked = f"{pattern.protocol.lower()} port" if pattern.protocol else "port"
    declared = ", ".join(f"{p}{f' ({p.name})' if p.name else ''}" for p in ports)
    return (
        f"{pattern.target} declares no {asked}{f' {pattern.port}' if pattern.port else ''}",
        f"it declares {declared}" if declared else "declare it under `ports`",
    )


def _namespace(pattern: FlowPattern, state: ClusterState) -> str:
    named = pattern.source.namespace if isinstance(pattern.source, AnyPod) else ""
    return named or next((p.namespace for p in state.probe_pods()), "")
