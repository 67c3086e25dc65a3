"""The scenario that manifests become: its text, its lines, its cells, and what is expected of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.errors import InputError, UsageError
from prober.model import Family
from prober.scenario import loads, matrix
from prober.workloads import Request, making, read
from tests.workloads.written import POLICY, deployment, made, service

WEB = deployment("web", "{ports: [{containerPort: 8080, name: http}]}", top="replicas: 2")
DB = deployment("db", "{ports: [{containerPort: 5432}]}")
KEEP = "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {password: aHVzaA==}}\n"
RULES = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: rules, annotations: {note: secret}}
spec:
  egress:
    - to:
        - ipBlock: {cidr: 10.20.0.0/16, except: [10.20.0.0/24]}
      ports: [{port: 5432}, {port: 53, protocol: UDP}]
    - to: [{ipBlock: {cidr: 192.0.2.7/32}}, {ipBlock: {cidr: "2001:db8::/64"}}]
  ingress: &rules
    - from: [{ipBlock: {cidr: 198.51.100.0/24}}]
  podSelector: {}
  policyTypes: [Ingress, Egress]
"""


def test_scenario_is_text_like_any_other(tmp_path: Path) -> None:
    """What the journal keeps is enough to read it again; and nothing of other objects is in it."""
    found = made(tmp_path, WEB, KEEP, service("web")).scenario

    assert found == loads(found.texts, found.path)
    assert "aHVzaA" not in "".join(found.texts.values())
    assert f"--workloads {tmp_path}/all.yaml" == found.path
    assert "all" == found.name


def test_rules_stand_where_they_were_written(tmp_path: Path) -> None:
    """Line by line, in their order, whatever else the file holds; annotations are left behind."""
    file = tmp_path / "all.yaml"
    file.write_text("---\n".join([WEB, RULES]))
    found = read(Request(workloads=(str(file),)))
    begin = WEB.count("\n") + 1
    (policy,) = found.state.policies.values()

    assert "default/rules" == str(policy.ref)
    assert f"{file}:{begin + 1}" == policy.at
    assert [f"{file}:{begin + n}" for n in (6, 9)] == [r.at for r in policy.egress]
    assert [f"{file}:{begin + 11}"] == [r.at for r in policy.ingress]
    assert "secret" not in found.scenario.texts[str(file)]


def test_shared_rules_stand_no_earlier_than_their_policy(tmp_path: Path) -> None:
    """An alias stands where it is used: a text cannot go back to where it was written."""
    twice = "apiVersion: v1\nkind: List\nitems:\n"
    for name, spec in (("a", "&s {podSelector: {}, ingress: [{}]}"), ("b", "*s")):
        twice += "- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n"
        twice += f"  metadata: {{name: {name}, namespace: shop}}\n  spec: {spec}\n"
    found = [p for p in made(tmp_path, twice, WEB).state.policies.values() if p.ingress]

    lines = {p.name: (p.at.split(":")[-1], p.ingress[0].at.split(":")[-1]) for p in found}
    assert {"a": ("4", "7"), "b": ("8", "11")} == lines


def test_cells_are_pods_the_resolver_and_hosts_outside(tmp_path: Path) -> None:
    """In the lab there is a host in every block, one in each exception, and the internet, which also asks in."""
    found = made(tmp_path, WEB, RULES)
    hosts = {e.name: (e.addresses[Family.IPV4], [str(p) for p in e.ports]) for e in found.scenario.topology.externals}

    assert {
        "internet": ("198.18.0.10", ["443"]),
        "ip-198-51-100-1": ("198.51.100.1", ["443"]),
        "ip-10-20-1-0": ("10.20.1.0", ["5432", "53/udp"]),
        "ip-10-20-0-1": ("10.20.0.1", ["5432", "53/udp"]),
        "ip-192-0-2-7": ("192.0.2.7", ["443"]),
    } == hosts
    cells = {str(f) for f in matrix(found.scenario, found.state)}
    assert {
        "shop/web -> shop/web-2:8080",
        "shop/web -> dns/kubernetes.default",
        "shop/web -> ext/internet:443",
    } <= cells
    assert {"ext/internet -> shop/web:8080", "ext/ip-198-51-100-1 -> shop/web:8080"} <= cells
    assert "ext/ip-192-0-2-7 -> shop/web:8080" not in cells
    assert () == made(tmp_path, WEB, RULES, lab=False).scenario.topology.externals


