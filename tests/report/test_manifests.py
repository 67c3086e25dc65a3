"""What a person reads of his own manifests: what is in them, the matrix, and the rule behind each mark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from prober.outcomes import Status, Verdict
from prober.report.manifests import intent, notes, overview, reach
from prober.workloads import Manifests
from tests.report.build import cell, run, scenario, step
from tests.workloads.written import deployment, made, service

WEB = deployment("web", "{ports: [{containerPort: 8080, name: http}]}", top="replicas: 2")
DB = deployment("db", "{ports: [{containerPort: 5432}]}", namespace="data")
DB_POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec:
  podSelector: {}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}]
"""
INGRESS = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: x, namespace: shop}}\n"
CONFIG = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n"


def manifests(tmp_path: Path, *more: str) -> Manifests:
    """Return two workloads with a policy each."""
    return made(tmp_path, WEB, DB, DB_POLICY, *more)


def test_overview_says_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    """Counts, what has no say, and one line for each thing that is not represented or odd."""
    found = manifests(tmp_path, INGRESS, CONFIG, service("gone"))
    lines = overview(found).splitlines()

    assert "manifests: 2 policies, 2 workloads as 3 pods, 1 Service, in 2 namespaces; read from 1 file" == lines[0]
    assert "  no say here: 1 ConfigMap" == lines[1]
    assert "not represented:" == lines[2]
    assert lines[3].startswith(f"  Ingress shop/x ({tmp_path}/all.yaml:29): what comes through it")
    assert ["remarks:", f"  {tmp_path}/all.yaml:33: Service shop/gone selects no pod"] == lines[4:]
    assert lines[:2] == overview(found, noted=True).splitlines()
    assert [f"not represented: {lines[3].strip()}", lines[5].strip()] == list(notes(found))


def test_many_lines_are_cut_unless_all_are_asked_for(tmp_path: Path) -> None:
    """Twenty of a kind are shown; --verbose shows them all, and says so."""
    found = manifests(tmp_path, *(INGRESS.replace("name: x", f"name: x{i}") for i in range(25)))

    assert "  and 5 more (--verbose lists them)" == overview(found).splitlines()[-1]
    assert 25 == overview(found, verbose=True).count("Ingress shop/")


def test_matrix_is_by_workloads_and_says_why(tmp_path: Path) -> None:
    """Sources down, numbered targets across; below each target's number who reaches it, by which rule and line."""
    at = f"{tmp_path}/all.yaml"
    page = reach(manifests(tmp_path), None).splitlines()

    assert page[2:7] == [
        "              1  2  3  4",
        "shop/web      X  .  .  .",
        "data/db       X     .  .",
        "ext/internet  X  X",
        "",
    ]
    assert page[7:18] == [
        "  1  shop/web:8080",
        "       denied by ingress: shop/web, data/db, ext/internet",
        "  2  data/db:5432",
        f"       allowed: shop/web; by data/db, rule 1 ({at}:27)",
        "       denied by ingress: ext/internet",
        "  3  dns/kubernetes.default",
        "       allowed: shop/web, data/db; no policy isolates either end",
        "  4  ext/internet:443",
        "       allowed: shop/web, data/db; no policy isolates either end",
        "",
        "isolated by:",
    ]
    assert f"  ingress of shop/web: shop/deny ({at}:29)" == page[18]
    assert "  egress of shop/web: nobody: everything is allowed" == page[19]


def test_marks_are_what_was_proved(tmp_path: Path) -> None:
    """Of a run, a leak is `!`, what was not proved `?`, and where a workload's pods differ `~`."""
    found = manifests(tmp_path)
    cells = (
        cell("data/db -> shop/web:8080", "DENIED", "ALLOWED"),
        cell("data/db -> shop/web-2:8080"),
        cell("shop/web -> data/db:5432", "ALLOWED"),
        cell("shop/web-2 -> data/db:5432", "DENIED"),
        cell("ext/internet -> data/db:5432", status=Status.UNKNOWN, observed=Verdict.UNKNOWN),
    )
    ran = replace(scenario(step(*cells)), path=found.scenario.path)
    page = reach(found, run(ran)).splitlines()

    assert ["              1  2", "shop/web         ~", "data/db       !", "ext/internet     ?"] == page[2:6]


def test_wide_matrix_comes_in_bands(tmp_path: Path) -> None:
    """No line is wider than the page, and each band has its rows again."""
    found = made(tmp_path, *(deployment(f"w{i}", "{ports: [{containerPort: 80}]}") for i in range(12)))
    page = reach(found, None, width=40).split("\n\n")

    assert all(len(line) <= 40 for band in page[1:3] for line in band.splitlines())
    assert [13, 13] == [sum(line.startswith(("shop", "ext")) for line in band.splitlines()) for band in page[1:3]]


def test_intent_is_known_without_a_packet(tmp_path: Path) -> None:
    """The author's line, the flow, the rule and its place; a workload's pods make one finding of one line."""
    (tmp_path / "expectations.yaml").write_text("denied: shop/web -> data/db\nallowed: [shop/web -> dns/x]\n")
    (found,) = intent(manifests(tmp_path))

    assert found.startswith(
        f"{tmp_path}/expectations.yaml:1: denied: expected denied, but shop/web -> data/db:5432 is allowed"
    )
    assert f"data/db, rule 1 is in {tmp_path}/all.yaml:27 (one of 2 such flows of this line)" in found
