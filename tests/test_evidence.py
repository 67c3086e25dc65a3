"""Tests of prober.evidence: what a journal says to an auditor, and that it can be checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given

from prober import journal
from prober.evidence import (
    NO_POD,
    Author,
    ClockOffset,
    Evidence,
    Identified,
    NodeFacts,
    ProbeImage,
    canonical,
    collected,
    digest,
    plain,
    read,
)
from prober.journal import Event
from prober.model import Namespace, Pod, Topology
from prober.model.plain import plain_state
from prober.model.plan import planned
from tests.report import strategies

PATH = "a.scenario.yaml"
STATE = planned(
    Topology(
        namespaces=(Namespace(name="payments"),),
        pods=(Pod(namespace="payments", name="api", node=1), Pod(namespace="payments", name="db", node=1)),
    )
)[0]
STORED = {
    "apiVersion": "networking.k8s.io/v1",
    "metadata": {
        "uid": "7",
        "resourceVersion": "12",
        "name": "deny",
        "namespace": "pr-x-payments",
        "labels": {"prober/run": "x"},
    },
    "spec": {"policyTypes": ["Ingress"], "podSelector": {}},
}


def began(facts: Evidence | None = None) -> journal.RunStarted:
    return journal.RunStarted(
        run="r",
        version="0.1.0",
        cluster="kube",
        at=5.0,
        wall="2026-11-21T09:45:12+00:00",
        settings={},
        texts={},
        scenarios=[PATH],
        facts=plain(facts) if facts else {},
    )


def opened(**images: str) -> journal.Opened:
    return journal.Opened(scenario=PATH, at=6.0, state=plain_state(STATE), nodes=1, images=images)


def acted(action: str, **more: object) -> journal.Acted:
    words = {"scenario": PATH, "step": 0, "begin": 7.0, "end": 7.1, "addresses": {}, "node": None}
    return journal.Acted(action=action, **{**words, **more})  # type: ignore[arg-type]


@given(strategies.evidence)
def test_evidence_comes_back_equal(evidence: Evidence) -> None:
    """What is written as plain data is read back as the same evidence, through JSON too."""
    assert evidence == read(json.loads(json.dumps(plain(evidence))))


@pytest.mark.parametrize(
    ("message", "change"),
    [
        pytest.param("evidence.by: it is missing", {"by": ...}, id="missing"),
        pytest.param("evidence.more: it is unknown", {"more": 1}, id="unknown"),
        pytest.param("evidence.by: an object is expected", {"by": []}, id="object"),
        pytest.param("evidence.nodes: a list is expected", {"nodes": {}}, id="list"),
        pytest.param("evidence.tools: an object is expected, of texts", {"tools": {"nft": 1}}, id="texts"),
        pytest.param("evidence.started: str is expected", {"started": 1}, id="text"),
        pytest.param("evidence.images[0].pods: int is expected", {"images": [{"digest": "", "pods": True}]}, id="bool"),
    ],
)
def test_what_is_no_evidence_is_told_by_its_place(message: str, change: dict[str, object]) -> None:
    """A value that is missing, unknown or of another type is named by its place."""
    data = {k: v for k, v in {**plain(Evidence()), **change}.items() if v is not ...}

    with pytest.raises(ValueError, match=message.replace("[", r"\[").replace("]", r"\]")):
        read(data)


def test_survey_is_in_it_with_begin_and_end() -> None:
    """What was known before the run stands in it, and when the run began and ended by the clock on the wall."""
    facts = Evidence(cluster=Identified(uid="u-1"), by=Author(user="mia"), unknown=("engines: forbidden",))
    ended = journal.RunEnded(at=9.0, interrupted=False, wall="2026-11-21T09:46:00+00:00")
    found = collected([began(facts), ended])

    assert ("u-1", "mia", ("engines: forbidden",)) == (found.cluster.uid, found.by.user, found.unknown)
    assert ("2026-11-21T09:45:12+00:00", "2026-11-21T09:46:00+00:00") == (found.started, found.ended)
    assert "" == collected([began(facts)]).ended


def test_damaged_survey_is_said_and_hides_nothing_else() -> None:
    """A survey that cannot be read is named as unknown; what the run itself saw is there all the same."""
    damaged = replace(began(), facts={"cluster": 1})
    found = collected([damaged, opened(**{"payments/api": "sha256:1"})])

    assert 1 == len(found.unknown)
    assert "the survey cannot be read: evidence." in found.unknown[0]
    assert (ProbeImage(digest="sha256:1", pods=1),) == found.images


def test_node_without_a_probe_pod_is_not_covered() -> None:
    """Only nodes on which a probe pod ran are covered; of the others the reason is told, and pods added later count."""
    known = Evidence(
        nodes=(
            NodeFacts(name="one", number=1),
            NodeFacts(name="two", number=2),
            NodeFacts(name="win", number=3, why="runs windows"),
        )
    )
    found = collected([began(known), opened()]).nodes
    added = collected([began(known), opened(), acted("add pod payments/late", node=2)]).nodes

    assert [(2, ""), (0, NO_POD), (0, "runs windows")] == [(n.pods, n.why) for n in found]
    assert [(2, ""), (1, ""), (0, "runs windows")] == [(n.pods, n.why) for n in added]


def test_nodes_of_the_lab_come_from_the_scenarios() -> None:
    """Where no survey names nodes, those of the scenarios' states are told."""
    found = collected([began(), opened()]).nodes

    assert [(ref.number, STATE.nodes[ref].name) for ref in sorted(STATE.nodes, key=lambda r: r.number)] == [
        (n.number, n.name) for n in found
    ]


