"""The proof rules, one by one, on journals told by hand; each test names its rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prober.flows import parse_flow
from prober.journal import (
    Acted,
    Arrived,
    Attempt,
    Clock,
    Event,
    Evidence,
    Opened,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    ScenarioEnded,
    Skipped,
    Trouble,
)
from prober.outcomes import Outcome, Status, Verdict
from prober.scenario import loads
from prober.verdict import judge
from tests.telling import (
    A_B,
    A_B_UDP,
    A_C,
    B_B,
    C_C,
    DENY_B,
    OK,
    PATH,
    WAY,
    Told,
    cell,
    changed,
    journal,
    judged,
    phase,
    replaced,
    told,
    verdict_of,
    without_phase,
)

PASS, LEAK, BREAK, FLAKY = Status.PASS, Status.LEAK, Status.BREAK, Status.FLAKY
UNKNOWN, SKIPPED, OBSERVED = Status.UNKNOWN, Status.SKIPPED, Status.OBSERVED
TWICE = 2  # rounds of a step with --hold 1


# --- what all is well looks like


def test_all_well_is_green() -> None:
    """Denied between two controls, allowed all along: everything is proved, exit 0."""
    result = judged(journal())
    assert (0, "") == (result.exit_code(), result.trouble)
    assert result.proof.startswith("proved 4 denials and 2 allows on 2 nodes")
    assert {PASS} == {c.status for c in result.scenarios[0].cells}
    found = cell(result)
    assert (Verdict.DENIED, Outcome.TIMED_OUT) == (found.observed, found.outcome)
    assert found.reason == "timed out 2 of 2; denied by shop/no-b"
    assert f"nc {A_B}" == found.command
    assert TWICE == found.attempts


def test_cell_has_every_attempt_with_its_times_and_texts() -> None:
    """A cell keeps what each round saw of it: when, for how long, what nc wrote, and what that means."""
    events = journal(steps=[[told(ab="SILENT"), OK, OK]])
    acted = next(e.end for e in events if isinstance(e, Acted))
    begun = [e.begin - 1000 for e in events if isinstance(e, Attempt) and e.flow == A_B and e.round in (1, 2, 3)]
    found = cell(judged(events)).readings
    assert [1, 2, 3] == [r.round for r in found]
    assert [(begin - acted, 1.0) for begin in begun] == [(r.after, r.seconds) for r in found]
    assert [
        (Outcome.SILENT, Verdict.UNKNOWN),
        (Outcome.TIMED_OUT, Verdict.DENIED),
        (Outcome.TIMED_OUT, Verdict.DENIED),
    ] == [(r.outcome, r.verdict) for r in found]
    assert ["connected, but no name came back: 'recorded as SILENT'", "", ""] == [r.doubt for r in found]
    assert ["recorded as SILENT", "recorded as TIMED_OUT", "recorded as TIMED_OUT"] == [r.text for r in found]


def test_cluster_that_enforces_nothing_is_red() -> None:
    """The first demand of all: where everything connects, nothing is green (exit 1)."""
    open_ = told(ab="CONNECTED", abu="CONNECTED", cb="CONNECTED", cbu="CONNECTED")
    result = judged(journal(steps=[[open_] * 9]))
    assert 1 == result.exit_code()
    assert {LEAK: 4, PASS: 2} == {s: [c.status for c in phase(result, "step").cells].count(s) for s in (LEAK, PASS)}
    assert "connected 9 of 9" in cell(result).reason


def test_cluster_that_denies_everything_at_all_times_is_no_proof() -> None:
    """Where nothing ever connects there is no control: exit 3, no PASS, and no finding either."""
    dead = told(ab="TIMED_OUT", abu="TIMED_OUT", ac="TIMED_OUT", bc="TIMED_OUT", cb="TIMED_OUT", cbu="TIMED_OUT")
    result = judged(journal(control=[dead], steps=[[dead] * 2], restore=[dead]))
    assert 3 == result.exit_code()
    assert {UNKNOWN} == {c.status for c in result.scenarios[0].cells}


# --- rule 1: controls


def test_denial_without_the_earlier_control_is_unknown() -> None:
    """Rule 1: a cell that did not connect before any policy was never shown to be open."""
    found = verdict_of(control=[told(ab="TIMED_OUT")])
    assert found.status is UNKNOWN
    assert "did not connect before any policy" in found.reason


def test_denial_without_the_later_control_is_unknown() -> None:
    """Rule 1: a cell that does not connect after the last policy may be broken since."""
    found = verdict_of(restore=[told(ab="TIMED_OUT")])
    assert found.status is UNKNOWN
    assert "did not connect after the last policy" in found.reason


@pytest.mark.parametrize("kind", ["control", "restore"])
def test_denial_whose_control_never_ran_is_unknown(kind: str) -> None:
    """Rule 1: a journal without one of its controls proves no denial."""
    result = judged(without_phase(journal(), kind))
    assert PASS not in {c.status for c in result.scenarios[0].cells if c.expected is Verdict.DENIED}
    assert 0 != result.exit_code()


def test_later_control_that_fails_while_the_target_lives_is_a_break() -> None:
    """Rule 1: not released after the policies are gone is a BREAK of its own."""
    result = judged(journal(restore=[told(ab="TIMED_OUT")]))
    assert cell(result, name="restore").status is BREAK
    assert 1 == result.exit_code()


def test_later_control_that_fails_with_a_dead_target_is_unknown() -> None:
    """Rule 1: where the own-address probe fails too, the target died: no finding, no proof."""
    dead = told(ab="REFUSED", cb="REFUSED", bb="REFUSED")
    result = judged(journal(restore=[dead]))
    assert cell(result, name="restore").status is UNKNOWN
    assert cell(result).status is UNKNOWN
    assert 3 == result.exit_code()


def test_control_that_connects_at_last_is_one() -> None:
    """Rule 1: a control may need rounds until all connects."""
    slow = told(ab="TIMED_OUT")
    assert verdict_of(control=[slow, slow, OK], restore=[slow, OK]).status is PASS


@pytest.mark.parametrize("outcome", ["TIMED_OUT", "REFUSED", "UNREACHABLE"])
def test_denial_in_a_round_whose_target_was_dead_is_unknown(outcome: str) -> None:
    """Rule 1: in every round the target connects to its own address, or a denial there counts for nothing."""
    found = verdict_of(steps=[[told(ab=outcome, bb="REFUSED")] * 2])
    assert found.status is UNKNOWN
    assert "shop/b was not seen alive: its own address gave REFUSED" in found.reason


@pytest.mark.parametrize(
    "dead", ["REFUSED", "TIMED_OUT", "SILENT", "WRONG_PEER", "NO_RESULT", "NO_NAME", "UNREACHABLE"]
)
def test_only_a_connection_to_the_own_address_vouches(dead: str) -> None:
    """Rule 1: the own-address probe must say the target's name, nothing less."""
    assert verdict_of(steps=[[told(bb=dead)] * 2]).status is UNKNOWN


