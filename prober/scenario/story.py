"""A scenario told from its first step to its last on planned addresses: what is named must be there by then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from prober.document import Gather, Located, Value, nearest
from prober.errors import InputError
from prober.flows import ANY, FlowPattern
from prober.manifest import read as read_policies
from prober.model import (
    Action,
    AddPod,
    ApplyPolicy,
    ClusterState,
    DeletePolicy,
    External,
    Family,
    LabelNamespace,
    LabelPod,
    NetworkPolicy,
    Node,
    Pod,
    PodRef,
    PolicyRef,
    RemovePod,
    Topology,
)
from prober.model.plan import AddressPlan, planned
from prober.scenario.cells import conflicts, unmet
from prober.scenario.records import Scenario, Step
from prober.scenario.steps import Draft
from prober.scenario.templates import filled_from, nearest_pod
from prober.scenario.topology import known_namespace

_EARLIER = "apply it in an earlier step: a step deletes before it applies"
_FIRST = "apply it in this step, or in one before"
_OTHER = "give one of them another node or another port"
_FEWER = "use fewer pods, or spread them over both nodes"

K = TypeVar("K")
Thing = TypeVar("Thing", Pod, External, Node)


def tell(
    topology: Topology,
    at: Value,
    drafts: Iterable[Draft],
    asked: Sequence[Located[FlowPattern]],
    families: tuple[Family, ...],
    real: ClusterState | None,
) -> tuple[Step, ...]:
    """Return the steps, or raise all their mistakes; `real` gives addresses where a cluster has its own.

    `at` is where the pods stand; `asked` are the cells that the scenario names itself.
    """
    try:
        story = _Story(topology, real)
    except ValueError as error:  # the lab has no room for so many pods
        raise at.wrong(str(error), _FEWER) from None
    if clash := _clash(story.state):
        raise at.wrong(clash, _OTHER)
    take = Gather()
    steps = []
    wanted = families or story.state.families[:1]
    states = [story.state]
    for draft in drafts:
        actions = tuple(story.carry_out(draft, take))
        empty = tuple(story.excused(draft, take))
        step = Step(name=draft.name, actions=actions, expect=draft.expect, because=draft.because, empty=empty)
        take.mistakes += conflicts(step, story.state, wanted)
        steps.append(step)
        states.append(story.state)
    take.mistakes += unmet(asked, states, wanted)
    take.done()
    return tuple(steps)


def planned_states(scenario: Scenario) -> Iterator[tuple[Step, ClusterState]]:
    """Yield each step with the state after it, on planned addresses."""
    state, plan = planned(scenario.topology)
    for step in scenario.steps:
        for action in step.actions:
            state = state.after(placed(action, plan))
        yield step, state


def placed(action: Action, plan: AddressPlan) -> Action:
    """Return the action with a node and addresses for the pod that it adds."""
    return AddPod(pod=plan.place(action.pod)) if isinstance(action, AddPod) else action


class _Story:
    """The state as the steps lead through it."""

    def __init__(self, topology: Topology, real: ClusterState | None) -> None:
        state, self._plan = planned(topology)
        self._declared = {n.name: n for n in topology.namespaces}
        self._real = real
        self.state = _with_addresses(state, real) if real else state

    def carry_out(self, draft: Draft, take: Gather) -> Iterator[Action]:
        """Yield a step's actions in their fixed order, each once it is known to fit; mistakes go to `take`."""
        for removed in draft.remove:
            yield from self._fitting(take, removed, self._remove)
        for added in draft.add:
            yield from self._fitting(take, added, self._add)
        for label in draft.label:
            yield from self._fitting(take, label, self._label)
        for deleted in draft.delete:
            yield from self._fitting(take, deleted, self._delete)
        seen: set[PolicyRef] = set()
        fill = filled_from(self.state)
        for policy in take(lambda _: read_policies(draft.manifests, fill=fill), draft.at, ()):
            if policy.it.ref in seen:
                what = f"policy {policy.it.ref} is applied twice in this step"
                take.mistakes.append(policy.at.mistake(what, "keep one of them"))
            seen.add(policy.it.ref)
            yield from self._fitting(take, policy, self._apply)

    def _fitting(
        self, take: Gather, found: Located[K], check: Callable[[Located[K]], tuple[Action, ...]]
    ) -> tuple[Action, ...]:
        def act(at: Value) -> tuple[Action, ...]:
            actions = check(found)
            for action in actions:
                self.state = self.state.after(self._placed(action, at))
            return actions

        return take(act, found.at, ())

    def _placed(self, action: Action, at: Value) -> Action:
        try:
            after = placed(action, self._plan)
        except ValueError as error:
            raise at.wrong(str(error), _FEWER) from None
        if isinstance(after, AddPod) and (clash := _clash(self.state.after(after))):
            raise at.wrong(clash, _OTHER)
        if isinstance(after, AddPod) and self._real and after.pod.ref in self._real.pods:
            return AddPod(pod=replace(after.pod, addresses=self._real.pods[after.pod.ref].addresses))
        return after

    def _pod(self, ref: PodRef) -> Pod | None:
        pod = self.state.pods.get(ref)
        return None if pod is None or pod.system else pod

    def _remove(self, found: Located[PodRef]) -> tuple[Action, ...]:
        if self._pod(found.it) is None:
            raise found.at.wrong(f"there is no pod {found.it} then", nearest_pod(str(found.it), self.state))
        return (RemovePod(pod=found.it),)

    def _add(self, found: Located[Pod]) -> tuple[Action, ...]:
        if found.it.ref in self.state.pods:
            raise found.at.wrong(f"there is a pod {found.it.ref} already", "remove it first, or choose another name")
        return (AddPod(pod=found.it),)

    def _label(self, found: Located[LabelPod | LabelNamespace]) -> tuple[Action, ...]:
        if isinstance(found.it, LabelPod) and self._pod(found.it.pod) is None:
            raise found.at.wrong(f"there is no pod {found.it.pod} then", nearest_pod(str(found.it.pod), self.state))
        return (found.it,)

    def _delete(self, found: Located[PolicyRef]) -> tuple[Action, ...]:
        return tuple(DeletePolicy(policy=ref) for ref in self._meant(found, _EARLIER))

    def excused(self, draft: Draft, take: Gather) -> Iterator[PolicyRef]:
        """Yield the policies in force that a step calls empty; mistakes go to `take`."""
        for found in draft.empty:
            try:
                yield from self._meant(found, _FIRST)
            except InputError as error:
                take.mistakes += error.mistakes

    def _meant(self, found: Located[PolicyRef], remedy: str) -> tuple[PolicyRef, ...]:
        """Return the policies in force that a name means, or raise that there is none, with the remedy."""
        namespace, name = found.it.namespace, found.it.name
        meant = [r for r in self.state.policies if namespace in (ANY, r.namespace) and name in (ANY, r.name)]
        if not meant:
            what = f"there is no policy {found.it} then"
            if name == ANY:
                what = f"no policy is in force{'' if namespace == ANY else f' in {namespace}'} then"
            known = tuple(map(str, self.state.policies))
            raise found.at.wrong(what, nearest(str(found.it), known, "in force") if known else remedy)
        return tuple(meant)

    def _apply(self, found: Located[NetworkPolicy]) -> tuple[Action, ...]:
        policy = found.it
        known_namespace(policy.namespace, found.at, self._declared)
        if policy.name == ANY:
            raise found.at.wrong("a policy named `any` cannot be told from every policy", "choose another name")
        return (ApplyPolicy(policy=policy),)


