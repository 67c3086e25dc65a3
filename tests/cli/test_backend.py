"""Tests of prober.cli.backend: what the flags make of a cluster, and runs on one that is in memory."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from prober import canary
from prober.cli import backend
from prober.cli.options import parse
from prober.cli.places import alive, journal_name, kept
from prober.cli.running import clean_command
from prober.cluster import kube
from prober.cluster.fake import FakeCluster, Says
from prober.cluster.kube import DEFAULT_IMAGE, Kubernetes, KubeTarget, OutsideHost
from prober.cluster.kube.connection import ApiError
from prober.cluster.kube.leftovers import Leftover, LeftRun
from prober.cluster.kube.reading import nodes_of
from prober.errors import ClusterError, UsageError
from prober.model import Family, Port, Protocol
from tests.cli.conftest import Run
from tests.cli.world import enforcing, leaking

KUBE = ("--cluster", "kube")
NAME = "kube: c, https://192.0.2.1:6443, Kubernetes v1.34.4"


def node(name: str, **spec: Any) -> dict[str, Any]:
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "addresses": []}
    return {"metadata": {"name": name, "labels": {"disk": "ssd"}}, "spec": spec, "status": ready}


class Wire:
    """Stands for a connection: it knows some nodes, and what the account may do."""

    def __init__(self, *nodes: Mapping[str, Any], refused: str = "") -> None:
        self.nodes = nodes
        self.refused = refused
        self.closed = 0
        self.server = "https://192.0.2.1:6443"
        self.context = "c"
        self.objects: dict[str, Any] = {}  # by path; of anything else this account may know nothing

    def get(self, path: str, _: object = (), **__: object) -> dict[str, Any]:
        if path == "/api/v1/nodes":
            return {"items": list(self.nodes)}
        if path not in self.objects:
            raise ApiError(f"GET {path}", 403, "Forbidden", "")
        found: dict[str, Any] = self.objects[path]
        return found

    def send(self, _: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if path in self.objects:
            found: dict[str, Any] = self.objects[path]
            return found
        if "resourceAttributes" not in body.get("spec", {}):
            raise ApiError(f"POST {path}", 403, "Forbidden", "")
        asked = body["spec"]["resourceAttributes"]
        return {"status": {"allowed": f"{asked['verb']} {asked['resource']}/{asked['subresource']}" != self.refused}}

    def date(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0)

    def close(self) -> None:
        self.closed += 1


class World:
    """A cluster in memory where `connect` finds one; it notes what it was asked for."""

    def __init__(self) -> None:
        self.wire = Wire(node("n1"), node("n2"))
        self.says: Says = enforcing
        self.targets: list[KubeTarget] = []
        self.made: list[FakeCluster] = []
        self.closed = 0
        self.stuck = ""
        self.remarks: tuple[str, ...] = ()
        self.left: tuple[LeftRun, ...] = ()
        self.cleaned: list[LeftRun] = []

    def connect(self, target: KubeTarget) -> Kubernetes:
        self.targets.append(target)
        words: Any = {"connection": self.wire, "make": self.make}
        words["remarks"] = lambda: self.remarks
        words["nodes"] = lambda: nodes_of(self.wire.nodes, target)
        return Kubernetes(name=NAME, close=self.close, leftovers=self.leftovers, clean=self.cleaned.append, **words)

    def make(self) -> FakeCluster:
        self.made.append(FakeCluster(self.says))
        return self.made[-1]

    def leftovers(self, run: str) -> tuple[LeftRun, ...]:
        return tuple(left for left in self.left if run in ("", left.run))

    def close(self) -> None:
        self.closed += 1
        if self.stuck:
            raise ClusterError(self.stuck)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(kube, "connect", found.connect)
    monkeypatch.setattr(backend, "LabCluster", lambda **_: pytest.fail("a lab was made"))
    return found


def target(*flags: str) -> KubeTarget:
    return backend.kube_target(parse(["run", "x", *KUBE, *flags]))


def test_defaults_leave_it_to_the_cluster() -> None:
    """Without a flag the target is what the package says, and an attempt has 3 s: one retransmission."""
    found = target()

    assert KubeTarget(run_id=found.run_id) == found
    assert DEFAULT_IMAGE == found.image
    assert (3, 1) == (parse(["run", "x", *KUBE]).timeout, parse(["run", "x"]).timeout)
    assert 5 == parse(["run", "x", *KUBE, "--timeout", "5s"]).timeout


def test_every_flag_arrives() -> None:
    """What is said about the cluster is what the target says."""
    found = target(
        *("--context", "c", "--kubeconfig", "k", "--image", "i", "--image-pull-policy", "Never"),
        *("--image-pull-secret", "s", "--nodes", "a=b,c.d/e=f", "--toleration", "a", "--toleration", "b=c:NoExecute"),
        *("--namespace-label", "team=net", "--namespace-label", "x=", "--max-pods", "7", "--rate", "2.5", "--keep"),
        *("--allow-label-overlap", "--allow-host-network", "--external", "p=192.0.2.7:443"),
    )
    wanted = KubeTarget(
        context="c",
        kubeconfig="k",
        image="i",
        pull_policy="Never",
        pull_secret="s",  # noqa: S106 - the name of one
        node_selector={"a": "b", "c.d/e": "f"},
        tolerations=(
            {"key": "a", "operator": "Exists"},
            {"key": "b", "operator": "Equal", "value": "c", "effect": "NoExecute"},
        ),
        namespace_labels={"team": "net", "x": ""},
        max_pods=7,
        rate=2.5,
        keep=True,
        allow_label_overlap=True,
        allow_host_network=True,
        externals={"p": OutsideHost(addresses={Family.IPV4: "192.0.2.7"}, ports=(Port(number=443),))},
        run_id=found.run_id,
    )
    assert wanted == found


def test_an_external_host_has_several_ports_and_an_address_of_each_family() -> None:
    """--external is given once for each port; two addresses of one family are two hosts."""
    places = ("p=192.0.2.7:443", "p=192.0.2.7:53/udp", "p=[2001:db8::7]:443", "q=192.0.2.8:1")
    found = target(*(f"--external={place}" for place in places)).externals

    addresses = {Family.IPV4: "192.0.2.7", Family.IPV6: "2001:db8::7"}
    ports = (Port(number=443), Port(number=53, protocol=Protocol.UDP))
    assert OutsideHost(addresses=addresses, ports=ports) == found["p"]
    assert {"p", "q"} == set(found)
    with pytest.raises(UsageError, match=r"192\.0\.2\.7 and 192\.0\.2\.8 are two hosts"):
        target("--external=p=192.0.2.7:443", "--external=p=192.0.2.8:443")


def test_given_namespaces_are_used_one_scenario_at_a_time(prober: Run, scenarios: Path, world: World) -> None:
    """They arrive in their order; two scenarios at once would meet in them; what is kept there would be in the way."""
    code, _, err = prober("run", scenarios, *KUBE, "--namespaces", "a,b", "--jobs", "4", "--report", "json=r.json")

    assert (0, ("a", "b")) == (code, world.targets[0].namespaces), err
    assert "1" == json.loads(Path("r.json").read_text())["settings"]["jobs"]
    for flags in (("--keep",), ("--namespace-label", "x=y")):
        code, _, err = prober("run", scenarios, *KUBE, "--namespaces", "a,b", *flags)
        assert (2, True, 1) == (code, "contradict each other" in err, len(world.targets))


def test_interrupted_run_in_given_namespaces_is_cleaned_there() -> None:
    """The command that removes what is left looks where it is left, for an account that may look nowhere else."""
    args = parse(["run", "x", *KUBE, "--namespaces", "a,b"])

    assert "prober clean --cluster kube --namespaces a,b --run r7" == clean_command(args, "r7")


def test_canary_is_proved_first_and_once(prober: Run, scenarios: Path, world: World, state: Path) -> None:
    """The cluster's name stands first; the canary comes before the scenarios; the run's id is the cluster's."""
    code, out, err = prober("run", scenarios, *KUBE, "--report", "json=out.json")

    assert 0 == code
    assert f"cluster: {NAME}" == out.splitlines()[0]
    assert ["[1/3] canary: all as expected"] == [line for line in err.splitlines() if "[1/3]" in line]
    assert (3, 1, 1) == (len(world.made), world.closed, world.wire.closed)
    (given,) = world.targets
    result = json.loads(Path("out.json").read_text())
    assert (given.run_id, NAME, "3s") == (result["run"], result["cluster"], result["settings"]["timeout"])
    (journal,) = kept(state)
    assert journal.is_of(given.run_id)


