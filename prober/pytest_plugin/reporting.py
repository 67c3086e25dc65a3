"""The end of a session: its merged journal judged as one run, the reports written, and its last lines."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from prober import journal
from prober.cli.output import STDOUT, write_reports
from prober.cli.running import clean_command
from prober.cli.stored import judged
from prober.outcomes import Verdict
from prober.pytest_plugin.merging import killed, merged
from prober.report.text import top
from prober.result import RunResult


class Conclusion:
    """What a session comes to: its last lines, and whether it must not be green although no test failed."""

    def __init__(self, args: Namespace, place: Path, said: Sequence[str], left: Sequence[str]) -> None:
        self._args = args
        self.bad = bool(left)
        self.lines: list[str] = []
        if events := merged(place):
            result = judged(events, str(place))
            self.lines += top(result)
            self._require_proof(result)
            self._report(result, events)
        self.lines += [*said, *left]
        if args.cluster == "kube":
            self.lines += [
                f"run {run} was killed; once it counts as dead, remove what it left: {clean_command(args, run)}"
                for run in killed(place)
            ]

    def _require_proof(self, result: RunResult) -> None:
        """Nothing proved is not green, however many tests were skipped (proof rule 11)."""
        if not result.proved(Verdict.DENIED) and not result.proved(Verdict.ALLOWED):
            self.bad = True
            self.lines.append("nothing was proved")

    def _report(self, result: RunResult, events: Sequence[journal.Event]) -> None:
        plain = [journal.plain(e) for e in events] if self._args.report else []
        errors = write_reports(
            self._args.report,
            result,
            plain,
            redact=self._args.redact,
            to_stdout=lambda text: self.lines.extend(text.splitlines()),
        )
        lost = {str(error).partition(":")[0] for error in errors}
        self.lines += [f"{form} report: {file}" for form, file in self._args.report if file not in {STDOUT, *lost}]
        self.lines += [f"report {error}" for error in errors]
        self.bad = self.bad or bool(errors)
