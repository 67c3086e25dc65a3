"""Tests of --policies and --workloads on every command that takes them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.workloads.written import POLICY, deployment

WEB = deployment("web", "{ports: [{containerPort: 80}]}")
DB = deployment("db", "{ports: [{containerPort: 5432}]}")
FLAGS = ("--policies", "k8s/policies", "--workloads", "k8s")


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a repository's manifests and stand beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "k8s" / "policies").mkdir(parents=True)
    (tmp_path / "k8s" / "policies" / "deny.yaml").write_text(POLICY)
    (tmp_path / "k8s" / "app.yaml").write_text(f"{WEB}---\n{DB}")
    return tmp_path / "k8s"


def test_plan_says_what_a_run_would_make(prober: Run) -> None:
    """What was read, the pods, the policies and the time, and nothing is sent."""
    code, out, _ = prober("plan", *FLAGS)

    assert 0 == code
    assert "manifests: 1 policy, 2 workloads as 2 pods, in 1 namespace; read from 2 files" in out
    assert "policies: shop/deny" in out


def test_validate_shows_the_matrix_and_findings(prober: Run, repository: Path) -> None:
    """All that needs no packet: exit 0, or 1 where the policies contradict what is expected of them."""
    code, out, _ = prober("validate", *FLAGS)
    assert (0, "lab: 1 scenario, 1 step, 8 cells: no mistake") == (code, out.splitlines()[0])
    assert "  ingress of shop/web: shop/deny (k8s/policies/deny.yaml:1)" in out
    (repository / "expectations.yaml").write_text("allowed: shop/web -> shop/db\n")
    code, out, _ = prober("validate", *FLAGS)

    assert 1 == code
    assert "intent: k8s/expectations.yaml:1: allowed: expected allowed, but shop/web -> shop/db:5432 is denied; " in out
    assert "shop/deny is in k8s/policies/deny.yaml:1" in out


def test_explain_takes_the_flow_alone(prober: Run) -> None:
    """The flags stand where the path would, wherever they stand."""
    for argv in (
        (*FLAGS, "shop/web -> shop/db"),
        ("shop/web -> shop/db", *FLAGS),
        (*FLAGS, "--step=1", "shop/web -> shop/db"),
    ):
        code, out, _ = prober("explain", *argv)
        assert 0 == code
        assert "k8s (--policies k8s/policies --workloads k8s)" in out
        assert "after step 1 'all policies': denied" in out
    code, _, err = prober("explain", *FLAGS, "shop/web -> shop/nobody")
    assert 2 == code
    assert "is no flow of --policies k8s/policies --workloads k8s; its pods are shop/web, shop/db" in err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("run", "--expect", "x", "s.yaml"), "--expect goes with --policies or --workloads"),
        (("run", "--default-namespace", "x", "s.yaml"), "--default-namespace goes with --policies or --workloads"),
        (("run", "--default-namespace", "X", *FLAGS), "'X' is no namespace"),
        (("run", "s.yaml", *FLAGS), "unrecognized arguments: s.yaml"),
        (("run", "--policies", "gone"), "gone: no such file or directory"),
        (("run",), "required: PATH"),
        (("run", *FLAGS, "--only", "shop/web -> shop/x"), "matches no cell of --policies k8s/policies --workloads k8s"),
        (("validate", *FLAGS, "--tag", "smoke"), "--tag smoke leaves none"),
    ],
)
def test_wrong_use_is_told(argv: tuple[str, ...], message: str, prober: Run) -> None:
    """One line and exit 2."""
    code, _, err = prober(*argv)

    assert 2 == code
    assert message in err


def test_mistakes_are_counted_like_those_of_scenarios(prober: Run, repository: Path) -> None:
    """With file, line, key and remedy, and the count."""
    (repository / "app.yaml").write_text(WEB.replace("containerPort: 80", "containerPort: web"))
    code, _, err = prober("run", *FLAGS)

    place = "k8s/app.yaml:9: spec.template.spec.containers[0].ports[0].containerPort: `web` is text"
    assert 2 == code
    assert err.startswith(place)
    assert "prober: 1 mistake; nothing was sent" in err


def test_stdin_is_piped_in(prober: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What helm template writes; a terminal is refused."""
    piped = io.TextIOWrapper(io.BytesIO(f"{WEB}---\n{POLICY}".encode()))
    monkeypatch.setattr(sys, "stdin", piped)
    code, out, _ = prober("validate", "--policies", "-", "--workloads", "-")
    assert 0 == code
    assert "shop/deny (<stdin>:11)" in out
    monkeypatch.setattr(piped, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda _: True})())

    assert (2, True) == ((found := prober("validate", "--policies", "-"))[0], "nothing comes from there" in found[2])


