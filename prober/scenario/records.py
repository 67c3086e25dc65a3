"""What a scenario is once it has been read: a topology, its steps and what they expect; no file and no YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from prober.flows import AnyPod, FlowPattern
from prober.model import Action, ClusterState, Family, PolicyRef, Topology
from prober.oracle import Ruling

SUFFIX = ".scenario.yaml"
CASE = "#"  # between a file's path and the name of one of its cases
OWN = "prober:/"  # begins the paths of scenarios that prober writes itself: no file's does
# What begins the path of a scenario made of somebody's manifests: the flags that name them
MANIFESTS = ("--expect ", "--default-namespace ", "--policies ", "--workloads ")
EVERY_CELL = FlowPattern(source=AnyPod(), target=AnyPod())  # every pod to every declared port
Said = Literal["allowed", "denied"]


class Need(StrEnum):
    """What a cluster must have for a scenario to run there; else it is skipped, and the report says why."""

    TWO_NODES = "two-nodes"
    IPV6 = "ipv6"
    SCTP = "sctp"
    EXTERNAL = "external"
    HOST_NETWORK = "host-network"
    NAMESPACE_LABELS = "namespace-labels"  # namespaces that may be relabelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One line of an `expect`: what the author says of some flows, and where."""

    pattern: FlowPattern
    ruling: Said
    file: str
    line: int
    key: str

    @property
    def named(self) -> bool:
        """Say whether both ends are named: such a line beats those with `any`."""
        return self.pattern.named

    def contradicted_by(self, ruling: Ruling) -> bool:
        """Say whether the specification says otherwise; what it leaves open contradicts nobody."""
        return ruling not in (self.ruling, Ruling.INDETERMINATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Actions, in the order in which they are carried out, and what is expected after them."""

    name: str
    actions: tuple[Action, ...] = ()
    expect: tuple[Expectation, ...] = ()
    because: str = ""  # the author's reason for what is expected
    empty: tuple[PolicyRef, ...] = ()  # policies of which a selector takes no pod, and is meant to


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A topology and its steps, with the texts of every file that it was read from."""

    name: str  # the file's without its suffix; of one of several cases `FILE#CASE`
    path: str  # the file's; of one of several cases `FILE.scenario.yaml#CASE`: enough to name it anywhere
    summary: str
    tags: tuple[str, ...] = ()
    requires: tuple[Need, ...] = ()  # what the author wrote, and what the scenario plainly uses
    rules: tuple[int, ...] = ()  # of docs/semantics.md: which of them it exercises
    families: tuple[Family, ...] = ()  # none: the cluster's primary one
    cells: tuple[FlowPattern, ...] = (EVERY_CELL,)  # what is asked beside the cells that expectations name
    topology: Topology
    steps: tuple[Step, ...]
    texts: Mapping[str, str] = field(repr=False)  # by path: enough to read it again without the disk

    @property
    def of_manifests(self) -> bool:
        """Say whether it was made of somebody's own policies: what they contradict is a finding, not a mistake."""
        return self.path.startswith(MANIFESTS)

    def families_in(self, state: ClusterState) -> tuple[Family, ...]:
        """Return the families in which patterns without one are meant."""
        return self.families or state.families[:1]
