"""From a pytest session to a cluster and back: each process reaches it once; at the end the journals become one."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prober.errors import ProberError
from prober.pytest_plugin import options

if TYPE_CHECKING:
    from prober.pytest_plugin.proving import Prover

CONCLUSION = pytest.StashKey[list[str]]()  # what the session's last lines say
_PROVER = pytest.StashKey["Prover | str"]()  # or why there is none
_CONTROLLER = "dsession"  # the plugin that xdist has only where it shares tests out


def ready(config: pytest.Config) -> Prover:
    """Return this process's way to the cluster; the test fails, without a traceback, where there is none."""
    from prober.pytest_plugin.proving import Prover

    found = config.stash.get(_PROVER, None)
    if found is None:
        try:
            found = _reached(config, Prover)
        except ProberError as error:
            found = str(error)
        config.stash[_PROVER] = found
    if isinstance(found, str):
        pytest.fail(found, pytrace=False)
    return found


def _reached(config: pytest.Config, prover: type[Prover]) -> Prover:
    args = options.arguments(config)
    processes = _workerinput(config).get("workercount", 1)
    args.typed = shlex.join(_workerinput(config).get("mainargv") or ("pytest", *config.invocation_params.args))
    args.waivers = options.waivers(config)
    args.workers = max(1, args.workers // processes)  # a cluster bears what the user said, of all of them
    args.rate = args.rate and args.rate / processes
    place = _place(config)
    place.mkdir(exist_ok=True)
    return prover(args, place, _worker(config))


def _workerinput(config: pytest.Config) -> dict[str, Any]:
    """Return what xdist told this process, if it is one of its workers."""
    return getattr(config, "workerinput", {})


def _worker(config: pytest.Config) -> str:
    return str(_workerinput(config).get("workerid", "main"))


def _place(config: pytest.Config) -> Path:
    """Return the directory that the session's processes share."""
    own: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # xdist does it so: no public way
    return (own.parent if _workerinput(config) else own) / "prober"


def leave(config: pytest.Config) -> None:
    """Leave the cluster, if this process reached it, and note for the session's end what there is to say."""
    prover = config.stash.get(_PROVER, None)
    if prover is None or isinstance(prover, str):
        return
    said, left = prover.close()
    note = json.dumps({"said": said, "left": left})
    (_place(config) / f"{_worker(config)}.note.json").write_text(note, encoding="utf-8")


def conclude(session: pytest.Session) -> None:
    """Judge all journals of the session as one, write the reports, and see to it that nothing proved is not green."""
    config = session.config
    if _workerinput(config) or not (_PROVER in config.stash or config.pluginmanager.hasplugin(_CONTROLLER)):
        return
    place = _place(config)
    if not place.is_dir():
        return
    from prober.pytest_plugin.reporting import Conclusion

    conclusion = Conclusion(options.arguments(config), place, *_notes(place))
    config.stash[CONCLUSION] = conclusion.lines
    if conclusion.bad and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _notes(place: Path) -> tuple[list[str], list[str]]:
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(place.glob("*.note.json"))]
    return _each(found, "said"), _each(found, "left")


def _each(notes: list[dict[str, list[str]]], key: str) -> list[str]:
    """Return what workers had to say, once where all of them say it."""
    return list(dict.fromkeys(line for note in notes for line in note[key]))