def test_nobody_enforces(prober: Run, scenarios: Path, world: World) -> None:
    """Where nobody enforces the run ends at the canary with exit 1, and how to make its attempts again."""
    world.says = leaking
    code, out, _ = prober("run", scenarios, *KUBE, "--settle", "200ms")

    assert (1, 1) == (code, len(world.made))
    assert f"trouble: {canary.NOBODY}; " in out
    assert 2 == out.count(f"the canary is not green: {canary.NOBODY}")
    assert "again: # in canary/source-1: nc " in out


def test_nodes_that_are_not_covered_are_told(prober: Run, scenarios: Path, world: World) -> None:
    """A node that takes no probe pods is no node of the canary, and every report says so; so with other kinds."""
    world.wire.nodes = (node("a", unschedulable=True), node("b"))
    world.remarks = ("policies that are not judged may change verdicts: X (g): a",)
    code, out, err = prober("run", scenarios, *KUBE, "--report", "json=out.json", "--report", "junit=out.xml")

    assert 0 == code
    remarks = ["not covered: a is cordoned", *world.remarks]
    assert [f"note: {remark}" for remark in remarks] == out.splitlines()[2:4]
    assert remarks == json.loads(Path("out.json").read_text())["remarks"]
    for remark in remarks:
        assert f"prober: {remark}" in err.splitlines()
        assert f'value="{remark}"' in Path("out.xml").read_text()
    world.wire.nodes = (node("a", unschedulable=True),)
    code, _, err = prober("run", scenarios, *KUBE)
    assert (3, True) == (code, "no node can run probe pods: a is cordoned" in err)


