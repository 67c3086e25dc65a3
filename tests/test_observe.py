"""Attempts in parallel: every flow is attempted once in a round, and every line finds its flow."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from prober.cluster.fake import FakeCluster, Says
from prober.errors import ClusterError
from prober.flows import parse_flow
from prober.journal import Attempt, Clock, Event, Journal, RoundEnded, RoundStarted
from prober.model import Flow
from prober.observe import Observer, RoundInFlight, Slots
from prober.outcomes import Outcome
from prober.vouching import Vouching, with_witnesses
from tests.running import enforcing, loaded
from tests.telling import A_B, A_B_UDP, A_C, B_B, C_C, DENY_B, WAY

FLOWS = tuple(map(parse_flow, (A_B, A_B_UDP, A_C, B_B, C_C)))


def observed(
    cluster: FakeCluster, flows: tuple[Flow, ...] = FLOWS, rounds: int = 1, workers: int = 4
) -> tuple[list[RoundInFlight], tuple[Event, ...], Observer]:
    """Make rounds, one after the other."""
    cluster.open(with_witnesses(loaded(DENY_B).topology))
    log, made = Journal(), []
    with ThreadPoolExecutor(workers) as executor:
        observer = Observer(cluster, log, "s", timeout=1, executor=executor, on_seen=lambda: None, arrived=set())
        for _ in range(rounds):
            made.append(observer.start(0, flows, cluster.state))
            for stream in made[-1].streams:
                stream.exception()
            observer.finish(0, made[-1])
    return made, log.events(), observer


def test_each_flow_is_attempted_once() -> None:
    """A round: its start, one clock a source, one attempt a flow, its end with who everybody was."""
    (this,), events, _ = observed(FakeCluster(enforcing))
    assert isinstance(events[0], RoundStarted)
    assert isinstance(events[-1], RoundEnded)
    assert sorted(map(str, FLOWS)) == sorted(e.flow for e in events if isinstance(e, Attempt))
    assert ["shop/a", "shop/b", "shop/c"] == sorted(e.source for e in events if isinstance(e, Clock))
    assert dict.fromkeys(FLOWS, Outcome.CONNECTED) == dict(this.answers)
    assert (True, 0) == (this.done, this.unbegun)
    witnesses = {"prober-witness/witness-1", "prober-witness/witness-2"}
    ids = {"kube-system/coredns", "shop/a", "shop/b", "shop/c"} | witnesses
    assert ids == set(events[-1].pods)
    assert ["shop/a#0", "0", "10.244.8.1"] != events[-1].pods["shop/b"]


def test_attempt_says_what_was_run_and_heard() -> None:
    """Each attempt carries the command as typed, the text as written, and the source's own clock."""
    _, events, _ = observed(FakeCluster(enforcing))
    attempts = {e.flow: e for e in events if isinstance(e, Attempt)}
    tcp, udp = attempts[A_B], attempts[A_B_UDP]
    assert tcp.command.startswith("nc -v -4 -w 1 ")
    assert tcp.text.endswith("succeeded!\nfake-shop-b")
    assert "-" == tcp.nonce
    assert f"echo {udp.nonce} | nc -u" in udp.command
    assert f"{udp.nonce} fake-shop-b\n" == udp.text
    assert 1.0 == round(tcp.end - tcp.begin, 6)


def test_no_nonce_tells_a_streams_token() -> None:
    """Rule 3: whom a nonce reaches must not learn how lines of this stream begin; nonces are drawn one by one."""
    requests: list[str] = []

    class Listening(FakeCluster):
        def stream(self, source: Any, request: str) -> Iterator[str]:
            requests.append(request)
            return super().stream(source, request)

    _, events, _ = observed(Listening(enforcing), rounds=3)
    tokens = {request.split(" ")[0] for request in requests}
    nonces = [e.nonce for e in events if isinstance(e, Attempt) and e.nonce != "-"]
    assert (9, 3) == (len(tokens), len(set(nonces)))
    assert all(re.fullmatch("[0-9a-f]{12}", n) and not any(t in n for t in tokens) for n in nonces)


def test_rounds_are_numbered_through() -> None:
    """Round numbers count on from phase to phase."""
    made, events, _ = observed(FakeCluster(enforcing), rounds=3)
    assert [0, 1, 2] == [r.number for r in made]
    assert [0, 1, 2] == [e.round for e in events if isinstance(e, RoundEnded)]


