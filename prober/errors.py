"""Every way prober gives up; a denial is a value, never an error."""

from __future__ import annotations

from dataclasses import dataclass


class ProberError(Exception):
    """Base of all errors that prober raises on purpose; its text is shown to the user as it is."""

    exit_code = 3


class UsageError(ProberError):
    """The command line asks for something that cannot be done; exit 2."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake in one file: where it is, what is wrong, and what to do about it."""

    file: str
    line: int  # 1-based; 0 where the mistake has no line (a file that cannot be read)
    key: str  # dotted path inside the document, e.g. `pods.payments/api.ports[0]`; "" for the whole
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key + ': ' if self.key else ''}{self.what}" + (
            f"; {self.remedy}" if self.remedy else ""
        )


class InputError(ProberError):
    """Files that say something wrong: all their mistakes at once, and notes that may explain them; exit 2."""

    exit_code = 2

    def __init__(self, mistakes: tuple[Mistake, ...], notes: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join((*map(str, mistakes), *(f"note: {note}" for note in notes))))
        self.mistakes = mistakes


class ClusterError(ProberError):
    """The cluster could not do what was asked, so nothing can be proved; exit 3."""


class LabUnavailableError(ClusterError):
    """The lab cannot run on this machine: says what is missing, why, and the remedy."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy
