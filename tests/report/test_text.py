"""Tests of prober.report.text."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

import pytest

from prober.flows import parse_flow, parse_pattern
from prober.outcomes import Status
from prober.report.text import again_command, head, render
from prober.result import LAB_BANNER, RunResult, WaiverResult, WaiverState
from tests.report.build import cell, matrix, run, scenario, step

LEAKED = cell("marketing/web -> payments/postgres:5432", "DENIED", "ALLOWED")
DENIED = cell("marketing/web -> payments/api:8080")
ALLOWED = cell("payments/api -> payments/postgres:5432", "ALLOWED")
OPEN = cell("payments/api -> ext/partner:443", "UNKNOWN", "ALLOWED", reason="seen: CONNECTED; open: source address")


def lines(result: RunResult, **options: object) -> list[str]:
    return render(result, **options).splitlines()  # type: ignore[arg-type]


def test_page_of_a_leak() -> None:
    """A failing scenario shows what was expected and observed, then each failing cell with all that one can do next."""
    result = run(scenario(step(LEAKED, ALLOWED)), scenario(step(DENIED, ALLOWED, agreed := cell("a/b -> a/c:80"))))

    assert agreed.status is Status.PASS
    assert """\
lab: proves the policies, says nothing about any cluster
1 LEAK; proved 2 denials and 2 allows on 2 nodes; skipped 0; left open 0

LEAK default-deny (scenarios/default-deny.scenario.yaml): 1 LEAK, 1 allow proved in 1 step; released in 300 ms; \
took 3.2 s
  step 1 'default deny': 1 LEAK, 1 allow proved in 4 rounds, 2.1 s
    after: apply payments/default-deny

    expected                    observed                    difference
                   payments/                   payments/                   payments/
                   postgres                    postgres                    postgres
    from           :5432        from           :5432        from           :5432
    -------------  ---------    -------------  ---------    -------------  ---------
    marketing/web  X            marketing/web  .            marketing/web  !
    payments/api   .            payments/api   .            payments/api   .

    LEAK marketing/web -> payments/postgres:5432: connected 4 of 4; denied by payments/default-deny
      expected DENIED, observed ALLOWED (CONNECTED) in 4 attempts
      marketing/web -> payments/postgres:5432 is denied
      ingress of payments/postgres is isolated by payments/default-deny
      ran in marketing/web: nc -w 1 10.244.0.2 5432
      again: prober run scenarios/default-deny.scenario.yaml --only 'marketing/web -> payments/postgres:5432'
      next: prober explain scenarios/default-deny.scenario.yaml 'marketing/web -> payments/postgres:5432' --step 1

  . allowed   X denied   ? unknown   ! expected and observed differ

PASS default-deny (scenarios/default-deny.scenario.yaml): 2 denials and 1 allow proved in 1 step; \
enforced in 300 ms; released in 300 ms; took 3.2 s

run 20261121-094512-3fa9 of prober 0.1.0 on lab: timeout 1s, hold 1
2 scenarios: 1 LEAK, 1 PASS; 12.5 s
slowest to enforce: 300 ms, step 'default deny' of default-deny
slowest to release: 300 ms, step 'default deny' of default-deny
""" == render(result)


def test_first_lines_are_cluster_and_proof() -> None:
    """Whatever the run, the cluster stands first and the proof line second."""
    for result in (run(), run(scenario(step(DENIED)), cluster="kind-a (context kind-a)"), run(interrupted=True)):
        assert [result.banner, result.proof] == lines(result)[:2]
    assert LAB_BANNER == lines(run())[0]


def test_commands_survive_the_shell_and_the_parser() -> None:
    """What a report tells to type comes back from the shell as the very cell, even from a path with a blank."""
    found = scenario(step(LEAKED), path="my scenarios/a'b.scenario.yaml")
    page = render(run(found))
    explain = re.search(r"next: (prober explain .*)", page)
    again = re.search(r"again: (prober run .*)", page)

    assert explain is not None
    assert again is not None
    assert ["prober", "explain", found.path, str(LEAKED.flow), "--step", "1"] == shlex.split(explain[1])
    *_, path, only, flow = shlex.split(again[1])
    assert (found.path, "--only", LEAKED.flow) == (path, only, parse_flow(flow))
    assert parse_pattern(flow).named


def test_what_passed_stands_close_together() -> None:
    """Scenarios that passed have a line each and no blank one between; a failing one stands apart."""
    good, bad = scenario(step(DENIED), name="good"), scenario(step(LEAKED), name="bad")
    page = lines(run(good, good, bad, good, good))

    heads = [i for i, line in enumerate(page) if line.startswith(("PASS", "LEAK"))]
    assert [True, False, True, True, False] == [not page[i - 1] for i in heads]


def test_a_cell_is_asked_again_as_patiently_as_the_run_did() -> None:
    """Whatever of the run's pace and waivers is not the usual stands in the command; what is usual does not."""
    pace = (("timeout", "1s"), ("settle", "0.5s"), ("hold", "3"), ("budget", "60s"), ("jobs", "7"), ("only", "x"))
    result = replace(run(scenario(step(LEAKED))), settings=(*pace, ("waivers", "a b.yaml\nprofile:calico")))
    command = again_command(result, "s.yaml", LEAKED)

    assert command.endswith(" --settle 0.5s --hold 3 --budget 60s --waivers 'a b.yaml' --waivers profile:calico")
    assert again_command(run(scenario(step(LEAKED))), "s.yaml", LEAKED).endswith(f"--only '{LEAKED.flow}'")