@pytest.mark.parametrize("lost", [1, 3])
def test_stream_that_breaks_off_loses_what_had_not_come(lost: int) -> None:
    """Lines that had come count, the others are NO_RESULT with the reason; the trouble is kept for who waits."""

    class Breaking(FakeCluster):
        def stream(self, source: Any, request: str) -> Iterator[str]:
            for i, line in enumerate(super().stream(source, request)):
                if str(source) == "shop/a" and i == 4 - lost:
                    raise ClusterError("broken pipe")
                yield line

    _, events, observer = observed(Breaking(enforcing))
    attempts = {e.flow: e for e in events if isinstance(e, Attempt)}
    missing = [e for e in attempts.values() if e.outcome == Outcome.NO_RESULT]
    assert lost == len(missing)
    assert {("broken pipe", -1)} == {(e.text, e.exit) for e in missing}
    assert "broken pipe" == str(observer.trouble)
    assert Outcome.CONNECTED == attempts[B_B].outcome


def test_defect_is_raised_where_the_round_is_finished() -> None:
    """An exception that is no cluster's trouble is not swallowed with its thread."""

    def broken(*_: object) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        observed(FakeCluster(broken))


def test_first_line_for_a_cell_counts() -> None:
    """Who writes a second line for an attempt is not believed."""

    class Twice(FakeCluster):
        def stream(self, source: Any, request: str) -> Iterator[str]:
            for line in super().stream(source, request):
                yield line
                yield line.replace("succeeded!", "failed!")

    (this,), events, _ = observed(Twice(enforcing))
    assert {Outcome.CONNECTED} == {outcome for _, outcome in this.answers}
    assert len(FLOWS) == sum(isinstance(e, Attempt) for e in events)


def test_replaced_pod_shows_at_the_rounds_end() -> None:
    """Who a pod is, is read when a round's attempts are in."""
    cluster = FakeCluster(enforcing)

    def restarting(*asked: Any) -> str:
        cluster.restarts.setdefault(parse_flow(A_B).target, 1)  # type: ignore[arg-type]
        return enforcing(*asked)

    cluster._says = restarting
    _, events, _ = observed(cluster)
    assert isinstance(events[-1], RoundEnded)
    assert events[-1].pods["shop/b"][0] == "shop/b#1"


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_witnesses_answer_before_others_are_asked(workers: int) -> None:
    """Rule 1: an outage that ends while a round is under way must not look like an open way and a denial."""
    cluster = FakeCluster(enforcing)
    cluster.open(with_witnesses(loaded(DENY_B).topology))
    flows = Vouching(cluster.state).round_of(FLOWS)
    begun: list[str] = []

    class Slow(FakeCluster):
        def stream(self, source: Any, request: str) -> Iterator[str]:
            begun.append(str(source))
            for line in super().stream(source, request):
                time.sleep(0.02 if "witness" in str(source) else 0)  # no condition: time is what a busy machine takes
                yield line
            begun.append(f"end of {source}")

    _, events, _ = observed(Slow(enforcing), flows, rounds=2, workers=workers)
    asked = [e.flow for e in events if isinstance(e, Attempt) and e.round == 1]
    last = max(i for i, flow in enumerate(asked) if flow.startswith("prober-witness/"))
    assert all(flow.startswith("prober-witness/") for flow in asked[:last])
    assert {"prober-witness/witness-1", "prober-witness/witness-2"} >= {s for s in begun[:2] if "end" not in s}


@pytest.mark.parametrize("number", [1, 3, 100])
def test_slots_bound_what_is_under_way(number: int) -> None:
    """Never more attempts at once than there are slots, however many want them; who wants more than all gets all."""
    slots, under_way, most, lock = Slots(number), [0], [0], threading.Lock()

    def work(wanted: int) -> None:
        with slots.taken(wanted):
            with lock:
                under_way[0] += min(wanted, number)
                most[0] = max(most[0], under_way[0])
            with lock:
                under_way[0] -= min(wanted, number)

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(work, [1, 2, 3, 500] * 20))
    assert 0 == under_way[0]
    assert most[0] <= number
    with slots.taken(number):
        pass


def test_slots_are_given_back_after_an_error() -> None:
    """A stream that fails does not keep its slots."""
    slots = Slots(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots.taken(1):
            raise ZeroDivisionError


def test_vouchers_are_part_of_the_round() -> None:
    """Flows and what vouches for them are attempted alike, in the same round."""
    says: Says = enforcing
    cluster = FakeCluster(says)
    cluster.open(with_witnesses(loaded(DENY_B).topology))
    flows = Vouching(cluster.state).round_of((parse_flow(A_B),))
    _, events, _ = observed(FakeCluster(says), flows)
    assert {A_B, B_B, WAY} == {e.flow for e in events if isinstance(e, Attempt)}
