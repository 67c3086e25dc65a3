"""Policies as people write them: what peers read wrongly from YAML, read here and judged (semantics 8 to 30)."""

from __future__ import annotations

import pytest

from prober.manifest import load
from prober.model import PodRef
from tests.oracle.build import ALLOWED, DENIED, pod, ruling, state

PODS = (
    pod("a/web", "app=web", at="10.244.0.1"),
    pod("a/db", "app=db", at="10.244.0.2"),
    pod("a/bare", at="10.244.0.3"),
    pod("b/web", "app=web", at="10.244.1.1"),
    pod("b/other", "app=", at="10.244.1.2"),
)


def reaches(spec: str) -> tuple[str, str]:
    """Return who gets to a/db, and whom a/db gets to, under one policy over it with this beside its podSelector."""
    head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: a}\n"
    head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: a}\n"
    text = f"{head}spec:\n  podSelector: {{matchLabels: {{app: db}}}}\n  {spec}\n"
    given = state(*PODS, *(located.it for located in load(text, "policy.yaml")))
    others = [str(p) for p in given.pods if p != PodRef("a", "db")]
    comes = [o for o in others if ruling(given, f"{o} -> a/db:80") is not DENIED]
    goes = [o for o in others if ruling(given, f"a/db -> {o}:80") is ALLOWED]
    return " ".join(comes), " ".join(goes)


ALL, NONE = "a/web a/bare b/web b/other", ""


@pytest.mark.parametrize(
    ("expected", "spec"),
    [
        pytest.param((NONE, ALL), "", id="s08-missing-policyTypes-deny-ingress-only"),
        pytest.param((NONE, ALL), "policyTypes: []", id="s08-empty-policyTypes-are-missing"),
        pytest.param((NONE, ALL), "egress: []", id="s08-empty-egress-adds-no-type"),
        pytest.param((NONE, ALL), "egress: [{}]", id="s08-egress-rules-add-to-ingress"),
        pytest.param((ALL, NONE), "policyTypes: [Egress]", id="s10-egress-without-rules"),
        pytest.param((ALL, ALL), "ingress: [{}]", id="s11-an-empty-rule"),
        pytest.param((NONE, ALL), "policyTypes: [Ingress, Ingress]", id="s12-the-same-type-twice"),
        pytest.param((ALL, ALL), "ingress: [{from: []}]", id="s15-empty-from-is-everyone"),
        pytest.param(
            ("a/web a/bare", ALL),
            "ingress: [{from: [{podSelector: {}}]}]",
            id="s17-empty-podSelector",
        ),
        pytest.param(
            (ALL, ALL),
            "ingress: [{from: [{namespaceSelector: {}}]}]",
            id="s18-empty-namespaceSelector",
        ),
        pytest.param(
            ("b/web", ALL),
            "ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: b}}, "
            "podSelector: {matchLabels: {app: web}}}]}]",
            id="s16-s21-one-element-is-AND",
        ),
        pytest.param(
            ("a/web b/web b/other", ALL),
            "ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: b}}}, "
            "{podSelector: {matchLabels: {app: web}}}]}]",
            id="s16-s21-two-elements-are-OR",
        ),
        pytest.param(
            ("a/bare b/other", ALL),
            "ingress: [{from: [{namespaceSelector: {}, podSelector: "
            "{matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}]}]",
            id="s20-NotIn-takes-the-absent-key",
        ),
        pytest.param(
            ("b/other", ALL),
            'ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: ""}}}]}]',
            id="s20-an-empty-value-needs-its-key",
        ),
        pytest.param(
            ("a/web a/bare", ALL),
            "ingress: [{from: [{ipBlock: {cidr: 10.244.0.9/24}}]}]",
            id="s30-host-bits-are-masked",
        ),
    ],
)
def test_what_a_manifest_means(expected: tuple[str, str], spec: str) -> None:
    """A policy read with the API's defaults lets in, and out, exactly these pods."""
    assert expected == reaches(spec)
