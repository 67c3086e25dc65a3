"""Tests of `prober validate`, `prober explain` and `prober plan`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.world import DENY as WRITTEN
from tests.cli.world import LEAKING

DENY = "s/deny.scenario.yaml"
pytestmark = pytest.mark.usefixtures("scenarios")


def test_validate_counts(prober: Run) -> None:
    """A directory without a mistake is counted: scenarios, steps, and the cells of all steps."""
    assert (0, "lab: 2 scenarios, 2 steps, 4 cells: no mistake\n", "") == prober("validate", "s")
    assert (0, "lab: 1 scenario, 1 step, 2 cells: no mistake\n", "") == prober("validate", "s", "--tag", "idle")


def test_validate_tells_every_mistake(prober: Run) -> None:
    """Mistakes have file, line and key, and are counted; exit 2."""
    Path("s/bad.scenario.yaml").write_text("summary: x\nnamespaces: {}\npods: {}\nsteps: []\ntypo: 1\n")
    code, out, err = prober("validate", "s")

    assert (2, "") == (code, out)
    assert "s/bad.scenario.yaml:5: typo: " in err
    assert "nothing was sent" in err.splitlines()[-1]


def test_a_selector_that_takes_nobody_is_said(prober: Run, lab: object, state: Path) -> None:
    """validate, explain, a run and its journal judged again say so with file and line; exit codes stay as they were."""
    Path(DENY).write_text(WRITTEN.replace("podSelector: {}", "podSelector: {matchLabels: {app: postgress}}").replace(
        "denied: [marketing/web -> payments/postgres], allowed: [payments/postgres -> marketing/web]",
        "allowed: [any -> any]",
    ))  # fmt: skip
    why = "payments/default-deny selects no pod: no pod of payments has app=postgress"
    said = f"note: {DENY}:10: {why}; payments/postgres has app=postgres"

    assert (0, f"lab: 1 scenario, 1 step, 2 cells: no mistake\n{said}\n", "") == prober("validate", DENY)
    ran = prober("run", DENY, "--quiet", "--report", "text=-")
    again = prober("report", next(state.glob("*.jsonl")))
    for code, out, _ in (prober("explain", DENY, LEAKING), ran, again):
        assert (0, [f"  {said}"]) == (code, [line for line in out.splitlines() if "note: s/" in line])


def test_what_can_be_read_is_checked_beside_what_cannot(prober: Run) -> None:
    """One go tells both: a file that cannot be read, a word that is wrong, and expectations that are contradicted."""
    wrong = WRITTEN.replace("[default-deny, smoke]", "[Smoke]").replace("denied: [marketing", "allowed: [marketing")
    Path(DENY).write_text(wrong.replace(", allowed: [payments/postgres -> marketing/web]", ""))
    Path("s/bad.scenario.yaml").write_text("summary: x\n")
    code, out, err = prober("validate", "s")

    assert (2, "") == (code, out)
    assert ["s/bad.scenario.yaml:1", f"{DENY}:2", f"{DENY}:14"] == [
        *dict.fromkeys(line.split(": ")[0] for line in err.splitlines()[:-1])
    ]


def test_a_case_that_cannot_be_read_hides_no_other(prober: Run) -> None:
    """Cases are checked each for itself: one with a typo beside one that contradicts the specification."""
    head, steps = WRITTEN.replace(", allowed: [payments/postgres -> marketing/web]", "").split("steps:\n")
    body = "".join(f"    {line}\n" for line in steps.replace("denied: [m", "allowed: [m").splitlines())
    odd = "  odd: {summary: Odd, steps: [{name: n, expct: {allowed: any -> any}}]}\n"
    Path(DENY).write_text(f"{head}cases:\n{odd}  right:\n    summary: Right\n    steps:\n{body}")
    _, _, err = prober("validate", DENY)

    assert ["cases.odd.steps[0].expct", "cases.right.steps[0].expect.allowed[0]"] == [
        line.split(": ")[1] for line in err.splitlines()[:-1]
    ]


def test_explain_tells_what_contradicts_it(prober: Run) -> None:
    """The moment to ask is when validate refuses: the flow is explained, and its author's mistake stands beside it."""
    Path(DENY).write_text(WRITTEN.replace("denied: [marketing/web", "allowed: [marketing/web", 1).replace(
        ", allowed: [payments/postgres -> marketing/web]", ""
    ))  # fmt: skip
    code, out, _ = prober("explain", DENY, LEAKING)

    assert 0 == code
    assert f"  note: what is expected in {DENY}:14 contradicts the specification; `prober validate` says how" in out
    assert (
        f"    its author expects it allowed ({DENY}:14); that is wrong, it is denied: correct the expectation or the "
        "policies"
    ) in out.splitlines()
    assert 2 == prober("validate", DENY)[0]


