"""Every command and flag in one table, from which the parser and the page in the docs are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from prober.cli import values


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag; `default` is written as the user would write it, "" for none."""

    name: str
    metavar: str = ""  # "" for a switch
    help: str
    read: Callable[[str], Any] = str
    default: str = ""
    repeat: bool = False
    cluster: str = ""  # the only one that knows it
    on_kube: str = ""  # the default there, where it is another one
    needs: tuple[str, ...] = ()  # one of these flags, without which it means nothing

    @property
    def key(self) -> str:
        return self.name.removeprefix("--").replace("-", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """What stands behind a command without a flag."""

    name: str
    help: str
    several: bool = False
    unless: tuple[str, ...] = ()  # it is left out where one of these flags is given


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command."""

    name: str
    help: str
    operands: tuple[Operand, ...] = ()
    flags: tuple[Flag, ...] = ()
    needs_one_of: tuple[str, ...] = ()  # exactly one of these flags
    excludes: tuple[tuple[str, str], ...] = ()  # pairs that contradict each other


_SOURCES = ("--policies", "--workloads")
_PATHS = Operand(name="PATH", help="scenario files, and directories with *.scenario.yaml in them", several=True,
                 unless=_SOURCES)  # fmt: skip
_MANIFESTS = (
    Flag(name="--policies", metavar="PATH", repeat=True,
         help="instead of scenarios: manifests (a file, a directory, - for stdin) whose network policies are proved"),
    Flag(name="--workloads", metavar="PATH", repeat=True,
         help="manifests whose workloads and Services they are proved on; without it those of --policies"),
    Flag(name="--expect", metavar="FILE", needs=_SOURCES,
         help="what is expected of them; without it the prober.yaml or expectations.yaml beside the manifests"),
    Flag(name="--default-namespace", metavar="NAME", read=values.namespace, default="default", needs=_SOURCES,
         help="of manifests that name none"),
)  # fmt: skip

_WHERE = (
    Flag(name="--cluster", metavar="lab|kube", help="where: the embedded lab, or a kubeconfig's", default="lab",
         read=values.one_of("lab", "kube")),
    Flag(name="--context", metavar="NAME", help="the kubeconfig's context", cluster="kube"),
    Flag(name="--kubeconfig", metavar="FILE", help="the kubeconfig", cluster="kube"),
)  # fmt: skip
_NAMESPACES = Flag(name="--namespaces", metavar="A,B", read=values.names, cluster="kube",
                   help="use these, made before, in their order; nothing is made outside of them")  # fmt: skip
_PODS = (
    Flag(name="--image", metavar="IMAGE", help="the probe pods' image: nc, dig and agnhost (agnhost, by its digest)",
         cluster="kube"),
    Flag(name="--image-pull-policy", metavar="POLICY", help="Always, IfNotPresent or Never", cluster="kube",
         read=values.one_of("Always", "IfNotPresent", "Never")),
    Flag(name="--image-pull-secret", metavar="NAME", help="a Secret that pulls the image", cluster="kube"),
    Flag(name="--nodes", metavar="SELECTOR", help="only nodes with these labels: KEY=VALUE,KEY=VALUE",
         read=values.labels, cluster="kube"),
    Flag(name="--toleration", metavar="TAINT", help="a taint that probe pods tolerate: KEY, KEY=VALUE:NoSchedule",
         repeat=True, read=values.toleration, cluster="kube"),
    _NAMESPACES,
    Flag(name="--namespace-label", metavar="KEY=VALUE", help="a label for the namespaces that the run makes",
         repeat=True, read=values.label, cluster="kube"),
    Flag(name="--max-pods", metavar="N", help="the most pods that one scenario may have (100)", read=values.count(1),
         cluster="kube"),
    Flag(name="--rate", metavar="N", help="execs a second; without it as fast as they come", read=values.rate,
         cluster="kube"),
    Flag(name="--allow-label-overlap", help="run although policies of others select the run's labels as a peer",
         cluster="kube"),
)  # fmt: skip
_HOSTS = (
    Flag(name="--external", metavar="NAME=IP:PORT", help="where an external host of the scenarios is; /udp may follow",
         repeat=True, read=values.external, cluster="kube"),
    Flag(name="--allow-host-network", help="pods in their node's network, in a privileged namespace", cluster="kube"),
)  # fmt: skip
_TAG = Flag(name="--tag", metavar="TAG", repeat=True, read=values.tag,
            help="only scenarios with one of these tags; '!TAG': none that has it")  # fmt: skip
_SELECTION = (
    _TAG,
    Flag(name="--only", metavar="'A -> B:80'", help="only these cells; `any` is every pod", read=values.pattern),
)
_PATIENCE = (
    Flag(name="--timeout", metavar="DURATION", help="of one attempt, in whole seconds", default="1s", on_kube="3s",
         read=values.timeout),
    Flag(name="--settle", metavar="DURATION", help="how long a step may take until all cells agree", default="30s",
         read=values.duration),
)  # fmt: skip
_PACE = (
    *_PATIENCE,
    Flag(name="--hold", metavar="ROUNDS", help="further rounds in which they must agree", default="1",
         read=values.count(0)),
    Flag(name="--budget", metavar="DURATION", help="how long one scenario may take; that of many workloads longer",
         default="120s", read=values.duration),
    Flag(name="--jobs", metavar="N", help="topologies at once", default="cores", on_kube="4", read=values.jobs),
    Flag(name="--workers", metavar="N", help="probing pods at once", default="64", read=values.count(1)),
)  # fmt: skip
_LIES = (
    Flag(name="--fault", metavar="NAME", help="make the lab lie: ignore-egress, one-node, late:2s, ... must be found",
         read=values.fault, cluster="lab"),
    Flag(name="--deny", metavar="drop|reject", help="how the lab denies", default="drop",
         read=values.one_of("drop", "reject"), cluster="lab"),
)  # fmt: skip
_FAIL_ON = Flag(name="--fail-on", metavar="STATUSES", help="what makes the exit code 1 (unknown: 3)",
                default="leak,break,flaky,unknown", read=values.fail_on)  # fmt: skip
_FORMATS = f"{', '.join(values.FORMATS[:-1])} or {values.FORMATS[-1]}"
_REDACT = Flag(name="--redact", help="pseudonyms for addresses, names, users and machines in every report; no journal")
_WAIVERS = Flag(name="--waivers", metavar="FILE", repeat=True,
                help="known deviations, see docs/waivers.md; profile:NAME for a shipped file")  # fmt: skip
_VERBOSE = Flag(name="--verbose", help="tables of all steps, all open cells, all evidence, tracebacks")
_QUIET = Flag(
    name="--quiet",
    help="no progress, and of the text report only its head: on what it was, what it proved, its trouble",
)

COMMANDS = (
    Command(
        name="run",
        help="prove scenarios by real packets",
        operands=(_PATHS,),
        flags=(
            *_MANIFESTS, *_WHERE, *_PODS, *_HOSTS, *_SELECTION, _FAIL_ON, _WAIVERS, *_PACE, *_LIES,
            Flag(name="--report", metavar="FORMAT=FILE",
                 help=f"{_FORMATS} into a file, - for stdout; or manifest: hashes of the others",
                 repeat=True, read=values.report),
            _REDACT,
            Flag(name="--keep", help="leave pods and policies in place afterwards", cluster="kube"),
            _VERBOSE, _QUIET,
        ),
        excludes=(("--verbose", "--quiet"), ("--keep", "--namespaces"), ("--namespace-label", "--namespaces")),
    ),
    Command(
        name="plan",
        help="say what a run would make and send, and how long it takes at least",
        operands=(_PATHS,),
        flags=(*_MANIFESTS, *_WHERE, *_PODS, *_HOSTS, *_SELECTION, *_PACE),
    ),
    Command(
        name="validate",
        help="check scenarios as far as that goes without a packet",
        operands=(_PATHS,),
        flags=(*_MANIFESTS, _TAG),
    ),
    Command(
        name="explain",
        help="say what should happen to a flow in each step, and which rules say so",
        operands=(
            Operand(name="PATH", help="a scenario file, or a directory of them", unless=_SOURCES),
            Operand(name="FLOW", help="like 'payments/api -> payments/postgres:5432'"),
        ),
        flags=(
            *_MANIFESTS,
            Flag(name="--step", metavar="N", help="only this step; 0: before the first", read=values.count(0)),
        ),
    ),
    Command(
        name="faults",
        help="say which scenarios notice which lies of the lab; exit 1 where nobody notices one",
        operands=(_PATHS,),
        flags=(
            Flag(name="--fault", metavar="NAME", help="only this lie: ignore-egress, one-node, late:2s, ...",
                 repeat=True, read=values.fault),
            Flag(name="--all", help="the whole table: every scenario that a lie concerns, not only until one notices; "
                 "exit 1 where any of them does not"),
            _TAG,
            Flag(name="--settle", metavar="DURATION", help="how long a step may take until all cells agree",
                 default="3s", read=values.duration),
            Flag(name="--jobs", metavar="N", help="lies at once", default="cores", read=values.jobs),
            Flag(name="--deny", metavar="drop|reject", help="how the lab denies", default="drop",
                 read=values.one_of("drop", "reject")),
            Flag(name="--format", metavar="FORMAT", help="text or json", default="text",
                 read=values.one_of("text", "json")),
            Flag(name="--output", metavar="FILE", help="where to, - for stdout", default="-"),
            Flag(name="--quiet", help="no progress"),
        ),
    ),
    Command(
        name="doctor",
        help="say whether the lab can run here or a cluster enforces, and what helps if not",
        flags=(*_WHERE, *_PODS, *(replace(f, default=f.on_kube or f.default, cluster="kube") for f in _PATIENCE)),
    ),
    Command(
        name="report",
        help="judge stored runs again and render them, several as one page; it probes nothing",
        operands=(Operand(name="RESULT", help="json reports, or runs' journals (.jsonl)", several=True),),
        flags=(
            Flag(name="--format", metavar="FORMAT", help=_FORMATS, default="text",
                 read=values.one_of(*values.FORMATS)),
            Flag(name="--output", metavar="FILE", help="where to, - for stdout", default="-"),
            _REDACT,
            _FAIL_ON,
            _VERBOSE,
            Flag(name="--quiet", help="of the text only its head; of several runs a line for each"),
        ),
        excludes=(("--verbose", "--quiet"),),
    ),
    Command(
        name="compare",
        help="say what became worse from one stored run to another; exit code 1 if anything did",
        operands=(
            Operand(name="BEFORE", help="a json report, or a run's journal (.jsonl)"),
            Operand(name="AFTER", help="the later one, or another cluster's"),
        ),
        flags=(
            Flag(name="--format", metavar="FORMAT", help="text, json or markdown", default="text",
                 read=values.one_of("text", "json", "markdown")),
            Flag(name="--output", metavar="FILE", help="where to, - for stdout", default="-"),
        ),
    ),
    Command(
        name="clean",
        help="remove what runs have left",
        flags=(
            *_WHERE,
            replace(_NAMESPACES, help="look in these alone, which runs were given"),
            Flag(name="--run", metavar="ID", help="of this run; one that still lives is refused"),
            Flag(name="--expired", help="of all runs that are over"),
            Flag(name="--dry-run", help="only say what would be removed"),
        ),
        needs_one_of=("--run", "--expired"),
    ),
)  # fmt: skip