def test_one_round_with_a_dead_target_does_not_count() -> None:
    """Rule 1: a denial counts only in a round where the target was alive; others in a row may settle it."""
    dead = told(bb="NO_RESULT")
    assert verdict_of(steps=[[OK, dead]]).status is UNKNOWN
    assert verdict_of(steps=[[dead, OK]]).status is UNKNOWN
    assert verdict_of(steps=[[dead, OK, OK]]).status is PASS


def test_own_address_of_the_same_port_vouches() -> None:
    """Rule 1: each listener vouches for itself; the one of another port or protocol does not."""
    result = judged(journal(steps=[[Told(seen={"shop/b -> shop/b:53/udp": "TIMED_OUT"})] * 2]))
    assert (PASS, UNKNOWN) == (cell(result, A_B).status, cell(result, A_B_UDP).status)


@pytest.mark.parametrize("pod", ["shop/a", "shop/b"])
@pytest.mark.parametrize("field", [0, 1, 2], ids=["uid", "container-start", "address"])
def test_pod_replaced_in_the_middle_proves_nothing(pod: str, field: int) -> None:
    """Rule 1: the same UID, address and container start as at the control, at both ends of the flow."""
    who = [f"uid-{pod}", "started", *next(p for p in PODS if p[0] == pod)[1]]
    who[field] = "another"
    found = verdict_of(steps=[[Told(pods={pod: who})] * 2])
    assert found.status is UNKNOWN
    assert f"{pod} is not who it was" in found.reason


PODS = [(f"shop/{x}", (f"10.244.{n}", f"fd00:{n}")) for n, x in enumerate("abc")]


def test_pod_that_was_another_at_the_earlier_control_proves_nothing() -> None:
    """Rule 1: a pod replaced before the step was never shown to be reachable."""
    assert verdict_of(control=[replaced("shop/b")]).status is UNKNOWN


def test_pod_that_is_another_at_the_later_control_proves_nothing() -> None:
    """Rule 1: a pod replaced after the step may have been dead in it."""
    found = verdict_of(restore=[replaced("shop/b")])
    assert found.status is UNKNOWN
    assert "shop/b is not who it was after the last policy" in found.reason


@pytest.mark.parametrize("pod", ["shop/a", "shop/b"])
def test_pod_that_is_gone_proves_nothing(pod: str) -> None:
    """Rule 1: a pod of which nobody knows who it was is nobody's witness."""
    for rounds in ({"control": [Told(pods={pod: None})]}, {"steps": [[Told(pods={pod: None})] * 2]}):
        assert verdict_of(**rounds).status is UNKNOWN


def test_pod_of_another_flow_may_be_replaced() -> None:
    """Rule 1 asks after the pods of the flow, not after all."""
    assert verdict_of(steps=[[replaced("shop/c")] * 2]).status is PASS


def test_break_needs_a_living_target_too() -> None:
    """Rule 1 holds for every denied attempt: an allowed cell to a dead pod is UNKNOWN, to a living one a BREAK."""
    assert verdict_of(A_C, steps=[[told(ac="TIMED_OUT")] * 9]).status is BREAK
    assert verdict_of(A_C, steps=[[told(ac="TIMED_OUT", cc="TIMED_OUT")] * 9]).status is UNKNOWN
    assert verdict_of(A_C, control=[told(ac="TIMED_OUT")], steps=[[told(ac="TIMED_OUT")] * 9]).status is UNKNOWN


