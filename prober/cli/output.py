"""Where output goes: stdout, stderr and report files; what cannot be written is known early, or said in one line."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from prober.cli.values import MANIFEST
from prober.errors import ProberError, UsageError

if TYPE_CHECKING:
    from prober.result import RunResult

STDOUT = "-"


class OutputError(ProberError):
    """Something could not be written, and everything else went on; exit 3."""

    def __init__(self, text: str, *, pipe: bool = False) -> None:
        super().__init__(text)
        self.pipe = pipe  # whoever read has left, and needs no message


def say(text: str) -> None:
    """Write to stdout; OutputError if that takes no more."""
    if sys.stdout is None:
        raise OutputError("stdout: it is closed")
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        _abandon(sys.stdout)
        raise OutputError(f"stdout: {error.strerror}", pipe=error.errno == errno.EPIPE) from None


def _abandon(stream: IO[str]) -> None:
    """Let what could not be written go nowhere, or Python tries once more at its end and exits with 120."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def complain(text: str) -> None:
    """Write a line to stderr; where that is closed nobody can be told."""
    with contextlib.suppress(OSError, ValueError):
        print(text.encode("utf-8", "backslashreplace").decode("utf-8"), file=sys.stderr, flush=True)


def require_writable(reports: Sequence[tuple[str, str]]) -> None:
    """Raise UsageError for a report that plainly cannot be written, or that another one would overwrite."""
    seen: dict[str, str] = {}
    if any(form == MANIFEST for form, _ in reports) and all(form == MANIFEST or f == STDOUT for form, f in reports):
        raise UsageError("--report manifest: no other report goes into a file, so there is nothing to hash; add one")
    for form, file in reports:
        place = STDOUT if file == STDOUT else str(Path(file).resolve())
        if place in seen:
            raise UsageError(f"--report: {seen[place]} and {form} both go to {file}; give each its own file")
        seen[place] = form
        if file != STDOUT and (why := _unwritable(Path(file))):
            raise UsageError(f"--report {form}={file}: {why}")


def _unwritable(path: Path) -> str:
    if path.is_dir():
        return "that is a directory; name a file in it"
    if path.exists():
        return "" if os.access(path, os.W_OK) else "it may not be written; check its permissions"
    if not path.parent.is_dir():
        return f"there is no directory {path.parent}; make it first"
    return "" if os.access(path.parent, os.W_OK | os.X_OK) else f"nothing may be written into {path.parent}"


def write(text: str, file: str) -> None:
    """Write a report to a file, whole or not at all, or to stdout; OutputError if that fails."""
    if file == STDOUT:
        say(text)
        return
    path = Path(file)
    data = text.encode("utf-8", "backslashreplace")
    try:
        if path.exists() and not path.is_file():  # a device or a pipe cannot be replaced
            path.write_bytes(data)
            return
        path = path.resolve()
        beside = path.with_name(f".{path.name[:200]}.{os.getpid()}")
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{file}: {error.strerror}") from None


def write_reports(
    targets: Sequence[tuple[str, str]],
    result: RunResult,
    events: Sequence[dict[str, Any]],
    *,
    redact: bool,
    to_stdout: Callable[[str], None],
    colour: bool = False,
    width: int = 100,
    verbose: bool = False,
) -> list[OutputError]:
    """Write reports as `--report` names them, a manifest of the others last; return what could not be written."""
    if redact:
        from prober.report.redaction import redacted

        result, events = redacted(result, events), []  # the journal holds every name as it is
    errors: list[OutputError] = []
    done: list[str] = []
    for form, file in sorted(targets, key=lambda target: target[0] == MANIFEST):
        here = file == STDOUT
        words = {"colour": here and colour, "verbose": verbose}
        try:
            text = (
                manifest(done, file)
                if form == MANIFEST
                else rendered(form, result, events, width=width if here else 100, **words)
            )
            if here:
                to_stdout(text)
            else:
                write(text, file)
                done.append(file)
        except OutputError as error:
            errors.append(error)
    return errors


def manifest(files: Sequence[str], place: str) -> str:
    """Return the SHA-256 of files as `sha256sum -c` reads it in the directory of `place`."""
    here = Path.cwd() if place == STDOUT else Path(place).resolve().parent
    lines = []
    for path in (Path(file) for file in files if Path(file).is_file()):  # what went into a pipe is gone
        name = os.path.relpath(path.resolve(), here)
        escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        mark = "\\" if escaped != name else ""
        lines.append(f"{mark}{sha256(path.read_bytes()).hexdigest()}  {escaped}\n")
    return "".join(lines)


def rendered(
    form: str,
    result: RunResult,
    events: Sequence[dict[str, Any]],
    *,
    colour: bool = False,
    width: int = 100,
    verbose: bool = False,
) -> str:
    """Return the run as a report of a format."""
    from prober.report import html, json, junit, markdown, prometheus, text

    match form:
        case "head":
            return text.head(result)
        case "html":
            return html.render(result)
        case "json":
            return json.render(result, events)
        case "junit":
            return junit.render(result)
        case "markdown":
            return markdown.render(result)
        case "prometheus":
            return prometheus.render(result)
        case _:
            return text.render(result, colour=colour, width=width, verbose=verbose)
