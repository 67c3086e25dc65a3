"""What objects become: kinds told apart, names taken once, Services, namespaces, and all that is listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.errors import InputError, UsageError
from prober.model import Namespace, ServiceRef
from prober.workloads import Request, read
from tests.workloads.written import POLICY, deployment, made, mistakes, service

SPACE = "---\n{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n"
WEB = deployment("web", "{ports: [{containerPort: 8080, name: http}]}")


def one(kind: str, version: str = "v1", more: str = "") -> str:
    """Return any object named x."""
    return f"{{apiVersion: {version}, kind: {kind}, metadata: {{name: x, namespace: shop{more}}}}}\n"


@pytest.mark.parametrize(
    ("text", "what", "why"),
    [
        (one("Ingress", "networking.k8s.io/v1"), "Ingress shop/x", "what comes through it"),
        (one("HTTPRoute", "gateway.networking.k8s.io/v1"), "HTTPRoute shop/x", "what comes through it"),
        (one("NetworkPolicy", "projectcalico.org/v3"), "NetworkPolicy shop/x", "is not judged"),
        (one("GlobalNetworkPolicy", "crd.projectcalico.org/v1"), "GlobalNetworkPolicy shop/x", "is not judged"),
        (one("CiliumNetworkPolicy", "cilium.io/v2"), "CiliumNetworkPolicy shop/x", "is not judged"),
        (one("AdminNetworkPolicy", "policy.networking.k8s.io/v1alpha1"), "AdminNetworkPolicy shop/x", "is not judged"),
        (one("Rollout", "argoproj.io/v1alpha1"), "Rollout shop/x", "pods that its controller makes"),
        (one("Service", "serving.knative.dev/v1"), "Service shop/x", "pods that its controller makes"),
        (one("Deployment", "extensions/v1beta1"), "Deployment shop/x", "is gone from the API"),
        (one("Kustomization", "kustomize.config.k8s.io/v1beta1"), "Kustomization shop/x", "kustomize build"),
        (service("a", more="type: ExternalName"), "Service shop/a", "leads out of the cluster"),
        (service("a", more="type: NodePort"), "Service shop/a", "NodePort: its address in the cluster is represented"),
        (service("a").replace("{app: a}", "{}"), "Service shop/a", "selects no pods"),
        (service("a", "[]"), "Service shop/a", "has no port"),
        (service("a", "[{port: 1, protocol: SCTP}, {port: 2}]"), "port 1/sctp of Service shop/a", "SCTP"),
        (POLICY.replace("shop", "dns"), "NetworkPolicy dns/deny", "flows cannot name its namespace"),
    ],
)
def test_what_is_not_represented_is_listed(text: str, what: str, why: str, tmp_path: Path) -> None:
    """Once, with what it is, where it stands and why."""
    (found,) = made(tmp_path, WEB, text).listed

    assert what == found.what
    assert f"{tmp_path}/all.yaml:{WEB.count(chr(10)) + 2}" == found.place
    assert why in found.why


def test_what_has_no_say_is_counted(tmp_path: Path) -> None:
    """ConfigMaps, custom resources, hooks of Helm and values.yaml are not listed one by one."""
    hook = one("Job", "batch/v1", ", annotations: {helm.sh/hook: test}")
    passed = made(
        tmp_path, WEB, one("ConfigMap"), one("ConfigMap"), one("Widget", "example.org/v1"), hook, "a: b\n", "- 7\n"
    ).passed

    assert {"ConfigMap": 2, "Widget": 1, "Helm hook": 1, "no Kubernetes object": 2} == passed


def test_lists_are_taken_apart(tmp_path: Path) -> None:
    """`List`, lists of one kind and lists in lists: what kubectl and kustomize write."""
    inner = POLICY.replace("deny", "inner").replace("\n", "\n    ").rstrip()
    text = f"apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: DeploymentList\n  items:\n  - {inner}\n"
    text += "- {kind: List, apiVersion: v1, items: null}\n"
    found = made(tmp_path, WEB, text)

    assert ["shop/inner", "shop/deny"] == [str(r) for r in found.state.policies]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (deployment("web"), "11: : Deployment shop/web stands in FILE:1 too"),
        (POLICY, "16: : NetworkPolicy shop/deny stands in FILE:11 too"),
        (service("a") + "---\n" + service("a"), "19: : Service shop/a stands in FILE:11 too"),
        (2 * SPACE, "14: : Namespace shop stands in FILE:12 too"),
        ("kind: Deployment\nmetadata: {}\n", "11: : `apiVersion` is missing"),
        ("apiVersion: 1\nkind: Deployment\n", "11: apiVersion: 1 is a number to YAML, where text is expected"),
        ("apiVersion: v1\nkind: [Pod]\n", "12: kind: this is a list, where text is expected"),
        ("apiVersion: v1\nkind: List\nitems: 7\n", "13: items: 7 is a number to YAML, where a list is expected"),
        (service("a", "[{}]"), "16: spec.ports[0]: `port` is missing"),
        (
            service("a", "[{port: 1, targetPort: '80'}]"),
            '16: spec.ports[0].targetPort: "80" in quotes is a port\'s name, and a name has a letter',
        ),
        (service("a", more="type: Fast"), "17: spec.type: `Fast` is no type of Service"),
        (service("a", more="clusterIP: 7"), "17: spec.clusterIP: 7 is a number to YAML, where text is expected"),
        (
            SPACE.replace("shop", "s, labels: {kubernetes.io/metadata.name: t}"),
            "12: metadata.labels.kubernetes.io/metadata.name: the API server sets this label",
        ),
        (
            POLICY.replace("v1", "v1beta1"),
            "11: apiVersion: `networking.k8s.io/v1beta1`, where networking.k8s.io/v1 is expected",
        ),
        (POLICY.replace("podSelector", "podselector").replace("deny", "b"), "14: spec.podselector: unknown key"),
        (POLICY.replace("name: deny", "generateName: deny"), "13: metadata.generateName: unknown key"),
    ],
)
def test_wrong_object_is_one_mistake(text: str, mistake: str, tmp_path: Path) -> None:
    """Twice of one name names both places; wrong types are told with line and key."""
    found = mistakes(tmp_path, WEB, text)

    assert mistake.replace("FILE", f"{tmp_path}/all.yaml") in found
    assert len(found) <= 2


def test_namespaces_are_declared_or_meant(tmp_path: Path) -> None:
    """A Namespace gives labels; one that nobody declares has none; who names none is in the default one."""
    texts = ["{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}\n", WEB]
    texts += [deployment("b", namespace="data"), deployment("c").replace(", namespace: shop", "")]
    found = made(tmp_path, *texts).scenario.topology

    assert (
        Namespace(name="shop", labels={"team": "a"}),
        Namespace(name="data"),
        Namespace(name="default"),
    ) == found.namespaces
    assert ["shop/web", "data/b", "default/c"] == [str(p.ref) for p in found.pods]
    assert "apps/c" == str(made(tmp_path, *texts, namespace="apps").scenario.topology.pods[2].ref)


def test_clusters_own_namespaces_are_the_labs_alone(tmp_path: Path) -> None:
    """In the lab somebody's own kube-system is represented; on a cluster prober makes nothing there."""
    text = deployment("metrics", namespace="kube-system")

    assert "kube-system/metrics" in map(str, made(tmp_path, WEB, text).state.pods)
    (listed,) = made(tmp_path, WEB, text, lab=False).listed
    assert "Deployment kube-system/metrics" == listed.what


