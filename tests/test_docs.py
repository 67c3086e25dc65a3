"""The pages for readers say what the code says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from prober.cli.options import parser
from prober.outcomes import Status

ROOT = Path(__file__).parent.parent
STATUSES = (ROOT / "docs" / "statuses.md").read_text(encoding="utf-8")
REASONS = re.findall(r"^\| `([^`]+)` \| (?=[a-z])", STATUSES.partition("## UNKNOWN")[2], re.MULTILINE)
CODE = "".join((ROOT / "prober" / f"{name}.py").read_text(encoding="utf-8") for name in ("assess", "proofs", "verdict"))


@pytest.mark.parametrize("status", Status)
def test_every_status_is_told(status: Status) -> None:
    """Each status has its row, and its section unless all is well."""
    assert f"| `{status}` |" in STATUSES
    assert (f"## {status}\n" in STATUSES) != (status is Status.PASS)


@pytest.mark.parametrize("reason", REASONS)
def test_reasons_are_those_that_are_given(reason: str) -> None:
    """A reader who looks up the words of a report finds them: those that stand there, the code can say."""
    for words in filter(None, (part.strip(" :") for part in reason.split("..."))):
        assert any(
            words in text
            for text in (
                CODE,
                CODE.replace('{when}"', 'before any policy"'),
                CODE.replace('{when}"', 'after the last policy"'),
            )
        ), words


def test_unknown_has_its_reasons() -> None:
    """The page's table is read at all."""
    assert len(REASONS) > 10


def test_links_lead_somewhere() -> None:
    """Every page that another page or the README names is there."""
    pages = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} names {link}"


def _commands() -> list[tuple[str, str]]:
    """Return every `prober` command that a page shows in a block of code, with the page's name."""
    found = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        blocks = re.findall(r"^(?: {4}.*|```[a-z]*\n[\s\S]*?\n```)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
            text = line.strip().removeprefix("$ ").removeprefix("- run: ").removeprefix("sh .ci/with ")
            if re.match(r"prober [a-z]+( |$)", text):
                found.append((page.name, text))
    return found


@pytest.mark.parametrize(("page", "command"), _commands())
def test_commands_are_commands(page: str, command: str) -> None:
    """Whatever a page tells the reader to type has flags that there are."""
    argv = shlex.split(re.split(r" (?:\||>>?|&&) ", command)[0], comments=True)
    words = [a for a in argv[1:] if a != "..."]
    parser(frozenset(words)).parse_args(words)
