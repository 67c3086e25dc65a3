"""Tests of prober.pytest_plugin.topology: what a test in Python puts down, and what its assertions are worth."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.pytest_plugin.conftest import Session

HEAD = """
import pytest

def deny(name="deny", pods=None):
    meta = {"name": name, "namespace": "payments"}
    spec = {"podSelector": pods or {}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}

@pytest.fixture
def payments(prober_topology):
    prober_topology.pod("payments/api", labels={"app": "api"}, ports=[8080])
    prober_topology.pod("payments/postgres", labels={"app": "postgres"}, ports=[5432])
    return prober_topology.pod("marketing/web", ports=[80], node=2)

"""
ALLOWED = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: payments}
spec:
  podSelector: {}
  ingress: [{from: [{namespaceSelector: {matchLabels: {team: web}}}]}]
"""


def written(pytester: pytest.Pytester, body: str, name: str = "test_it") -> str:
    """Write a test with this body; return its file."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    (pytester.path / f"{name}.py").write_text(f"{HEAD}\ndef {name}(payments):\n{lines}\n")
    return f"{name}.py"


def told(pytester: pytest.Pytester) -> list[dict[str, object]]:
    """Return the scenarios of a report, in order."""
    found: list[dict[str, object]] = json.loads((pytester.path / "out.json").read_text())["scenarios"]
    return found


STORY = """
payments.apply(deny())
payments.assert_denied("any -> payments/any")
payments.apply("allowed.yaml").label(namespaces={"marketing": {"team": "web"}})
payments.assert_enforced(allowed=["marketing/web -> payments/api:8080"], denied=["payments/api -> payments/postgres"])
payments.remove("payments/api").pod("payments/late", ports=[80])
payments.assert_allowed("marketing/web -> payments/late:80")
payments.delete("any")
step = payments.assert_allowed("any -> any")
assert {"PASS"} == {cell.status for cell in step.cells}
"""


def test_story_is_proved(quick: Session, pytester: pytest.Pytester) -> None:
    """Policies from mappings and files, labels, pods that come and go: each assertion proves the story up to it."""
    (pytester.path / "allowed.yaml").write_text(ALLOWED)
    found = quick(written(pytester, STORY), "--prober-report", "json=out.json", "-W", "error")

    found.assert_outcomes(passed=1)
    names = [[s["name"] for s in scenario["steps"]] for scenario in told(pytester)]  # type: ignore[attr-defined]
    assert [
        ["control", "apply", "restore"],
        ["control", "apply", "apply (2)", "label", "restore"],
        ["control", "apply", "apply (2)", "label", "remove", "add", "restore"],
        ["control", "apply", "apply (2)", "label", "remove", "add", "delete", "restore"],
    ] == names
    assert {"PASS"} == {scenario["status"] for scenario in told(pytester)}


def test_same_state_is_proved_once(quick: Session, pytester: pytest.Pytester) -> None:
    """Assertions of what is proved already send nothing; one that asks for more does."""
    body = """
payments.apply(deny())
payments.assert_denied("any -> payments/any")
payments.assert_allowed("payments/api -> marketing/web:80")
payments.assert_enforced()
payments.service("payments/db", selector={"app": "postgres"}, ports=[5432])
payments.assert_denied("marketing/web -> payments/api:8080")
payments.assert_denied("marketing/web -> payments/api:8080/ipv6")
"""
    quick(written(pytester, body), "--prober-report", "json=out.json").assert_outcomes(passed=1)

    assert 3 == len(told(pytester))


def test_without_policies_all_is_open(quick: Session, pytester: pytest.Pytester) -> None:
    """An assertion before anything is done proves that everything is open."""
    quick(written(pytester, 'payments.assert_allowed("any -> any")')).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("body", "says", "line"),
    [
        pytest.param(
            'payments.apply(deny())\npayments.assert_denied("marketing/web -> payments/postgres:5432")',
            "leaking",
            "E * LEAK *: connected * of *; denied by payments/deny (and 3 more cells)",
            id="leak",
        ),
        pytest.param(
            'payments.apply(deny())\npayments.assert_allowed("payments/postgres -> marketing/web:80")',
            "broken",
            "E * BREAK payments/postgres -> marketing/web:80: timed out * of *",
            id="break",
        ),
        pytest.param("payments.assert_enforced()", "mute", "E * UNKNOWN *", id="unknown"),
        pytest.param(
            'payments.apply(deny())\npayments.assert_allowed("marketing/web -> payments/api:8080")',
            "enforcing",
            "E * Failed: *scenario.yaml:*: steps[[]0[]].expect.allowed[[]0[]]: expected allowed, but * is denied; *",
            id="against-the-oracle",
        ),
        pytest.param(
            'payments.apply("spec: {}\\nkind: NetworkPolcy")\npayments.assert_enforced()',
            "enforcing",
            "E * Failed: *1-policy.yaml:2: kind: *",
            id="faulty-policy",
        ),
        pytest.param(
            'payments.apply("wrong.yaml")\npayments.assert_enforced()',
            "enforcing",
            "E * Failed: wrong.yaml:5: *: unknown key; did you mean `podSelector`?",
            id="faulty-file",
        ),
        pytest.param(
            'payments.apply("absent.yaml")',
            "enforcing",
            "E * Failed: absent.yaml: No such file or directory; name a file as seen from *",
            id="no-file",
        ),
        pytest.param(
            'payments.apply(deny()).assert_denied("any -> payments/nobody")',
            "enforcing",
            "E * Failed: *there is no pod payments/nobody then; *",
            id="no-pod",
        ),
    ],
)
def test_assertion_fails(body: str, says: str, line: str, quick: Session, pytester: pytest.Pytester) -> None:
    """What is not proved fails at its line in the test, without a line of prober's own."""
    (pytester.path / "wrong.yaml").write_text(ALLOWED.replace("spec:\n  podSelector", "spec:\n  podselector"))
    found = quick(written(pytester, body), says=says)

    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines([">       payments.*", line])
    assert "topology.py" not in found.stdout.str()


