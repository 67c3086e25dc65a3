"""Tests of prober.report.redaction."""

from __future__ import annotations

import json as plain_json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings

from prober.evidence import (
    Author,
    EngineOnNode,
    Evidence,
    Identified,
    Image,
    NamespaceFacts,
    NodeFacts,
    StoredPolicy,
    digest,
)
from prober.flows import parse_flow
from prober.report import html, json, junit, markdown, prometheus, text
from prober.report.redaction import redacted
from prober.result import RunResult
from tests.report.build import cell, run, scenario, step
from tests.report.strategies import runs

RENDERERS = (text.render, html.render, json.render, junit.render, markdown.render, prometheus.render)
STORED = {
    "metadata": {"name": "acme-deny", "namespace": "pr-x7-vault", "labels": {"acme.example/team": "treasury"}},
    "spec": {"podSelector": {"matchLabels": {"app": "ledger"}}, "policyTypes": ["Ingress"]},
}
SECRETS = (
    *(
        "vault",
        "ledger",
        "shopfront",
        "acme-deny",
        "treasury",
        "acme.example",
        "prod-eu",
        "api.acme.example",
        "gateway",
    ),
    *("10.20.30.40", "fd00:20::40", "203.0.113.77", "ip-10-20-30-1", "mia@acme.example", "mias-laptop", "tellers"),
    *("/home/mia", "registry.acme.example", "89f01b49-0058-4d5f-acc5-82ece4b4c105", "0a:58:0a:f4:00:02", "bank-hr"),
)
FLOW = "shopfront/gateway -> vault/ledger:5432"
SECRET = run(
    scenario(
        step(
            cell(
                FLOW,
                observed="ALLOWED",
                reason="connected 4 of 4; denied by vault/acme-deny",
                judgement="ingress of vault/ledger is isolated by vault/acme-deny; 10.20.30.40 is in 10.20.0.0/16",
                command="nc -w 1 10.20.30.40 5432",
                again="kubectl --context prod-eu exec -n pr-x7-shopfront p1-x7-gateway-abcde -- nc fd00:20::40 5432",
            ),
            cell("shopfront/gateway -> name/ledger.vault.svc:5432"),
            actions=("apply vault/acme-deny",),
            name="only gateway may reach the vault",
        ),
        name="vault-is-closed",
        path="/home/mia/scenarios/vault-is-closed.scenario.yaml",
        evidence="node/1 ip-10-20-30-1: healthy 0a:58:0a:f4:00:02\npod uid=89f01b49-0058-4d5f-acc5-82ece4b4c105",
        trouble="Get https://api.acme.example:6443: dial tcp 203.0.113.77:6443",
    ),
    cluster="kube: prod-eu, https://api.acme.example:6443, Kubernetes v1.34.4",
    evidence=Evidence(
        cluster=Identified(
            uid="89f01b49-0058-4d5f-acc5-82ece4b4c105", server="https://api.acme.example:6443", context="prod-eu"
        ),
        by=Author(
            user="mia@acme.example",
            groups=("system:authenticated", "tellers"),
            host="mias-laptop",
            command="prober run x --kubeconfig /home/mia/.kube/config --context prod-eu",
        ),
        nodes=(NodeFacts(name="ip-10-20-30-1", number=1, pods=2),),
        namespaces=(NamespaceFacts(name="kube-system"), NamespaceFacts(name="bank-hr", why="not ours")),
        engines=(
            EngineOnNode(
                node="ip-10-20-30-1",
                engine="Calico",
                pod="kube-system/calico-node-1",
                ready=True,
                images=(
                    Image(
                        container="c",
                        image="registry.acme.example/calico:v3",
                        digest="registry.acme.example/calico@sha256:1",
                    ),
                ),
            ),
        ),
        policies=(StoredPolicy(scenario="s", step=1, policy="vault/acme-deny", sha256=digest(STORED), stored=STORED),),
    ),
)


def words(found: RunResult) -> str:
    return json.render(found)


@pytest.mark.parametrize("render", RENDERERS, ids=lambda r: r.__module__.rpartition(".")[2])
def test_no_format_tells_a_secret(render: Callable[[RunResult], str]) -> None:
    """Of names, addresses, users, machines and paths nothing is left, in free text, commands and evidence either."""
    assert set() != {s for s in SECRETS if s in render(SECRET)}, "the secrets are there before"

    page = render(redacted(SECRET))
    assert set() == {s for s in SECRETS if s in page}


