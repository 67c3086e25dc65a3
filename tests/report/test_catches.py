"""How it is told which scenarios notice which lies: lines, the table, and JSON."""

from __future__ import annotations

import json

from prober.catching import Catch, Row
from prober.cluster.lab.faults import parse_fault
from prober.report import catches


def _catch(name: str, said: str, *, caught: bool) -> Catch:
    return Catch(scenario=name, path=f"{name}.scenario.yaml", said=said, caught=caught, seconds=1.23)


NOTICED = Row(
    fault=parse_fault("ignore-all"),
    must="LEAK",
    catches=(_catch("a", "3 LEAK", caught=True), _catch("bb", "2 LEAK", caught=True)),
)
MISSED = Row(
    fault=parse_fault("ignore-except"),
    must="LEAK",
    catches=(_catch("a", "PASS", caught=False),),
    unconcerned=("bb",),
)
NOBODY = Row(fault=parse_fault("flap"), must="LEAK", unconcerned=("a", "bb"))


def test_a_line_for_each_fault() -> None:
    """It says who noticed and what was seen, or what should have been and what was."""
    assert (
        "caught  ignore-all     by a: 3 LEAK, and by 1 more\n"
        "MISSED  ignore-except  must give: LEAK; a: PASS\n"
        "MISSED  flap           must give: LEAK; no scenario has a cell that it could change\n"
        "\n"
        "1 of 3 faults noticed by at least one scenario\n"
    ) == catches.text([NOTICED, MISSED, NOBODY], every=False)


def test_the_table() -> None:
    """Scenarios down, faults across by their numbers: noticed, not noticed, not concerned."""
    lines = catches.text([NOTICED, MISSED, NOBODY], every=True).splitlines()
    assert ["    1  2  3", "a   X  !  .", "bb  X  .  ."] == lines[8:11]
    assert [" 1 ignore-all: LEAK", " 2 ignore-except: LEAK", " 3 flap: LEAK"] == lines[4:7]


def test_json() -> None:
    """The same, for programs."""
    found = json.loads(catches.as_json([NOTICED, MISSED]))
    assert (catches.SCHEMA, False) == (found["schema"], found["caught"])
    assert {
        "fault": "ignore-except",
        "must": "LEAK",
        "caught": False,
        "scenarios": [
            {"scenario": "a", "path": "a.scenario.yaml", "caught": False, "said": "PASS", "seconds": 1.2},
        ],
        "unconcerned": ["bb"],
    } == found["faults"][1]
