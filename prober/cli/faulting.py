"""`prober faults`: makes the lab lie in every way it can, and says which scenario notices which lie."""

from __future__ import annotations

import threading
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor

from prober.catching import Row, every_fault, row
from prober.cli.backend import require_lab
from prober.cli.choosing import checked, tagged
from prober.cli.interrupt import Interrupts
from prober.cli.output import complain, write
from prober.cluster.lab.faults import Fault, parse_fault
from prober.report import catches
from prober.runner import Settings


def faults(args: Namespace) -> int:
    """Run the scenarios under each fault; 0 if each is noticed, 1 if one is not."""
    scenarios = tagged(checked(args.PATH), args.tag)
    asked = tuple(dict.fromkeys(map(parse_fault, args.fault))) or every_fault()
    require_lab()
    settings = Settings(settle=args.settle, jobs=1)
    stop = threading.Event()
    rows: dict[Fault, Row] = {}

    def one(fault: Fault) -> None:
        found = rows[fault] = row(scenarios, fault, settings, stop, deny=args.deny, every=args.all)
        if not args.quiet and not stop.is_set():
            complain(f"prober: {fault}: {'noticed' if found.caught else 'NOT noticed'}")

    def work() -> None:
        with ThreadPoolExecutor(args.jobs, "fault") as pool:
            for future in [pool.submit(one, fault) for fault in asked]:
                future.result()

    with Interrupts() as interrupts:
        interrupts.watch(work, stop)
    if stop.is_set():
        raise KeyboardInterrupt
    found = [rows[fault] for fault in asked]
    write(catches.as_json(found) if args.format == "json" else catches.text(found, every=args.all), args.output)
    return 0 if all(r.caught and not (args.all and r.missed) for r in found) else 1