COMES_AND_GOES = """\
summary: A pod comes under a policy, another one goes
namespaces: {shop: {}}
pods:
  shop/a: {}
  shop/b: {labels: {app: b}, ports: [80]}
  shop/old: {labels: {app: b}, ports: [80]}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-b, namespace: shop}
      spec: {podSelector: {matchLabels: {app: b}}}
  - name: come
    add: {shop/new: {labels: {app: b}, ports: [80]}}
    expect: {denied: [shop/a -> shop/new]}
  - name: go
    remove: shop/old
    expect: {denied: [any -> any]}
"""
A_NEW, A_OLD = "shop/a -> shop/new:80", "shop/a -> shop/old:80"


def test_added_pod_has_only_the_later_control() -> None:
    """Rule 1: a pod that first appears under a policy is proved by the later control, and needs it."""
    for name in ("come", "go"):
        assert verdict_of(A_NEW, COMES_AND_GOES, name=name).status is PASS
        later = [Told(seen={A_NEW: "TIMED_OUT"})]
        assert verdict_of(A_NEW, COMES_AND_GOES, name=name, restore=later).status is UNKNOWN
    assert verdict_of(A_NEW, COMES_AND_GOES, name="come", restore=[replaced("shop/new")]).status is UNKNOWN


def test_removed_pod_has_only_the_earlier_control() -> None:
    """Rule 1: a pod that a later step removes is proved by the earlier control, and needs it."""
    for name in ("deny", "come"):
        assert verdict_of(A_OLD, COMES_AND_GOES, name=name).status is PASS
        earlier = [Told(seen={A_OLD: "TIMED_OUT"})]
        assert verdict_of(A_OLD, COMES_AND_GOES, name=name, control=earlier).status is UNKNOWN


def test_pods_that_stay_need_both_controls_among_those_that_do_not() -> None:
    """Rule 1: that one pod comes and another goes excuses no third."""
    a_b = "shop/a -> shop/b:80"
    for rounds in ({"control": [Told(seen={a_b: "REFUSED"})]}, {"restore": [Told(seen={a_b: "REFUSED"})]}):
        for name in ("deny", "come", "go"):
            assert verdict_of(a_b, COMES_AND_GOES, name=name, **rounds).status is UNKNOWN


BRIEFLY = COMES_AND_GOES.replace("remove: shop/old", "remove: shop/new")


def test_pod_that_comes_and_goes_between_the_controls_has_none() -> None:
    """Rule 1: without any control a denial is UNKNOWN, never PASS."""
    found = verdict_of(A_NEW, BRIEFLY, name="come")
    assert found.status is UNKNOWN
    assert "never had a control" in found.reason or "did not connect" in found.reason


AGAIN = """\
summary: A pod is replaced by the scenario itself
namespaces: {shop: {}}
pods:
  shop/a: {}
  shop/b: {labels: {app: b}, ports: [80]}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-b, namespace: shop}
      spec: {podSelector: {matchLabels: {app: b}}}
  - {name: go, remove: shop/b}
  - name: come again
    add: {shop/b: {labels: {app: b}, ports: [80]}}
    expect: {denied: [shop/a -> shop/b]}
"""


def test_pod_that_goes_and_comes_again_is_two() -> None:
    """Rule 1: before it went the earlier control proves it, after it came again the later one, and no other."""
    new = Told(pods={"shop/b": ["uid-new", "started"]})
    rounds: dict[str, Any] = {"steps": [[OK] * 2, [OK] * 2, [new] * 2], "restore": [new]}
    for name in ("deny", "come again"):
        assert verdict_of(A_B, AGAIN, name=name, **rounds).status is PASS
    shut = Told(seen={A_B: "TIMED_OUT"}, pods=new.pods)
    assert verdict_of(A_B, AGAIN, name="deny", **rounds | {"control": [told(ab="TIMED_OUT")]}).status is UNKNOWN
    assert verdict_of(A_B, AGAIN, name="deny", **rounds | {"restore": [shut]}).status is PASS
    assert verdict_of(A_B, AGAIN, name="come again", **rounds | {"restore": [shut]}).status is UNKNOWN
    assert verdict_of(A_B, AGAIN, name="come again", **rounds | {"control": [told(ab="TIMED_OUT")]}).status is PASS


# --- rule 2: reading an attempt


@pytest.mark.parametrize("outcome", ["TIMED_OUT", "REFUSED", "UNREACHABLE"])
def test_denials_with_all_controls_pass(outcome: str) -> None:
    """Rule 2: a drop, and a reject with a live listener, are denials."""
    assert verdict_of(steps=[[told(ab=outcome)] * 2]).status is PASS


@pytest.mark.parametrize("outcome", ["NO_NAME", "WRONG_PEER", "SILENT", "NO_RESULT", "MAYBE", ""])
def test_what_is_no_denial_never_passes_as_one(outcome: str) -> None:
    """Rule 2: no name, another peer, silence, no result, or a word that nobody knows: UNKNOWN."""
    for rounds in (2, 9):
        assert verdict_of(steps=[[told(ab=outcome)] * rounds]).status is UNKNOWN
    assert verdict_of(A_C, steps=[[told(ac=outcome)] * 9]).status is UNKNOWN