def test_pseudonyms_are_the_same_everywhere() -> None:
    """One name has one pseudonym: in the flow, in the reason, in the policy and in the command."""
    found = redacted(SECRET)
    first, second = found.scenarios[0].steps[0].cells
    stored = found.evidence.policies[0].stored

    assert (parse_flow("namespace-2/pod-1 -> namespace-3/pod-2:5432"), "denied by namespace-3/policy-1") == (
        first.flow,
        first.reason.partition("; ")[2],
    )
    assert "name/pod-2.namespace-3.svc:5432" in str(second.flow)
    assert "ingress of namespace-3/pod-2 is isolated by namespace-3/policy-1; address-2 is in address-3/16" == (
        first.judgement
    )
    assert "nc -w 1 address-2 5432" == first.command
    assert {"app": "pod-2"} == stored["spec"]["podSelector"]["matchLabels"]
    assert "only pod-1 may reach the namespace-3" == found.scenarios[0].steps[0].name


def test_figures_statuses_versions_and_hashes_stay() -> None:
    """What was proved, when, by which version, on which engine, and the hash of each policy are what they were."""
    found = redacted(SECRET)

    assert (SECRET.proof, SECRET.counts, SECRET.exit_code()) == (found.proof, found.counts, found.exit_code())
    assert (SECRET.version, SECRET.started, SECRET.run) == (found.version, found.started, found.run)
    assert digest(STORED) == found.evidence.policies[0].sha256
    assert ("Calico", "kube-system/calico-node-1") == (found.evidence.engines[0].engine, found.evidence.engines[0].pod)
    assert "cluster: kube: cluster-1, https://server-1:6443, Kubernetes v1.34.4" == found.banner
    assert ("system:authenticated", "group-1") == found.evidence.by.groups


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("address-1 and address-1:80, not 1.34.4", "10.0.0.1 and 10.0.0.1:80, not 1.34.4"),
        ("[address-1]:443 at 14:30:05+00:00", "[2001:db8::7]:443 at 14:30:05+00:00"),
        ("from address-1.", "from 10.0.0.1."),
        ("0.0.0.0/0, ::/0 and 127.0.0.1 stay", "0.0.0.0/0, ::/0 and 127.0.0.1 stay"),
        ("address-1/8 except address-2/32", "10.0.0.0/8 except 10.1.0.0/32"),
        ("a denial at d is a denial, a/c is not", "a denial at d is a denial, a/c is not"),
    ],
)
def test_addresses_in_free_text(expected: str, said: str) -> None:
    """Addresses of both families are found with ports, brackets and prefixes; versions and times are none."""
    found = redacted(run(scenario(step(cell("x/y -> z/z:80")), trouble=said)))

    assert expected == found.scenarios[0].trouble


def test_short_name_is_replaced_where_it_stands_as_a_name() -> None:
    """A pod called `b` is a word of every text, so it is replaced beside a slash or a dot alone."""
    found = redacted(run(scenario(step(cell("a/b -> c/d:80", reason="a denial by c/deny; b is fine")))))

    assert "a denial by namespace-2/deny; b is fine" == found.scenarios[0].steps[0].cells[0].reason
    assert "namespace-1/pod-1 -> namespace-2/pod-2:80" == str(found.scenarios[0].steps[0].cells[0].flow)


def test_lab_stays_the_lab() -> None:
    """A report from the lab says so whatever is redacted."""
    assert "lab: proves the policies, says nothing about any cluster" == redacted(run()).banner


@given(runs)
@settings(max_examples=40, deadline=None)
def test_every_run_can_be_redacted(result: RunResult) -> None:
    """Whatever a run is, its redaction has the same figures and can be written and read."""
    found = redacted(result)

    assert (result.counts, result.proof) == (found.counts, found.proof)
    assert found == json.read(json.render(found))[0]
    assert plain_json.loads(json.render(found))["journal"] == []


def test_different_flows_stay_different() -> None:
    """No two names share a pseudonym, not even with a pod that is called like one."""
    flows = ["a1x/pod-1 -> a1x/pod-2:80", "a1x/pod-2 -> a1x/pod-1:80", "pod-1/a1x -> pod-2/pod-1:80"]
    found = redacted(run(scenario(step(*map(cell, flows)))))

    assert 3 == len({c.flow for c in found.scenarios[0].cells})
    assert replace(found, scenarios=()) == replace(redacted(run()), scenarios=())
