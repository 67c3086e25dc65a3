"""From templates of pods to pods: labels, ports, how many, and what cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.model import PodRef
from tests.workloads.written import POLICY, deployment, made, mistakes, pods, service

C = "spec.template.spec.containers[0]"
UNFIT = "5: spec.selector: the selector does not take the labels of the template"
METADATA = "metadata: {name: x, namespace: shop}"
CONTAINERS = "spec: {containers: [{ports: [{containerPort: 80}]}]}"
TEMPLATE = f"template: {{metadata: {{labels: {{app: web}}}}, {CONTAINERS}}}"
META = "metadata: {name: web, namespace: shop"
KINDS = {
    "pod": f"{{apiVersion: v1, kind: Pod, {META}, labels: {{app: web}}}}, {CONTAINERS}}}\n",
    "job": f"{{apiVersion: batch/v1, kind: Job, {META}}}, spec: {{{TEMPLATE}}}}}\n",
    "cronjob": f"{{apiVersion: batch/v1, kind: CronJob, {META}}}, spec: {{jobTemplate: {{spec: {{{TEMPLATE}}}}}}}}}\n",
    "replicas": f"{{apiVersion: v1, kind: ReplicationController, {META}}}, spec: {{{TEMPLATE}}}}}\n",
    "sidecar": deployment(
        "web",
        "{}], initContainers: [{restartPolicy: Always, ports: [{containerPort: 80}]}, {ports: [{containerPort: 1}]}",
    ),
}


def test_ports_are_those_that_containers_declare_probes_ask_and_services_lead_to(tmp_path: Path) -> None:
    """Every source of ports counts once; a name stays with its number."""
    container = (
        "{name: c, ports: [{containerPort: 8080, name: http}, {containerPort: 53, protocol: UDP}], "
        "livenessProbe: {httpGet: {port: 8081}}, readinessProbe: {tcpSocket: {port: http}}, startupProbe: {exec: {}}}"
    )
    found = made(
        tmp_path,
        deployment("web", container),
        service("web", "[{name: a, port: 80, targetPort: 9000}, {port: 8080, name: b}]"),
    )

    assert {"shop/web": ["8080 http", "53/udp", "8081", "9000"]} == pods(found)


def test_policies_tell_the_ports_of_pods_that_have_none(tmp_path: Path) -> None:
    """Nobody declares a port: what a policy opens is where the pod listens, else it could not be probed."""
    policy = POLICY.replace("deny", "open").replace("{}}", "{}, ingress: [{ports: [{port: 6379}, {port: name}]}]}")

    assert {"shop/db": ["6379"], "shop/web": ["80"]} == pods(
        made(tmp_path, deployment("db"), deployment("web", "{ports: [{containerPort: 80}]}"), policy)
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (deployment("web"), ["shop/web"]),
        (deployment("web", top="replicas: 5"), ["shop/web", "shop/web-2"]),
        (deployment("web", kind="DaemonSet"), ["shop/web", "shop/web-2"]),
        (deployment("web", kind="ReplicaSet", top="replicas: 2"), ["shop/web", "shop/web-2"]),
        (deployment("web.v1", top="replicas: 1"), ["shop/web-v1"]),
        (deployment("any"), ["shop/any-deployment"]),
        (deployment("web") + "---\n" + deployment("web", kind="StatefulSet"), ["shop/web", "shop/web-statefulset"]),
    ],
)
def test_pods_have_the_names_of_their_workloads(text: str, names: list[str], tmp_path: Path) -> None:
    """Two of a workload at most; a DaemonSet has one on each node; names that are taken get the kind behind them."""
    assert names == list(pods(made(tmp_path, text)))


def test_daemon_runs_on_each_node(tmp_path: Path) -> None:
    """Its pods are pinned in the lab; on a cluster, which may have one node, they are not."""
    text = deployment("agent", kind="DaemonSet")

    assert [1, 2] == [p.node for p in made(tmp_path, text).scenario.topology.pods]
    assert [None, None] == [p.node for p in made(tmp_path, text, lab=False).scenario.topology.pods]


def test_stateful_pods_carry_their_index(tmp_path: Path) -> None:
    """Policies may select a StatefulSet's pods by the labels that its controller sets."""
    found = made(tmp_path, deployment("db", kind="StatefulSet", top="replicas: 2")).scenario.topology.pods

    assert ["db-0", "db-1"] == [p.labels["statefulset.kubernetes.io/pod-name"] for p in found]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_template(kind: str, tmp_path: Path) -> None:
    """Wherever a kind keeps it, labels and ports of the template are the pod's; init containers that end have none."""
    found = made(tmp_path, KINDS[kind])

    assert {"shop/web": ["80"]} == pods(found)
    assert {"app": "web"} == dict(found.state.pods[PodRef("shop", "web")].labels)


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (deployment("x", "{}], hostNetwork: true, volumes: ["), "Deployment shop/x"),
        (deployment("x", top="replicas: 0"), "Deployment shop/x"),
        (deployment("x", namespace="dns"), "Deployment dns/x"),
        (deployment("x", "{ports: [{containerPort: 5000, protocol: SCTP}]}"), "port 5000/sctp of Deployment shop/x"),
    ],
)
def test_what_cannot_be_had_is_listed(text: str, listed: str, tmp_path: Path) -> None:
    """Nothing is dropped in silence: what and where, and why."""
    (found,) = made(tmp_path, text.replace("restartPolicy: [Always", "volumes: ["), deployment("web")).listed

    assert listed == found.what
    assert found.place.endswith("all.yaml:1") or "sctp" in listed
    assert found.why


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            "{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: {containers: []}}}}\n",
            "1: : `metadata` is missing",
        ),
        ("{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}}\n", "1: : `spec` is missing"),
        ("{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {}}\n", "1: spec: `template` is missing"),
        (deployment("X"), "3: metadata.name: `X` is no name"),
        (deployment("x", namespace="-"), "3: metadata.namespace: `-` is no name"),
        (
            deployment("x").replace("name: x", "name: 5"),
            "3: metadata.name: 5 is a number to YAML, where text is expected",
        ),
        (deployment("x", "7"), f"9: {C}: 7 is a number to YAML, where a mapping is expected"),
        (deployment("x", "{ports: 7}"), f"9: {C}.ports: 7 is a number to YAML, where a list is expected"),
        (deployment("x", "{ports: [{}]}"), f"9: {C}.ports[0]: `containerPort` is missing"),
        (deployment("x", "{ports: [{containerPort: 0}]}"), f"9: {C}.ports[0].containerPort: 0 is no port number"),
        (
            deployment("x", "{ports: [{containerPort: 1, protocol: tcp}]}"),
            f"9: {C}.ports[0].protocol: `tcp` is no protocol",
        ),
        (deployment("x", "{ports: [{containerPort: 1, name: UP}]}"), f"9: {C}.ports[0].name: `UP` is no port name"),
        (
            deployment("x", "{}], hostNetwork: 'yes', a: ["),
            "9: spec.template.spec.hostNetwork: `yes` is text, where true or false is expected",
        ),
        (deployment("x", top="replicas: two"), "6: spec.replicas: `two` is text, where a whole number is expected"),
        (deployment("x", top="replicas: -1"), "6: spec.replicas: -1 pods"),
        (deployment("x").replace("labels: {app: x}", "labels: {app: y}"), UNFIT),
        (deployment("x").replace("{app: x}}\n  ", "{}}\n  ", 1), UNFIT),
        (
            deployment("x").replace("labels: {app: x}", "labels: {app: on}"),
            "8: spec.template.metadata.labels.app: on is a boolean to YAML, where text is expected",
        ),
        (
            deployment("x").replace(METADATA, "metadata: {generateName: x-}"),
            "3: metadata: it has generateName, so its name is not known",
        ),
        (deployment("x").replace(METADATA, "metadata: {}"), "3: metadata: it has no name"),
        (deployment("x").replace(METADATA, "metadata: []"), "3: metadata: this is a list, where a mapping is expected"),
    ],
)
def test_wrong_value_is_one_mistake(text: str, mistake: str, tmp_path: Path) -> None:
    """Each with its line and key, at whatever level it stands."""
    assert [mistake] == mistakes(tmp_path, text)


def test_first_of_a_name_has_it(tmp_path: Path) -> None:
    """Two containers give one name to two ports: engines take the first, and so does prober."""
    text = deployment("x", "{ports: [{containerPort: 1, name: web}]}, {ports: [{containerPort: 2, name: web}]}")

    assert {"shop/x": ["1 web", "2"]} == pods(made(tmp_path, text))
