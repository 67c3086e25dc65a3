"""`prober report`: a stored run is judged again and rendered, and nothing is probed."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prober import comparison, journal, verdict
from prober.cli.output import STDOUT, complain, rendered, require_writable, write
from prober.errors import InputError, Mistake, ProberError, UsageError
from prober.outcomes import Status
from prober.report import comparing, fleet, redaction
from prober.report import json as json_report
from prober.result import RunResult
from prober.scenario import loads
from prober.terminal import wants_colour, width

_LARGEST = 1 << 30  # bytes; a larger one is no report of a run, and would fill the memory


Plain = list[dict[str, Any]]


def report(args: Namespace) -> int:
    """Judge stored runs again and render them, several as one page."""
    require_writable([(args.format, args.output)])
    found = [stored(file) for file in args.RESULT]
    if args.redact:
        found = [(redaction.redacted(result, events), []) for result, events in found]
    results = [result for result, _ in found]
    if len(found) > 1 and args.format not in fleet.FORMATS:
        raise UsageError(f"--format {args.format} is of one run; several go into {', '.join(fleet.FORMATS)}")
    form = "head" if args.quiet and args.format == "text" else args.format
    page = fleet.render(results, form) if len(found) > 1 else _page(args, form, *found[0])
    write(page, args.output)
    return worst([r.exit_code(tuple(map(Status, args.fail_on))) for r in results])


def _page(args: Namespace, form: str, result: RunResult, events: Plain) -> str:
    here = args.output == STDOUT
    return rendered(
        form,
        result,
        events,
        colour=here and wants_colour(sys.stdout),
        width=width(sys.stdout) if here else 100,
        verbose=args.verbose,
    )


def compare(args: Namespace) -> int:
    """Put two stored runs beside each other."""
    require_writable([(args.format, args.output)])
    (before, _), (after, _) = stored(args.BEFORE), stored(args.AFTER)
    found = comparison.compare(before, after)
    write(comparing.render(found, args.format), args.output)
    return found.exit_code()


def worst(codes: Sequence[int]) -> int:
    """Return the exit code of several: 1 outranks 130 outranks 3 outranks 0."""
    return min(codes, key=(1, 130, 3, 0).index)


def stored(file: str) -> tuple[RunResult, Plain]:
    """Return a stored run, judged again where its journal is there, and its events; InputError, UsageError."""
    text = _text(file)
    found: RunResult | None = None
    if file.endswith(".jsonl") or text.lstrip()[:10].startswith('{"event"'):
        events = _from_lines(text, file)
    else:
        found, plain = json_report.read(text, file)
        events = _events(plain, file)
    result = judged(events, file) if events else found
    if result is None:
        raise _wrong(file, "the journal is empty", "give it the journal of a run that began")
    if not events:
        complain(f"prober: {file} has no journal in it: its results are shown as they are stored")
    return result, [journal.plain(e) for e in events]


def _text(file: str) -> str:
    try:
        path = Path(file)
        if path.stat().st_size > _LARGEST:
            raise _wrong(file, f"it is larger than {_LARGEST >> 20} MiB", "give it what a run wrote")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; give it a json report or a journal") from None
    except UnicodeDecodeError:
        raise _wrong(file, "it is not UTF-8", "give it what a run wrote, unchanged") from None


def _from_lines(text: str, file: str) -> tuple[journal.Event, ...]:
    try:
        return tuple(journal.read(text.split("\n")))
    except ProberError as error:
        raise _wrong(file, str(error), "read it with the version that wrote it") from None


def _events(plain: Sequence[Mapping[str, Any]], file: str) -> tuple[journal.Event, ...]:
    try:
        return tuple(map(journal.from_plain, plain))
    except ProberError as error:
        raise _wrong(file, str(error), "read it with the version that wrote it") from None


def judged(events: Sequence[journal.Event], file: str) -> RunResult:
    """Judge a journal by itself; InputError with `file` where it is none that this version can judge."""
    started = next((e for e in events if isinstance(e, journal.RunStarted)), None)
    if started is None:
        raise _wrong(file, "the journal lacks the beginning of its run", "give it a journal as a run wrote it")
    try:
        return verdict.judge(events, {path: loads(started.texts, path) for path in started.scenarios})
    except InputError as error:
        first = error.mistakes[0]
        raise _wrong(
            file, f"a scenario in it is none to this version: {first}", "read it with its own version"
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"its journal contradicts itself ({type(error).__name__}: {error})"
        raise _wrong(file, what, "give it what a run wrote, unchanged") from None


def _wrong(file: str, what: str, remedy: str) -> InputError:
    return InputError((Mistake(file=file, line=0, key="", what=what, remedy=remedy),))