@pytest.mark.parametrize("outcome", ["SILENT", "WRONG_PEER"])
def test_handshake_without_the_name_is_a_possible_leak(outcome: str) -> None:
    """Rule 2: somebody accepted: whether the target's own listener or a proxy, the packet was not dropped."""
    found = verdict_of(steps=[[told(ab=outcome)] * 3])
    assert found.reason.startswith("possible leak: ")
    assert "recorded as" in found.reason
    held = verdict_of(steps=[[OK, OK, told(ab=outcome), OK]])
    assert (UNKNOWN, True) == (held.status, held.reason.startswith("possible leak: "))


def test_silence_is_retried() -> None:
    """Rule 2: a handshake without a name before the cell settled is convergence."""
    assert verdict_of(steps=[[told(ab="SILENT"), OK, OK]]).status is PASS


def test_unknown_text_is_shown() -> None:
    """Rule 2: what nobody has recorded is no result, and the reader sees it."""
    assert "no result: 'recorded as NO_RESULT'" in verdict_of(steps=[[told(ab="NO_RESULT")] * 2]).reason


SERVICE = """\
summary: A Service
namespaces: {shop: {}}
pods:
  shop/a: {}
  shop/b: {labels: {app: b}, ports: [8080]}
  shop/c: {labels: {app: b}, ports: [8080]}
services: {shop/web: {selector: {app: b}, ports: [{port: 80, targetPort: 8080}]}}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-b, namespace: shop}
      spec: {podSelector: {matchLabels: {app: b}}}
    expect: {denied: [shop/a -> svc/shop/web:80, shop/a -> name/web:80]}
"""
A_SVC, A_NAME, A_DNS = "shop/a -> svc/shop/web:80", "shop/a -> name/web:80", "shop/a -> dns/web"
BACKEND = {"shop/b -> shop/b:8080": "REFUSED"}


def test_service_is_vouched_for_by_every_backend() -> None:
    """Rule 2: REFUSED by a Service counts only while its backends are alive in that round."""
    assert verdict_of(A_SVC, SERVICE).status is PASS
    assert verdict_of(A_SVC, SERVICE, steps=[[Told(seen={A_SVC: "REFUSED"})] * 2]).status is PASS
    for backend in ("shop/b -> shop/b:8080", "shop/c -> shop/c:8080"):
        dead = Told(seen={A_SVC: "REFUSED", backend: "REFUSED"})
        assert verdict_of(A_SVC, SERVICE, steps=[[dead] * 2]).status is UNKNOWN
    assert verdict_of(A_SVC, SERVICE, steps=[[replaced("shop/c")] * 2]).status is UNKNOWN


@pytest.mark.parametrize("flow", [A_SVC, A_NAME])
@pytest.mark.parametrize("outcome", ["REFUSED", "TIMED_OUT"])
def test_service_without_a_ready_backend_denies_nothing(flow: str, outcome: str) -> None:
    """Rule 2: a denial at a Service counts only while the cluster itself has a ready backend for it in that round."""
    bare = Told(seen={flow: outcome}, unready=("svc/shop/web",))
    assert verdict_of(flow, SERVICE, steps=[[Told(seen={flow: outcome})] * 2]).status is PASS
    found = verdict_of(flow, SERVICE, steps=[[bare] * 2])
    assert (UNKNOWN, True) == (found.status, "svc/shop/web had no ready backend then" in found.reason)
    assert verdict_of(flow, SERVICE, steps=[[bare, OK, OK]]).status is PASS
    assert verdict_of(flow, SERVICE, control=[Told(unready=("svc/shop/web",))]).status is PASS  # it connected


# --- rule 3: UDP


def test_udp_denial_whose_datagram_arrived_is_a_leak() -> None:
    """Rule 3: a datagram that reached the listener got through, whatever became of the answer."""
    found = verdict_of(A_B_UDP, steps=[[Told(arrived=(A_B_UDP,))] * 3])
    assert found.status is LEAK
    once = verdict_of(A_B_UDP, steps=[[OK, OK, Told(arrived=(A_B_UDP,))]])
    assert once.status is LEAK


def test_arrival_that_is_logged_late_counts() -> None:
    """Rule 3: a listener's log may be read after the round; the nonce says which attempt it was."""
    events = list(journal(steps=[[OK, Told(arrived=(A_B_UDP,))]]))
    late = next(e for e in events if isinstance(e, Arrived))
    events.remove(late)
    at = next(i for i, e in enumerate(events) if isinstance(e, ScenarioEnded))
    events.insert(at, late)
    assert cell(judged(events), A_B_UDP).status is not PASS


def test_answer_that_is_dropped_on_the_way_back_is_no_allow() -> None:
    """Rule 3 and semantics 7: replies of an allowed flow are allowed; arrival speaks only against a denial."""
    flow = "shop/c -> shop/b:53/udp"
    text = DENY_B.replace("spec: {podSelector: {matchLabels: {app: b}}}", f"spec: {{podSelector: {{}}, {ALLOW_ALL}}}")
    text = text.replace(
        "expect: {denied: [any -> shop/b], allowed: [any -> shop/c]}", "expect: {allowed: [any -> any]}"
    )
    bad = Told(seen={flow: "TIMED_OUT"}, arrived=(flow,))
    assert verdict_of(flow, text).status is PASS
    assert verdict_of(flow, text, steps=[[bad] * 3]).status is BREAK


ALLOW_ALL = "ingress: [{}]"


