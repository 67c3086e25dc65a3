"""A run as Prometheus reads it from a file: for a nightly job and the node exporter's textfile collector.

Text exposition format 0.0.4, without timestamps of samples, which that collector refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prober.outcomes import Status, Verdict
from prober.report.figures import QUANTILES, covered, ended, quantile, times
from prober.result import RunResult, WaiverState

_ODD = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metric:
    """A family: its samples are suffix, labels and value."""

    name: str
    kind: str
    help: str
    samples: Sequence[tuple[str, Mapping[str, str], float]]


def render(result: RunResult) -> str:
    """Return the file; what is not known (a time, the nodes) has no sample rather than a wrong one."""
    return render_all([result])


def render_all(results: Sequence[RunResult]) -> str:
    """Return the file of several runs, which their clusters tell apart."""
    families: dict[str, tuple[_Metric, list[str]]] = {}
    for result in results:
        for metric in _metrics(result):
            family = families.setdefault(metric.name, (metric, []))
            family[1].extend(_samples(metric, result.cluster))
    lines: list[str] = []
    for metric, samples in families.values():
        if samples:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}", *samples]
    return "\n".join(lines) + "\n"


def _samples(metric: _Metric, cluster: str) -> Iterator[str]:
    for suffix, labels, value in metric.samples:
        every = {"cluster": cluster, **labels}
        written = ",".join(f'{key}="{_text(value)}"' for key, value in every.items())
        yield f"{metric.name}{suffix}{{{written}}} {_number(value)}"


def _metrics(result: RunResult) -> Iterator[_Metric]:
    found = result.evidence
    about = {
        "run": result.run,
        "version": result.version,
        "uid": found.cluster.uid,
        "server": found.cluster.version,
        "engine": ", ".join(sorted({e.engine for e in found.engines})),
    }
    yield _gauge("info", "Always 1: what the last run was, and on what", [(about, 1)])
    if (end := ended(result)) is not None:
        yield _gauge("last_run_timestamp_seconds", "When the last run ended", [({}, end.timestamp())])
    yield _gauge("run_duration_seconds", "How long the last run took", [({}, result.seconds)])
    yield _gauge("exit_code", "Of the last run: 0 is proved, 1 differs, 3 is no proof", [({}, result.exit_code())])
    yield _gauge("cells", "Cells of the last run by status", _by(result.counts))
    statuses = [s.status for s in result.scenarios]
    yield _gauge("scenarios", "Scenarios of the last run by status", _by({s: statuses.count(s) for s in Status}))
    proved = [({"verdict": v.lower()}, result.proved(v)) for v in (Verdict.DENIED, Verdict.ALLOWED)]
    yield _gauge("proved_cells", "Denials and allows that the last run proved", proved)
    states = [w.state for w in result.waivers]
    waivers = [({"state": state}, states.count(state)) for state in WaiverState]
    yield _gauge("waivers", "Waivers of the last run by what became of them", waivers)
    if found.nodes:
        count, every = covered(found)
        nodes = [({"covered": "true"}, count), ({"covered": "false"}, every - count)]
        yield _gauge("nodes", "Nodes of the cluster, covered by the last run or not", nodes)
    yield _summary("time_to_enforce_seconds", "From a policy to the last denial", times(result, Verdict.DENIED))
    yield _summary("time_to_release_seconds", "From a policy to the last allow", times(result, Verdict.ALLOWED))


def _gauge(name: str, text: str, samples: Sequence[tuple[Mapping[str, str], float]]) -> _Metric:
    return _Metric(name=f"prober_{name}", kind="gauge", help=text, samples=[("", *s) for s in samples])


def _by(counts: Mapping[Status, int]) -> list[tuple[Mapping[str, str], float]]:
    """Return a sample for each status, those that did not occur too: an alert needs the zero."""
    return [({"status": status}, counts.get(status, 0)) for status in Status]


def _summary(name: str, text: str, values: Sequence[float]) -> _Metric:
    samples: list[tuple[str, Mapping[str, str], float]] = []
    if values:
        samples = [("", {"quantile": f"{q:g}"}, quantile(values, q)) for q in QUANTILES]
    samples += [("_sum", {}, sum(values)), ("_count", {}, len(values))]
    return _Metric(name=f"prober_{name}", kind="summary", help=f"{text}, by cell of the last run", samples=samples)


def _text(value: str) -> str:
    return _ODD.sub("\N{REPLACEMENT CHARACTER}", value).translate(_ESCAPES)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))
