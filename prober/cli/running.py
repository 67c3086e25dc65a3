"""`prober run`: from paths to proofs, reports and an exit code."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import sys
import threading
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prober import evidence, journal, runner, verdict
from prober.cli.backend import Backend, chosen
from prober.cli.choosing import asked, named, tagged, waivers_of
from prober.cli.interrupt import Interrupts
from prober.cli.output import STDOUT, complain, require_writable, say, write_reports
from prober.cli.places import alive, journal_name, prune, writable_directory
from prober.cli.planning import ample, least
from prober.durations import show_duration
from prober.errors import ClusterError
from prober.evidence import Evidence
from prober.journal import Journal
from prober.outcomes import Status
from prober.progress import Display, ignored
from prober.report.manifests import notes, overview, reach
from prober.result import RunResult
from prober.runner import Settings
from prober.scenario import Scenario
from prober.terminal import many, wants_colour, width
from prober.workloads import Manifests


def run(args: Namespace) -> int:
    """Prove the scenarios; whatever happens on the way, what was seen is judged and reported."""
    require_writable(args.report)
    waivers_of(args.waivers)  # their mistakes come before any cluster is asked
    named_ones, manifests = named(args)
    scenarios = asked(tagged(named_ones, args.tag), args.only)
    if manifests and manifests.single:
        attempts, seconds = least(manifests.scenario, args)
        args.budget = ample(args, seconds)
        complain(
            f"prober: so many cells take at least {many(attempts, 'attempt')} and {show_duration(seconds)}, "
            f"of --budget {show_duration(args.budget)}; --only 'NAMESPACE/any -> any' asks fewer"
        )
    with chosen(args) as backend:
        return prove(args, scenarios, backend, manifests)


def prove(args: Namespace, scenarios: Sequence[Scenario], backend: Backend, manifests: Manifests | None = None) -> int:
    """Prove a backend's canaries and the scenarios, be they made of manifests; return the exit code."""
    with contextlib.ExitStack() as stack:
        path = _journal_path(backend.run_id)
        if path is not None:
            stack.enter_context(alive(path))
            prune(path.parent)
        log = stack.enter_context(Journal(path))
        interrupts = stack.enter_context(Interrupts())
        try:
            code = _prove(args, scenarios, backend, log, interrupts, manifests)
        except Exception as error:
            error.add_note(_where(log))
            raise
        if code:
            complain(f"prober: {_where(log)}")
        if log.lost:
            complain(f"prober: the journal is incomplete: {log.lost}; the reports are not")
        if args.cluster == "kube" and (args.keep or interrupts.at_once):
            complain(f"prober: pods and policies are left; remove them: {clean_command(args, backend.run_id)}")
        if interrupts.at_once:  # threads of the run may still wait for their pods, and would be waited for
            os._exit(code)
    return code


def _journal_path(run_id: str) -> Path | None:
    try:
        return writable_directory() / journal_name(run_id)
    except OSError:
        return None


def _where(log: Journal) -> str:
    return f"the journal is {log.path}" if log.path else "the journal could be kept nowhere"


def clean_command(args: Namespace, run: str) -> str:
    """Return the command that removes what a run has left on the flags' cluster."""
    where = "".join(
        f" {flag} {shlex.quote(value)}"
        for flag, value in (
            ("--kubeconfig", args.kubeconfig),
            ("--context", args.context),
            ("--namespaces", ",".join(args.namespaces or ())),
        )
        if value
    )
    return f"prober clean --cluster kube{where} --run {run}"


def settings(args: Namespace) -> Settings:
    """Return what the flags say about the way of a run."""
    return Settings(
        timeout=args.timeout,
        settle=args.settle,
        hold=args.hold,
        budget=args.budget,
        jobs=args.jobs,
        workers=args.workers,
        only=args.only,
        waivers=waivers_of(args.waivers),
    )


def _prove(
    args: Namespace,
    scenarios: Sequence[Scenario],
    backend: Backend,
    log: Journal,
    interrupts: Interrupts,
    manifests: Manifests | None,
) -> int:
    every = (*backend.canaries, *scenarios)
    left: list[ClusterError] = []
    stop = threading.Event()
    display = None if args.quiet or sys.stderr is None else Display(sys.stderr, total=len(every))

    def work() -> None:
        try:
            runner.run(
                scenarios,
                backend.make,
                replace(settings(args), jobs=min(args.jobs, backend.most or args.jobs)),
                log,
                display or ignored,
                stop,
                run_id=backend.run_id,
                cluster_name=backend.name,
                canaries=backend.canaries,
                facts=evidence.plain(signed(backend.survey(), args.typed)),
                remarks=(*backend.remarks, *(notes(manifests) if manifests else ())),
            )
        finally:
            try:
                backend.close()
            except ClusterError as error:
                left.append(error)

    failure: Exception | None = None
    try:
        interrupts.watch(work, stop)
    except Exception as error:  # a defect: what was seen before it is still worth its report
        log.write(journal.Trouble(scenario="", text=f"a defect of prober: {type(error).__name__}: {error}"))
        failure = error
    finally:
        if display:
            display.close()
    if not any(isinstance(e, journal.RunStarted) for e in log.events()):
        raise failure or KeyboardInterrupt  # it came to nothing that could be judged
    result = verdict.judge(log.events(), {s.path: s for s in every})
    written = _report(args, result, log, manifests)
    if failure:
        raise failure
    for trouble in left:
        complain(f"prober: clean-up: {trouble}")
    for remark in backend.remarks:
        complain(f"prober: {remark}")
    code = result.exit_code(tuple(map(Status, args.fail_on)))
    return code if written and not left else code or ClusterError.exit_code


def signed(found: Evidence, typed: str) -> Evidence:
    """Return what was found about the place with what is known of this machine and the command line."""
    here = {"python": platform.python_version(), "kernel": f"{platform.system()} {platform.release()}"}
    return replace(found, by=replace(found.by, host=platform.node(), command=typed), tools={**here, **found.tools})


def _report(args: Namespace, result: RunResult, log: Journal, manifests: Manifests | None) -> bool:
    """Write every report; False if one could not be, the others are."""
    targets = list(args.report)
    if all(file != STDOUT for _, file in targets):
        targets.append(("head" if args.quiet else "text", STDOUT))
    wanted = args.redact or any(form == "json" for form, _ in targets)
    events = [journal.plain(e) for e in log.events()] if wanted else []
    errors = write_reports(
        targets,
        result,
        events,
        redact=args.redact,
        to_stdout=say,
        colour=wants_colour(sys.stdout),
        width=width(sys.stdout),
        verbose=args.verbose,
    )
    for error in errors:
        if not error.pipe:
            complain(f"prober: report {error}")
    if manifests and ("text", STDOUT) in targets and not args.redact:  # it is full of names
        page = reach(manifests, result, width=width(sys.stdout), verbose=args.verbose)
        say(f"\n{overview(manifests, noted=True)}\n{page}")
    return not errors
