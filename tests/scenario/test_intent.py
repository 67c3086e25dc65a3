"""The author against the oracle: what the specification contradicts is a mistake before any packet."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.scenario import check, load
from tests.scenario.written import PATH, TOPOLOGY, policy, scenario

DENY = f"apply: {policy('deny')}\n"
VALID = Path(__file__).parent.parent / "data" / "valid"


@pytest.mark.parametrize(
    "expect",
    [
        "denied: [any -> a/any, b/client -> svc/a/db:1, b/client -> name/db.a:1]",
        "allowed: [any -> ext/partner, any -> dns/db.a, a/web -> a/web:80]",
        "denied: any -> a/any\n  allowed: a/web -> a/web:80",
    ],
)
def test_what_the_specification_says_is_no_mistake(expect: str) -> None:
    """Patterns, Services and names, judged in the state after the step's actions."""
    assert () == check(scenario(DENY + "expect:\n  " + expect))


@pytest.mark.parametrize(
    ("expect", "answer", "reason"),
    [
        ("allowed: b/client -> a/db:5432", "b/client -> a/db:5432 is denied; ", "isolated by a/deny"),
        ("allowed: b/client -> svc/a/db:1", "b/client -> svc/a/db:1 is denied; ", "isolated by a/deny"),
        ("denied: b/client -> dns/db.a", "b/client -> dns/db.a is allowed; ", "no policy isolates it"),
        ("denied: a/web -> a/web:80", "a/web -> a/web:80 is allowed; ", "its own address (semantics 23)"),
    ],
)
def test_contradiction_names_the_rule(expect: str, answer: str, reason: str) -> None:
    """The mistake stands at the author's line, and says what the oracle says and why."""
    (mistake,) = check(scenario(DENY + "expect:\n  " + expect))
    ruling = expect.split(":", maxsplit=1)[0]

    assert mistake.what.startswith(f"expected {ruling}, but {answer}")
    assert reason in mistake.what
    assert (PATH, f"steps[0].expect.{ruling}") == (mistake.file, mistake.key)
    assert mistake.remedy
    assert "\n" not in str(mistake)


def test_one_mistake_per_line_however_many_flows() -> None:
    """A pattern that is wrong a hundred times is one mistake, which says how often."""
    (mistake,) = check(scenario(DENY + "expect: {allowed: any -> any}"))

    assert mistake.what.endswith("(one of 6 such flows of this line)")


def test_every_step_is_checked_in_its_own_state() -> None:
    """Removing the policy turns the answer, and so does a label."""
    line = "expect: {denied: b/client -> a/db}"
    selecting = f"apply: {policy('x', spec='{podSelector: {matchLabels: {app: y}}}')}"
    label = "label: {pods: {a/db: {app: y}}}\n"
    found = scenario(DENY + line, f"delete: a/deny\n{line}", selecting, label + line)

    assert ["steps[1].expect.denied"] == [m.key for m in check(found)]


@pytest.mark.parametrize("ruling", ["allowed", "denied"])
def test_what_the_specification_leaves_open_contradicts_nobody(ruling: str) -> None:
    """A host-network pod is left open, so the author may say either (semantics 41)."""
    topology = TOPOLOGY.replace("node: 2}", "node: 2, hostNetwork: true}")
    step = f"{DENY}expect: {{{ruling}: [b/client -> a/db, 'any -> any:sql']}}"

    assert () == check(scenario(step, topology=topology))


def test_valid_scenarios_agree_with_the_oracle() -> None:
    """The scenarios that other tests read are right too."""
    found = load([VALID])

    assert {"example", "every-key"} <= {s.name for s in found}
    assert [] == [str(m) for s in found for m in check(s)]
