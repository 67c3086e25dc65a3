"""When enough rounds have been sent: every cell agrees and holds, or there is no more time."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import pairwise
from math import inf

import pytest

from prober.cluster.fake import Asked, FakeCluster, Says
from prober.errors import ClusterError
from prober.expect import Expected, expectations
from prober.flows import parse_flow
from prober.journal import Attempt, Journal, RoundEnded, RoundStarted
from prober.model import AddPod, ClusterState, Flow, Pod, PodRef, Port
from prober.phases import OutOfTimeError, Phases, StoppedError
from prober.probe import AT_ONCE
from prober.vouching import with_witnesses
from tests.running import DROPPED, Inline, Time, enforcing, ignoring, loaded, ran, still
from tests.telling import A_B, A_C, DENY_B

B = PodRef("shop", "b")


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """A clock that moves only when somebody waits."""
    return still(monkeypatch)


class Scene:
    """One phase of the usual scenario on a fake that says what a test wants."""

    def __init__(self, says: Says, *, settle: float = 5.0, until: float = inf, timeout: int = 1) -> None:
        self.scenario = loaded(DENY_B)
        self.cluster = FakeCluster(says)
        self.cluster.open(with_witnesses(self.scenario.topology))
        self.log = Journal()
        self.stop = threading.Event()
        self.progress: list[tuple[int, int]] = []
        self._settle, self._until, self._timeout = settle, until, timeout

    def converge(self, needed: int = 2, *, enforced: bool = True, executor: Executor | None = None) -> bool:
        """Carry out the step, if it is to be enforced, and converge."""
        if enforced:
            for action in self.scenario.steps[0].actions:
                self.cluster.apply(action)
        it = Phases(
            self.cluster,
            self.log,
            "s",
            timeout=self._timeout,
            settle=self._settle,
            until=self._until,
            executor=executor or Inline(),
            stop=self.stop,
            arrived=set(),
            progress=lambda number, bad: self.progress.append((number, len(bad))),
        )
        return it.converge(0, self.cluster.state, self.expected(), needed)

    def expected(self) -> dict[Flow, Expected]:
        """Return what the oracle says now."""
        return expectations(self.scenario, None, self.cluster.state)

    @property
    def rounds(self) -> int:
        return sum(isinstance(e, RoundEnded) for e in self.log.events())


@pytest.mark.parametrize("needed", [1, 2, 5])
def test_as_many_rounds_as_needed_and_no_more(time: Time, needed: int) -> None:
    """Where all agree from the first, the rounds are those of the hold."""
    scene = Scene(enforcing)
    assert scene.converge(needed)
    assert needed == scene.rounds
    assert 1000 + needed - 1 == time.now


def test_rounds_of_allows_alone_need_no_distance(time: Time) -> None:
    """Where nothing is denied there is no flapping to meet, and no time to lose."""
    scene = Scene(enforcing)
    assert scene.converge(4, enforced=False)
    assert time.now < 1001


def once_bad(number: int, flow: str, says: str | None) -> Says:
    """Return what says otherwise of one flow, in one round."""
    wanted = parse_flow(flow)
    asked_before: list[int] = []

    def answer(state: ClusterState, asked: Asked) -> str | None:
        ours = (
            asked.source == wanted.source
            and asked.port == wanted.port
            and asked.host == state.pods[wanted.target].addresses[asked.family]  # type: ignore[index]
            and asked.kind == "tcp"
        )
        if ours:
            asked_before.append(1)
            if len(asked_before) == number:
                return None if says is None else says.format(host=asked.host, port=asked.port, name="x")
        return enforcing(state, asked)

    return answer


DISTURBANCES = {
    "denied-cell-opens": (A_B, "Connection to {host} {port} port [tcp/*] succeeded!\nfake-shop-b"),
    "denied-cell-is-silent": (A_B, "Connection to {host} {port} port [tcp/*] succeeded!"),
    "denied-cell-says-nothing": (A_B, None),
    "denied-cell-says-something-new": (A_B, "nc: what?"),
    "allowed-cell-fails": (A_C, DROPPED),
    "allowed-cell-is-another": (A_C, "Connection to {host} {port} port [tcp/*] succeeded!\nsomebody"),
    "target-is-dead": ("shop/b -> shop/b:80", DROPPED),
}


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(("flow", "says"), DISTURBANCES.values(), ids=DISTURBANCES)
def test_disturbed_round_begins_the_row_anew(number: int, flow: str, says: str | None) -> None:
    """Whatever does not agree in a round, the row of agreeing rounds begins behind it."""
    scene = Scene(once_bad(number, flow, says))
    assert scene.converge(3)
    assert number + 3 == scene.rounds


@pytest.mark.parametrize("says", [ignoring, lambda s, a: None], ids=["open", "mute"])
def test_time_to_settle_ends_it(time: Time, says: Says) -> None:
    """What does not agree within --settle is given up, after rounds that get no closer than they must."""
    scene = Scene(says, settle=3.0)
    assert not scene.converge()
    assert 3 <= time.now - 1000 <= 5
    assert 3 <= scene.rounds <= 14


def test_cell_that_agrees_at_the_last_moment_is_held(time: Time) -> None:
    """A row that began within --settle is held to its end beyond it."""

    def just(state: ClusterState, asked: Asked) -> str:
        return (enforcing if time() >= 1002.9 else ignoring)(state, asked)

    scene = Scene(just, settle=3.0)
    assert scene.converge(4)


def test_round_longer_than_the_time_to_settle_is_no_last_word(time: Time) -> None:
    """One round may outlast --settle on a slow machine: what it asked first was long ago, and is asked again."""

    def slow(state: ClusterState, asked: Asked) -> str:
        time.now += 1.0
        return (enforcing if time() > 1003 else ignoring)(state, asked)

    scene = Scene(slow, settle=2.0)
    assert scene.converge(1)
    assert 2 == scene.rounds


@pytest.mark.usefixtures("time")
def test_trouble_of_a_stream_is_raised() -> None:
    """A cluster that cannot do what is asked ends the phase, after the round's lines are written."""

    def broken(state: ClusterState, asked: Asked) -> str:
        raise ClusterError("no more")

    scene = Scene(broken)
    with pytest.raises(ClusterError, match="no more"):
        scene.converge()
    attempts = [e for e in scene.log.events() if isinstance(e, Attempt)]
    assert {("NO_RESULT", "no more")} == {(e.outcome, e.text) for e in attempts}


