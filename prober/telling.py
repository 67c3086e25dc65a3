"""One scenario told on an open topology: control, steps, restore; and the topology brought back for the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from prober import journal
from prober.aside import Aside
from prober.cluster.base import Cluster
from prober.errors import ClusterError, ProberError
from prober.expect import Expected, expectations
from prober.flows import FlowPattern
from prober.journal import Journal
from prober.model import Action, AddPod, ApplyPolicy, ClusterState, Family, Flow, Pod, RemovePod, Topology
from prober.observe import clock
from prober.phases import Phases, disagreeing
from prober.scenario import Need, Scenario, remarks, resolved
from prober.sharing import keeps_pods
from prober.story import plain_opening, reopening, with_added


class CannotRunError(ProberError):
    """The opened topology lacks what the scenario needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides how a run goes; all durations in seconds."""

    timeout: int = 1  # of one attempt: nc takes whole seconds
    settle: float = 30.0
    hold: int = 1
    budget: float = 120.0  # for one scenario
    jobs: int = 2  # topologies at once
    workers: int = 64
    only: FlowPattern | None = None
    waivers: Mapping[str, str] = field(default_factory=dict)  # name -> text

    def plain(self) -> dict[str, str]:
        """Return the settings as the journal and the reports name them."""
        only = {"only": str(self.only)} if self.only else {}
        waivers = {"waivers": "\n".join(self.waivers)} if self.waivers else {}
        return {
            "timeout": f"{self.timeout}s",
            "settle": f"{self.settle:g}s",
            "hold": str(self.hold),
            "budget": f"{self.budget:g}s",
            "jobs": str(self.jobs),
            **only,
            **waivers,
        }


@dataclass(slots=True, kw_only=True)
class Stage:
    """A topology on a cluster, for one scenario after the other."""

    cluster: Cluster
    topology: Topology
    first: ClusterState | None = None  # as every scenario must find it; None before it is opened
    since: float = 0.0  # when it was opened
    left_by: str = ""  # the path of the scenario before
    control: bool = False  # whether its last control asked what the next scenario asks first
    ready: bool = True  # it is as it was opened, which a control has shown
    arrived: set[str] = field(default_factory=set)  # nonces that are in the journal

    def opened(self) -> ClusterState:
        """Return what the scenario finds, opened now if nobody was here before."""
        if self.first is None:
            self.since = clock()
            self.first = self.cluster.open(self.topology)
        return self.first

    def lasts(self, seconds: float) -> bool:
        """Say whether the topology will still be there in so many seconds."""
        return clock() + seconds < self.since + self.cluster.lasts

    def bring_back(self, state: ClusterState, do: Callable[[Action], Action]) -> None:
        """Remove the pods that a scenario added to the restored `state`, make those again that it removed."""
        first = self.opened()
        kept = {ref: p for ref, p in state.pods.items() if ref in first.pods and _alike(p, first.pods[ref])}
        for ref in state.pods.keys() - kept.keys():
            do(RemovePod(pod=ref))
        for pod in (p for p in self.topology.pods if p.ref not in kept):
            done = do(AddPod(pod=replace(pod, node=first.pods[pod.ref].node)))
            if isinstance(done, AddPod):
                kept[pod.ref] = done.pod
        self.first = replace(first, pods={ref: kept[ref] for ref in first.pods})


class Telling:
    """One scenario on a stage; `heir` is the scenario that is to find the stage as this one found it."""

    def __init__(
        self,
        scenario: Scenario,
        stage: Stage,
        settings: Settings,
        log: Journal,
        stop: threading.Event,
        streams: Executor,
        tell: Callable[..., None],
        *,
        heir: Scenario | None = None,
    ) -> None:
        self._scenario = scenario
        self._stage = stage
        self._cluster = stage.cluster
        self._settings = settings
        self._log = log
        self._stop = stop
        self._streams = streams
        self._tell = tell
        self._heir = heir
        self._aside = Aside(stage.cluster, log, scenario.path)

    def tell(self) -> bool:
        """Run the whole of it; False if any cell did not agree in time."""
        path, stage = self._scenario.path, self._stage
        stage.ready = False
        until = clock() + self._settings.budget
        if stage.first is None:
            self._tell("open", "open")
        self._first = self._known = first = stage.opened()
        if lacking := [f for f in self._families() if f not in first.families]:
            stage.ready, stage.control = True, False  # nothing was done here
            raise CannotRunError(f"needs {' and '.join(lacking)}, of which the pods here have no addresses")
        self._scenario = resolved(self._scenario, first)
        self._log.write(
            journal.Opened(
                scenario=path,
                at=clock(),
                state=plain_opening(first),
                nodes=len({p.node for p in first.probe_pods()}),
                images={str(ref): image for ref, image in self._cluster.images().items()},
            )
        )
        self._aside.remark(remarks(self._scenario))
        if stage.left_by:
            self._log.write(journal.TakenOver(scenario=path, at=clock(), after=stage.left_by, control=stage.control))
        self._phases = Phases(
            self._cluster,
            self._log,
            path,
            timeout=self._settings.timeout,
            settle=self._settings.settle,
            until=until,
            executor=self._streams,
            stop=self._stop,
            arrived=stage.arrived,
            progress=lambda number, disagreeing: self._tell(self._name, self._kind, number, disagreeing),
        )
        agreed = stage.control or self._control(first)
        state = first
        for number in range(len(self._scenario.steps)):
            fine, state = self._step(number, state)
            agreed = agreed and fine
        restored, state = self._restore(state)
        self._log.write(journal.ScenarioEnded(scenario=path, at=clock()))
        if self._heir:
            self._hand_over(state, agreed=restored)
        return agreed and restored

    def _families(self) -> tuple[Family, ...]:
        """Return the families without which the scenario says nothing: a cluster shows them in its pods alone."""
        needed = (Family.IPV6,) if Need.IPV6 in self._scenario.requires else ()
        return tuple(dict.fromkeys((*self._scenario.families, *needed)))

    def _control(self, state: ClusterState) -> bool:
        self._begin(0, "control", "control")
        return self._converge(0, state, expectations(self._scenario, None, state, self._settings.only))

    def _step(self, number: int, state: ClusterState) -> tuple[bool, ClusterState]:
        self._begin(number, "step", self._scenario.steps[number].name)
        for i in range(len(self._scenario.steps[number].actions)):
            done = self._act(number, self._scenario.steps[number].actions[i])
            state = state.after(done)
            if isinstance(done, AddPod):  # a manifest may name its address
                self._known = with_added(self._known, (done,))
                self._scenario = resolved(self._scenario, self._known)
        expected = expectations(self._scenario, self._scenario.steps[number], state, self._settings.only)
        if conflict := next((f"{flow}: {e.conflict}" for flow, e in expected.items() if e.conflict), ""):
            raise ProberError(conflict)  # the addresses that the cluster gave make another ruling
        return self._converge(number, state, expected, needed=1 + self._settings.hold), state

    def _restore(self, state: ClusterState) -> tuple[bool, ClusterState]:
        number = len(self._scenario.steps)
        self._begin(number, "restore", "restore")
        for action in reopening(state, self._first):
            state = state.after(self._act(number, action))
        own = expectations(self._scenario, None, state, self._settings.only)
        theirs = self._asked_first(state)
        return self._converge(number, state, {**theirs, **own}), state

    def _asked_first(self, state: ClusterState) -> dict[Flow, Expected]:
        """Return what the heir's first control would ask, where this last one can ask it instead."""
        self._stage.control = False
        if self._heir is None or not keeps_pods(self._scenario):
            return {}
        try:
            found = expectations(resolved(self._heir, state), None, state, self._settings.only)
        except ProberError:  # the heir's own trouble
            return {}
        self._stage.control = True
        return found

    def _hand_over(self, state: ClusterState, *, agreed: bool) -> None:
        """Leave the stage to the heir as it was found; where that cannot be proved, it gets none."""
        stage, begin, done, why = self._stage, clock(), list[str](), ""

        def do(action: Action) -> Action:
            done.append(str(action))
            return self._cluster.apply(action)

        if not agreed:
            why = "its last control did not agree"
        elif not stage.lasts(self._settings.budget):
            why = "its pods end before another scenario could"
        elif not stage.control:
            try:
                stage.bring_back(state, do)
            except ClusterError as error:
                why = f"it could not be brought back: {error}"
        if done or why:
            path = self._scenario.path
            self._log.write(journal.Reset(scenario=path, begin=begin, end=clock(), actions=done, why=why))
        stage.left_by, stage.ready = self._scenario.path, not why

    def _begin(self, number: int, kind: str, name: str) -> None:
        self._name, self._kind = name, kind
        self._log.write(journal.Phase(scenario=self._scenario.path, step=number, kind=kind, name=name, at=clock()))

    def _act(self, number: int, action: Action) -> Action:
        """Carry out one action; return it as done."""
        begin = clock()
        done = self._cluster.apply(action)
        pod = done.pod if isinstance(done, AddPod) else None
        self._log.write(
            journal.Acted(
                scenario=self._scenario.path,
                step=number,
                action=str(action),
                begin=begin,
                end=clock(),
                addresses={str(f): a for f, a in pod.addresses.items()} if pod else {},
                node=pod.node if pod else None,
                image=self._cluster.images().get(pod.ref, "") if pod else "",
                stored=dict(self._cluster.stored(action.policy.ref)) if isinstance(action, ApplyPolicy) else {},
            )
        )
        return done

    def _converge(self, number: int, state: ClusterState, expected: dict[Flow, Expected], *, needed: int = 1) -> bool:
        """Send rounds until all agree; where they do not, write down how a person asks again, and the evidence."""
        path = self._scenario.path
        agreed = self._phases.converge(number, state, expected, needed)
        if not agreed:
            odd = disagreeing(self._log.events(), path, number, expected)
            commands = {str(f): self._cluster.reproduce(f.source, command) for f, command in odd.items()}
            self._log.write(journal.Again(scenario=path, step=number, commands=commands))
            self._aside.remark()
            self._aside.collect(f"after {self._kind} '{self._name}'")
        return agreed


def _alike(one: Pod, other: Pod) -> bool:
    """Say whether two pods of a name were made alike; labels are put back without making a pod again."""
    return (one.ports, one.node, one.host_network) == (other.ports, other.node, other.host_network)