@pytest.mark.lab
def test_large_input_is_told_what_it_costs(prober: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first packet, with the flags that help."""
    monkeypatch.setattr("prober.workloads.making.MANY_CELLS", 1)
    err = prober("run", *FLAGS, "--only", "shop/web -> shop/db", "--budget", "90s")[2]

    assert "prober: so many cells take at least " in err
    assert "of --budget 1 min 30 s; --only 'NAMESPACE/any -> any' asks fewer" in err


@pytest.mark.lab
def test_large_input_gets_the_time_that_it_takes(prober: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who gives no --budget is told afterwards that it was too short; who gives one keeps it."""
    monkeypatch.setattr("prober.workloads.making.MANY_CELLS", 1)
    monkeypatch.setattr("prober.cli.planning._OPENING", 100)
    only = ("--only", "shop/web -> shop/db")
    assert "of --budget 16 min 50 s" in prober("run", *FLAGS, *only)[2]
    assert "a scenario at most 17 min " in prober("plan", *FLAGS, *only)[1]
    assert "a scenario at most 1 min 30 s" in prober("plan", *FLAGS, *only, "--budget", "90s")[1]


@pytest.mark.lab
def test_every_report_says_what_is_not_represented(prober: Run, repository: Path) -> None:
    """A reader of the file alone must not believe that all of the manifests was proved."""
    ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\n"
    (repository / "ingress.yaml").write_text(ingress)
    formats = ("text", "html", "markdown", "junit", "json")
    prober("run", *FLAGS, *(word for f in formats for word in ("--report", f"{f}=out.{f}")))

    assert dict.fromkeys(formats, True) == {
        f: "not represented: Ingress shop/web" in Path(f"out.{f}").read_text() for f in formats
    }


@pytest.mark.lab
def test_run_proves_the_manifests(prober: Run, repository: Path) -> None:
    """With real packets: the proof, then what was read, the matrix, and the rule behind each mark."""
    code, out, _ = prober("run", *FLAGS, "--report", "json=out.json")

    assert 0 == code
    assert "proved 4 denials and 4 allows on 2 nodes; skipped 0; left open 0" == out.splitlines()[1]
    assert "PASS k8s (--policies k8s/policies --workloads k8s): " in out
    assert "shop/web         X  .  ." in out
    stored = prober("report", "out.json")[1]
    assert out.splitlines()[1] == stored.splitlines()[1]
    texts = json.loads(Path("out.json").read_text())["journal"][0]["texts"]
    assert {"k8s/policies/deny.yaml", "--policies k8s/policies --workloads k8s"} == set(texts)


@pytest.mark.lab
def test_intent_is_exit_1_with_the_cells_proved(prober: Run, repository: Path) -> None:
    """The finding stands first, and the packets agree with the policies."""
    (repository / "prober.yaml").write_text("allowed: shop/web -> shop/db\n")
    code, out, _ = prober("run", *FLAGS)

    assert 1 == code
    assert out.splitlines()[1].startswith("1 intent; proved 4 denials")
    assert "  intent: k8s/prober.yaml:1: allowed: expected allowed, but shop/web -> shop/db:5432 is denied; " in out


@pytest.mark.lab
def test_lying_lab_is_found_and_marked(prober: Run) -> None:
    """What leaks is `!` in the matrix, and the command that makes it again names the manifests."""
    code, out, _ = prober("run", *FLAGS, "--fault", "ignore-all", "--settle", "1s")

    assert 1 == code
    assert "shop/web         !  .  ." in out
    assert "next: prober explain --policies k8s/policies --workloads k8s 'shop/web -> shop/db:5432' --step 1" in out
    assert "again: prober run --policies k8s/policies --workloads k8s --only 'shop/web -> shop/db:5432'" in out