def test_arrival_of_no_nonce_means_nothing() -> None:
    """Rule 3: probes without a nonce write a dash, which anybody may send to a listener."""
    events = journal(NO_LOOKUP)
    opened = next(i for i, e in enumerate(events) if isinstance(e, Opened))
    spoilt = (*events[: opened + 1], Arrived(scenario=PATH, nonces=["-", ""]), *events[opened + 1 :])
    assert cell(judged(spoilt, NO_LOOKUP), A_DNS).status is PASS
    assert judged(events, NO_LOOKUP).scenarios == judged(spoilt, NO_LOOKUP).scenarios


# --- rule 4: names

NO_LOOKUP = SERVICE.replace(
    "spec: {podSelector: {matchLabels: {app: b}}}",
    "spec: {podSelector: {matchLabels: {app: a}}, policyTypes: [Egress]}",
).replace("shop/a: {}", "shop/a: {labels: {app: a}}")
NO_LOOKUP = NO_LOOKUP.replace("shop/a -> name/web:80]", "shop/a -> name/web:80, shop/a -> dns/web]")
WITNESS_DNS = "prober-witness/witness-1 -> dns/web"
NAMELESS = {A_NAME: "NO_NAME"}


def test_name_that_is_denied_on_its_way_passes() -> None:
    """Rule 4: where the look-up is allowed, the connection is judged as any other."""
    assert verdict_of(A_NAME, SERVICE).status is PASS


def test_no_name_where_the_lookup_is_allowed_is_unknown() -> None:
    """Rule 4: a resolver that fails by itself denies nothing."""
    found = verdict_of(A_NAME, SERVICE, steps=[[Told(seen=NAMELESS)] * 2])
    assert found.status is UNKNOWN
    assert "its look-up is not denied" in found.reason


def test_no_name_where_the_lookup_is_denied_passes() -> None:
    """Rule 4: NO_NAME is a denial where the look-up is denied, seen so beside, and vouched for by the witness."""
    assert verdict_of(A_NAME, NO_LOOKUP, steps=[[Told(seen=NAMELESS)] * 2]).status is PASS


@pytest.mark.parametrize("beside", ["CONNECTED", "NO_RESULT", "SILENT", "NO_NAME"])
def test_no_name_without_a_denied_lookup_beside_is_unknown(beside: str) -> None:
    """Rule 4: dig's own look-up in the same round must be denied too."""
    seen = NAMELESS | {A_DNS: beside}
    assert verdict_of(A_NAME, NO_LOOKUP, steps=[[Told(seen=seen)] * 2]).status is UNKNOWN


@pytest.mark.parametrize("dead", ["TIMED_OUT", "NO_RESULT"])
def test_no_name_without_the_witness_is_unknown(dead: str) -> None:
    """Rule 4: a resolver that answers nobody proves nothing."""
    seen = NAMELESS | {WITNESS_DNS: dead}
    result = judged(journal(NO_LOOKUP, steps=[[Told(seen=seen)] * 2]), NO_LOOKUP)
    assert (UNKNOWN, UNKNOWN) == (cell(result, A_NAME).status, cell(result, A_DNS).status)


def test_no_name_with_dead_backends_is_unknown() -> None:
    """Rule 4: both legs must have been possible, the connection too."""
    assert verdict_of(A_NAME, NO_LOOKUP, steps=[[Told(seen=NAMELESS | BACKEND)] * 2]).status is UNKNOWN


def test_no_name_whose_lookup_had_no_control_is_unknown() -> None:
    """Rule 4: a look-up that dig was denied before any policy too shows nothing of the policy."""
    rounds: dict[str, Any] = {"control": [Told(seen={A_DNS: "TIMED_OUT"})], "steps": [[Told(seen=NAMELESS)] * 2]}
    assert verdict_of(A_NAME, NO_LOOKUP, **rounds).status is UNKNOWN


def test_lookup_is_denied_and_vouched_for_by_the_witness() -> None:
    """Rule 4: a look-up is a cell like any other, any answer connects it, and the witness vouches."""
    assert verdict_of(A_DNS, NO_LOOKUP).status is PASS
    assert verdict_of(A_DNS, NO_LOOKUP, steps=[[Told(seen={A_DNS: "CONNECTED"})] * 2]).status is LEAK
    assert verdict_of(A_DNS, NO_LOOKUP, steps=[[replaced("prober-witness/witness-1")] * 2]).status is UNKNOWN


EXTERNAL = """\
summary: An external host
namespaces: {shop: {}}
pods: {shop/a: {labels: {app: a}, ports: [80]}}
external: {partner: {ports: [443]}}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-a, namespace: shop}
      spec: {podSelector: {matchLabels: {app: a}}, policyTypes: [Ingress, Egress]}
    expect: {denied: [shop/a -> ext/partner:443, shop/a -> apiserver, ext/partner -> shop/a:80]}
"""


@pytest.mark.parametrize("target", ["ext/partner:443", "apiserver"])
def test_what_is_not_ours_is_vouched_for_by_the_witness(target: str) -> None:
    """Rule 1: an external host, a node or the API server lives in a round where the witness reaches it."""
    flow, witness = f"shop/a -> {target}", f"prober-witness/witness-1 -> {target}"
    assert verdict_of(flow, EXTERNAL).status is PASS
    found = verdict_of(flow, EXTERNAL, steps=[[Told(seen={witness: "TIMED_OUT"})] * 2])
    assert found.status is UNKNOWN
    assert "it from prober-witness/witness-1 gave TIMED_OUT" in found.reason


