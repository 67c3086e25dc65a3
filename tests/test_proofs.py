"""Whether a denial counts, asked directly: each guard holds by itself, also where another would hold too."""

from __future__ import annotations

from collections.abc import Sequence

from prober.expect import expectations
from prober.flows import parse_flow
from prober.journal import Event
from prober.outcomes import Verdict
from prober.proofs import Chapter, Proofs
from prober.scenario import loads
from prober.story import advance, reopened, tell
from tests.telling import PATH, Told, cell, journal, judged

GOES_AGAIN = """\
summary: A pod comes under a policy and goes again
namespaces: {shop: {}}
pods: {shop/a: {}}
steps:
  - name: come
    add: {shop/b: {labels: {app: b}, ports: [80]}}
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-b, namespace: shop}
      spec: {podSelector: {matchLabels: {app: b}}}
  - {name: go, remove: shop/b}
"""
NOBODY = """\
summary: A Service that nobody serves
namespaces: {shop: {}}
pods: {shop/a: {labels: {app: a}}}
services: {shop/web: {selector: {app: b}, ports: [80]}}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-a, namespace: shop}
      spec: {podSelector: {}, policyTypes: [Egress]}
    expect: {denied: [shop/a -> svc/shop/web:80]}
"""
A_B, A_SVC = "shop/a -> shop/b:80", "shop/a -> svc/shop/web:80"


def proofs(text: str, events: Sequence[Event]) -> tuple[Proofs, list[Chapter]]:
    """Return a journal's proofs and chapters."""
    scenario, story = loads({PATH: text}, PATH), tell(PATH, events)
    assert story.state is not None
    state, chapters = story.state, []
    for told in story.phases:
        step = scenario.steps[told.step] if told.kind == "step" else None
        state = advance(state, step.actions, told.acted) if step else state
        state = reopened(state, story.state) if told.kind == "restore" else state
        chapters.append(Chapter(told, state, expectations(scenario, step, state)))
    return Proofs(story, chapters), chapters


def test_denial_without_any_control_is_unproved() -> None:
    """Rule 1: a pod that is there neither before nor after has no control, and its denial none."""
    events = journal(GOES_AGAIN)
    it, chapters = proofs(GOES_AGAIN, events)
    come = chapters[1]
    assert "it never had a control" == it.unproved(come, parse_flow(A_B), come.told.rounds[0])
    assert Verdict.UNKNOWN is cell(judged(events, GOES_AGAIN), A_B, "come").observed


def test_denial_that_nobody_vouches_for_means_nothing() -> None:
    """Rule 1: a Service without a backend refuses whatever the policies say; an author's word makes it no denial."""
    refused = Told(seen={A_SVC: "REFUSED"})
    events = journal(NOBODY, control=[refused], steps=[[refused] * 2], restore=[refused])
    it, chapters = proofs(NOBODY, events)
    deny, flow = chapters[1], parse_flow(A_SVC)
    reading = it.reading(deny, flow, deny.expected[flow], deny.told.rounds[0])
    assert (Verdict.UNKNOWN, "nothing can vouch for svc/shop/web") == (reading.verdict, reading.doubt)
    assert "it never had a control" == it.unproved(deny, flow, deny.told.rounds[0])
    assert 3 == judged(events, NOBODY).exit_code()
