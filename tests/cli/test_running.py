"""Tests of `prober run`, with a lab in memory."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

from prober import runner, verdict
from prober.cli import backend
from prober.cluster.fake import Says
from prober.errors import LabUnavailableError
from prober.report import json as json_report
from prober.result import LAB_BANNER
from tests.cli.conftest import Run
from tests.cli.world import IDLE, LEAKING, FakeLab, leaking, mute

pytestmark = pytest.mark.usefixtures("lab")
QUICK = ("--settle", "300ms", "--quiet")


def journals(state: Path) -> list[str]:
    return sorted(p.name for p in state.glob("*.jsonl"))


def test_green_run(prober: Run, scenarios: Path, state: Path) -> None:
    """A run that proves everything says so first, exits 0 and mentions no journal, though it keeps one."""
    code, out, err = prober("run", scenarios)

    assert 0 == code
    assert [LAB_BANNER, "proved 1 denial and 3 allows on 1 node; skipped 0; left open 0"] == [
        line.replace("2 nodes", "1 node") for line in out.splitlines()[:2]
    ]
    assert "PASS deny (s/deny.scenario.yaml): 1 denial and 1 allow proved in 1 step" in out
    assert 1 == len(journals(state))
    assert "journal" not in err
    assert ["[1/2]", "[2/2]"] == [line.split()[0] for line in err.splitlines()]


def test_leak_is_exit_1_with_its_cell_and_its_journal(
    prober: Run, scenarios: Path, lab: Callable[[Says], None], state: Path
) -> None:
    """Where nothing is enforced the run exits 1, names the cell with what to do next, and where the journal is."""
    lab(leaking)
    code, out, err = prober("run", scenarios / "deny.scenario.yaml", "--settle", "300ms")

    assert 1 == code
    assert f"LEAK {LEAKING}: connected" in out
    assert f"next: prober explain s/deny.scenario.yaml '{LEAKING}' --step 1" in out
    assert "a fake has no evidence" in out
    assert f"prober: the journal is {state}/{journals(state)[0]}" == err.splitlines()[-1]


def test_commands_of_a_report_work(prober: Run, scenarios: Path, lab: Callable[[Says], None]) -> None:
    """What a report tells to type can be typed: it asks that cell alone, and explains it."""
    lab(leaking)
    code, out, _ = prober("run", "s/deny.scenario.yaml", "--only", LEAKING, *QUICK[:2])
    assert (1, "1 LEAK") == (code, out.splitlines()[1].split(";")[0])
    assert "payments/postgres -> marketing/web" not in out

    code, out, _ = prober("explain", "s/deny.scenario.yaml", LEAKING, "--step", "1")
    assert 0 == code
    assert "is isolated by payments/default-deny" in out


def test_unknown_is_exit_3(prober: Run, scenarios: Path, lab: Callable[[Says], None]) -> None:
    """Where nc says what nobody knows nothing is proved, and nothing is denied."""
    lab(mute)
    code, out, _ = prober("run", scenarios, *QUICK)

    assert 3 == code
    assert "proved 0 denials and 0 allows" in out


@pytest.mark.parametrize(("code", "fail_on"), [(1, "leak"), (0, "break,unknown"), (1, "LEAK, flaky")])
def test_fail_on_narrows_exit_1(
    code: int, fail_on: str, prober: Run, scenarios: Path, lab: Callable[[Says], None]
) -> None:
    """--fail-on says which statuses make exit 1; the report shows all the same."""
    lab(leaking)
    found, out, _ = prober("run", scenarios, "--fail-on", fail_on, *QUICK)

    assert (code, "1 LEAK; proved") == (found, out.splitlines()[1][:14])


def test_lie_is_part_of_the_cluster_s_name(prober: Run, scenarios: Path) -> None:
    """A report from a lab that lies on request says so, and what reproduces a cell makes it lie again."""
    code, out, _ = prober("run", scenarios, "--fault", "ignore-all", "--deny", "reject", "--settle", "300ms")

    assert 1 == code
    assert out.startswith("lab --fault ignore-all --deny reject: lies on purpose, ")
    assert "on lab --fault ignore-all --deny reject: timeout 1s" in out
    assert f"--only '{LEAKING}' --fault ignore-all --deny reject" in out


def test_reports_go_to_their_files(prober: Run, scenarios: Path) -> None:
    """Every --report is written beside the text on stdout, and the json one is read back with its journal."""
    code, out, _ = prober("run", scenarios, *(f"--report={f}=out.{f}" for f in ("json", "junit", "text")))

    assert 0 == code
    result, events = json_report.read(Path("out.json").read_text())
    assert result.proof == out.splitlines()[1]
    assert "RunStarted" == events[0]["event"]
    assert result.banner == parse("out.junit").getroot().get("name")  # noqa: S314 - our own text
    assert out.splitlines()[:2] == Path("out.text").read_text().splitlines()[:2]
    assert {"s", "out.json", "out.junit", "out.text", "state"} == {p.name for p in Path().iterdir()}


def test_report_on_stdout_stands_there_alone(prober: Run, scenarios: Path) -> None:
    """With a report on stdout nothing else is written there."""
    code, out, _ = prober("run", scenarios, "--report", "json=-")

    assert (0, json_report.SCHEMA) == (code, json.loads(out)["schema"])


def test_quiet_is_two_lines(prober: Run, scenarios: Path) -> None:
    """--quiet leaves the banner and the proof, and no progress."""
    code, out, err = prober("run", scenarios, "--quiet")

    assert (0, 2, "") == (code, len(out.splitlines()), err)


def test_verbose_shows_tables(prober: Run, scenarios: Path) -> None:
    """--verbose shows the tables of what passed."""
    assert "difference" in prober("run", scenarios, "--verbose")[1]


@pytest.mark.parametrize(
    ("expected", "tags"),
    [
        pytest.param({"deny"}, ["smoke"], id="one"),
        pytest.param({"idle"}, ["!smoke"], id="none-of"),
        pytest.param({"deny", "idle"}, ["smoke", "idle"], id="any-of"),
    ],
)
def test_tags_select(expected: set[str], tags: list[str], prober: Run, scenarios: Path) -> None:
    """A scenario is run if it has one of the tags and none of the !tags."""
    _, out, _ = prober("run", scenarios, *(f"--tag={t}" for t in tags))

    assert expected == {line.split()[1] for line in out.splitlines() if line.startswith("PASS")}


def test_only_leaves_scenarios_without_such_a_cell_out(prober: Run, scenarios: Path) -> None:
    """--only runs those scenarios that have such cells, and asks nothing else of them."""
    code, out, _ = prober("run", scenarios, "--only", "shop/a -> any")

    assert 0 == code
    assert "PASS idle (s/idle.scenario.yaml): 1 allow proved in 1 step" in out
    assert "deny" not in out


@pytest.mark.parametrize(
    ("message", "argv"),
    [
        pytest.param(
            "--tag nope leaves none of 2 scenarios; their tags are default-deny, idle", ["--tag", "nope"], id="tag"
        ),
        pytest.param("--only 'any -> any:1' matches no cell of 2 scenarios", ["--only", "any -> any:1"], id="only"),
        pytest.param("there is no directory gone; make it first", ["--report", "json=gone/x"], id="no-directory"),
        pytest.param("that is a directory; name a file in it", ["--report", "json=s"], id="directory"),
        pytest.param("json and text both go to ./x", ["--report", "json=x", "--report", "text=./x"], id="same-file"),
        pytest.param("both go to -", ["--report", "json=-", "--report", "text=-"], id="stdout-twice"),
    ],
)
def test_wrong_use_is_found_before_the_first_packet(
    message: str, argv: list[str], prober: Run, scenarios: Path, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    """A selection that matches nothing and a report that cannot be written are exit 2, and nothing was sent."""
    monkeypatch.setattr(FakeLab, "open", lambda *_: pytest.fail("a lab was opened"))
    code, out, err = prober("run", scenarios, *argv)

    assert (2, "") == (code, out)
    assert message in err
    assert 1 == len(err.splitlines())
    assert not state.exists()


def test_all_mistakes_of_all_files_at_once(prober: Run, scenarios: Path) -> None:
    """Every mistake of every file has its line, and nothing is sent."""
    (scenarios / "a.scenario.yaml").write_text(IDLE.replace("tags: [idle]", "tags: [Idle]"))
    (scenarios / "b.scenario.yaml").write_text(IDLE.replace("pods:", "pod:"))
    code, out, err = prober("run", scenarios)

    assert (2, "") == (code, out)
    assert ["s/a.scenario.yaml", "s/b.scenario.yaml"] == sorted({line.split(":")[0] for line in err.splitlines()[:-1]})
    assert err.splitlines()[-1].endswith("mistakes; nothing was sent")


def test_author_against_oracle_is_a_mistake(prober: Run, scenarios: Path) -> None:
    """An expectation that the specification contradicts stops the run before it begins, and names the policy."""
    file = scenarios / "deny.scenario.yaml"
    file.write_text(
        file.read_text()
        .replace("denied: [marketing/web", "allowed: [marketing/web")
        .replace(", allowed: [payments/postgres -> marketing/web]", "")
    )
    code, _, err = prober("run", scenarios)

    assert 2 == code
    assert "s/deny.scenario.yaml:14: " in err
    assert "payments/default-deny" in err
    assert err.endswith("prober: 1 mistake; nothing was sent\n")


def test_lab_that_cannot_run_is_exit_3_with_the_remedy(
    prober: Run, scenarios: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the lab cannot run, one line says why and what helps."""

    def no_lab(*_: object) -> None:
        raise LabUnavailableError("the lab needs nft", "apt-get install nftables")

    monkeypatch.setattr(FakeLab, "open", no_lab)
    code, out, err = prober("run", scenarios)

    assert (3, "") == (code, out)
    assert "prober: the lab cannot run here: the lab needs nft; apt-get install nftables (`prober doctor`" in err
    assert 1 == len(err.splitlines())