def test_resolver_of_the_lab_keeps_its_name(tmp_path: Path) -> None:
    """Who brings a CoreDNS of his own gets it beside the lab's."""
    found = made(tmp_path, WEB, deployment("coredns", namespace="kube-system")).state.pods

    assert {"kube-system/coredns", "kube-system/coredns-deployment"} <= {str(r) for r in found}


def test_services_have_addresses_names_and_ports(tmp_path: Path) -> None:
    """By number, by name, headless: ports are those of the pods there, for nothing is translated."""
    texts = [
        service("web", "[{port: 80, targetPort: http}]"),
        service("web", "[{port: 80, targetPort: http}]", "clusterIP: None"),
    ]
    ports = []
    for text in texts:
        (found,) = made(tmp_path, WEB, text).scenario.topology.services
        ports.append([(p.port, p.target) for p in found.ports])
        assert ServiceRef("shop", "web") == found.ref

    assert [[(80, "http")], [(8080, 8080)]] == ports


def test_roles_keep_sources_apart(tmp_path: Path) -> None:
    """With both flags a policy under --workloads, or a workload under --policies, is listed and left out."""
    for name, texts in (("p", [POLICY, deployment("stray")]), ("w", [WEB, POLICY.replace("deny", "other")])):
        (tmp_path / f"{name}.yaml").write_text("---\n".join(texts))
    p, w = str(tmp_path / "p.yaml"), str(tmp_path / "w.yaml")
    found = read(Request(policies=(p,), workloads=(w,)))

    assert ["shop/deny"] == [str(r) for r in found.state.policies]
    assert ["shop/web"] == [str(pod.ref) for pod in found.scenario.topology.pods]
    listed = {"Deployment shop/stray": "--workloads", "NetworkPolicy shop/other": "--policies"}
    assert {w: f"left out, for it is not under {flag}" for w, flag in listed.items()} == {
        f.what: f.why for f in found.listed
    }


def test_nothing_to_prove_is_wrong_use(tmp_path: Path) -> None:
    """Without a workload or without a policy there is no run, and the message says what is there instead."""
    file = tmp_path / "a.yaml"
    file.write_text(one("ConfigMap"))
    with pytest.raises(UsageError, match=r"^no workload in .*a\.yaml; there is 1 ConfigMap$"):
        read(Request(workloads=(str(file),)))
    file.write_text(WEB)
    with pytest.raises(UsageError, match=r"^no NetworkPolicy in "):
        read(Request(workloads=(str(file),)))


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    """Of every file, of every kind, and of the expectations."""
    (tmp_path / "expectations.yaml").write_text("allow: [a -> b]\n")
    (tmp_path / "a.yaml").write_text("---\n".join([deployment("A"), service("a", "[{}]"), POLICY.replace("{}", "7")]))
    with pytest.raises(InputError) as caught:
        read(Request(workloads=(str(tmp_path),)))

    assert [
        "unknown key",
        "`A` is no name",
        "`port` is missing",
        "7 is a number to YAML, where a mapping is expected",
    ] == [m.what for m in caught.value.mistakes]