def test_what_is_left_is_told(prober: Run, scenarios: Path, world: World) -> None:
    """--keep says how to remove what it kept; namespaces that will not go are exit 3, with the results."""
    _, _, err = prober("run", scenarios, *KUBE, "--keep", "--context", "c")
    command = f"prober clean --cluster kube --context c --run {world.targets[0].run_id}"
    assert f"prober: pods and policies are left; remove them: {command}" in err.splitlines()

    world.stuck = "namespace x is not gone"
    code, out, err = prober("run", scenarios, *KUBE)
    assert (3, True) == (code, "proved" in out)
    assert "prober: clean-up: namespace x is not gone" in err


def test_doctor_runs_the_canary_alone(prober: Run, world: World) -> None:
    """The doctor says what the account may do and which nodes there are, and proves every node."""
    world.wire.nodes = (node("a"), node("b"), node("c", unschedulable=True))
    code, out, _ = prober("doctor", *KUBE)

    assert (0, 1) == (code, len(world.made))
    assert [
        NAME,
        "  ok    permissions: all that a run needs",
        "  ok    nodes that can run probe pods: a, b",
        "  note  not covered: c is cordoned",
    ] == out.splitlines()[:4]
    assert "PASS canary" in out


@pytest.mark.parametrize("refused", ["get pods/exec", "list nodes/"])
def test_doctor_names_permissions_that_lack(refused: str, prober: Run, world: World) -> None:
    """What the account may not do is named with its remedy, and nothing is made."""
    world.wire.refused = refused
    code, out, _ = prober("doctor", *KUBE)

    verb, resource = refused.rstrip("/").split(" ")
    assert (3, []) == (code, world.made)
    assert f"  FAIL  permission: may not do with {resource}: {verb}" in out.splitlines()
    assert "manifests/rbac.yaml" in out


def test_plan_asks_no_cluster(prober: Run, scenarios: Path, world: World) -> None:
    """A plan for a cluster says what is made there and which permissions that needs, and asks nobody."""
    code, out, _ = prober("plan", scenarios, *KUBE)

    assert (0, []) == (code, world.targets)
    assert "kube: nothing was asked of a cluster" == out.partition(";")[0]
    assert "    pods/exec: create, get" in out.splitlines()


def left(run: str, *, alive: bool = False) -> LeftRun:
    job = Leftover(kind="job", path=f"/apis/batch/v1/namespaces/x/jobs/{run}-job", uid="u")
    return LeftRun(run=run, started="2026-01-01T00:00:00+00:00", alive=alive, objects=(job,))