def test_explain_refuses_other_mistakes(prober: Run) -> None:
    """What cannot be read cannot be explained."""
    Path(DENY).write_text(WRITTEN.replace("labels", "lables"))

    assert 2 == prober("explain", DENY, LEAKING)[0]


def test_a_contradiction_comes_with_the_label_behind_it(prober: Run) -> None:
    """Where a selector takes nobody, that is said beside what the oracle says: it is why."""
    Path(DENY).write_text(WRITTEN.replace("podSelector: {}", "podSelector: {matchLabels: {app: postgress}}"))
    code, _, err = prober("validate", DENY)

    assert 2 == code
    assert [f"{DENY}:14", "note"] == [line.split(": ")[0] for line in err.splitlines()[:-1]]
    assert err.splitlines()[1].endswith("no pod of payments has app=postgress; payments/postgres has app=postgres")


def test_a_path_without_its_suffix_is_guessed(prober: Run) -> None:
    """Who leaves out `.scenario.yaml` is told the file's whole name."""
    assert (2, "", f"prober: s/deny: no such file; did you mean {DENY}?\n") == prober("validate", "s/deny")


@pytest.mark.parametrize("command", ["validate", "run", "plan"])
def test_path_that_is_not_there(command: str, prober: Run) -> None:
    """A path without a scenario is wrong use."""
    assert (2, "", "prober: nowhere: no such file\n") == prober(command, "nowhere")


def test_explain_tells_each_step(prober: Run) -> None:
    """A flow is explained before the first step and after each one, with the rules behind the ruling."""
    code, out, _ = prober("explain", DENY, LEAKING)

    assert 0 == code
    assert "lab: addresses are those that the lab would give" == out.splitlines()[0]
    assert "  before the first step: allowed" in out.splitlines()
    assert "  after step 1 'default deny': denied" in out.splitlines()
    assert "    ingress of payments/postgres is isolated by payments/default-deny; no policy of payments" in out


@pytest.mark.parametrize(("there", "step"), [("before the first", "0"), ("after step 1", "1")])
def test_explain_one_step(there: str, step: str, prober: Run) -> None:
    """--step N leaves one moment; 0 is before the first step."""
    _, out, _ = prober("explain", DENY, LEAKING, "--step", step)

    assert [there] == [t for t in ("before the first", "after step 1") if t in out]


def test_explain_says_what_the_author_expects(prober: Run) -> None:
    """Beside the oracle's reason stands the author's, and where it is written."""
    Path(DENY).write_text(WRITTEN + "    because: the policy has no rule\n")
    _, out, _ = prober("explain", DENY, LEAKING)

    assert [f"    its author expects it denied ({DENY}:14): the policy has no rule"] == [
        line for line in out.splitlines() if "author" in line
    ]


def test_explain_every_flow_of_a_pattern(prober: Run) -> None:
    """`any` is explained flow by flow, in every scenario that has such flows."""
    _, out, _ = prober("explain", "s", "any -> any", "--step", "0")

    assert [
        "payments/postgres -> marketing/web:80",
        "marketing/web -> payments/postgres:5432",
        "shop/a -> shop/b:80",
        "shop/b -> shop/a:80",
    ] == [line.strip().removesuffix(" is allowed") for line in out.splitlines() if line.endswith(" is allowed")]