def test_denial_counts_only_where_the_way_was_open() -> None:
    """Rule 1: own addresses answer over loopback; a network that carries nothing for a while denies nothing."""
    found = verdict_of(A_B, DENY_B, steps=[[Told(seen={WAY: "TIMED_OUT"})] * 2])
    assert found.status is UNKNOWN
    assert f"the way there was not seen alive: {WAY} gave TIMED_OUT" in found.reason
    assert verdict_of(A_B, DENY_B, steps=[[Told(seen={WAY: "TIMED_OUT"}), Told(), Told()]]).status is PASS


def test_way_that_was_asked_later_proves_nothing() -> None:
    """Rule 1: what was silent in an outage is not denied because the way was open after it."""
    events = journal(DENY_B)
    late = [e for e in events if isinstance(e, Attempt) and e.flow == WAY]
    rest = [e for e in events if e not in late]
    for one in late:
        rest.insert(next(i for i, e in enumerate(rest) if isinstance(e, RoundEnded) and e.round == one.round), one)
    found = cell(judged(tuple(rest), DENY_B), A_B)
    assert (UNKNOWN, True) == (found.status, f"{WAY} was not asked before it" in found.reason)


def test_external_source_is_judged_by_its_target() -> None:
    """Rule 1: a flow from outside needs the pod alive, and both controls."""
    flow = "ext/partner -> shop/a:80"
    assert verdict_of(flow, EXTERNAL).status is PASS
    assert verdict_of(flow, EXTERNAL, steps=[[Told(seen={"shop/a -> shop/a:80": "REFUSED"})] * 2]).status is UNKNOWN
    assert verdict_of(flow, EXTERNAL, control=[Told(seen={flow: "REFUSED"})]).status is UNKNOWN


# --- rule 5: what is not asserted


def disagreeing() -> str:
    """Return a scenario whose Service has one backend that is open and one that is not."""
    return """\
summary: Backends disagree
namespaces: {shop: {}}
pods:
  shop/a: {}
  shop/b: {labels: {app: b, shut: "yes"}, ports: [80]}
  shop/c: {labels: {app: b}, ports: [80]}
services: {shop/web: {selector: {app: b}, ports: [80]}}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-b, namespace: shop}
      spec: {podSelector: {matchLabels: {shut: "yes"}}}
    expect: {denied: [WHO -> svc/shop/web:80]}
"""


def test_open_specification_is_observed() -> None:
    """Rules 5 and 9: backends that disagree are observed; a pattern with `any` does not assert them."""
    text = disagreeing().replace("WHO", "any")
    for outcome in ("CONNECTED", "TIMED_OUT", "NO_RESULT"):
        found = verdict_of(A_SVC, text, steps=[[Told(seen={A_SVC: outcome})] * 2])
        assert (OBSERVED, Verdict.UNKNOWN) == (found.status, found.expected)
        assert f"seen: {outcome}" in found.reason


def test_open_specification_is_asserted_by_a_named_author() -> None:
    """Rule 9: whom the author names is asserted, and marked so."""
    text = disagreeing().replace("WHO", "shop/a")
    denied = [Told(seen={A_SVC: "TIMED_OUT"})] * 2
    found = verdict_of(A_SVC, text, steps=[denied])
    assert (PASS, "author") == (found.status, found.by)
    assert verdict_of(A_SVC, text, steps=[[Told(seen={A_SVC: "CONNECTED"})] * 2]).status is LEAK


HAIRPIN = """\
summary: A pod to itself through its Service is open (semantics 23)
namespaces: {shop: {}}
pods: {shop/a: {labels: {app: a}, ports: [80]}}
services: {shop/web: {selector: {app: a}, ports: [80]}}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-a, namespace: shop}
      spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
    expect: {denied: [shop/a -> svc/shop/web:80]}
"""


def test_author_who_asserts_what_is_always_open_needs_both_controls() -> None:
    """Rules 1 and 9: that nobody says what a cell is without policies excuses no control: it must have connected."""
    assert verdict_of(A_SVC, HAIRPIN).status is PASS
    shut = [Told(seen={A_SVC: "REFUSED"})]
    both: tuple[dict[str, Any], ...] = ({"control": shut}, {"restore": shut})
    for rounds in both:
        found = verdict_of(A_SVC, HAIRPIN, **rounds)
        assert (UNKNOWN, True) == (found.status, "did not connect" in found.reason)


LATE_BACKEND = """\
summary: A Service whose only backend comes with a step
namespaces: {shop: {}}
pods: {shop/a: {}}
services: {shop/web: {selector: {app: b}, ports: [80]}}
steps:
  - name: deny
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: no-b, namespace: shop}
      spec: {podSelector: {matchLabels: {app: b}}}
    add: {shop/b: {labels: {app: b}, ports: [80]}}
    expect: {denied: [shop/a -> svc/shop/web:80]}
"""


def test_service_without_a_backend_has_no_control() -> None:
    """Rule 1: where nobody was there to be reached, the earlier control could not have been; the later one must."""
    early = Told(seen={A_SVC: "REFUSED"})
    assert verdict_of(A_SVC, LATE_BACKEND, control=[early]).status is PASS
    assert verdict_of(A_SVC, LATE_BACKEND, control=[early], restore=[early]).status is UNKNOWN