def test_clean_removes_what_dead_runs_left(prober: Run, world: World) -> None:
    """--expired removes what dead runs left and leaves those that live; --dry-run only says so."""
    world.left = (left("dead"), left("live", alive=True))
    code, out, _ = prober("clean", *KUBE, "--expired", "--dry-run")
    assert (0, []) == (code, world.cleaned)
    assert f"{NAME}: would remove what 1 of 2 runs have left" == out.splitlines()[0]

    code, out, _ = prober("clean", *KUBE, "--expired")
    assert (0, [world.left[0]]) == (code, world.cleaned)
    assert [
        "  removed run dead of 2026-01-01T00:00:00+00:00: job dead-job",
        "  left run live: it still lives",
    ] == out.splitlines()[1:]


@pytest.mark.parametrize(
    ("message", "run"),
    [("it still lives, or ended less than a minute ago", "live"), ("there are dead, live", "nope")],
)
def test_clean_refuses(message: str, run: str, prober: Run, world: World) -> None:
    """A run that lives is not cleaned up under its feet, and one that nobody knows is a mistake."""
    world.left = (left("dead"), left("live", alive=True))
    code, _, err = prober("clean", *KUBE, "--run", run)

    assert (2, []) == (code, world.cleaned)
    assert message in err


def test_clean_believes_the_journal_of_this_machine(prober: Run, world: World, state: Path) -> None:
    """A run whose journal is here is known at once: a killed one holds no lock, a living one does."""
    world.left = (left("abcdef", alive=True), left("fedcba"))
    state.mkdir(parents=True)
    for run in ("abcdef", "fedcba"):
        (state / journal_name(run)).touch()
    with alive(state / journal_name("fedcba")):
        assert 0 == prober("clean", *KUBE, "--expired")[0]

    assert ["abcdef"] == [one.run for one in world.cleaned]


@pytest.mark.usefixtures("scenarios")
def test_survey_stands_in_the_report(prober: Run, world: World) -> None:
    """Which cluster, who, from where and how, and what enforces on which node: all of it is in the evidence."""
    agent = {
        "metadata": {
            "name": "calico-node-1",
            "namespace": "kube-system",
            "ownerReferences": [{"kind": "DaemonSet", "name": "calico-node"}],
        },
        "spec": {"nodeName": "n1"},
        "status": {"containerStatuses": [{"name": "calico-node", "image": "c:v3", "imageID": "c@sha256:1"}]},
    }
    namespaces = [{"metadata": {"name": "shop"}}, {"metadata": {"name": "pr-x", "labels": {"prober/run": "x"}}}]
    world.wire.objects = {
        "/version": {"gitVersion": "v1.34.4"},
        "/api/v1/namespaces/kube-system": {"metadata": {"uid": "u-1"}},
        "/api/v1/namespaces": {"items": namespaces},
        "/api/v1/namespaces/kube-system/pods": {"items": [agent]},
        "/apis/authentication.k8s.io/v1/selfsubjectreviews": {
            "status": {"userInfo": {"username": "mia", "groups": ["auditors"]}}
        },
    }
    code, _, _ = prober("run", "s/deny.scenario.yaml", *KUBE, "--quiet", "--report", "json=r.json")
    found = json.loads(Path("r.json").read_text())["evidence"]

    assert 0 == code
    assert {"uid": "u-1", "server": world.wire.server, "context": "c", "version": "v1.34.4"} == found["cluster"]
    assert ("mia", ["auditors"], platform.node()) == tuple(found["by"][k] for k in ("user", "groups", "host"))
    assert found["by"]["command"].startswith("prober run s/deny.scenario.yaml --cluster kube")
    assert [("n1", "Calico", "c@sha256:1")] == [
        (e["node"], e["engine"], e["images"][0]["digest"]) for e in found["engines"]
    ]
    assert ["shop"] == [n["name"] for n in found["namespaces"]]
    assert 2 > abs(found["clocks"][0]["offset"])
    assert {"payments/default-deny"} <= {p["policy"] for p in found["policies"]}
    assert found["started"] <= found["ended"]


@pytest.mark.usefixtures("scenarios")
def test_survey_that_may_see_nothing_stops_nothing(prober: Run, world: World) -> None:
    """An account that may ask nothing beside its work still proves; what could not be had is named."""
    code, _, _ = prober("run", "s/deny.scenario.yaml", *KUBE, "--quiet", "--report", "json=r.json")
    found = json.loads(Path("r.json").read_text())["evidence"]

    assert 0 == code
    assert {"version", "cluster UID", "user", "namespaces"} <= {u.partition(":")[0] for u in found["unknown"]}
    assert ["n1", "n2"] == [n["name"] for n in found["nodes"]]
