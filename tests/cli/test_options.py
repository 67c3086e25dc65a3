"""Tests of prober.cli.options, prober.cli.table, prober.cli.values and of the page that is made from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.cli.options import page, parse
from prober.cli.table import COMMANDS
from prober.errors import UsageError
from prober.flows import parse_pattern

DOCS = Path(__file__).parents[2] / "docs" / "command-line.md"


def test_defaults_are_those_of_the_design() -> None:
    """Without a flag a run waits 1 s for an attempt, 30 s for a step and 120 s for a scenario, and holds one round."""
    args = parse(["run", "x"])

    assert (1, 30, 1, 120, 64) == (args.timeout, args.settle, args.hold, args.budget, args.workers)
    assert args.jobs >= 1
    assert 4 == parse(["run", "x", "--cluster", "kube"]).jobs  # a cluster's cores are not this machine's
    assert ("lab", "drop", None, None) == (args.cluster, args.deny, args.fault, args.only)
    assert ("LEAK", "BREAK", "FLAKY", "UNKNOWN") == args.fail_on
    assert ((), ()) == (args.report, args.tag)


def test_every_flag_arrives() -> None:
    """What is given is read into what it means."""
    pace = ["--timeout=2s", "--settle=500ms", "--hold=0", "--budget=2m", "--jobs=3", "--workers=7"]
    rest = ["--tag=smoke", "--tag=!sctp", "--fail-on=leak,Break", "--deny=reject", "--fault=late:2s", "--verbose"]
    reports = ["--report=json=a=b.json", "--report=text=-"]
    args = parse(["run", "a", "b", *pace, *rest, *reports, "--only=any -> payments/any:80"])

    assert ["a", "b"] == args.PATH
    assert (2, 0.5, 0, 120, 3, 7) == (args.timeout, args.settle, args.hold, args.budget, args.jobs, args.workers)
    assert ["smoke", "!sctp"] == args.tag
    assert parse_pattern("any -> payments/any:80") == args.only
    assert ("LEAK", "BREAK") == args.fail_on
    assert ("reject", "late:2s") == (args.deny, args.fault)
    assert [("json", "a=b.json"), ("text", "-")] == args.report
    assert (True, False) == (args.verbose, args.quiet)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        pytest.param("required: COMMAND", "", id="nothing"),
        pytest.param("invalid choice: 'prove'", "prove x", id="command"),
        pytest.param("required: PATH", "run", id="no-path"),
        pytest.param("unrecognized arguments: --frobnicate", "run x --frobnicate", id="flag"),
        pytest.param("unrecognized arguments: --time", "run x --time 1s", id="abbreviation"),
        pytest.param("--timeout: expected one argument", "run x --timeout", id="no-value"),
        pytest.param("'0.5s' is not in whole seconds, and nc's -w", "run x --timeout 0.5s", id="half"),
        pytest.param("'1500ms' is not in whole seconds", "run x --timeout 1500ms", id="milliseconds"),
        pytest.param("'0s' is no time at all", "run x --timeout 0s", id="zero"),
        pytest.param("'3' is not a duration: write a number with its unit", "run x --settle 3", id="no-unit"),
        pytest.param("'-1s' is not a duration", "run x --settle=-1s", id="negative-duration"),
        pytest.param("'-1' is no whole number from 0 on", "run x --hold=-1", id="negative"),
        pytest.param("'1.5' is no whole number", "run x --hold 1.5", id="fraction"),
        pytest.param("'9999999' is no whole number", "run x --hold 9999999", id="huge"),
        pytest.param("'٣' is no whole number", "run x --hold ٣", id="digits"),
        pytest.param("'0' is no whole number from 1 on", "run x --jobs 0", id="jobs"),
        pytest.param("'none' is no whole number from 1 on", "run x --workers none", id="workers"),
        pytest.param("'Smoke' is no tag; write smoke or '!smoke'", "run x --tag Smoke", id="tag"),
        pytest.param("there is no `->`", "run x --only a", id="only"),
        pytest.param("'lost' is none of leak, break", "run x --fail-on leak,lost", id="fail-on"),
        pytest.param("'leak,' has an empty name in it", "run x --fail-on leak,", id="empty-name"),
        pytest.param("no such fault; there are ignore-all,", "run x --fault lies", id="fault"),
        pytest.param("is not a duration", "run x --fault late", id="late"),
        pytest.param("'tarpit' is none of drop, reject", "run x --deny tarpit", id="deny"),
        pytest.param("'pdf=x': write FORMAT=FILE", "run x --report pdf=x", id="format"),
        pytest.param("'json=': write FORMAT=FILE", "run x --report json=", id="no-file"),
        pytest.param("'json': write FORMAT=FILE", "run x --report json", id="no-equals"),
        pytest.param("--verbose and --quiet contradict each other", "run x --verbose --quiet", id="both"),
        pytest.param("'eks' is none of lab, kube", "run x --cluster eks", id="cluster"),
        pytest.param("unrecognized arguments: --tag", "doctor --cluster kube --tag a", id="kube-doctor"),
        pytest.param("'always' is none of Always, IfNotPresent", "run x --image-pull-policy always", id="pull-policy"),
        pytest.param("'=x' is no label; write KEY=VALUE", "run x --cluster kube --nodes =x", id="selector"),
        pytest.param("'a' is no label", "run x --cluster kube --namespace-label a", id="namespace-label"),
        pytest.param("'a=b:Never' is no taint", "run x --cluster kube --toleration a=b:Never", id="toleration"),
        pytest.param("'0' is no rate", "run x --cluster kube --rate 0", id="rate"),
        pytest.param("'a=300.0.0.1:4': write NAME", "run x --cluster kube --external a=300.0.0.1:4", id="address"),
        pytest.param("'a=192.0.2.1:0': write NAME", "run x --cluster kube --external a=192.0.2.1:0", id="port"),
        pytest.param("--rate belongs to clusters", "run x --rate 3", id="rate-lab"),
        pytest.param("--settle belongs to clusters", "doctor --settle 3s", id="doctor-settle"),
        pytest.param("'a=b:4': write NAME=IP:PORT", "run x --cluster kube --external a=b:4", id="external"),
        pytest.param("--context belongs to clusters, and goes with --cluster kube", "run x --context a", id="context"),
        pytest.param("--kubeconfig belongs to clusters", "plan x --kubeconfig a", id="kubeconfig"),
        pytest.param("--image belongs to clusters", "run x --image a", id="image"),
        pytest.param("--external belongs to clusters", "run x --external a=192.0.2.1:443", id="external-lab"),
        pytest.param("--namespaces belongs to clusters", "run x --namespaces a,b", id="namespaces"),
        pytest.param("--fault belongs to the lab", "run x --cluster kube --fault flap", id="fault-kube"),
        pytest.param("--deny belongs to the lab", "run x --cluster kube --deny drop", id="deny-kube"),
        pytest.param("--keep: the lab leaves nothing to keep", "run x --keep", id="keep"),
        pytest.param("needs --run or --expired", "clean", id="clean"),
        pytest.param("needs --run or --expired; give one of them", "clean --run a --expired", id="clean-both"),
        pytest.param("'pdf' is none of text, html, json", "report x --format pdf", id="report-format"),
        pytest.param("required: FLOW", "explain x", id="explain"),
    ],
)  # fmt: skip
def test_wrong_use_is_told_what_to_do(message: str, line: str) -> None:
    """Every wrong command line is one error of one line that says what is wrong."""
    argv = line.split(" ") if line else []
    with pytest.raises(UsageError) as caught:
        parse(argv)

    assert message in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())
    assert 2 == caught.value.exit_code


def test_page_in_the_docs_is_the_code_s() -> None:
    """docs/command-line.md is what the code makes; `python -m prober.cli.options > docs/command-line.md` renews it."""
    assert page() == DOCS.read_text(encoding="utf-8")


def test_every_command_has_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command answers to --help with each of its flags."""
    for command in COMMANDS:
        with pytest.raises(SystemExit) as done:
            parse([command.name, "--help"])
        out = capsys.readouterr().out

        assert 0 == done.value.code
        assert [] == [flag.name for flag in command.flags if flag.name not in out]
        assert "130 interrupted" in " ".join(out.split())