def _clash(state: ClusterState) -> str:
    """Say which two listen on the same port of a node, for hostNetwork pods have no address of their own."""
    taken = {(n.number, p.number, p.protocol): str(n.ref) for n in state.nodes.values() for p in n.ports}
    for pod in state.pods.values():
        for port in pod.ports if pod.host_network and pod.node else ():
            other = taken.setdefault((pod.node or 0, port.number, port.protocol), str(pod.ref))
            if other != str(pod.ref):
                return f"{pod.ref} and {other} both listen on port {port} of node {pod.node}"
    return ""


def _with_addresses(state: ClusterState, real: ClusterState) -> ClusterState:
    """Return the planned state with the addresses that a real cluster gave."""
    return replace(
        state,
        pods=_moved(state.pods, real.pods),
        services={**state.services, **real.services},
        externals=_moved(state.externals, real.externals),
        nodes=_moved(state.nodes, real.nodes),
        families=real.families,
        resolver=real.resolver,
        api_server=real.api_server,
    )


def _moved(planned_ones: Mapping[K, Thing], real_ones: Mapping[K, Thing]) -> dict[K, Thing]:
    return {
        k: replace(thing, addresses=real_ones[k].addresses) if k in real_ones else thing
        for k, thing in planned_ones.items()
    }