@pytest.mark.parametrize("block", ["10.244.0.0/16", "172.18.0.0/24", "224.0.0.0/4", "127.0.0.0/8"])
def test_block_without_a_free_address_has_no_host(block: str, tmp_path: Path) -> None:
    """Where the lab itself is, or nobody can be, nothing is invented."""
    found = made(tmp_path, WEB, RULES.replace("192.0.2.7/32", block)).scenario.topology.externals

    assert 4 == len(found)


def test_expectations_are_found_beside_and_mean_workloads(tmp_path: Path) -> None:
    """A workload's name means all its pods, and never one to itself because of that; lines are the file's own."""
    beside = tmp_path / "expectations.yaml"
    beside.write_text(
        "# ours\nexternal: {bank: {ports: [443], address: 192.0.2.9}}\nallowed: shop/web -> ext/bank\n"
        "denied:\n- shop/web -> shop/db\n- shop/web -> shop/web:http\n"
    )
    found = made(tmp_path, WEB, DB).scenario
    expected = [(str(e.pattern), e.ruling, e.file, e.line) for e in found.steps[0].expect]

    assert [
        *((f"shop/{name} -> ext/bank", "allowed", str(beside), 3) for name in ("web", "web-2")),
        *((f"shop/{name} -> shop/db", "denied", str(beside), 5) for name in ("web", "web-2")),
        ("shop/web -> shop/web-2:http", "denied", str(beside), 6),
        ("shop/web-2 -> shop/web:http", "denied", str(beside), 6),
    ] == expected
    assert "192.0.2.9" == found.topology.externals[0].addresses[Family.IPV4]


def test_expectations_of_nobody_stop_the_run(tmp_path: Path) -> None:
    """A pod, a port or a host that is not there is a mistake at the file's line."""
    beside = tmp_path / "flows.yaml"
    beside.write_text("denied:\n- shop/web -> shop/dbx\n- any -> ext/partner\n- web -> x\n")
    with pytest.raises(InputError) as caught:
        made(tmp_path, WEB, DB, expect=str(beside))
    assert [f"{beside}:4: denied[2]: `web` is no source"] == [str(m).split(";")[0] for m in caught.value.mistakes]
    beside.write_text("denied:\n- shop/web -> shop/dbx\n- any -> ext/partner\n")
    with pytest.raises(InputError) as caught:
        made(tmp_path, WEB, DB, expect=str(beside))

    assert {
        f"{beside}:2: denied: there is no pod shop/dbx then; did you mean `shop/db`?",
        f"{beside}:3: denied: there is no external host partner; declare it under `external`",
    } == {str(m) for m in caught.value.mistakes}


def test_two_expectation_files_are_wrong_use(tmp_path: Path) -> None:
    """Which one is meant nobody can know; --expect says so."""
    for name in ("prober.yaml", "expectations.yaml"):
        (tmp_path / name).write_text("denied: any -> any")
    with pytest.raises(UsageError, match="both stand beside the manifests; name one of them by --expect"):
        made(tmp_path, WEB)
    with pytest.raises(UsageError, match=r"--expect .*gone\.yaml: No such file or directory"):
        made(tmp_path, WEB, expect=str(tmp_path / "gone.yaml"))


def test_many_workloads_have_one_pod_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound of cells a second pod of each would cost four times as much and tell little."""
    monkeypatch.setattr(making, "MANY_CELLS", 8)
    found = made(tmp_path, WEB, DB)
    assert (True, 2) == (found.single, len(found.scenario.topology.pods))
    monkeypatch.setattr(making, "MANY_CELLS", 9)

    assert (False, 3) == (made(tmp_path, WEB, DB).single, len(made(tmp_path, WEB, DB).scenario.topology.pods))


def test_words_lead_back_to_the_manifests() -> None:
    """The scenario's path is what a shell takes: flags in order, names quoted, a source last."""
    request = Request(policies=("a b",), workloads=("-", "c"), expect="e", namespace="shop")

    assert "--expect e --default-namespace shop --policies 'a b' --workloads - --workloads c" == request.words()


def test_policy_in_a_namespace_without_pods_is_there(tmp_path: Path) -> None:
    """Its namespace is meant though nobody lives in it."""
    found = made(tmp_path, WEB, POLICY.replace("shop", "empty"))

    assert "empty" in found.state.namespaces
