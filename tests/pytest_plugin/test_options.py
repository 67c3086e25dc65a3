"""Tests of prober.pytest_plugin.options: the flags of `prober run`, all of them, and read by the same parser."""

from __future__ import annotations

import tomllib
from typing import Any, cast

import pytest

from prober.cli.options import parse
from prober.cli.table import COMMANDS
from prober.pytest_plugin import options
from tests.pytest_plugin.conftest import ROOT


class Given:
    """A configuration in which these options were given."""

    def __init__(self, **values: Any) -> None:
        self._values = values

    def getoption(self, dest: str) -> Any:
        flag = next(f for f in options.FLAGS if f"prober_{f.key}" == dest)
        return self._values.get(flag.key, None if flag.metavar else False)


def config(**values: Any) -> pytest.Config:
    return cast("pytest.Config", Given(**values))


def read(*flags: str) -> dict[str, Any]:
    """Return what `prober run` reads; how it was typed is another matter."""
    return {**vars(parse(["run", "PATH", *flags])), "typed": ""}


def meant(given: pytest.Config) -> dict[str, Any]:
    return {**vars(options.arguments(given)), "typed": ""}


def test_every_flag_has_its_place() -> None:
    """A flag of `prober run` is an option, or is named as one that pytest does without."""
    (run,) = (c for c in COMMANDS if c.name == "run")

    assert {f.name for f in run.flags} == {f.name for f in options.FLAGS} | set(options.ELSEWHERE)
    assert "--cluster" == options.spelled("--cluster")
    assert "--prober-fail-on" == options.spelled("--fail-on")


def test_without_options_all_is_as_in_prober_run() -> None:
    """What is not given has the default of `prober run`, whatever that is."""
    assert read() == meant(config())


def test_options_are_read_as_flags() -> None:
    """Values, repeated values, switches and values that begin with a dash are read by the parser of `prober run`."""
    given = config(settle="5s", cluster="kube", toleration=["a", "b=c:NoSchedule"], keep=True, context="-odd")
    written = ["--settle=5s", "--cluster=kube", "--toleration=a", "--toleration=b=c:NoSchedule", "--keep"]

    assert read(*written, "--context=-odd") == meant(given)


@pytest.mark.parametrize(
    ("message", "values"),
    [
        ("argument --prober-settle: '3' is not a duration", {"settle": "3"}),
        ("--prober-context belongs to clusters, and goes with --cluster kube", {"context": "x"}),
        ("--prober-fault belongs to the lab, and goes without --cluster kube", {"fault": "flap", "cluster": "kube"}),
        ("(see `prober run --help`)", {"cluster": "eks"}),
        ("--prober-waivers absent.yaml: No such file or directory; name a file, or", {"waivers": ["absent.yaml"]}),
        ("--prober-report: json and junit both go to x", {"report": ["json=x", "junit=x"]}),
    ],
)
def test_wrong_use_is_told_in_pytest_s_spelling(message: str, values: dict[str, Any]) -> None:
    """What `prober run` refuses is pytest's own error of use, and names the option as it was written."""
    with pytest.raises(pytest.UsageError) as caught:
        options.check(config(**values))

    assert message in str(caught.value)


def test_package_names_the_plugin_to_pytest() -> None:
    """Whoever installs prober has the plugin, and switches it off with `-p no:prober`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert {"prober": "prober.pytest_plugin"} == project["entry-points"]["pytest11"]