def test_explain_a_port_that_nobody_declares(prober: Run) -> None:
    """Policies speak of ports on which nobody listens, and so does explain."""
    code, out, _ = prober("explain", DENY, "marketing/web -> payments/postgres:81", "--step", "1")

    assert (0, True) == (code, "marketing/web -> payments/postgres:81 is denied" in out)


@pytest.mark.parametrize(
    ("message", "argv"),
    [
        pytest.param("its pods are payments/postgres, marketing/web", [DENY, "a/b -> c/d:80"], id="unknown-pods"),
        pytest.param("there is no `->`", [DENY, "a/b"], id="no-flow"),
        pytest.param("has 1 step; 0 is before the first", [DENY, LEAKING, "--step", "2"], id="step"),
        pytest.param("no such file", ["gone", LEAKING], id="no-file"),
    ],
)
def test_explain_refuses(message: str, argv: list[str], prober: Run) -> None:
    """A flow, a step or a file that is not there is wrong use, and the error says what is there."""
    code, out, err = prober("explain", *argv)

    assert (2, "") == (code, out)
    assert message in err
    assert 1 == len(err.splitlines())


def test_plan_tells_what_a_run_makes_and_sends(prober: Run) -> None:
    """Objects, addresses, attempts and time, for each scenario and in total, without a packet."""
    code, out, _ = prober("plan", "s", "--timeout", "3s", "--hold", "1", "--jobs", "1")

    assert 0 == code
    assert out.startswith("lab: ")
    assert "deny (s/deny.scenario.yaml): Default deny in payments" in out
    assert "makes 3 namespaces, 4 pods, 2 nodes, and a resolver\n  2 of these pods are witnesses, in " in out
    assert "pods: payments/postgres (10.244.0.1, fd00:244:0:1::1, node 1), marketing/web (10.244.8.1" in out
    assert "policies: payments/default-deny" in out
    # control and restore once, the step twice: two cells, each target to itself, each way between the nodes
    assert 2 == out.count("sends at least 24 attempts in 1 step")
    assert "takes at least 6.3 s" in out
    assert "takes at least 324 ms" in out
    assert "2 scenarios on 2 topologies, 1 at once: at least 48 attempts and 6.6 s; a step that does not agree" in out


def test_plan_tells_what_scenarios_share(prober: Run) -> None:
    """Scenarios on one topology: it is made once, and the control between them is counted once."""
    text = Path("s/deny.scenario.yaml").read_text(encoding="utf-8")
    Path("s/again.scenario.yaml").write_text(text, encoding="utf-8")
    _, out, _ = prober("plan", "s/deny.scenario.yaml", "s/again.scenario.yaml", "--timeout", "3s", "--hold", "1")

    assert 1 == out.count("makes 3 namespaces")
    assert "  takes over the topology of deny; the last control of deny is its first" in out.splitlines()
    assert ("sends at least 24 attempts in 1 step", "sends at least 18 attempts in 1 step") == tuple(
        line.strip() for line in out.splitlines() if "attempts in" in line
    )
    assert "2 scenarios on 1 topology, " in out


def test_plan_in_given_namespaces_is_one_at_a_time(prober: Run) -> None:
    """Namespaces that somebody else made take one topology after the other, whatever --jobs says."""
    _, out, _ = prober("plan", "s", "--cluster", "kube", "--namespaces", "a,b,c", "--jobs", "4")

    assert "2 scenarios on 2 topologies, 1 at once: " in out


def test_plan_takes_the_selection(prober: Run) -> None:
    """Tags and flows select in a plan as in a run."""
    _, out, _ = prober("plan", "s", "--tag", "idle", "--only", "shop/a -> any")

    assert "1 scenario on 1 topology, " in out
    assert "at least 12 attempts" in out
