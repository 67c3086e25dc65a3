"""Tests of prober.cluster.kube.access: what the doctor asks for is what the manifest grants."""

from __future__ import annotations

from pathlib import Path

import yaml

from prober.cluster.kube.access import NEEDS

RBAC = Path(__file__).parents[3] / "manifests" / "rbac.yaml"
OPTIONAL = "priorityclasses"  # without it pods have the cluster's default priority


def test_needs_are_what_the_manifest_grants() -> None:
    """The ClusterRole of manifests/rbac.yaml and the doctor's list name the same verbs for the same kinds."""
    (role,) = (d for d in yaml.safe_load_all(RBAC.read_text(encoding="utf-8")) if d["kind"] == "ClusterRole")
    granted = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if resource != OPTIONAL
    }

    assert {(n.group, n.resource): set(n.verbs) for n in NEEDS} == granted
