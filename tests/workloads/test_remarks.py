"""What there is to remark about somebody's policies, and above all what there is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workloads.written import deployment, made, service

WEB = deployment("web", "{ports: [{containerPort: 8080, name: http}]}")
DB = deployment("db", "{ports: [{containerPort: 5432, name: sql}]}", namespace="data")
HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n"
PEER = "{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}"
DNS = f"{{to: [{PEER}], ports: [{{port: 53, protocol: UDP}}]}}"
TO_DB = "podSelector: {}\negress:\n- to: [{namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}]"
TO_DATA = "podSelector: {}\ningress: [{}]\negress:\n- to:\n  - namespaceSelector: {matchLabels: {name: data}}"
NOBODY = (
    "8: shop/p, egress rule 1: its peer namespaceSelector name=data matches no pod: no namespace here has name=data; "
    "namespace data has kubernetes.io/metadata.name=data"
)
PORT_80 = "7: shop/p, ingress rule 1: 80 is the port of svc/shop/web"
ELSEWHERE = "7: shop/p, ingress rule 1: its peer podSelector app=db matches no pod: no pod of shop has app=db"
LABS = (
    "7: shop/p, ingress rule 1: ipBlock 10.0.0.0/8 takes in the lab's pods, which are in 10.244.0.0/14; "
    "yours may be elsewhere"
)
HIDDEN = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: hidden}}}"


def remarked(tmp_path: Path, spec: str, *texts: str) -> list[str]:
    """Return the remarks on a policy of that spec, each with its line behind the policy's first."""
    begin = sum(t.count("\n") + 1 for t in (WEB, DB, *texts))
    found = made(tmp_path, WEB, DB, *texts, HEAD + "".join(f"  {line}\n" for line in spec.splitlines())).remarks
    return [f"{int(r.place.rpartition(':')[2]) - begin}: {r.text}" for r in found if "shop/deny" not in r.text]


@pytest.mark.parametrize(
    ("spec", "remark"),
    [
        (
            "podSelector: {matchLabels: {app: wep}}",
            "1: shop/p selects no pod: no pod of shop has app=wep; shop/web has app=web",
        ),
        (
            "podSelector: {}\ningress:\n- from: [{podSelector: {matchLabels: {app: db}}}]",
            f"{ELSEWHERE}; data/db has it, but is in another namespace",
        ),
        (f"{TO_DATA}\n- {DNS}", NOBODY),
        (
            "podSelector: {}\ningress:\n- ports: [{port: sql}]",
            "7: shop/p, ingress rule 1: no pod that it selects has a port named sql/TCP",
        ),
        (
            f"{TO_DB}\n  ports: [{{port: http}}]\n- {DNS}",
            "7: shop/p, egress rule 1: no pod that its peers match has a port named http/TCP",
        ),
        ("podSelector: {}\ningress:\n- from: [{ipBlock: {cidr: 10.0.0.0/8}}]", LABS),
        (
            "podSelector: {}\npolicyTypes: [Ingress]\negress:\n- {}",
            "8: shop/p: its egress rules do not count, policyTypes lacks Egress",
        ),
        (
            TO_DB,
            "1: shop/p: shop/web may reach something, but no resolver (53/UDP of kube-system/coredns)",
        ),
        (
            "podSelector: {}\ningress:\n- ports: [{port: 80}]",
            f"{PORT_80}; its pods get that on http, and only that counts",
        ),
    ],
)
def test_remark_has_its_line(spec: str, remark: str, tmp_path: Path) -> None:
    """One thing is odd, and one remark says which, at the policy's or the rule's line."""
    assert [remark] == remarked(tmp_path, spec, service("web", "[{port: 80, targetPort: http}]"))


@pytest.mark.parametrize(
    "spec",
    [
        "podSelector: {}",
        "podSelector: {}\npolicyTypes: [Ingress, Egress]",  # closed on purpose: who reaches nobody needs no name
        "podSelector: {}\ningress: [{}]\negress: [{}]\npolicyTypes: [Ingress, Egress]",
        "podSelector: {matchLabels: {pod-template-hash: abc}}",  # nobody knows before it runs
        "podSelector: {}\ningress:\n- from: [{podSelector: {matchLabels: {job-name: x}}}]",
        "podSelector: {}\ningress:\n- from: [{ipBlock: {cidr: 192.0.2.0/24}}]\n  ports: [{port: http}]",
        "podSelector: {}\ningress:\n- from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 192.168.0.0/16]}}]",
        "podSelector: {}\ningress:\n- from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: 'fd00::/8'}}]",
        "podSelector: {}\ningress:\n- ports: [{port: 9999}]",  # who listens there need not say so
        "podSelector: {}\ningress:\n- from: [{namespaceSelector: {}}]",
        f"podSelector: {{}}\negress:\n- to: [{{namespaceSelector: {{}}}}]\n  ports: [{{port: sql}}]\n- {DNS}",
        "podSelector: {}\ningress:\n- from: [" + HIDDEN + "]",
    ],
)
def test_what_may_well_be_meant_is_not_remarked(spec: str, tmp_path: Path) -> None:
    """No false alarm: closed on purpose, known at run time only, or pods that are not represented."""
    hidden = deployment("agent", "{}], hostNetwork: true, volumes: [", namespace="hidden")

    assert [] == remarked(tmp_path, spec, "{apiVersion: v1, kind: Namespace, metadata: {name: hidden}}\n", hidden)


def test_services_that_lead_nowhere_are_remarked(tmp_path: Path) -> None:
    """A selector that nobody fits, and the name of a port that none of its pods has."""
    found = made(tmp_path, WEB, service("wep"), service("web", "[{port: 80, targetPort: https}]")).remarks

    assert ["Service shop/wep selects no pod", "Service shop/web: none of its pods has a port named https/TCP"] == [
        r.text for r in found
    ]