def test_lying_lab_is_asked_again_with_its_lie() -> None:
    """What the lab was made to do is part of what reproduces a cell, and stands in the report."""
    page = render(run(scenario(step(LEAKED)), cluster="lab --fault late:2s --deny reject"))

    assert "--only 'marketing/web -> payments/postgres:5432' --fault late:2s --deny reject\n" in page
    assert "on lab --fault late:2s --deny reject: timeout 1s" in page


def test_lab_command_only_in_the_lab() -> None:
    """Elsewhere than in the lab nobody is told to run the lab again."""
    assert "again:" not in render(run(scenario(step(LEAKED)), cluster="kind-a"))


def test_failing_control_is_shown_and_takes_no_step_number() -> None:
    """A control that fails is shown as one; steps are counted without controls."""
    broken = cell("payments/api -> payments/postgres:5432", "ALLOWED", "DENIED")
    page = render(
        run(
            scenario(
                step(broken, name="control", kind="control", actions=()),
                step(DENIED, name="first"),
                step(LEAKED, name="second"),
                step(broken, name="restore", kind="restore", actions=()),
            )
        )
    )

    assert "  control: 1 BREAK, nothing proved in 4 rounds, 2.1 s" in page
    assert "  restore: 1 BREAK, nothing proved in 4 rounds, 2.1 s" in page
    assert "step 2 'second'" in page
    assert "step 1" not in page
    assert 2 == len(re.findall(r"^      next: .* 'payments/api -> payments/postgres:5432'$", page, re.MULTILINE))


def test_verbose_shows_the_tables_of_all_steps() -> None:
    """With verbose a step that passed has its tables too."""
    result = run(scenario(step(DENIED, name="quiet one")))

    assert "quiet one" not in render(result).split("\nslowest")[0]
    assert "step 1 'quiet one'" in render(result, verbose=True)
    assert "difference" in render(result, verbose=True)


def test_unwitnessed_step_is_noted() -> None:
    """A step that changes no verdict proves nothing, and the report says so even where all passed."""
    note = "  note: step 'idle' changes no verdict: it proves nothing"

    assert note in lines(run(scenario(step(DENIED, name="idle", witnessed=False))))
    assert note not in lines(run(scenario(step(DENIED, name="idle"))))
    assert "note:" not in render(run(scenario(step(ALLOWED, name="control", kind="control", witnessed=False))))


def test_open_cells_are_listed_briefly() -> None:
    """Cells that the specification leaves open are listed, at most five of a step unless verbose."""
    seven = run(scenario(step(*[OPEN] * 7)))
    line = "  left open: payments/api -> ext/partner:443: seen: CONNECTED; open: source address"

    assert (5, 7) == (lines(seven).count(line), lines(seven, verbose=True).count(line))
    assert "  left open: 2 more cells (--verbose lists them)" in lines(seven)


def test_skips_trouble_and_interruption_have_their_reasons() -> None:
    """What was skipped, what went wrong and that a run was interrupted is said, with the reason."""
    page = lines(
        run(
            scenario(name="sctp", skipped="it requires sctp, which the lab's nc does not speak"),
            scenario(step(DENIED), name="cut", trouble="the lab died"),
            trouble="out of budget",
            interrupted=True,
        )
    )

    assert ["trouble: out of budget", "interrupted: these are the results so far"] == page[2:4]
    assert "SKIPPED sctp (scenarios/sctp.scenario.yaml): it requires sctp, which the lab's nc does not speak" in page
    assert (
        "UNKNOWN cut (scenarios/cut.scenario.yaml): 1 denial proved in 1 step; enforced in 300 ms; took 3.2 s" in page
    )
    assert "  trouble: the lab died" in page


def test_what_troubles_the_whole_run_is_never_left_out() -> None:
    """Who reads the head alone (--quiet) learns why nothing was proved."""
    found = run(scenario(step(DENIED)), trouble="nobody enforces\nhere")
    assert ["trouble: nobody enforces here"] == head(found).splitlines()[2:]
    assert 2 == len(head(replace(found, trouble="")).splitlines())


def test_remarks_are_told_first() -> None:
    """What no verdict says stands where it is read: the run's below the proof, a scenario's below its line."""
    page = lines(run(scenario(step(DENIED), remarks=("others count",)), remarks=("not covered: n3 is cordoned",)))

    assert "note: not covered: n3 is cordoned" == page[2]
    assert "  note: others count" == page[page.index("note: not covered: n3 is cordoned") + 3]