def test_what_cannot_be_probed_is_skipped() -> None:
    """Since nc speaks no SCTP, such a cell is skipped, and a run of nothing else proves nothing (rule 11)."""
    text = DENY_B.replace("[80, 53/udp]", "[9/sctp]").replace("ports: [80]", "ports: [9/sctp]")
    result = judged(journal(text), text)
    assert {SKIPPED} == {c.status for c in result.scenarios[0].cells}
    assert 3 == result.exit_code()


# --- rule 6: converge, then hold


def test_time_to_enforce_is_measured() -> None:
    """Rule 6: from the last action to the first attempt from which the cell agreed for good."""
    events = journal(steps=[[told(ab="CONNECTED")] * 3 + [OK, OK]])
    acted = next(e.end for e in events if isinstance(e, Acted))
    begun = [e for e in events if isinstance(e, Attempt) and e.flow == A_B and e.step == 0][4]
    found = cell(judged(events))
    assert (PASS, begun.begin - 1000 - acted) == (found.status, found.agreed_after)
    assert phase(judged(events), "step").slowest(Verdict.DENIED) == found.agreed_after


def test_denied_cell_that_opens_in_the_hold_is_a_leak() -> None:
    """Rule 6: flapping."""
    for opened in ([OK, OK, told(ab="CONNECTED")], [OK, OK, told(ab="CONNECTED"), OK, OK]):
        assert verdict_of(steps=[opened]).status is LEAK


def test_hold_is_counted_in_rounds() -> None:
    """Rule 6: --hold 3 wants four in a row."""
    assert verdict_of(steps=[[OK] * 4], hold=3).status is PASS
    assert verdict_of(steps=[[OK] * 3], hold=3).status is UNKNOWN
    assert verdict_of(steps=[[OK]], hold=0).status is PASS


def test_allowed_cell_that_fails_once_lost_a_packet_and_twice_is_flaky() -> None:
    """Rule 6: once is a lost packet, which is told; twice in a row is FLAKY."""
    lost = told(ac="TIMED_OUT")
    once = verdict_of(A_C, steps=[[OK, OK, lost, OK]])
    assert (PASS, True) == (once.status, "1 lost" in once.reason)
    assert verdict_of(A_C, steps=[[OK, OK, lost, lost, OK]]).status is FLAKY


def test_step_that_changes_nothing_is_unwitnessed() -> None:
    """Rule 6: a step in which no cell changes its verdict proves nothing and is reported so."""
    again = DENY_B + "  - {name: again, expect: {denied: [any -> shop/b]}}\n"
    result = judged(journal(again), again)
    assert (True, False) == (phase(result, "deny").witnessed, phase(result, "again").witnessed)


def test_new_pod_that_is_denied_at_once_witnesses_its_step() -> None:
    """Rule 6: a cell that did not exist before and is denied is a change."""
    result = judged(journal(COMES_AND_GOES), COMES_AND_GOES)
    assert [True, True, False] == [s.witnessed for s in result.scenarios[0].steps[1:4]]


# --- rule 8: author and oracle


def test_author_whom_the_real_addresses_contradict_is_unknown() -> None:
    """Rule 8: where author and oracle differ once addresses are known, nobody is right by default."""
    text = """\
summary: An ipBlock that means the planned address
namespaces: {shop: {}}
pods:
  shop/a: {}
  shop/b: {ports: [80]}
steps:
  - name: by address
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: to-b, namespace: shop}
      spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/16}}]}]}
    expect: {allowed: [shop/a -> shop/b:80]}
"""
    events = journal(text)
    assert cell(judged(events, text), A_B).status is PASS
    opened = next(e for e in events if isinstance(e, Opened))
    pods = [{**p, "addresses": {f: a.replace("10.244.", "10.9.") for f, a in p["addresses"].items()}}
            for p in opened.state["pods"]]  # fmt: skip
    moved = changed(events, Opened, state={**opened.state, "pods": pods})
    for outcome in ("CONNECTED", "TIMED_OUT"):
        told_so = tuple(
            replace(e, outcome=outcome) if isinstance(e, Attempt) and e.flow == A_B and e.round in (1, 2) else e
            for e in moved
        )
        found = cell(judged(told_so, text), A_B)
        assert (UNKNOWN, True) == (found.status, "expects it allowed, the policies make it denied" in found.reason)
    assert 0 != judged(moved, text).exit_code()


# --- rule 11 and the exit codes


def test_run_of_allows_alone_is_told_so() -> None:
    """Rule 11: the proof line counts denials and allows apart."""
    steps = "steps: [{name: nothing, expect: {allowed: [any -> any]}}]"
    text = f"summary: Idle\nnamespaces: {{shop: {{}}}}\npods: {{shop/a: {{}}, shop/b: {{ports: [80]}}}}\n{steps}\n"
    result = judged(journal(text), text)
    assert result.proof.startswith("proved 0 denials and 1 allow ")


def test_only_narrows_the_cells() -> None:
    """--only leaves the cells that it means, when a journal is judged again too."""
    result = judged(journal(only=A_B))
    assert [A_B] == [str(c.flow) for c in phase(result, "step").cells]
    assert result.proof.startswith("proved 1 denial and 0 allows")


