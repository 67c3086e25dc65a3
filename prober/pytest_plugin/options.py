"""The flags of `prober run` as options of pytest, from the same table and read by the same parser."""

from __future__ import annotations

import re
from argparse import Namespace

import pytest

from prober.cli.options import described, parse
from prober.cli.output import require_writable
from prober.cli.table import COMMANDS, Flag
from prober.errors import InputError, UsageError

# pytest has its own words for these, -m, -n, -v and -q; and a test is a whole scenario, not single cells of it
ELSEWHERE = ("--tag", "--jobs", "--verbose", "--quiet", "--only")
FLAGS = tuple(f for c in COMMANDS if c.name == "run" for f in c.flags if f.name not in ELSEWHERE)
_NAMES = {f.name for f in FLAGS}


def spelled(name: str) -> str:
    """Return a flag as pytest knows it: all but `--cluster` are prober's by name."""
    return name if name == "--cluster" else f"--prober-{name.removeprefix('--')}"


def add(parser: pytest.Parser) -> None:
    """Add the options, unread: what they hold must reach xdist's workers, which takes nothing but texts."""
    group = parser.getgroup("prober", "network policies, proved")
    for flag in FLAGS:
        name, text = spelled(flag.name), described(flag).replace("%", "%%")
        if flag.metavar:
            action = "append" if flag.repeat else "store"
            group.addoption(name, dest=_dest(flag), metavar=flag.metavar, action=action, default=None, help=text)
        else:
            group.addoption(name, dest=_dest(flag), action="store_true", default=False, help=text)


def check(config: pytest.Config) -> None:
    """Raise pytest.UsageError where the options are wrong, or name a report that cannot be written."""
    if any(config.getoption(_dest(flag)) for flag in FLAGS):
        try:
            require_writable(arguments(config).report)
            waivers(config)
        except (UsageError, InputError) as error:
            raise pytest.UsageError(_respelled(str(error))) from None


def waivers(config: pytest.Config) -> dict[str, str]:
    """Return the texts of the waivers; UsageError or InputError where one cannot be read."""
    names = arguments(config).waivers
    if not names:
        return {}
    from prober.cli.choosing import waivers_of

    return waivers_of(names)


def arguments(config: pytest.Config) -> Namespace:
    """Return what `prober run` with these flags would; pytest.UsageError for what it would refuse."""
    argv = ["run", "PATH"]
    for flag in FLAGS:
        value = config.getoption(_dest(flag))
        if not flag.metavar:
            argv += [flag.name] * bool(value)
        else:
            argv += [f"{flag.name}={v}" for v in ([] if value is None else value if flag.repeat else [value])]
    try:
        return parse(argv)
    except UsageError as error:
        raise pytest.UsageError(_respelled(str(error))) from None


def _dest(flag: Flag) -> str:
    return f"prober_{flag.key}"


def _respelled(text: str) -> str:
    return re.sub(
        r"(?<![-\w])--[a-z][-a-z]*", lambda found: spelled(found[0]) if found[0] in _NAMES else found[0], text
    )
