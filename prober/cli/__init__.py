"""The command line: reads it, runs one command, and turns every way to give up into its exit code and one message.

Nothing heavy is imported before it is needed: `prober --help` answers at once.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence

from prober.cli.output import OutputError, complain
from prober.errors import InputError, ProberError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    args = Namespace()
    try:
        from prober.cli.options import parse

        args = parse(argv)
        return _run(args)
    except SystemExit as done:  # argparse, after --help and --version
        return int(done.code or 0)
    except OutputError as error:
        if not error.pipe:
            complain(f"prober: {error}")
        return error.exit_code
    except InputError as error:
        count = len(error.mistakes)
        complain(f"{error}\nprober: {count} mistake{'' if count == 1 else 's'}; nothing was sent")
        return error.exit_code
    except ProberError as error:
        complain(f"prober: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        complain("prober: interrupted")
        return INTERRUPTED
    except Exception as error:
        _tell_defect(error, verbose=getattr(args, "verbose", False))
        return ProberError.exit_code


def _run(args: Namespace) -> int:
    match args.command:
        case "run":
            from prober.cli.running import run

            return run(args)
        case "plan":
            from prober.cli.planning import plan

            return plan(args)
        case "validate":
            from prober.cli.looking import validate

            return validate(args)
        case "explain":
            from prober.cli.looking import explain

            return explain(args)
        case "faults":
            from prober.cli.faulting import faults

            return faults(args)
        case "doctor":
            from prober.cli.doctor import doctor

            return doctor(args)
        case "report":
            from prober.cli.stored import report

            return report(args)
        case "compare":
            from prober.cli.stored import compare

            return compare(args)
        case _:
            from prober.cli.cleaning import clean

            return clean(args)


def _tell_defect(error: Exception, *, verbose: bool) -> None:
    """Say in one line that prober is wrong, where the traceback is, and what else was noted on the way."""
    told = "".join(traceback.format_exception(error))
    where = ""
    with contextlib.suppress(OSError):
        from prober.cli.places import keep_traceback

        where = f"; the traceback is in {keep_traceback(told)}"
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    summary = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    complain(f"prober: a defect of prober: {summary}{notes}{where}; please report it")
    if verbose:
        print(told, end="", file=sys.stderr)