# --- a journal that was cut short, and one that contradicts itself


def test_interrupted_run_is_130() -> None:
    """An interrupted run is 130, and its cells as far as they came."""
    events = changed(journal(), RunEnded, interrupted=True)
    assert 130 == judged(events).exit_code()
    killed = judged(events[:-1])
    assert (130, True, "the run was cut short") == (killed.exit_code(), killed.interrupted, killed.trouble)


def test_interrupted_run_with_a_leak_is_1() -> None:
    """130 is outranked by a LEAK that was recorded."""
    events = changed(journal(steps=[[told(ab="CONNECTED")] * 9]), RunEnded, interrupted=True)
    assert 1 == judged(events).exit_code()


@pytest.mark.parametrize(
    "events", [(), (RunEnded(at=1.0, interrupted=False),), journal()[1:]], ids=["no", "end", "rest"]
)
def test_journal_without_its_beginning_proves_nothing(events: tuple[Event, ...]) -> None:
    """Nothing to judge is no green."""
    result = judge(events, {})
    assert 0 != result.exit_code()
    assert "lacks the beginning" in result.trouble
    assert () == result.scenarios


def test_scenario_that_cannot_be_read_is_no_green() -> None:
    """A scenario whose text is missing is trouble, not one scenario less."""
    result = judge(journal(), {})
    assert f"{PATH} cannot be read" in result.trouble
    assert 3 == result.exit_code()


def test_trouble_takes_the_scenario_but_not_its_leaks() -> None:
    """What stopped a scenario is told; what it had found stays found."""
    events = list(journal(steps=[[told(ab="CONNECTED")] * 3]))
    events.insert(-2, Trouble(scenario=PATH, text="the cluster is gone"))
    result = judged(events)
    assert (1, "the cluster is gone") == (result.exit_code(), result.scenarios[0].trouble)
    events = list(journal())
    events.insert(-2, Trouble(scenario=PATH, text="the cluster is gone"))
    assert 3 == judged(events).exit_code()
    events[-1:] = [Trouble(scenario="", text="no disk"), events[-1]]
    assert "no disk" in judged(events).trouble


def test_evidence_and_skips_are_told() -> None:
    """A skipped scenario says why and proves nothing; evidence goes with the scenario."""
    events = journal()
    skipped = (events[0], Skipped(scenario=PATH, reason="needs ipv6"), events[-1])
    result = judged(skipped)
    assert ("needs ipv6", "", 3) == (result.scenarios[0].skipped, result.scenarios[0].trouble, result.exit_code())
    shown = judged((*events[:-2], Evidence(scenario=PATH, text="rules"), *events[-2:]))
    assert "rules" == shown.scenarios[0].evidence


def test_negative_hold_is_none() -> None:
    """A hold below nothing does not settle a cell on a reading that disagrees."""
    open_ = told(ab="CONNECTED")
    for hold in ("-1", "-7"):
        events = changed(journal(steps=[[open_, open_]]), RunStarted, settings={"hold": hold})
        assert cell(judged(events)).status is LEAK


@pytest.mark.parametrize("jump", [-1e6, -3600.0, 3600.0, 1e12])
def test_clock_that_jumps_changes_no_status(jump: float) -> None:
    """Times tell how long it took and nothing else: no status hangs on them."""
    events = journal()
    jumped = tuple(
        replace(e, at=e.at + jump) if isinstance(e, RoundStarted | RoundEnded | Clock) and i % 2 else e
        for i, e in enumerate(events)
    )
    statuses = [c.status for c in judged(events).scenarios[0].cells]
    result = judged(jumped)
    assert statuses == [c.status for c in result.scenarios[0].cells]
    assert all(c.agreed_after is None or c.agreed_after >= 0 for c in result.scenarios[0].cells)
    assert result.scenarios[0].seconds >= 0


def test_source_without_a_clock_has_no_time() -> None:
    """Where the source's clock could not be tied to the harness's, no time is told rather than a wrong one."""
    events = tuple(e for e in journal() if not isinstance(e, Clock))
    found = cell(judged(events))
    assert (PASS, None) == (found.status, found.agreed_after)


def test_judging_is_pure() -> None:
    """The same journal gives the same result, and is not touched."""
    events = journal(steps=[[told(ab="CONNECTED"), OK, OK]])
    copy = tuple(replace(e) for e in events)
    assert judged(events) == judged(events)
    assert copy == events


def test_order_of_cells_is_the_scenarios() -> None:
    """A report shows cells in the scenario's order, whatever order their lines came in."""
    events = journal()
    attempts = iter(sorted((e for e in events if isinstance(e, Attempt)), key=lambda e: (e.round, str(e.flow)[::-1])))
    shuffled = tuple(next(attempts) if isinstance(e, Attempt) else e for e in events)
    assert judged(events).scenarios[0].status is PASS
    assert [c.flow for c in judged(events).scenarios[0].cells] == [c.flow for c in judged(shuffled).scenarios[0].cells]


def test_every_flow_of_a_journal_is_one() -> None:
    """Flows in a journal are written as they are read."""
    scenario = loads({PATH: EXTERNAL}, PATH)
    assert scenario.steps
    for event in journal(EXTERNAL):
        if isinstance(event, Attempt):
            assert event.flow == str(parse_flow(event.flow))
    assert B_B != C_C