def test_what_nobody_asserts_fails(quick: Session, pytester: pytest.Pytester) -> None:
    """A test that sets something up and asserts nothing of it fails; one that only asks for the fixture does not."""
    for name, body in {
        "test_never": "payments.apply(deny())",
        "test_not_the_last": "payments.assert_enforced()\npayments.apply(deny())",
        "test_failed_before": "payments.apply(deny())\nassert False",
    }.items():
        written(pytester, body, name)
    (pytester.path / "test_nothing.py").write_text("def test_nothing(prober_topology):\n    pass\n")
    found = quick(*(f.name for f in sorted(pytester.path.glob("test_*.py"))))

    found.assert_outcomes(passed=1, failed=3)
    assert 2 == found.outlines.count(
        "nothing was proved since the last change of prober_topology: call assert_enforced()"
    )


def test_what_the_cluster_lacks_is_skipped(quick: Session, pytester: pytest.Pytester) -> None:
    """A topology that the cluster cannot make skips the test, with the reason."""
    body = 'payments.pod("payments/phone", ports=["80/sctp"]).assert_enforced()'
    found = quick(written(pytester, body), "-rs")

    found.assert_outcomes(skipped=1)
    assert "needs sctp, and nc speaks none" in found.stdout.str()


def test_scenario_is_on_disk(quick: Session, pytester: pytest.Pytester) -> None:
    """What was told is a scenario file that `prober validate` takes, with its manifests beside it."""
    (pytester.path / "allowed.yaml").write_text(ALLOWED)
    quick(written(pytester, 'payments.apply("allowed.yaml").assert_enforced()'), "--basetemp=base").assert_outcomes(
        passed=1
    )
    (file,) = Path("base").rglob("*.scenario.yaml")

    done = pytester.run(sys.executable, "-m", "prober", "validate", file)
    assert 0 == done.ret, done.stderr.str()


def test_scenario_files_from_python(quick: Session, pytester: pytest.Pytester) -> None:
    """`prober_scenario` proves a file beside the test; a faulty one, and one of several cases without a name, fail."""
    above, _, step = (pytester.path / "s" / "idle.scenario.yaml").read_text().partition("steps:\n  - ")
    cases = "".join(f"  {name}: {{summary: {name}, steps: [{step.strip()}]}}\n" for name in ("one", "two"))
    (pytester.path / "several.scenario.yaml").write_text(f"{above}cases:\n{cases}")
    (pytester.path / "faulty.scenario.yaml").write_text("summary: 3")
    (pytester.path / "test_files.py").write_text("""
import pytest

@pytest.mark.parametrize("file", ["s/deny.scenario.yaml", "several.scenario.yaml#two"])
def test_proved(prober_scenario, file):
    assert "PASS" == prober_scenario(file).status

@pytest.mark.parametrize("file", ["several.scenario.yaml", "faulty.scenario.yaml", "absent.scenario.yaml"])
def test_not_proved(prober_scenario, file):
    prober_scenario(file)
""")
    found = quick("test_files.py")

    found.assert_outcomes(passed=2, failed=3)
    text = found.stdout.str()
    assert "several.scenario.yaml: it holds 2 cases; name one, like " in text
    assert "faulty.scenario.yaml:1: summary: 3 is a number to YAML" in text
    assert "absent.scenario.yaml: no such file" in text


@pytest.mark.lab
def test_real_packets(session: Session, pytester: pytest.Pytester) -> None:
    """On the lab the same story is proved with two workers, and an assertion on a lab that lies is a leak."""
    (pytester.path / "allowed.yaml").write_text(ALLOWED)
    file = written(pytester, STORY)
    session(file, "-n", "2").assert_outcomes(passed=1)
    found = session(file, "--prober-fault", "ignore-all", "--prober-settle", "1s")

    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["E * LEAK *: connected * of *; denied by payments/deny *", "E *evidence:*"])