def test_evidence_of_failures_only() -> None:
    """The cluster's evidence stands where a scenario failed, shortened unless verbose."""
    evidence = "\n".join(f"line {i}" for i in range(40))
    failed, passed = (run(scenario(step(c), evidence=evidence)) for c in (LEAKED, DENIED))

    assert "evidence" not in render(passed)
    assert "    line 11\n    ... 28 more lines" in render(failed)
    assert "    line 39" in render(failed, verbose=True)


def test_many_failing_cells_keep_their_first_lines() -> None:
    """Every failing cell has its line; the details stop after ten of a kind, and verbose has them all."""
    result = run(scenario(step(*matrix([f"a/p{i}" for i in range(6)], ["80"], leaks=["a/"]))))

    assert (30, 10) == (render(result).count("    LEAK a/"), render(result).count("again:"))
    assert 30 == render(result, verbose=True).count("again:")


def test_worst_cells_come_first() -> None:
    """Within a step leaks stand before breaks, breaks before what is unknown."""
    cells = [
        cell("a/b -> a/c:1", "ALLOWED", "UNKNOWN"),
        cell("a/b -> a/c:2", "ALLOWED", "DENIED"),
        cell("a/b -> a/c:3", "DENIED", "ALLOWED"),
        cell("a/b -> a/c:4", "ALLOWED", status=Status.FLAKY),
    ]
    assert ["LEAK", "BREAK", "FLAKY", "UNKNOWN"] == re.findall(
        r"^    ([A-Z]+) a/b", render(run(scenario(step(*cells)))), re.MULTILINE
    )


def test_author_is_named_where_he_decides() -> None:
    """A cell that its author decides says so."""
    assert "expected DENIED by author, observed" in render(run(scenario(step(replace(LEAKED, by="author")))))


def test_slowest_steps_end_the_report() -> None:
    """The last lines name the slowest step to enforce and the slowest to release, of all scenarios."""
    slow = replace(DENIED, agreed_after=2.04)
    page = lines(run(scenario(step(slow), name="late"), scenario(step(DENIED, ALLOWED), name="quick")))

    assert [
        "slowest to enforce: 2.0 s, step 'default deny' of late",
        "slowest to release: 300 ms, step 'default deny' of quick",
    ] == page[-2:]


def test_colour_is_only_colour() -> None:
    """Colours change nothing but colours, and without them there is no escape sequence."""
    result = run(scenario(step(LEAKED, DENIED, ALLOWED)), scenario(name="s", skipped="why"))
    plain, coloured = render(result), render(result, colour=True)

    assert "\x1b" not in plain
    assert "\x1b[31mLEAK\x1b[0m" in coloured
    assert "\x1b[31m!\x1b[0m" in coloured
    assert plain == re.sub(r"\x1b\[[0-9]*m", "", coloured)


@pytest.mark.parametrize(
    "evil", ["\x1b]0;owned\x07", "\x9b2J", "a\rb", "\u202egnp", "a\nPASS"], ids=["osc", "csi", "cr", "rtl", "line"]
)
def test_report_steers_no_terminal(evil: str) -> None:
    """No text of a file, a pod or a cluster reaches the terminal with a control character in it."""
    hostile = replace(LEAKED, reason=evil, judgement=evil, command=evil, by=evil)
    page = render(
        run(
            scenario(
                step(hostile, replace(OPEN, reason=evil), name=evil, actions=(evil,), witnessed=False),
                name=evil,
                path=evil,
                evidence=evil,
                trouble=evil,
            ),
            scenario(name=evil, skipped=evil),
            trouble=evil,
            cluster=f"lab{evil}",
        ),
        verbose=True,
    )

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]|^PASS", page, re.MULTILINE)


def test_waivers_are_told_with_their_cells() -> None:
    """What is waived stands in the proof line and by its cells, and each waiver says what became of it; what of a
    shipped profile was not needed is told to those who ask for all.
    """
    waived = cell("a/b -> c/d:80", observed="ALLOWED", status=Status.WAIVED, reason="LEAK waived by known: connected")
    known = WaiverResult(
        id="known", file="w.yaml", reason="so it is", owner="net", expires="2027-01-31", engine="",
        state=WaiverState.IN_FORCE, cells=1,
    )  # fmt: skip
    idle = replace(known, id="shipped", file="profile:cilium", state=WaiverState.IDLE, cells=0)
    found = run(scenario(step(waived, cell("a/b -> c/d:81"))), waivers=(known, idle))
    page = render(found)

    assert "; waived 1; " in page.splitlines()[1]
    assert "waiver known (net) waives 1 cell until 2027-01-31: so it is" in page
    assert "waived: a/b -> c/d:80: LEAK waived by known: connected" in page
    assert "WAIVED default-deny" in page
    assert "waiver shipped" not in page
    assert "waiver shipped (net) waives nothing, its cells agree: remove it" in render(found, verbose=True)