@pytest.mark.usefixtures("time")
def test_defect_in_a_stream_is_raised() -> None:
    """An exception in a stream's thread is nobody's answer."""

    def broken(state: ClusterState, asked: Asked) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Scene(broken).converge()


@pytest.mark.usefixtures("time")
def test_stop_and_budget_are_heard() -> None:
    """Between any two rounds a run can be stopped, or be out of time."""
    scene = Scene(ignoring)
    scene.stop.set()
    with pytest.raises(StoppedError):
        scene.converge()
    with pytest.raises(OutOfTimeError, match="--budget"):
        Scene(ignoring, settle=60, until=1002).converge()


@pytest.mark.usefixtures("time")
def test_nothing_to_ask_agrees_at_once() -> None:
    """A phase without cells sends nothing."""
    scene = Scene(enforcing)
    scene.cluster.state = ClusterState()
    it = Phases(
        scene.cluster, scene.log, "s", timeout=1, settle=1, until=0, executor=ThreadPoolExecutor(1),
        stop=scene.stop, arrived=set(), progress=lambda *_: None,
    )  # fmt: skip
    assert it.converge(0, scene.cluster.state, {}, 2)
    assert () == scene.log.events()


@pytest.mark.usefixtures("time")
def test_open_cells_are_counted_for_who_watches() -> None:
    """Progress says how many cells are still to agree."""
    scene = Scene(ignoring, settle=1.0)
    scene.converge()
    assert {4} == {bad for _, bad in scene.progress}


def test_rounds_that_wait_for_a_worker_are_not_begun_twice() -> None:
    """With one worker for many pods a round's streams queue: the next round begins once all of them have begun."""
    says, order, lock = enforcing, [], threading.Lock()

    def noting(state: ClusterState, asked: Asked) -> str:
        with lock:
            order.append(str(asked.source))
        return says(state, asked)

    scene = Scene(noting, timeout=0)
    with ThreadPoolExecutor(1) as one:
        assert scene.converge(4, executor=one)
    events = scene.log.events()
    starts = [i for i, e in enumerate(events) if isinstance(e, RoundStarted)]
    for earlier, later in pairwise(starts):
        flows = {e.flow.split(" ")[0] for e in events[earlier:later] if isinstance(e, Attempt)}
        assert {"shop/a", "shop/b"} <= flows
    assert 4 == scene.rounds


def test_many_cells_of_one_pod_are_asked_in_one_stream() -> None:
    """More cells than a stream runs at once are still one round."""
    ports = ", ".join(str(8000 + i) for i in range(AT_ONCE + 20))
    text = DENY_B.replace("ports: [80, 53/udp]", f"ports: [{ports}]")
    result, _ = ran([text], timeout=0)
    assert 0 == result.exit_code()


@pytest.mark.usefixtures("time")
def test_pod_without_an_address_is_trouble_not_silence() -> None:
    """A flow that cannot be aimed ends the phase with its reason, in whatever thread it was found."""
    scene = Scene(enforcing)
    state = scene.cluster.state.after(AddPod(pod=Pod(namespace="shop", name="b", ports=(Port(number=80),))))
    scene.cluster.state = state
    with pytest.raises(ClusterError, match="shop/b has no ipv4 address"):
        scene.converge(enforced=False)
