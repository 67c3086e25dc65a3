"""What every cell should be, and who says so."""

from __future__ import annotations

import pytest

from prober.expect import expectations, unprobeable
from prober.flows import parse_flow, parse_pattern
from prober.outcomes import Verdict
from prober.scenario import planned_states
from tests.running import loaded
from tests.telling import A_B, A_C, DENY_B


def expected(text: str, flow: str, step: int = 0) -> tuple[Verdict, str, str]:
    """Return verdict, who says so and the conflict of a cell after a step."""
    scenario = loaded(text)
    which, state = list(planned_states(scenario))[step]
    found = expectations(scenario, which, state)[parse_flow(flow)]
    return found.verdict, found.by, found.conflict


def test_author_and_oracle_agree() -> None:
    """What both say is both's."""
    assert (Verdict.DENIED, "author and oracle", "") == expected(DENY_B, A_B)
    assert (Verdict.ALLOWED, "author and oracle", "") == expected(DENY_B, A_C)


def test_oracle_speaks_where_the_author_is_silent() -> None:
    """Rule 8: cells that nobody wrote down are judged by the oracle."""
    text = DENY_B.replace("    expect: {denied: [any -> shop/b], allowed: [any -> shop/c]}\n", "")
    assert (Verdict.DENIED, "oracle", "") == expected(text, A_B)
    assert (Verdict.ALLOWED, "oracle", "") == expected(text, A_C)


@pytest.mark.parametrize(("said", "ruled"), [("allowed", "denied"), ("denied", "allowed")])
def test_contradiction_asserts_nothing(said: str, ruled: str) -> None:
    """Rule 8: nobody is right by default: the cell is not asserted, and says where it was written."""
    flow = {"denied": A_B, "allowed": A_C}[ruled]
    text = DENY_B.replace("{denied: [any -> shop/b], allowed: [any -> shop/c]}", f"{{{said}: [{flow}]}}")
    verdict, _, conflict = expected(text, flow)
    assert Verdict.UNKNOWN is verdict
    assert f"s0.scenario.yaml:14 expects it {said}, the policies make it {ruled}" == conflict


@pytest.mark.parametrize("said", ["allowed", "denied"])
@pytest.mark.parametrize(("who", "by"), [("shop/a", "author"), ("any", "oracle")])
def test_open_cell_is_the_named_authors(said: str, who: str, by: str) -> None:
    """Rule 9: where the specification is open, who names both ends asserts, and a pattern does not."""
    text = """\
summary: A pod to its own Service is open (semantics 23)
namespaces: {shop: {}}
pods: {shop/a: {labels: {app: a}, ports: [80]}}
services: {shop/web: {selector: {app: a}, ports: [80]}}
steps: [{name: s, expect: {SAID: [WHO -> svc/shop/web:80]}}]
"""
    verdict = Verdict(said.upper()) if by == "author" else Verdict.UNKNOWN
    found = expected(text.replace("SAID", said).replace("WHO", who), "shop/a -> svc/shop/web:80")
    assert (verdict, by, "") == found


def test_only_leaves_what_it_means() -> None:
    """--only narrows the cells, in every family."""
    scenario = loaded(DENY_B)
    step, state = next(planned_states(scenario))
    only = parse_pattern("any -> shop/b")
    found = expectations(scenario, step, state, only)
    assert {"shop/a -> shop/b:80", "shop/c -> shop/b:80"} == {str(f) for f in found if f.port == 80}
    assert {} == expectations(scenario, step, state, parse_pattern("shop/a -> shop/b:99"))


def test_what_nc_does_not_speak_cannot_be_probed() -> None:
    """A cell that cannot be asked says why."""
    assert "" == unprobeable(parse_flow(A_B))
    assert "nc speaks no SCTP" == unprobeable(parse_flow("shop/a -> shop/b:80/sctp"))
