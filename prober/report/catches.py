"""Which scenarios notice which lies of the lab, as text and as JSON; the table fault x scenario if all were run."""

from __future__ import annotations

import json
from collections.abc import Sequence

from prober.catching import Catch, Row

SCHEMA = "prober/faults/1"
_LEGEND = "X noticed   ! should have noticed and did not   . nothing in it that the fault could change"


def text(rows: Sequence[Row], *, every: bool) -> str:
    """Return a line for each fault, and with `every` the table."""
    width = max(len(str(row.fault)) for row in rows)
    lines = [f"{'caught' if row.caught else 'MISSED'}  {str(row.fault).ljust(width)}  {_by(row)}" for row in rows]
    if every:
        lines += ["", *_table(rows)]
    missed = sum(not row.caught for row in rows)
    count = f"{len(rows) - missed} of {len(rows)} fault{'' if len(rows) == 1 else 's'}"
    return "\n".join([*lines, "", f"{count} noticed by at least one scenario", ""])


def _by(row: Row) -> str:
    noticing = [c for c in row.catches if c.caught]
    if noticing:
        more = f", and by {len(noticing) - 1} more" if len(noticing) > 1 else ""
        return f"by {noticing[0].scenario}: {noticing[0].said}{more}"
    tried = "; ".join(f"{c.scenario}: {c.said}" for c in row.missed[:3])
    return f"must give: {row.must}; {tried or 'no scenario has a cell that it could change'}"


def _table(rows: Sequence[Row]) -> list[str]:
    """Return a row for each scenario and a column for each fault, by number."""
    marks: dict[str, dict[int, str]] = {}
    for i, row in enumerate(rows):
        for catch in row.catches:
            marks.setdefault(catch.scenario, {})[i] = "X" if catch.caught else "!"
        for name in row.unconcerned:
            marks.setdefault(name, {})[i] = "."
    width = max(map(len, marks), default=0)
    head = " ".join(f"{i:>2}" for i in range(1, len(rows) + 1))
    lines = [f"{i:>2} {row.fault}: {row.must}" for i, row in enumerate(rows, 1)]
    lines += ["", f"{''.ljust(width)} {head}"]
    for name in sorted(marks):
        lines.append(f"{name.ljust(width)} " + " ".join(f"{marks[name].get(i, ''):>2}" for i in range(len(rows))))
    return [*lines, "", _LEGEND]


def as_json(rows: Sequence[Row]) -> str:
    """Return the rows as a JSON document."""
    return (
        json.dumps(
            {
                "schema": SCHEMA,
                "caught": all(row.caught for row in rows),
                "faults": [
                    {
                        "fault": str(row.fault),
                        "must": row.must,
                        "caught": row.caught,
                        "scenarios": [_catch(c) for c in row.catches],
                        "unconcerned": list(row.unconcerned),
                    }
                    for row in rows
                ],
            },
            indent=2,
        )
        + "\n"
    )


def _catch(catch: Catch) -> dict[str, object]:
    return {
        "scenario": catch.scenario,
        "path": catch.path,
        "caught": catch.caught,
        "said": catch.said,
        "seconds": round(catch.seconds, 1),
    }