def test_images_are_counted_by_digest() -> None:
    """Each digest that a probe ran is there once, with the number of its pods, those of added pods too."""
    events: list[Event] = [
        began(),
        opened(**{"payments/api": "sha256:1", "payments/db": "sha256:2"}),
        acted("add pod payments/late", image="sha256:1"),
    ]

    assert (ProbeImage(digest="sha256:1", pods=2), ProbeImage(digest="sha256:2", pods=1)) == collected(events).images


def test_stored_policy_has_its_step_and_a_hash_that_anybody_can_make_again() -> None:
    """A policy stands as it was stored, under the author's number of the step, with the SHA-256 of what decides."""
    (found,) = collected([began(), acted("apply payments/deny", stored=STORED), acted("delete payments/deny")]).policies
    text = (
        '{"metadata":{"labels":{"prober/run":"x"},"name":"deny","namespace":"pr-x-payments"},'
        '"spec":{"podSelector":{},"policyTypes":["Ingress"]}}'
    )

    assert (PATH, 1, "payments/deny", STORED) == (found.scenario, found.step, found.policy, found.stored)
    assert text == canonical(STORED)
    assert hashlib.sha256(text.encode()).hexdigest() == found.sha256


def test_hash_depends_on_what_decides_and_on_nothing_else() -> None:
    """Another spec or label is another hash; another UID or order of keys is not."""
    spec = {**STORED, "spec": {"podSelector": {}, "policyTypes": ["Egress"]}}
    moved = dict(reversed(STORED.items()))
    renewed = {**STORED, "metadata": {**STORED["metadata"], "uid": "8"}}  # type: ignore[dict-item]

    assert digest(STORED) != digest(spec)
    assert {digest(STORED)} == {digest(moved), digest(renewed)}


def test_clocks_tell_their_offset_and_how_sure_it_is() -> None:
    """Of several readings of a clock the smallest difference is its offset, their spread what it may be off by."""
    clocks = [
        journal.Clock(scenario=PATH, round=n, source="payments/api", uptime=100.0, at=at)
        for n, at in enumerate((107.5, 107.25, 107.75))
    ]
    server = ClockOffset(scenario="", source="API server", offset=0.1, spread=1.0)

    assert (
        server,
        ClockOffset(scenario=PATH, source="payments/api", offset=7.25, spread=0.5),
    ) == collected([began(Evidence(clocks=(server,))), *clocks]).clocks


def test_nothing_is_evidence_too() -> None:
    """A journal that lacks everything gives empty evidence, and no error."""
    assert Evidence() == collected([])