def test_lab_that_dies_is_exit_3_with_results_so_far(
    prober: Run, scenarios: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster that goes away in the middle is trouble, never a PASS; other scenarios keep their results."""
    apply = FakeLab.apply

    def die(lab: FakeLab, action: object) -> object:
        lab.dead = "deny" in str(action)
        return apply(lab, action)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeLab, "apply", die)
    code, out, _ = prober("run", scenarios)

    assert 3 == code
    assert "UNKNOWN deny" in out
    assert "trouble: fake: the cluster is gone" in out
    assert "PASS idle" in out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_costs_one_report_and_not_the_others(prober: Run, scenarios: Path) -> None:
    """A report that cannot be written is one line and exit 3; every other report is there."""
    code, out, err = prober("run", scenarios, "--report", "json=/dev/full", "--report", "junit=out.xml", "--quiet")

    assert (3, 2) == (code, len(out.splitlines()))
    assert "prober: report /dev/full: No space left on device" in err.splitlines()
    assert Path("out.xml").stat().st_size > 0


def test_leak_outranks_a_report_that_could_not_be_written(
    prober: Run, scenarios: Path, lab: Callable[[Says], None]
) -> None:
    """Exit 1 outranks 3."""
    lab(leaking)
    assert 1 == prober("run", scenarios, "--report", "json=/dev/full", *QUICK)[0]


def test_failed_report_leaves_the_one_before(prober: Run, scenarios: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report is replaced as a whole or not at all, and no half of one is left behind."""
    Path("out.json").write_text("before")

    def full(path: Path, _: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    code, _, err = prober("run", scenarios, "--report", "json=out.json", "--quiet")

    assert (3, "before") == (code, Path("out.json").read_text())
    assert "report out.json: No space left on device" in err
    assert ["out.json", "s", "state"] == sorted(p.name for p in Path().iterdir())


def test_defect_of_the_runner_still_reports(
    prober: Run, scenarios: Path, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    """An exception that nobody expects is one line with journal and traceback; what was seen is reported first."""
    real = runner.run

    def broken(*args: object, **words: object) -> None:
        real(*args, **words)  # type: ignore[arg-type]
        raise KeyError("nobody\nexpects")

    monkeypatch.setattr(runner, "run", broken)
    code, out, err = prober("run", scenarios, "--quiet", "--report", "json=out.json")

    assert 3 == code
    assert "proved 1 denial and 3 allows" in out
    assert json.loads(Path("out.json").read_text())["trouble"].startswith("a defect of prober: KeyError")
    assert f"; the journal is {state}/" in err
    assert f"; the traceback is in {state}/defect.txt; please report it" in err
    assert 1 == len(err.splitlines())
    assert "nobody" in (state / "defect.txt").read_text()


def test_defect_of_the_verdict_names_the_journal(
    prober: Run, scenarios: Path, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    """Where even judging fails, the journal is kept for a better version; --verbose shows the traceback."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(verdict, "judge", broken)
    code, out, err = prober("run", scenarios, "--verbose")

    assert (3, "") == (code, out)
    assert f"prober: a defect of prober: ZeroDivisionError:; the journal is {state}/{journals(state)[0]}" in err
    assert "Traceback" in err


def test_unwritable_state_directory_does_not_stop_a_run(
    prober: Run, scenarios: Path, monkeypatch: pytest.MonkeyPatch, lab: Callable[[Says], None], tmp_path: Path
) -> None:
    """Where journals cannot be kept in their place they go to a temporary one, which is said when it is needed."""
    lab(leaking)
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, _, err = prober("run", scenarios, *QUICK)

    assert 1 == code
    assert f"prober: the journal is {tmp_path}/prober-" in err


def test_settings_reach_the_runner(prober: Run, scenarios: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every flag of the pace arrives where it counts."""
    seen = []

    def look(_: object, __: object, settings: object, *rest: object, **words: object) -> None:
        seen.append((settings, words["cluster_name"]))
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", look)
    argv = ["--timeout", "2s", "--settle", "1500ms", "--hold", "0", "--budget", "1m", "--jobs", "3", "--workers", "4"]
    code, _, err = prober("run", scenarios, *argv)

    assert 130 == code
    assert [(runner.Settings(timeout=2, settle=1.5, hold=0, budget=60, jobs=3, workers=4), "lab")] == seen
    assert "prober: interrupted" in err


def test_lab_gets_its_lies(prober: Run, scenarios: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--fault and --deny reach the lab that is probed."""
    made: list[dict[str, str | None]] = []

    def make(**words: str | None) -> FakeLab:
        made.append(words)
        return FakeLab()

    monkeypatch.setattr(backend, "LabCluster", make)
    prober("run", scenarios, "--fault", "late:2s", "--deny", "reject", "--quiet")

    assert [{}, *[{"deny": "reject", "fault": "late:2s"}] * 2] == made


def test_manifest_is_what_sha256sum_checks(prober: Run, scenarios: Path, tmp_path: Path) -> None:
    """The manifest has the hash of every report that went into a file, as sha256sum itself checks it."""
    (tmp_path / "out").mkdir()
    reports = [f"--report={form}" for form in ("manifest=out/SHA256SUMS", "json=out/r.json", "junit=x y.xml", "text=-")]
    assert 0 == prober("run", "s", "--quiet", *reports)[0]
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(check, cwd=tmp_path / "out", capture_output=True, text=True, check=False)

    assert (0, ["../x y.xml: OK", "r.json: OK"]) == (done.returncode, sorted(done.stdout.splitlines()))
    (tmp_path / "x y.xml").write_text("forged")
    assert 1 == subprocess.run(check, cwd=tmp_path / "out", capture_output=True, check=False).returncode


def test_manifest_of_nothing_is_refused(prober: Run, scenarios: Path) -> None:
    """A manifest without another report in a file has nothing to hash."""
    code, _, err = prober("run", "s", "--report", "manifest=SUMS", "--report", "text=-")

    assert 2 == code
    assert "--report manifest: no other report goes into a file, so there is nothing to hash; add one" in err


def test_run_redacts_every_report(prober: Run, scenarios: Path) -> None:
    """--redact holds for stdout and for files."""
    code, out, _ = prober("run", "s", "--redact", "--report", "json=r.json", "--verbose")

    assert 0 == code
    assert not any(name in out + Path("r.json").read_text() for name in ("marketing", "payments", "postgres"))


def test_run_redacts_what_it_did_not_ask(prober: Run, scenarios: Path) -> None:
    """A scenario that was skipped names its namespaces too, in its summary if nowhere else."""
    text = IDLE.replace("summary: Nothing but two pods", "summary: What the treasury does").replace("shop", "treasury")
    (scenarios / "idle.scenario.yaml").write_text(text + "requires: [sctp]\n")
    code, out, _ = prober("run", "s", "--redact", "--report", "markdown=r.md", "--report", "json=r.json")

    assert 0 == code
    assert "needs sctp" in out
    assert "treasury" not in out + Path("r.md").read_text() + Path("r.json").read_text()
