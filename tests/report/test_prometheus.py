"""Tests of prober.report.prometheus, read by Prometheus's own client library."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from prometheus_client.parser import text_string_to_metric_families

from prober.evidence import NO_POD, EngineOnNode, Evidence, Identified, NodeFacts
from prober.outcomes import Status
from prober.report.prometheus import render
from prober.result import RunResult
from tests.report.build import cell, run, scenario, step
from tests.report.strategies import runs

Sample = tuple[str, tuple[tuple[str, str], ...]]


def samples(text: str) -> dict[Sample, float]:
    """Return every sample by its name and labels, but for the cluster's."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "cluster"))
            assert (sample.name, labels) not in found, "a sample stands twice"
            found[sample.name, labels] = sample.value
    return found


def value(result: RunResult, name: str, **labels: str) -> float | None:
    return samples(render(result)).get((f"prober_{name}", tuple(sorted(labels.items()))))


LEAKING = run(
    scenario(
        step(cell("a/b -> c/d:80", "DENIED", "ALLOWED"), cell("a/b -> c/d:81"), cell("c/d -> a/b:80", "ALLOWED")),
        step(*(cell(f"a/b -> c/d:{n}", agreed_after=n / 10) for n in range(1, 11))),
    ),
    scenario(skipped="needs sctp", name="sctp"),
)


@pytest.mark.parametrize(
    ("expected", "name", "labels"),
    [
        pytest.param(1, "cells", {"status": "LEAK"}, id="leaks"),
        pytest.param(12, "cells", {"status": "PASS"}, id="passed"),
        pytest.param(0, "cells", {"status": "BREAK"}, id="a-zero-is-there"),
        pytest.param(1, "scenarios", {"status": "SKIPPED"}, id="skipped"),
        pytest.param(11, "proved_cells", {"verdict": "denied"}, id="denials"),
        pytest.param(1, "proved_cells", {"verdict": "allowed"}, id="allows"),
        pytest.param(1, "exit_code", {}, id="exit-code"),
        pytest.param(12.5, "run_duration_seconds", {}, id="duration"),
        pytest.param(11, "time_to_enforce_seconds_count", {}, id="count"),
        pytest.param(5.8, "time_to_enforce_seconds_sum", {}, id="sum"),
        pytest.param(0.5, "time_to_enforce_seconds", {"quantile": "0.5"}, id="median"),
        pytest.param(1.0, "time_to_enforce_seconds", {"quantile": "1"}, id="slowest"),
        pytest.param(None, "nodes", {"covered": "true"}, id="nodes-nobody-knows"),
    ],
)
def test_figures(expected: float | None, name: str, labels: dict[str, str]) -> None:
    """Cells and scenarios by status, what was proved, and times as quantiles, a sum and a count."""
    assert pytest.approx(expected) == value(LEAKING, name, **labels)


def test_no_time_is_no_quantile() -> None:
    """Where nothing was enforced there is no quantile, and a count of none."""
    empty = run(scenario(skipped="why"))

    assert value(empty, "time_to_enforce_seconds", quantile="0.5") is None
    assert 0 == value(empty, "time_to_enforce_seconds_count")


def test_info_says_what_ran_where() -> None:
    """The info metric carries run, version, the cluster's UID and version, and the engine; nodes are counted."""
    engine = EngineOnNode(node="n1", engine="Calico", pod="kube-system/c", ready=True, images=())
    nodes = (NodeFacts(name="n1", number=1, pods=2), NodeFacts(name="n2", number=2, why=NO_POD))
    evidence = Evidence(cluster=Identified(uid="u-1", version="v1.34.4"), engines=(engine,), nodes=nodes)
    found = run(scenario(step(cell("a/b -> c/d:80"))), evidence=evidence)

    about = {"run": found.run, "version": "0.1.0", "uid": "u-1", "server": "v1.34.4", "engine": "Calico"}
    assert 1 == value(found, "info", **about)
    assert (1, 1) == (value(found, "nodes", covered="true"), value(found, "nodes", covered="false"))


@pytest.mark.parametrize(
    ("expected", "started", "ended"),
    [
        pytest.param(
            datetime(2026, 11, 21, 9, 50, tzinfo=UTC), "2026-11-21T09:45:00Z", "2026-11-21T09:50:00Z", id="end"
        ),
        pytest.param(datetime(2026, 11, 21, 9, 45, 10, tzinfo=UTC), "2026-11-21T09:45:00Z", "", id="cut-short"),
        pytest.param(None, "yesterday", "", id="no-time"),
        pytest.param(None, "2026-11-21T09:45:00", "", id="no-zone"),
    ],
)
def test_time_of_the_last_run(expected: datetime | None, started: str, ended: str) -> None:
    """The last run's end by the clock on the wall; of a run that was cut short how far it came; else no sample."""
    found = run(started=started, seconds=10.0, evidence=Evidence(started=started, ended=ended))

    assert (expected and expected.timestamp()) == value(found, "last_run_timestamp_seconds")


@given(runs)
@settings(max_examples=100, deadline=None)
def test_file_can_be_read_whatever_is_in_it(result: RunResult) -> None:
    """No name makes a file that the client library does not read, or that it reads as something else."""
    text = render(result)
    found = samples(text)

    assert text.endswith("\n")
    assert {s: result.counts[s] for s in Status} == {s: found["prober_cells", (("status", s),)] for s in Status}


def test_label_is_escaped() -> None:
    """Quotes, backslashes and line ends arrive as they were; what UTF-8 cannot hold is replaced."""
    text = render(run(cluster='a"b\\c\nd\ud800'))
    (family,) = (f for f in text_string_to_metric_families(text) if f.name == "prober_exit_code")

    assert 'a"b\\c\nd\ufffd' == family.samples[0].labels["cluster"]
    assert text.encode()


def test_every_family_is_described_once_and_has_no_time() -> None:
    """Each family has one HELP and one TYPE before its samples, and no sample a time: the collector refuses those."""
    lines = render(LEAKING).splitlines()
    kinds = [line.split()[2] for line in lines if line.startswith("# TYPE")]

    assert len(kinds) == len(set(kinds))
    assert kinds == [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert all(f.samples[0].timestamp is None for f in text_string_to_metric_families("\n".join(lines) + "\n"))
