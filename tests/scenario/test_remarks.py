"""What is remarked of a scenario: selectors that take no pod in any of its states, unless its author says so."""

from __future__ import annotations

from pathlib import Path

from prober.scenario import load, remarks
from tests.scenario.written import mistakes, policy, scenario

SCENARIOS = Path(__file__).parent.parent.parent / "scenarios"
WRONG = policy("p", spec="{podSelector: {matchLabels: {app: dbs}}}")
SAID = "dir/s.scenario.yaml:12: a/p selects no pod: no pod of a has app=dbs; a/db has app=db"


def test_a_policy_that_never_selects_a_pod_has_its_line() -> None:
    """The policy's file and line, what it asks for, and who comes near."""
    assert (SAID,) == remarks(scenario(f"apply: {WRONG}"))


def test_a_policy_is_remarked_once() -> None:
    """A policy that stays in force is one remark, however many states it is in."""
    assert (SAID,) == remarks(scenario(f"apply: {WRONG}", "label: {pods: {a/web: {x: y}}}"))


def test_any_state_counts() -> None:
    """Pods may come after their policy, or go before it; a label may be there at any time."""
    for steps in (
        (f"apply: {WRONG}", "add: {a/late: {labels: {app: dbs}}}"),
        (f"apply: {WRONG}", "label: {pods: {a/web: {app: dbs}}}"),
        ("label: {pods: {a/web: {app: dbs}}}", f"label: {{pods: {{a/web: {{app: web}}}}}}\napply: {WRONG}"),
    ):
        assert () == remarks(scenario(*steps))


def test_what_its_author_calls_empty_is_not_remarked() -> None:
    """`empty` names policies that take nobody on purpose; others are remarked as before."""
    other = policy("q", spec="{podSelector: {matchLabels: {app: dbs}}}")

    assert () == remarks(scenario(f"apply: {WRONG}\nempty: a/p"))
    assert () == remarks(scenario(f"apply: [{WRONG}, {other}]\nempty: a/any"))
    assert (SAID.replace("a/p", "a/q"),) == remarks(scenario(f"apply: [{WRONG}, {other}]\nempty: [a/p]"))


def test_only_a_policy_in_force_may_be_called_empty() -> None:
    """A name that means no policy then is a mistake like any other."""
    assert ["steps[0].empty: there is no policy a/q then"] == mistakes(f"apply: {WRONG}\nempty: a/q")
    assert ["steps[0].empty: there is no policy a/p then"] == mistakes("expect: {allowed: any -> any}\nempty: a/p")


def test_the_library_has_nothing_to_remark() -> None:
    """Every scenario that ships says itself where a selector takes nobody on purpose."""
    assert {} == {s.path: found for s in load([SCENARIOS]) if (found := remarks(s))}
